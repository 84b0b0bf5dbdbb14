"""Conditional networks: how generator and discriminator get the condition of a sample.

A condition that is a code [N, K + S] is a one-hot category followed by S continuous codes. A generator gets it joined to the
noise, or, with `class-normed-generator(network=...)`, in its batch norms. A condition that is a source image [N, C', H', W'] is
the input of a translator, such as `unet-generator`, which takes it itself. A discriminator gets a condition in one of these ways:

conv-discriminator(...) and others     a code in the last layer, by projection
joined-discriminator(network=...)      a code or a source image joined to the sample, as further channels
auxiliary-discriminator(network=...)   no code: it predicts the code of the sample instead
unconditional-discriminator(network=...)   not at all
"""

from __future__ import annotations

import dataclasses
import inspect
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from gansmith.core.component import component, kebab
from gansmith.core.errors import RecipeError
from gansmith.core.fields import Width
from gansmith.networks.base import DiscriminatorOutput, Network, Shapes, pack_of
from gansmith.networks.stack import ConditionalBatchNorm, Stack, uses_condition


@runtime_checkable
class TakesCondition(Network, Protocol):
    """A network description whose `build` handles the condition itself; others are wrapped by `build_network`."""

    @property
    def takes_condition(self) -> bool:
        """True."""
        ...


def build_network(description: Network, name: str, shapes: Shapes) -> nn.Module:
    """Build the network called `name`, and make it conditional where `shapes` has a condition.

    A description with the attribute `takes_condition` builds the conditional network itself. Otherwise the generator gets the
    condition joined to its noise. Every other network gets it by projection in its last layer, and only where the condition of
    real samples is observed. Raises RecipeError where that layer is not linear with one output.
    """
    if not shapes.condition or isinstance(description, TakesCondition):
        return description.build(shapes)
    if shapes.source:
        wanted = (
            "expected one that starts from an image, such as unet-generator"
            if name == "generator"
            else "choose joined-discriminator(network=...), which gets it, or unconditional-discriminator(network=...)"
        )
        raise RecipeError(f"network {name!r}: {kebab(type(description).__name__)} takes no source image: {wanted}")
    unconditional = shapes.without_condition()
    if name == "generator":
        return Joined(description.build(dataclasses.replace(unconditional, noise=shapes.noise + shapes.condition_dim)))
    network = description.build(unconditional)
    if not shapes.observed:
        return network
    hints = ["choose condition=none", *(["joined-discriminator(network=...)"] if name == "discriminator" else [])]
    message = (
        f"network {name!r} gets the condition in its last layer, which must be linear with one logit; "
        f"{kebab(type(description).__name__)} has another: {', '.join(hints)}, or a network that takes the condition itself"
    )
    body, last = split_last_layer(network, RecipeError(message))
    return Projection(body, last, shapes.categories)


def split_last_layer(network: nn.Module, error: RecipeError) -> tuple[Stack, nn.Linear]:
    """All layers but the last, and the last one, a linear layer with one logit. Raises `error` for any other last layer."""
    if isinstance(network, Stack) and isinstance(last := network[-1], nn.Linear) and last.out_features == 1:
        return Stack(*list(network)[:-1]), last
    raise error


class Joined(nn.Module):
    """A generator whose noise is joined with the condition: [N, Z], [N, K + S] -> [N, ...].

    As in Mirza and Osindero 2014, section 3.2. `network` takes noise [N, Z + K + S].
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        """Noise [N, Z] and condition [N, K + S] -> samples [N, ...]."""
        samples: Tensor = self.network(torch.cat([z, condition.to(z.dtype)], 1))
        return samples


class Projection(nn.Module):
    """A projection discriminator: logit = w h + b + c V h (Miyato and Koyama 2018, eq. 3): [N, ...], [N, K] -> [N, 1].

    h is the input of the last layer and c the one-hot category. V [K, features] starts at 0, so that the condition changes no
    logit at first. Spectral norm does not apply to V.
    """

    def __init__(self, body: Stack, last: nn.Linear, categories: int) -> None:
        super().__init__()
        self.body, self.last = body, last
        self.of_kind = nn.Linear(last.in_features, categories, bias=False)
        nn.init.zeros_(self.of_kind.weight)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Samples [N, ...] and condition [N, K] -> logits [N, 1]."""
        h = self.body(x)
        projection = (self.of_kind(h) * condition.to(h.dtype)).sum(1, keepdim=True)
        logits: Tensor = self.last(h) + projection
        return logits


@component
class ClassNormedGenerator:
    """A generator with class-conditional batch norm: a scale and a shift for each category.

    As in Miyato and Koyama 2018, section 4 (Dumoulin et al. 2017, eq. 5). One batch norm stays unconditional: the last one, or,
    where blocks hold batch norms, the last one inside a block. `network` is a generator for images with at least two batch norms.
    """

    network: Network
    takes_condition: ClassVar[bool] = True

    def build(self, shapes: Shapes) -> nn.Module:
        """[N, Z], [N, K] -> [N, C, H, W]; without a condition, `network` itself."""
        network = self.network.build(shapes.without_condition())
        return ClassNormed(network, shapes.condition_dim) if shapes.condition_dim else network


