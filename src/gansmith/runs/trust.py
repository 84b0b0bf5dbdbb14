"""Trust: read recipe.json. A Python file of the user's own that a recipe needs runs only if the user names it, or has done so."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from gansmith.core.component import from_json
from gansmith.core.errors import GansmithError, RecipeError, RunError
from gansmith.core.files import read_json
from gansmith.core.user_code import digest_of, hashes_of_own_files, load_file
from gansmith.recipes.base import Recipe
from gansmith.runs import trusted_files


def trusted_recipe(path: Path, files: Mapping[str, str], trust: str | Path | None) -> Recipe:
    """Read recipe.json. `files` are the user's own files that the run was made with, {path: SHA-256}; `trust` names one to run.

    A file named once is remembered by its SHA-256, so `trust` may be left out from then on, until `gansmith trust --revoke`.

    Raises RunError if a file is neither named nor remembered, if `trust` names another file, if the file has changed, or if
    recipe.json holds no recipe.
    """
    run = path.parent
    digest = None
    if trust is not None:
        digest = check_trust(trust, files, run)
        load_file(trust, digest)
    missing = _load_remembered({sha for sha in files.values() if sha != digest})
    try:
        recipe = from_json(read_json(path))
    except RecipeError as error:
        if missing:
            needed = {name: sha for name, sha in files.items() if sha in missing}
            raise RunError(
                f"{run} uses code of your own, {named(needed)}: name that file or a copy with --trust FILE; it is remembered"
            ) from None
        raise RunError(f"{path}: {error}") from None
    if not isinstance(recipe, Recipe):
        raise RunError(f"{path}: expected a recipe, got {type(recipe).__name__}; restore the file, or train in another folder")
    if changed := set(hashes_of_own_files(recipe).values()) - set(files.values()):
        raise RunError(f"{run} was made with {named(files)}; the file has changed since ({min(changed)[:12]}...): restore it")
    if trust is not None and digest is not None and digest in files.values():
        with contextlib.suppress(GansmithError):  # without a list, the file is named again next time
            trusted_files.remember(trust, digest)
    return recipe


def check_trust(trust: str | Path, files: Mapping[str, str], run: Path) -> str:
    """The SHA-256 of the file that `trust` names. Raises RunError if the run is made with own files, and it is none of them."""
    digest = digest_of(trust)
    if files and digest not in files.values():
        raise RunError(f"{trust} has SHA-256 {digest[:12]}..., but {run} was made with {named(files)}: name that file")
    return digest


def _load_remembered(digests: set[str]) -> set[str]:
    """Run those of the files, given by their SHA-256, that the user has trusted before. Returns the others."""
    if not digests:
        return set()
    known = trusted_files.trusted_files()
    loaded = set()
    for digest in digests & known.keys():
        with contextlib.suppress(GansmithError):  # the file is gone, or other than it was
            load_file(known[digest].path, digest)
            loaded.add(digest)
    return digests - loaded


def named(files: Mapping[str, str]) -> str:
    """Files with their SHA-256, {path: SHA-256}, in an error message."""
    return ", ".join(f"{path} (SHA-256 {digest[:12]}...)" for path, digest in files.items()) or "no file"
