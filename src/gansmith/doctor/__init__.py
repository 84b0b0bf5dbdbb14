"""What is going wrong in a run, in plain words, from the vital signs in its log alone (`watching.py` takes them).

`seen` reads the log, `rules` has the rules and where each begins to speak, `advice` the causes and remedies. Nothing here needs
PyTorch.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from gansmith.doctor.advice import ADVICE, ALONE, Advice
from gansmith.doctor.history import LEAST_LOOKS, PREFIX, History, Look, Trouble
from gansmith.doctor.rules import EDGES, LAST, RULES, Found

__all__ = ["LEAST_LOOKS", "PREFIX", "Diagnosis", "Look", "Seen", "Trouble", "diagnose", "ends", "looks_in", "why_not_healthy"]

MOST_FOLLOWING = 2
# What is not worth a word beside a trouble: the same seen from another side, or a sign that would lead astray.
COVERS: dict[Trouble, tuple[Trouble, ...]] = {
    "collapse": ("partial collapse",),
    "stands still": ("wrong range", "D the wrong way round"),
    "wrong range": ("dead units",),
}


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
    follows: bool = False  # from the trouble that is named before it


def looks_in(records: Sequence[Look]) -> list[dict[str, Any]]:
    """What the doctor has seen, among the records of a log."""
    return [dict(r) for r in records if f"{PREFIX}finite" in r or f"{PREFIX}recovery" in r]


def diagnose(looks: Sequence[Look], total_images: int) -> list[Diagnosis]:
    """What is wrong after the newest of these looks: the cause, and at most two troubles that follow from it.

    Empty where nothing is wrong, or nobody has looked.
    """
    seen = History(looks, total_images)
    if not len(seen):
        return []
    with _of_nothing():
        found = [f for rule in RULES if (f := rule(seen)) is not None]
        found = found or [f for rule in LAST if (f := rule(seen)) is not None]
    by_trouble: dict[Trouble, Found] = {}
    for f in found:
        by_trouble.setdefault(f.trouble, f)
    covered = _covered_by(by_trouble.keys() - _covered_by(by_trouble))  # what is covered itself covers nothing
    named = [f for f in by_trouble.values() if f.trouble not in covered]
    is_alone = not np.isfinite(seen["told_apart"]).any()
    return [_said(f, is_alone, follows=i > 0) for i, f in enumerate(named[: 1 + MOST_FOLLOWING])]


def _covered_by(troubles: Iterable[Trouble]) -> set[Trouble]:
    return {name for trouble in troubles for name in COVERS.get(trouble, ())}


def _said(found: Found, is_alone: bool, follows: bool) -> Diagnosis:
    said, read_on = (is_alone and ALONE.get(found.trouble)) or ADVICE[found.trouble], Advice.read_on(found.trouble)
    return Diagnosis(found.trouble, found.since, found.certainty, found.sign, said.cause, said.remedy, read_on, follows)


def why_not_healthy(looks: Sequence[Look], total_images: int) -> str | None:
    """Why a run in which nothing is wrong is not called healthy yet; None where it is."""
    seen = History(looks, total_images)
    if len(seen) < LEAST_LOOKS:
        return f"below {LEAST_LOOKS} looks only what is plain can be seen"
    with _of_nothing():
        distance = float(np.nanmedian(seen["distance"][-3:]))
    if not seen.is_older(EDGES.young) and distance > EDGES.bad:
        steps = f"after {seen.steps[-1]:,.0f} steps"
        return f"samples are still far from real ones (distance {distance:.2f}), and {steps} that may be how it begins"
    if distance > EDGES.poor:
        return f"samples are still far from real ones (distance {distance:.2f}), and no sign says why"
    return None


@contextlib.contextmanager
def _of_nothing() -> Iterator[None]:
    """Medians of nothing are no error: a sign may not have been taken."""
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def ends(on_trouble: str | None, looks: Sequence[Look], total_images: int) -> str | None:
    """Why a run that is to stop at a trouble ends here; None where it goes on."""
    if on_trouble != "stop":
        return None
    found = diagnose(looks, total_images)
    return f"{found[0].trouble}: {found[0].sign}" if found else None
