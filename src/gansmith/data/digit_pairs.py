"""Pairs of digits: in black and white, and with their half-tones. Pairs without a download."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from gansmith.core.component import component
from gansmith.data.digits import Digits
from gansmith.data.pixels import Size
from gansmith.data.source import Samples, Split

_INK = 128  # values from here on are white in the source image
_EVERY, _FIRST = 10, 5  # every tenth training digit, from the sixth on, is for validation


@component
class DigitPairs:
    """1,797 pairs of 8 x 8 digits: the source image is black and white, and the sample is the digit with its half-tones.

    The digits are those of `digits`, whose licence holds. Of its 1,497 training digits, 150 are kept for validation.

    Fields:
        size: side in pixels; None keeps 8.
    """

    size: Size | None = None
    num_classes: ClassVar[int] = 10

    @property
    def train_shape(self) -> tuple[int, ...]:
        """(1347, 1, S, S), known without loading."""
        return (1347, 1, self.size or 8, self.size or 8)

    def load(self, split: Split = "train") -> Samples:
        """Load a split: values and source images uint8 [N, 1, S, S]. Raises DataError if they do not fit in memory."""
        pairs = self._pairs(split)
        return pairs if split == "test" else pairs[np.arange(len(pairs)) % _EVERY != _FIRST]

    def validation(self) -> Samples:
        """The pairs for validation."""
        return self._pairs("train")[_FIRST::_EVERY]

    def _pairs(self, split: Split) -> Samples:
        digits = Digits(self.size).load(split)
        black_and_white = np.where(digits.values < _INK, 0, 255).astype(np.uint8)
        return dataclasses.replace(digits, source_images=black_and_white)
