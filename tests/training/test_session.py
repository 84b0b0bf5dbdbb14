"""A session opens a run folder once, finds a finished run without loading anything, and gives the folder back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import gansmith
from gansmith.core.errors import RunError
from gansmith.data import Digits
from gansmith.runs.run import Run
from gansmith.training.loop import take_steps
from gansmith.training.session import open_session
from support import assert_same_run, quick, tree


def test_a_finished_run_is_found_without_loading_data_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, folder = quick(budget="320images"), tmp_path / "run"
    gansmith.train(recipe, folder, device="cpu")
    before = tree(folder)

    def load(*_: object) -> Any:
        raise AssertionError("the data were loaded")

    monkeypatch.setattr(Digits, "load", load)
    with open_session(recipe, folder, device="cpu") as session:
        assert session is None
    assert list(gansmith.steps(recipe, folder, device="cpu")) == []
    assert tree(folder) == before
    with pytest.raises(AssertionError, match="were loaded"):
        gansmith.train(recipe, tmp_path / "another", device="cpu")


def test_a_session_opens_its_folder_once_and_holds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, folder = quick(budget="320images"), tmp_path / "run"
    with open_session(recipe, folder, device="cpu"):
        pass
    opened, real = [], Run.open.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(Run, "open", classmethod(lambda cls, *args, **more: (opened.append(1), real(cls, *args, **more))[1]))
    with open_session(recipe, folder, device="cpu") as session:
        assert session is not None
        with pytest.raises(RunError, match="being trained by another"), open_session(recipe, folder, device="cpu"):
            pass
        for _ in take_steps(session):
            pass
    assert len(opened) == 1
    monkeypatch.undo()
    assert_same_run(gansmith.train(recipe, tmp_path / "whole", device="cpu").path, folder)
