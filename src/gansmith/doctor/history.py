"""The vital signs in a log as arrays, and how long something has held."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

PREFIX = "doctor/"  # of its numbers in the log
EARLY = 0.05  # of the run: what is seen before is the random start
STANDING = 0.92  # a number that is still this share of what it was has hardly fallen
RISING = 1.15  # and one that has grown by this factor is on its way
LEAST_LOOKS = 6  # below it nothing is said but what one look shows
HOLD = 150  # steps that a state must hold, however short the run

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
    """The looks at a run since it began, or since it was last put right, as arrays."""

    def __init__(self, looks: Sequence[Look], total_images: int) -> None:
        put_right = [i for i, look in enumerate(looks) if f"{PREFIX}recovery" in look]
        first = put_right[-1] if put_right else -1
        self.looks, self.total = list(looks[first + 1 :]), total_images
        begun = looks[first] if put_right else {"images": 0}
        self.begun = begun["images"]
        self.images = np.array([look["images"] for look in self.looks], np.float64)
        self.progress = (self.images - self.begun) / total_images
        # What says no steps is taken for old enough: rules ask how many there were, never how few.
        self.steps = np.array([look.get(PREFIX + "steps", np.inf) for look in self.looks]) - begun.get(PREFIX + "steps", 0)

    def __len__(self) -> int:
        return len(self.looks)

    def __getitem__(self, name: str) -> np.ndarray:
        """A sign at every look, NaN where it was not taken."""
        return np.array([look.get(PREFIX + name, np.nan) for look in self.looks], np.float64)

    def known(self, name: str) -> np.ndarray:
        """A sign at every look, or as it was when it was last taken."""
        values = self[name]
        last = np.maximum.accumulate(np.where(np.isnan(values), 0, np.arange(len(values))))
        known: np.ndarray = values[last]
        return known

    def since(self, holds: np.ndarray, share: float, steps: int = HOLD) -> int | None:
        """Since which image count something has held up to the newest look; None where that is no `share` of the run, nor so
        many steps and three looks."""
        holds = holds & (self.progress > EARLY)
        if not len(holds) or not holds[-1]:
            return None
        start = len(holds) - int(np.argmin(holds[::-1])) if not holds.all() else 0
        before, then = (self.images[start - 1], self.steps[start - 1]) if start else (self.begun, 0.0)
        long = self.images[-1] - before >= share * self.total and self.is_older(steps, then)
        return int(self.images[start]) if long and len(holds) - start >= 3 else None

    def is_older(self, steps: int, than: float = 0.0) -> bool:
        """Whether the newest look came so many steps after a step."""
        return bool(np.isinf(self.steps[-1]) or self.steps[-1] - than >= steps)

    def lately(self, share: float, steps: int) -> np.ndarray:
        """Which looks are of the newest `share` of the run, or of so many of its newest steps where those reach further back."""
        now = self.progress[-1], self.steps[-1]
        near = self.progress > now[0] - share
        recent: np.ndarray = near if np.isinf(now[1]) else near | (self.steps > now[1] - steps)
        return recent

    def stands(self, values: np.ndarray, share: float, steps: int = 2 * HOLD) -> bool:
        """Whether a number has hardly fallen of late, the second half of that time beside its first, or only from a height."""
        before, now = self._halves(values, share, steps)
        return bool(now > STANDING * before or now > self._usual(values))

    def rises(self, values: np.ndarray, share: float, steps: int = 2 * HOLD) -> bool:
        """Whether a number has grown of late, and not only from a low."""
        before, now = self._halves(values, share, steps)
        return bool(now > RISING * before and now >= self._usual(values))

    def _usual(self, values: np.ndarray) -> float:
        """Its median since the run began: what comes back to that from a swing is no progress."""
        return float(np.nanmedian(values[self.progress > EARLY])) if self.progress[-1] > EARLY else math.nan

    def _halves(self, values: np.ndarray, share: float, steps: int) -> tuple[float, float]:
        part = values[self.lately(share, steps)]
        half = max(1, len(part) // 2)
        return float(np.nanmedian(part[:half])), float(np.nanmedian(part[-half:]))
