"""What a generator is given to make sample i of a seed: a row of z and, where it is told a kind, which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gansmith import rng
from gansmith.noise import Noise, between
from gansmith.rng import Place, Stream


@dataclass(frozen=True, eq=False)
class Given:
    """The input of N samples."""

    z: np.ndarray  # float32 [N, Z]
    told: np.ndarray | None = None  # float32 [N, K]; None: nothing

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

    def rows(self, seed: int, first: int, count: int) -> Given:
        z = self.noise.rows(seed, Stream.SAMPLE, Place(), first, count)
        return Given(z, one_hot(self.kinds(seed, first, count), len(self.shares)) if self.shares else None)

    def kinds(self, seed: int, first: int, count: int) -> np.ndarray:
        """Which kind each is asked to be, int64 [count]."""
        if self.asked is not None:
            return np.full(count, self.asked)
        places = rng.uniform_rows(seed, Stream.KIND, Place(), first, count, 1)[:, 0]
        ends = np.cumsum(self.shares)
        kinds: np.ndarray = np.searchsorted(ends, places * ends[-1], side="right").clip(max=len(ends) - 1)
        return kinds

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
