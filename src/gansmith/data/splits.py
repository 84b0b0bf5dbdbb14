"""The validation slice: training images that choose (the best checkpoint, when to stop, an extractor) and never report."""

from __future__ import annotations

import numpy as np

_KEY = 1998  # of NumPy's Philox; one for all runs and data sets, so that no image changes sides between two of them


def validation_rows(length: int) -> np.ndarray:
    """Which of `length` training images are the slice: one sixth, at random but always the same, int64 and rising."""
    order = np.random.Generator(np.random.Philox(key=_KEY)).permutation(length)
    return np.sort(order[: length // 6])


def reference_rows(length: int) -> np.ndarray:
    """All others: what reported scores compare with, int64 and rising."""
    return np.setdiff1d(np.arange(length), validation_rows(length), assume_unique=True)
