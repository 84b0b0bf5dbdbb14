"""Plan a run before its first step: its budget in images, and how often it is scored and watched."""

from __future__ import annotations

from typing import NamedTuple

from gansmith.core import distributed
from gansmith.core.errors import RecipeError, TrainingError
from gansmith.recipes.base import Recipe
from gansmith.recipes.lengths import images_in, seconds_in
from gansmith.training.look_plan import RELIED_ON, num_looks_by_length, plan_looks
from gansmith.training.monitor import Monitor
from gansmith.training.speed import measure_speed
from gansmith.training.trainer import Trainer
from gansmith.training.validation import Validation


def images_for(recipe: Recipe, trainer: Trainer) -> int:
    """The budget in images. A budget in time becomes images by timing a copy of the trainer."""
    seconds = seconds_in(recipe.budget)
    if seconds is None:
        return images_in(recipe.budget, trainer.epoch_images)
    speed, spent = measure_speed(recipe, trainer.device, trainer.samples, min(4.0, 0.05 * seconds), type(trainer.backend))
    share = 0.97  # of the time; the rest is for pictures and checkpoints
    return max(recipe.batch_size, round(speed * share * max(seconds - spent, 0.5 * seconds)))


class Plan(NamedTuple):
    """Budget, scores and looks of a run, chosen once."""

    images: int  # the budget
    scorings: int  # on the validation slice
    looks: int  # at the vital signs


def plan_run(recipe: Recipe, trainer: Trainer, scorer: Validation | None, monitor: Monitor | None) -> Plan:
    """Choose the budget in images and the numbers of scores and looks, by timing steps, scores and looks where it is needed.

    Raises RecipeError where the run is to stop by its scores and is too short to be scored.
    """
    images, seconds = images_for(recipe, trainer), seconds_in(recipe.budget)
    times = scorer.setting.times if scorer else 0
    looks = num_looks_by_length(monitor, images)
    if seconds is None and times is not None and looks is not None:  # no timing is needed
        return Plan(images, times, looks)
    try:
        clocked = 0.3 if scorer and times is None else 0.1  # looks alone need less precision
        length = seconds or images / measure_speed(recipe, trainer.device, trainer.samples, clocked, type(trainer.backend))[0]
    except TrainingError:  # the run raises it again at this step, and names the checkpoint that is kept
        relied_on = RELIED_ON if recipe.watch and recipe.watch.on_trouble != "warn" else 0
        return Plan(images, times or 0, relied_on if looks is None else looks)
    spent = 0.0
    if scorer and (seconds or times is None):
        times, cost = scorer.plan_scores(length, trainer.sampler)
        spent += cost
        if not distributed.agree(times, trainer.device) and (scorer.setting.until or scorer.setting.patience):
            raise RecipeError(
                f"a run of about {length:.3g} seconds has no time for scores to stop by: "
                "say how often to score it, as in scores.times=10"
            )
    if monitor and (seconds or looks is None):
        looks, cost = plan_looks(monitor, length)
        spent += cost
    if seconds:
        images = max(recipe.batch_size, round(images * (1 - spent / seconds)))
    return Plan(images, times or 0, looks or 0)
