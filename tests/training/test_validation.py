"""Scores while a run trains: they choose and end, on images and seeds of their own, and change nothing of the training."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import gansmith
from gansmith.cli import progress
from gansmith.core import rng
from gansmith.core.component import to_json
from gansmith.core.errors import RecipeError, RunError
from gansmith.core.overrides import override
from gansmith.data import Digits, Ring, Samples, find_source
from gansmith.data.splits import non_validation_rows, validation_rows
from gansmith.evaluation import reference
from gansmith.evaluation.metrics import scores as metrics
from gansmith.evaluation.results import Evaluation
from gansmith.evaluation.sources import FIRST_SEED
from gansmith.recipes import make
from gansmith.recipes.base import Recipe, Scores
from gansmith.runs.log import SCORE
from gansmith.runs.run import Run
from gansmith.training import validation
from gansmith.training.validation import Validation
from support import (
    Answer,
    Child,
    assert_refused,
    assert_same_run,
    newest_checkpoint,
    quick,
    records_of,
    stop_after,
    train_and_tell,
    trainer,
    untimed_log,
)


def scored(*overrides: str, budget: str = "1600images") -> Recipe:
    """The cheapest run, scored six times with few samples."""
    return quick("scores=scores(times=6, count=128)", *overrides, budget=budget)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scored") / "run"
    gansmith.train(scored(), folder, device="cpu")
    return folder


def scripted(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> list[float]:
    """Let the scorings of a run give these values, one after another. Returns those that are left."""
    left = list(values)
    monkeypatch.setattr(Validation, "score", lambda *_: left.pop(0))
    return left


def kept(folder: Path) -> list[int]:
    return sorted(int(p.name.split("-")[0]) for p in (folder / "checkpoints").iterdir())


# ---------------------------------------------------------------------------------------------------- what is scored


def validation_of(recipe: Recipe) -> Validation:
    made = validation.validation_for(recipe, recipe.data.load())
    assert made is not None
    return made


def test_scores_hold_other_samples_against_other_images_than_reports() -> None:
    """Written out: the slice alone, and seed 2**32, which no number of draws from 1000 on comes to."""
    recipe = scored()
    game = trainer(recipe)
    train = Digits().load().values
    rows = validation_rows(len(train))
    assert not set(rows) & set(non_validation_rows(len(train)))
    fakes = game.sampler.sample(2**32, 128)
    sides = [torch.from_numpy(s.reshape(len(s), -1) / 255).double() for s in (train[rows], fakes)]
    expected = metrics.frechet_distance(*map(metrics.Moments.of, sides))
    assert validation_of(recipe).score(game.sampler) == pytest.approx(expected, rel=1e-5)
    assert validation.SEED == 2**32 > FIRST_SEED + 10**6
    other = Samples(np.where(np.isin(np.arange(len(train)), rows)[:, None, None, None], train, 255 - train))
    same = validation.validation_for(recipe, other)
    assert same is not None
    assert same.score(game.sampler) == validation_of(recipe).score(game.sampler)


def test_a_scoring_leaves_everything_as_it_was() -> None:
    game = trainer(scored("data=digits"))
    game.step()
    before = {k: v.clone() for k, v in game.state().tensors.items()}
    modes = {name: network.training for name, network in game.networks.items()}
    state = torch.get_rng_state()
    validation_of(game.recipe).score(game.sampler)
    assert torch.equal(torch.get_rng_state(), state)
    assert modes == {name: network.training for name, network in game.networks.items()}
    assert all(torch.equal(before[k], v) for k, v in game.state().tensors.items())


def test_samples_that_are_no_numbers_have_an_infinite_score() -> None:
    recipe = make("goodfellow-2014", ["scores.count=100"], data="ring")
    game = trainer(recipe)
    assert math.isfinite(validation_of(recipe).score(game.sampler))
    for weight in game.networks["generator"].parameters():
        weight.data.fill_(math.nan)
    assert validation_of(recipe).score(game.sampler) == math.inf


# ---------------------------------------------------------------------------------------------------- the run stays the same


def test_a_scored_run_is_the_same_run(done: Path, tmp_path: Path) -> None:
    gansmith.train(quick(), tmp_path / "plain", device="cpu")
    assert newest_checkpoint(done).name == newest_checkpoint(tmp_path / "plain").name
    assert [r for r in untimed_log(done) if SCORE not in r] == untimed_log(tmp_path / "plain")


def test_left_and_gone_on_equals_uninterrupted(done: Path, tmp_path: Path) -> None:
    for step in (3, 17, 31):
        stop_after(scored(), tmp_path / "run", step)
    gansmith.train(scored(), tmp_path / "run", device="cpu")
    assert_same_run(done, tmp_path / "run")
    assert gansmith.load(tmp_path / "run").scored == gansmith.load(done).scored


def test_killed_and_gone_on_equals_uninterrupted(done: Path, tmp_path: Path) -> None:
    for step in (8, 25, 40):
        with Child(train_and_tell, to_json(scored()), str(tmp_path / "run")) as child:
            child.wait_for(step)
            child.kill()
    gansmith.train(scored(), tmp_path / "run", device="cpu")
    assert_same_run(done, tmp_path / "run")
    assert gansmith.load(tmp_path / "run").best == gansmith.load(done).best


def test_scores_go_to_log_and_records(done: Path, tmp_path: Path) -> None:
    run = gansmith.load(done)
    entries = [r for r in untimed_log(done) if SCORE in r]
    assert [r.keys() for r in entries] == [{"images", "epoch", SCORE}] * 6
    assert run.scored == {r["images"]: r[SCORE] for r in entries}
    assert np.isfinite(run.log[SCORE]).sum() == 6
    assert run.metadata["score"].startswith("fd[pixels:")
    assert run.metadata["score"].endswith("@249/128")
    with records_of(scored(), tmp_path / "run") as records:
        seen = list(records)
    assert seen[0].scores == {}
    values = list(run.scored.values())
    assert seen[-1].scores == {"FD": values[-1], "best": min(values)}
    assert progress.score(seen[-1]) == f"FD {values[-1]:.3g} (best {min(values):.3g})"
    assert progress.score(seen[0]) == ""


def test_scores_go_to_tensorboard(done: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(done / "events"))
    events.Reload()
    found = {e.step: e.value for e in events.Scalars(SCORE)}
    assert found == pytest.approx(gansmith.load(done).scored, rel=1e-6)


# ---------------------------------------------------------------------------------------------------- the plan


def test_marks_grow_and_end_with_the_run() -> None:
    marks = Scores().marks(10_000, 10)
    assert marks == [100, 400, 900, 1600, 2500, 3600, 4900, 6400, 8100, 10_000]
    assert Scores().marks(3, 25) == [1, 2, 3]
    assert Scores().marks(10_000, 1) == [10_000]


@pytest.mark.parametrize(
    ("seconds", "setup", "fixed", "per_sample", "times", "samples"),
    [
        (19.0, 0.0, 0.001, 0.0, 0, 2000),  # not worth the imports
        (1100.0, 0.0, 0.5, 0.0, 25, 2000),
        (10_000.0, 0.0, 0.5, 0.0, 25, 2000),
        (10_000.0, 10.0, 0.1, 1e-3, 25, 2000),
        (120.0, 1.0, 0.0, 1e-3, 5, 959),  # all samples would fit twice, and not five times
        (100.0, 0.0, 0.1, 1e-2, 2, 100),  # not five times even with the fewest
        (100.0, 0.0, 6.0, 0.0, 0, 2000),
        (100.0, 6.0, 0.0, 1e-4, 0, 2000),  # a busy machine: the first one has spent the twentieth
    ],
)
def test_as_many_scorings_as_fit_into_a_twentieth_with_fewer_samples_where_time_is_short(
    seconds: float, setup: float, fixed: float, per_sample: float, times: int, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock that is told what a scoring takes, and the first one more."""
    now, asked = 0.0, []

    def score(_: object, __: object, count: int) -> float:
        nonlocal now
        now += fixed + per_sample * count + (0 if asked else setup)
        asked.append(count)
        return 1.0

    recipe = quick("scores=scores")
    scorer = validation_of(recipe)
    assert scorer.real
    monkeypatch.setattr(Validation, "score", score)
    monkeypatch.setattr(validation.time, "perf_counter", lambda: now)
    planned = scorer.plan_scores(seconds, trainer(recipe).sampler)
    assert (planned.times, planned.samples) == (times, samples)
    if times:
        assert planned.total_seconds >= now + times * (fixed + per_sample * samples) - 1e-6
        assert planned.total_seconds <= 0.05 * seconds + 1e-9
    assert now <= max(0.05 * seconds, setup + 2 * (fixed + per_sample * 100))  # finding out costs no more than is allowed


