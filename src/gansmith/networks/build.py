"""Build networks from their descriptions, and check that they fit the data and each other."""

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
    """Build the networks. Their initial weights depend only on the seed and on each network's position in `descriptions`."""
    networks = {}
    with rng.fork():
        for i, (name, description) in enumerate(descriptions.items()):
            rng.seed_torch(rng.torch_seed(seed, Stream.WEIGHTS, Place(player=i)))
            networks[name] = build_network(description, name, shapes)
    return networks


def check_shapes(networks: Mapping[str, nn.Module], shapes: Shapes, rows: int = 2) -> None:
    """Pass `rows` samples and their condition through generator and discriminator, on the meta device, which computes nothing.

    Raises RecipeError that names the network where shapes do not fit, where a network does not use its condition, or where it
    can't train on so few samples.
    """
    sample = tuple(shapes.sample)
    made = _shape_of(networks["generator"], "generator", "noise", (shapes.noise,), shapes, rows)
    if made != sample:
        raise RecipeError(
            f"network 'generator' makes samples of shape {made}, but the data's are {sample}: use networks that fit"
        )
    if "discriminator" in networks:
        logits = _shape_of(networks["discriminator"], "discriminator", "samples", sample, shapes, rows)
        if len(logits) != 1:
            raise RecipeError(f"network 'discriminator' returns shape {logits} for a sample; expected one axis of logits")


def _shape_of(network: nn.Module, name: str, inputs: str, shape: tuple[int, ...], shapes: Shapes, rows: int) -> tuple[int, ...]:
    """The shape that a network makes of one input, without its first axis."""
    condition_shape = shapes.condition_for(name)
    try:
        with torch.no_grad():
            condition = torch.empty(rows, *condition_shape, device="meta") if condition_shape else None
            output = copy.deepcopy(network).to("meta")(torch.empty(rows, *shape, device="meta"), condition)
            return tuple(logits_of(output).shape[1:])
    except RecipeError as error:
        raise RecipeError(f"network {name!r}: {error}") from None
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if rows == 1:
            raise RecipeError(f"network {name!r} can't train on a batch of 1 ({reason}): choose a larger batch_size") from None
        raise RecipeError(f"network {name!r} does not take {inputs} of shape {shape}: {reason}") from None
