"""Where a generator's input comes from."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike
from pydantic import PositiveInt

from gansmith.core import rng
from gansmith.core.component import component
from gansmith.core.errors import RecipeError
from gansmith.core.rng import Place, Stream


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


def between(noise: Noise, one: np.ndarray, other: np.ndarray, shares: ArrayLike) -> np.ndarray:
    """z on the way from one z to another, float32 [len(shares), dim]; share 0 is `one` and share 1 `other`, bit for bit.

    Normal z lie near a sphere, so the way goes round it: slerp, sin((1 - t) w) / sin w * one + sin(t w) / sin w * other, where w
    is the angle between them (Shoemake 1985, "Animating rotation with quaternion curves"). Any other noise may have bounds,
    as `Uniform` has, and only a straight line never leaves them. So do z that point the same or opposite ways, which
    a circle does not tell apart.

    Args:
        one, other: [dim].
        shares: in [0, 1].
    """
    a, b = one.astype(np.float64), other.astype(np.float64)
    t = np.asarray(shares, np.float64)[:, None]
    cosine = a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), np.finfo(np.float64).tiny)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    if isinstance(noise, Normal) and np.sin(angle) > 1e-6:
        way = (np.sin((1.0 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
        way = np.where(t == 0.0, a, np.where(t == 1.0, b, way))
    else:
        way = (1.0 - t) * a + t * b
    return way.astype(np.float32)
