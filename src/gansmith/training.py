"""The one training loop. It knows players and networks; it knows no kind of GAN."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from pathlib import Path
from types import FrameType
from typing import Any

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
            with SignalsWait() as signals:
                while trainer.images < trainer.total_images:
                    signals.hold()
                    try:
                        record = trainer.step()
                        journal.after(record)
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
    speed, spent = measure_speed(recipe, trainer.device, trainer.samples, min(4.0, 0.05 * seconds))
    return max(
        recipe.batch_size, round(speed * 0.97 * max(seconds - spent, 0.5 * seconds))
    )  # the rest is for pictures and saving


class SignalsWait:
    """Ctrl-C and SIGTERM wait while `busy`, so that what is saved can be gone on from exactly; else they come through at once.

    Handlers are set once a run and not once a step, which would cost a small network's step a few percent. One that someone sets
    later, as a notebook does between cells, stays: Ctrl-C may then fall into a step, which is not saved. Signals reach the main
    thread alone; in another there is nothing to wait for.
    """

    def __init__(self) -> None:
        self.busy = False
        self.came: list[tuple[int, FrameType | None]] = []
        self.before: dict[int, Any] = {}

    def __enter__(self) -> SignalsWait:
        if threading.current_thread() is threading.main_thread():
            self.before = {s: signal.signal(s, self._arrive) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        if threading.current_thread() is threading.main_thread():
            for number, handler in self.before.items():
                if signal.getsignal(number) == self._arrive:  # else someone has set another since, which stays
                    signal.signal(number, handler)

    def _arrive(self, number: int, frame: FrameType | None) -> None:
        self.came.append((number, frame))
        self.deliver()

    def deliver(self) -> None:
        """Pass on what came, unless busy."""
        while self.came and not self.busy:
            number, frame = self.came.pop(0)
            handler = self.before[number]
            if callable(handler):
                handler(number, frame)
            elif handler == signal.SIG_DFL:
                raise SystemExit(128 + number)

    def hold(self) -> None:
        self.busy = True

    def release(self) -> None:
        self.busy = False
        self.deliver()
