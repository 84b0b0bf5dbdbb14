"""A budget in minutes is kept though the machine's speed changes, and what was planned once is what a resumed run does."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import gansmith
from gansmith.core.overrides import override
from gansmith.recipes.base import Pictures, Recipe
from gansmith.runs.run import Run
from gansmith.training import files_plan
from gansmith.training.files_plan import FilePlan
from gansmith.training.look_plan import FEWEST, plan_looks
from gansmith.training.loop import steps
from gansmith.training.marks import Every, Marks
from gansmith.training.monitor import Monitor
from gansmith.training.pace import MOST_PLANS, Costs, Pace
from gansmith.training.record import Record
from gansmith.training.totals import Totals
from gansmith.training.trainer import Trainer
from gansmith.training.validation import Validation
from gansmith.training.writer import RunWriter
from support import assert_same_run, quick, stop_after, trainer, untimed_log

SECONDS = 900.0
SPEED = 12.0  # images a second: some 340 steps
SCHEDULED = ("optimizers.generator.schedule=linear(start=0.5)", "optimizers.discriminator.schedule=cosine", "ema=ema")


@dataclasses.dataclass
class Clock:
    """A clock that only work moves: a step by its images, and scores, pictures and checkpoints by seconds of their own."""

    speed: Callable[[float], float]  # of steps, at a time
    now: float = 0.0

    def steps(self, images: int) -> None:
        self.now += images / self.speed(self.now)

    def works(self, seconds: float) -> None:
        self.now += seconds * SPEED / self.speed(self.now)


def machine(monkeypatch: pytest.MonkeyPatch, speed: Callable[[float], float]) -> Clock:
    """Replace the time in this process by a clock of a machine whose speed changes."""
    clock = Clock(speed)
    step, draw, save = Trainer.step, RunWriter._draw, RunWriter.save

    def timed_step(self: Trainer) -> Record:
        before = self.images
        record = step(self)
        clock.steps(self.images - before)
        return record

    monkeypatch.setattr(time, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(Trainer, "step", timed_step)
    monkeypatch.setattr(RunWriter, "_draw", lambda self, *args: (clock.works(0.5), draw(self, *args))[1])
    monkeypatch.setattr(RunWriter, "save", lambda self, *args: (clock.works(2.0), save(self, *args))[1])
    monkeypatch.setattr(Validation, "score", lambda *_: (clock.works(1.5), 3.0)[1])
    monkeypatch.setattr(Monitor, "look", lambda _: (clock.works(0.3), {"finite": 1.0})[1])
    return clock


def changing(share: float, factor: float) -> Callable[[float], float]:
    """A speed that changes by a factor once this share of the time is over."""
    return lambda now: SPEED * (factor if now > share * SECONDS else 1.0)


def timed(*overrides: str) -> Recipe:
    recipe = override(quick(f"budget={SECONDS:.0f}s", "scores=scores(count=100)", *overrides), "log_every=none")
    return dataclasses.replace(recipe, checkpoint_every=None, pictures=Pictures(count=4, columns=2))


# ---------------------------------------------------------------------------------------------------- minutes are minutes


@pytest.mark.parametrize(("share", "factor"), [(0.0, 0.5), (0.0, 2.0), (0.5, 0.5), (0.5, 2.0), (0.77, 0.5), (0.9, 0.5)])
def test_a_budget_in_minutes_ends_in_time_when_the_speed_changes(
    share: float, factor: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = machine(monkeypatch, changing(share, factor))
    if not share:  # the warm-up alone sees another speed
        clock.speed = lambda now: SPEED * (factor if now < 0.04 * SECONDS else 1.0)
    progress = [record.progress for record in steps(timed(), tmp_path / "run", device="cpu")]
    assert clock.now == pytest.approx(SECONDS, rel=0.05)
    assert progress[-1] == 1.0
    run = Run.open(tmp_path / "run")
    assert run.total_images is not None
    assert run.total_images <= run.images < run.total_images + 33
    assert len(run.metadata["totals"]) == MOST_PLANS
    assert run.metadata["totals"][-1][1] == run.total_images
    assert len(run.scored) == run.metadata["scorings"] > 10  # all that were planned come, and the last one at the end
    assert max(run.scored) == run.images == max(run.pictures)


def test_a_machine_that_slows_down_fivefold_and_recovers_is_still_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = machine(monkeypatch, lambda now: SPEED / (5.0 if 300 < now < 500 or now > 800 else 1.0))
    gansmith.train(timed(), tmp_path / "run", device="cpu")
    assert clock.now == pytest.approx(SECONDS, rel=0.15)


def test_a_clock_that_jumps_promises_no_endless_run(monkeypatch: pytest.MonkeyPatch) -> None:
    game = trainer(quick())
    pace = Pace("900s", {"totals": [[0, 100_000]], "total_images": 100_000}, game, 0.0, Costs())
    game.images = 2500
    totals = pace.after(game, 0, 1e-9, {})
    assert totals is not None
    assert totals.images <= 2500 + 4 * 97_500


def test_a_budget_in_images_is_never_planned_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, changing(0.01, 0.1))
    run = gansmith.train(override(timed(), "budget=6400images"), tmp_path / "run", device="cpu")
    assert run.total_images == 6400 <= run.images < 6433
    assert "totals" not in run.metadata


def test_a_run_that_was_planned_once_keeps_its_total(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, changing(0.0, 1.0))
    recipe, path = timed(), tmp_path / "run" / "run.json"
    stop_after(recipe, tmp_path / "run", 3)
    stored = json.loads(path.read_text())
    for name in ("totals", "planning_seconds", *FilePlan._fields, "notes"):
        del stored[name]
    path.write_text(json.dumps(stored))
    machine(monkeypatch, lambda now: SPEED / 10)
    run = gansmith.train(recipe, tmp_path / "run", device="cpu")
    assert run.total_images == stored["total_images"]
    assert len([r for r in run.records if "generator/loss" in r]) > 200  # and the files are those that every run had then


# ---------------------------------------------------------------------------------------------------- exactness


def test_a_resumed_run_does_what_was_planned_whatever_its_clock_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = timed(*SCHEDULED)
    machine(monkeypatch, changing(0.5, 0.5))
    whole = gansmith.train(recipe, tmp_path / "whole", device="cpu")
    monkeypatch.undo()
    machine(monkeypatch, changing(0.5, 0.5))
    stop_after(recipe, tmp_path / "part", 1)
    path = tmp_path / "part" / "run.json"
    stored = json.loads(path.read_text())
    assert stored["totals"] == whole.metadata["totals"][:1]
    path.write_text(json.dumps(stored | {name: whole.metadata[name] for name in ("totals", "total_images")}))
    for step, factor in ((2, 5.0), (60, 0.1), (61, 0.1), (170, 7.0)):
        monkeypatch.undo()
        machine(monkeypatch, changing(0.0, factor))
        stop_after(recipe, tmp_path / "part", step)
    part = gansmith.train(recipe, tmp_path / "part", device="cpu")
    assert part.metadata["totals"] == whole.metadata["totals"]
    assert_same_run(whole.path, part.path)


def test_a_plan_is_written_down_before_the_run_goes_on_by_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after any step and resumed on a machine of another speed, a run passes the plans that it had written."""
    recipe = override(timed(), "budget=20s")
    machine(monkeypatch, lambda now: SPEED * (2.0 if now > 10 else 1.0))
    folders = []
    with closing(steps(recipe, tmp_path / "run", device="cpu")) as records:
        for record in records:
            stored = json.loads((tmp_path / "run" / "run.json").read_text())
            assert stored["total_images"] == stored["totals"][-1][1] == record.total_images
            folders.append(shutil.copytree(tmp_path / "run", tmp_path / f"killed-{record.step}", ignore=lambda *_: [".lock"]))
    for folder in folders[2::3]:
        killed = json.loads((folder / "run.json").read_text())["totals"]
        monkeypatch.undo()
        machine(monkeypatch, lambda now: SPEED / 3)
        went_on = gansmith.train(recipe, folder, device="cpu").metadata["totals"]
        assert went_on[: len(killed)] == killed


