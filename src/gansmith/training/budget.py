"""The budget of a run in images, and how often it is scored and watched: what is decided once, before the first step."""

from __future__ import annotations

from typing import NamedTuple

from gansmith.core import distributed
from gansmith.core.errors import RecipeError, TrainingError
from gansmith.recipes.base import Recipe
from gansmith.recipes.lengths import images_in, seconds_in
from gansmith.training.monitor import RELIED_ON, Monitor, num_looks_without_clock, plan_looks
from gansmith.training.speed import measure_speed
from gansmith.training.trainer import Trainer
from gansmith.training.validation import Validation


def images_for(recipe: Recipe, trainer: Trainer) -> int:
    """The budget in images. Minutes become images once, by a timed warm-up on a copy of the game."""
    seconds = seconds_in(recipe.budget)
    if seconds is None:
        return images_in(recipe.budget, trainer.epoch_images)
    speed, spent = measure_speed(recipe, trainer.device, trainer.samples, min(4.0, 0.05 * seconds), type(trainer.backend))
    return max(
        recipe.batch_size, round(speed * 0.97 * max(seconds - spent, 0.5 * seconds))
    )  # the rest is for pictures and saving


class Plan(NamedTuple):
    """What is decided once, before the first step."""

    images: int  # the budget
    scorings: int
    looks: int  # of the doctor


def plan_run(recipe: Recipe, trainer: Trainer, scorer: Validation | None, monitor: Monitor | None) -> Plan:
    """The budget in images, how often to score on the way and how often to look, by timing where time is what they are given in.

    Raises RecipeError where the run is to stop by scores and is too short to be scored.
    """
    images, seconds = images_for(recipe, trainer), seconds_in(recipe.budget)
    times = scorer.setting.times if scorer else 0
    looks = num_looks_without_clock(monitor, images)
    if seconds is None and times is not None and looks is not None:  # nothing depends on how long it takes
        return Plan(images, times, looks)
    try:
        clocked = 0.3 if scorer and times is None else 0.1  # for the looks alone less will do
        length = seconds or images / measure_speed(recipe, trainer.device, trainer.samples, clocked, type(trainer.backend))[0]
    except TrainingError:  # the run itself comes to the same step, and tells what is kept
        relied_on = RELIED_ON if recipe.watch and recipe.watch.on_trouble != "warn" else 0
        return Plan(images, times or 0, relied_on if looks is None else looks)
    spent = 0.0
    if scorer and (seconds or times is None):
        times, cost = scorer.plan(length, trainer.sampler)
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
