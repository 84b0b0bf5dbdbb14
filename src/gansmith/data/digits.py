"""The 8 x 8 digits of scikit-learn: real images without a download."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gansmith.core.component import component
from gansmith.data.pixels import Channels, Size, fit_images
from gansmith.data.source import Samples, Split

_NUM_TRAIN, _NUM_TEST = 1497, 300
_MAX_INK = 16  # a pixel counts the inked dots in a block of 4 x 4


@component
class Digits:
    """1,797 handwritten digits, 8 x 8, grey, white on black: the first 1,497 for training, the last 300 for testing.

    They are the test set of "Optical Recognition of Handwritten Digits" (E. Alpaydin and C. Kaynak 1998), listed by the UCI
    repository under CC BY 4.0: name the authors where you show the images. scikit-learn, which includes a copy, is BSD-3-Clause.

    Fields:
        size: side in pixels; None keeps 8.
        channels: 1, 3 or 4; None keeps 1.
    """

    size: Size | None = None
    channels: Channels | None = None
    num_classes: ClassVar[int] = 10

    @property
    def train_shape(self) -> tuple[int, ...]:
        """(1497, C, H, W), known without loading."""
        return (_NUM_TRAIN, self.channels or 1, self.size or 8, self.size or 8)

    def load(self, split: Split = "train") -> Samples:
        """Load a split, with 0..16 dots of ink scaled to 0..255. Raises DataError if the resized images do not fit in memory."""
        from sklearn.datasets import load_digits

        digits = load_digits()
        values = np.rint(digits.images * (255 / _MAX_INK)).astype(np.uint8)[:, None]
        labels = digits.target.astype(np.int64)
        part = slice(None, -_NUM_TEST) if split == "train" else slice(-_NUM_TEST, None)
        return Samples(fit_images(values[part], self.size, self.channels, "digits"), labels[part], tuple("0123456789"))
