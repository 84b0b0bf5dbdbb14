"""Metadata of a run: the contents of run.json, and what has changed when a run is resumed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NotRequired

from pydantic import AfterValidator, ConfigDict, Field
from typing_extensions import TypedDict

from gansmith.core.component import short
from gansmith.core.device import environment, warn_of_changes
from gansmith.core.errors import RunError
from gansmith.core.files import parse_json, read_bytes
from gansmith.runs.checkpoints import FORMAT

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


class _Metadata(TypedDict):
    """The fields of run.json. Those that the first runs lack are not required."""

    __pydantic_config__ = _KEPT  # type: ignore[misc]
    format: Any
    total_images: Positive
    sample_shape: Annotated[list[Positive], Field(min_length=1, max_length=3)]
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
    frameworks: NotRequired[list[tuple[str, Count]]]
    precision: NotRequired[str]
    scorings: NotRequired[Count]
    looks: NotRequired[Count]
    score: NotRequired[str | None]
    left_at: NotRequired[list[Count]]
    thread_changes: NotRequired[list[Annotated[list[Positive], Field(min_length=2, max_length=2)]]]  # [images, threads]
    recoveries: NotRequired[list[_Recovery]]


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
    content = read_bytes(path)
    found = parse_json(content, dict[str, Any], str(path)).get("format", FORMAT)  # a missing one is told below
    if found != FORMAT:
        todo = "upgrade gansmith" if isinstance(found, int) and found > FORMAT else "open it with the gansmith that made it"
        raise RunError(f"run folder {path.parent} has format {short(found)}, this gansmith reads {FORMAT}: {todo}")
    metadata: dict[str, Any] = parse_json(content, _Metadata, str(path))
    return metadata


def new_metadata(trainer_metadata: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
    """The metadata of a new run: the trainer's part, the user's own files {path: SHA-256}, and the environment."""
    return {"format": FORMAT, **trainer_metadata, "files": files, "environment": environment()}


def check_same_data(run: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise RunError if the data have changed since a run was begun."""
    for key in ("sample_shape", "num_real"):
        if now[key] != then[key]:
            change = f"{key} was {then[key]}, now {now[key]}"
            raise RunError(f"run {run}: the data have changed, {change}; restore them, or use another --run")


def changed_metadata(run: Path, then: Mapping[str, Any], trainer_metadata: Mapping[str, Any], images: int) -> dict[str, Any]:
    """The entries of run.json to replace when a run is resumed at an image count. Other changes are logged as warnings.

    Only another framework replaces entries: "framework" is the one from here on, "frameworks" lists [framework, first image].

    Raises RunError if the data have changed.
    """
    check_same_data(run, then, trainer_metadata)
    before = {"framework": "torch", **then["environment"], **then}
    now = {**environment(), **trainer_metadata}
    warn_of_changes(before, now)
    if before["framework"] == now["framework"]:
        return {}
    since = [*then.get("frameworks", [[before["framework"], 0]]), [now["framework"], images]]
    versions = {key: trainer_metadata[key] for key in ("tensorflow", "keras") if key in trainer_metadata}
    return versions | {"framework": now["framework"], "frameworks": since}


def runs_in(folder: str | Path) -> list[str]:
    """The run folders directly inside a folder, sorted."""
    with contextlib.suppress(OSError, ValueError):
        return sorted(entry.path for entry in os.scandir(folder) if os.path.isfile(os.path.join(entry.path, "recipe.json")))
    return []
