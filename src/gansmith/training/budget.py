"""Plan a run before its first step: its budget in images, and how often it is scored, watched, drawn and saved."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from gansmith.core import distributed
from gansmith.core.errors import RecipeError, TrainingError
from gansmith.core.formatting import duration, whole_percent
from gansmith.recipes.base import Recipe
from gansmith.recipes.lengths import images_in, seconds_in
from gansmith.runs.run import Run
from gansmith.training.files_plan import FilePlan, is_to_plan, plan_files
from gansmith.training.look_plan import LEAST_STEPS, RELIED_ON, num_looks_by_length, plan_looks
from gansmith.training.monitor import Monitor
from gansmith.training.speed import measure_speed
from gansmith.training.totals import Totals
from gansmith.training.trainer import Trainer
from gansmith.training.validation import Measurements, Validation
from gansmith.training.vitals import COUNT


def images_for(recipe: Recipe, trainer: Trainer) -> int:
    """The budget in images. A budget in time becomes images by timing a copy of the trainer."""
    seconds = seconds_in(recipe.budget)
    if seconds is None:
        return images_in(recipe.budget, trainer.epoch_images)
    speed, spent = measure_speed(recipe, trainer.device, trainer.samples, min(4.0, 0.05 * seconds), type(trainer.backend))
    share = 0.97  # of the time; the rest is for pictures and checkpoints
    return max(recipe.batch_size, round(speed * share * max(seconds - spent, 0.5 * seconds)))


@dataclass(frozen=True)
class Plan:
    """Budget, scores, looks and files of a run. `run.json` holds all but the notes of it under these names."""

    totals: Totals  # the budget in images
    is_paced: bool = False  # whether the budget is planned again on the way
    scorings: int = 0  # on the validation slice
    looks: int = 0  # at the vital signs
    score_samples: int | None = None  # in a score; None: as many as the recipe says
    look_samples: int = COUNT  # in a look
    files: FilePlan = FilePlan()
    planning_seconds: float = 0.0  # that planning took; they are part of a budget in time
    notes: tuple[str, ...] = ()  # what the run goes without, or has less of than usual, in sentences

    @classmethod
    def read(cls, metadata: Mapping[str, Any]) -> Plan:
        """The plan in run.json. What an older run does not have there is as it was for all runs then."""
        if "total_images" not in metadata:  # of another process than the first
            return cls(Totals.of(1))
        return cls(
            Totals.stored(metadata),
            "totals" in metadata,
            metadata.get("scorings", 0),
            metadata.get("looks", 0),
            metadata.get("score_samples"),
            metadata.get("look_samples", COUNT),
            FilePlan.read(metadata),
            metadata.get("planning_seconds", 0.0),
        )

    def agreed(self, device: torch.device) -> Plan:
        """The plan of the first process, in every one."""

        def agree(number: int) -> int:
            return distributed.agree(number, device)

        count = agree(len(self.totals.planned))
        totals = [total for _, total in zip(range(count), [*self.totals.planned, *[(0, 1)] * count], strict=False)]
        return replace(
            self,
            totals=Totals.read([[agree(since), agree(images)] for since, images in totals]),
            is_paced=bool(agree(int(self.is_paced))),
            scorings=agree(self.scorings),
            looks=agree(self.looks),
            score_samples=agree(self.score_samples or 0) or None,
            look_samples=agree(self.look_samples),
            files=FilePlan(*map(agree, self.files)),
        )

    def metadata(self) -> dict[str, Any]:
        """The entries of run.json for a new run. Only one that is planned again has `totals`."""
        entries: dict[str, Any] = {"total_images": self.totals.images, "scorings": self.scorings, "looks": self.looks}
        if self.is_paced:
            entries |= {"totals": self.totals.to_json(), "planning_seconds": round(self.planning_seconds, 3)}
        if self.score_samples is not None:
            entries["score_samples"] = self.score_samples
        if self.looks and self.look_samples != COUNT:
            entries["look_samples"] = self.look_samples
        return entries | self.files._asdict() | {"notes": list(self.notes)}


def plan_run(
    recipe: Recipe, trainer: Trainer, scorer: Validation | str | None, monitor: Monitor | None, run: Run | None = None
) -> Plan:
    """Choose the budget in images and the numbers of scores, looks and files, by timing each where it is needed.

    `scorer` is the validation of the run, or why it has none. Files are planned for a `run` on a disk.

    Raises RecipeError where the run is to stop by its scores and is too short to be scored.
    """
    begun = time.perf_counter()
    images, seconds = images_for(recipe, trainer), seconds_in(recipe.budget)
    notes = [f"this run is not scored while it trains: {scorer}"] if isinstance(scorer, str) else []
    scorer = None if isinstance(scorer, str) else scorer
    times = scorer.setting.times if scorer else 0
    looks = num_looks_by_length(monitor, images)
    plan = Plan(Totals.of(images), seconds is not None, times or 0, looks or 0, notes=tuple(notes))
    if seconds is None and times is not None and looks is not None and not (run and is_to_plan(recipe)):  # no timing is needed
        return _with_notes(plan, None, scorer, monitor)
    try:
        clocked = 0.3 if scorer and times is None else 0.1  # looks and files alone need less precision
        length = seconds or images / measure_speed(recipe, trainer.device, trainer.samples, clocked, type(trainer.backend))[0]
    except TrainingError:  # the run raises it again at this step, and names the checkpoint that is kept
        relied_on = RELIED_ON if recipe.watch and recipe.watch.on_trouble != "warn" else 0
        return replace(plan, looks=relied_on if looks is None else looks)
    spent = 0.0
    if scorer and (seconds or times is None):
        scores = planned_scores(scorer, length, trainer)
        spent += scores.total_seconds
        fewer = scores.samples if scores.times and scores.samples < scorer.most else None
        plan = replace(plan, scorings=scores.times, score_samples=fewer)
    if monitor and (seconds or looks is None):
        found = plan_looks(monitor, length)
        spent += found.total_seconds
        plan = replace(plan, looks=found.times, look_samples=found.samples)
    if seconds:
        plan = replace(plan, totals=Totals.of(max(recipe.batch_size, round(images * (1 - spent / seconds)))))
    planning = min(time.perf_counter() - begun, 0.5 * length)  # the rest is for training, however slow the machine is
    files = plan_files(run, trainer, length) if run else FilePlan()
    plan = replace(plan, files=files, planning_seconds=planning)
    return _with_notes(plan, length, scorer, monitor)


def planned_scores(scorer: Validation, length: float, trainer: Trainer) -> Measurements:
    """Plan the scores of a run of `length` seconds. Raises RecipeError where it is to stop by them and has no time for any."""
    scores = scorer.plan_scores(length, trainer.sampler)
    if not distributed.agree(scores.times, trainer.device) and (scorer.setting.until or scorer.setting.patience):
        raise RecipeError(
            f"a run of about {length:.3g} seconds has no time for scores to stop by: "
            "say how often to score it, as in scores.times=10"
        )
    return scores


def _with_notes(plan: Plan, length: float | None, scorer: Validation | None, monitor: Monitor | None) -> Plan:
    """The plan, with sentences on scores and looks that a run of `length` seconds goes without, or that have fewer samples."""
    notes, run = list(plan.notes), "this run" if length is None else f"this run of about {duration(length)}"
    if scorer and not plan.scorings:
        share = whole_percent(scorer.setting.time_fraction)
        notes.append(
            f"{run} is not scored while it trains: scores do not fit into {share} of its time; scores.times=5 asks for 5"
        )
    elif scorer and plan.score_samples:
        many = f"{plan.score_samples:,} samples instead of {scorer.most:,}"
        share = whole_percent(scorer.setting.time_fraction)
        notes.append(f"{run} is scored {_times(plan.scorings)} with {many}: more do not fit into {share} of its time")
    watch = monitor.trainer.recipe.watch if monitor else None
    if watch and monitor and not plan.looks:
        is_short = num_looks_by_length(monitor, plan.totals.images) == 0
        reason = (
            f"it has fewer than {LEAST_STEPS} steps"
            if is_short
            else f"too few looks fit into {whole_percent(watch.time_fraction)} of its time"
        )
        notes.append(f"the doctor does not watch {run}: {reason}; watch.times=10 asks for 10 looks")
    elif watch and plan.look_samples < COUNT:
        many = f"{plan.look_samples} samples instead of {COUNT}"
        share = whole_percent(watch.time_fraction)
        notes.append(f"the doctor looks at {run} {_times(plan.looks)} with {many}: more do not fit into {share} of its time")
    return replace(plan, notes=tuple(notes))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
