"""A disk that refuses from its n-th write on, under every command that writes.

`faults` stands between Python and the system: it counts the calls that make, fill, sync or rename a file below a folder,
and from one of them on each of them fails, as on a disk that is full, out of inodes, over its quota, broken or mounted read-only
midway. Deleting still works, except on a disk that is read-only. `test_disk.py` takes a slice of the places, `make disk` all.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import gzip
import hashlib
import io
import os
import re
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from damage import LONGEST, Answer, call
from gansmith.data.fetch import REMOTES, Expected, Remote
from support import assert_same_run, quick, stop_after, tree

FAULTS = {"full": errno.ENOSPC, "quota": errno.EDQUOT, "broken": errno.EIO, "read-only": errno.EROFS}
# By what a disk without inodes refuses: new files alone.
INODES = "inodes"
KINDS = (*FAULTS, INODES)


@dataclass
class Disk:
    """The calls so far, and what the next ones meet."""

    folder: Path
    kind: str = "full"
    first: int = 10**9  # the number of the first call that fails
    calls: list[str] = field(default_factory=list)

    def touch(self, what: str, path: Any) -> None:
        """Count a call about a path below the folder; fail where the disk refuses."""
        if isinstance(path, (str, os.PathLike)) and not str(os.path.abspath(path)).startswith(str(self.folder)):
            return
        is_new = what in ("open", "mkdir")
        deletes = what in ("unlink", "rmdir")
        if deletes and self.kind != "read-only":
            return
        if not deletes and (self.kind != INODES or is_new):
            self.calls.append(what)
        if len(self.calls) > self.first:
            number = errno.ENOSPC if self.kind == INODES else FAULTS[self.kind]
            raise OSError(number, os.strerror(number), str(path))


class _Raw(io.FileIO):
    """A file on the disk."""

    disk: Disk

    def write(self, content: Any) -> int:
        self.disk.touch("write", self.name if isinstance(self.name, str) else self.disk.folder)
        return super().write(content) or 0


@contextlib.contextmanager
def faults(disk: Disk) -> Iterator[Disk]:
    """Put the disk between this process and the system for the duration of a `with` block."""
    real = {(module, name): getattr(module, name) for module, name in PATCHED}

    def opened(file: Any, mode: str = "r", buffering: int = -1, *args: Any, opener: Any = None, **kwargs: Any) -> Any:
        is_ours = isinstance(file, int) or str(os.path.abspath(os.fspath(file))).startswith(str(disk.folder))
        if not is_ours or not set(mode) & set("wax+"):
            return real[builtins, "open"](file, mode, buffering, *args, opener=opener, **kwargs)
        if not isinstance(file, int) and opener is None:  # an opener calls `os.open`, which is counted
            disk.touch("open" if not os.path.exists(file) else "write", file)
        raw = _Raw(file, mode.replace("b", "").replace("t", ""), opener=opener)
        raw.disk = disk
        binary = io.BufferedWriter(raw)
        if "b" in mode:
            return binary
        encoding = args[0] if args else kwargs.get("encoding")
        return io.TextIOWrapper(binary, encoding, newline=kwargs.get("newline"))

    def low(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        is_nameless = getattr(os, "O_TMPFILE", 0) and flags & os.O_TMPFILE == os.O_TMPFILE  # in an existing folder
        if is_nameless or (flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR) and not os.path.exists(path)):
            disk.touch("open", path)
        return int(real[os, "open"](path, flags, *args, **kwargs))

    def counted(module: Any, name: str) -> Callable[..., Any]:
        def faulty(path: Any, *args: Any, **kwargs: Any) -> Any:
            if name != "mkdir" or not os.path.isdir(path):
                disk.touch(name, disk.folder if isinstance(path, int) else path)
            return real[module, name](path, *args, **kwargs)

        return faulty

    stubs = {(builtins, "open"): opened, (io, "open"): opened, (os, "fdopen"): opened, (os, "open"): low}
    try:
        for module, name in PATCHED:
            setattr(module, name, stubs.get((module, name)) or counted(module, name))
        yield disk
    finally:
        for (module, name), function in real.items():
            setattr(module, name, function)


PATCHED: tuple[tuple[Any, str], ...] = (
    *((builtins, "open"), (io, "open"), (os, "fdopen"), (os, "open")),
    *((os, name) for name in ("fsync", "replace", "rename", "mkdir", "unlink", "rmdir")),
)


# ---------------------------------------------------------------------------------------------------- jobs


@dataclass(frozen=True)
class Job:
    """A command that writes below its working folder."""

    name: str
    given: tuple[str, ...]

    def check(self, here: Path, expected: Path) -> None:
        """Raise AssertionError unless the command has made what it makes on a good disk."""
        if self.name.startswith("train"):
            assert_same_run(expected / "run", here / "run")
            return
        made, wanted = _written(here), _written(expected)
        assert made.keys() == wanted.keys(), made.keys() ^ wanted.keys()
        timed = (".html", "evaluation.json", "x.json")  # they hold seconds or the time of day
        differing = [name for name in made if made[name] != wanted[name] and not name.endswith(timed)]
        assert not differing, differing


JOBS = (
    Job("train", ("train", "run", "--threads", "1")),
    Job("train new", ("train", "tutorial-small", "--data", "digits", "budget=900images", "--threads", "1", "--run", "run")),
    Job("sample array", ("sample", "run", "--out", "x.npz")),
    Job("sample picture", ("sample", "run", "--out", "x.png")),
    Job("sample folder", ("sample", "run", "--count", "3", "--out", "x")),
    Job("evaluate", ("evaluate", "run", "--count", "100", "--draws", "1", "--json", "x.json")),
    Job("report", ("report", "run", "--count", "100", "--draws", "1")),
    Job("interpolate", ("explore", "interpolate", "run", "--out", "x.gif")),
    Job("export", ("export", "run", "--out", "x.keras")),
    Job("fetch", ("data", "fetch", "mnist")),
)


def _written(here: Path) -> dict[str, bytes | None]:
    """What lies in a folder, without locks and what a disk that became read-only can't delete."""
    found = tree(here)
    found = {name: content for name, content in found.items() if not re.search(r"\.lock$|\.tmp(/|$)|/\.fetch-", name)}
    return {name: _untimed(content) if name.endswith(".keras") and content else content for name, content in found.items()}


