"""The lock of a run folder: one process at a time trains a run. A folder in which no run begins stays as it was."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from gansmith.core.errors import RunError
from gansmith.core.files import disk_errors

FOLDERS = ("samples", "checkpoints", "generator")  # made in a run folder before its recipe.json is written


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock a run folder for the duration of a `with` block. A folder that does not exist is made.

    A folder without recipe.json at the end of the block holds no run: everything that the block left in it is removed.

    Raises RunError if the folder holds files but no run, or if another process has locked it.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    if path.exists() and not path.is_dir():
        raise RunError(f"run folder {path} is a file; choose another path with --run")
    if not missing and not (path / "recipe.json").is_file() and not _is_free(path):
        raise RunError(f"{path} holds files but no run; choose an empty or new folder with --run")
    try:
        with disk_errors(path), _lock(path):
            try:
                yield
            finally:
                if not (path / "recipe.json").exists():
                    _remove_leftovers(path)
    finally:
        for folder in missing:
            with contextlib.suppress(OSError):  # not empty: a run began in it
                folder.rmdir()


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold the lock file of a folder. The operating system releases it when the process ends, even when it is killed."""
    path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path / ".lock", timeout=0, thread_local=False)  # a generator may be closed in another thread
    try:
        lock.acquire()
    except Timeout:
        raise RunError(f"run folder {path} is being trained by another process; wait for it, or choose another --run") from None
    try:
        yield
    finally:
        lock.release()


def _is_free(path: Path) -> bool:
    """Whether a folder is empty, or holds only leftovers of a run that never began. A lock file proves that they are."""
    entries = list(path.iterdir())
    return not entries or ((path / ".lock").exists() and all(map(_is_leftover, entries)))


def _is_leftover(path: Path) -> bool:
    """Whether a path may be left from a run that ended before it wrote recipe.json: lock file, empty folder, temporary file."""
    if path.is_dir():
        return path.name in FOLDERS and not any(path.iterdir())
    return path.name in (".lock", "run.json") or (path.name.startswith(".") and path.name.endswith(".tmp"))


def _remove_leftovers(path: Path) -> None:
    """Delete the leftovers of a run that ended before it wrote recipe.json."""
    for leftover in filter(_is_leftover, path.iterdir()):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            with contextlib.suppress(PermissionError):  # Windows deletes the open lock file once it is released
                leftover.unlink()
