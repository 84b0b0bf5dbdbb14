"""`--quiet` hides notes, which say how things are done, and never warnings, which say what went wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from gansmith.cli import terminal
from gansmith.cli.coverage import coverage
from gansmith.core.notes import note
from support import Answer

LINE = ("train", "tutorial-small", "--data", "digits", "budget=64images", "scores=scores")
logger = logging.getLogger("gansmith")


def test_a_quiet_training_logs_no_note(here: Path, cli: Callable[..., Answer], caplog: pytest.LogCaptureFixture) -> None:
    assert cli(*LINE, "--run", "quiet", "--quiet").out == "quiet\n"
    assert caplog.messages == []
    assert cli(*LINE, "--run", "loud").code == 0
    assert any("is not scored while it trains" in message for message in caplog.messages)


def test_warnings_are_never_hidden(caplog: pytest.LogCaptureFixture) -> None:
    @terminal.keeps_quiet
    def command(*, quiet: bool) -> None:
        note("the run is planned")
        logger.warning("the checkpoint is damaged")

    command(quiet=True)
    assert caplog.messages == ["the checkpoint is damaged"]
    command(quiet=False)
    assert caplog.messages[1:] == ["the run is planned", "the checkpoint is damaged"]


def test_every_command_with_the_option_obeys_it() -> None:
    from bad_input import commands, options

    quiet = {words for words, command in commands().items() if any(option.name == "--quiet" for option in options(command))}
    assert quiet == {("train",), ("coverage",), ("translate",)}
    assert all(hasattr(commands()[words], "__wrapped__") for words in quiet)
    assert coverage.__doc__
