"""The one training loop. It knows players and networks; it knows no kind of GAN."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Generator
from pathlib import Path
from typing import Literal, NamedTuple

import torch

from gansmith import processes, validation, watching
from gansmith.errors import RecipeError, TrainingError
from gansmith.journal import Journal
from gansmith.machine import choose_device
from gansmith.recipe import Recipe, images_in, seconds_in
from gansmith.recovery import Recovery, changed
from gansmith.run import Run
from gansmith.signals import SignalsWait
from gansmith.threads import quickest
from gansmith.trainer import Record, Trainer, measure_speed, trainer_of
from gansmith.validation import Validation
from gansmith.watching import Watcher

Threads = int | Literal["auto"] | None

logger = logging.getLogger("gansmith")


def train(
    recipe: Recipe,
    run: str | Path,
    *,
    device: str = "auto",
    threads: Threads = None,
    framework: str | None = None,
    trust: str | Path | None = None,
) -> Run:
    """Train to the end of the budget, or to an earlier one that scores decide, going on where the run folder stands."""
    for _ in steps(recipe, run, device=device, threads=threads, framework=framework, trust=trust):
        pass
    return Run.open(run, trust=trust)


def steps(
    recipe: Recipe,
    run: str | Path,
    *,
    device: str = "auto",
    threads: Threads = None,
    framework: str | None = None,
    trust: str | Path | None = None,
) -> Generator[Record]:
    """Train, yielding a record after every step. Leaving the loop saves; calling again with the same folder goes on.

    `threads` is how many PyTorch may use; "auto" takes the quickest number, or the one the run was begun with; None leaves it be.
    `framework` is "torch" or "tensorflow"; None takes the one the run was trained in so far, torch for a new one.
    Raises RecipeError before anything is written where the recipe does not fit its data, RunError where the folder holds
    another run, TrainingError at a loss that is not finite (nothing is saved after it), DiskError where the disk refuses.
    """
    chosen = choose_device(device)
    processes.join(chosen)
    if recipe.watch and recipe.watch.on_trouble == "recover" and processes.world() > 1:
        raise RecipeError("watch.on_trouble=recover: a run on several processes can't be put right: choose warn or stop")
    with Run.claim(run, recipe, trust=trust) as folder:
        # Agreed before the checkpoints are looked at: the first process may still be writing one as it leaves the run.
        known = processes.agree(folder.total_images or 0, chosen)
        saved, facts = folder.latest(), folder.facts
        recoveries = Recovery.read(facts, saved.images if saved else 0)
        begun_with = facts.get("environment", {}).get("threads")
        if threads == "auto" and begun_with is not None:
            threads = min(begun_with, torch.get_num_threads())
        if isinstance(threads, int):
            torch.set_num_threads(threads)
        trainer = trainer_of(framework or facts.get("framework", "torch"))(changed(recipe, recoveries), chosen)
        if threads == "auto":
            torch.set_num_threads(quickest(trainer))
        scorer, watcher = validation.of(recipe, trainer.samples, trainer.inputs), watching.of(trainer)
        planned = (
            Plan(known, facts.get("scorings", 0), facts.get("looks", 0)) if known else plan(recipe, trainer, scorer, watcher)
        )
        trainer.total_images, times, looks = (processes.agree(number, chosen) for number in planned)
        name = scorer.name if scorer and times else None
        folder.begin(trainer.facts() | {"scorings": times, "score": name, "looks": looks})
        if name != folder.facts.get("score"):
            logger.warning(f"the score was {folder.facts.get('score')}, now {name}: the run goes on and is scored no more")
            scorer = None
        if saved is not None:
            trainer.restore(saved)
            scorer = scorer and dataclasses.replace(scorer, inputs=trainer.inputs)  # the kinds it was begun with
        journal = Journal(folder, trainer, scorer, watcher)
        try:
            with SignalsWait() as signals:
                while not journal.done:
                    signals.hold()
                    try:
                        record = journal.after(journal.trainer.step())
                    except TrainingError:
                        if not journal.mend():
                            raise
                        continue
                    finally:
                        signals.release()
                    yield record
            journal.finish()
        except TrainingError as error:
            raise TrainingError(
                f"{error}; the last good checkpoint, at {folder.images:,} images, is kept in {folder.path}"
            ) from None
        finally:
            try:
                if journal.trainer.whole:
                    journal.leave()
            finally:
                journal.close()


def images_for(recipe: Recipe, trainer: Trainer) -> int:
    """The budget in images. Minutes become images once, by a timed warm-up on a copy of the game."""
    seconds = seconds_in(recipe.budget)
    if seconds is None:
        return images_in(recipe.budget, trainer.epoch_images)
    speed, spent = measure_speed(recipe, trainer.device, trainer.samples, min(4.0, 0.05 * seconds), type(trainer))
    return max(
        recipe.batch_size, round(speed * 0.97 * max(seconds - spent, 0.5 * seconds))
    )  # the rest is for pictures and saving


class Plan(NamedTuple):
    """What is decided once, before the first step."""

    images: int  # the budget
    scorings: int
    looks: int  # of the doctor


def plan(recipe: Recipe, trainer: Trainer, scorer: Validation | None, watcher: Watcher | None) -> Plan:
    """The budget in images, how often to score on the way and how often to look, by timing where time is what they are given in.

    Raises RecipeError where the run is to stop by scores and is too short to be scored.
    """
    images, seconds = images_for(recipe, trainer), seconds_in(recipe.budget)
    times = scorer.setting.times if scorer else 0
    looks = watching.asked(watcher, images)
    if seconds is None and times is not None and looks is not None:  # nothing depends on how long it takes
        return Plan(images, times, looks)
    try:
        clocked = 0.3 if scorer and times is None else 0.1  # for the looks alone less will do
        length = seconds or images / measure_speed(recipe, trainer.device, trainer.samples, clocked, type(trainer))[0]
    except TrainingError:  # the run itself comes to the same step, and tells what is kept
        relied_on = watching.RELIED_ON if recipe.watch and recipe.watch.on_trouble != "warn" else 0
        return Plan(images, times or 0, relied_on if looks is None else looks)
    spent = 0.0
    if scorer and (seconds or times is None):
        times, cost = scorer.plan(length, trainer.sampler)
        spent += cost
        if not processes.agree(times, trainer.device) and (scorer.setting.until or scorer.setting.patience):
            raise RecipeError(
                f"a run of about {length:.3g} seconds has no time for scores to stop by: "
                "say how often to score it, as in scores.times=10"
            )
    if watcher and (seconds or looks is None):
        looks, cost = watching.plan(watcher, length)
        spent += cost
    if seconds:
        images = max(recipe.batch_size, round(images * (1 - spent / seconds)))
    return Plan(images, times or 0, looks or 0)
