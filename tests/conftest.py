"""One thread, so that several tests may run beside each other, and nothing one test registers is seen by another."""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported; children inherit it
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each process that a test starts would compile the whole package anew

import logging
import signal
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from gansmith.cli import main as command_line
from gansmith.core import component as spec
from gansmith.core import user_code
from gansmith.training.signals import ENDING
from support import Answer, hurry, replace_call

hurry()
sys.dont_write_bytecode = False  # so pytest keeps the test files as it has compiled them
# To make all commands takes twice as long as to refuse a command line: here it is done once, as in a real process.
replace_call(command_line, "command_line", cache(command_line.command_line))


@pytest.fixture(autouse=True)
def _own_components_are_forgotten() -> Iterator[None]:
    """A user's file that a test loads registers its components in this process: take them out again."""
    spec.load_all()
    registry, files, modules = dict(spec.REGISTRY), dict(user_code._FILES), set(sys.modules)
    yield
    spec.REGISTRY.clear()
    spec.REGISTRY.update(registry)
    user_code._FILES.clear()
    user_code._FILES.update(files)
    for name in set(sys.modules) - modules:
        if name.startswith("gansmith_file_"):
            del sys.modules[name]


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes which files this user trusts."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Answer]]:
    """The command line in this process, through the same `main` that the installed script calls."""
    handlers = {s: signal.getsignal(s) for s in (signal.SIGINT, *ENDING)}
    level = logging.getLogger().level

    def call(*args: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["gansmith", *map(str, args)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            command_line.main()
        captured = capsys.readouterr()
        return Answer(int(left.value.code or 0), captured.out, captured.err)

    yield call
    logging.getLogger().setLevel(level)
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
