"""How much memory samples may take, and the refusal of data that would not fit."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gansmith.core.errors import DataError

# Where Linux says how much memory a container may use: cgroup v2, then v1.
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def _physical_memory() -> int:
    """Bytes of memory in this machine; 8 GiB is assumed where the system does not say (Windows)."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 * 2**30


def _usable_memory(limits: Sequence[Path] = _CGROUP_LIMITS) -> int:
    """Bytes of memory this process may use: the machine's, or a container's limit where that is less.

    A limit's file is not there outside of Linux; it says `max` (v2) or a number beyond all memory (v1) where there is none.
    """
    bounds = [_physical_memory()]
    for path in limits:
        with contextlib.suppress(OSError, ValueError):
            bounds.append(int(path.read_text()))
    return min(bounds)


MAX_BYTES = int(0.6 * _usable_memory())
"""The most that one array of samples may take: 60% of usable memory, so that the networks and the rest of the desk still fit."""


def must_fit(shape: Sequence[int], dtype: type[np.generic], what: object) -> None:
    """Raise DataError where an array of this shape would not fit in memory. Ask before making one.

    Args:
        shape: the array's shape; Python integers, so that no header can overflow the product.
        dtype: the type of its elements.
        what: the file, folder or data set that the message names.
    """
    num_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    if num_bytes > MAX_BYTES:
        raise DataError(
            f"{what} needs {num_bytes / 2**30:.3g} GiB of memory, and {MAX_BYTES / 2**30:.3g} GiB, 60% of what there is, "
            "is the most it may take: streams arrive in a later release; resize with data.size=..., or use fewer images"
        )
