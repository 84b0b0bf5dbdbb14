"""How a setting changes over a run: a factor from progress, which is 0 at the first step and goes towards 1."""

from __future__ import annotations

import math
from typing import Annotated, Protocol, runtime_checkable

from pydantic import Field

from gansmith.core.component import component

Part = Annotated[float, Field(ge=0.0, lt=1.0)]
Factor = Annotated[float, Field(ge=0.0)]


@runtime_checkable
class Schedule(Protocol):
    def factor(self, progress: float) -> float:
        """What to multiply a setting with at `progress` in [0, 1]."""
        ...


@component
class Constant:
    """The setting as it is."""

    def factor(self, progress: float) -> float:
        return 1.0


@component
class Linear:
    """`first` until `start`, then straight down (or up) to `end` at the end of the run."""

    start: Part = 0.0
    end: Factor = 0.0
    first: Factor = 1.0

    def factor(self, progress: float) -> float:
        return self.first + (self.end - self.first) * _since(self.start, progress)


@component
class Cosine:
    """`first` until `start`, then half a cosine to `end` (Loshchilov and Hutter 2017, eq. 5, without restarts)."""

    start: Part = 0.0
    end: Factor = 0.0
    first: Factor = 1.0

    def factor(self, progress: float) -> float:
        return self.end + (self.first - self.end) * 0.5 * (1.0 + math.cos(math.pi * _since(self.start, progress)))


@component
class Exponential:
    """Times an equal factor for each equal part of the run, from 1 down (or up) to `end`."""

    end: Annotated[float, Field(gt=0.0)] = 1e-3

    def factor(self, progress: float) -> float:
        return float(self.end**progress)


def _since(start: float, progress: float) -> float:
    return min(max(progress - start, 0.0) / (1.0 - start), 1.0)
