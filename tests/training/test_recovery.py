"""Putting a run right: what is changed and from where, that it is told, and that a run which recovered goes on bit for bit."""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch

import gansmith
from gansmith import doctor
from gansmith.core.errors import DiskError, RecipeError, TrainingError
from gansmith.core.overrides import override
from gansmith.core.rng import MAX_SEED
from gansmith.doctor.advice import ADVICE
from gansmith.objectives import Adversarial
from gansmith.recipes import make
from gansmith.recipes.base import Recipe, Scores
from gansmith.runs.run import Run
from gansmith.runs.training_run import KEPT_FOR_RECOVERY
from gansmith.training import recovery
from gansmith.training.recovery import REMEDIES, Recovery
from gansmith.training.supervisor import Supervisor
from gansmith.training.trainer import Trainer
from gansmith.training.validation import Validation
from gansmith.training.writer import RunWriter
from support import LOOKS, TOTAL, assert_same_run, looks, quick, stop_after

ILL: dict[str, Any] = {"spread": 0.1, "kinds": 0.07, "distance": 0.9}


def collapsing(*overrides: str) -> Recipe:
    """A run that is collapsed from its first look to its last, as G's rate is next to nothing."""
    watch = "watch=watch(times=20,on_trouble=recover)"
    return quick(watch, "optimizers.generator.lr=1e-12", "checkpoint_every=100images", *overrides)


@pytest.fixture(scope="module")
def recovered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recovered") / "run"
    gansmith.train(collapsing(), folder, device="cpu")
    return folder


def chosen(recipe: Recipe, made: list[dict[str, Any]], kept: list[int], earlier: tuple[Recovery, ...] = ()) -> Recovery | None:
    return recovery.choose(recipe, earlier, doctor.diagnose(made, TOTAL), made, kept, made[-1]["images"])


RECOVER = ("watch.on_trouble=recover",)


# ---------------------------------------------------------------------------------------------------- what is chosen


def test_nothing_is_done_to_a_healthy_run() -> None:
    assert chosen(quick(*RECOVER), looks(), [10_000, 20_000]) is None


def test_a_run_that_was_healthy_goes_back_to_where_it_was() -> None:
    made = looks(spread=lambda p: 0.1 if p > 0.5 else min(0.95, 0.15 + 3 * p), kinds=lambda p: 0.07 if p > 0.5 else 0.8)
    found = chosen(quick(*RECOVER), made[: int(0.7 * LOOKS)], [10_000, 18_000, 24_000, 28_000])
    assert found is not None
    assert (found.trouble, found.start) == ("collapse", 18_000)
    betas = ("optimizers.discriminator.betas=[0.5,0.999]", "optimizers.generator.betas=[0.5,0.999]")
    assert found.changes == (*betas, "objective.penalties+=r1(weight=1.0)")  # and no layer more, which old weights lack
    assert "18,000" in found.why


def test_a_run_that_never_was_begins_afresh_with_another_seed() -> None:
    found = chosen(quick(*RECOVER), looks(**ILL)[:12], [2000, 4000, 6000, 8000])
    assert found is not None
    assert found.start == 0
    assert found.changes[-2:] == ("networks.discriminator.minibatch_std=4", "seed=1000")
    assert "how much the samples of a batch differ" in found.why


def test_each_attempt_changes_something_else_and_they_end() -> None:
    recipe, done = quick(*RECOVER), []
    for _ in range(10):
        found = chosen(recipe, looks(**ILL)[:12], [], tuple(done))
        if found is None:
            break
        assert not {text for r in done for text in r.changes} & set(found.changes)
        done.append(found)
    assert len(done) == 3
    now = recovery.changed(recipe, done)
    assert now.networks["generator"] == recipe.networks["generator"]  # its shape is what a run folder is opened by
    assert now.networks["discriminator"] != recipe.networks["discriminator"]
    assert now.seed == 2001
    assert isinstance(now.objective, Adversarial)
    assert now.objective.penalties
    assert now.optimizers["generator"].lr == pytest.approx(0.3 * recipe.optimizers["generator"].lr, rel=0.01)


