"""Trust: read recipe.json. A Python file of the user's own that a recipe needs runs only if the user names it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from gansmith.core.component import from_json
from gansmith.core.errors import RecipeError, RunError
from gansmith.core.files import read_json
from gansmith.core.user_code import hashes_of_own_files, load_file, read_code
from gansmith.recipes.base import Recipe


def trusted_recipe(path: Path, files: Mapping[str, str], trust: str | Path | None) -> Recipe:
    """Read recipe.json. `files` are the user's own files that the run was made with, {path: SHA-256}; `trust` names one to run.

    Raises RunError if `trust` is missing or names another file, if the file has changed, or if recipe.json holds no recipe.
    """
    run = path.parent
    if trust is not None:
        check_trust(trust, files, run)
        load_file(trust)
    try:
        recipe = from_json(read_json(path))
    except RecipeError as error:
        if files and trust is None:
            raise RunError(f"{run} uses code of your own, {named(files)}: name that file or a copy with --trust FILE") from None
        raise RunError(f"{path}: {error}") from None
    if not isinstance(recipe, Recipe):
        raise RunError(f"{path}: expected a recipe, got {type(recipe).__name__}; restore the file, or train in another folder")
    if changed := set(hashes_of_own_files(recipe).values()) - set(files.values()):
        raise RunError(f"{run} was made with {named(files)}; the file has changed since ({min(changed)[:12]}...): restore it")
    return recipe


def check_trust(trust: str | Path, files: Mapping[str, str], run: Path) -> None:
    """Raise RunError if `trust` names none of the user's own files that a run is made with, {path: SHA-256}."""
    digest = hashlib.sha256(read_code(trust)).hexdigest()
    if files and digest not in files.values():
        raise RunError(f"{trust} has SHA-256 {digest[:12]}..., but {run} was made with {named(files)}: name that file")


def named(files: Mapping[str, str]) -> str:
    """Files with their SHA-256, {path: SHA-256}, in an error message."""
    return ", ".join(f"{path} (SHA-256 {digest[:12]}...)" for path, digest in files.items()) or "no file"
