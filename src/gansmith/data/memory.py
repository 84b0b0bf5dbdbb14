"""Memory limits: refuse a data set that does not fit before any array is allocated."""

from __future__ import annotations

import contextlib
import functools
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gansmith.core.errors import DataError
from gansmith.core.formatting import size
from gansmith.core.notes import note

# Where Linux stores the memory limit of a container: cgroup v2, then v1.
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_LONG_WAIT = 2**29  # bytes, which take more than two seconds to unpack
_MAX_RATIO = 200  # of compression; zeros reach 230 at the lowest level and 1,000 at the highest
_FEWER = "use fewer samples, or fewer columns of each"
_SHARE = 0.6  # of the memory; the networks and other programs need the rest


def _physical_memory() -> int:
    """Bytes of memory in this machine; 8 GiB where the system does not report it (Windows)."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 * 2**30


def _usable_memory(limits: Sequence[Path] = _CGROUP_LIMITS) -> int:
    """Bytes of memory this process may use: the machine's memory, or the container's limit if that is lower.

    The limit files exist on Linux only. Without a limit they contain `max` (v2) or a number larger than any memory (v1).
    """
    bounds = [_physical_memory()]
    for path in limits:
        with contextlib.suppress(OSError, ValueError):
            bounds.append(int(path.read_text()))
    return min(bounds)


@functools.cache
def usable_bytes() -> int:
    """The largest size in bytes of one array of samples: 60% of the usable memory. Read from the system at the first call."""
    return int(_SHARE * _usable_memory())


class TooLarge(DataError):
    """Data that do not fit in memory. `problem` is the message without its advice, `are_images` whether a size would help."""

    def __init__(self, problem: str, advice: str, *, are_images: bool) -> None:
        super().__init__(f"{problem}: {advice}")
        self.problem, self.are_images = problem, are_images


def must_unpack(num_packed: int, num_bytes: int, what: object) -> None:
    """Check that compressed data are no bomb, and announce a long wait. Call it before they are unpacked.

    Args:
        num_packed: bytes of the compressed data.
        num_bytes: bytes of the unpacked data.
        what: file or array to name in the message.

    Raises:
        DataError: a large array that is almost empty: its bytes would shrink to less than 1/`_MAX_RATIO`.
    """
    if num_bytes < _LONG_WAIT:
        return
    sizes = f"{what} has {size(num_bytes)} of values packed into {size(num_packed)}"
    if num_bytes > _MAX_RATIO * num_packed:
        raise DataError(f"{sizes}, so nearly all of them are equal; leave out the empty samples, or save it without compression")
    note(f"{sizes}: unpacking them takes a while")


def must_fit(shape: Sequence[int], dtype: type[np.generic], what: object) -> None:
    """Check that an array fits in memory. Call it before the array is allocated.

    Args:
        shape: shape of the array, as Python integers: their product cannot overflow.
        dtype: element type.
        what: file, folder or data set to name in the message.

    Raises:
        TooLarge: the array is larger than `usable_bytes()`.
    """
    are_images = len(shape) > 2  # points are [N, D], labels [N]
    num_bytes, limit = math.prod(shape) * np.dtype(dtype).itemsize, usable_bytes()
    if num_bytes > limit:
        raise TooLarge(
            f"{what} needs {num_bytes / 2**30:.3g} GiB of memory, but the limit is {limit / 2**30:.3g} GiB, "
            f"{_SHARE:.0%} of the usable memory",
            "make the images smaller with data.size=..., or use fewer samples" if are_images else _FEWER,
            are_images=are_images,
        )
