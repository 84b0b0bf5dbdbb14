"""Metadata of a run: the contents of run.json, and what has changed when a run is resumed."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NotRequired

from pydantic import AfterValidator, Field, FiniteFloat, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from gansmith.core.component import one_line
from gansmith.core.device import environment, warn_of_changes
from gansmith.core.errors import RunError
from gansmith.core.files import read_json
from gansmith.runs.checkpoints import FORMAT

logger = logging.getLogger("gansmith")

NEEDED = ("total_images", "sample_shape", "num_real", "num_skipped", "device", "num_processes", "files", "environment")


class Columns(TypedDict):
    """How the columns of points are scaled and drawn, as `data.modality.Points` writes it."""

    mean: list[FiniteFloat]
    scale: list[Annotated[FiniteFloat, Field(gt=0)]]
    is_signal: bool | None


def _of_equal_length(columns: Columns) -> Columns:
    """The columns, if each has a mean and a scale."""
    if len(columns["mean"]) != len(columns["scale"]):
        raise ValueError(f"expected as many scales as means, got {len(columns['scale'])} and {len(columns['mean'])}")
    return columns


class DataFields(TypedDict):
    """The fields of run.json by which data are known, found and scaled. The first runs lack them."""

    data_sha256: NotRequired[Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]
    data_path: NotRequired[str]
    columns: NotRequired[Annotated[Columns, AfterValidator(_of_equal_length)]]


_DATA_FIELDS = TypeAdapter(DataFields)


def read_metadata(path: Path) -> dict[str, Any]:
    """Read run.json. Raises RunError if its format is unknown, or if it is damaged."""
    found = read_json(path, "format")["format"]
    if found != FORMAT:
        todo = "upgrade gansmith" if isinstance(found, int) and found > FORMAT else "open it with the gansmith that made it"
        raise RunError(f"run folder {path.parent} has format {found!r}, this gansmith reads {FORMAT}: {todo}")
    metadata = read_json(path, *NEEDED)
    try:
        _DATA_FIELDS.validate_python(metadata)
    except ValidationError as error:
        raise RunError(
            f"{path} is damaged: {one_line('run.json', error)}; restore the file, or train in another folder"
        ) from None
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
    """Raise RunError unless the data are those that a run was begun with. Logs a warning for a run that can't tell."""
    for key in ("sample_shape", "num_real"):
        if now[key] != then[key]:
            change = f"{key} was {then[key]}, now {now[key]}"
            raise RunError(f"run {run}: the data have changed, {change}; restore them, or use another --run")
    if then.get("data_sha256") is None:
        logger.warning(f"run {run} was begun before data were known by a digest: whether they have changed can't be checked")
    elif now["data_sha256"] != then["data_sha256"]:
        change = f"their SHA-256 was {then['data_sha256'][:12]}..., now {now['data_sha256'][:12]}..."
        raise RunError(
            f"run {run}: the data have changed, {change}; restore them, name their place with --data, or use another --run"
        )


def runs_in(folder: str | Path) -> list[str]:
    """The run folders directly inside a folder, sorted."""
    with contextlib.suppress(OSError, ValueError):
        return sorted(entry.path for entry in os.scandir(folder) if os.path.isfile(os.path.join(entry.path, "recipe.json")))
    return []
