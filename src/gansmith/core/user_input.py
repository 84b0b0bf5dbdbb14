"""Opening files that a user named: only regular files, after links are followed.

A named pipe, a device or a socket could block for ever, or never end. `opened` refuses them with an OSError whose `strerror` says
what the file is, so that callers report it as they report every file that can't be opened.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import IO

from gansmith.core.formatting import size

BUILTIN = "builtin:"  # before the name of a data set or recipe: this name, and no file or folder here
MAX_TEXT = 2**28  # bytes of a text file, such as a table or JSON, which is read in one piece

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path that a user named, with `~` as the home folder: a shell expands it only where it is not quoted, Python never."""
    return Path(os.path.expanduser(path))


def opened(path: str | Path) -> IO[bytes]:
    """Open a regular file to read bytes. Raises OSError for anything else, without waiting for it."""
    return open(path, "rb", opener=_open_regular)


def read_bytes(path: str | Path) -> bytes:
    """The content of a regular file. Raises OSError as `opened` does."""
    with opened(path) as file:
        return file.read()


def read_text(path: str | Path, encoding: str = "utf-8") -> str:
    """The text of a regular file of at most `MAX_TEXT` bytes. Raises OSError as `opened` does, or UnicodeDecodeError."""
    with opened(path) as file:
        content = file.read(MAX_TEXT + 1)
    if len(content) > MAX_TEXT:
        raise OSError(errno.EFBIG, f"it is a text of more than {size(MAX_TEXT)}", str(path))
    return content.decode(encoding)


def _open_regular(path: str, flags: int) -> int:
    """Open a file without waiting, as the operating system's descriptor. Raises OSError unless it is a regular file."""
    _check(path, os.stat(path))  # before it is opened: opening some devices acts on them
    handle = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    try:
        _check(path, os.fstat(handle))  # and what was opened in the end
    except OSError:
        os.close(handle)
        raise
    return handle


def _check(path: str, found: os.stat_result) -> None:
    """Raise OSError unless a file is a regular one."""
    kind = stat.S_IFMT(found.st_mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, "it is a folder, no regular file", path)
    if kind != stat.S_IFREG:
        raise OSError(errno.EINVAL, f"it is {_KINDS.get(kind, 'a special file')}, no regular file", path)
