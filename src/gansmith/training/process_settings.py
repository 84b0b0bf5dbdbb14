"""Settings of the whole process that training changes and restores."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import torch

RECOMPILE_LIMIT = 64


@contextlib.contextmanager
def process_settings(*, compiles: bool = False) -> Iterator[None]:
    """Train inside: denormals are flushed to zero, and `torch.compile` may compile a forward as often as training needs it.

    Afterwards both are as before, and so is PyTorch's number of threads, which may be changed inside. Denormals are flushed
    because Adam's means of dead weights decay into them, and many CPUs compute them slowly. The setting is one of the thread.
    """
    threads, flushes = torch.get_num_threads(), flushes_denormals()
    torch.set_flush_denormal(True)
    try:
        with _recompiles() if compiles else contextlib.nullcontext():
            yield
    finally:
        torch.set_flush_denormal(flushes)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


def flushes_denormals() -> bool:
    """Whether this thread flushes denormals to zero. PyTorch has no getter, so one is computed."""
    return float(torch.full((), sys.float_info.min, dtype=torch.float64) * 0.5) == 0.0


@contextlib.contextmanager
def _recompiles() -> Iterator[None]:
    """Raise the number of times that torch.compile may compile one forward method; PyTorch's default is 8.

    All networks that are a `Stack` share one forward method. Two networks, with and without gradients, and a last short batch
    reach the default, and torch.compile then falls back to eager execution. The first PyTorch versions that are supported have no
    public name for the limit; there it stays as it is.
    """
    config: Any = getattr(torch.compiler, "config", None)
    if not hasattr(config, "recompile_limit"):
        yield
        return
    with config.patch(recompile_limit=RECOMPILE_LIMIT):
        yield
