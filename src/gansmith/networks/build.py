"""Networks from their descriptions: at their random start, and whether they fit the data and each other."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import nn

from gansmith.core import rng
from gansmith.core.errors import RecipeError
from gansmith.core.rng import Place, Stream
from gansmith.networks.base import Network, Shapes, logits_of
from gansmith.networks.conditional import build_network


def build(descriptions: Mapping[str, Network], seed: int, shapes: Shapes) -> dict[str, nn.Module]:
    """The networks at their random start, which depends on the seed and each network's place among `descriptions` alone."""
    networks = {}
    with rng.fork():
        for i, (name, description) in enumerate(descriptions.items()):
            rng.seed_torch(rng.torch_seed(seed, Stream.WEIGHTS, Place(player=i)))
            networks[name] = build_network(description, name, shapes)
    return networks


def check_shapes(networks: Mapping[str, nn.Module], shapes: Shapes) -> None:
    """Pass two samples through generator and discriminator, as empty shapes that cost nothing.

    Raises RecipeError naming the network and both shapes.
    """
    sample = tuple(shapes.sample)
    made = _shape_of(networks["generator"], "generator", "noise", (shapes.noise,), shapes.condition_dim)
    if made != sample:
        raise RecipeError(
            f"network 'generator' makes samples of shape {made}, but the data's are {sample}: use networks that fit"
        )
    if "discriminator" in networks:
        judged = _shape_of(networks["discriminator"], "discriminator", "samples", sample, shapes.condition_dim)
        if len(judged) != 1:
            raise RecipeError(f"network 'discriminator' answers with shape {judged} for a sample; expected one axis of logits")


def _shape_of(network: nn.Module, name: str, of: str, shape: tuple[int, ...], condition_dim: int) -> tuple[int, ...]:
    try:
        with torch.no_grad():
            condition = torch.empty(2, condition_dim, device="meta") if condition_dim else None
            answer = copy.deepcopy(network).to("meta")(torch.empty(2, *shape, device="meta"), condition)
            return tuple(logits_of(answer).shape[1:])
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise RecipeError(f"network {name!r} does not take {of} of shape {shape}: {reason}") from None
