"""The one training loop. It knows players and networks; it knows no kind of GAN."""

from __future__ import annotations

import logging
from collections.abc import Generator
from pathlib import Path
from typing import Literal

import torch

from gansmith.core import distributed
from gansmith.core.device import choose_device
from gansmith.core.errors import RecipeError, TrainingError
from gansmith.recipes.base import Recipe
from gansmith.runs.run import Run
from gansmith.training.backends import trainer_of
from gansmith.training.budget import Plan, plan_run
from gansmith.training.journal import Journal
from gansmith.training.monitor import monitor_for
from gansmith.training.recovery import Recovery, changed
from gansmith.training.signals import SignalsWait
from gansmith.training.speed import quickest
from gansmith.training.trainer import Record
from gansmith.training.validation import validation_for

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
    with distributed.joined(chosen), Run.locked(run, recipe, trust=trust) as folder:
        if recipe.watch and recipe.watch.on_trouble == "recover" and distributed.world() > 1:
            raise RecipeError("watch.on_trouble=recover: a run on several processes can't be put right: choose warn or stop")
        # Agreed before the checkpoints are looked at: the first process may still be writing one as it leaves the run.
        known = distributed.agree(folder.total_images or 0, chosen)
        saved, metadata = folder.latest(), folder.metadata
        recoveries = Recovery.read(metadata, saved.images if saved else 0)
        begun_with = metadata.get("environment", {}).get("threads")
        if threads == "auto" and begun_with is not None:
            threads = min(begun_with, torch.get_num_threads())
        if isinstance(threads, int):
            torch.set_num_threads(threads)
        trainer = trainer_of(framework or metadata.get("framework", "torch"))(changed(recipe, recoveries), chosen)
        if threads == "auto":
            torch.set_num_threads(quickest(trainer))
        scorer, monitor = validation_for(recipe, trainer.samples), monitor_for(trainer)
        planned = (
            Plan(known, metadata.get("scorings", 0), metadata.get("looks", 0))
            if known
            else plan_run(recipe, trainer, scorer, monitor)
        )
        trainer.total_images, times, looks = (distributed.agree(number, chosen) for number in planned)
        name = scorer.name if scorer and times else None
        folder.begin(trainer.metadata() | {"scorings": times, "score": name, "looks": looks})
        if name != folder.metadata.get("score"):
            logger.warning(f"the score was {folder.metadata.get('score')}, now {name}: the run goes on and is scored no more")
            scorer = None
        if saved is not None:
            trainer.restore(saved)
        journal = Journal(folder, trainer, scorer, monitor)
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
