"""Noise: the distribution of the generator's input z, and interpolation between two z."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from gansmith.core import rng
from gansmith.core.component import component
from gansmith.core.errors import RecipeError
from gansmith.core.fields import NoiseDim, Number
from gansmith.core.rng import Place, Stream


@runtime_checkable
class Noise(Protocol):
    """A distribution of z, as an endless table: row i depends on the seed, the stream, the place and i alone."""

    @property
    def dim(self) -> int:
        """Z, the number of entries of z."""
        ...

    def rows(self, seed: int, stream: Stream, place: Place, first: int, count: int) -> np.ndarray:
        """Rows `first` to `first + count - 1`, float32 [count, Z]."""
        ...


@component
class Normal:
    """z ~ N(0, I)."""

    dim: NoiseDim

    def rows(self, seed: int, stream: Stream, place: Place, first: int, count: int) -> np.ndarray:
        """Rows of independent N(0, 1) entries, float32 [count, dim]."""
        return rng.normal_rows(seed, stream, place, first, count, self.dim)


@component
class Uniform:
    """Independent entries of z, uniform in [low, high]. Raises RecipeError unless low < high."""

    dim: NoiseDim
    low: Number = -1.0
    high: Number = 1.0

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise RecipeError(f"Uniform: expected low < high, got low={self.low}, high={self.high}")

    def rows(self, seed: int, stream: Stream, place: Place, first: int, count: int) -> np.ndarray:
        """Rows of independent entries in [low, high], float32 [count, dim]."""
        unit = rng.uniform_rows(seed, stream, place, first, count, self.dim)
        return np.float32(self.low) + np.float32(self.high - self.low) * unit


def interpolate(noise: Noise, start: np.ndarray, end: np.ndarray, weights: ArrayLike) -> np.ndarray:
    """Interpolate between two z, float32 [len(weights), Z]. Weight 0 gives `start` and weight 1 gives `end`, bit for bit.

    Spherical for normal noise, whose z lie near a sphere: slerp(t) = sin((1 - t) w) / sin w * start + sin(t w) / sin w * end,
    where w is the angle between the two (Shoemake 1985, "Animating rotation with quaternion curves"). Linear for other noise,
    which may be bounded as `Uniform` is, and for parallel or opposite z, between which slerp is undefined.

    Args:
        start, end: [Z].
        weights: in [0, 1].
    """
    a, b = start.astype(np.float64), end.astype(np.float64)
    t = np.asarray(weights, np.float64)[:, None]
    cosine = a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), np.finfo(np.float64).tiny)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    if isinstance(noise, Normal) and np.sin(angle) > 1e-6:
        path = (np.sin((1.0 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
        path = np.where(t == 0.0, a, np.where(t == 1.0, b, path))
    else:
        path = (1.0 - t) * a + t * b
    return path.astype(np.float32)
