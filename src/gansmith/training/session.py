"""A session of training: opens and locks a run folder, prepares its trainer, and releases everything at the end."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from gansmith.core import distributed
from gansmith.core.errors import GansmithError, RecipeError, TrainingError
from gansmith.core.notes import note
from gansmith.core.user_code import hashes_of_own_files
from gansmith.evaluation.results import Evaluation
from gansmith.recipes.base import Recipe
from gansmith.report import page
from gansmith.runs.checkpoints import Checkpoint
from gansmith.runs.data_place import data_metadata
from gansmith.runs.metadata import check_data
from gansmith.runs.training_run import TrainingRun
from gansmith.runs.trust import check_trust
from gansmith.training.arguments import Threads, check_arguments
from gansmith.training.backends import backend_of
from gansmith.training.budget import Plan, plan_run
from gansmith.training.look_plan import monitor_for
from gansmith.training.monitor import Monitor
from gansmith.training.process_settings import process_settings
from gansmith.training.recovery import Recovery, changed
from gansmith.training.signals import Ended
from gansmith.training.speed import ThreadWatch, quickest
from gansmith.training.supervisor import Supervisor
from gansmith.training.trainer import Trainer
from gansmith.training.validation import Validation, validation_for
from gansmith.training.writer import RunWriter

logger = logging.getLogger("gansmith")


class Session(NamedTuple):
    """A run that is ready for its next step."""

    trainer: Trainer  # where the run stands; a recovery replaces it
    supervisor: Supervisor
    writer: RunWriter
    threads: ThreadWatch


@contextlib.contextmanager
def open_session(
    recipe: Recipe,
    run: str | Path,
    *,
    device: str = "auto",
    threads: Threads = None,
    framework: str | None = None,
    trust: str | Path | None = None,
) -> Iterator[Session | None]:
    """Open and lock a run folder and prepare it for training; None where its run is finished and nothing is left to do.

    The trainer stands at the newest checkpoint. When the block ends the folder is unlocked, and the settings of the process are
    as before. Saving the trainer is up to the block. `gansmith.steps` describes the arguments and the errors.
    """
    chosen = check_arguments(recipe, run, device, threads, framework, trust)
    with distributed.joined(chosen), TrainingRun.locked(run, recipe, trust=trust) as folder:
        if recipe.watch and recipe.watch.on_trouble == "recover" and distributed.world_size() > 1:
            raise RecipeError("watch.on_trouble=recover: a run on several processes can't recover: choose warn or stop")
        if recipe.batch_size < (processes := distributed.world_size()):
            raise RecipeError(f"batch_size={recipe.batch_size}: expected at least {processes}, a sample for each process")
        if trust is not None and not folder.metadata:
            check_trust(trust, hashes_of_own_files(recipe), folder.path)
        if distributed.agree(int(folder.is_complete), chosen):
            folder.keep_data_place()
            if distributed.rank() == 0 and not folder.is_reported:  # killed before the report was written
                page.write(folder, Evaluation.of(folder))
            yield None
            return
        with process_settings(compiles=recipe.compile), _no_empty_run(folder):
            session = _prepare(folder, recipe, chosen, threads, framework)
            try:
                yield session
            except TrainingError as error:
                last = f"the last good checkpoint, at {folder.images:,} images," if folder.images else "no checkpoint"
                raise TrainingError(f"{error}; {last} is kept in {folder.path}") from None
            finally:
                session.writer.close()


@contextlib.contextmanager
def _no_empty_run(folder: TrainingRun) -> Iterator[None]:
    """Leave no new run behind if an unforeseen error, such as one in the user's own loss, ends it before it is saved once.

    The corrected file would count as another one, and the run could not go on.
    """
    is_new = not folder.metadata
    try:
        yield
    except (GansmithError, Ended):
        raise
    except (Exception, SystemExit):
        if is_new and distributed.rank() == 0 and not folder.checkpoints.images:
            folder.discard()
        raise


def _prepare(folder: TrainingRun, recipe: Recipe, device: torch.device, threads: Threads, framework: str | None) -> Session:
    """Trainer at the newest checkpoint, supervisor and writer of a locked folder. A new run is written down here."""
    # Agreed before the checkpoints are looked at: the first process may still be writing one as it leaves the run.
    known_images = distributed.agree(folder.total_images or 0, device)
    metadata = folder.metadata
    begun_with, chooses = metadata.get("environment", {}).get("threads"), threads == "auto"
    if threads == "auto" and isinstance(begun_with, int):
        threads = min(begun_with, torch.get_num_threads())
    if isinstance(threads, int):
        torch.set_num_threads(threads)
    backend = backend_of(framework or metadata.get("framework", "torch"))

    def trainer_for(saved: Checkpoint | None) -> tuple[Checkpoint | None, Trainer]:
        recoveries = Recovery.read(metadata, saved.images if saved else 0)
        trainer = Trainer(changed(recipe, recoveries), device, backend=backend)
        if saved is not None:
            now = _metadata_of(trainer, folder)
            check_data(folder.path, metadata or now, now)  # before the fit of the weights
            trainer.check_fits(saved)
        return saved, trainer

    saved, trainer = folder.checkpoints.first(trainer_for) or trainer_for(None)
    if threads == "auto":
        torch.set_num_threads(quickest(trainer))
    plan, validation, monitor = _planned(folder, recipe, trainer, is_new=not known_images)
    trainer.totals = plan.totals.up_to(saved.images if saved else 0)
    recipe.pictures.marks(trainer.total_images, trainer.epoch_images)  # too many are refused before anything is written
    score = validation.name if validation and plan.scorings else None
    folder.begin(_metadata_of(trainer, folder) | plan.metadata() | {"score": score})
    for text in plan.notes if distributed.rank() == 0 else ():
        note(text)
    if score != folder.metadata.get("score"):
        logger.warning(f"the score was {folder.metadata.get('score')}, now {score}: the run goes on and is scored no more")
        validation = None
    if saved is not None:
        trainer.restore(saved)
    writer = RunWriter(folder, trainer)
    supervisor = Supervisor(writer, trainer, validation, monitor, writer.rewind(trainer.images))
    writer.open(trainer, supervisor.is_over(trainer))
    changes = metadata.get("thread_changes", []) if chooses else []
    for _, number in (change for change in changes if change[0] <= trainer.images):
        torch.set_num_threads(number)
    return Session(trainer, supervisor, writer, ThreadWatch(changes, chooses))


def _metadata_of(trainer: Trainer, folder: TrainingRun) -> dict[str, Any]:
    """The fields of run.json that a trainer and its data give."""
    return trainer.metadata() | data_metadata(folder.path, trainer.recipe.data, trainer.samples)


def _planned(
    folder: TrainingRun, recipe: Recipe, trainer: Trainer, *, is_new: bool
) -> tuple[Plan, Validation | None, Monitor | None]:
    """The plan of a run, made now if it is new, and what scores and watches with as many samples as the plan says."""
    scorer, monitor = validation_for(recipe, trainer.samples, trainer.validation), monitor_for(trainer)
    plan = plan_run(recipe, trainer, scorer, monitor, folder) if is_new else Plan.read(folder.metadata)
    plan = plan.agreed(trainer.device)
    if monitor is not None and plan.look_samples != monitor.most:
        monitor = Monitor(trainer, plan.look_samples)
    validation = scorer if isinstance(scorer, Validation) else None
    if validation is not None and plan.score_samples:
        validation = replace(validation, num_samples=plan.score_samples)
    return plan, validation, monitor