def test_a_run_that_ends_at_a_score_has_all_samples_in_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """A distance from fewer samples is larger, and would never come down to the one that was asked for."""
    asked: list[int] = []
    monkeypatch.setattr(Validation, "score", lambda self, sampler, count: asked.append(count) or 1.0)
    recipe = quick("scores=scores(until='fd=5')")
    assert validation_of(recipe).plan_scores(100.0, trainer(recipe).sampler).samples == 2000
    assert set(asked) == {2000}


def test_fewer_samples_are_said_everywhere_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Validation, "plan_scores", lambda *_: validation.Measurements(4, 0.1, 120))
    stop_after(quick("scores=scores"), tmp_path / "run", 30)
    assert "scored 4 times with 120 samples instead of 2,000" in caplog.text
    monkeypatch.setattr(Validation, "plan_scores", lambda *_: pytest.fail("planned twice"))
    caplog.clear()
    run = gansmith.train(quick("scores=scores"), tmp_path / "run", device="cpu")
    assert not caplog.text
    assert run.metadata["score"].endswith("@249/120")
    assert [r["validation/samples"] for r in run.records if SCORE in r] == [120] * 4
    assert "with 120 samples instead of 2,000" in run.report.read_text()


def test_the_slice_is_looked_at_once_for_all_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path / "cache"))
    recipe = quick("scores=scores")
    first = validation_of(recipe).real
    assert len(list((tmp_path / "cache" / "features").glob("slice-*.safetensors"))) == 1
    monkeypatch.setattr(reference, "features_of", lambda *_: pytest.fail("looked at again"))
    again = validation_of(recipe).real
    assert again.count == first.count
    assert torch.equal(again.factor, first.factor)


