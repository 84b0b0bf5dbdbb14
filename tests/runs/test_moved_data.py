"""Data are known by their content: moved data are found or named, other content is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gansmith
from gansmith.core.component import to_json
from gansmith.data import Arrays, Balanced, Digits, Folder, Rare
from gansmith.data.location import digest_of_samples, located, moved, path_of
from gansmith.recipes import make
from gansmith.recipes.base import Recipe
from support import Answer, assert_refused, newest_checkpoint, stop_after

SMALL = ["noise.dim=4", "batch_size=20", "scores=none", "watch=none", "budget=200images", "pictures.count=4", "condition=none"]


def images(folder: Path, *, seed: int = 0, count: int = 40) -> Path:
    folder.mkdir()
    for i, pixels in enumerate(np.random.default_rng(seed).integers(0, 256, (count, 8, 8), np.uint8)):
        Image.fromarray(pixels).save(folder / f"{i:03d}.png")
    return folder


def recipe(data: str) -> Recipe:
    return make("tutorial-small", [*SMALL, "data.size=8"], data)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with images in `a` and half a run on them in `run`."""
    monkeypatch.chdir(tmp_path)
    images(tmp_path / "a")
    stop_after(recipe("a"), tmp_path / "run", 4)
    return tmp_path


def uninterrupted(here: Path) -> bytes:
    shutil.copytree(here / "run", here / "whole")
    gansmith.train(recipe("a"), here / "whole")
    return newest_checkpoint(here / "whole").read_bytes()


def test_moved_data_are_taken_and_remembered(here: Path, cli: Callable[..., Answer]) -> None:
    expected = uninterrupted(here)
    (here / "a").rename(here / "b")
    assert_refused(cli("train", "run"), "no longer at a", "gansmith train run --data")
    answer = cli("train", "run", "--data", "b")
    assert answer.code == 0, answer.err
    assert newest_checkpoint(here / "run").read_bytes() == expected
    assert path_of(gansmith.load("run").recipe.data) == "b"
    assert gansmith.load("run").recipe.data.size == 8  # type: ignore[attr-defined]


