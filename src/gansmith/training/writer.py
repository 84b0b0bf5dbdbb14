"""Write a run folder while it trains: log, TensorBoard events, pictures, checkpoints and results."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gansmith.core import distributed
from gansmith.core.errors import TrainingError
from gansmith.core.files import atomic, disk_errors, write, write_json
from gansmith.core.formatting import plain
from gansmith.drawing import animation, grids, plots
from gansmith.evaluation.results import Evaluation
from gansmith.recipes.base import Recipe
from gansmith.recipes.lengths import images_in
from gansmith.report import page
from gansmith.runs.log import read_log
from gansmith.runs.training_run import TrainingRun
from gansmith.training import discriminator_accuracy
from gansmith.training.events import EventFile
from gansmith.training.files_plan import PICTURE_SEED, FilePlan
from gansmith.training.marks import Due, Every, Marks
from gansmith.training.pace import Costs
from gansmith.training.record import Record
from gansmith.training.totals import Totals
from gansmith.training.trainer import Trainer


class Decision(NamedTuple):
    """The supervisor's decision after a step."""

    successor: Trainer | None  # the trainer that takes over after a recovery
    is_best: bool  # the score is the best so far, and its checkpoint must be kept
    is_over: bool  # the run ends here
    scores: dict[str, float]  # the newest Frechet distance, "FD", and the "best" so far; empty before the first


