"""Shared parts of the verdict's rules: numbers of an evaluation by path, complaints, and phrases for shares and places."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gansmith.core.formatting import percent
from gansmith.core.formatting import short_number as number

Sameness = Literal["empty", "repeats", "twins", "copied"]  # twins: nearly equal samples
Place = Literal["structure", "arrangement", "places", "stuck", "content"]  # where in the image things are
Look = Literal["brightness", "contrast", "background", "sharpness", "noise", "levels", "midtones", "grid", "direction", "colour"]
Realism = Literal["realism", "another", "shapes", "unsure"]  # whether samples look real
Diversity = Literal["variety", "alike", "classes", "condition"]  # alike: within a class; condition: requested classes
Topic = Sameness | Place | Look | Realism | Diversity | Literal["rivals"]

NOTICED = 0.2
"""The least shift, on a scale from -1 to 1, that is reported."""


@dataclass(frozen=True)
class Complaint:
    """A problem with the samples: its topic, its weight (1: no sample is usable), a sentence, and the topics it explains.

    `source` holds keys of scores (`fd`) and paths to other numbers of the evaluation (`diagnostics.statistics.brightness`).
    """

    topic: Topic
    weight: float
    text: str
    source: tuple[str, ...]
    explains: tuple[Topic, ...] = ()  # topics that need no sentence of their own beside this one


class Facts:
    """Numbers of an evaluation's JSON by path, such as `scores.fd.value`; a missing one is None."""

    def __init__(self, evaluation: Mapping[str, Any]) -> None:
        self.evaluation = evaluation

    def __getitem__(self, path: str) -> Any:
        found: Any = self.evaluation
        for word in path.split("."):
            found = found.get(word) if isinstance(found, Mapping) else None
        return found

    def number(self, path: str, default: float = 0.0) -> float:
        """The number at a path, or the default if it is missing."""
        found = self[path]
        return default if found is None else float(found)

    def score(self, key: str) -> tuple[float, float] | None:
        """Value and floor of a score; None if either is missing."""
        value, floor = self[f"scores.{key}.value"], self[f"scores.{key}.floor"]
        return None if value is None or floor is None else (float(value), float(floor))

    def ratio(self, key: str) -> float:
        """A score over its floor: 1 for samples like real images, or if it was not measured."""
        both = self.score(key)
        return 1.0 if both is None else both[0] / max(both[1], 1e-9)

    def margin(self) -> float:
        """Sampling error of a small share among the samples: about four standard errors."""
        return 4 * math.sqrt(0.02 / max(1.0, self.number("diagnostics.num", 1000.0)))

    def shift(self, name: str) -> float:
        """Shift of a statistic of the samples above (+) or below (-) real images, minus that of held-out ones: -1 to 1."""
        path = f"diagnostics.statistics.{name}"
        value, floor = self.number(f"{path}.shift"), abs(self.number(f"{path}.floor_shift"))
        return math.copysign(max(0.0, abs(value) - max(floor, 1.5 * self.shift_error)), value)

    @property
    def shift_error(self) -> float:
        """Standard error of a shift between two sets of equal distribution: of Cliff's delta, sqrt((n + m + 1) / (3 n m))."""
        n, m = (max(1.0, self.number(f"diagnostics.{name}", 1000.0)) for name in ("num", "num_real"))
        return math.sqrt((n + m + 1) / (3 * n * m))

    def widened(self, name: str) -> float:
        """How much wider the 5 % to 95 % range of a statistic is than that of real images; below 0 if it is narrower."""
        path = f"diagnostics.statistics.{name}"
        own = self.number(f"{path}.high") - self.number(f"{path}.low")
        return own * (1 - 1 / max(self.number(f"{path}.spread", 1.0), 1e-9))

    def excess_share(self, statistic: str, side: Literal["below", "above"]) -> float:
        """Share of samples below or above nearly all real images in a statistic, minus that of held-out images; at least 0."""
        path = f"diagnostics.statistics.{statistic}"
        return max(0.0, self.number(f"{path}.{side}") - self.number(f"{path}.floor_{side}"))

    def visible(self, name: str) -> bool:
        """Whether a statistic in grey values differs by two of 256 or more, at the median or at an end of the samples."""
        path = f"diagnostics.statistics.{name}"
        real = self.number(f"{path}.real")
        ends = (self.number(f"{path}.{which}", real) for which in ("fake", "low", "high"))
        return max(abs(end - real) for end in ends) > 1.5 / 255

    def medians(self, name: str) -> tuple[float, float]:
        """Medians of a statistic among samples and real images."""
        path = f"diagnostics.statistics.{name}"
        return self.number(f"{path}.fake"), self.number(f"{path}.real")

    @property
    def distance(self) -> float:
        """Frechet distance beyond its floor, over the variance of real images' features."""
        value, floor = self.score("fd") or (0.0, 0.0)
        return max(0.0, value - floor) / max(self.number("diagnostics.variety.real_variance", 1.0), 1e-9)

    @property
    def misfit(self) -> float:
        """Difference of the arrangement of small pictures from real images beyond the floor, over the variance of real ones."""
        as_is, floor, variance = (self.number(f"diagnostics.arrangement.{k}") for k in ("as_is", "floor", "variance"))
        chance = 0.5 * floor  # of few images, the floor itself varies by so much
        return max(0.0, as_is - floor - chance) / variance if variance else 0.0

    @property
    def trust(self) -> float:
        """Reliability of the classifier's classes, 0 to 1: low if it is unsure, or if samples are unlike real images."""
        unsure = max(0.0, self.number("diagnostics.certainty.unsure", 0.05) - 0.05)
        strange = max(1.0, self.number("diagnostics.manifold.median", 1.0) / 1.3)  # above 1: samples far from real images
        return max(0.1, min(1.0, self.ratio("precision")) * (1 - unsure) / strange**2)

    @property
    def broken(self) -> bool:
        """Whether precision is so low that the classifier's classes mean little."""
        return self.ratio("precision") < 0.4


# -------------------------------------------------------------------------------------------------- phrases


def share_of_samples(share: float) -> str:
    """A share of the samples as the beginning of a sentence."""
    if share >= 0.995:
        return "All samples"
    if share >= 0.9:
        return f"Nearly all samples ({percent(share)})"
    if 0.45 <= share <= 0.55:
        return f"About half of the samples ({percent(share)})"
    return f"{percent(share)} of the samples"


def compared_with_real(facts: Facts, name: str, which: str = "fake") -> str:
    """A statistic of the samples (the median, or with "high" the 95 % quantile) beside the median of real images."""
    path = f"diagnostics.statistics.{name}"
    fake, real = number(facts.number(f"{path}.{which}")), number(facts.number(f"{path}.real"))
    return f"{fake}, real images {real}" if fake != real else f"median {fake} as in real images, but more at the ends"


def describe_box(place: Any) -> str:
    """Phrase for the place of a box (left, top, right, bottom, as shares of the sides)."""
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
