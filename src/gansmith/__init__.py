"""gansmith: train, resume, sample and look at generative adversarial networks.

import gansmith
from gansmith.recipes.tutorials import tutorial_small

run = gansmith.train(tutorial_small(), "runs/small")
run.sample(seed=0, count=16)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gansmith.core.before_import import wait_passively
from gansmith.core.version import __version__ as __version__

if TYPE_CHECKING:
    from gansmith.core.component import component
    from gansmith.core.errors import DataError, DiskError, GansmithError, RecipeError, RunError, SettingError, TrainingError
    from gansmith.data.source import Samples, Source
    from gansmith.evaluation.evaluate import evaluate
    from gansmith.networks.base import DiscriminatorOutput, Network, Shapes
    from gansmith.objectives.base import Batch, Objective, Outcome, Player, Turn
    from gansmith.objectives.losses import Loss
    from gansmith.objectives.penalties import Penalty, PenaltyInput
    from gansmith.recipes.base import Recipe
    from gansmith.runs.run import Run, load, sample
    from gansmith.sampling.noise import Noise
    from gansmith.training.loop import steps, train
    from gansmith.training.record import Record

__all__ = [
    "Batch",
    "DataError",
    "DiscriminatorOutput",
    "DiskError",
    "GansmithError",
    "Loss",
    "Network",
    "Noise",
    "Objective",
    "Outcome",
    "Penalty",
    "PenaltyInput",
    "Player",
    "Recipe",
    "RecipeError",
    "Record",
    "Run",
    "RunError",
    "Samples",
    "SettingError",
    "Shapes",
    "Source",
    "TrainingError",
    "Turn",
    "component",
    "evaluate",
    "load",
    "sample",
    "steps",
    "train",
]

# Where each name lives. What is here is promised to stay; modules below the rooms may move.
_HOMES = {
    "Recipe": "recipes.base",
    "Record": "training.record",
    "Run": "runs.run",
    "evaluate": "evaluation.evaluate",
    "load": "runs.run",
    "sample": "runs.run",
    "steps": "training.loop",
    "train": "training.loop",
    "GansmithError": "core.errors",
    "RecipeError": "core.errors",
    "DataError": "core.errors",
    "RunError": "core.errors",
    "SettingError": "core.errors",
    "TrainingError": "core.errors",
    "DiskError": "core.errors",
    "component": "core.component",
    "Batch": "objectives.base",
    "Turn": "objectives.base",
    "Outcome": "objectives.base",
    "Player": "objectives.base",
    "Objective": "objectives.base",
    "Loss": "objectives.losses",
    "Penalty": "objectives.penalties",
    "PenaltyInput": "objectives.penalties",
    "Network": "networks.base",
    "Shapes": "networks.base",
    "DiscriminatorOutput": "networks.base",
    "Noise": "sampling.noise",
    "Samples": "data.source",
    "Source": "data.source",
}


def __getattr__(name: str) -> Any:
    # PyTorch takes two seconds to import: wait until somebody needs it.
    if name not in _HOMES:
        raise AttributeError(f"module 'gansmith' has no attribute {name!r}")
    wait_passively()
    return getattr(importlib.import_module(f"gansmith.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
