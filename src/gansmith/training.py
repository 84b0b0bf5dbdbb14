"""The one training loop. It knows players and networks; it knows no kind of GAN."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Generator
from pathlib import Path
from typing import Literal

import torch

from gansmith import processes, validation
from gansmith.errors import RecipeError, TrainingError
from gansmith.journal import Journal
from gansmith.recipe import Recipe, images_in, seconds_in
from gansmith.run import Run
from gansmith.signals import SignalsWait
from gansmith.threads import quickest
from gansmith.trainer import Record, Trainer, choose_device, measure_speed, trainer_of
from gansmith.validation import Validation

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
    with Run.claim(run, recipe, trust=trust) as folder:
        begun_with = folder.facts.get("environment", {}).get("threads")
        if threads == "auto" and begun_with is not None:
            threads = min(begun_with, torch.get_num_threads())
        if isinstance(threads, int):
            torch.set_num_threads(threads)
        trainer = trainer_of(framework or folder.facts.get("framework", "torch"))(recipe, chosen)
        if threads == "auto":
            torch.set_num_threads(quickest(trainer))
        scorer = validation.of(recipe, trainer.samples, trainer.inputs)
        known = processes.agree(folder.total_images or 0, chosen)
        images, times = (known, folder.facts.get("scorings", 0)) if known else plan(recipe, trainer, scorer)
        trainer.total_images, times = processes.agree(images, chosen), processes.agree(times, chosen)
        name = scorer.name if scorer and times else None
        folder.begin(trainer.facts() | {"scorings": times, "score": name})
        if name != folder.facts.get("score"):
            logger.warning(f"the score was {folder.facts.get('score')}, now {name}: the run goes on and is scored no more")
            scorer = None
        saved = folder.latest()
        if saved is not None:
            trainer.restore(saved)
            scorer = scorer and dataclasses.replace(scorer, inputs=trainer.inputs)  # the kinds it was begun with
        journal = Journal(folder, trainer, scorer)
        try:
            with SignalsWait() as signals:
                while not journal.done:
                    signals.hold()
                    try:
                        record = journal.after(trainer.step())
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
                if trainer.whole:
                    journal.save()
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


def plan(recipe: Recipe, trainer: Trainer, scorer: Validation | None) -> tuple[int, int]:
    """(the budget in images, how often to score on the way), decided once, by timing where time is what they are given in.

    Raises RecipeError where the run is to stop by scores and is too short to be scored.
    """
    images, seconds = images_for(recipe, trainer), seconds_in(recipe.budget)
    if scorer is None:
        return images, 0
    if seconds is None:
        if scorer.setting.times:
            return images, scorer.setting.times
        try:
            length = images / measure_speed(recipe, trainer.device, trainer.samples, 0.3, type(trainer))[0]
        except TrainingError:  # the run itself comes to the same step, and tells what is kept
            return images, 0
        times, _ = scorer.plan(length, trainer.sampler)
    else:
        length = seconds
        times, cost = scorer.plan(seconds, trainer.sampler)
        images = max(recipe.batch_size, round(images * (1 - cost / seconds)))
    if not processes.agree(times, trainer.device) and (scorer.setting.until or scorer.setting.patience):
        raise RecipeError(
            f"a run of about {length:.3g} seconds has no time for scores to stop by: "
            "say how often to score it, as in scores.times=10"
        )
    return images, times
