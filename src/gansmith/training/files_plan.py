"""Plan how often a run writes its log, pictures and checkpoints, by what one of each takes: at most 3 % of the run's time.

The last checkpoint and the last picture always come, and an interval that the recipe states is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import safetensors.torch

from gansmith.drawing import grids
from gansmith.recipes.base import Recipe
from gansmith.runs.run import Run
from gansmith.training.trainer import Trainer

PICTURE_SEED = 0
SHARE = 0.03  # of the run's time
WORTHWHILE = 0.03  # seconds for all files together; for less, nothing is timed, and there is one of each
RECORD_SECONDS = 1e-3  # of a log record with its values for TensorBoard; measured: 0.6 ms on one core


class FilePlan(NamedTuple):
    """How often a run writes, where its recipe states no interval. The defaults are the most, and what older runs have."""

    records: int = 400  # of the log
    pictures: int = 25  # with those of the start and the end
    checkpoints: int = 20  # with the last

    @classmethod
    def read(cls, metadata: Mapping[str, Any]) -> FilePlan:
        """From run.json."""
        return cls(**{name: metadata[name] for name in cls._fields if name in metadata})


def is_to_plan(recipe: Recipe) -> bool:
    """Whether the recipe leaves any of the intervals open."""
    return recipe.log_every is None or recipe.pictures.every == "growing" or recipe.checkpoint_every is None


def plan_files(run: Run, trainer: Trainer, run_seconds: float) -> FilePlan:
    """Plan what a run of `run_seconds` writes, by timing a picture and a checkpoint where there may be time for more than one.

    The log is served first, with a third. What it leaves goes to pictures and checkpoints, the cheaper of them first.
    """
    recipe, most = trainer.recipe, FilePlan()
    is_short = SHARE * run_seconds < WORTHWHILE
    costs: dict[str, float] = {}
    if recipe.log_every is None:
        costs["records"] = RECORD_SECONDS
    if recipe.pictures.every == "growing":
        costs["pictures"] = WORTHWHILE if is_short else timed(lambda: draw(trainer), warm_up=True)
    if recipe.checkpoint_every is None:
        costs["checkpoints"] = WORTHWHILE if is_short else timed(lambda: write_nowhere(run, trainer))
    always, chosen = FilePlan(records=1, pictures=2, checkpoints=1)._asdict(), most._asdict()
    left = SHARE * run_seconds
    for i, kind in enumerate(sorted(costs, key=lambda kind: (kind != "records", costs[kind] * chosen[kind]))):
        if kind != "records":
            left -= always[kind] * costs[kind]
        part = max(0.0, left) / (len(costs) - i)
        chosen[kind] = min(chosen[kind], always[kind] + int(part / max(costs[kind], 1e-9)))
        left -= (chosen[kind] - always[kind]) * costs[kind]
    return FilePlan(**chosen)


def timed(work: Callable[[], None], *, warm_up: bool = False) -> float:
    """The seconds that some work takes, the second time where the first one imports libraries. 0 where it fails.

    Training will meet the failure again, and say what is wrong.
    """
    with contextlib.suppress(Exception):
        if warm_up:
            work()
        begun = time.perf_counter()
        work()
        return time.perf_counter() - begun
    return 0.0


def draw(trainer: Trainer) -> None:
    """Make a picture of samples as PNG, twice, as TensorBoard gets one of its own."""
    picture = trainer.modality.picture(trainer.sampler.layout_samples(PICTURE_SEED), trainer.recipe.pictures.columns)
    grids.png(picture)
    grids.png(picture)


def write_nowhere(run: Run, trainer: Trainer) -> None:
    """Write a checkpoint with the generator's weights to a file without a name, on the disk of the run folder."""
    with tempfile.TemporaryFile(dir=run.path) as file:
        for tensors in (trainer.sampled.state_dict(), trainer.state().tensors):
            content = safetensors.torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
            file.write(hashlib.sha256(content).digest() + content)
            file.flush()
            os.fsync(file.fileno())
