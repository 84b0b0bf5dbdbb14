"""What a generator is given to make sample i of a seed: a row of z and, where it is told a kind, which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from gansmith.core import rng
from gansmith.core.rng import Place, Stream
from gansmith.sampling.noise import Noise, between


@dataclass(frozen=True, eq=False)
class GeneratorInput:
    """The input of N samples."""

    z: np.ndarray  # float32 [N, Z]
    condition: np.ndarray | None = None  # float32 [N, K + S], kinds and sliders; None: nothing

    def __getitem__(self, rows: slice) -> GeneratorInput:
        return GeneratorInput(self.z[rows], None if self.condition is None else self.condition[rows])

    def __len__(self) -> int:
        return len(self.z)

    def padded(self, length: int) -> GeneratorInput:
        """Filled up with rows of zeros."""
        more = ((0, length - len(self)), (0, 0))
        return GeneratorInput(np.pad(self.z, more), None if self.condition is None else np.pad(self.condition, more))


@dataclass(frozen=True)
class Inputs:
    """A table of inputs without end for each seed: row i is made from (seed, i) alone."""

    noise: Noise
    shares: tuple[float, ...] = ()  # how often each kind is asked for; empty: nothing is told
    asked: int | None = None  # this kind and no other
    continuous: int = 0

    def rows(self, seed: int, first: int, count: int) -> GeneratorInput:
        z = self.noise.rows(seed, Stream.SAMPLE, Place(), first, count)
        return GeneratorInput(z, self.conditions(seed, first, count) if self.shares else None)

    def categories(self, seed: int, first: int, count: int) -> np.ndarray:
        """Which kind each is asked to be, int64 [count]."""
        return self._kinds(self._draws(seed, Stream.KIND, Place(), first, count))

    def conditions(self, seed: int, first: int, count: int, stream: Stream = Stream.KIND, place: Place = Place()) -> np.ndarray:
        """What each is told to be, float32 [count, K + S]."""
        draws = self._draws(seed, stream, place, first, count)
        return np.concatenate([one_hot(self._kinds(draws), len(self.shares)), 2 * draws[:, 1:] - 1], axis=1)

    def _draws(self, seed: int, stream: Stream, place: Place, first: int, count: int) -> np.ndarray:
        return rng.uniform_rows(seed, stream, place, first, count, 1 + self.continuous)

    def _kinds(self, draws: np.ndarray) -> np.ndarray:
        if self.asked is not None:
            return np.full(len(draws), self.asked)
        ends = np.cumsum(self.shares)
        categories: np.ndarray = np.searchsorted(ends, draws[:, 0] * ends[-1], side="right").clip(max=len(ends) - 1)
        return categories

    def in_rows(self, seed: int, categories: Sequence[int], columns: int) -> GeneratorInput:
        """The first `columns` of a seed asked to be each of these kinds in turn: a row a kind, a column one z and its sliders."""
        rows = [replace(self, asked=category).rows(seed, 0, columns) for category in categories]
        return GeneratorInput(
            np.concatenate([row.z for row in rows]), np.concatenate([row.condition for row in rows if row.condition is not None])
        )

    def sliding(self, seed: int, first: int, slider: int, values: Sequence[float]) -> GeneratorInput:
        """Sample `first` of a seed with one of its sliders at each of these values."""
        given = self.rows(seed, first, 1)
        assert given.condition is not None
        condition = np.repeat(given.condition, len(values), axis=0)
        condition[:, len(self.shares) + slider] = values
        return GeneratorInput(np.repeat(given.z, len(values), axis=0), condition)

    def between(self, seed: int, other: int, shares: ArrayLike) -> GeneratorInput:
        """On the way from the first of one seed to the first of another; see `noise.between`. Kinds mix in a straight line."""
        a, b = self.rows(seed, 0, 1), self.rows(other, 0, 1)
        z = between(self.noise, a.z[0], b.z[0], shares)
        t = np.asarray(shares, np.float32)[:, None]
        return GeneratorInput(z, None if a.condition is None or b.condition is None else (1 - t) * a.condition + t * b.condition)


def one_hot(categories: np.ndarray, num: int) -> np.ndarray:
    """int64 [N] -> float32 [N, num], a 1 in the column of each row's kind."""
    condition: np.ndarray = np.equal(categories[:, None], np.arange(num)).astype(np.float32)
    return condition
