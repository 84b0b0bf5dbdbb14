"""Upper bounds of the numbers that a user gives, for options and arguments. Fields of components have theirs in `core/fields.py`.

Importing this module imports nothing heavy.
"""

from __future__ import annotations

import os

MAX_IMAGES = 10**12  # real images that training reads
MAX_SAMPLES = 10**9  # samples that one command makes; memory is checked besides
MAX_NUMBER = 1e6
MAX_DRAWS = 100
MAX_GRID = 10_000  # samples in one picture
MAX_SCORED = 1_000_000  # samples in one evaluation: their features stay in memory


def max_threads() -> int:
    """The largest number of threads that may be asked for: 64, or the number of processors if that is larger.

    A system refuses to start many more: PyTorch then ends the process, or never answers.
    """
    return max(64, os.cpu_count() or 1)
