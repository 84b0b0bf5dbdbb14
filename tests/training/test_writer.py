"""What a run folder gets at its end, as the tests hurry it: stubs stand where real plots would be drawn."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

import gansmith
from gansmith.core import files
from support import quick, replace_call


def test_hurried_tests_replace_what_a_run_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that was moved or renamed would be drawn for real again, or never be called."""
    run = gansmith.train(quick(), tmp_path / "run", device="cpu")
    with Image.open(run.path / "losses.png") as plot:
        assert plot.size == (1, 1)
    assert "<svg></svg>" in run.report.read_text()
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    files.write(tmp_path / "file", b"")
    assert len(synced) == 2  # the file, and its name in the folder


def test_a_stub_that_would_not_be_called_fails_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    home, user = ModuleType("gansmith.some_home"), ModuleType("gansmith.some_user")
    home.draw = print  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, home.__name__, home)
    monkeypatch.setitem(sys.modules, user.__name__, user)
    with pytest.raises(AttributeError, match="paint"):
        replace_call(home, "paint", repr)
    user.pencil = print  # type: ignore[attr-defined]
    with pytest.raises(AssertionError, match=r"draw is imported by name in gansmith\.some_user"):
        replace_call(home, "draw", repr)
    del user.pencil
    replace_call(home, "draw", repr)
    assert home.draw is repr
