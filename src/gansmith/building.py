"""Networks of a recipe: at their random start, and whether they fit the data and each other."""

from __future__ import annotations

import copy

import torch
from torch import nn

from gansmith import rng
from gansmith.augmentation import Augmentation
from gansmith.errors import RecipeError
from gansmith.game import Shapes, logits_of
from gansmith.networks.conditional import built
from gansmith.recipe import Recipe
from gansmith.rng import Place, Stream
from gansmith.spec import parts


def build(recipe: Recipe, shapes: Shapes) -> dict[str, nn.Module]:
    """The networks at their random start, which depends on the seed and each network's place in the recipe alone."""
    networks = {}
    with rng.fork():
        for i, (name, description) in enumerate(recipe.networks.items()):
            rng.seed_torch(rng.torch_seed(recipe.seed, Stream.WEIGHTS, Place(player=i)))
            networks[name] = built(description, name, shapes)
    return networks


def check_shapes(recipe: Recipe, networks: dict[str, nn.Module], shapes: Shapes) -> None:
    """Pass two samples through generator and discriminator, as empty shapes that cost nothing.

    Raises RecipeError naming the network and both shapes, or an augmentation that is not for such samples.
    """
    sample = tuple(shapes.sample)
    for part in parts(recipe.objective):
        if isinstance(part, Augmentation):
            part.check_sample(sample)
    made = _shape_of(networks["generator"], "generator", "noise", (shapes.noise,), shapes.told)
    if made != sample:
        raise RecipeError(
            f"network 'generator' makes samples of shape {made}, but the data's are {sample}: use networks that fit"
        )
    if "discriminator" in networks:
        judged = _shape_of(networks["discriminator"], "discriminator", "samples", sample, shapes.told)
        if len(judged) != 1:
            raise RecipeError(f"network 'discriminator' answers with shape {judged} for a sample; expected one axis of logits")


def _shape_of(network: nn.Module, name: str, of: str, shape: tuple[int, ...], told: int) -> tuple[int, ...]:
    try:
        with torch.no_grad():
            condition = torch.empty(2, told, device="meta") if told else None
            answer = copy.deepcopy(network).to("meta")(torch.empty(2, *shape, device="meta"), condition)
            return tuple(logits_of(answer).shape[1:])
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise RecipeError(f"network {name!r} does not take {of} of shape {shape}: {reason}") from None
