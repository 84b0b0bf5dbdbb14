"""A run takes the number of threads that is the quickest, by trials that are given here, and keeps to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch

from gansmith.core.errors import TrainingError
from gansmith.recipes.base import Recipe
from gansmith.runs.run import Run
from gansmith.runs.training_run import TrainingRun
from gansmith.training import speed as speed_module
from gansmith.training.loop import steps
from gansmith.training.record import Record
from gansmith.training.speed import quickest
from gansmith.training.trainer import Trainer
from support import newest_checkpoint, quick, trainer

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
    assert tried == [4, 2, 1] * (1 if best == 4 else 2)  # fewer than all are tried twice
    assert torch.get_num_threads() == 4  # trials leave it as it was


def test_a_busy_moment_during_the_trials_does_not_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = iter([20.0, 60.0, 90.0, 300.0, 180.0, 100.0])
    monkeypatch.setattr(speed_module, "_speed", lambda *_: next(trials))
    assert quickest(trainer(quick(LONG))) == 4


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


# ---------------------------------------------------------------------------------------------------- beside another program


class Clock:
    """A clock that a step moves on by as many seconds as it takes with the present number of threads."""

    def __init__(self, seconds_by_threads: dict[int, float]) -> None:
        self.now, self.calls, self.seconds_by_threads = 0.0, 0, seconds_by_threads

    def __call__(self) -> float:
        self.calls += 1
        if self.calls % 2 == 0:  # the end of a step
            self.now += self.seconds_by_threads[torch.get_num_threads()]
        return self.now


def falling(clock: Clock, slow: dict[int, float], at: int) -> Callable[..., Any]:
    """Sessions whose steps take other times from an image count on."""

    class Falling(speed_module.ThreadWatch):
        def __init__(self, noted: Any = (), chooses: bool = False) -> None:
            super().__init__(noted, chooses, clock)

        def step(self, trainer: Any) -> Any:
            if trainer.images >= at:
                clock.seconds_by_threads = slow
            return super().step(trainer)

    return Falling


def threads_of_steps(recipe: Recipe, folder: Path, last: int | None = None) -> dict[int, int]:
    """Train to the end, or to an image count, and return the number of threads of each step, by the images before it."""
    found, real = {}, Trainer.step

    def step(self: Trainer) -> Record:
        found[self.images] = torch.get_num_threads()
        return real(self)

    with pytest.MonkeyPatch.context() as patch, closing(steps(recipe, folder, device="cpu", threads="auto")) as records:
        patch.setattr(Trainer, "step", step)
        for record in records:
            if last is not None and record.images >= last:
                break
    return found


def test_beside_a_busy_program_a_run_goes_on_with_fewer_threads_and_its_copy_changes_them_at_the_same_image(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Four threads are the best until a program takes a core after 640 images; then a step of four takes 50 times as long."""
    recipe, real = quick(budget="1600images"), speed_module.ThreadWatch
    clock = Clock({4: 0.2})
    monkeypatch.setattr("gansmith.training.session.ThreadWatch", falling(clock, {4: 10.0, 2: 0.3, 1: 0.2}, at=640))
    speeds(monkeypatch, one=160.0, two=100.0, four=160.0)
    found = threads_of_steps(recipe, tmp_path / "whole")
    changed = Run.open(tmp_path / "whole").metadata["thread_changes"]
    ((at, number),) = changed
    assert number == 1
    assert 640 < at <= 640 + 3 * recipe.batch_size  # two windows
    assert found == {images: 4 if images < at else 1 for images in found}
    assert "slow beside another program: on with 1 of 4 threads" in caplog.text
    assert Run.open(tmp_path / "whole").metadata["environment"]["threads"] == 4  # what it began with

    # A run that goes on takes the noted number, from the noted image, and does not look at its own speed for that.
    monkeypatch.setattr("gansmith.training.session.ThreadWatch", lambda noted, chooses: real(noted, chooses, lambda: 0.0))
    for left in (at - 64, at, at + 64):
        folder = tmp_path / str(left)
        threads_of_steps(recipe, folder, left)
        metadata = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps(metadata | {"thread_changes": changed}))
        again = threads_of_steps(recipe, folder)
        assert again == {images: threads for images, threads in found.items() if images >= left}
        assert newest_checkpoint(folder).name == newest_checkpoint(tmp_path / "whole").name


def test_a_change_of_threads_is_saved_and_noted_before_it_applies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    recipe = quick(budget="1600images")
    monkeypatch.setattr("gansmith.training.session.ThreadWatch", falling(Clock({4: 0.2}), {4: 10.0, 2: 0.3, 1: 0.2}, at=640))
    speeds(monkeypatch, one=160.0, two=100.0, four=160.0)

    def die(self: Run, **metadata: Any) -> None:
        if "thread_changes" in metadata:
            (at, _), *_ = metadata["thread_changes"]
            assert self.latest().images == at  # type: ignore[union-attr]
            raise KeyboardInterrupt
        real(self, **metadata)

    real = TrainingRun.update_metadata
    monkeypatch.setattr(TrainingRun, "update_metadata", die)
    with pytest.raises(KeyboardInterrupt):
        threads_of_steps(recipe, tmp_path / "run")
    assert "thread_changes" not in Run.open(tmp_path / "run").metadata


@pytest.mark.parametrize("four", [0.2, 10.0], ids=["as quick as ever", "slow, and fewer are no better"])
def test_a_run_keeps_its_threads_where_fewer_are_no_better(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, four: float) -> None:
    clock = Clock({4: 0.2})
    monkeypatch.setattr("gansmith.training.session.ThreadWatch", falling(clock, {4: four}, at=320))
    speeds(monkeypatch, one=1.0, two=2.0, four=160.0)
    assert set(threads_of_steps(quick(), tmp_path / "run").values()) == {4}


def test_a_number_that_the_user_gave_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("gansmith.training.session.ThreadWatch", falling(Clock({2: 0.2}), {2: 10.0}, at=320))
    tried = speeds(monkeypatch, one=160.0)
    with closing(steps(quick(), tmp_path / "run", device="cpu", threads=2)) as records:
        assert {torch.get_num_threads() for _ in records} == {2}
    assert not tried
