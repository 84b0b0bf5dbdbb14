"""Where the data of a run are: found from any directory, and taken from another place if the content is the same."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gansmith.core.errors import DataError
from gansmith.core.formatting import shell_word
from gansmith.data import Samples, Source, location
from gansmith.recipes.base import Recipe


def with_located_data(recipe: Recipe, run: Path, metadata: Mapping[str, Any]) -> Recipe:
    """The recipe of a run with the path of its data as it is found from the working directory."""
    data = location.located(recipe.data, run, metadata.get("data_path"))
    return recipe if data is recipe.data else dataclasses.replace(recipe, data=data)


def at_place_of(recipe: Recipe, stored: Recipe, metadata: Mapping[str, Any]) -> Recipe:
    """A recipe with its data at the place of the stored recipe's, for a comparison of everything but this place.

    The recipe itself where another place makes other data: the content is unknown, and the old place is still there.
    """
    then, now = location.path_of(stored.data), location.path_of(recipe.data)
    if then is None or now is None or then == now:
        return recipe
    if location.same_path(then, now) or "data_sha256" in metadata or not _exists(then):
        return dataclasses.replace(recipe, data=location.moved(recipe.data, then))
    return recipe


def data_metadata(run: Path, source: Source, samples: Samples) -> dict[str, Any]:
    """The fields of run.json by which the data are known and found: their digest, and their path from the run folder."""
    path = location.path_of(source)
    place = {} if path is None else {"data_path": location.from_folder(path, run)}
    return {"data_sha256": location.digest_of_samples(samples), **place}


def loaded_metadata(run: Path, source: Source) -> dict[str, Any]:
    """Load the data of a finished run from a new place: the fields of run.json that are compared with the stored ones."""
    samples = source.load()
    shown = {"sample_shape": list(samples.shape), "num_real": len(samples)}
    return shown | data_metadata(run, source, samples)


def check_data_place(run: Path, recipe: Recipe) -> None:
    """Raise DataError if nothing is at the path of a run's data any more."""
    if (path := location.path_of(recipe.data)) is not None and not _exists(path):
        raise DataError(
            f"the data of run {run} are no longer at {path}: tell it their new place, with "
            f"gansmith train {shell_word(run)} --data PATH"
        )


def _exists(path: str) -> bool:
    return os.path.exists(os.path.expanduser(path))
