"""Stacked MNIST: three random digits as the colours of one image, with 1,000 modes that can be counted (Metz et al. 2017)."""

from __future__ import annotations

import numpy as np

from gansmith.core import rng
from gansmith.core.component import component
from gansmith.core.fields import SampleCount
from gansmith.data.memory import must_fit
from gansmith.data.mnist import Mnist
from gansmith.data.source import Batches, Samples, Split

_KEYS: dict[Split, int] = {"train": 1611, "test": 1612}  # keys of NumPy's Philox for the fixed images


@component
class StackedMnist:
    """Three MNIST digits as red, green and blue, 3 x 28 x 28. The label is 100 red + 10 green + blue, 0 to 999.

    Training generates images on the fly, as in the published experiments; an image repeats only by chance. `load` gives fixed
    images for display and evaluation. They depend on the split and the index only: a smaller `num` gives the first of them.

    Fields:
        num: number of fixed images in each split, made of the digits of that split. It also counts as one epoch.
    """

    num: SampleCount = 30_000

    @property
    def train_shape(self) -> tuple[int, ...]:
        """(num, 3, 28, 28), known without MNIST."""
        return (self.num, 3, 28, 28)

    def load(self, split: Split = "train") -> Samples:
        """Load the fixed images of a split. Raises DataError if they do not fit in memory or MNIST cannot be downloaded."""
        must_fit(self.train_shape, np.uint8, "stacked-mnist")
        digits = Mnist().load(split)
        chosen = np.random.Generator(np.random.Philox(key=_KEYS[split])).integers(len(digits), size=(self.num, 3))
        return _stacked(digits, chosen)

    def batch_maker(self) -> Batches:
        """A function that generates training images. Loads MNIST, and raises DataError if it cannot be downloaded."""
        digits = Mnist().load()

        def batch(seed: int, images: int, count: int) -> Samples:
            return _stacked(digits, rng.integers(seed, images, 3 * count, len(digits)).reshape(count, 3))

        return batch


def _stacked(digits: Samples, chosen: np.ndarray) -> Samples:
    """Images uint8 [N, 3, 28, 28] of the digits with the indices `chosen`, int64 [N, 3]; labelled if the digits are."""
    labels = None if digits.labels is None else digits.labels[chosen] @ np.array([100, 10, 1])
    return Samples(digits.values[:, 0][chosen], labels)