def test_a_run_goes_on_from_another_directory(here: Path, cli: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    expected, elsewhere = uninterrupted(here), here / "deep" / "inside"
    elsewhere.mkdir(parents=True)
    images(elsewhere / "a", seed=1)  # other images at the same relative path
    monkeypatch.chdir(elsewhere)
    answer = cli("train", here / "run")
    assert answer.code == 0, answer.err
    assert newest_checkpoint(here / "run").read_bytes() == expected


def test_run_and_data_may_move_together(here: Path, cli: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "project").mkdir()
    for name in ("a", "run"):
        (here / name).rename(here / "project" / name)
    answer = cli("train", Path("project", "run"))
    assert answer.code == 0, answer.err
    assert json.loads((here / "project/run/recipe.json").read_text())["data"]["path"] == "a"


@pytest.mark.parametrize("place", ["a", "b"])
def test_other_content_is_refused(here: Path, cli: Callable[..., Answer], place: str) -> None:
    (here / "a").rename(here / "old")
    images(here / place, seed=1)
    before = {path: path.read_bytes() for path in (here / "run").rglob("*") if path.is_file() and "events" not in path.parts}
    answer = cli("train", "run", "--data", place)
    assert_refused(answer, "the data have changed", "SHA-256", "--data")
    assert len(answer.err) <= 300
    assert before == {path: path.read_bytes() for path in before}


def test_a_finished_run_learns_where_its_data_are(here: Path, cli: Callable[..., Answer]) -> None:
    gansmith.train(recipe("a"), here / "run")
    (here / "a").rename(here / "b")
    images(here / "c", seed=1)
    assert_refused(cli("train", "run", "--data", "c"), "the data have changed", "SHA-256")
    answer = cli("train", "run", "--data", "b")
    assert answer.code == 0, answer.err
    assert "is finished" in answer.out
    assert path_of(gansmith.load("run").recipe.data) == "b"


def test_the_recipes_own_name_takes_moved_data_too(here: Path) -> None:
    (here / "a").rename(here / "b")
    assert gansmith.train(recipe("b"), here / "run").finished
    with pytest.raises(gansmith.GansmithError, match=r"data\.size was 8, now 4"):
        gansmith.train(make("tutorial-small", [*SMALL, "data.size=4"], "b"), here / "run")


@pytest.mark.parametrize("is_moved", [False, True])
def test_a_run_from_before_digests_goes_on_and_says_so(
    here: Path, cli: Callable[..., Answer], caplog: pytest.LogCaptureFixture, is_moved: bool
) -> None:
    metadata = json.loads((here / "run/run.json").read_text())
    assert metadata.pop("data_sha256") == digest_of_samples(recipe("a").data.load())
    del metadata["data_path"]
    (here / "run/run.json").write_text(json.dumps(metadata))
    if is_moved:
        (here / "a").rename(here / "b")
    answer = cli("train", "run", *(("--data", "b") if is_moved else ()))
    assert answer.code == 0, answer.err
    assert "can't be checked" in caplog.text
    assert "data_sha256" in json.loads((here / "run/run.json").read_text())


def test_a_run_from_before_digests_does_not_take_another_place_while_its_own_is_there(here: Path) -> None:
    metadata = json.loads((here / "run/run.json").read_text())
    del metadata["data_sha256"]
    (here / "run/run.json").write_text(json.dumps(metadata))
    images(here / "b", seed=1)
    with pytest.raises(gansmith.GansmithError, match=r"data\.path was"):
        gansmith.train(recipe("b"), here / "run")


def test_data_with_a_name_are_known_by_their_content_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = make("tutorial-small", SMALL, "digits")
    stop_after(named, tmp_path / "run", 4)
    load = Digits.load

    def changed(self: Digits, split: str = "train"):  # type: ignore[no-untyped-def]
        samples = load(self, split)  # type: ignore[arg-type]
        samples.values[0, 0, 0, 0] ^= 1
        return samples

    monkeypatch.setattr(Digits, "load", changed)
    with pytest.raises(gansmith.GansmithError, match="the data have changed"):
        gansmith.train(named, tmp_path / "run")


def test_the_digest_is_of_values_labels_and_their_order() -> None:
    samples = Digits().load()
    one = samples.values.copy()
    one[3, 0, 0, 0] ^= 1
    others = [
        samples[np.r_[1, 0, 2 : len(samples)]],
        samples[:-1],
        type(samples)(samples.values),
        type(samples)(one, samples.labels),
    ]
    digests = [digest_of_samples(samples), *map(digest_of_samples, others)]
    assert len(set(digests)) == 5
    assert digest_of_samples(Digits().load()) == digests[0]


def test_a_source_moves_with_its_settings_at_any_depth() -> None:
    source = Balanced(Rare(Folder("a", size=8, labels="a/x.csv", rules=1), (0,)))
    assert moved(source, "b") == Balanced(Rare(Folder("b", size=8, labels="b/x.csv", rules=1), (0,)))
    assert moved(Folder("a", labels="x.csv"), "b") == Folder("b", labels="x.csv")
    assert moved(Arrays("a.npz"), "b.npz") == Arrays("b.npz")
    assert path_of(source) == "a"
    assert path_of(Digits()) is None
    with pytest.raises(gansmith.GansmithError, match="no path"):
        moved(Digits(), "b")
    assert "labels" in to_json(moved(Folder("a", labels="a/x.csv"), "b"))


def test_a_place_that_exists_as_written_is_kept(here: Path, tmp_path: Path) -> None:
    assert located(Folder("a"), tmp_path / "run", "../a") == Folder("a")
    assert located(Folder("gone"), tmp_path / "run", "../a") == Folder(str(tmp_path / "a"))
    assert located(Folder(str(tmp_path / "a")), tmp_path / "run", "../run") == Folder(str(tmp_path / "a"))
    assert located(Folder("a"), tmp_path / "run", "../none") == Folder("a")
    assert located(Digits(), tmp_path / "run", "../a") == Digits()
