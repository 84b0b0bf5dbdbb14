"""Metadata of a run: the contents of run.json, and what has changed when a run is resumed."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, FiniteFloat
from typing_extensions import TypedDict

from gansmith.core.component import short
from gansmith.core.device import environment, warn_of_changes
from gansmith.core.errors import RunError
from gansmith.core.files import RESTORE, parse_json, read_bytes
from gansmith.runs.checkpoints import FORMAT

logger = logging.getLogger("gansmith")

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
_KEPT = ConfigDict(extra="allow", strict=True)  # fields that this version does not know are kept, and ignored


class _Recovery(TypedDict):
    """A recovery, as `training.recovery.Recovery` writes it."""

    __pydantic_config__ = _KEPT  # type: ignore[misc]
    images: Count
    trouble: str
    since: Count
    start: Count
    changes: list[str]
    why: str


class Columns(TypedDict):
    """How the columns of points are scaled and drawn, as `data.modality.Points` writes it."""

    mean: list[FiniteFloat]
    scale: list[Annotated[FiniteFloat, Field(ge=0)]]
    is_signal: bool | None


def _of_equal_length(columns: Columns) -> Columns:
    """The columns, if each has a mean and a scale."""
    if len(columns["mean"]) != len(columns["scale"]):
        raise ValueError(f"expected as many scales as means, got {len(columns['scale'])} and {len(columns['mean'])}")
    return columns


class _Metadata(TypedDict):
    """The fields of run.json. Those that the first runs lack are not required."""

    __pydantic_config__ = _KEPT  # type: ignore[misc]
    format: Any
    total_images: Positive
    sample_shape: Annotated[list[Positive], Field(min_length=1, max_length=3)]
    source_shape: NotRequired[Annotated[list[Positive], Field(min_length=3, max_length=3)]]
    picture_shape: NotRequired[Annotated[list[Positive], Field(min_length=3, max_length=3)]]
    num_real: Count
    num_skipped: Count
    device: str
    num_processes: Positive
    files: dict[str, str]
    environment: dict[str, Any]
    epoch_images: NotRequired[Positive]
    kinds: NotRequired[list[Annotated[float, Field(ge=0, le=1)]] | None]
    classes: NotRequired[list[str] | None]
    framework: NotRequired[str]
    frameworks: NotRequired[list[Annotated[list[str | Count], Field(min_length=2, max_length=2)]]]  # [name, first image]
    precision: NotRequired[str]
    scorings: NotRequired[Count]
    looks: NotRequired[Count]
    score: NotRequired[str | None]
    left_at: NotRequired[list[Count]]
    thread_changes: NotRequired[list[Annotated[list[Positive], Field(min_length=2, max_length=2)]]]  # [images, threads]
    recoveries: NotRequired[list[_Recovery]]
    data_sha256: NotRequired[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]  # by which the data are known
    data_path: NotRequired[str]  # from the run folder
    columns: NotRequired[Annotated[Columns, AfterValidator(_of_equal_length)]]


class _Best(TypedDict):
    __pydantic_config__ = _KEPT  # type: ignore[misc]
    images: Count
    value: float


class _Results(TypedDict):
    __pydantic_config__ = _KEPT  # type: ignore[misc]
    images: Count
    seconds: float
    best: NotRequired[_Best]
    stopped: NotRequired[str]
    recoveries: NotRequired[list[_Recovery]]
    num_judged: NotRequired[Count]


def _is_judged(results: dict[str, Any]) -> dict[str, Any]:
    """With the discriminator's accuracy stand the numbers that it comes from."""
    for name in ("num_judged", "accuracy_real", "accuracy_fake", "accuracy", "D(new fake)"):
        if "accuracy" in results and not isinstance(results.get(name), (int, float)):
            raise ValueError(f"a number as {name}")
    return results


Results = Annotated[_Results, AfterValidator(_is_judged)]  # the fields of results.json


def read_metadata(path: Path) -> dict[str, Any]:
    """Read run.json. Raises RunError if its format is unknown, or if it is damaged."""
    content = read_bytes(path, RESTORE)
    found = parse_json(content, dict[str, Any], str(path)).get("format", FORMAT)  # a missing one is an error below
    if found != FORMAT:
        todo = "upgrade gansmith" if isinstance(found, int) and found > FORMAT else "open it with the gansmith that made it"
        raise RunError(f"run folder {path.parent} has format {short(found)}, this gansmith reads {FORMAT}: {todo}")
    metadata: dict[str, Any] = parse_json(content, _Metadata, str(path))
    if (mean := (metadata.get("columns") or {}).get("mean")) and metadata["sample_shape"] != [len(mean)]:
        expected = " x ".join(map(str, metadata["sample_shape"]))
        raise RunError(f"{path} is damaged: columns: expected means of {expected} values, got {len(mean)}; restore the file")
    return metadata


def new_metadata(trainer_metadata: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
    """The metadata of a new run: the trainer's part, the user's own files {path: SHA-256}, and the environment."""
    return {"format": FORMAT, **trainer_metadata, "files": files, "environment": environment()}


def changed_metadata(run: Path, then: Mapping[str, Any], trainer_metadata: Mapping[str, Any], images: int) -> dict[str, Any]:
    """The entries of run.json to replace when a run is resumed at an image count. Other changes are logged as warnings.

    Data that were moved replace "data_path"; a run that was made before data had digests gets "data_sha256". Another framework
    replaces "framework", the one from here on, and "frameworks", which lists [framework, first image].

    Raises RunError if the data have changed.
    """
    check_data(run, then, trainer_metadata)
    if then.get("data_sha256") is None:
        logger.warning(f"run {run} was begun before data were known by a digest: whether they have changed can't be checked")
    before = {"framework": "torch", **then["environment"], **then}
    now = {**environment(), **trainer_metadata}
    warn_of_changes(before, now)
    place = {key: trainer_metadata[key] for key in ("data_sha256", "data_path") if trainer_metadata.get(key) != then.get(key)}
    if before["framework"] == now["framework"]:
        return place
    since = [*then.get("frameworks", [[before["framework"], 0]]), [now["framework"], images]]
    versions = {key: trainer_metadata[key] for key in ("tensorflow", "keras") if key in trainer_metadata}
    return place | versions | {"framework": now["framework"], "frameworks": since}


def check_data(run: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise RunError unless the data are those that a run was begun with, as far as it can tell: the first runs lack a digest."""
    for key in ("sample_shape", "num_real"):
        if now[key] != then[key]:
            change = f"{key} was {then[key]}, now {now[key]}"
            raise RunError(f"run {run}: the data have changed, {change}; restore them, or use another --run")
    if then.get("data_sha256") not in (None, now["data_sha256"]):
        change = f"their SHA-256 was {then['data_sha256'][:12]}..., now {now['data_sha256'][:12]}..."
        raise RunError(
            f"run {run}: the data have changed, {change}; restore them, name their place with --data, or use another --run"
        )


def runs_in(folder: str | Path) -> list[str]:
    """The run folders directly inside a folder, sorted."""
    with contextlib.suppress(OSError, ValueError):
        return sorted(entry.path for entry in os.scandir(folder) if os.path.isfile(os.path.join(entry.path, "recipe.json")))
    return []
