"""How networks are told what a sample is: the generator by its input, the discriminator in one of three ways, or not at all.

conv-discriminator(...) and others     in the last layer, by projection
joined-discriminator(network=...)      beside the sample, as further channels
auxiliary-discriminator(network=...)   not told: it says itself what it takes the sample for
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Protocol, runtime_checkable

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from gansmith.core.component import component, kebab
from gansmith.core.errors import RecipeError
from gansmith.networks.base import DiscriminatorOutput, Network, Shapes
from gansmith.networks.mlp import Stack


@runtime_checkable
class TakesCondition(Network, Protocol):
    """A description whose `build` sees to it itself that the network is told of the condition."""

    @property
    def takes_condition(self) -> bool: ...


def built(description: Network, name: str, shapes: Shapes) -> nn.Module:
    """The network called `name`, told kinds where `shapes` has any. Raises RecipeError for a discriminator that can't be told."""
    if not shapes.condition_dim or isinstance(description, TakesCondition):
        return description.build(shapes)
    if name == "generator":
        return Joined(description.build(dataclasses.replace(untold(shapes), noise=shapes.noise + shapes.condition_dim)))
    network = description.build(untold(shapes))
    if not shapes.observed:
        return network
    message = (
        f"network {name!r} gets the condition in its last layer, which must be linear with one logit; "
        f"{kebab(type(description).__name__)} ends otherwise: choose condition=none, joined-discriminator(network=...), "
        "or another network"
    )
    body, last = ends(network, RecipeError(message))
    return Projection(body, last, shapes.categories)


def untold(shapes: Shapes) -> Shapes:
    """The shapes of a network that is told nothing."""
    return dataclasses.replace(shapes, categories=0, continuous=0)


def ends(network: nn.Module, otherwise: RecipeError) -> tuple[Stack, nn.Linear]:
    """All layers but the last, and the last, which makes one logit; raises `otherwise` where it does not."""
    if isinstance(network, Stack) and isinstance(last := network[-1], nn.Linear) and last.out_features == 1:
        return Stack(*list(network)[:-1]), last
    raise otherwise


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

    def __init__(self, body: Stack, last: nn.Linear, categories: int) -> None:
        super().__init__()
        self.body, self.last = body, last
        self.of_kind = nn.Linear(last.in_features, categories, bias=False)
        nn.init.zeros_(self.of_kind.weight)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        h = self.body(x)
        more = (self.of_kind(h) * condition.to(h.dtype)).sum(1, keepdim=True)
        judged: Tensor = self.last(h) + more
        return judged


@component
class ClassNormedGenerator:
    """A generator that is told by its batch norms: each but the last has a scale and a shift for each kind.

    So have those of Miyato and Koyama 2018, section 4 (Dumoulin et al. 2017, eq. 5). `network` is a generator with batch norm.
    """

    network: Network
    takes_condition: ClassVar[bool] = True

    def build(self, shapes: Shapes) -> nn.Module:
        network = self.network.build(untold(shapes))
        return ToldByNorms(network, shapes.condition_dim) if shapes.condition_dim else network


class ToldByNorms(nn.Module):
    """[N, Z], [N, K] -> [N, ...]."""

    def __init__(self, network: nn.Module, categories: int) -> None:
        super().__init__()
        places = [(m, name) for m in network.modules() for name, c in m.named_children() if isinstance(c, nn.BatchNorm2d)]
        if len(places) < 2:
            raise RecipeError("network 'generator' is told kinds in its batch norms, and has none: choose another network")
        for parent, name in places[:-1]:
            setattr(parent, name, ClassNorm(getattr(parent, name), categories))
        self.network = network

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        for layer in self.network.modules():
            if isinstance(layer, ClassNorm):
                layer.condition = condition
        made: Tensor = self.network(z, None)
        return made


class ClassNorm(nn.Module):
    """Batch norm, then the scale and the shift of each sample's kind: [N, C, h, w] -> [N, C, h, w]."""

    condition: Tensor  # [N, K], of the samples of the pass that is under way

    def __init__(self, norm: nn.BatchNorm2d, categories: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(norm.num_features, norm.eps, norm.momentum, affine=False)
        self.scale = nn.Parameter(torch.ones(categories, norm.num_features))
        self.shift = nn.Parameter(torch.zeros(categories, norm.num_features))

    def forward(self, x: Tensor) -> Tensor:
        condition = self.condition.to(x.dtype)
        scale, shift = ((condition @ of_kinds.to(x.dtype))[:, :, None, None] for of_kinds in (self.scale, self.shift))
        made: Tensor = self.norm(x) * scale + shift
        return made


@component
class JoinedDiscriminator:
    """Any discriminator, told by its input: the condition is joined to the sample (Mirza and Osindero 2014, section 3.2).

    To an image it is joined as one channel a number, the same all over; to a point as further coordinates. `network` is built for
    samples with so many more of them.
    """

    network: Network
    takes_condition: ClassVar[bool] = True

    def build(self, shapes: Shapes) -> nn.Module:
        if not shapes.condition_dim or not shapes.observed:
            return self.network.build(untold(shapes))
        sample = (shapes.sample[0] + shapes.condition_dim, *shapes.sample[1:])
        return JoinedToSample(self.network.build(dataclasses.replace(untold(shapes), sample=sample)))


class JoinedToSample(nn.Module):
    """[N, C, ...], [N, K] -> what `network` makes of [N, C + K, ...]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.pack = int(getattr(network, "pack", 1))  # see `objectives.logits.pack_of`

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        condition = condition.to(x.dtype).view(*condition.shape, *[1] * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])
        judged: Tensor = self.network(torch.cat([x, condition], 1), None)
        return judged


@component
class AuxiliaryDiscriminator:
    """A discriminator that is told nothing and says, by a head beside its logit, what a sample was told to be.

    So do Odena et al. 2017, section 3. Logits of the kinds and the expected sliders, linear in what the logit is made of;
    `hidden` puts a layer of so many units with batch norm and leaky ReLU .1 before them, as InfoGAN's Q has it (Chen et al.
    2016, appendix C.1). `objective.auxiliary` makes the players pay for what the head gets wrong.
    """

    network: Network
    hidden: PositiveInt | None = None
    takes_condition: ClassVar[bool] = True

    def build(self, shapes: Shapes) -> nn.Module:
        network = self.network.build(untold(shapes))
        if not shapes.condition_dim:
            return network
        message = (
            f"a head beside its last layer, a linear one with one logit, and {kebab(type(self.network).__name__)} ends otherwise"
        )
        error = RecipeError(f"network 'discriminator' has {message}: choose another network")
        return WithHead(*ends(network, error), shapes, self.hidden)


class WithHead(nn.Module):
    """[N, ...] -> Verdict([N, 1], [N, K], [N, S])."""

    def __init__(self, body: Stack, last: nn.Linear, shapes: Shapes, hidden: int | None) -> None:
        super().__init__()
        self.body, self.last, self.parts = body, last, (shapes.categories, shapes.continuous)
        first, width = [], last.in_features
        if hidden:
            first, width = [nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.LeakyReLU(0.1)], hidden
        self.head = nn.Sequential(*first, nn.Linear(width, shapes.condition_dim))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        h = self.body(x)
        categories, continuous = self.head(h).split(self.parts, 1)
        return DiscriminatorOutput(self.last(h), categories, continuous)
