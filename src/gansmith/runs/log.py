"""Reading the log of a run: one JSON record a line, each with its image count."""

from __future__ import annotations

import io
import itertools
import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, ConfigDict, Field
from typing_extensions import TypedDict

from gansmith.core.files import parse_json, read_bytes
from gansmith.doctor import PREFIX

SCORE = "validation/fd"  # "score" in run.json names the feature extractor
SCORE_SAMPLES = "validation/samples"  # generated samples in it, where there was time for fewer than usual
CUT = "restore it, or delete this line"


class _Record(TypedDict):
    """The field that every record has. Vital signs, scores and times are numbers; further fields are kept."""

    __pydantic_config__ = ConfigDict(extra="allow", strict=True)  # type: ignore[misc]
    images: Annotated[int, Field(ge=0)]


def _numbers_are_numbers(record: dict[str, Any]) -> dict[str, Any]:
    for name, value in record.items():
        if (name.startswith(PREFIX) or name in _NUMBERS) and not _is_number(value) and not (value is None and name == SCORE):
            raise ValueError(f"a number as {name}")
    return record


_NUMBERS = ("epoch", "seconds", "images_per_second", SCORE)
_CHECKED = Annotated[_Record, AfterValidator(_numbers_are_numbers)]


def read_log(path: Path, *, holding: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The records of log.jsonl; empty if there is no file. A last line without its end, cut short by a kill, is skipped.

    With `holding`, only the lines in which a name begins with one of these are read: training asks for scores at each checkpoint,
    and most lines of a long log are steps.

    Raises RunError, with file, line and field, for any other line that is no record.
    """
    return list(records_in(path, holding))


def records_in(path: Path, holding: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """The records that `read_log` returns, one at a time: a log of an hour may have 40,000."""
    if not path.exists():
        return
    words = [f'"{name}'.encode() for name in holding]
    for number, line in enumerate(io.BytesIO(read_bytes(path)), 1):
        whole = line.endswith(b"\n") or (line.startswith(b"{") and line.endswith(b"}"))  # all but its end may have been written
        if whole and (not words or any(word in line for word in words)):
            yield parse_json(line.removesuffix(b"\n"), _CHECKED, f"{path}, line {number}", CUT)


def arrays_in(records: Iterable[Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """One float64 array [number of records] for each name, NaN where a record has no such entry or no number there."""
    columns: dict[str, array[float]] = {}
    count = 0
    for record in records:
        for name, value in record.items():
            column = columns.setdefault(name, array("d"))
            column.extend(itertools.repeat(math.nan, count - len(column)))
            column.append(_float(value))
        count += 1
    for column in columns.values():
        column.extend(itertools.repeat(math.nan, count - len(column)))
    return {name: np.array(column, np.float64) for name, column in columns.items()}


def scores_in(records: Sequence[Mapping[str, Any]]) -> dict[int, float]:
    """The Frechet distances among the records, by image count; infinity where samples were not finite."""
    return {r["images"]: math.inf if r[SCORE] is None else float(r[SCORE]) for r in records if SCORE in r}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _float(value: Any) -> float:
    return float(value) if _is_number(value) else math.nan
