"""Metadata of a run: the contents of run.json, and what has changed when a run is resumed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gansmith.core.device import environment, warn_of_changes
from gansmith.core.errors import RunError
from gansmith.core.files import read_json
from gansmith.runs.checkpoints import FORMAT

NEEDED = ("total_images", "sample_shape", "num_real", "num_skipped", "device", "num_processes", "files", "environment")


def read_metadata(path: Path) -> dict[str, Any]:
    """Read run.json. Raises RunError if its format is unknown, or if it is damaged."""
    found = read_json(path, "format")["format"]
    if found != FORMAT:
        todo = "upgrade gansmith" if isinstance(found, int) and found > FORMAT else "open it with the gansmith that made it"
        raise RunError(f"run folder {path.parent} has format {found!r}, this gansmith reads {FORMAT}: {todo}")
    return read_json(path, *NEEDED)


def new_metadata(trainer_metadata: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
    """The metadata of a new run: the trainer's part, the user's own files {path: SHA-256}, and the environment."""
    return {"format": FORMAT, **trainer_metadata, "files": files, "environment": environment()}


def changed_metadata(run: Path, then: Mapping[str, Any], trainer_metadata: Mapping[str, Any], images: int) -> dict[str, Any]:
    """The entries of run.json to replace when a run is resumed at an image count. Other changes are logged as warnings.

    Only another framework replaces entries: "framework" is the one from here on, "frameworks" lists [framework, first image].

    Raises RunError if the data have changed.
    """
    for key in ("sample_shape", "num_real"):
        if trainer_metadata[key] != then[key]:
            change = f"{key} was {then[key]}, now {trainer_metadata[key]}"
            raise RunError(f"run {run}: the data have changed, {change}; restore them, or use another --run")
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
