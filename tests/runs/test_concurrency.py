"""Several processes at one run folder: two that train, others that read and copy, and a folder that is moved meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gansmith
from gansmith.core.component import from_json, to_json
from gansmith.core.errors import RunError
from gansmith.runs.run import Run
from support import Answer, Child, assert_refused, assert_same_run, quick, records_of, refused, stop_after, train_and_tell

Cli = Callable[..., Answer]
BUDGET = "6000images"
# TensorBoard's thread, which can't write its file either.
THREADS = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


def train_slowly(say: Callable[[int], None], recipe: dict[str, Any], folder: str) -> None:
    """Train until the parent has looked around: the run goes on only while its pipe is open."""
    import time

    for record in gansmith.steps(from_json(recipe), folder, device="cpu"):
        say(record.step)
        time.sleep(0.01)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "run"
    gansmith.train(quick(), path, device="cpu")
    return path


def test_two_can_not_train_in_one_folder_by_any_of_its_names(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    with Child(train_slowly, to_json(quick(budget=BUDGET)), str(folder)) as child:
        assert child.wait_for(2)
        for name in (folder, tmp_path / "link", tmp_path / "." / "run"):
            with pytest.raises(RunError, match="being trained by another process"):
                gansmith.train(quick(budget=BUDGET), name, device="cpu")


def test_a_lock_file_that_is_deleted_lets_no_second_training_in(folder: Path, whole: Path) -> None:
    with Child(train_slowly, to_json(quick()), str(folder)) as child:
        assert child.wait_for(2)
        (folder / ".lock").unlink()
        with pytest.raises(RunError, match="being trained by another process"):
            gansmith.train(quick(), folder, device="cpu")
        with pytest.raises(RunError, match="being trained by another process"):  # the first refusal left no way in
            gansmith.train(quick(), folder, device="cpu")
        child.finish()
    assert_same_run(whole, folder)
    gansmith.train(quick(), folder, device="cpu")  # unlocked again


def test_what_reads_beside_a_training_is_right_and_disturbs_nothing(folder: Path, whole: Path, tmp_path: Path, cli: Cli) -> None:
    with Child(train_slowly, to_json(quick()), str(folder)) as child:
        assert child.wait_for(12)
        for turn in range(3):
            answer = cli("sample", folder, "--count", "2", "--out", tmp_path / f"{turn}.npz")
            assert answer.code == 0, answer.err
            assert np.load(tmp_path / f"{turn}.npz")["images"].shape == (2, 8, 8, 1)
            for command in ("doctor", "show"):
                assert (answer := cli(command, folder)).code == 0, answer.err
        copy = Path(shutil.copytree(folder, tmp_path / "copy", ignore=shutil.ignore_patterns("*.tmp")))
        child.finish()
    assert_same_run(whole, folder)
    gansmith.train(quick(), copy, device="cpu")
    assert_same_run(whole, copy)


@THREADS
def test_a_folder_renamed_while_it_trains_ends_in_one_line_and_goes_on_at_its_new_place(
    folder: Path, whole: Path, tmp_path: Path
) -> None:
    with records_of(quick(), folder) as records:
        while next(records).step < 15:
            pass
        folder.rename(tmp_path / "moved")
        with pytest.raises(RunError, match=refused(str(folder), "renamed or deleted", "gansmith train")):
            list(records)
    assert not folder.exists()
    gansmith.train(quick(), tmp_path / "moved", device="cpu")
    assert_same_run(whole, tmp_path / "moved")


@THREADS
def test_a_folder_deleted_while_it_trains_ends_in_one_line(folder: Path) -> None:
    with records_of(quick(), folder) as records:
        next(records)
        shutil.rmtree(folder)
        with pytest.raises(RunError, match="renamed or deleted"):
            list(records)
    assert not folder.exists()


def test_a_killed_training_leaves_no_lock_and_no_temporary_file(folder: Path, whole: Path) -> None:
    with Child(train_and_tell, to_json(quick()), str(folder)) as child:
        assert child.wait_for(13)
        child.kill()
    gansmith.train(quick(), folder, device="cpu")
    assert not list(folder.rglob(".*.tmp"))
    assert_same_run(whole, folder)


def test_a_second_training_after_the_first_has_ended(folder: Path, cli: Cli) -> None:
    stop_after(quick(), folder, 5)
    assert Run.open(folder).images == 160
    assert_refused(cli("train", folder, "budget=5m"), "settings are fixed")
    assert cli("train", folder, "--threads", "1").code == 0
