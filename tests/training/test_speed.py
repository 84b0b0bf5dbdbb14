"""A run takes the number of threads that is the quickest, by trials that are given here, and keeps to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import torch

from gansmith.core.errors import TrainingError
from gansmith.runs.run import Run
from gansmith.training import speed as speed_module
from gansmith.training.loop import steps
from gansmith.training.speed import quickest
from support import quick, trainer

LONG = "budget=1h"


@pytest.fixture(autouse=True)
def four_threads() -> Iterator[None]:
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(1)


def speeds(monkeypatch: pytest.MonkeyPatch, **images_a_second: float) -> list[int]:
    """Trials answer with these speeds, four=100.0 for one of four threads. Returns the numbers that are tried."""
    names, tried = {1: "one", 2: "two", 4: "four"}, []

    def speed(_: object, number: int) -> float:
        tried.append(number)
        torch.set_num_threads(number)
        return images_a_second[names[number]]

    monkeypatch.setattr(speed_module, "_speed", speed)
    return tried


@pytest.mark.parametrize(
    ("one", "two", "four", "best"),
    [
        (100, 180, 300, 4),
        (100, 180, 150, 2),
        (100, 105, 109, 1),  # not a tenth more for twice the threads
        (100, 80, 20, 1),
        (90, 100, 109, 2),
    ],
)
def test_the_quickest_is_taken_and_a_few_rather_than_many(
    monkeypatch: pytest.MonkeyPatch, one: float, two: float, four: float, best: int
) -> None:
    tried = speeds(monkeypatch, one=one, two=two, four=four)
    assert quickest(trainer(quick(LONG))) == best
    assert tried == [4, 2, 1]
    assert torch.get_num_threads() == 4  # trials leave it as it was


def test_a_short_run_is_not_worth_the_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = speeds(monkeypatch, four=1000.0)
    assert quickest(trainer(quick("budget=1000images"))) == 4
    assert tried == [4]


def test_a_loss_that_is_not_finite_is_left_to_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> float:
        raise TrainingError("the loss is not finite")

    monkeypatch.setattr(speed_module, "_speed", fail)
    assert quickest(trainer(quick(LONG))) == 4


def test_a_real_trial_counts_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed_module, "SECONDS", 0.01)
    assert quickest(trainer(quick(LONG))) in (1, 2, 4)


def test_the_folder_says_it_and_who_goes_on_takes_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    speeds(monkeypatch, one=50.0, two=100.0, four=60.0)
    monkeypatch.setattr(speed_module, "WORTHWHILE", 0.0)
    recipe = quick()
    with closing(steps(recipe, tmp_path / "run", threads="auto")) as records:
        next(records)
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 4
    assert Run.open(tmp_path / "run").metadata["environment"]["threads"] == 2
    tried = speeds(monkeypatch)
    with closing(steps(recipe, tmp_path / "run", threads="auto")) as records:
        next(records)
        assert torch.get_num_threads() == 2
    assert not tried