def _untimed(archive: bytes) -> bytes:
    """What an archive holds, without the times in it."""
    with zipfile.ZipFile(io.BytesIO(archive)) as file:
        return b"".join(name.encode() + file.read(name) for name in sorted(file.namelist()) if name != "metadata.json")


class FromMemory:
    """An origin whose files are at hand."""

    title = "memory"

    def download(self, names: list[str], folder: Path) -> None:
        for name in names:
            (folder / f"{name}.gz").write_bytes(gzip.compress(CONTENT))


CONTENT = b"pixels" * 1000


class Desk:
    """A stored run, and working folders in which commands meet a bad disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.here = self.folder / "here"
        stop_after(quick(), self.folder / "start" / "run", 30)
        os.environ["GANSMITH_CACHE"] = str(self.here / "cache")
        file = Expected(len(CONTENT), hashlib.md5(CONTENT).hexdigest())
        REMOTES["mnist"] = Remote({"a": file, "b": file}, (FromMemory(),))

    def run(self, job: Job, disk: Disk | None = None, anew: bool = True) -> Answer:
        """The answer of a command in the working folder; on a disk that refuses, where one is given."""
        if anew:
            shutil.rmtree(self.here, ignore_errors=True)
            if "run" in job.given[:3]:
                shutil.copytree(self.folder / "start", self.here)
            self.here.mkdir(exist_ok=True)
        if keras := sys.modules.get("keras"):
            keras.utils.clear_session()  # layers are numbered from the start again, as in a new process
        back = Path.cwd()
        os.chdir(self.here)
        try:
            with faults(disk) if disk else contextlib.nullcontext():
                return call(list(job.given))
        finally:
            os.chdir(back)

    def calls(self, job: Job, kind: str) -> int:
        """The number of calls that a command makes on a good disk. What it makes is kept, to compare with."""
        disk = Disk(self.here, kind)
        answer = self.run(job, disk)
        if job.name == "export" and "pip install" in answer.err:
            return 0  # Keras is not installed
        assert answer.code == 0, answer.err
        expected = self.folder / job.name
        shutil.rmtree(expected, ignore_errors=True)
        shutil.copytree(self.here, expected)
        return len(disk.calls)

    def judge(self, job: Job, kind: str, first: int) -> str | None:
        """What is wrong where a disk refuses from call `first` on; None if nothing is. `calls` has been called before."""
        disk = Disk(self.here, kind, first)
        answer = self.run(job, disk)
        reached = disk.calls[first] if len(disk.calls) > first else "nothing"
        if answer.code is None or "Traceback" in answer.err:
            return f"at {reached}: " + " ".join(answer.err.split())[-900:]
        errors = [line for line in answer.err.splitlines() if line.startswith("gansmith: ")]
        if answer.code and (len(errors) != 1 or len(errors[0]) > LONGEST or answer.code not in (1, 2)):
            return f"at {reached}: exit code {answer.code}, {len(errors)} errors: {answer.err[-400:]}"
        if answer.code == 2 and kind != "read-only":
            return f"at {reached}: called a user's mistake: {answer.err[-300:]}"
        if kind != "read-only" and (left := [str(path) for path in self.here.rglob(".*.tmp")]):
            return f"at {reached}: left {left}"
        if answer.code:
            again = self.run(job, anew=False)
            if again.code:
                return f"at {reached}: on a good disk it does not go on: {again.err[-400:]}"
        try:
            job.check(self.here, self.folder / job.name)
        except (AssertionError, OSError) as error:
            return f"at {reached}, exit code {answer.code}: made something else: {str(error)[:300]}"
        return None