def test_schedules_follow_without_a_jump(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress grows in every step by about the share of the time that the step takes, and is 1 at the end."""
    machine(monkeypatch, changing(0.5, 0.25))
    seen: list[float] = []
    progress = Totals.progress

    def noted(self: Totals, images: int) -> float:
        seen.append(progress(self, images))
        return seen[-1]

    monkeypatch.setattr(Totals, "progress", noted)
    for _ in steps(override(timed(), "watch=none"), tmp_path / "run", device="cpu"):
        pass
    jumps = [after - before for before, after in itertools.pairwise(seen[20:])]  # the first are of trials of the speed
    assert min(jumps) > 0
    assert max(jumps) < 0.05
    assert 0.95 < seen[-1] < 1


# ---------------------------------------------------------------------------------------------------- totals and marks


PLANS = [
    Totals.of(1000),
    Totals.of(1000).and_then(100, 5000).and_then(700, 900).and_then(800, 800),
    Totals.of(10**12).and_then(10**11, 3 * 10**11).and_then(2 * 10**11, 10**15),
]


@pytest.mark.parametrize("totals", PLANS)
def test_progress_is_continuous_and_marks_keep_their_share(totals: Totals) -> None:
    first = totals.planned[0].images
    assert totals.progress(0) == 0.0
    for since, _ in totals.planned[1:]:
        assert totals.progress(since) == pytest.approx(totals.up_to(since - 1).progress(since), abs=1e-12)
    chosen = sorted({round(first * i / 50) for i in range(51)})
    moved = totals.moved(chosen)
    assert moved == sorted(moved)
    assert moved[-1] == totals.images
    for before, now in zip(chosen, moved, strict=True):
        if now < totals.images:
            assert totals.progress(now) == pytest.approx(before / first, abs=2 / min(first, 1000))
    assert Totals.read(totals.to_json()) == totals


def test_a_single_total_is_a_share_to_the_last_bit() -> None:
    for total, images in itertools.product((7, 999, 60_000, 12_345_678), (0, 1, 3, 6)):
        assert Totals.of(total).progress(images) == images / total
    assert Totals.of(60).progress(64) == 1.0
    assert Totals.of(1000).moved([0, 3, 1000]) == [0, 3, 1000]


def test_multiples_and_marks_fall_due_once() -> None:
    for due in (Every(50), Marks.evenly(20, 1000)):
        assert [now for now in range(7, 1100, 7) if due.is_passed(now - 7, now)][:3] == [56, 105, 154]
        assert due.left(500, 1000) == 10
    assert Every(50).moved(Totals.of(1000).and_then(10, 99)) == Every(50)
    assert Marks.evenly(20, 7).images == tuple(range(1, 8))


# ---------------------------------------------------------------------------------------------------- files and looks


@pytest.mark.parametrize(
    ("seconds", "picture", "checkpoint", "planned"),
    [
        (0.5, 0.02, 0.05, FilePlan(6, 2, 1)),  # nothing is timed
        (10.0, 0.04, 0.1, FilePlan(100, 3, 1)),
        (10.0, 0.04, 2.0, FilePlan(100, 3, 1)),  # the last always comes
        (600.0, 0.04, 0.1, FilePlan()),
        (60.0, 0.001, 1.0, FilePlan(400, 25, 1)),
    ],
)
def test_files_take_at_most_three_percent(
    seconds: float, picture: float, checkpoint: float, planned: FilePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    def timed(work: object, warm_up: bool = False) -> float:
        return picture if warm_up else checkpoint

    monkeypatch.setattr(files_plan, "timed", timed)
    game: Any = trainer(timed_by_itself())
    found = files_plan.plan_files(Run(Path("run"), game.recipe, {}), game, seconds)
    assert found == planned
    optional = 1e-3 * found.records + picture * (found.pictures - 2) + checkpoint * (found.checkpoints - 1)
    assert optional <= 0.03 * seconds + 1e-3


def timed_by_itself() -> Recipe:
    return dataclasses.replace(timed(), budget="1600images")


def test_what_the_recipe_states_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files_plan, "timed", lambda *_, **__: pytest.fail("timed"))
    game = trainer(quick())
    assert not files_plan.is_to_plan(game.recipe)
    assert files_plan.plan_files(Run(Path("run"), game.recipe, {}), game, 0.1) == FilePlan()


def test_a_short_run_writes_its_last_checkpoint_and_picture(tmp_path: Path) -> None:
    run = gansmith.train(dataclasses.replace(timed_by_itself(), scores=None), tmp_path / "run", device="cpu")
    assert run.checkpoints.images == [run.images]
    assert list(run.pictures) == [0, run.images]
    assert 1 <= len(untimed_log(run.path)) < 60


def test_looks_have_fewer_samples_where_time_is_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now, counts = 0.0, []

    def look(self: Monitor) -> dict[str, float]:
        nonlocal now
        now += 1e-3 * self.count
        counts.append(self.count)
        return {}

    monkeypatch.setattr(Monitor, "look", look)
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    for seconds, asked, samples, times in (
        (200.0, [256, 256], 256, 13),
        (100.0, [256, 256, FEWEST, FEWEST], FEWEST, 21),
        (40.0, [256, FEWEST, FEWEST], FEWEST, 6),
        (20.0, [256, FEWEST, FEWEST], FEWEST, 3),
        (4.5, [256, FEWEST, FEWEST], 256, 0),
    ):
        counts.clear()
        now = 0.0
        planned = plan_looks(Monitor(trainer(quick("watch=watch"))), seconds)
        assert (counts, planned.samples, planned.times) == (asked, samples, times)
        share = 0.04 if times == 3 else 0.02  # at least three looks, where they take no more than twice the share
        assert not planned.times or planned.total_seconds <= share * seconds + 0.07


def test_a_look_of_fewer_samples_compares_with_as_many_and_says_so(tmp_path: Path) -> None:
    few = Monitor(trainer(quick("watch=watch")), FEWEST)
    assert few.look()["samples"] == FEWEST
    assert len(few._reals.rows) == FEWEST
    assert "samples" not in Monitor(trainer(quick("watch=watch"))).look()
