"""What rules are written with: an evaluation's numbers by path, what a complaint is, and how shares and places are said."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gansmith.core.formatting import percent
from gansmith.core.formatting import short_number as number

Sameness = Literal["empty", "repeats", "twins", "copied"]  # twins: nearly the same
Place = Literal["structure", "arrangement", "places", "stuck", "content"]  # what lies where in the image
Look = Literal["brightness", "contrast", "background", "sharpness", "noise", "levels", "midtones", "grid", "direction", "colour"]
Realism = Literal["realism", "another", "shapes", "unsure"]  # whether samples are anything real at all
Modality = Literal["variety", "alike", "classes", "condition"]  # alike: within a class; condition: what was asked for
Topic = Sameness | Place | Look | Realism | Modality

NOTICED = 0.2
"""Of a shift, which runs from -1 to 1: less is not spoken of."""


@dataclass(frozen=True)
class Complaint:
    """Something wrong: how much it weighs (1: all samples are of no use), what it is about, and what it explains besides.

    `source` holds keys of scores (`fd`) and paths to other numbers of the evaluation (`diagnostics.statistics.brightness`).
    """

    topic: Topic
    weight: float
    text: str
    source: tuple[str, ...]
    explains: tuple[Topic, ...] = ()  # topics that need no sentence of their own next to this


class Facts:
    """Numbers of an evaluation by their path; what is not there is None."""

    def __init__(self, evaluation: Mapping[str, Any]) -> None:
        self.evaluation = evaluation

    def __getitem__(self, path: str) -> Any:
        found: Any = self.evaluation
        for word in path.split("."):
            found = found.get(word) if isinstance(found, Mapping) else None
        return found

    def number(self, path: str, default: float = 0.0) -> float:
        found = self[path]
        return default if found is None else float(found)

    def score(self, key: str) -> tuple[float, float] | None:
        """A score and its floor; None unless both are there."""
        value, floor = self[f"scores.{key}.value"], self[f"scores.{key}.floor"]
        return None if value is None or floor is None else (float(value), float(floor))

    def ratio(self, key: str) -> float:
        """A score over its floor: 1 where samples do as real images do, or where it was not measured."""
        both = self.score(key)
        return 1.0 if both is None else both[0] / max(both[1], 1e-9)

    def margin(self) -> float:
        """By how much a share among so many samples may be off by chance: about four standard errors of a small one."""
        return 4 * math.sqrt(0.02 / max(1.0, self.number("diagnostics.num", 1000.0)))

    def shift(self, name: str) -> float:
        """How far a statistic of the samples lies above (+) or below (-) real images', less what held-out ones do: -1 to 1."""
        path = f"diagnostics.statistics.{name}"
        value, floor = self.number(f"{path}.shift"), abs(self.number(f"{path}.floor_shift"))
        return math.copysign(max(0.0, abs(value) - floor), value)

    def beyond(self, name: str, side: str) -> float:
        """The share of samples outside nearly all real images on a side ("below", "above"), less that of held-out ones."""
        path = f"diagnostics.statistics.{name}"
        return max(0.0, self.number(f"{path}.{side}") - self.number(f"{path}.floor_{side}"))

    def visible(self, name: str) -> bool:
        """Whether a statistic that counts in greys is off by two of 256 or more, in the middle or at an end of the samples."""
        path = f"diagnostics.statistics.{name}"
        real = self.number(f"{path}.real")
        ends = (self.number(f"{path}.{which}", real) for which in ("fake", "low", "high"))
        return max(abs(end - real) for end in ends) > 1.5 / 255

    def medians(self, name: str) -> tuple[float, float]:
        path = f"diagnostics.statistics.{name}"
        return self.number(f"{path}.fake"), self.number(f"{path}.real")

    @property
    def distance(self) -> float:
        """What the Frechet distance exceeds its floor by, over the variance of real images' features."""
        value, floor = self.score("fd") or (0.0, 0.0)
        return max(0.0, value - floor) / max(self.number("diagnostics.variety.real_variance", 1.0), 1e-9)

    @property
    def misfit(self) -> float:
        """How differently small pictures of the samples are filled, beyond what held-out ones are, over how real ones vary."""
        as_is, floor, variance = (self.number(f"diagnostics.arrangement.{k}") for k in ("as_is", "floor", "variance"))
        return max(0.0, as_is - floor) / variance if variance else 0.0

    @property
    def trust(self) -> float:
        """How far a classifier's word on classes counts, 0 to 1: little where it is unsure, or has never seen the like."""
        unsure = max(0.0, self.number("diagnostics.certainty.unsure", 0.05) - 0.05)
        strange = max(1.0, self.number("diagnostics.manifold.median", 1.0) / 1.3)  # further off than real images: it guesses
        return max(0.1, min(1.0, self.ratio("precision")) * (1 - unsure) / strange**2)

    @property
    def broken(self) -> bool:
        """So few samples lie among real images that a classifier's word on them means little."""
        return self.ratio("precision") < 0.4


# -------------------------------------------------------------------------------------------------- how it is said


def of_samples(share: float) -> str:
    """A share as the beginning of a sentence about samples."""
    if share >= 0.995:
        return "All samples"
    if share >= 0.9:
        return f"Nearly all samples ({percent(share)})"
    if 0.45 <= share <= 0.55:
        return f"About half of the samples ({percent(share)})"
    return f"{percent(share)} of the samples"


def against(facts: Facts, name: str, which: str = "fake") -> str:
    """A statistic of the middle sample ("high": of one in twenty), beside that of the middle real image."""
    path = f"diagnostics.statistics.{name}"
    fake, real = number(facts.number(f"{path}.{which}")), number(facts.number(f"{path}.real"))
    return (
        f"{fake} against {real} in real images" if fake != real else f"{fake} as in real images in the middle, more at the ends"
    )


def box(place: Any) -> str:
    """Where a box (left, top, right, bottom, as shares of the sides) lies."""
    if not place:
        return "in places"
    left, top, right, bottom = place
    if right - left > 0.8 and bottom - top > 0.8:
        return "all over the image or along its edges"
    row, column = _third((top + bottom) / 2, "upper", "lower"), _third((left + right) / 2, "left", "right")
    where = (
        f"in the {' '.join(filter(None, (row, column)))} {'corner' if row and column else 'part'}"
        if row or column
        else "in the middle"
    )
    return f"{where} ({100 * left:.0f} to {100 * right:.0f} % across, {100 * top:.0f} to {100 * bottom:.0f} % down)"


def _third(middle: float, low: str, high: str) -> str:
    return low if middle < 0.4 else high if middle > 0.6 else ""
