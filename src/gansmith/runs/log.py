"""The log of a run as it is read: a record a line, each with the image count it was written at."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

SCORE = "validation/fd"  # what it was measured with stands in run.json as "score"


def read_log(path: Path) -> list[dict[str, Any]]:
    """The records of a log; a last line that a kill cut short is left out."""
    if not path.exists():
        return []
    records = []
    for line in path.read_text().splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            records.append(json.loads(line))
    return records


def arrays_in(records: Sequence[dict[str, Any]]) -> dict[str, np.ndarray]:
    """The records as arrays, one for each name, NaN where a record lacks it."""
    names = dict.fromkeys(name for record in records for name in record)
    return {name: np.array([r.get(name, np.nan) for r in records], dtype=np.float64) for name in names}


def scores_in(records: Sequence[dict[str, Any]]) -> dict[int, float]:
    """The scores among the records, by image count; infinity where the samples were no numbers."""
    return {r["images"]: math.inf if r[SCORE] is None else float(r[SCORE]) for r in records if SCORE in r}
