"""The lock of a run folder: one process at a time trains a run. A folder in which no run begins stays as it was."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from gansmith.core.errors import DiskError, GansmithError, RunError
from gansmith.core.files import disk_errors, is_refusal, is_temporary
from gansmith.runs.checkpoints import NAME

FOLDERS = ("samples", "checkpoints", "generator")  # made in a run folder before its recipe.json is written

# The files that a process with the lock writes, by folder, and those that other commands write beside it: regular expressions.
TRAINED = {
    "": r"(recipe|run|results)\.json|log\.jsonl|losses\.png",
    "samples": r"\d{12,}\.(png|npz)|real\.png|animation\.gif",
    "checkpoints": NAME,
    "generator": r"generator\.(safetensors|json)",
}
BESIDE = r"report\.html|evaluation\.json"
OLD = 60  # seconds after which nobody is still writing such a file


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock a run folder for the duration of a `with` block. A folder that does not exist is made.

    Temporary files that a killed process left in it are removed. A folder without recipe.json at the end of the block holds no
    run: everything that the block left in it is removed.

    Raises RunError if the folder holds files but no run, or if another process has locked it. An OSError of the block becomes a
    RunError or DiskError that names the block's own file.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    if path.exists() and not path.is_dir():
        raise RunError(f"run folder {path} is a file; choose another path with --run")
    with disk_errors(path):
        if not missing and not (path / "recipe.json").is_file() and not _is_free(path):
            raise RunError(f"{path} holds files but no run; choose an empty or new folder with --run")
    try:
        with _lock(path):
            try:
                _sweep(path)
                yield
            except RunError:
                if path.is_dir():
                    raise
                what = f"run folder {path} was renamed or deleted while it was trained"
                raise RunError(f"{what}: gansmith train NEW_NAME continues it from its newest checkpoint") from None
            finally:
                if path.is_dir() and not (path / "recipe.json").exists():
                    _remove_leftovers(path)
    except OSError as error:
        if isinstance(error, GansmithError):
            raise
        type_ = RunError if is_refusal(error) else DiskError
        raise type_(f"{error.filename or path}: {error.strerror or error}; mend it, and run the command again") from None
    finally:
        for folder in missing:
            with contextlib.suppress(OSError):  # not empty: a run began in it
                folder.rmdir()


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Lock a folder by its lock file, and by itself, because a lock file may be deleted.

    The operating system releases both when the process ends, even when it is killed.
    """
    place = path / ".lock"
    lock = FileLock(place, timeout=0, thread_local=False)  # a generator may be closed in another thread
    taken = RunError(f"run folder {path} is being trained by another process; wait for it, or choose another --run")
    with disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)
    if place.exists() and not place.is_file():
        raise RunError(f"{place} is {'a folder' if place.is_dir() else 'no regular file'}, not the lock file of a run: delete it")
    with disk_errors(place):
        try:
            lock.acquire()
        except Timeout:
            raise taken from None
    try:
        handle = _lock_folder(path)
    except BlockingIOError:
        lock.release()
        raise taken from None
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)
        lock.release()


def _lock_folder(path: Path) -> int | None:
    """Lock a folder itself until the handle is closed; None where the system can't. Raises BlockingIOError if it is locked."""
    try:
        import fcntl
    except ImportError:  # Windows, where nobody can delete an open lock file
        return None
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        if isinstance(error, BlockingIOError):
            raise
        return None  # a network that locks files alone
    return handle


def _sweep(path: Path) -> None:
    """Delete the temporary files that a process which was killed while it wrote left in a run folder, and no others."""
    for name, trained in TRAINED.items():
        for entry in _entries(path / name):
            beside = not name and is_temporary(entry.name, BESIDE)
            if (beside or is_temporary(entry.name, trained)) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    if not beside or time.time() - entry.stat().st_mtime > OLD:
                        os.unlink(entry.path)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder; nothing where it is none, or can't be read."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _is_free(path: Path) -> bool:
    """Whether a folder is empty, or holds only leftovers of a run that never began. A lock file proves that they are."""
    entries = list(path.iterdir())
    return not entries or ((path / ".lock").exists() and all(map(_is_leftover, entries)))


def _is_leftover(path: Path) -> bool:
    """Whether a path may be left from a run that ended before it wrote recipe.json: lock file, empty folder, temporary file."""
    if path.is_dir():
        return path.name in FOLDERS and not any(path.iterdir())
    return path.name in (".lock", "run.json") or is_temporary(path.name, TRAINED[""])


def _remove_leftovers(path: Path) -> None:
    """Delete the leftovers of a run that ended before it wrote recipe.json, the lock file last: it says what they are."""
    with contextlib.suppress(OSError):  # a disk that is read-only; Windows, which deletes the open lock file once it is released
        for leftover in sorted(filter(_is_leftover, path.iterdir()), key=lambda leftover: leftover.name == ".lock"):
            if leftover.is_dir():
                leftover.rmdir()
            else:
                leftover.unlink()
