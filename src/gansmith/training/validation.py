"""Score a run while it trains. The scores choose the best checkpoint and may end the run; they are never reported.

Generated samples of seed 2**32 are compared with the validation samples: those that a source keeps apart, else a slice of the
training samples. No reported score uses either.
Training is not affected: a run is bitwise identical with and without scores.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from gansmith.core import distributed, rng
from gansmith.core.errors import DiskError, GansmithError, RecipeError, RunError
from gansmith.core.formatting import noun_of
from gansmith.data import Samples, modality
from gansmith.data.splits import validation_rows
from gansmith.evaluation import reference
from gansmith.evaluation.extractors import Extractor, find_extractor
from gansmith.evaluation.metrics import scores as metrics
from gansmith.evaluation.metrics.moments import Moments, MomentSum
from gansmith.evaluation.results import name_of
from gansmith.evaluation.scoring import CHUNK
from gansmith.recipes.base import Recipe, Scores
from gansmith.runs.log import SCORE_SAMPLES
from gansmith.sampling.conditions import ImageCondition
from gansmith.sampling.sampler import Sampler

SEED = 2**32
LEAST = 64  # samples in the slice
MOST_TIMES = 25
WANTED_TIMES = 5  # scores with fewer samples rather than fewer scores than these
FEWEST = 100  # samples, where time is short
LEAST_SECONDS = 1.0  # allowed for all scores together; for less, importing their libraries is not worth it


class Measurements(NamedTuple):
    """Scores or looks planned for a run."""

    times: int  # how many
    total_seconds: float  # what they take in all, planning included
    samples: int  # of each


@dataclass(frozen=True, eq=False)
class Validation:
    """Scores a generator by the Frechet distance of its samples from the validation samples."""

    recipe: Recipe
    setting: Scores
    held_out: np.ndarray  # the validation samples, [N, ...] as a source has them
    extractor: Extractor
    num_samples: int | None = None  # in a score; None: as many as the setting says

    @property
    def name(self) -> str:
        """The score's name with extractor and sample counts: `fd[lenet-mnist:ab12cd34]@10k/2k`."""
        return name_of("fd", self.extractor.tag, len(self.held_out), self.count)

    @property
    def count(self) -> int:
        """Generated samples in a score."""
        return self.num_samples or self.most

    @property
    def most(self) -> int:
        """Generated samples in a score where there is time for all: of a translator, one for each source image."""
        is_translator = isinstance(self.recipe.condition, ImageCondition)
        return min(self.setting.count, len(self.held_out)) if is_translator else self.setting.count

    @property
    def fewer(self) -> dict[str, int]:
        """The entry of the log that says how many samples a score has; empty where there are as many as the setting says."""
        return {} if self.count == self.most else {SCORE_SAMPLES: self.count}

    @cached_property
    def real(self) -> Moments:
        """The moments of the validation samples' features."""
        try:
            return reference.moments_of(self.held_out, self.extractor, "slice")
        except (DiskError, RunError):  # training does not need the cache
            return reference.extracted_moments(self.held_out, self.extractor)

    @distributed.alone()
    def score(self, sampler: Sampler, count: int | None = None) -> float:
        """The Frechet distance of `count` generated samples from the validation samples, or of as many as the run's scores have.

        Infinity for features that are not finite.
        """
        device = next((p.device for p in sampler.generator.parameters()), None)
        with rng.fork(device):
            fake = MomentSum()
            for values in self._generated(sampler, count or self.count):
                for chunk in reference.features_of(values, self.extractor):
                    fake.add(chunk.features)
            found = metrics.frechet_distance(self.real, fake.moments)
            return found if math.isfinite(found) else math.inf

    def plan_scores(self, run_seconds: float, sampler: Sampler) -> Measurements:
        """Plan the scores of a run of `run_seconds` by timing some: their number, and fewer samples where time is short.

        None where not even one of `FEWEST` samples fits. A run that ends at a score has all samples in each, because a distance
        from fewer samples is larger.
        """
        setting, most = self.setting, self.most
        allowed = setting.time_fraction * run_seconds
        if setting.times is None and allowed < LEAST_SECONDS:
            return Measurements(0, 0.0, most)
        begun, few = time.perf_counter(), most if setting.times or setting.until else min(FEWEST, most)

        def left() -> float:
            return allowed - (time.perf_counter() - begun)

        def timed(count: int) -> float:
            start = time.perf_counter()
            self.score(sampler, count)
            return time.perf_counter() - start

        setups = (lambda: self.real, lambda: timed(few))  # features of the slice; imports
        for prepare in setups:
            prepare()
            if setting.times is None and left() < 0:  # a busy machine: give up here
                return Measurements(0, allowed - left(), most)
        each, samples = timed(few), few
        if few < most:
            if left() > WANTED_TIMES * each * most / few:  # all samples may fit
                each_of_all = timed(most)
                each_more = max(0.0, each_of_all - each) / (most - few)
            else:
                each_more = each / few  # at most
            spare = max(0.0, left() / WANTED_TIMES - each)
            samples = min(most, few + int(spare / max(each_more, 1e-9)))
            each += (samples - few) * each_more
        times = setting.times or min(MOST_TIMES, int(max(0.0, left()) / each))
        return Measurements(times, allowed - left() + times * each, samples)

    def _generated(self, sampler: Sampler, total: int) -> Iterator[np.ndarray]:
        for first in range(0, total, CHUNK):
            count = min(CHUNK, total - first)
            yield modality.to_source(sampler.sample(SEED, count, first))


def validation_for(recipe: Recipe, samples: Samples, kept: Samples | None = None) -> Validation | str | None:
    """The validation of a run, or why its scores can't be computed; None where its recipe has no scores.

    `samples` is the training split, and `kept` what its source keeps for validation, if it does.

    Raises RecipeError where the recipe insists, by an extractor's name or by stopping at a score, and they can't be computed.
    """
    setting = recipe.scores
    if setting is None or ("generator" in recipe.frozen and not setting.is_required):  # then all scores would be equal
        return None
    try:
        held_out = samples.values[validation_rows(len(samples))] if kept is None else kept.values
        _check_count(len(held_out), noun_of(samples.shape), is_slice=kept is None)
        if "generator" in recipe.frozen:
            raise RecipeError("the generator is frozen, so all scores would be equal: set scores=none")
        extractor = find_extractor(setting.extractor, recipe.data, samples.shape, modality.modality_for(samples))
        return Validation(recipe, setting, held_out, extractor)
    except GansmithError as error:
        if setting.is_required:
            raise RecipeError(f"scores: {error}") from None
        return str(error)


def _check_count(count: int, what: str, *, is_slice: bool) -> None:
    """Raise RecipeError if the validation samples are too few for scores. A slice is a sixth of the training samples."""
    if count < LEAST:
        part, wanted = ("slice, a sixth of the training set,", 6 * LEAST) if is_slice else ("split", LEAST)
        todo = f"train on {wanted:,} {what} or more" if is_slice else f"keep {wanted:,} {what} or more for it"
        raise RecipeError(
            f"the validation {part} has {count:,} {what}; expected at least {LEAST}: {todo}, or turn scores off with scores=none"
        )