def test_behind_the_last_healthy_look_no_checkpoint_is_healthy() -> None:
    """When between two looks the trouble began nobody knows."""
    made = looks(spread=lambda p: 0.1 if p > 0.5 else min(0.95, 0.15 + 3 * p), kinds=lambda p: 0.07 if p > 0.5 else 0.8)
    found = chosen(quick(*RECOVER), made[: int(0.7 * LOOKS)], [10_000, 20_000, 20_500])  # looks at 20,000 and 21,000
    assert found is not None
    assert found.start == 20_000


def test_what_does_not_fit_is_left_out() -> None:
    """As much of what is done at once as can be, then the next; at a seed's end another seed."""

    def refuses(*words: str) -> Any:
        def fits(recipe: Recipe) -> None:
            if any(word in str(recipe) for word in words):
                raise RecipeError("not here")

        return fits

    made, recipe = looks(**ILL)[:12], quick(*RECOVER, f"seed={MAX_SEED}")
    diagnoses = doctor.diagnose(made, TOTAL)
    for words, left in ((("R1",), "minibatch_std=4"), (("R1", "minibatch_std=4"), "betas")):
        found = recovery.choose(recipe, [], diagnoses, made, [], made[-1]["images"], refuses(*words))
        assert found is not None
        assert left in found.changes[-2]
        assert found.changes[-1] == "seed=999"
        assert "R1" not in found.why
    found = recovery.choose(recipe, [], diagnoses, made, [], made[-1]["images"], refuses("R1", "minibatch_std=4", "0.5, 0.999"))
    assert found is not None
    assert "all learning rates times 0.3" in found.why
    assert recovery.choose(recipe, [], diagnoses, made, [], made[-1]["images"], refuses("")) is None


@pytest.mark.parametrize("trouble", sorted(ADVICE))
def test_each_remedy_gives_another_recipe_that_holds(trouble: doctor.Trouble) -> None:
    """All but a wrong range, a turned sign and data all alike, which only the one who wrote them can put right."""
    own = ("wrong range", "D the wrong way round", "G the wrong way round", "data all alike")
    assert (trouble in REMEDIES) == (trouble not in own)
    remedies = [remedy for at_once in REMEDIES.get(trouble, ()) for remedy in at_once]
    assert bool(remedies) == (trouble in REMEDIES)
    for remedy in remedies:
        recipe = (
            override(quick(), "optimizers.generator.lr=1e-12") if remedy is recovery.raise_motionless_learning_rate else quick()
        )
        condition = remedy(recipe, True)
        assert condition is not None
        assert recovery.overridden(recipe, condition[0]) != recipe


# ---------------------------------------------------------------------------------------------------- what is done


