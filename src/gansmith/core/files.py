"""Files: atomic writing (to a temporary name, synced, then renamed), and reading files and JSON that may be damaged."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from gansmith.core import user_input
from gansmith.core.errors import DiskError, GansmithError, RunError
from gansmith.core.formatting import json_text

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

_REFUSALS = (PermissionError, NotADirectoryError, FileNotFoundError, FileExistsError, IsADirectoryError)

NAMED = 60  # letters of a name that its temporary name begins with: of at most 4 bytes each, they leave room for the rest


@contextlib.contextmanager
def disk_errors(path: str | Path) -> Iterator[None]:
    """Turn an OSError into one line: RunError for a path that can't be written, DiskError for a disk that is full or broken."""
    try:
        yield
    except GansmithError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        if is_refusal(error):
            raise RunError(f"can't write {path}: {reason}; choose another path") from None
        raise DiskError(f"can't write {path}: {reason}; no partial file is left, make room and run the command again") from None


def is_refusal(error: OSError) -> bool:
    """Whether a path can't be used as it is, which a user mends, rather than a disk that is full or broken."""
    return isinstance(error, _REFUSALS) or error.errno in (errno.EROFS, errno.ENAMETOOLONG)


def target_of(path: Path) -> Path:
    """The file that is written where `path` is to be written: what a symlink leads to, so that the symlink stays.

    Raises RunError if that exists and is no regular file: a folder, device, FIFO or socket is never replaced.
    """
    with disk_errors(path):
        if path.exists() and not path.is_file():
            raise RunError(f"can't write {path}: it is {'a folder' if path.is_dir() else 'no regular file'}; choose another path")
        target = Path(os.path.realpath(path)) if path.is_symlink() else path
        if target.is_symlink():
            raise RunError(f"can't write {path}: its symlinks lead in a circle; choose another path")
        return target


def check_writable(path: Path, *, folder: bool = False) -> None:
    """Raise RunError or DiskError if a file, or a folder with files in it, can't be written at a path. Nothing is left there.

    Call it before long work. A temporary file without a name is made in the nearest folder that exists.
    """
    target = path if folder else target_of(path)
    with disk_errors(path):
        parent = target if folder and os.path.exists(target) else target.parent
        while not os.path.lexists(parent):
            parent = parent.parent
        longest = _longest_name(parent)
        if any(len(os.fsencode(part)) > longest for part in target.parts):
            raise RunError(f"can't write {path}: a name in it is longer than {longest} bytes; choose another path")
        with tempfile.TemporaryFile(dir=parent):
            pass


def _longest_name(folder: Path) -> int:
    """The largest number of bytes that the name of a file in a folder may have."""
    try:
        return os.pathconf(folder, "PC_NAME_MAX")
    except (AttributeError, ValueError, OSError):  # Windows
        return 255


def ending(path: Path) -> str:
    """The ending of a file's name in lower case, which says how the file is written: `x.PNG` is a .png. Empty without one."""
    return path.suffix.lower()


def check_output(path: Path, what: str, endings: Sequence[str], *, folder: bool = False, goes_on: bool = False) -> None:
    """Check a path that a command is to write to, before its work begins. Nothing is left there.

    Args:
        what: what is written, such as "samples", for messages.
        endings: the endings that a file's name may have, in any case, such as ".png".
        folder: whether a name without an ending is a new or empty folder.
        goes_on: whether that folder may hold the first part of what is written.

    Raises RunError for another ending, for what is no regular file, and if the path can't be written.
    """
    if str(path) == "-":
        example = f"a file, as in --out x{endings[0]}" if endings else "a folder, as in --out x"
        raise RunError(f"can't write {what} to standard output: name {example}")
    as_folder = folder and ending(path) == ""
    if not as_folder and ending(path) not in endings:
        names = [f"x{ending}" for ending in endings] + ["a folder's name"] * folder
        choice = " or ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)
        raise RunError(f"can't write {what} as {path.suffix!r} ({path}): use {choice}")
    with disk_errors(path):
        if as_folder and path.exists() and (not path.is_dir() or (not goes_on and any(path.iterdir()))):
            raise RunError(f"{path} is there already and not an empty folder; choose another --out")
    check_writable(path, folder=as_folder)


