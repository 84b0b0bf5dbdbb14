"""What is going wrong in a run, in plain words, from the vital signs in its log alone (`watching.py` takes them).

A rule is a function from what was `Seen` to a `Diagnosis` or None. Nothing is said of one look: early training is always odd, and
a GAN's numbers swing. Every threshold is in `EDGES`; they were set by the runs of set A in `benchmarks/doctor.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from gansmith.recipe import Watch

PREFIX = "doctor/"  # of its numbers in the log
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


@dataclass(frozen=True)
class Edges:
    """Where each rule begins to speak. Signs are explained in `docs/doctor.md`."""

    early: float = 0.05  # of the run: what is seen before is the random start
    brief: float = 0.09  # of the run: how long a state must hold that stands plainly before one's eyes
    long: float = 0.20  # of the run: how long one must hold that healthy runs pass through


EDGES = Edges()


@dataclass(frozen=True)
class Diagnosis:
    """One trouble, as a teacher would put it."""

    trouble: Trouble
    since: int  # real images, when it began
    certainty: Literal["sure", "likely"]
    sign: str  # what was seen, with numbers
    cause: str
    remedy: str
    read_on: str


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
        holds = holds & (self.progress > EDGES.early)
        if not len(holds) or not holds[-1]:
            return None
        start = len(holds) - int(np.argmin(holds[::-1])) if not holds.all() else 0
        before = self.images[start - 1] if start else self.begun
        return int(self.images[start]) if self.images[-1] - before >= share * self.total and len(holds) - start >= 3 else None


def looks_in(records: Sequence[Look]) -> list[dict[str, Any]]:
    """What the doctor has seen, among the records of a log."""
    return [dict(r) for r in records if f"{PREFIX}finite" in r or f"{PREFIX}recovery" in r]


Rule = Callable[[Seen], Diagnosis | None]
RULES: tuple[Rule, ...] = ()


def diagnose(looks: Sequence[Look], total_images: int) -> list[Diagnosis]:
    """What is wrong after the newest of these looks, the gravest first; empty where nothing is."""
    seen = Seen(looks, total_images)
    return [found for rule in RULES if (found := rule(seen)) is not None]


def ends(watch: Watch | None, looks: Sequence[Look], total_images: int) -> str | None:
    """Why a run that is to stop at a trouble ends here; None where it goes on."""
    if watch is None or watch.on_trouble != "stop":
        return None
    found = diagnose(looks, total_images)
    return f"{found[0].trouble}: {found[0].sign}" if found else None
