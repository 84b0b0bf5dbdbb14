"""The environment, read and set before PyTorch and matplotlib are imported, because they read it only then."""

from __future__ import annotations

import os
import sys

# PyTorch's threads wait for each other after each layer. By default they do so by spinning, for many milliseconds: where another
# program needs the core, it has to wait for its time slice to end. These limits let them sleep after about a tenth of a
# millisecond. Alone, training is as quick with them as without.
LIMITS = {
    "GOMP_SPINCOUNT": "10000",  # GNU's OpenMP, which PyTorch has on Linux
    "KMP_BLOCKTIME": "1",  # LLVM's and Intel's, in milliseconds
}
CHOSEN_BY_USER = ("OMP_WAIT_POLICY", *LIMITS)


def is_one_of_several() -> bool:
    """Whether a launcher such as torchrun started this process as one of several. WORLD_SIZE or RANK alone may be left over."""
    return os.environ.get("WORLD_SIZE", "1") != "1" and "RANK" in os.environ and "MASTER_ADDR" in os.environ


def draw_without_a_window() -> None:
    """Let matplotlib draw into memory, whatever MPLBACKEND is: a notebook sets it to a backend that another environment lacks."""
    if "matplotlib" not in sys.modules:
        os.environ["MPLBACKEND"] = "agg"


def wait_passively() -> None:
    """Let waiting threads sleep soon, unless the user has chosen how they wait. No effect once PyTorch is imported."""
    if "torch" not in sys.modules and not any(name in os.environ for name in CHOSEN_BY_USER):
        os.environ.update(LIMITS)


def keep_traces_out() -> None:
    """Keep PyTorch's stack traces about a lost process out of the output of several processes: gansmith says it in one line."""
    if is_one_of_several():
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
