"""Training in somebody else's program leaves that program's settings as they were, however the training ends."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import gansmith
from gansmith.core.errors import TrainingError
from gansmith.training.process_settings import flushes_denormals, process_settings
from gansmith.training.signals import ENDING
from gansmith.training.trainer import Trainer
from support import quick


@pytest.fixture(autouse=True)
def _the_callers_settings() -> Iterator[None]:
    torch.set_num_threads(3)
    torch.set_flush_denormal(False)
    yield
    torch.set_num_threads(1)


def settings() -> dict[str, Any]:
    """What a program may have set, as this thread sees it."""
    root = logging.getLogger()
    return {
        "threads": torch.get_num_threads(),
        "denormals": flushes_denormals(),
        "random": torch.get_rng_state().tolist(),
        "stand-ins": [name for name in sys.modules if name == "tensorboard.compat.notf"],
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, *ENDING)],
        "logging": (root.level, list(root.handlers), logging.lastResort, logging.raiseExceptions, logging.getLoggerClass()),
        "own logger": (logging.getLogger("gansmith").level, list(logging.getLogger("gansmith").handlers)),
        "modes": (torch.is_grad_enabled(), torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled()),
    }


def to_the_end(folder: Path) -> None:
    gansmith.train(quick(budget="320images"), folder, device="cpu", threads=2)


def left_early(folder: Path) -> None:
    with closing(gansmith.steps(quick(budget="320images"), folder, device="cpu", threads=2)) as records:
        next(records)
        assert torch.get_num_threads() == 2
        assert flushes_denormals()  # also while the caller looks at a record


def with_an_error(folder: Path) -> None:
    rates = [f"optimizers.{player}=sgd(lr=1e6)" for player in ("generator", "discriminator")]
    with pytest.raises(TrainingError, match="not finite"):
        gansmith.train(quick(*rates, budget="320images"), folder, device="cpu", threads=2)


def in_a_thread(work: Callable[[], None]) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        torch.set_flush_denormal(False)
        before = settings()
        try:
            work()
            assert settings() == before
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


WAYS = pytest.mark.parametrize("way", [to_the_end, left_early, with_an_error])


@WAYS
def test_training_leaves_the_process_as_it_was(way: Callable[[Path], None], tmp_path: Path) -> None:
    before = settings()
    way(tmp_path / "run")
    assert settings() == before


@WAYS
def test_training_in_a_thread_leaves_thread_and_process_as_they_were(way: Callable[[Path], None], tmp_path: Path) -> None:
    before = settings()
    in_a_thread(lambda: way(tmp_path / "run"))
    assert settings() == before


def test_a_caller_who_flushes_denormals_goes_on_doing_so(tmp_path: Path) -> None:
    torch.set_flush_denormal(True)
    to_the_end(tmp_path / "run")
    assert flushes_denormals()


def test_every_step_flushes_denormals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, step = [], Trainer.step

    def watched(self: Trainer) -> Any:
        seen.append(flushes_denormals())
        return step(self)

    monkeypatch.setattr(Trainer, "step", watched)
    to_the_end(tmp_path / "run")
    assert seen == [True] * 10


def test_compiling_often_is_allowed_while_training_alone() -> None:
    from torch.compiler import config

    before = config.recompile_limit
    with process_settings(compiles=True):
        assert config.recompile_limit > before
    assert config.recompile_limit == before


def test_compiling_works_where_the_limit_has_no_public_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in PyTorch 2.6, where the limit stays as it is."""
    monkeypatch.setattr(torch.compiler, "config", SimpleNamespace())
    with process_settings(compiles=True):
        assert flushes_denormals()
