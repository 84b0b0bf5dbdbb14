"""Claiming a run folder: it is held against every other process, and left as it was where no run comes of it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from gansmith.core.errors import RunError
from gansmith.core.files import disk_errors

FOLDERS = ("samples", "checkpoints", "generator")  # which a run makes in its own before it has a recipe


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a run folder, made where there is none, until the block ends.

    Raises RunError where the folder holds something else, or another process is in it.
    """
    missing = [p for p in (path, *path.parents) if not p.exists()]
    if path.exists() and not path.is_dir():
        raise RunError(f"run folder {path} is a file; choose another path with --run")
    if not missing and not (path / "recipe.json").is_file() and not _empty(path):
        raise RunError(f"{path} holds files but no run; choose an empty or new folder with --run")
    with disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    with _lock(path):
        try:
            yield
        finally:
            if not (path / "recipe.json").exists():  # refused before it began: leave nothing behind
                for begun in filter(_begun, path.iterdir()):
                    shutil.rmtree(begun) if begun.is_dir() else begun.unlink()
                for folder in missing:
                    folder.rmdir()


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold the folder; the system lets go of it when the process ends, however it ends."""
    import fcntl

    with disk_errors(path / ".lock"), open(path / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"run folder {path} is being trained by another process; wait for it, or choose another --run"
            ) from None
        yield


def _empty(path: Path) -> bool:
    """Whether a folder holds nothing, or nothing but a run that was never begun, which a lock tells from a namesake's files."""
    inside = list(path.iterdir())
    return not inside or ((path / ".lock").exists() and all(map(_begun, inside)))


def _begun(path: Path) -> bool:
    """Whether this is what a run leaves that ended before it had a recipe: a lock, empty folders, temporary files."""
    if path.is_dir():
        return path.name in FOLDERS and not any(path.iterdir())
    return path.name in (".lock", "run.json") or (path.name.startswith(".") and path.name.endswith(".tmp"))
