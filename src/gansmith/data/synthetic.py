"""Mixtures of Gaussians in the plane, for mode coverage: the true distribution is known (PacGAN table 1, VEEGAN table 1).

The points come from NumPy's Philox with the keys below and depend on the fields only, so runs with different seeds learn the
same points. A smaller `num` gives the first of them.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from gansmith.core.component import component
from gansmith.core.fields import Positive, SampleCount
from gansmith.data.memory import must_fit
from gansmith.data.source import Samples, Split

_KEYS: dict[Split, int] = {"train": 2017, "test": 2018}
"""The first half of Philox's key. The second half is 0 for the mode of a point and 1 for its offset from the mean."""

Count = SampleCount
Length = Positive


@component
class Ring:
    """Gaussians of equal weight on a circle. The default is the published ring: 8 modes, radius 1, standard deviation .01.

    Fields:
        num: points in each split.
        modes: number of Gaussians, evenly spaced from angle 0 anticlockwise.
        radius: radius of the circle.
        std: standard deviation of a Gaussian along each axis.
    """

    num: Count = 100_000
    modes: Annotated[int, Field(ge=1, le=10_000)] = 8
    radius: Length = 1.0
    std: Length = 0.01

    @property
    def train_shape(self) -> tuple[int, ...]:
        """(num, 2)."""
        return (self.num, 2)

    @property
    def num_classes(self) -> int:
        """The number of modes: a point is labelled with its mode."""
        return self.modes

    def means(self) -> np.ndarray:
        """The means of the Gaussians, float64 [modes, 2], in the order of the labels."""
        angle = 2 * np.pi * np.arange(self.modes) / self.modes
        return self.radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    def load(self, split: Split = "train") -> Samples:
        """Load points float32 [num, 2], labelled with their mode. Raises DataError if they do not fit in memory."""
        return _mixture(self.means(), self.std, self.num, split, "ring")


@component
class Grid:
    """Gaussians of equal weight on a square grid. The default is the published one: 5 x 5 modes, spacing 2, deviation .05.

    Fields:
        num: points in each split.
        side: number of Gaussians along each side.
        spacing: distance between neighbours; the grid is centred on 0.
        std: standard deviation of a Gaussian along each axis.
    """

    num: Count = 100_000
    side: Annotated[int, Field(ge=1, le=100)] = 5
    spacing: Length = 2.0
    std: Length = 0.05

    @property
    def train_shape(self) -> tuple[int, ...]:
        """(num, 2)."""
        return (self.num, 2)

    @property
    def num_classes(self) -> int:
        """The number of modes, side * side: a point is labelled with its mode."""
        return self.side**2

    def means(self) -> np.ndarray:
        """The means of the Gaussians, float64 [side * side, 2], in the order of the labels: by x, then by y, both rising."""
        along = self.spacing * (np.arange(self.side) - (self.side - 1) / 2)
        return np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2)

    def load(self, split: Split = "train") -> Samples:
        """Load points float32 [num, 2], labelled with their mode. Raises DataError if they do not fit in memory."""
        return _mixture(self.means(), self.std, self.num, split, "grid")


def _mixture(means: np.ndarray, std: float, num: int, split: Split, what: str) -> Samples:
    """`num` points of the mixture, each labelled with its Gaussian; `what` is named in the message about memory."""
    must_fit((num, 2), np.float64, what)
    # One generator for the modes and one for the offsets, so that a larger `num` leaves the first points unchanged.
    for_modes, for_offsets = (np.random.Generator(np.random.Philox(key=[_KEYS[split], half])) for half in (0, 1))
    labels = for_modes.integers(len(means), size=num)
    points = means[labels] + std * for_offsets.standard_normal((num, 2))
    return Samples(points.astype(np.float32), labels, tuple(str(i) for i in range(len(means))))
