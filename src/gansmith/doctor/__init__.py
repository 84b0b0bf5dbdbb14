"""Diagnose a run from the vital signs in its log, which `training/monitor.py` measures.

`history` reads the log, `rules` holds the rules and their thresholds, `advice` the causes and remedies, and `suggestions` checks
these against the recipe. Nothing here needs PyTorch.

What belongs here: rules, causes and remedies: functions from the numbers of a log to sentences.
What does not: measuring vital signs, which needs a trainer (`training`), or reading a run folder (`runs`).
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gansmith.doctor.advice import ADVICE, WITHOUT_DISCRIMINATOR
from gansmith.doctor.history import LEAST_LOOKS, PREFIX, History, Look, Trouble
from gansmith.doctor.rules import EDGES, LAST, RULES, Finding

__all__ = [
    "LEAST_LOOKS",
    "PREFIX",
    "Diagnosis",
    "History",
    "Look",
    "Trouble",
    "diagnose",
    "looks_in",
    "stop_reason",
    "why_not_healthy",
]

MOST_FOLLOWING = 2
# For each trouble, the troubles that are not reported beside it: they have one cause, or would mislead.
COVERS: dict[Trouble, tuple[Trouble, ...]] = {
    "collapse": ("partial collapse",),
    "stands still": ("wrong range", "D the wrong way round"),
    "wrong range": ("dead units",),
}


@dataclass(frozen=True)
class Diagnosis:
    """One trouble of a run: its sign, cause and remedy, in whole sentences."""

    trouble: Trouble
    since: int  # real images seen when it began
    certainty: Literal["sure", "likely"]
    sign: str  # the vital signs that show it
    cause: str
    remedy: str
    read_on: str
    follows: bool = False  # whether it is a consequence of the trouble before it


def looks_in(records: Sequence[Look]) -> list[dict[str, Any]]:
    """The looks and recoveries among the records of a log."""
    return [dict(r) for r in records if f"{PREFIX}finite" in r or f"{PREFIX}recovery" in r]


def diagnose(looks: Sequence[Look], total_images: int, recipe: Any | None = None) -> list[Diagnosis]:
    """The troubles of a run of `total_images` at the newest of these looks: the cause first, then at most two consequences.

    With the run's `recipe`, remedies are only those that change something in it. Empty where no trouble is found, or without
    looks.
    """
    history = History(looks, total_images)
    if not len(history):
        return []
    with _empty_medians():
        found = [f for rule in RULES if (f := rule(history)) is not None]
        found = found or [f for rule in LAST if (f := rule(history)) is not None]
    by_trouble: dict[Trouble, Finding] = {}
    for f in found:
        by_trouble.setdefault(f.trouble, f)
    covered = _covered_by(by_trouble.keys() - _covered_by(by_trouble))  # a covered trouble covers no other
    reported = [f for f in by_trouble.values() if f.trouble not in covered]
    has_no_discriminator = not np.isfinite(history["told_apart"]).any()
    return [_diagnosis(f, has_no_discriminator, recipe, follows=i > 0) for i, f in enumerate(reported[: 1 + MOST_FOLLOWING])]


def _covered_by(troubles: Iterable[Trouble]) -> set[Trouble]:
    """The troubles that are not reported beside these."""
    return {name for trouble in troubles for name in COVERS.get(trouble, ())}


def _diagnosis(found: Finding, has_no_discriminator: bool, recipe: Any | None, follows: bool) -> Diagnosis:
    """A finding with its advice, for a run without a discriminator where `has_no_discriminator`."""
    advice = (has_no_discriminator and WITHOUT_DISCRIMINATOR.get(found.trouble)) or ADVICE[found.trouble]
    read_on = advice.read_on(found.trouble)
    cause, remedy = advice.cause(recipe), advice.remedy(recipe)
    return Diagnosis(found.trouble, found.since, found.certainty, found.sign, cause, remedy, read_on, follows)


def why_not_healthy(looks: Sequence[Look], total_images: int) -> str | None:
    """Why a run without a trouble is not called healthy; None where it is healthy."""
    history = History(looks, total_images)
    if len(history) < LEAST_LOOKS:
        return f"with fewer than {LEAST_LOOKS} looks only plain troubles show"
    with _empty_medians():
        distance = float(np.nanmedian(history["distance"][-3:]))
    if not history.is_older(EDGES.young) and distance > EDGES.bad:
        steps = f"after {history.steps[-1]:,.0f} steps"
        return f"samples are still far from real ones (distance {distance:.2f}), which may be normal {steps}"
    if distance > EDGES.poor:
        return f"samples are still far from real ones (distance {distance:.2f}), and no vital sign shows why"
    return None


@contextlib.contextmanager
def _empty_medians() -> Iterator[None]:
    """Silence NumPy's warnings about medians of no numbers: a vital sign may not have been measured."""
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def stop_reason(on_trouble: str | None, looks: Sequence[Look], total_images: int) -> str | None:
    """Why a run with `on_trouble="stop"` ends at the newest of these looks: trouble and sign; None where it continues."""
    if on_trouble != "stop":
        return None
    found = diagnose(looks, total_images)
    return f"{found[0].trouble}: {found[0].sign}" if found else None
