"""The facts of a run: what its run.json says beside the recipe, and what of it has changed where the run goes on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gansmith.core.device import environment, warn_of_changes
from gansmith.core.errors import RunError
from gansmith.core.files import read_json
from gansmith.runs.checkpoints import FORMAT

NEEDED = ("total_images", "sample_shape", "num_real", "num_skipped", "device", "num_processes", "files", "environment")


def read_metadata(path: Path) -> dict[str, Any]:
    """Those in a run's file. Raises RunError where they are of a format that is not read, or damaged."""
    found = read_json(path, "format")["format"]
    if found != FORMAT:
        todo = "upgrade gansmith" if isinstance(found, int) and found > FORMAT else "open it with the gansmith that made it"
        raise RunError(f"run folder {path.parent} has format {found!r}, this gansmith reads {FORMAT}: {todo}")
    return read_json(path, *NEEDED)


def new_metadata(of_trainer: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
    """Those of a run that begins here: what its trainer says, the user's own files it uses, and the machine."""
    return {"format": FORMAT, **of_trainer, "files": files, "environment": environment()}


def changed_metadata(run: Path, then: Mapping[str, Any], of_trainer: Mapping[str, Any], images: int) -> dict[str, Any]:
    """What must be written down anew where a run goes on at an image count; what else has changed is said.

    That is another framework: "framework" trains from here on, "frameworks" says since when.

    Raises RunError where the data have changed.
    """
    for key in ("sample_shape", "num_real"):
        if of_trainer[key] != then[key]:
            raise RunError(f"{run}: the data have changed, {key} was {then[key]}, now {of_trainer[key]}")
    before = {"framework": "torch", **then["environment"], **then}
    now = {**environment(), **of_trainer}
    warn_of_changes(before, now)
    if before["framework"] == now["framework"]:
        return {}
    since = [*then.get("frameworks", [[before["framework"], 0]]), [now["framework"], images]]
    versions = {key: of_trainer[key] for key in ("tensorflow", "keras") if key in of_trainer}
    return versions | {"framework": now["framework"], "frameworks": since}
