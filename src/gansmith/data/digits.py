"""The 8x8 digits that scikit-learn carries: real data that needs no download."""

from __future__ import annotations

import numpy as np

from gansmith.core.component import component
from gansmith.data.pixels import Channels, Size, fit_images
from gansmith.data.source import Samples, Split

_NUM_TEST = 300
_MAX_INK = 16  # a pixel counts the inked dots in a block of 4 x 4


@component
class Digits:
    """1,797 handwritten digits, 8 x 8, grey. The last 300 are the test split, the 1,497 before them the train split.

    They are the test set of "Optical Recognition of Handwritten Digits" (E. Alpaydin and C. Kaynak 1998), which the UCI
    repository lists under CC BY 4.0: name its authors where you show them. scikit-learn, which carries a copy, is BSD-3-Clause.

    Fields:
        size: side in pixels; None keeps 8.
        channels: 1, 3 or 4; None keeps 1.
    """

    size: Size | None = None
    channels: Channels | None = None

    def load(self, split: Split = "train") -> Samples:
        """White ink on black, 0..16 dots scaled to 0..255. Raises DataError where the resized set would not fit in memory."""
        from sklearn.datasets import load_digits

        digits = load_digits()
        values = np.rint(digits.images * (255 / _MAX_INK)).astype(np.uint8)[:, None]
        labels = digits.target.astype(np.int64)
        part = slice(None, -_NUM_TEST) if split == "train" else slice(-_NUM_TEST, None)
        return Samples(fit_images(values[part], self.size, self.channels, "digits"), labels[part], tuple("0123456789"))