class RunWriter:
    """Writes a run folder: log, TensorBoard, pictures and checkpoints on the way, plots and results at the end.

    When to write depends on image counts alone, so an interrupted run writes the same files as an uninterrupted one. With several
    processes only the first one writes; `writes` says whether this process is the one. `due` says what falls due when, by kind,
    and `costs` what it took.
    """

    def __init__(self, run: TrainingRun, trainer: Trainer) -> None:
        self.run, self.recipe, self.epoch_images = run, run.recipe, trainer.epoch_images
        self.writes, self.costs = distributed.rank() == 0, Costs()
        self.due = _due(self.recipe, FilePlan.read(run.metadata), trainer)
        self.follow(trainer.totals)
        self.saved_images = trainer.images
        self.planning = float(run.metadata.get("planning_seconds", 0.0))  # before training
        self.seconds = 0.0  # of training, up to the last record of a step
        self.clock, self.clock_images = time.perf_counter(), trainer.images
        self.log_file: Any = None
        self.board: Any = None

    # ------------------------------------------------------------------------------------------ opening and closing

    def rewind(self, images: int) -> list[dict[str, Any]]:
        """Remove the log's records after an image count, because their steps are taken again. Returns the other records."""
        if not self.writes:
            return []
        records = [record for record in read_log(self.run.path / "log.jsonl") if record["images"] <= images]
        # At the same speed from the last record to the checkpoint, as records of a short run are few.
        self.seconds = records[-1]["seconds"] * images / max(records[-1]["images"], 1) if records else 0.0
        write(self.run.path / "log.jsonl", "".join(json.dumps(record) + "\n" for record in records).encode())
        return records

    def open(self, trainer: Trainer, is_over: bool) -> None:
        """Open the log and TensorBoard's event file. A new run gets its pictures of real samples and of the random start."""
        if not self.writes:
            return
        with disk_errors(self.run.path):
            self.log_file = open(self.run.path / "log.jsonl", "a")  # noqa: SIM115  # closed in close()
            if not is_over:  # else the event file would stay empty
                self.board = EventFile(self.run.path / "events", trainer.images)
        if trainer.images == 0:
            stored = trainer.modality.to_model(trainer.stored[self._real_rows(trainer)])
            self._write_picture("real.png", trainer, trainer.modality.from_model(stored))
            self._draw(trainer)

    def close(self) -> None:
        """Close the log and the event file."""
        for file in (self.log_file, self.board):
            with contextlib.suppress(OSError):
                if file:
                    file.close()

    # ------------------------------------------------------------------------------------------ on the way

    def after(self, trainer: Trainer, record: Record, before: int, decision: Decision) -> None:
        """Write what became due in the step that led from `before` images to `trainer.images`."""
        now, is_new = trainer.images, decision.successor is not None
        falls_due = {kind for kind, marks in self.due.items() if decision.is_over or marks.is_passed(before, now)}
        if "records" in falls_due:
            self._log_step(trainer, record, is_new)
        if "pictures" in falls_due:
            trainer.check()
            with self.costs.of("pictures"):
                self._draw(trainer)
        if "checkpoints" in falls_due or decision.is_best or is_new:
            trainer.check()
            with self.costs.of("checkpoints"):
                self.save(trainer)  # last: all that was written before belongs to this checkpoint

    def follow(self, totals: Totals) -> None:
        """Move what falls due to where it lies in a run of these totals."""
        self.due = {kind: marks.moved(totals) for kind, marks in self.due.items()}

    def training_seconds(self) -> float:
        """The seconds of training so far. Steps that an interruption lost are not counted."""
        return self.seconds + time.perf_counter() - self.clock

    def stamp(self, images: int) -> dict[str, Any]:
        """The fields that each record of the log begins with."""
        epoch = round(images / self.epoch_images, 4)
        return {"images": images, "epoch": epoch, "seconds": round(self.training_seconds(), 3)}

    def record(self, entry: Mapping[str, Any], shown: Mapping[str, Any] | None = None) -> None:
        """Append a record to the log, and its values, or those of `shown`, to TensorBoard."""
        with disk_errors(self.run.path / "log.jsonl"):
            self.log_file.write(json.dumps(entry) + "\n")
            self.log_file.flush()
            for name, value in (entry if shown is None else shown).items():
                if name != "images":
                    self.board.add_scalar(plain(name), value, entry["images"])

    def save(self, trainer: Trainer) -> None:
        """Write a checkpoint, unless there is one of this image count. Raises TrainingError for a state that is not finite."""
        trainer.check()
        if not self.writes or trainer.images == self.saved_images:
            return
        state = trainer.state()
        for name, tensor in state.tensors.items():
            if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
                trainer.whole = False
                raise TrainingError(f"{name} is not finite at step {state.steps}")
        self.run.save(state, trainer.sampled.state_dict())
        self.saved_images = trainer.images

    def leave(self, trainer: Trainer) -> None:
        """Save a trainer that the caller leaves, unless its state is broken.

        A run that may go back to an earlier checkpoint notes the ones written here: which checkpoint it goes back to must not
        depend on where it was left.
        """
        if not trainer.whole:
            return
        if self.writes and self.run.may_recover and trainer.images != self.saved_images:
            self.run.update_metadata(left_at=[*self.run.interrupted_at, trainer.images])
        self.save(trainer)

    def _log_step(self, trainer: Trainer, record: Record, is_new: bool) -> None:
        trainer.check()
        with self.costs.of("records"):
            means = {} if is_new else trainer.means()  # a successor has taken no step yet
            if self.writes:
                self._record_step(trainer, record, means)

    def _record_step(self, trainer: Trainer, record: Record, means: dict[str, float]) -> None:
        images, now = trainer.images, time.perf_counter()
        values = record.floats() | (means if self.recipe.log_value == "mean" else {})
        speed = (images - self.clock_images) / max(now - self.clock, 1e-9)
        self.seconds += now - self.clock
        self.clock, self.clock_images = now, images
        epoch, seconds = round(images / self.epoch_images, 4), round(self.seconds, 3)
        self.record({"images": images, "epoch": epoch, "seconds": seconds, "images_per_second": round(speed, 1), **values})

    # ------------------------------------------------------------------------------------------ pictures

    def _draw(self, trainer: Trainer) -> None:
        """A picture of samples from fixed seeds and, where the recipe asks for it, their array."""
        if not self.writes:
            return
        samples = trainer.sampler.layout_samples(PICTURE_SEED)
        name = f"{trainer.images:012d}"
        self._write_picture(f"{name}.png", trainer, trainer.sampler.view(samples))
        if self.recipe.pictures.arrays:
            with atomic(self.run.path / "samples" / f"{name}.npz") as file:
                np.savez(file, **{trainer.modality.key: samples})  # type: ignore[arg-type]

    def _write_picture(self, name: str, trainer: Trainer, samples: np.ndarray) -> None:
        picture = trainer.modality.picture(samples, self.run.layout.columns)
        write(self.run.path / "samples" / name, grids.png(picture))
        with disk_errors(self.run.path):
            tag = "real" if name == "real.png" else "samples"
            self.board.add_image(tag, np.asarray(grids.on_white(picture).convert("RGB")), trainer.images)

    def _real_rows(self, trainer: Trainer) -> Tensor:
        """Indices of the real samples to show: the first ones, or the first of each category, repeated where it has too few."""
        layout, categories = self.run.layout, trainer.categories
        if not layout.categories or categories is None:
            return torch.arange(min(layout.count, len(trainer.samples)))
        of_category = ((categories == category).nonzero()[:, 0].cpu() for category in layout.categories)
        return torch.cat([rows[torch.arange(layout.columns) % len(rows)] for rows in of_category])

    # ------------------------------------------------------------------------------------------ at the end

    @distributed.alone()
    def finish(self, trainer: Trainer, results: Mapping[str, Any]) -> None:
        """Write loss plot, animation, results with the discriminator's accuracy on held-out samples, and report, once."""
        path = self.run.path
        if not self.writes or (path / "results.json").exists():
            return
        title = f"{self.recipe.name}, {trainer.images:,} images"
        write(path / "losses.png", grids.png(plots.loss_plot(self.run.log, title)))
        write(path / "samples" / "animation.gif", animation.animate_files(sorted((path / "samples").glob("[0-9]*.png"))))
        own = {"images": trainer.images, "seconds": round(self.seconds, 1)}
        write_json(path / "results.json", own | dict(results) | discriminator_accuracy.held_out(trainer))
        page.write(self.run, Evaluation.of(self.run))


def _due(recipe: Recipe, plan: FilePlan, trainer: Trainer) -> dict[str, Due]:
    """What falls due when, by kind: at the user's own intervals, or as often as planned for the first total of the run."""
    first, epoch, every = trainer.totals.planned[0].images, trainer.epoch_images, recipe.pictures.every
    return {
        "records": Every(images_in(recipe.log_every, epoch)) if recipe.log_every else Marks.evenly(plan.records, first),
        "pictures": Marks.of(recipe.pictures.marks(first, epoch, plan.pictures))
        if every == "growing"
        else Every(images_in(every, epoch)),
        "checkpoints": Every(images_in(recipe.checkpoint_every, epoch))
        if recipe.checkpoint_every
        else Marks.evenly(plan.checkpoints, first),
    }
