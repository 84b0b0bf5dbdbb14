"""Where commands write: through symlinks to regular files, never in place of anything else, and checked first."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gansmith.core import files
from gansmith.core.errors import GansmithError, RunError
from gansmith.data import find_source
from gansmith.data.modality import modality_of
from gansmith.evaluation import comparison
from gansmith.sampling import gallery as galleries
from gansmith.sampling.gallery import Gallery
from support import Answer, tree

Cli = Callable[..., Answer]


@pytest.fixture
def desk(here: Path) -> Path:
    """A working folder with what is no regular file."""
    os.mkfifo("pipe")
    (here / "folder").mkdir()
    (here / "real").mkdir()
    (here / "real" / "kept.json").write_text("old")
    for name, target in {"device": "/dev/null", "loop": "loop", "link": "real/kept.json", "new": "real/new.json"}.items():
        (here / name).symlink_to(target)
    return here


@pytest.mark.parametrize("path", ["pipe", "device", "folder", "loop"])
def test_what_is_no_regular_file_is_never_replaced(path: str, desk: Path) -> None:
    before = os.lstat(path)
    for write in (lambda p: files.write(p, b"x"), lambda p: files.write_json(p, {}), files.check_writable, files.make_parent):
        with pytest.raises(RunError, match=rf"can't write {path}: .*(no regular file|a folder|circle)"):
            write(Path(path))
    assert os.lstat(path) == before or stat.S_ISDIR(before.st_mode)
    assert os.path.islink(path) or not stat.S_ISREG(os.lstat(path).st_mode)


def gallery() -> Gallery:
    """Four points, on which a picture and an array can be told apart."""
    array = np.linspace(0, 1, 8, dtype=np.float32).reshape(4, 2)
    return Gallery(array, modality_of(array.shape[1:], (-1.0, 1.0)))


@pytest.mark.parametrize(("ending", "begins"), [("PNG", b"\x89PNG"), ("Npz", b"PK")])
def test_an_ending_may_be_in_any_case(ending: str, begins: bytes, here: Path) -> None:
    assert gallery().save(f"x.{ending}").read_bytes().startswith(begins)
    if ending == "Npz":
        assert np.array_equal(find_source("x.Npz").load().values, gallery().array)


@pytest.mark.parametrize("path", ["X.MD", "x.Html"])
def test_the_ending_of_a_comparison_may_be_in_any_case(path: str) -> None:
    comparison.check(2, Path(path))


def test_the_limits_of_an_ending_hold_in_any_case(here: Path) -> None:
    with pytest.raises(RunError, match="at most 10,000"):
        galleries.check(Path("x.PNG"), 10_001)


@pytest.mark.parametrize("path", ["link", "new"])
def test_a_symlink_stays_and_its_file_is_written(path: str, desk: Path) -> None:
    files.check_writable(Path(path))
    files.write(Path(path), b"new")
    assert os.path.islink(path)
    assert Path(os.path.realpath(path)).read_bytes() == b"new"
    assert sorted(p.name for p in Path("real").iterdir()) == sorted({"kept.json", Path(os.path.realpath(path)).name})


def test_json_goes_through_a_symlink(desk: Path, cli: Cli) -> None:
    assert cli("list", "--json", "link").code == 0
    assert Path("link").is_symlink()
    assert json.loads(Path("real/kept.json").read_text())["recipes"]


@pytest.mark.parametrize("path", ["x.json", "a/b/c/x.json", "link", "new"])
def test_a_check_leaves_nothing(path: str, desk: Path) -> None:
    def names() -> list[str]:
        return sorted(str(p) for p in desk.rglob("*"))

    before = names()
    files.check_writable(Path(path))
    files.check_writable(Path("a/folder"), folder=True)
    assert names() == before
    assert Path("real/kept.json").read_text() == "old"


@pytest.mark.parametrize("length", [240, 255])
def test_the_longest_name_that_the_system_takes_is_written(length: int, here: Path) -> None:
    path = Path("x" * (length - 5) + ".json")
    files.check_writable(path)
    files.write(path, b"{}")
    assert path.read_bytes() == b"{}"


def test_a_folder_of_pictures_may_be_a_symlink_to_an_empty_one(desk: Path) -> None:
    Path("pictures").symlink_to("folder")
    files.check_output(Path("pictures"), "samples", (".png",), folder=True)
    with files.atomic_folder(Path("pictures")) as temporary:
        (temporary / "0.png").write_bytes(b"x")
    assert Path("pictures").is_symlink()
    assert tree(desk / "folder") == {"0.png": b"x"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_refused_before_work(here: Path) -> None:
    (here / "closed").mkdir(mode=0o500)
    with pytest.raises(GansmithError, match=r"can't write closed/x\.json"):
        files.check_writable(Path("closed/x.json"))


@pytest.mark.parametrize("command", [("list", "--json=~/x.json"), ("data", "show", "digits", "--out=~/x.png")])
def test_a_path_that_begins_with_a_tilde_is_in_the_home_folder(
    command: tuple[str, ...], here: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(here / "home"))
    answer = cli(*command)
    assert answer.code == 0, answer.err
    assert [path.name for path in here.iterdir()] == ["home"]
    assert [path.stem for path in (here / "home").iterdir()] == ["x"]


def test_a_run_at_a_tilde_is_in_the_home_folder(here: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(here / "home"))
    given = ("budget=64images", "scores=none", "watch=none", "--device", "cpu")
    answer = cli("train", "tutorial-small", "--data", "digits", "--run=~/run", *given)
    assert answer.code == 0, answer.err
    assert [path.name for path in here.iterdir()] == ["home"]
