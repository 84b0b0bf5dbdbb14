"""Mixtures of Gaussians in the plane: GAN data whose truth is known, for mode coverage (PacGAN table 1, VEEGAN table 1).

The points are fixed: they come from NumPy's Philox under the keys below and depend on the fields alone, so every run,
whatever its seed, learns the same set. Fewer points are the first of more.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from gansmith.core.component import component
from gansmith.data.memory import must_fit
from gansmith.data.source import Samples, Split

_KEYS: dict[Split, int] = {"train": 2017, "test": 2018}
"""The first half of Philox's key. The second is 0 for which mode a point is of, 1 for where it lies about its mean."""

Count = Annotated[int, Field(ge=1)]
Length = Annotated[float, Field(gt=0)]


@component
class Ring:
    """Equal Gaussians on a circle; by default the published ring of 8 on the unit circle with standard deviation .01.

    Fields:
        num: points in each split.
        modes: Gaussians, the first at angle 0, the others anticlockwise.
        radius: of the circle.
        std: standard deviation of a Gaussian along each axis.
    """

    num: Count = 100_000
    modes: Annotated[int, Field(ge=1, le=10_000)] = 8
    radius: Length = 1.0
    std: Length = 0.01

    def means(self) -> np.ndarray:
        """The centres, float64 [modes, 2], in the order of the labels."""
        angle = 2 * np.pi * np.arange(self.modes) / self.modes
        return self.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    def load(self, split: Split = "train") -> Samples:
        """Points float32 [num, 2], labelled by mode. Raises DataError where they would not fit in memory."""
        return _mixture(self.means(), self.std, self.num, split, "ring")


@component
class Grid:
    """Equal Gaussians on a square grid; by default the published {-4, -2, 0, 2, 4} squared with standard deviation .05.

    Fields:
        num: points in each split.
        side: Gaussians along each side.
        spacing: between neighbours; the grid is centred on 0.
        std: standard deviation of a Gaussian along each axis.
    """

    num: Count = 100_000
    side: Annotated[int, Field(ge=1, le=100)] = 5
    spacing: Length = 2.0
    std: Length = 0.05

    def means(self) -> np.ndarray:
        """The centres, float64 [side * side, 2], in the order of the labels: x by x, and for each x from the lowest y up."""
        along = self.spacing * (np.arange(self.side) - (self.side - 1) / 2)
        return np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2)

    def load(self, split: Split = "train") -> Samples:
        """Points float32 [num, 2], labelled by mode. Raises DataError where they would not fit in memory."""
        return _mixture(self.means(), self.std, self.num, split, "grid")


def _mixture(means: np.ndarray, std: float, num: int, split: Split, what: str) -> Samples:
    must_fit((num, 2), np.float64, what)
    # One generator for each of the two, so that asking for more points leaves the first ones as they were.
    which, where = (np.random.Generator(np.random.Philox(key=[_KEYS[split], half])) for half in (0, 1))
    labels = which.integers(len(means), size=num)
    points = means[labels] + std * where.standard_normal((num, 2))
    return Samples(points.astype(np.float32), labels, tuple(str(i) for i in range(len(means))))
