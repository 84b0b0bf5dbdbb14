"""Stacked MNIST: three random digits as the colours of one image, a thousand modes that can be counted (Metz et al. 2017)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from gansmith.core import rng
from gansmith.core.component import component
from gansmith.data.memory import must_fit
from gansmith.data.mnist import Mnist
from gansmith.data.source import Batches, Samples, Split

_KEYS: dict[Split, int] = {"train": 1611, "test": 1612}  # of NumPy's Philox, for the fixed stacks


@component
class StackedMnist:
    """Three digits of MNIST as red, green and blue, 3 x 28 x 28, labelled 0 to 999: 100 red + 10 green + blue.

    A run learns from stacks that are made on the fly, as in the published experiments, and never the same one again but by
    chance. `load` gives fixed ones to look at: they depend on the split and `num` alone, and fewer are the first of more.

    Fields:
        num: fixed stacks in each split; training ones are of training digits, test ones of test digits. Counts as an epoch.
    """

    num: Annotated[int, Field(ge=1)] = 30_000

    def load(self, split: Split = "train") -> Samples:
        """Raises DataError where they would not fit in memory, or where MNIST can't be had."""
        must_fit((self.num, 3, 28, 28), np.uint8, "stacked-mnist")
        digits = Mnist().load(split)
        chosen = np.random.Generator(np.random.Philox(key=_KEYS[split])).integers(len(digits), size=(self.num, 3))
        return _stacked(digits, chosen)

    def batches(self) -> Batches:
        digits = Mnist().load()

        def batch(seed: int, images: int, count: int) -> Samples:
            return _stacked(digits, rng.integers(seed, images, 3 * count, len(digits)).reshape(count, 3))

        return batch


def _stacked(digits: Samples, chosen: np.ndarray) -> Samples:
    """Digits by number, int64 [N, 3], as channels: uint8 [N, 3, 28, 28], with labels where the digits have some."""
    labels = None if digits.labels is None else digits.labels[chosen] @ np.array([100, 10, 1])
    return Samples(digits.values[:, 0][chosen], labels)
