"""What is going wrong in a run, in plain words, from the vital signs in its log alone (`watching.py` takes them).

`seen` reads the log, `rules` has the rules and where each begins to speak, `advice` the causes and remedies. Nothing here needs
PyTorch.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gansmith.doctor.advice import ADVICE, Advice
from gansmith.doctor.rules import LAST, RULES, Found
from gansmith.doctor.seen import LEAST_LOOKS, PREFIX, Look, Seen, Trouble

if TYPE_CHECKING:
    from gansmith.recipe import Watch

__all__ = ["LEAST_LOOKS", "PREFIX", "Diagnosis", "Look", "Seen", "Trouble", "diagnose", "ends", "looks_in"]


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


def looks_in(records: Sequence[Look]) -> list[dict[str, Any]]:
    """What the doctor has seen, among the records of a log."""
    return [dict(r) for r in records if f"{PREFIX}finite" in r or f"{PREFIX}recovery" in r]


def diagnose(looks: Sequence[Look], total_images: int) -> list[Diagnosis]:
    """What is wrong after the newest of these looks, the gravest first; empty where nothing is, or nobody has looked."""
    seen = Seen(looks, total_images)
    if not len(seen):
        return []
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of medians of nothing, where a sign was not taken
        found = [f for rule in RULES if (f := rule(seen)) is not None]
        found = found or [f for rule in LAST if (f := rule(seen)) is not None]
    return [_said(f) for f in {f.trouble: f for f in reversed(found)}.values()][::-1]


def _said(found: Found) -> Diagnosis:
    said, read_on = ADVICE[found.trouble], Advice.read_on(found.trouble)
    return Diagnosis(found.trouble, found.since, found.certainty, found.sign, said.cause, said.remedy, read_on)


def ends(watch: Watch | None, looks: Sequence[Look], total_images: int) -> str | None:
    """Why a run that is to stop at a trouble ends here; None where it goes on."""
    if watch is None or watch.on_trouble != "stop":
        return None
    found = diagnose(looks, total_images)
    return f"{found[0].trouble}: {found[0].sign}" if found else None
