"""The one training loop. It knows players and networks; it knows no kind of GAN."""

from __future__ import annotations

import contextlib
import signal
import threading
from _signal import signal as set_handler  # type: ignore[import-not-found]  # signal.signal looks names up for 4 us a call
from collections.abc import Generator, Iterator
from pathlib import Path
from types import FrameType

from gansmith import processes
from gansmith.errors import TrainingError
from gansmith.journal import Journal
from gansmith.recipe import Recipe, images_in, seconds_in
from gansmith.run import Run
from gansmith.trainer import Record, Trainer, choose_device, measure_speed


def train(recipe: Recipe, run: str | Path, *, device: str = "auto", trust: str | Path | None = None) -> Run:
    """Train to the end of the budget, going on where the run folder stands, and return the run."""
    for _ in steps(recipe, run, device=device, trust=trust):
        pass
    return Run.open(run, trust=trust)


def steps(recipe: Recipe, run: str | Path, *, device: str = "auto", trust: str | Path | None = None) -> Generator[Record]:
    """Train, yielding a record after every step. Leaving the loop saves; calling again with the same folder goes on.

    Raises RecipeError before anything is written where the recipe does not fit its data, RunError where the folder holds
    another run, TrainingError at a loss that is not finite (nothing is saved after it), DiskError where the disk refuses.
    """
    chosen = choose_device(device)
    processes.join(chosen)
    with Run.claim(run, recipe, trust=trust) as folder:
        trainer = Trainer(recipe, chosen)
        known = processes.agree(folder.total_images or 0, chosen)
        trainer.total_images = known or processes.agree(images_for(recipe, trainer), chosen)
        folder.begin(trainer.facts())
        saved = folder.latest()
        if saved is not None:
            trainer.restore(saved)
        journal = Journal(folder, trainer)
        try:
            while trainer.images < trainer.total_images:
                with signals_wait():
                    record = trainer.step()
                    journal.after(record)
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
    speed, spent = measure_speed(recipe, trainer.device, trainer.samples, min(4.0, 0.05 * seconds))
    return max(
        recipe.batch_size, round(speed * 0.97 * max(seconds - spent, 0.5 * seconds))
    )  # the rest is for pictures and saving


@contextlib.contextmanager
def signals_wait() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until the step is whole, so that what is saved can be gone on from exactly."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    before = {s: set_handler(s, lambda number, frame: came.append((number, frame))) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            set_handler(number, handler)
    for arrived, frame in came:
        handler = before[signal.Signals(arrived)]
        if callable(handler):
            handler(arrived, frame)
        elif handler == signal.SIG_DFL:
            raise SystemExit(128 + arrived)