def test_a_cache_that_cannot_be_written_stops_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = quick("scores=scores")
    kept = validation_of(recipe).real
    (tmp_path / "cache").write_text("a file where the folder should be")
    monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path / "cache"))
    assert torch.equal(validation_of(recipe).real.factor, kept.factor)


def test_the_number_of_scorings_is_decided_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = quick("scores=scores(count=100)")
    monkeypatch.setattr(Validation, "plan_scores", lambda *_: validation.Measurements(4, 0.1, 100))
    stop_after(recipe, tmp_path / "run", 5)
    monkeypatch.setattr(Validation, "plan_scores", lambda *_: pytest.fail("planned twice"))
    run = gansmith.train(recipe, tmp_path / "run", device="cpu")
    assert run.metadata["scorings"] == len(run.scored) == 4
    assert all(images - 33 < mark <= images for mark, images in zip([100, 400, 900, 1600], run.scored, strict=True))


def test_scores_are_paid_out_of_a_budget_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from gansmith.training import budget as budget_module

    recipe = quick("scores=scores", "budget=100s")
    monkeypatch.setattr(budget_module, "images_for", lambda *_: 100_000)
    monkeypatch.setattr(Validation, "plan_scores", lambda *_: validation.Measurements(4, 4.0, 2000))
    plan = budget_module.plan_run(recipe, trainer(recipe), validation_of(recipe), None)
    assert (plan.totals.images, plan.scorings, plan.looks, plan.score_samples) == (96_000, 4, 0, None)


def test_a_short_run_is_not_scored_unless_asked_to(tmp_path: Path) -> None:
    run = gansmith.train(quick("scores=scores"), tmp_path / "run", device="cpu")
    assert run.metadata["scorings"] == 0
    assert (run.scored, run.best, run.stopped) == ({}, None, None)


# ---------------------------------------------------------------------------------------------------- the best


