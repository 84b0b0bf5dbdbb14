"""The vital signs of a run as arrays, and how long a state has held."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

PREFIX = "doctor/"  # of the vital signs in the log
EARLY = 0.05  # share of the run that is ignored, because weights are still near their random start
STANDING = 0.92  # a number that is still this share of its earlier value has hardly fallen
RISING = 1.15  # a number that has grown by this factor is rising
LEAST_LOOKS = 6  # with fewer looks, only troubles that a single look shows are reported
HOLD = 150  # steps that a state must hold, however short the run is

Trouble = Literal[
    "collapse",
    "partial collapse",
    "D too strong",
    "G starved",
    "D too weak",
    "D the wrong way round",
    "G the wrong way round",
    "stands still",
    "oscillation",
    "divergence",
    "dead units",
    "plateau",
    "D over-fits",
    "memorisation",
    "wrong range",
    "data all alike",
]
Look = Mapping[str, Any]


class History:
    """The looks at a run since its start or its last recovery, as arrays with one entry a look.

    images    real images seen, counted from the start of the run
    progress  share of the run, from the start or the last recovery
    steps     training steps since then; inf for looks that did not record them
    """

    def __init__(self, looks: Sequence[Look], total_images: int) -> None:
        recoveries = [i for i, look in enumerate(looks) if f"{PREFIX}recovery" in look]
        first = recoveries[-1] if recoveries else -1
        self.looks, self.total = list(looks[first + 1 :]), total_images
        begun = looks[first] if recoveries else {"images": 0}
        self.begun = begun["images"]
        self.images = np.array([look["images"] for look in self.looks], np.float64)
        self.progress = (self.images - self.begun) / total_images
        # A look without steps counts as old enough: rules ask for a least number of steps, never for a largest.
        self.steps = np.array([look.get(PREFIX + "steps", np.inf) for look in self.looks]) - begun.get(PREFIX + "steps", 0)

    def __len__(self) -> int:
        """Number of looks."""
        return len(self.looks)

    def __getitem__(self, name: str) -> np.ndarray:
        """A vital sign at every look; NaN where it was not measured."""
        return np.array([look.get(PREFIX + name, np.nan) for look in self.looks], np.float64)

    def last_known(self, name: str) -> np.ndarray:
        """A vital sign at every look, or its last value before it where it was not measured."""
        values = self[name]
        last = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))))
        filled: np.ndarray = values[last]
        return filled

    def images_since(self, holds: np.ndarray, least_share: float, least_steps: int = HOLD) -> int | None:
        """The image count since which a state [L] has held up to the newest look.

        It must have held at every look. None where it has held for less than `least_share` of the run, for fewer than
        `least_steps` steps or for fewer than three looks.
        """
        holds = holds & (self.progress > EARLY)
        if not len(holds) or not holds[-1]:
            return None
        start = len(holds) - int(np.argmin(holds[::-1])) if not holds.all() else 0
        before, then = (self.images[start - 1], self.steps[start - 1]) if start else (self.begun, 0.0)
        long = self.images[-1] - before >= least_share * self.total and self.is_older(least_steps, then)
        return int(self.images[start]) if long and len(holds) - start >= 3 else None

    def is_older(self, steps: int, than: float = 0.0) -> bool:
        """Whether the newest look came at least `steps` steps after step `than`."""
        return bool(np.isinf(self.steps[-1]) or self.steps[-1] - than >= steps)

    def recent(self, share: float, steps: int) -> np.ndarray:
        """Mask [L] of the looks in the last `share` of the run, or in its last `steps` steps where these reach further back."""
        now = self.progress[-1], self.steps[-1]
        near = self.progress > now[0] - share
        recent: np.ndarray = near if np.isinf(now[1]) else near | (self.steps > now[1] - steps)
        return recent

    def is_stuck(self, values: np.ndarray, share: float, steps: int = 2 * HOLD) -> bool:
        """Whether a number has hardly fallen recently, comparing the two halves of that time, or only from an unusual height."""
        before, now = self._halves(values, share, steps)
        return bool(now > STANDING * before or now > self._usual(values))

    def is_rising(self, values: np.ndarray, share: float, steps: int = 2 * HOLD) -> bool:
        """Whether a number has grown recently, and not only from an unusual low."""
        before, now = self._halves(values, share, steps)
        return bool(now > RISING * before and now >= self._usual(values))

    def _usual(self, values: np.ndarray) -> float:
        """The median over the run: a return to it is no progress."""
        return float(np.nanmedian(values[self.progress > EARLY])) if self.progress[-1] > EARLY else math.nan

    def _halves(self, values: np.ndarray, share: float, steps: int) -> tuple[float, float]:
        """The medians of the first and of the second half of the recent looks."""
        part = values[self.recent(share, steps)]
        half = max(1, len(part) // 2)
        return float(np.nanmedian(part[:half])), float(np.nanmedian(part[-half:]))