class ClassNormed(nn.Module):
    """A generator whose batch norms get the condition: [N, Z], [N, K] -> [N, C, H, W].

    Raises RecipeError where `network` has fewer than two batch norms, or one inside a block whose `forward` takes no condition.
    """

    def __init__(self, network: nn.Module, categories: int) -> None:
        super().__init__()
        places = [(m, name) for m in network.modules() for name, c in m.named_children() if isinstance(c, nn.BatchNorm2d)]
        if len(places) < 2:
            raise RecipeError(
                "network 'generator' gets the condition in its batch norms, and has fewer than two: choose another network"
            )
        for parent, name in places[:-1]:
            setattr(parent, name, ConditionalBatchNorm(getattr(parent, name), categories))
        for block in network.modules():
            if uses_condition(block) and "condition" not in inspect.signature(block.forward).parameters:
                raise RecipeError(
                    f"network 'generator' gets the condition in its batch norms, and {type(block).__name__}, which holds one, "
                    "takes none: give its forward the arguments (x, condition=None) and run its layers with a Stack"
                )
        self.network = network

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        """Noise [N, Z] and condition [N, K] -> samples [N, C, H, W]."""
        samples: Tensor = self.network(z, condition)
        return samples


@component
class JoinedDiscriminator:
    """Any discriminator, with the condition joined to its samples (Mirza and Osindero 2014, section 3.2).

    An image gets K + S further channels, each constant over the image; a point gets K + S further coordinates. A source image,
    which must be as large as the sample, gives its channels (Isola et al. 2017, section 3). `network` is built for these larger
    samples. Raises RecipeError for a source image of another size.
    """

    network: Network
    takes_condition: ClassVar[bool] = True

    def build(self, shapes: Shapes) -> nn.Module:
        """[N, C, ...], [N, K + S] -> logits; `network` itself where real samples have no observed condition."""
        if not shapes.condition or not shapes.observed:
            return self.network.build(shapes.without_condition())
        if shapes.source and shapes.source[1:] != shapes.sample[1:]:
            raise RecipeError(
                f"joined-discriminator joins source and sample, which have {_size(shapes.source)} and {_size(shapes.sample)} "
                "pixels: expected equal sizes, or choose unconditional-discriminator(network=...)"
            )
        sample = (shapes.sample[0] + shapes.condition[0], *shapes.sample[1:])
        return JoinedToSample(self.network.build(dataclasses.replace(shapes.without_condition(), sample=sample)))


def _size(shape: tuple[int, ...]) -> str:
    """Height and width of an image in a message: `64 x 64`."""
    return " x ".join(map(str, shape[1:]))


class JoinedToSample(nn.Module):
    """A discriminator whose samples are joined with the condition: [N, C, ...], [N, K + S] or [N, C', ...] -> logits [N, M].

    `network` takes samples [N, C + K + S, ...] or [N, C + C', ...].
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.pack = pack_of(network)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Samples [N, C, ...] and condition [N, K + S] or [N, C', ...] -> logits [N, M], or [N // pack, M]."""
        condition = condition.to(x.dtype)
        if condition.ndim < x.ndim:
            condition = condition.view(*condition.shape, *[1] * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])
        logits: Tensor = self.network(torch.cat([x, condition], 1), None)
        return logits


@component
class UnconditionalDiscriminator:
    """A discriminator that does not get the condition: it scores samples alone, as in SRGAN (Ledig et al. 2017)."""

    network: Network
    takes_condition: ClassVar[bool] = True

    def build(self, shapes: Shapes) -> nn.Module:
        """[N, ...], any condition -> logits [N, M]."""
        network = self.network.build(shapes.without_condition())
        return WithoutCondition(network) if shapes.condition and shapes.observed else network


class WithoutCondition(nn.Module):
    """A discriminator that ignores its condition on purpose: [N, ...] -> logits [N, M]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.pack = pack_of(network)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor | DiscriminatorOutput:
        """Samples [N, ...] -> logits [N, M], or [N // pack, M]."""
        output: Tensor | DiscriminatorOutput = self.network(x, None)
        return output


@component
class AuxiliaryDiscriminator:
    """A discriminator that gets no condition and predicts it, by a head beside its logit (Odena et al. 2017, section 3).

    The head is linear in the input of the last layer, and gives logits of the categories and the expected continuous codes.
    `hidden` puts a layer of so many units with batch norm and leaky ReLU .1 before it, as in InfoGAN's Q (Chen et al. 2016,
    appendix C.1). `objective.auxiliary` adds the loss of the head.
    """

    network: Network
    hidden: Width | None = None
    takes_condition: ClassVar[bool] = True

    def build(self, shapes: Shapes) -> nn.Module:
        """[N, ...] -> DiscriminatorOutput; without a condition, `network` itself."""
        network = self.network.build(shapes.without_condition())
        if not shapes.condition_dim:
            return network
        message = (
            f"a head beside its last layer, a linear one with one logit, and {kebab(type(self.network).__name__)} ends otherwise"
        )
        error = RecipeError(f"network 'discriminator' has {message}: choose another network")
        return WithHead(*split_last_layer(network, error), shapes, self.hidden)


class WithHead(nn.Module):
    """A discriminator with a head: [N, ...] -> DiscriminatorOutput([N, 1], [N, K], [N, S]). A condition is ignored on purpose."""

    def __init__(self, body: Stack, last: nn.Linear, shapes: Shapes, hidden: int | None) -> None:
        super().__init__()
        self.body, self.last, self.parts = body, last, (shapes.categories, shapes.continuous)
        first, width = [], last.in_features
        if hidden:
            first, width = [nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.LeakyReLU(0.1)], hidden
        self.head = nn.Sequential(*first, nn.Linear(width, shapes.condition_dim))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> DiscriminatorOutput:
        """Samples [N, ...] -> logits [N, 1], categories [N, K] and continuous codes [N, S]."""
        h = self.body(x)
        categories, continuous = self.head(h).split(self.parts, 1)
        return DiscriminatorOutput(self.last(h), categories, continuous)
