"""A disk that refuses from any write on: a slice of what `make disk` does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import disk
from gansmith.data.fetch import REMOTES


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[disk.Desk]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANSMITH_CACHE", "")
        patch.setitem(REMOTES, "mnist", REMOTES["mnist"])
        yield disk.Desk(tmp_path_factory.mktemp("desk"))


PLACES = {"train": 4, "train new": 2, "sample array": 3, "sample folder": 3, "interpolate": 2, "fetch": 4}


@pytest.mark.parametrize("name", PLACES)
def test_a_disk_that_refuses_is_one_line_and_the_same_command_goes_on(name: str, desk: disk.Desk) -> None:
    job = next(job for job in disk.JOBS if job.name == name)
    number = desk.calls(job, "full")
    assert number >= 5
    places = [number * i // PLACES[name] + i for i in range(PLACES[name])]
    kinds = [disk.KINDS[i % len(disk.KINDS)] for i in range(len(places))]
    wrong = {(kind, place): found for kind, place in zip(kinds, places, strict=True) if (found := desk.judge(job, kind, place))}
    assert not wrong


def _write_in(folder: Path) -> None:
    folder.mkdir()
    (folder / "b").write_text("x")


def test_the_layer_sees_what_is_written(tmp_path: Path) -> None:
    bad = disk.Disk(tmp_path)
    with disk.faults(bad):
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "b").write_text("x")
        (tmp_path / "a" / "b").rename(tmp_path / "c")
        Path(__file__).read_bytes()
    assert bad.calls == ["mkdir", "open", "write", "rename"]
    for kind, first in (("full", 1), ("inodes", 1), ("read-only", 0), ("broken", 2)):
        folder = tmp_path / kind
        with disk.faults(disk.Disk(folder, kind, first)), pytest.raises(OSError, match=str(folder)):
            _write_in(folder)
    assert (tmp_path / "c").read_text() == "x"