def test_a_run_is_put_right_and_tells_of_it(recovered: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = Run.open(recovered)
    found = Recovery.read(run.metadata, run.images)
    assert 1 <= len(found) <= 3
    assert found[0].trouble in ("collapse", "stands still")
    assert "optimizers.generator.lr=0.0002" in found[0].changes
    assert [dataclasses.asdict(r) | {"changes": list(r.changes)} for r in found] == run.results["recoveries"]
    marks = [r for r in run.records if f"{doctor.PREFIX}recovery" in r]
    assert [r["images"] for r in marks] == [r.images for r in found]
    assert run.images >= 1600
    assert run.recipe == collapsing()


def test_a_run_that_recovered_goes_on_bit_for_bit(recovered: Path, tmp_path: Path) -> None:
    """Left before, at and after the first recovery."""
    first = Recovery.read(Run.open(recovered).metadata, 10**9)[0].images
    step = first // 32
    for at in (step - 2, step, step + 1, step + 9):
        stop_after(collapsing(), tmp_path / "run", at)
    gansmith.train(collapsing(), tmp_path / "run", device="cpu")
    assert_same_run(recovered, tmp_path / "run")
    assert Run.open(recovered).metadata["recoveries"] == Run.open(tmp_path / "run").metadata["recoveries"]


def test_a_loss_that_is_not_finite_is_recovered_from_and_gone_on_with_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At step 10 with the first weights, and never again; left before and after it, the run is the same."""
    step = Trainer.step

    def failing(self: Trainer) -> Any:
        if self.steps == 10 and self.recipe.seed == 0:
            self.whole = False
            raise TrainingError("the loss is not finite")
        return step(self)

    monkeypatch.setattr(Trainer, "step", failing)
    recipe = quick("watch=watch(times=4,on_trouble=recover)")
    whole = gansmith.train(recipe, tmp_path / "whole", device="cpu")
    assert whole.finished
    (found,) = Recovery.read(whole.metadata, whole.images)
    assert (found.trouble, found.images, found.start) == ("divergence", 11 * 32, 0)
    assert "objective.penalties+=r1(weight=1.0)" in found.changes
    for at in (9, 10, 11, 30):
        stop_after(recipe, tmp_path / "parts", at)
    gansmith.train(recipe, tmp_path / "parts", device="cpu")
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    with pytest.raises(TrainingError, match="not finite"):
        gansmith.train(quick("watch=watch(times=4)"), tmp_path / "warned", device="cpu")


def falls_ill(monkeypatch: pytest.MonkeyPatch, trouble: doctor.Trouble) -> None:
    """At the eighth look of a run, whatever was seen, and once."""

    def diagnoses(self: Supervisor) -> list[doctor.Diagnosis]:
        if len(self.looks) < 8 or any(f"{doctor.PREFIX}recovery" in look for look in self.looks):
            return []
        return [doctor.Diagnosis(trouble, self.looks[7]["images"], "sure", "Ill.", "Because.", "Do.", "there")]

    monkeypatch.setattr(Supervisor, "diagnoses", diagnoses)


OFTEN = (
    "watch=watch(times=20,on_trouble=recover)",
    "checkpoint_every=100images",
    "log_every=32images",
    "pictures.every=800images",
)


def test_where_a_run_goes_back_to_does_not_depend_on_where_it_was_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who leaves a run saves it: that checkpoint is nearer to the last healthy look than any that the run has by itself."""
    falls_ill(monkeypatch, "collapse")
    whole = gansmith.train(quick(*OFTEN), tmp_path / "whole", device="cpu")
    (found,) = Recovery.read(whole.metadata, whole.images)
    assert (found.images, found.start) == (640, 512)
    for at in (14, 17, 23):  # 448, 544 and 736 images
        stop_after(quick(*OFTEN), tmp_path / "parts", at)
    assert Run.open(tmp_path / "parts").metadata["left_at"] == [448, 544, 736]
    parts = gansmith.train(quick(*OFTEN), tmp_path / "parts", device="cpu")
    assert_same_run(tmp_path / "whole", tmp_path / "parts")
    names = [sorted(path.name for path in (run.path / "checkpoints").iterdir()) for run in (whole, parts)]
    assert names[0] == names[1]
    assert len(names[0]) == KEPT_FOR_RECOVERY


def test_a_recovery_writes_no_loss_of_steps_that_nobody_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a record a step, each record's losses are its step's own, also where a trainer has just taken over."""
    falls_ill(monkeypatch, "collapse")
    taken = {r.images: r["generator/loss"] for r in gansmith.steps(quick(*OFTEN), tmp_path / "run", device="cpu")}
    run = Run.open(tmp_path / "run")
    assert [r.images for r in Recovery.read(run.metadata, run.images)] == [640]
    first_epoch = range(32, 1497, 32)  # its last batch is shorter, and no record is due there
    written = {r["images"]: r["generator/loss"] for r in run.records if "generator/loss" in r}
    assert [written[images] for images in first_epoch] == pytest.approx([taken[images] for images in first_epoch], rel=1e-6)


def test_a_disk_that_fails_in_a_recovery_leaves_a_run_that_recovers_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recovery is noted, and its trainer has not taken over: the old one must not be saved under the new recipe."""
    falls_ill(monkeypatch, "collapse")
    whole = gansmith.train(quick(*OFTEN), tmp_path / "whole", device="cpu")
    record = RunWriter.record

    def failing(self: RunWriter, entry: Any, shown: Any = None) -> None:
        if f"{doctor.PREFIX}recovery" in entry:
            raise DiskError("the disk is full")
        record(self, entry, shown)

    monkeypatch.setattr(RunWriter, "record", failing)
    with pytest.raises(DiskError, match="full"):
        gansmith.train(quick(*OFTEN), tmp_path / "run", device="cpu")
    assert Run.open(tmp_path / "run").images < 640
    monkeypatch.setattr(RunWriter, "record", record)
    assert_same_run(whole.path, gansmith.train(quick(*OFTEN), tmp_path / "run", device="cpu").path)


def test_a_damaged_checkpoint_is_not_gone_back_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    falls_ill(monkeypatch, "collapse")
    stop_after(quick(*OFTEN), tmp_path / "run", 18)
    (newest,) = (tmp_path / "run" / "checkpoints").glob("*512-*")
    newest.write_bytes(newest.read_bytes()[:-1])
    run = gansmith.train(quick(*OFTEN), tmp_path / "run", device="cpu")
    assert Recovery.read(run.metadata, run.images)[0].start == 416


def test_a_remedy_that_the_data_do_not_allow_does_not_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Points can't be augmented as images are."""
    falls_ill(monkeypatch, "D over-fits")
    recipe = make("goodfellow-2014", ["data.num=400", "budget=1600images", "batch_size=32", "scores=none", *OFTEN], "ring")
    run = gansmith.train(recipe, tmp_path / "run", device="cpu")
    assert run.finished
    assert [r.changes for r in Recovery.read(run.metadata, run.images)] == [("objective.penalties+=r1(weight=1.0)",)]


def test_weights_that_took_over_are_not_the_best_by_the_score_of_those_they_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    falls_ill(monkeypatch, "collapse")
    recipe = dataclasses.replace(quick(*OFTEN), scores=Scores(count=100, times=1, extractor="pixels"))
    monkeypatch.setattr(Scores, "marks", lambda *_: [640, 1200, 1600])
    monkeypatch.setattr(Validation, "score", lambda self, _, found=iter((1.0, 2.0, 3.0)): next(found))
    run = gansmith.train(recipe, tmp_path / "run", device="cpu")
    assert run.scored[640] == 1.0
    assert run.best == 1216


def test_new_weights_are_those_of_the_new_recipe(recovered: Path) -> None:
    run = Run.open(recovered)
    found = Recovery.read(run.metadata, run.images)
    trainer = Trainer(run.recipe, torch.device("cpu"))
    trainer.total_images, trainer.images, trainer.steps = 1600, found[0].images, 7
    made = recovery.recovered(trainer, run.recipe, found[:1], None)
    assert (made.images, made.steps, made.total_images) == (found[0].images, 7, 1600)
    assert made.recipe.seed == 1000
    assert not torch.equal(*(next(t.networks["generator"].parameters()) for t in (trainer, made)))


def test_weights_of_a_checkpoint_are_taken_and_the_count_goes_on() -> None:
    trainer = Trainer(quick(), torch.device("cpu"))
    trainer.total_images = 1600
    for _ in range(3):
        trainer.step()
    saved = trainer.state()
    saved = dataclasses.replace(saved, tensors={k: v.clone() for k, v in saved.tensors.items()})
    for _ in range(3):
        trainer.step()
    change = Recovery(trainer.images, "collapse", 0, saved.images, ("optimizers.generator.lr=0.0001",), "")
    made = recovery.recovered(trainer, quick(), [change], saved)
    assert made.images == trainer.images > saved.images
    assert all(torch.equal(v, saved.tensors[k]) for k, v in made.state().tensors.items() if not k.startswith("window"))
    assert made.recipe.optimizers["generator"].lr == 1e-4


def test_a_stop_ends_the_run_with_its_reason(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recipe = quick("watch=watch(times=20,on_trouble=stop)", "optimizers.generator.lr=1e-12")
    with caplog.at_level(logging.WARNING):
        run = gansmith.train(recipe, tmp_path / "run", device="cpu")
    assert run.images < 1600
    assert run.finished
    assert run.results["stopped"] == run.stopped
    assert run.stopped is not None
    assert run.stopped.startswith(("stands still: ", "collapse: "))
    assert any("docs/doctor.md#" in record.message for record in caplog.records)
    assert gansmith.train(recipe, tmp_path / "run", device="cpu").images == run.images


def test_a_warning_is_given_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    recipe = quick("watch=watch(times=20)", "optimizers.generator.lr=1e-12")
    with caplog.at_level(logging.WARNING):
        gansmith.train(recipe, tmp_path / "run", device="cpu")
    said = [record.message.split(" at ")[0] for record in caplog.records if "docs/doctor.md#" in record.message]
    assert said
    assert len(said) == len(set(said))
    assert "recoveries" not in json.loads((tmp_path / "run" / "run.json").read_text())