def make_parent(path: Path) -> None:
    """Make the parent folders of a path. Raises RunError or DiskError if that fails."""
    with disk_errors(path):
        path = target_of(path)
        if not path.parent.exists():
            path.parent.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to write bytes to. It gets its name only at the end of the `with` block, complete and synced to disk.

    A symlink stays, and the file that it leads to is written. An exception leaves neither the file nor a temporary one. Raises
    RunError or DiskError if writing fails, RunError if the path is a folder, a device or anything else that is no regular file.
    """
    with disk_errors(path):
        path = target_of(path)
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:NAMED]}.", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
            sync_folder(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise


def sync_folder(path: Path) -> None:
    """Sync the names in a folder to disk: without it, a power cut may undo a rename. Windows and some networks can't."""
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write(path: Path, content: bytes) -> None:
    """Write a file atomically. Raises RunError or DiskError if that fails."""
    with atomic(path) as file:
        file.write(content)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, atomically. Raises RunError or DiskError if that fails."""
    write(path, json_text(value).encode())


def is_temporary(name: str, of: str) -> bool:
    """Whether a file name is the temporary one of a file that `atomic` writes. The regular expression `of` matches its names."""
    return re.fullmatch(rf"\.(?:{of})\.[a-z0-9_]{{8}}\.tmp", name) is not None


# ---------------------------------------------------------------------------------------------------- reading

RESTORE = "restore it, or train in another folder"


def read_bytes(path: Path, todo: str = "restore it") -> bytes:
    """The content of a regular file. Raises RunError, naming it and what to do, if it can't be read, as a folder or a pipe."""
    try:
        return user_input.read_bytes(path)
    except OSError as error:
        todo = "make it readable" if isinstance(error, PermissionError) else todo
        raise RunError(f"can't read {path}: {error.strerror or error}; {todo}") from None


def parse_json(content: bytes, shape: Any, place: str, todo: str = RESTORE) -> Any:
    """Read JSON as a type that pydantic knows, strictly: `"5"` is no number. Fields that a TypedDict lacks are kept.

    Raises RunError, with place, field, what was expected and what came, for anything else, also for nesting 200 deep.
    """
    from pydantic import ValidationError

    try:
        return _adapter(shape).validate_json(content, strict=True)
    except ValidationError as error:
        raise RunError(f"{place} is damaged: {_first_fault(error)}; {todo}") from None


def read_as(path: Path, shape: Any, todo: str = RESTORE) -> Any:
    """Read a JSON file as a type that pydantic knows; see `parse_json`. Raises RunError naming the file."""
    return parse_json(read_bytes(path, todo), shape, str(path), todo)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises RunError, naming the file, if it can't be read or is no object."""
    found: dict[str, Any] = read_as(path, dict[str, Any])
    return found


@functools.cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    """Pydantic's reader of a type. Pydantic is imported when it is used: `gansmith --help` needs none."""
    from pydantic import TypeAdapter

    return TypeAdapter(shape)


def _first_fault(error: ValidationError) -> str:
    """The first fault of a pydantic error in words: `files.x: expected a text, got 5`, `it has no format`."""
    from gansmith.core.component import expected, short

    fault = error.errors(include_url=False)[0]
    place = ".".join(map(str, fault["loc"]))
    match fault["type"]:
        case "json_invalid":
            return fault["msg"].removeprefix("Invalid JSON: ") + " of its JSON" * ("column" in fault["msg"])
        case "missing" | "missing_argument":
            return f"it has no {place}"
    return f"{place or 'its JSON'}: expected {expected(fault)}, got {short(fault['input'])}"


# ---------------------------------------------------------------------------------------------------- folders


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Make a folder to write files into. It gets its name only at the end of the `with` block. `path` may be an empty folder.

    An exception leaves neither the folder nor a temporary one. Raises RunError or DiskError if writing fails.
    """
    with disk_errors(path):
        path = Path(os.path.realpath(path)) if path.is_symlink() else path
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name[:NAMED]}.", suffix=".tmp", dir=path.parent))
        try:
            yield temporary
            temporary.chmod(0o755)
            os.replace(temporary, path)
            sync_folder(path.parent)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
