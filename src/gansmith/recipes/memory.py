"""Refuse a recipe that does not fit into the memory of this machine, before anything is allocated."""

from __future__ import annotations

import math

import torch

from gansmith.core.errors import RecipeError
from gansmith.data import memory
from gansmith.networks.base import Shapes
from gansmith.networks.build import build
from gansmith.recipes.base import Recipe

_FLOAT = 4  # bytes


def batch_sizes(recipe: Recipe) -> list[int]:
    """The numbers of samples that networks get in training: the batch size, and those of generated samples where they are set."""
    fakes = (getattr(recipe.objective, f"{player}_fakes", None) for player in ("generator", "discriminator"))
    return [recipe.batch_size, *filter(None, fakes)]


def must_fit(recipe: Recipe, shapes: Shapes, on_cpu: bool = True) -> None:
    """Raise RecipeError if a step of training can't fit into memory: a lower bound, of weights, gradients and one batch.

    The networks are built on PyTorch's meta device, which allocates nothing. On an accelerator (`on_cpu` is False) only the
    weights pass through this machine's memory.
    """
    try:
        with torch.device("meta"):
            networks = build(recipe.networks, recipe.seed, shapes)
    except Exception:  # building them in earnest raises it again, except where a user's network can't be built on this device
        return
    weights = sum(w.numel() for network in networks.values() for w in network.parameters())
    values = max(batch_sizes(recipe)) * (math.prod(shapes.sample) + shapes.noise)
    needed, limit = _FLOAT * (2 * (weights + values) if on_cpu else weights), memory.usable_bytes()
    if needed > limit:
        cause, setting = ("its networks", "widths") if weights > values else ("a batch", "batch_size")
        raise RecipeError(
            f"recipe {recipe.name} needs at least {needed / 2**30:,.3g} GiB of memory, most of it for {cause}, but "
            f"{limit / 2**30:.3g} GiB are usable: choose smaller {setting}"
        )
