"""The vital signs in a log as arrays, and how long something has held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

PREFIX = "doctor/"  # of its numbers in the log
EARLY = 0.05  # of the run: what is seen before is the random start
STANDING = 0.92  # a number that is still this share of what it was has hardly fallen
LEAST_LOOKS = 6  # below it nothing is said but what one look shows

Trouble = Literal[
    "collapse",
    "partial collapse",
    "D too strong",
    "G starved",
    "D too weak",
    "D the wrong way round",
    "stands still",
    "oscillation",
    "divergence",
    "dead units",
    "plateau",
    "D over-fits",
    "memorisation",
    "wrong range",
]
Look = Mapping[str, Any]


class Seen:
    """The looks at a run since it began, or since it was last put right, as arrays."""

    def __init__(self, looks: Sequence[Look], total_images: int) -> None:
        put_right = [i for i, look in enumerate(looks) if f"{PREFIX}recovery" in look]
        first = put_right[-1] if put_right else -1
        self.looks, self.total = list(looks[first + 1 :]), total_images
        self.begun = looks[first]["images"] if put_right else 0
        self.images = np.array([look["images"] for look in self.looks], np.float64)
        self.progress = (self.images - self.begun) / total_images

    def __len__(self) -> int:
        return len(self.looks)

    def __getitem__(self, name: str) -> np.ndarray:
        """A sign at every look, NaN where it was not taken."""
        return np.array([look.get(PREFIX + name, np.nan) for look in self.looks], np.float64)

    def since(self, holds: np.ndarray, share: float) -> int | None:
        """Since which image count something has held up to the newest look; None where that is no `share` of the run."""
        holds = holds & (self.progress > EARLY)
        if not len(holds) or not holds[-1]:
            return None
        start = len(holds) - int(np.argmin(holds[::-1])) if not holds.all() else 0
        before = self.images[start - 1] if start else self.begun
        return int(self.images[start]) if self.images[-1] - before >= share * self.total and len(holds) - start >= 3 else None

    def at(self, values: np.ndarray, images: int) -> float:
        """The value at the look of an image count."""
        return float(values[np.searchsorted(self.images, images)])

    def stands(self, values: np.ndarray, share: float) -> bool:
        """Whether a number has hardly fallen over the newest `share` of the run, its second half beside its first."""
        part = values[self.progress > self.progress[-1] - share]
        half = max(1, len(part) // 2)
        return bool(np.nanmedian(part[-half:]) > STANDING * np.nanmedian(part[:half]))
