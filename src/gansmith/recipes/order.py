"""The order in which training reads the real samples."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from gansmith.core import rng
from gansmith.core.component import component
from gansmith.core.fields import ImageCount


@runtime_checkable
class ReadingOrder(Protocol):
    """The order in which training reads the real samples."""

    def epoch_images(self, length: int) -> int:
        """How many reads of a data set of `length` samples count as one epoch."""
        ...

    def indices(self, seed: int, images: int, batch_size: int, length: int) -> np.ndarray:
        """The samples of the next batch.

        Args:
            seed: seed of the run.
            images: number of samples read so far.
            batch_size: size of the batch.
            length: size of the data set.

        Returns:
            Indices, int64 [B]. B is `batch_size`; at the end of an epoch it may be smaller, or larger by 1.
        """
        ...


@component
class Shuffled:
    """Reads every sample once per epoch, in random order. The last batch of an epoch is shorter, but never a single sample."""

    def epoch_images(self, length: int) -> int:
        """The size of the data set."""
        return length

    def indices(self, seed: int, images: int, batch_size: int, length: int) -> np.ndarray:
        """The next batch of this epoch's permutation; a single last sample joins the batch before it."""
        epoch, first = divmod(images, length)
        last = first + batch_size
        if last == length - 1:  # batch norm needs at least two samples
            last = length
        return rng.permutation(seed, epoch, length)[first:last]


@component
class WithReplacement:
    """Draws each batch from the whole data set, with replacement. `epoch` draws count as one epoch."""

    epoch: ImageCount

    def epoch_images(self, length: int) -> int:
        """The field `epoch`."""
        return self.epoch

    def indices(self, seed: int, images: int, batch_size: int, length: int) -> np.ndarray:
        """A batch drawn with replacement."""
        return rng.integers(seed, images, batch_size, length)
