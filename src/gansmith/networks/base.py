"""The contract of networks: the shapes they are built for, their inputs and their outputs.

generator(noise [N, Z], condition)          -> samples [N, ...]
discriminator(samples [N, ...], condition)  -> logits [N, M]      M logits of each sample: 1, or h*w for patches

A condition is a code [N, K + S], a one-hot category and continuous values, or a source image [N, C', H', W'], which a translator
such as pix2pix turns into a sample.

A discriminator that scores m samples at once has the attribute `pack = m` and returns logits [N // m, M]. One that also predicts
the condition of a sample returns a `DiscriminatorOutput`.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor, nn

Networks = Mapping[str, nn.Module]


class DiscriminatorOutput(NamedTuple):
    """The output of a discriminator that also predicts the condition of a sample (Odena et al. 2017; Chen et al. 2016)."""

    logits: Tensor  # [N, M]
    categories: Tensor  # [N, K], logits of the categories
    continuous: Tensor  # [N, S], expected values of the continuous codes


def logits_of(output: Tensor | DiscriminatorOutput) -> Tensor:
    """The logits [N, M] of a discriminator's output, with or without a predicted condition."""
    return output.logits if isinstance(output, DiscriminatorOutput) else output


@dataclass(frozen=True)
class Shapes:
    """The shapes that a network is built for.

    noise        number of entries of z
    sample       shape of one sample, (C, H, W) for images and (D,) for points
    categories   K, number of categories of the condition; 0 without a category
    continuous   S, number of continuous codes of the condition
    observed     whether the condition of real samples is known. Where it is not, only the generator gets a condition.
    source       shape (C', H', W') of the source image, if the condition is one; empty otherwise
    """

    noise: int
    sample: tuple[int, ...]
    categories: int = 0
    continuous: int = 0
    observed: bool = True
    source: tuple[int, ...] = ()

    @property
    def condition_dim(self) -> int:
        """Number of entries of a condition that is a code, K + S; 0 without one."""
        return self.categories + self.continuous

    @property
    def condition(self) -> tuple[int, ...]:
        """Shape of one condition: (C', H', W') for a source image, (K + S,) for a code, empty without a condition."""
        return self.source or ((self.condition_dim,) if self.condition_dim else ())

    def condition_for(self, network: str) -> tuple[int, ...]:
        """Shape of the condition that this network gets: empty except for the generator if the condition is unobserved."""
        return self.condition if network == "generator" or self.observed else ()

    def without_condition(self) -> Shapes:
        """The shapes of an unconditional network."""
        return dataclasses.replace(self, categories=0, continuous=0, source=())


@runtime_checkable
class Network(Protocol):
    """The description of a network: a frozen dataclass with the method `build`."""

    def build(self, shapes: Shapes) -> nn.Module:
        """The network for these shapes. Weights are drawn from torch's global generator, which the caller has seeded."""
        ...


@contextlib.contextmanager
def evaluating(*networks: nn.Module) -> Iterator[None]:
    """Set networks to evaluation mode inside the block: no dropout, and running statistics stay. Each layer's mode comes back."""
    before = [(module, module.training) for network in networks for module in network.modules()]
    for network in networks:
        network.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


def pack_of(discriminator: nn.Module) -> int:
    """Number of samples that a discriminator scores at once (PacGAN; Lin et al. 2018): its attribute `pack`, or 1."""
    return int(getattr(discriminator, "pack", 1))
