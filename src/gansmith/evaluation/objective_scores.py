"""Scores that a run's own objective gives to held-out samples, such as a VAE's lower bound of their log-likelihood."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gansmith.core import rng
from gansmith.core.component import to_text
from gansmith.core.errors import DataError
from gansmith.core.rng import Place, Stream
from gansmith.data import Samples
from gansmith.evaluation.results import Score, brief_count
from gansmith.objectives.base import Batch, Measuring, Turn
from gansmith.runs.networks import condition_of, networks_of
from gansmith.runs.run import Run

SEED = 1000  # of the noise; also the first seed of evaluated samples
CHUNK = 500  # samples measured at a time


def scores(run: Run, held_out: Samples | None) -> dict[str, Score]:
    """Let the run's objective measure held-out samples: a score by key for each of its measures, with a 95 % interval.

    Empty where the objective measures nothing, without held-out samples, and where these do not show the run's condition.
    """
    objective = run.recipe.objective
    if not isinstance(objective, Measuring) or held_out is None:
        return {}
    try:
        condition = condition_of(run, held_out)
    except DataError:
        return {}
    networks, modality = networks_of(run), run.modality
    parts: list[dict[str, Tensor]] = []
    with torch.no_grad(), rng.fork():
        for start in range(0, len(held_out), CHUNK):
            real = modality.to_model(torch.from_numpy(held_out.values[start : start + CHUNK]))
            given = None if condition is None else condition[start : start + CHUNK]
            rng.seed_torch(rng.torch_seed(SEED, Stream.TURN, Place(images=start)))
            turn = Turn(images=start, epoch_images=len(held_out), progress=1.0, draw=_drawer(run, start))
            parts.append(objective.measure(networks, Batch(real, len(real), given), turn))
    found = {}
    for key, (title, better, about) in objective.measures.items():
        values = torch.cat([part[key] for part in parts]).double()
        mean, half = float(values.mean()), 1.96 * float(values.std()) / math.sqrt(len(values))
        name = f"{key}[{to_text(objective, full=True)}]@{brief_count(len(values))}"
        found[key] = Score(name, title, mean, mean - half, mean + half, (mean,), None, better, about)
    return found


def _drawer(run: Run, start: int) -> Callable[[int, int | None], Tensor]:
    """A function (count, place) -> noise [count, Z] for the samples from number `start` on."""

    def draw(count: int, _: int | None) -> Tensor:
        return torch.from_numpy(run.recipe.noise.rows(SEED, Stream.SAMPLE, Place(), start, count))

    return draw
