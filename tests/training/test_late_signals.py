"""A signal waits for the step, but in one of several processes not for ever: torchrun kills those that take too long to end."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import gansmith
from gansmith.runs.run import Run
from gansmith.training import loop
from gansmith.training.session import open_session
from gansmith.training.signals import Ended, SignalsWait
from gansmith.training.validation import Validation
from support import assert_same_run, quick

LONG = 2000  # times 10 ms: far longer than a signal waits in these tests
RECIPE = ("scores=scores(times=2, count=100)", "checkpoint_every=100images", "log_every=100images", "watch=none")


def work(times: int) -> None:
    for _ in range(times):
        time.sleep(0.01)


def test_a_signal_interrupts_what_takes_too_long() -> None:
    with SignalsWait(0.05) as signals:
        with pytest.raises(Ended), signals.held():  # noqa: PT012
            os.kill(os.getpid(), signal.SIGTERM)
            work(LONG)
            pytest.fail("nothing interrupted the work")
        assert (signals.waiting, signals.timer, signals.is_late) == ([], None, False)


@pytest.mark.parametrize("longest", [None, 60.0])
def test_a_signal_waits_for_what_ends_in_time(longest: float | None) -> None:
    done = []
    with SignalsWait(longest) as signals:
        with pytest.raises(Ended), signals.held():  # noqa: PT012
            os.kill(os.getpid(), signal.SIGTERM)
            work(3)
            done.append(True)
        assert (signals.waiting, signals.timer) == ([], None)
    assert done
    assert not any(isinstance(thread, threading.Timer) and not thread.finished.is_set() for thread in threading.enumerate())


@pytest.mark.parametrize("dies", ["late signal", "lost connection"])
def test_what_a_dead_process_left_half_written_is_done_again(dies: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step whose score was not finished or not noted is taken again, so that the log is that of an undisturbed run."""
    recipe = quick(*RECIPE, budget="1000images")
    gansmith.train(recipe, tmp_path / "whole", device="cpu")

    def score(*_: Any) -> float:
        if dies == "lost connection":
            raise gansmith.RunError("another process of this run has ended")
        os.kill(os.getpid(), signal.SIGTERM)
        work(LONG)
        pytest.fail("nothing interrupted the score")

    monkeypatch.setattr(loop, "LONGEST_WAIT", 0.05)
    monkeypatch.setattr(loop, "distributed", SimpleNamespace(world_size=lambda: 2))
    with (  # noqa: PT012
        pytest.raises((Ended, gansmith.RunError)),
        open_session(recipe, tmp_path / "part", device="cpu") as session,
        monkeypatch.context() as patch,
    ):
        assert session is not None
        patch.setattr(Validation, "score", score)
        for _ in loop.take_steps(session):
            pass
    left = Run.open(tmp_path / "part").images
    assert 0 < left < min(Run.open(tmp_path / "whole").scored)
    gansmith.train(recipe, tmp_path / "part", device="cpu")
    assert_same_run(tmp_path / "whole", tmp_path / "part")
