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
class Given:
    """The input of N samples."""

    z: np.ndarray  # float32 [N, Z]
    told: np.ndarray | None = None  # float32 [N, K + S], kinds and sliders; None: nothing

    def __getitem__(self, rows: slice) -> Given:
        return Given(self.z[rows], None if self.told is None else self.told[rows])

    def __len__(self) -> int:
        return len(self.z)

    def padded(self, length: int) -> Given:
        """Filled up with rows of zeros."""
        more = ((0, length - len(self)), (0, 0))
        return Given(np.pad(self.z, more), None if self.told is None else np.pad(self.told, more))


@dataclass(frozen=True)
class Inputs:
    """A table of inputs without end for each seed: row i is made from (seed, i) alone."""

    noise: Noise
    shares: tuple[float, ...] = ()  # how often each kind is asked for; empty: nothing is told
    asked: int | None = None  # this kind and no other
    sliders: int = 0

    def rows(self, seed: int, first: int, count: int) -> Given:
        z = self.noise.rows(seed, Stream.SAMPLE, Place(), first, count)
        return Given(z, self.told(seed, first, count) if self.shares else None)

    def kinds(self, seed: int, first: int, count: int) -> np.ndarray:
        """Which kind each is asked to be, int64 [count]."""
        return self._kinds(self._draws(seed, Stream.KIND, Place(), first, count))

    def told(self, seed: int, first: int, count: int, stream: Stream = Stream.KIND, place: Place = Place()) -> np.ndarray:
        """What each is told to be, float32 [count, K + S]."""
        draws = self._draws(seed, stream, place, first, count)
        return np.concatenate([one_hot(self._kinds(draws), len(self.shares)), 2 * draws[:, 1:] - 1], axis=1)

    def _draws(self, seed: int, stream: Stream, place: Place, first: int, count: int) -> np.ndarray:
        return rng.uniform_rows(seed, stream, place, first, count, 1 + self.sliders)

    def _kinds(self, draws: np.ndarray) -> np.ndarray:
        if self.asked is not None:
            return np.full(len(draws), self.asked)
        ends = np.cumsum(self.shares)
        kinds: np.ndarray = np.searchsorted(ends, draws[:, 0] * ends[-1], side="right").clip(max=len(ends) - 1)
        return kinds

    def in_rows(self, seed: int, kinds: Sequence[int], columns: int) -> Given:
        """The first `columns` of a seed asked to be each of these kinds in turn: a row a kind, a column one z and its sliders."""
        rows = [replace(self, asked=kind).rows(seed, 0, columns) for kind in kinds]
        return Given(np.concatenate([row.z for row in rows]), np.concatenate([row.told for row in rows if row.told is not None]))

    def sliding(self, seed: int, first: int, slider: int, values: Sequence[float]) -> Given:
        """Sample `first` of a seed with one of its sliders at each of these values."""
        given = self.rows(seed, first, 1)
        assert given.told is not None
        told = np.repeat(given.told, len(values), axis=0)
        told[:, len(self.shares) + slider] = values
        return Given(np.repeat(given.z, len(values), axis=0), told)

    def between(self, seed: int, other: int, shares: ArrayLike) -> Given:
        """On the way from the first of one seed to the first of another; see `noise.between`. Kinds mix in a straight line."""
        a, b = self.rows(seed, 0, 1), self.rows(other, 0, 1)
        z = between(self.noise, a.z[0], b.z[0], shares)
        t = np.asarray(shares, np.float32)[:, None]
        return Given(z, None if a.told is None or b.told is None else (1 - t) * a.told + t * b.told)


def one_hot(kinds: np.ndarray, num: int) -> np.ndarray:
    """int64 [N] -> float32 [N, num], a 1 in the column of each row's kind."""
    told: np.ndarray = np.equal(kinds[:, None], np.arange(num)).astype(np.float32)
    return told
