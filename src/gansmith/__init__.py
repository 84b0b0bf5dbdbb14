"""gansmith: train, resume, sample and look at generative adversarial networks.

import gansmith
from gansmith.recipes.tutorials import tutorial_small

run = gansmith.train(tutorial_small(), "runs/small")
run.sample(seed=0, count=16)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gansmith.evaluation import evaluate
    from gansmith.recipe import Recipe
    from gansmith.run import Run, load, sample
    from gansmith.trainer import Record
    from gansmith.training import steps, train

__version__ = "0.1.0"
__all__ = ["Recipe", "Record", "Run", "evaluate", "load", "sample", "steps", "train"]

_HOMES = {
    "Recipe": "recipe",
    "Record": "trainer",
    "Run": "run",
    "evaluate": "evaluation",
    "load": "run",
    "sample": "run",
    "steps": "training",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    # PyTorch takes two seconds to import: wait until somebody needs it.
    if name not in _HOMES:
        raise AttributeError(f"module 'gansmith' has no attribute {name!r}")
    return getattr(importlib.import_module(f"gansmith.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
