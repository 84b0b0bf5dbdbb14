"""The files of the user's own that this user has trusted: by the SHA-256 of their content, until the trust is revoked.

They are listed in gansmith/trusted.json in the user's folder for state: $XDG_STATE_HOME, else ~/.local/state. The list holds no
code. A file whose content has changed is no longer the trusted one.
"""

from __future__ import annotations

import contextlib
import datetime
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from gansmith.core import files
from gansmith.core.errors import RecipeError, RunError
from gansmith.core.user_code import digest_of
from gansmith.core.user_input import expanded, read_bytes

logger = logging.getLogger("gansmith")


@dataclass(frozen=True)
class TrustedFile:
    """A file that the user has trusted."""

    path: str  # where it was at that time
    since: str  # the date, such as 2026-11-30


_LIST = TypeAdapter(dict[str, TrustedFile])


def state_folder() -> Path:
    """The folder of what gansmith remembers for this user. It need not exist. Raises RunError where there is no home folder."""
    if given := os.environ.get("XDG_STATE_HOME"):
        return Path(os.path.expanduser(given)).absolute() / "gansmith"
    try:
        return Path.home() / ".local" / "state" / "gansmith"
    except RuntimeError:
        raise RunError("this user has no home folder, so no trust can be remembered: set XDG_STATE_HOME to a folder") from None


def trusted_files() -> dict[str, TrustedFile]:
    """The trusted files by their SHA-256, in the order in which they were trusted.

    Empty, with a warning, where the list is damaged, or where another user could have written it.
    """
    try:
        path = _path()
    except RunError:
        return {}
    try:
        if not path.is_file():
            return {}
        if not _is_private(path):
            logger.warning(f"{path} may be written by other users, so no file is trusted: make it yours alone")
            return {}
        return _LIST.validate_json(read_bytes(path), strict=True)
    except (OSError, ValidationError):
        logger.warning(f"{path} is damaged, so no file is trusted: delete it")
        return {}


def remember(path: str | Path, digest: str) -> None:
    """Add a file to the trusted ones. Raises RunError or DiskError if the list can't be written."""
    with _changing() as known:
        known.pop(digest, None)
        known[digest] = TrustedFile(os.path.abspath(expanded(path)), datetime.date.today().isoformat())


def revoke(names: Sequence[str]) -> list[TrustedFile]:
    """Take files off the list: each by its path, its content, or the first 6 or more digits of its SHA-256. Returns the files.

    Raises RunError if one is not on the list; then all stay.
    """
    with _changing() as known:
        found: dict[str, TrustedFile] = {}
        for name in names:
            content = _content(name)
            meant = {digest: file for digest, file in known.items() if digest == content or _is_meant(name, digest, file)}
            if not meant:
                raise RunError(f"{name} is no trusted file: gansmith trust lists them, with SHA-256 and path")
            found |= meant
        for digest in found:
            del known[digest]
        return list(found.values())


def _is_meant(name: str, digest: str, file: TrustedFile) -> bool:
    """Whether the user's word names this file."""
    return os.path.abspath(expanded(name)) == file.path or (len(name) >= 6 and digest.startswith(name.lower()))


def _content(name: str) -> str | None:
    """The SHA-256 of a file that is there now: the list may hold its content under the path of a copy."""
    try:
        return digest_of(name)
    except RecipeError:
        return None


def _path() -> Path:
    return state_folder() / "trusted.json"


def _is_private(path: Path) -> bool:
    """Whether only this user can write a file and its folder. Always true on Windows, where modes say nothing."""
    if not hasattr(os, "geteuid"):
        return True
    found = (os.stat(path), os.stat(path.parent))
    return all(status.st_uid in (os.geteuid(), 0) and not status.st_mode & 0o022 for status in found)


@contextlib.contextmanager
def _changing() -> Iterator[dict[str, TrustedFile]]:
    """The list, to be changed in a `with` block, which no other process changes meanwhile."""
    path = _path()
    with files.disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(path.with_suffix(".lock"), timeout=10):
            known = trusted_files()
            yield known
            files.write(path, _LIST.dump_json(known, indent=2) + b"\n")
