"""How networks are told what kind a sample is: the generator by its input, the discriminator by its last layer."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor, nn

from gansmith.errors import RecipeError
from gansmith.game import Network, Shapes
from gansmith.networks.mlp import Stack
from gansmith.spec import kebab


def built(description: Network, name: str, shapes: Shapes) -> nn.Module:
    """The network called `name`, told kinds where `shapes` has any. Raises RecipeError for a discriminator that can't be told."""
    if not shapes.kinds:
        return description.build(shapes)
    if name == "generator":
        return Joined(description.build(dataclasses.replace(shapes, noise=shapes.noise + shapes.kinds)))
    network = description.build(shapes)
    if isinstance(network, Stack) and isinstance(last := network[-1], nn.Linear) and last.out_features == 1:
        return Projection(network, last, shapes.kinds)
    told = f"is told kinds in its last layer, a linear one with one logit, and {kebab(type(description).__name__)} ends otherwise"
    raise RecipeError(f"network {name!r} {told}: choose condition=none, or another network")


class Joined(nn.Module):
    """What it is told is joined to z (Mirza and Osindero 2014, section 3.2): [N, Z], [N, K] -> [N, ...]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        made: Tensor = self.network(torch.cat([z, condition.to(z.dtype)], 1))
        return made


class Projection(nn.Module):
    """logit = w h + b + c V h, where h is what D's last layer sees and c the kind (Miyato and Koyama 2018, eq. 3).

    [N, ...], [N, K] -> [N, 1]. V [K, features] starts at 0: at first D judges all kinds alike. Spectral norm leaves it alone.
    """

    def __init__(self, network: Stack, last: nn.Linear, kinds: int) -> None:
        super().__init__()
        self.body, self.last = Stack(*list(network)[:-1]), last
        self.of_kind = nn.Linear(last.in_features, kinds, bias=False)
        nn.init.zeros_(self.of_kind.weight)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = self.body(x)
        more = (self.of_kind(h) * condition.to(h.dtype)).sum(1, keepdim=True)
        judged: Tensor = self.last(h) + more
        return judged
