"""The validation split: training images used for choices, such as the best checkpoint, the end of a run, or an extractor.

Reported scores never use them.
"""

from __future__ import annotations

import numpy as np

_KEY = 1998  # of NumPy's Philox; fixed for all runs and data sets, so that the split never changes


def validation_rows(length: int) -> np.ndarray:
    """Indices of the validation images among `length` training images: a fixed random sixth, int64, ascending."""
    order = np.random.Generator(np.random.Philox(key=_KEY)).permutation(length)
    return np.sort(order[: length // 6])


def non_validation_rows(length: int) -> np.ndarray:
    """Indices of the other training images, which reported scores compare with: int64, ascending."""
    return np.setdiff1d(np.arange(length), validation_rows(length), assume_unique=True)