def test_the_best_is_kept_while_old_ones_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [9.0, 3.0, 5.0, 4.0, 3.0, 7.0])
    run = gansmith.train(scored(), tmp_path / "run", device="cpu")
    second = list(run.scored)[1]
    assert run.best == second
    assert kept(run.path)[0] == second
    assert len(kept(run.path)) == 4
    assert run.results["best"] == {"images": second, "score": run.metadata["score"], "value": 3.0}
    best, last = run.at("best"), run.at("last")
    assert (best.images, last.images, best.checkpoint) == (second, run.images, "best")
    assert run.finished
    assert best.finished
    stop_after(quick(), tmp_path / "there", -(-second // 32))
    there = gansmith.load(tmp_path / "there")
    assert there.images == second
    assert np.array_equal(best.sample(3, 20).array, there.sample(3, 20).array)
    assert not np.array_equal(best.sample(3, 20).array, last.sample(3, 20).array)
    by_count = gansmith.load(run.path, checkpoint=second)
    assert np.array_equal(best.sample(3, 20).array, by_count.sample(3, 20).array)


def test_with_an_average_the_best_samples_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from support import with_ema

    scripted(monkeypatch, [9.0, 8.0, 7.0, 6.0, 5.0, 1.0])
    run = gansmith.train(with_ema(scored()), tmp_path / "run", device="cpu")
    assert run.best == run.images
    assert np.array_equal(run.at("best").sample().array, run.sample().array)


def test_a_score_that_is_no_number_is_never_the_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [math.inf, 3.0, math.inf, 4.0, 4.0, math.inf])
    run = gansmith.train(scored(), tmp_path / "run", device="cpu")
    assert run.best == list(run.scored)[1]
    assert "NaN" not in (run.path / "log.jsonl").read_text()
    assert "Infinity" not in (run.path / "log.jsonl").read_text()


@pytest.mark.parametrize("checkpoint", ["best", "1", "first", "0x10", "-1", ""])
def test_a_checkpoint_there_is_none_of(checkpoint: str, tmp_path: Path) -> None:
    stop_after(quick(), tmp_path / "run", 30)
    with pytest.raises(RunError, match="choose last or one of") as caught:
        gansmith.load(tmp_path / "run", checkpoint=checkpoint)
    for images in kept(tmp_path / "run"):
        assert str(images) in str(caught.value)


def test_a_damaged_best_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [1.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    run = gansmith.train(scored(), tmp_path / "run", device="cpu")
    path = min((run.path / "checkpoints").iterdir())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(RunError, match="damaged"):
        run.at("best").sample()
    assert len(run.sample(count=4)) == 4


def test_commands_take_a_checkpoint(cli: Callable[..., Answer], here: Path, done: Path) -> None:
    run = gansmith.load(done)
    assert run.best is not None
    for name in ("best", "last", str(run.best)):
        assert cli("sample", done, "--out", f"{name}.npz", "--count", 8, "--checkpoint", name).code == 0
        expected = run.at(name).sample(0, 8).array
        assert np.array_equal(np.load(f"{name}.npz")["images"], expected)
    assert cli("explore", "interpolate", done, "--out", "walk.png", "--checkpoint", "best").code == 0
    assert_refused(cli("sample", done, "--out", "x.npz", "--checkpoint", 12345), "12345", "best", str(run.images))
    assert_refused(cli("evaluate", done, "--checkpoint", 12345), "12345", "best", str(run.images))
    np.savez("fixed.npz", images=run.sample(count=120).array)
    assert_refused(cli("evaluate", "fixed.npz", "--data", "digits", "--checkpoint", "best"), "fixed.npz", "not a run", "best")


def test_an_evaluation_of_the_best_is_not_taken_for_one_of_the_last(
    cli: Callable[..., Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    scripted(monkeypatch, [1.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    run = gansmith.train(scored(), tmp_path / "run", device="cpu")
    found = gansmith.evaluate(run.path, count=200, draws=2, checkpoint="best")
    assert (found.checkpoint, found.images_seen) == ("best", run.best)
    assert found.seeds == (1000, 1001)
    last = gansmith.evaluate(run.path, count=200, draws=2)
    assert (last.checkpoint, last.images_seen) == ("last", run.images)
    assert last.scores["fd"].value != found.scores["fd"].value
    found.keep(run)
    assert Evaluation.of(run) is None


# ---------------------------------------------------------------------------------------------------- ending early


def test_a_run_ends_at_its_score(cli: Callable[..., Answer], here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [9.0, 6.0, 4.9, 1.0])
    command = ("train", "tutorial-small", "budget=1600images", "scores=scores(times=6,count=128)", "--data", "digits")
    answer = cli(*command, "--until", "fd=5", "--run", "run")
    assert answer.code == 0
    assert "ended early: FD 4.9 reached fd=5" in answer.out
    run = gansmith.load("run")
    assert len(run.scored) == 3
    assert run.images == list(run.scored)[-1] < 1600
    assert run.finished
    assert run.results["stopped"] == "FD 4.9 reached fd=5"
    assert run.report.exists()
    assert (Path("run") / "samples" / f"{run.images:012d}.png").exists()
    before = {p: p.read_bytes() for p in Path("run").rglob("*") if p.is_file()}
    again = cli(*command, "--until", "fd=5", "--run", "run")
    assert "ended early" in again.out
    assert "FD 4.9 reached" in cli("train", "run").out
    gansmith.train(run.recipe, "run", device="cpu")
    assert before == {p: p.read_bytes() for p in Path("run").rglob("*") if p.is_file()}
    assert_refused(cli(*command, "--until", "fd=4", "--run", "run"), "scores.until", "fd=5", "fd=4")


def test_a_run_ends_when_patience_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = scripted(monkeypatch, [9.0, 6.0, 7.0, 6.0, 1.0, 1.0])
    run = gansmith.train(scored("scores.patience=2"), tmp_path / "run", device="cpu")
    assert left == [1.0, 1.0]
    assert run.stopped == "no FD below 6 in 2 scorings"
    assert run.best == list(run.scored)[1]


def test_a_run_that_ends_early_ends_there_however_often_it_is_stopped(tmp_path: Path) -> None:
    plain = gansmith.train(scored(), tmp_path / "plain", device="cpu")
    bar = sorted(plain.scored.values())[2] + 1e-6
    recipe = override(scored(), f"scores.until=fd={bar:.8f}")
    once = gansmith.train(recipe, tmp_path / "once", device="cpu")
    assert once.stopped
    assert once.images < plain.images
    for step in (2, 9):
        stop_after(recipe, tmp_path / "often", step)
    gansmith.train(recipe, tmp_path / "often", device="cpu")
    assert_same_run(tmp_path / "once", tmp_path / "often")


def test_killed_before_its_last_checkpoint_a_run_has_not_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log is ahead of the checkpoint: what counts is what training goes on from."""
    recipe = scored("scores.until=fd=5")
    scripted(monkeypatch, [9.0, 6.0, 4.9])
    run = gansmith.train(recipe, tmp_path / "run", device="cpu")
    ended = run.images
    newest_checkpoint(run.path).unlink()
    (run.path / "results.json").unlink()
    assert not run.finished
    assert run.stopped is None
    scripted(monkeypatch, [4.9])
    run = gansmith.train(recipe, tmp_path / "run", device="cpu")
    assert run.images == ended
    assert run.stopped == "FD 4.9 reached fd=5"
    assert list(run.scored.values()) == [9.0, 6.0, 4.9]


def test_ends_is_a_function_of_the_scores() -> None:
    patient = Scores(patience=2, until="fd=1.5")
    assert patient.stop_reason([]) is None
    assert patient.stop_reason([3.0, 2.0, 4.0]) is None
    assert patient.stop_reason([3.0, 2.0, 2.0, 2.0]) == "no FD below 2 in 2 scorings"
    assert patient.stop_reason([3.0, 1.5]) == "FD 1.5 reached fd=1.5"
    assert Scores().stop_reason([1.0, *[2.0] * 100]) is None


# ---------------------------------------------------------------------------------------------------- what can't be


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--until", "fd"], ["until", "fd=NUMBER", "got fd"]),
        (["--until", "recall=.5"], ["until", "fd=NUMBER", "recall=.5"]),
        (["--until", "fd=-1"], ["until", "fd=NUMBER"]),
        (["--until", "fd=nan"], ["until", "fd=NUMBER"]),
        (["--patience", "0"], ["patience", "0"]),
        (["scores.time_fraction=0", "--patience", "3"], ["scores.time_fraction"]),
        (["scores.extractor=lenet-mnist", "--data", "ring"], ["lenet-mnist", "points"]),
        (["scores.extractor=own.py:make"], ["scores.extractor"]),
        (["--until", "fd=5", "budget=200images", "--data", "digits"], ["seconds", "scores.times"]),
    ],
)
def test_a_mistake_is_one_line(args: list[str], words: list[str], cli: Callable[..., Answer], here: Path) -> None:
    assert_refused(cli("train", "goodfellow-2014", *args, "--run", "run"), *words)
    assert not Path("run").exists()


def test_a_run_goes_on_with_the_end_it_has(cli: Callable[..., Answer], here: Path, done: Path) -> None:
    assert_refused(cli("train", done, "--patience", 3), str(done), "whose settings are fixed")


def colours(count: int) -> Samples:
    return Samples(rng.integers(0, 0, count * 3 * 400, 256).astype(np.uint8).reshape(count, 3, 20, 20))


def test_without_an_extractor_a_run_says_why_it_is_not_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    np.savez(tmp_path / "few.npz", images=colours(600).values.transpose(0, 2, 3, 1))
    plain = make("tutorial-small", ["budget=64images", "networks.generator.widths=[8]"], data=str(tmp_path / "few.npz"))
    samples = plain.data.load()
    assert isinstance(validation.validation_for(override(plain, "scores.extractor=pixels"), samples), Validation)
    with pytest.raises(RecipeError, match="validation slice, a sixth of the training set, has 50 images"):
        validation.validation_for(override(plain, "scores.extractor=pixels"), Samples(samples.values[:300]))
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)  # the extra is not installed
    for wish in ("patience=3", "until=fd=1", "times=2"):
        with pytest.raises(RecipeError, match=r"scores: efficientnet-lite0 is not installed") as caught:
            validation.validation_for(override(plain, f"scores.{wish}"), samples)
        assert "\n" not in str(caught.value)
    run = gansmith.train(plain, tmp_path / "run", device="cpu")
    assert "not scored while it trains: efficientnet-lite0 is not installed" in caplog.text
    assert "not scored while it trains: efficientnet-lite0 is not installed" in run.report.read_text()


def test_389_photographs_are_scored() -> None:
    recipe = make("tutorial-small", data="digits")
    assert isinstance(validation.validation_for(recipe, colours(389)), Validation)


@pytest.mark.parametrize(("data", "tag"), [("mnist", "lenet-mnist:"), ("digits", "pixels:"), ("ring", "points:")])
def test_data_with_an_extractor_of_their_own_are_scored(data: str, tag: str) -> None:
    recipe = make("tutorial-small", data=data)
    samples = Ring().load() if data == "ring" else find_source("digits").load()
    found = validation.validation_for(recipe, samples)
    assert found is not None
    assert found.extractor.tag.startswith(tag)


def test_a_frozen_generator_and_a_recipe_that_says_none_are_not_scored() -> None:
    assert validation.validation_for(make("noise-critic", data="digits"), Digits().load()) is None
    assert validation.validation_for(make("tutorial-small", ["scores=none"], data="digits"), Digits().load()) is None


def test_a_run_from_before_scores_goes_on_without(tmp_path: Path) -> None:
    stop_after(quick(), tmp_path / "run", 2)
    for name, key in (("recipe.json", "scores"), ("run.json", "scorings"), ("run.json", "score")):
        path = tmp_path / "run" / name
        metadata = json.loads(path.read_text())
        del metadata[key]
        path.write_text(json.dumps(metadata))
    run = Run.open(tmp_path / "run")
    assert run.recipe.scores == Scores()
    run = gansmith.train(run.recipe, tmp_path / "run", device="cpu")
    assert run.finished
    assert run.best is None


@pytest.mark.parametrize(("what", "samples"), [("images", colours(383)), ("samples", Samples(np.zeros((383, 2), np.float32)))])
def test_too_small_a_slice_says_how_many_samples_are_enough(what: str, samples: Samples) -> None:
    recipe = make("tutorial-small")
    expected = f"has 63 {what}; expected at least 64: train on 384 {what} or more, or turn scores off with scores=none"
    with pytest.raises(RecipeError, match=expected):
        validation.validation_for(dataclasses.replace(recipe, scores=Scores(times=1)), samples)
    assert len(validation_rows(384)) == validation.LEAST
