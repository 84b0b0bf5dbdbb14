"""The training loop. It depends on players and networks, and on no particular GAN."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator
from pathlib import Path

import torch

from gansmith.core import distributed
from gansmith.core.errors import TrainingError
from gansmith.core.notes import note
from gansmith.recipes.base import Recipe
from gansmith.runs.run import Run
from gansmith.training.arguments import Threads
from gansmith.training.record import Record
from gansmith.training.session import Session, open_session
from gansmith.training.signals import LONGEST_WAIT, SignalsWait
from gansmith.training.trainer import Trainer


def train(
    recipe: Recipe,
    run: str | Path,
    *,
    device: str = "auto",
    threads: Threads = None,
    framework: str | None = None,
    trust: str | Path | None = None,
) -> Run:
    """Train a run to its end and return it. A folder with an unfinished run continues from its newest checkpoint.

    The end is the recipe's budget, or an earlier one by its scores or by the doctor. `steps` describes the arguments and the
    errors.
    """
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
    """Train, yielding a record after every step. Leaving the loop saves a checkpoint; calling
    `steps` again with this folder continues from it.

    `threads` is the number of threads that PyTorch may use: a number, "auto" for the fastest number or the one that the run began
    with, or None to leave it unchanged. `framework` is "torch" or "tensorflow"; None takes the run's own, torch for a new run.
    `trust` names a Python file of the user's own that the run may load. A finished run yields nothing.

    While the loop runs, PyTorch flushes denormals and uses that many threads; afterwards both are as before.

    Raises RecipeError before anything is written where the recipe does not fit its data, RunError where the folder holds another
    run, TrainingError at a loss that is not finite (nothing is saved after it), DiskError where the disk refuses.
    """
    with open_session(recipe, run, device=device, threads=threads, framework=framework, trust=trust) as session:
        if session is not None:
            yield from take_steps(session)


def take_steps(session: Session) -> Generator[Record]:
    """Train an open session to its end, yielding a record after every step. Leaving the loop saves."""
    trainer, supervisor, writer, watch = session
    are_several = distributed.world_size() > 1
    is_written = True  # whether what the last step made due is written
    with SignalsWait(LONGEST_WAIT if are_several else None) as signals:
        try:
            while not supervisor.is_over(trainer):
                with signals.held():
                    before, is_written = trainer.images, False
                    try:
                        record = watch.step(trainer)
                        decision = supervisor.after(trainer, before)
                        trainer = decision.successor or trainer
                        writer.after(trainer, record, before, decision)
                        is_written = True
                        if not decision.is_over and (threads := watch.fewer(trainer)) is not None:
                            _change_threads(session, trainer, threads)
                    except TrainingError:
                        if (successor := supervisor.after_failure(trainer)) is None:
                            raise
                        trainer = successor
                        writer.save(trainer)
                        continue
                if decision.scores or record.total_images != trainer.total_images:
                    record = dataclasses.replace(record, scores=decision.scores, total_images=trainer.total_images)
                yield record
            writer.finish(trainer, supervisor.results())
        finally:
            # Another process has died within the step. What is not written yet, such as a score, would be missing for ever.
            if are_several and not is_written:
                trainer.whole = False
            with signals.held():  # a second Ctrl-C waits until the run is saved
                writer.leave(trainer)


def _change_threads(session: Session, trainer: Trainer, threads: int) -> None:
    """Go on with another number of threads. What is saved and noted before lets a resumed run change it at the same image."""
    session.writer.leave(trainer)
    now = f"training has become slow beside another program: on with {threads} of {torch.get_num_threads()} threads"
    session.writer.run.update_metadata(thread_changes=session.threads.note(trainer.images, threads))
    note(f"{now} from {trainer.images:,} images")
