"""Decide while a run trains: when to score and look, which score is the best, when to recover and when to end early."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

from gansmith import doctor
from gansmith.core import distributed
from gansmith.core.formatting import noun_of, of_points
from gansmith.recipes.base import Recipe
from gansmith.runs.log import SCORE, scores_in
from gansmith.training import recovery
from gansmith.training.look_plan import vital_signs_of
from gansmith.training.marks import Marks
from gansmith.training.monitor import Monitor
from gansmith.training.pace import Pace
from gansmith.training.recovery import Recovery
from gansmith.training.trainer import Trainer
from gansmith.training.validation import Validation
from gansmith.training.vitals import COUNT
from gansmith.training.writer import Decision, RunWriter

logger = logging.getLogger("gansmith")


class Supervisor:
    """Scores a run and looks at its vital signs; decides on its best checkpoint, on recoveries and on an early end.

    When to score and to look depends on image counts alone. With several processes the first one decides for all.
    """

    def __init__(
        self,
        writer: RunWriter,
        trainer: Trainer,
        validation: Validation | None,
        monitor: Monitor | None,
        records: Sequence[dict[str, Any]],
    ) -> None:
        self.writer, self.run, self.recipe = writer, writer.run, writer.run.recipe
        self.validation, self.monitor, self.costs = validation, monitor, writer.costs
        self.total_images, metadata = trainer.total_images, self.run.metadata
        times, looks, first = metadata.get("scorings", 0), metadata.get("looks", 0), trainer.totals.planned[0].images
        scores = self.recipe.scores.marks(first, times) if self.recipe.scores and times else []
        watch = self.recipe.watch.marks(first, looks) if self.recipe.watch and looks else []
        self.due = {"scores": Marks.of(scores).moved(trainer.totals), "looks": Marks.of(watch).moved(trainer.totals)}
        self.pace = Pace(self.recipe.budget, metadata, trainer, self.elapsed, self.costs)
        self.scored = scores_in(records)  # the Frechet distance by image count, of the first process alone
        self.looks = doctor.looks_in(records)  # of the first process alone
        self.recoveries = Recovery.read(metadata, trainer.images)
        self.warned = {found.trouble for found in self.diagnoses()[:1]}  # troubles that a warning has named
        self.stopped: str | None = None  # why the run ends before its budget is spent
        self._agree_on_end(trainer)

    def is_over(self, trainer: Trainer) -> bool:
        """Whether the budget is spent, or the run has been ended early."""
        return trainer.images >= trainer.total_images or self.stopped is not None

    def after(self, trainer: Trainer, before: int) -> Decision:
        """Plan again, score and look where that fell due in the step that led from `before` images to `trainer.images`."""
        is_best, successor = False, None
        self._keep_pace(trainer, before)
        if self.due["scores"].is_passed(before, trainer.images):
            is_best = self._score(trainer)
        if self.due["looks"].is_passed(before, trainer.images):
            successor = self._look(trainer)
        scores = {"FD": list(self.scored.values())[-1], "best": min(self.scored.values())} if self.scored else {}
        return Decision(successor, is_best, self.is_over(trainer), scores)

    def after_failure(self, trainer: Trainer) -> Trainer | None:
        """Log that a step's loss was not finite. Returns the trainer that takes over; None where the run can't recover.

        It takes over after the failed step's images, so that all checkpoints have different image counts.
        """
        if not self.writer.writes:
            return None
        if self.run.may_recover:
            trainer.images += self.recipe.batch_size
        signs = {"finite": 0.0, "steps": trainer.steps}
        self._record(trainer.images, signs)
        return self._recover(trainer, self.diagnoses())

    def results(self) -> dict[str, Any]:
        """The fields of results.json about an early end, recoveries and the best checkpoint."""
        results: dict[str, Any] = {}
        if self.stopped:
            results["stopped"] = self.stopped
        if self.recoveries:
            results["recoveries"] = recovery.to_json(self.recoveries)
        if self.writer.writes and (best := self.run.best) is not None:
            results["best"] = {"images": best, "score": self.run.metadata["score"], "value": self.scored[best]}
        return results

    def diagnoses(self) -> list[doctor.Diagnosis]:
        """The troubles that the looks so far show, the cause first."""
        return doctor.diagnose(self.looks, self.total_images, recovery.changed(self.recipe, self.recoveries))

    # ------------------------------------------------------------------------------------------ the pace

    @property
    def elapsed(self) -> float:
        """The seconds of a budget in time that are spent: planning and training."""
        return self.writer.planning + self.writer.training_seconds()

    def _keep_pace(self, trainer: Trainer, before: int) -> None:
        """Take over the total that is planned here, where one is, and write it down before the run goes on by it."""
        totals = self.pace.after(trainer, before, self.elapsed, self.writer.due | self.due)
        if totals is None:
            return
        trainer.totals, self.total_images = totals, totals.images
        self.due = {kind: marks.moved(totals) for kind, marks in self.due.items()}
        self.writer.follow(totals)
        if self.writer.writes and len(totals.planned) > len(self.run.metadata["totals"]):
            self.run.update_metadata(total_images=totals.images, totals=totals.to_json())

    # ------------------------------------------------------------------------------------------ scores and looks

    def _score(self, trainer: Trainer) -> bool:
        """Score the generator and log it. Returns whether the score is the best so far."""
        trainer.check()
        is_best = False
        if self.writer.writes and self.validation is not None:
            with self.costs.of("scores"):
                value = self.validation.score(trainer.sampler)
            is_best = value < min(self.scored.values(), default=math.inf)
            self.scored[trainer.images] = value
            entry = self.writer.stamp(trainer.images) | {SCORE: value if math.isfinite(value) else None}
            self.writer.record(entry | self.validation.fewer, shown={SCORE: value})
        self._agree_on_end(trainer)
        return is_best

    def _look(self, trainer: Trainer) -> Trainer | None:
        """Log the vital signs and warn of new trouble. Returns the trainer that takes over where the run recovers."""
        trainer.check()
        successor = None
        signs = None
        if self.writer.writes and self.monitor is not None:
            with self.costs.of("looks"):
                signs = vital_signs_of(self.monitor)
        if signs is not None:
            self._record(trainer.images, signs)
            diagnoses = self.diagnoses()
            for new in (found for found in diagnoses[:1] if found.trouble not in self.warned):
                said = f"{new.trouble} at {trainer.images:,} images: {new.sign} {new.remedy} {new.read_on}"
                logger.warning(said if noun_of(trainer.samples.shape) == "images" else of_points(said))
                self.warned.add(new.trouble)
            successor = self._recover(trainer, diagnoses)
        self._agree_on_end(trainer)
        return successor

    def _record(self, images: int, signs: dict[str, Any]) -> None:
        entry = self.writer.stamp(images) | {doctor.PREFIX + name: value for name, value in signs.items()}
        self.looks.append(entry)
        self.writer.record(entry)

    def _agree_on_end(self, trainer: Trainer) -> None:
        """Decide whether the run ends here, by its scores or its diagnoses; the first process decides for all."""
        if self.recipe.scores or self.recipe.watch:
            reason = self.recipe.scores.stop_reason(list(self.scored.values())) if self.recipe.scores else None
            reason = reason or doctor.stop_reason(self.recipe.on_trouble, self.looks, self.total_images)
            is_over = distributed.agree(int(reason is not None), trainer.device)
            self.stopped = reason or ("stopped" if is_over else None)

    # ------------------------------------------------------------------------------------------ recovery

    def _recover(self, trainer: Trainer, diagnoses: Sequence[doctor.Diagnosis]) -> Trainer | None:
        """A trainer in place of one in trouble; None where there is no trouble, no recovery is allowed or no attempt is left."""
        if not self.run.may_recover or not diagnoses or trainer.images > recovery.LATEST * self.total_images:
            return None
        recovery_points = self.run.recovery_points

        def check(recipe: Recipe) -> None:
            Trainer(recipe, trainer.device, trainer.samples, type(trainer.backend), trainer.validation)

        while True:
            chosen = recovery.choose(self.recipe, self.recoveries, diagnoses, self.looks, recovery_points, trainer.images, check)
            if chosen is None:
                return None
            saved = self.run.checkpoints.at(chosen.start) if chosen.start else None
            if saved is not None or not chosen.start:
                break
            recovery_points.remove(chosen.start)  # it is damaged
        self.recoveries.append(chosen)
        # Before anything else, because a checkpoint of the changed recipe can only be read with the change noted.
        self.run.update_metadata(recoveries=recovery.to_json(self.recoveries))
        trainer.whole = False  # its recipe is no longer the noted one, so it must not be saved
        successor = recovery.recovered(trainer, self.recipe, self.recoveries, saved)
        self.monitor, self.warned = Monitor(successor, self.monitor.most if self.monitor else COUNT), set()
        self._record(successor.images, {"recovery": len(self.recoveries), "from": chosen.start, "steps": successor.steps})
        logger.warning(f"recovery {len(self.recoveries)}: {chosen.why} ({', '.join(chosen.changes)})")
        return successor
