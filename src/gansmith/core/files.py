"""Files: atomic writing (to a temporary name, synced, then renamed) and reading JSON."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from gansmith.core.errors import DiskError, GansmithError, RunError
from gansmith.core.user_input import read_text

_REFUSALS = (PermissionError, NotADirectoryError, FileNotFoundError, FileExistsError, IsADirectoryError)


@contextlib.contextmanager
def disk_errors(path: str | Path) -> Iterator[None]:
    """Turn an OSError into one line: RunError for a path that can't be written, DiskError for a disk that is full or broken."""
    try:
        yield
    except GansmithError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        if isinstance(error, _REFUSALS) or error.errno in (errno.EROFS, errno.ENAMETOOLONG):
            raise RunError(f"can't write {path}: {reason}; choose another path") from None
        raise DiskError(f"can't write {path}: {reason}; no partial file is left, make room and run the command again") from None


def make_parent(path: Path) -> None:
    """Make the parent folders of a path. Raises RunError or DiskError if that fails."""
    with disk_errors(path):
        if not path.parent.exists():
            path.parent.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to write bytes to. It gets its name only at the end of the `with` block, complete and synced to disk.

    An exception leaves neither the file nor a temporary one. Raises RunError or DiskError if writing fails.
    """
    with disk_errors(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise


def write(path: Path, content: bytes) -> None:
    """Write a file atomically. Raises RunError or DiskError if that fails."""
    with atomic(path) as file:
        file.write(content)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, atomically. Raises RunError or DiskError if that fails."""
    write(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path, *keys: str) -> dict[str, Any]:
    """Read a JSON object. Raises RunError, naming the file, if it can't be read, is no object, or lacks one of the keys."""
    try:
        value = json.loads(read_text(path))
    except (OSError, ValueError) as error:
        raise RunError(f"can't read {path}: {error}") from None
    missing = [key for key in keys if key not in value] if isinstance(value, dict) else ["{...}"]
    if missing:
        raise RunError(f"{path} is damaged: it has no {', '.join(missing)}; restore it, or train in another folder")
    return dict(value)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Make a folder to write files into. It gets its name only at the end of the `with` block. `path` may be an empty folder.

    An exception leaves neither the folder nor a temporary one. Raises RunError or DiskError if writing fails.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
        try:
            yield temporary
            temporary.chmod(0o755)
            os.replace(temporary, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
