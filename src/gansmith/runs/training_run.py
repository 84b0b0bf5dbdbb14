"""The run folder while it trains: locked, compared with the recipe, written to."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from torch import Tensor

from gansmith.core import distributed
from gansmith.core.component import differences, to_json
from gansmith.core.errors import RunError, some
from gansmith.core.files import disk_errors, write_json
from gansmith.core.user_code import hashes_of_own_files
from gansmith.core.user_input import expanded
from gansmith.data.location import path_of, same_path
from gansmith.recipes.base import Recipe
from gansmith.runs.checkpoints import Checkpoint
from gansmith.runs.data_place import at_place_of, loaded_metadata
from gansmith.runs.lock import FOLDERS, locked
from gansmith.runs.metadata import changed_metadata, check_data, new_metadata
from gansmith.runs.run import Run
from gansmith.runs.trust import named

KEPT_CHECKPOINTS = 3
KEPT_FOR_RECOVERY = 8  # for a run that may recover: one of them should be older than the trouble


class TrainingRun(Run):
    """A run folder that training has locked, and writes to."""

    has_moved_data = False  # whether recipe.json names a former place of the data

    @classmethod
    @contextlib.contextmanager
    def locked(cls, path: str | Path, recipe: Recipe, *, trust: str | Path | None = None) -> Iterator[Self]:
        """Open or make a run folder to train in, locked for the duration of a `with` block.

        Raises RunError if the folder holds other files or a run of another recipe, or if another process has locked it.
        """
        path = expanded(path)
        if distributed.rank() != 0:
            yield cls(path, recipe, {})
            return
        with locked(path):
            if (path / "recipe.json").is_file():
                run = cls.open(path, trust=trust)
                run.check_same(recipe)
                run.take_data(recipe)
                yield run
            else:
                yield cls(path, recipe, {})

    def check_same(self, recipe: Recipe) -> None:
        """Raise RunError if this run has another recipe, listing the fields that differ, or if a file of your own changed."""
        comparable = dataclasses.replace(recipe, why=self.recipe.why)  # the reasons of a choice may be worded differently
        comparable = at_place_of(comparable, self.recipe, self.metadata)  # `begin` compares the content of the data
        changed = list(differences(to_json(self.recipe), to_json(comparable)))
        if changed:
            message = some((f"{place} was {_text(old)}, now {_text(new)}" for place, old, new in changed), separator="; ")
            older = [place for place, old, new in changed if place.split(".")[-1] == "rules" and (old, new) == (1, 2)]
            todo = f"To go on with the older run, add {older[0]}=1. To start anew, c" if older else "C"
            raise RunError(f"run folder {self.path} holds another recipe: {message}. {todo}hoose another folder with --run")
        files = set(hashes_of_own_files(recipe).values())
        if files != set(self.metadata.get("files", {}).values()):
            raise RunError(
                f"run folder {self.path} was made with {named(self.metadata['files'])}, which has changed; use another --run"
            )

    def take_data(self, recipe: Recipe) -> None:
        """Read the data from where a recipe has them. Raises DataError if nothing is there."""
        if not same_path(path_of(recipe.data), path_of(self.recipe.data)):
            self.recipe, self.has_moved_data = dataclasses.replace(self.recipe, data=recipe.data), True
        _ = self.data

    def begin(self, metadata: dict[str, Any]) -> None:
        """Write recipe.json and run.json of a new run. For a run that is resumed, log what changed on the machine.

        Raises RunError if the data have changed.
        """
        if distributed.rank() != 0:
            self.metadata = metadata
            return
        with disk_errors(self.path):
            for name in FOLDERS:
                (self.path / name).mkdir(exist_ok=True)
        if (self.path / "recipe.json").exists():
            if changed := changed_metadata(self.path, self.metadata, metadata, self.images):
                self.update_metadata(**changed)
            self._write_moved_data()
        else:
            self.update_metadata(**new_metadata(metadata, hashes_of_own_files(self.recipe)))
            write_json(self.path / "recipe.json", to_json(self.recipe))  # last: a folder with a recipe is a run

    def keep_data_place(self) -> None:
        """Write down where the data of a finished run were moved to. Raises RunError if they are other data."""
        if self.has_moved_data and distributed.rank() == 0:
            now = loaded_metadata(self.path, self.recipe.data)
            check_data(self.path, self.metadata, now)
            self.update_metadata(**{key: now[key] for key in ("data_sha256", "data_path")})
            self._write_moved_data()

    def _write_moved_data(self) -> None:
        """Write the new place of the data into recipe.json."""
        if self.has_moved_data:
            write_json(self.path / "recipe.json", to_json(self.recipe))

    def discard(self) -> None:
        """Delete a new run that has no checkpoint yet: everything that `begin` and the first pictures have written."""
        for name in ("recipe.json", "run.json", "log.jsonl"):  # recipe.json first: what is left is then no run
            (self.path / name).unlink(missing_ok=True)
        for name in (*FOLDERS, "events"):
            shutil.rmtree(self.path / name, ignore_errors=True)

    def update_metadata(self, **metadata: Any) -> None:
        """Add entries to the metadata in run.json, or replace them."""
        self.metadata |= metadata
        write_json(self.path / "run.json", self.metadata)

    def save(self, saved: Checkpoint, sampler: dict[str, Tensor]) -> None:
        """Write a checkpoint and the generator's weights, then delete the oldest checkpoints. Each file is written atomically."""
        self.checkpoints.write(saved, sampler)
        self.checkpoints.prune(KEPT_FOR_RECOVERY if self.may_recover else KEPT_CHECKPOINTS, self.best, self.interrupted_at)

    @property
    def may_recover(self) -> bool:
        """Whether training returns to an earlier checkpoint when the doctor finds trouble (`watch.on_trouble=recover`)."""
        return self.recipe.watch is not None and self.recipe.watch.on_trouble == "recover"

    @property
    def interrupted_at(self) -> list[int]:
        """Image counts of checkpoints written because training was interrupted. Recorded only for runs that may recover."""
        return list(self.metadata.get("left_at", ()))

    @property
    def recovery_points(self) -> list[int]:
        """Image counts of the checkpoints that a recovery may start from, the newest first: all except `interrupted_at`."""
        return [images for images in self.checkpoints.images if images not in self.interrupted_at]


def _text(value: Any) -> str:
    """A value of a recipe in an error message; for a component, only its type."""
    return json.dumps(value) if not isinstance(value, dict) else str(value.get("type", value))
