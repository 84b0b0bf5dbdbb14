"""Generator inputs: the noise and the condition of each sample, as a function of the seed and the sample's number.

With source images, sample i has image i of a fixed table, whatever the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import ArrayLike

from gansmith.core import rng
from gansmith.core.rng import Place, Stream
from gansmith.data.modality import Modality, to_saved
from gansmith.drawing.strips import strips
from gansmith.sampling.noise import Noise, interpolate


@dataclass(frozen=True, eq=False)
class GeneratorInput:
    """The generator input of N samples."""

    z: np.ndarray  # noise, float32 [N, Z]
    condition: np.ndarray | None = None  # float32 codes [N, K + S] or source images [N, C, H, W]; None: unconditional

    def __getitem__(self, rows: slice) -> GeneratorInput:
        """The input of some of the samples."""
        return GeneratorInput(self.z[rows], None if self.condition is None else self.condition[rows])

    def __len__(self) -> int:
        """N, the number of samples."""
        return len(self.z)

    def padded(self, length: int) -> GeneratorInput:
        """A copy with rows of zeros appended, up to `length` rows."""
        missing = length - len(self)
        padded = [None if a is None else np.pad(a, [(0, missing), *[(0, 0)] * (a.ndim - 1)]) for a in (self.z, self.condition)]
        assert padded[0] is not None
        return GeneratorInput(padded[0], padded[1])


@dataclass(frozen=True, eq=False)
class SourceTable:
    """The source images that a translator's samples are made from."""

    images: np.ndarray  # uint8 [M, C, H, W]
    modality: Modality
    truth: np.ndarray | None = None  # the image that each should become, uint8 [M, C', H', W']; None where it is not known

    def __len__(self) -> int:
        """M, the number of images."""
        return len(self.images)

    def rows(self, first: int, count: int) -> np.ndarray:
        """Source images for samples `first` to `first + count - 1`, float32 [count, C, H, W]: after the last, from the start."""
        return self.modality.to_model(torch.from_numpy(self.images[self._numbers(first, count)])).numpy()

    def strips(self, made: np.ndarray, first: int = 0) -> np.ndarray:
        """Samples from number `first` on, uint8 [N, H, W, C], each between its source image and its true image."""
        rows = self._numbers(first, len(made))
        truth = [] if self.truth is None else [to_saved(self.truth[rows])]
        return strips([to_saved(self.images[rows]), made, *truth])

    def _numbers(self, first: int, count: int) -> np.ndarray:
        return np.arange(first, first + count) % len(self)


@dataclass(frozen=True)
class Inputs:
    """An endless table of generator inputs for each seed. Row i depends on the seed and i alone."""

    noise: Noise
    shares: tuple[float, ...] = ()  # [K], the probability of each category; empty: unconditional
    category: int | None = None  # the category of every row; None: drawn with the probabilities `shares`
    continuous: int = 0  # S, the number of continuous codes
    sources: SourceTable | None = None  # of a translator

    def rows(self, seed: int, first: int, count: int) -> GeneratorInput:
        """Rows `first` to `first + count - 1` of the table of a seed."""
        z = self.noise.rows(seed, Stream.SAMPLE, Place(), first, count)
        if self.sources is not None:
            return GeneratorInput(z, self.sources.rows(first, count))
        return GeneratorInput(z, self.conditions(seed, first, count) if self.shares else None)

    def from_sources(self, images: np.ndarray) -> Inputs:
        """A copy whose samples start from these source images, uint8 [M, C, H, W]. Unchanged unless it has source images."""
        return self if self.sources is None else replace(self, sources=replace(self.sources, images=images, truth=None))

    def categories(self, seed: int, first: int, count: int) -> np.ndarray:
        """The categories of rows `first` to `first + count - 1`, int64 [count]."""
        return self._categories(self._uniform(seed, Stream.CATEGORY, Place(), first, count))

    def conditions(
        self, seed: int, first: int, count: int, stream: Stream = Stream.CATEGORY, place: Place = Place()
    ) -> np.ndarray:
        """The conditions of rows `first` to `first + count - 1`, float32 [count, K + S]; continuous codes in [-1, 1]."""
        uniform = self._uniform(seed, stream, place, first, count)
        return np.concatenate([one_hot(self._categories(uniform), len(self.shares)), 2 * uniform[:, 1:] - 1], axis=1)

    def _uniform(self, seed: int, stream: Stream, place: Place, first: int, count: int) -> np.ndarray:
        """float32 [count, 1 + S] in (0, 1): column 0 decides the category, columns 1 to S are the codes."""
        return rng.uniform_rows(seed, stream, place, first, count, 1 + self.continuous)

    def _categories(self, uniform: np.ndarray) -> np.ndarray:
        """The category of each row, int64 [N], by inverting the cumulative shares at column 0 of `uniform`."""
        if self.category is not None:
            return np.full(len(uniform), self.category)
        ends = np.cumsum(self.shares)
        categories: np.ndarray = np.searchsorted(ends, uniform[:, 0] * ends[-1], side="right").clip(max=len(ends) - 1)
        return categories

    def category_rows(self, seed: int, categories: Sequence[int], columns: int) -> GeneratorInput:
        """The first `columns` inputs of a seed for each category in turn, [len(categories) * columns, ...].

        Inputs in a column share z and the continuous codes.
        """
        rows = [replace(self, category=category).rows(seed, 0, columns) for category in categories]
        return GeneratorInput(
            np.concatenate([row.z for row in rows]), np.concatenate([row.condition for row in rows if row.condition is not None])
        )

    def code_sweep(self, seed: int, number: int, code: int, values: Sequence[float]) -> GeneratorInput:
        """The input of sample `number` of a seed, with continuous code `code` set to each of the values, [len(values), ...]."""
        sample = self.rows(seed, number, 1)
        assert sample.condition is not None
        condition = np.repeat(sample.condition, len(values), axis=0)
        condition[:, len(self.shares) + code] = values
        return GeneratorInput(np.repeat(sample.z, len(values), axis=0), condition)

    def interpolate(self, seed: int, other: int, weights: ArrayLike) -> GeneratorInput:
        """Inputs between the first sample of one seed and that of another, [len(weights), ...].

        z is interpolated by `noise.interpolate`, the condition linearly. Weight 0 is `seed`, weight 1 is `other`.
        """
        a, b = self.rows(seed, 0, 1), self.rows(other, 0, 1)
        z = interpolate(self.noise, a.z[0], b.z[0], weights)
        if a.condition is None or b.condition is None:
            return GeneratorInput(z)
        t = np.asarray(weights, np.float32).reshape(-1, *[1] * (a.condition.ndim - 1))
        return GeneratorInput(z, (1 - t) * a.condition + t * b.condition)


def one_hot(categories: np.ndarray, num: int) -> np.ndarray:
    """Encode categories, int64 [N] in 0..num-1, as float32 [N, num] with a 1 in the column of the category."""
    condition: np.ndarray = np.equal(categories[:, None], np.arange(num)).astype(np.float32)
    return condition
