"""Reading the log of a run: one JSON record a line, each with its image count."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gansmith.core.user_input import read_text

SCORE = "validation/fd"  # "score" in run.json names the feature extractor


def read_log(path: Path) -> list[dict[str, Any]]:
    """The records of log.jsonl; empty if there is no file. A last line cut short by a kill is skipped."""
    if not path.exists():
        return []
    records = []
    for line in read_text(path).splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            records.append(json.loads(line))
    return records


def arrays_in(records: Sequence[dict[str, Any]]) -> dict[str, np.ndarray]:
    """One float64 array [len(records)] for each name, NaN where a record has no such entry."""
    names = dict.fromkeys(name for record in records for name in record)
    return {name: np.array([r.get(name, np.nan) for r in records], dtype=np.float64) for name in names}


def scores_in(records: Sequence[dict[str, Any]]) -> dict[int, float]:
    """The Frechet distances among the records, by image count; infinity where samples were not finite."""
    return {r["images"]: math.inf if r[SCORE] is None else float(r[SCORE]) for r in records if SCORE in r}
