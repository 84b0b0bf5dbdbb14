"""The contract of networks: what they are built between, what they take and what they return.

generator(noise [N, Z], condition)          -> sample [N, ...]
discriminator(sample [N, ...], condition)   -> logits [N, M]      M places judged: 1, or h*w for patches

A discriminator that judges m samples at once has the attribute `pack = m` and returns logits [N // m, M]. One that also predicts
the condition of a sample returns a `DiscriminatorOutput`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from torch import Tensor, nn

if TYPE_CHECKING:
    pass

Networks = Mapping[str, nn.Module]


class DiscriminatorOutput(NamedTuple):
    """The answer of a discriminator that also says what a sample was told to be (Odena et al. 2017; Chen et al. 2016)."""

    logits: Tensor  # [N, M]
    categories: Tensor  # [N, K], logits of the kinds
    continuous: Tensor  # [N, S], the sliders' expected values


def logits_of(answer: Tensor | DiscriminatorOutput) -> Tensor:
    """What a discriminator says of real and fake, [N, M], whatever else it says."""
    return answer.logits if isinstance(answer, DiscriminatorOutput) else answer


@dataclass(frozen=True)
class Shapes:
    """What a network is built between: z has `noise` entries, a sample has shape `sample` ([C, H, W] for images).

    The generator is told which of `categories` kinds a sample is, and `continuous` numbers; 0 where it is told nothing. So is the
    discriminator where it is `observed` what the real ones are.
    """

    noise: int
    sample: tuple[int, ...]
    categories: int = 0
    continuous: int = 0
    observed: bool = True

    @property
    def condition_dim(self) -> int:
        """How many numbers a condition has, K + S."""
        return self.categories + self.continuous


@runtime_checkable
class Network(Protocol):
    """A network's description. `build` fits its ends to the data; weights come from torch's generator, which the loop seeds."""

    def build(self, shapes: Shapes) -> nn.Module: ...


def pack_of(discriminator: nn.Module) -> int:
    """How many samples it judges at once (PacGAN; Lin et al. 2018): what it says as `pack`, else 1."""
    return int(getattr(discriminator, "pack", 1))
