"""Schedules: factors that change a setting over a run.

A factor depends on progress alone, the share of the run that is done: 0 at the first step, close to 1 at the last.
"""

from __future__ import annotations

import math
from typing import Annotated, Protocol, runtime_checkable

from pydantic import Field

from gansmith.core.component import component
from gansmith.core.fields import NotNegative, Positive

Part = Annotated[float, Field(ge=0.0, lt=1.0)]
Factor = NotNegative


@runtime_checkable
class Schedule(Protocol):
    """A factor for a setting, as a function of progress."""

    def factor(self, progress: float) -> float:
        """The factor, at least 0, at `progress` in [0, 1]."""
        ...


@component
class Constant:
    """A factor of 1 over the whole run."""

    def factor(self, progress: float) -> float:
        """1 at any progress."""
        return 1.0


@component
class Linear:
    """`first` until the share `start` of the run, then a straight line to `end`."""

    start: Part = 0.0
    end: Factor = 0.0
    first: Factor = 1.0

    def factor(self, progress: float) -> float:
        """The factor at `progress` in [0, 1]."""
        return self.first + (self.end - self.first) * _fraction_after(self.start, progress)


@component
class Cosine:
    """`first` until the share `start` of the run, then half a cosine to `end` (Loshchilov and Hutter 2017, eq. 5)."""

    start: Part = 0.0
    end: Factor = 0.0
    first: Factor = 1.0

    def factor(self, progress: float) -> float:
        """The factor at `progress` in [0, 1]."""
        return self.end + (self.first - self.end) * 0.5 * (1.0 + math.cos(math.pi * _fraction_after(self.start, progress)))


@component
class Exponential:
    """From 1 to `end`, changing by the same ratio in every step: end^progress."""

    end: Positive = 1e-3

    def factor(self, progress: float) -> float:
        """The factor at `progress` in [0, 1]."""
        return float(self.end**progress)


def _fraction_after(start: float, progress: float) -> float:
    """The share in [0, 1] that is done of the part of a run after `start`."""
    return min(max(progress - start, 0.0) / (1.0 - start), 1.0)
