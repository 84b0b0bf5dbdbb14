"""Settings of the whole process that training changes, and puts back."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

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
    """Networks that are stacks of layers share one forward, which torch.compile gives up on, silently, after compiling it 8
    times: two networks, with and without gradients, and a last short batch are as many."""
    from torch._dynamo import config  # takes a second to import

    with config.patch(recompile_limit=RECOMPILE_LIMIT):
        yield
