"""The order in which real samples are read."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from pydantic import PositiveInt

from gansmith.core import rng
from gansmith.core.component import component


@runtime_checkable
class Order(Protocol):
    """In what order the real images are read."""

    def epoch_images(self, length: int) -> int:
        """How many reads of a data set of `length` samples make an epoch."""
        ...

    def indices(self, seed: int, images: int, batch_size: int, length: int) -> np.ndarray:
        """Which samples to read next when `images` have been read, int64 [at most batch_size, or one more]."""
        ...


@component
class Shuffled:
    """Every sample once an epoch, reshuffled for each. The last short batch is kept; a lone last sample joins the one before."""

    def epoch_images(self, length: int) -> int:
        return length

    def indices(self, seed: int, images: int, batch_size: int, length: int) -> np.ndarray:
        epoch, first = divmod(images, length)
        last = first + batch_size
        if last == length - 1:  # batch norm has nothing to say about a batch of one
            last = length
        return rng.permutation(seed, epoch, length)[first:last]


@component
class WithReplacement:
    """Each batch drawn from the whole set; `epoch` images are called an epoch."""

    epoch: PositiveInt

    def epoch_images(self, length: int) -> int:
        return self.epoch

    def indices(self, seed: int, images: int, batch_size: int, length: int) -> np.ndarray:
        return rng.integers(seed, images, batch_size, length)
