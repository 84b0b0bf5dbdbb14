"""Where a generator's input comes from."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from pydantic import PositiveInt

from gansmith import rng
from gansmith.errors import RecipeError
from gansmith.rng import Place, Stream
from gansmith.spec import component


@runtime_checkable
class Noise(Protocol):
    """A table of z without end for each place: row i is made from the seed, the place and i alone."""

    @property
    def dim(self) -> int: ...

    def rows(self, seed: int, stream: Stream, place: Place, first: int, count: int) -> np.ndarray:
        """Rows `first` to `first + count`, float32 [count, dim]."""
        ...


@component
class Normal:
    """z ~ N(0, I)."""

    dim: PositiveInt

    def rows(self, seed: int, stream: Stream, place: Place, first: int, count: int) -> np.ndarray:
        return rng.normal_rows(seed, stream, place, first, count, self.dim)


@component
class Uniform:
    """z uniform in [low, high], each entry by itself. Raises RecipeError where low is not below high."""

    dim: PositiveInt
    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise RecipeError(f"Uniform: expected low < high, got low={self.low}, high={self.high}")

    def rows(self, seed: int, stream: Stream, place: Place, first: int, count: int) -> np.ndarray:
        unit = rng.uniform_rows(seed, stream, place, first, count, self.dim)
        return np.float32(self.low) + np.float32(self.high - self.low) * unit
