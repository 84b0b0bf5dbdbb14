"""What a run writes down while it trains: log, pictures, TensorBoard, checkpoints, each at fixed image counts."""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import json
import logging
import math
import sys
import time
import types
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gansmith import doctor
from gansmith.core import distributed
from gansmith.core.errors import TrainingError
from gansmith.core.files import atomic, disk_errors, write, write_json
from gansmith.drawing import animation, grids, plots
from gansmith.evaluation.results import Evaluation
from gansmith.recipes.base import Recipe
from gansmith.recipes.lengths import images_in
from gansmith.report import page
from gansmith.runs.log import SCORE, read_log, scores_in
from gansmith.runs.run import Run
from gansmith.training import discriminator_accuracy, recovery
from gansmith.training.monitor import Monitor, vital_signs_of
from gansmith.training.recovery import Recovery
from gansmith.training.trainer import Record, Trainer
from gansmith.training.validation import Validation

PICTURE_SEED = 0

logger = logging.getLogger("gansmith")


class Journal:
    """Keeps the run folder up to date. Whether something is due is a function of image counts alone, so a run that was
    interrupted writes what an uninterrupted one writes. With several processes only the first writes."""

    def __init__(self, run: Run, trainer: Trainer, validation: Validation | None = None, monitor: Monitor | None = None) -> None:
        self.run, self.trainer, self.recipe, self.validation = run, trainer, run.recipe, validation
        self.writes = distributed.rank() == 0
        total, epoch = trainer.total_images, trainer.epoch_images
        self.log_images = images_in(self.recipe.log_every, epoch) if self.recipe.log_every else max(1, total // 400)
        every = self.recipe.checkpoint_every
        self.checkpoint_images = images_in(every, epoch) if every else max(1, total // 20)
        self.marks = self.recipe.pictures.marks(total, epoch)
        times = run.metadata.get("scorings", 0)
        self.score_marks = self.recipe.scores.marks(total, times) if self.recipe.scores and times else []
        self.monitor = monitor
        looks = run.metadata.get("looks", 0)
        self.look_marks = self.recipe.watch.marks(total, looks) if self.recipe.watch and looks else []
        self.looks: list[dict[str, Any]] = []  # what the doctor has seen, of the first process alone
        self.said: set[str] = set()  # troubles it has told of
        self.recoveries = Recovery.read(run.metadata, trainer.images)
        self.is_new = False  # whether a trainer has just taken over, whose state is in no checkpoint
        self.scored: dict[int, float] = {}  # the Frechet distance by image count, of the first process alone
        self.stopped: str | None = None  # why the scores have ended the run early
        self.images = self.saved_images = trainer.images
        self.clock, self.clock_images = time.perf_counter(), trainer.images
        self.seconds = 0.0
        if self.writes:
            self._go_back()
        self._ask_scores()
        if self.writes:
            self._open()

    def _go_back(self) -> None:
        """Forget what the log says of images that come after the checkpoint: it is done again."""
        records = [r for r in read_log(self.run.path / "log.jsonl") if r["images"] <= self.images]
        self.seconds = records[-1]["seconds"] if records else 0.0
        self.scored, self.looks = scores_in(records), doctor.looks_in(records)
        self.said = {found.trouble for found in self._diagnoses()[:1]}
        write(self.run.path / "log.jsonl", "".join(json.dumps(r) + "\n" for r in records).encode())

    def _open(self) -> None:
        with disk_errors(self.run.path):
            self.log_file = open(self.run.path / "log.jsonl", "a")  # noqa: SIM115  # closed in close()
            # None at the end of the run: another event file with nothing in it would only be in the way.
            self.board: Any = None if self.done else _board(self.run, self.images)
        if self.images == 0:
            stored = self.trainer.modality.to_model(self.trainer.stored[self._real_rows()])
            self._picture("real.png", self.trainer.modality.from_model(stored))
            self._draw()

    def _real_rows(self) -> Tensor:
        """The numbers of the real samples to show: the first ones, or the first of each kind, over again where it has few."""
        layout, categories = self.run.layout, self.trainer.categories
        if not layout.categories or categories is None:
            return torch.arange(min(layout.count, len(self.trainer.samples)))
        of_kind = ((categories == category).nonzero()[:, 0].cpu() for category in layout.categories)
        return torch.cat([rows[torch.arange(layout.columns) % len(rows)] for rows in of_kind])

    @property
    def done(self) -> bool:
        """Whether the budget is spent, or the scores have ended the run."""
        return self.trainer.images >= self.trainer.total_images or self.stopped is not None

    def after(self, record: Record) -> Record:
        """Do what is due between the last step and this one. Returns the record with the scores so far."""
        before, self.images = self.images, record.images
        is_best = self._passed(self.score_marks, before) and self._score()
        if self._passed(self.look_marks, before):
            self._look()
        done = self.done
        if self._due(self.log_images, before) or done:
            self._log(record)
        if self._passed(self.marks, before) or done:
            self._draw()
        if self._due(self.checkpoint_images, before) or done or is_best or self.is_new:
            self.save()  # after everything else: what is resumed from it has been written down
        return dataclasses.replace(record, scores=self._scores()) if self.scored else record

    def _due(self, every: int, before: int) -> bool:
        return self.images // every > before // every

    def _passed(self, marks: list[int], before: int) -> bool:
        return bisect.bisect_right(marks, self.images) > bisect.bisect_right(marks, before)

    def _log(self, record: Record) -> None:
        self.trainer.check()
        means = {} if self.is_new else self.trainer.means()  # one that has just taken over has taken no step
        if not self.writes:
            return
        now = time.perf_counter()
        values = record.floats() | (means if self.recipe.log_value == "mean" else {})
        speed = (self.images - self.clock_images) / max(now - self.clock, 1e-9)
        self.seconds += now - self.clock
        self.clock, self.clock_images = now, self.images
        entry = {
            "images": self.images,
            "epoch": round(self.images / self.trainer.epoch_images, 4),
            "seconds": round(self.seconds, 3),
            "images_per_second": round(speed, 1),
            **values,
        }
        self._write(entry)

    def _score(self) -> bool:
        """Score and write it down. Returns whether it is better than all before, so that a checkpoint of it must be kept."""
        self.trainer.check()
        is_best = False
        if self.writes and self.validation is not None:
            value = self.validation.score(self.trainer.sampler)
            is_best = value < min(self.scored.values(), default=math.inf)
            self.scored[self.images] = value
            entry = self._now() | {SCORE: value if math.isfinite(value) else None}
            with disk_errors(self.run.path / "log.jsonl"):
                self.log_file.write(json.dumps(entry) + "\n")
                self.log_file.flush()
                self.board.add_scalar(SCORE, value, self.images)
        self._ask_scores()
        return is_best

    def _look(self) -> None:
        """Let the doctor look, write down what it saw, and tell of troubles that are new."""
        self.trainer.check()
        signs = vital_signs_of(self.monitor) if self.writes and self.monitor is not None else None
        if signs is not None:
            entry = self._now() | {doctor.PREFIX + name: value for name, value in signs.items()}
            self.looks.append(entry)
            self._write(entry)
            found = self._diagnoses()
            for new in (f for f in found[:1] if f.trouble not in self.said):
                logger.warning(f"{new.trouble} at {self.images:,} images: {new.sign} {new.remedy} {new.read_on}")
                self.said.add(new.trouble)
            self._recover(found)
        self._ask_scores()

    def _recover(self, diagnoses: list[doctor.Diagnosis]) -> None:
        """Put the run right, where that is asked for and something is wrong that can be: another trainer takes over."""
        is_late = self.images > recovery.LATEST * self.trainer.total_images
        if not self.run.may_go_back or not diagnoses or is_late:
            return
        ways_back, old = self.run.ways_back, self.trainer

        def fits(recipe: Recipe) -> None:
            type(old)(recipe, old.device, old.samples)

        while True:
            chosen = recovery.choose(self.recipe, self.recoveries, diagnoses, self.looks, ways_back, self.images, fits)
            if chosen is None:
                return
            saved = self.run.checkpoints.of(chosen.start) if chosen.start else None
            if saved is not None or not chosen.start:
                break
            ways_back.remove(chosen.start)  # it is damaged
        self.recoveries.append(chosen)
        self.run.note(recoveries=recovery.to_json(self.recoveries))  # first: what is saved below is of the recipe it tells of
        self.trainer = recovery.put_right(old, self.recipe, self.recoveries, saved)
        self.monitor, self.said, self.is_new = Monitor(self.trainer), set(), True
        signs = {"recovery": len(self.recoveries), "from": chosen.start, "steps": self.trainer.steps}
        entry = self._now() | {doctor.PREFIX + name: value for name, value in signs.items()}
        self.looks.append(entry)
        self._write(entry)
        logger.warning(f"recovery {len(self.recoveries)}: {chosen.why} ({', '.join(chosen.changes)})")

    def _diagnoses(self) -> list[doctor.Diagnosis]:
        return doctor.diagnose(self.looks, self.trainer.total_images)

    def _ask_scores(self) -> None:
        """Whether the run ends here, by its scores or by what the doctor says, which the first process decides for all."""
        if self.recipe.scores or self.recipe.watch:
            reason = self.recipe.scores.ends(list(self.scored.values())) if self.recipe.scores else None
            reason = reason or doctor.ends(self.recipe.on_trouble, self.looks, self.trainer.total_images)
            is_over = distributed.agree(int(reason is not None), self.trainer.device)
            self.stopped = reason or ("stopped" if is_over else None)

    def _now(self) -> dict[str, Any]:
        """When: what every record begins with."""
        seconds = self.seconds + time.perf_counter() - self.clock
        return {"images": self.images, "epoch": round(self.images / self.trainer.epoch_images, 4), "seconds": round(seconds, 3)}

    def _write(self, entry: dict[str, Any]) -> None:
        """A record into the log and TensorBoard."""
        with disk_errors(self.run.path / "log.jsonl"):
            self.log_file.write(json.dumps(entry) + "\n")
            self.log_file.flush()
            for name, value in entry.items():
                if name != "images":
                    self.board.add_scalar(name, value, self.images)

    def _scores(self) -> dict[str, float]:
        return {"FD": list(self.scored.values())[-1], "best": min(self.scored.values())}

    def _draw(self) -> None:
        if not self.writes:
            return
        made = self._samples()
        name = f"{self.images:012d}"
        self._picture(f"{name}.png", made)
        if self.recipe.pictures.arrays:
            with atomic(self.run.path / "samples" / f"{name}.npz") as file:
                np.savez(file, **{self.trainer.modality.key: made})  # type: ignore[arg-type]

    def _samples(self) -> np.ndarray:
        trainer = self.trainer
        return trainer.sampler.laid_out(PICTURE_SEED)

    def _picture(self, name: str, made: np.ndarray) -> None:
        picture = self.trainer.modality.picture(made, self.run.layout.columns)
        write(self.run.path / "samples" / name, grids.png(picture))
        with disk_errors(self.run.path):
            tag = "real" if name == "real.png" else "samples"
            self.board.add_image(tag, np.asarray(picture.convert("RGB")), self.images, dataformats="HWC")

    def save(self) -> None:
        """A checkpoint of where the run is, unless there is one. Raises TrainingError rather than save what is not finite."""
        self.trainer.check()
        if not self.writes or self.trainer.images == self.saved_images:
            return
        state = self.trainer.state()
        for name, tensor in state.tensors.items():
            if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
                self.trainer.whole = False
                raise TrainingError(f"{name} is not finite at step {state.steps}")
        self.run.save(state, self.trainer.sampled.state_dict())
        self.saved_images, self.is_new = self.trainer.images, False

    def leave(self) -> None:
        """Save where somebody leaves the run. A run that may go back writes down that it would not be saved there otherwise:
        where it goes back to must not depend on that."""
        if self.writes and self.run.may_go_back and self.trainer.images != self.saved_images:
            self.run.note(left_at=[*self.run.left_at, self.trainer.images])
        self.save()

    def mend(self) -> bool:
        """Write down that a loss was not finite, and put the run right where that is asked for. Returns whether it goes on.

        It goes on behind the step that failed, so that no two checkpoints are of the same image count.
        """
        if not self.writes:
            return False
        if self.run.may_go_back:
            self.trainer.images += self.recipe.batch_size
        self.images = self.trainer.images
        self.looks.append(self._now() | {doctor.PREFIX + "finite": 0.0, doctor.PREFIX + "steps": self.trainer.steps})
        self._write(self.looks[-1])
        self._recover(self._diagnoses())
        if self.is_new:
            self.save()
        return self.trainer.whole

    def close(self) -> None:
        if self.writes:
            with contextlib.suppress(OSError):
                self.log_file.close()
                if self.board:
                    self.board.close()

    def finish(self) -> None:
        """When the run is at its end: the loss plot, the animation, what D says of data it never saw, and the report."""
        path = self.run.path
        if not self.writes or (path / "results.json").exists():
            return
        title = f"{self.recipe.name}, {self.images:,} images"
        write(path / "losses.png", grids.png(plots.loss_plot(self.run.log, title)))
        write(path / "samples" / "animation.gif", animation.animate_files(sorted((path / "samples").glob("[0-9]*.png"))))
        results: dict[str, Any] = {"images": self.images, "seconds": round(self.seconds, 1)}
        if self.stopped:
            results["stopped"] = self.stopped
        if self.recoveries:
            results["recoveries"] = recovery.to_json(self.recoveries)
        if (best := self.run.best) is not None:
            results["best"] = {"images": best, "score": self.run.metadata["score"], "value": self.scored[best]}
        write_json(path / "results.json", results | discriminator_accuracy.held_out(self.trainer))
        page.write(self.run, Evaluation.of(self.run))


def _board(run: Run, images_so_far: int) -> Any:
    # TensorBoard imports TensorFlow wherever it is installed, which takes 7 seconds, unless this module of its exists.
    if "tensorflow" not in sys.modules:
        sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("notf"))
    from torch.utils.tensorboard import SummaryWriter

    purge = images_so_far + 1 if images_so_far else None
    return SummaryWriter(str(run.path / "events"), purge_step=purge, flush_secs=30)
