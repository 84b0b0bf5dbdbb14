"""Penalties of the discriminator: functions from the samples and logits of a turn to a loss per sample, [N].

They are computed outside autocast, because a second derivative in bfloat16 is noise. With a discriminator that scores m samples
at once, the gradient of a sample is that of the logits of its pack.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from gansmith.core.component import component
from gansmith.core.fields import NotNegative
from gansmith.objectives.base import Turn

Weight = NotNegative
Side = Literal["real", "fake"]


@dataclass(frozen=True, eq=False)
class PenaltyInput:
    """The samples of a discriminator's turn and their logits.

    The samples of a side are a leaf that requires gradients if a penalty has this side in `needs_gradient`.
    """

    real: Tensor  # [N, ...]
    fake: Tensor  # [N, ...]
    real_logits: Tensor  # [N, M], or [N // m, M] if the discriminator scores m samples at once
    fake_logits: Tensor  # of the shape of `real_logits`
    discriminate: Callable[[Tensor], Tensor]  # samples -> logits, with the augmentation and condition of this turn


@runtime_checkable
class Penalty(Protocol):
    """A penalty that is added to the discriminator's loss."""

    def __call__(self, inputs: PenaltyInput, turn: Turn) -> Tensor:
        """The penalty of each sample, [N], differentiable with respect to the discriminator's weights."""
        ...

    @property
    def needs_gradient(self) -> tuple[Side, ...]:
        """The sides whose samples it differentiates at; others get no gradient, which saves its computation."""
        ...


def squared_gradient(logits: Tensor, at: Tensor) -> Tensor:
    """The squared norm of the gradient of logits at each sample, |grad D|^2, [N]; it can be differentiated again."""
    (gradient,) = torch.autograd.grad(logits.sum(), at, create_graph=True)
    return gradient.square().flatten(1).sum(1)


@component
class R1:
    """Zero-centred gradient penalty on real samples: weight/2 |grad D(x)|^2 (Mescheder et al. 2018, eq. 9)."""

    weight: Weight = 1.0
    needs_gradient: ClassVar[tuple[Side, ...]] = ("real",)

    def __call__(self, inputs: PenaltyInput, turn: Turn) -> Tensor:
        """weight/2 |grad D(x)|^2 of each real sample, [N]."""
        return 0.5 * self.weight * squared_gradient(inputs.real_logits, inputs.real)


@component
class R2:
    """Zero-centred gradient penalty on generated samples: weight/2 |grad D(G(z))|^2 (Mescheder et al. 2018, eq. 10)."""

    weight: Weight = 1.0
    needs_gradient: ClassVar[tuple[Side, ...]] = ("fake",)

    def __call__(self, inputs: PenaltyInput, turn: Turn) -> Tensor:
        """weight/2 |grad D(G(z))|^2 of each generated sample, [N]."""
        return 0.5 * self.weight * squared_gradient(inputs.fake_logits, inputs.fake)


@component
class GradientPenalty:
    """WGAN-GP: weight (|grad D(x^)| - 1)^2 (Gulrajani et al. 2017, eq. 3).

    x^ is a random point between a real and a generated sample.
    """

    weight: Weight = 10.0
    needs_gradient: ClassVar[tuple[Side, ...]] = ()

    def __call__(self, inputs: PenaltyInput, turn: Turn) -> Tensor:
        """weight (|grad D(x^)| - 1)^2 of each pair, [N]."""
        between = interpolate(inputs.real.detach().float(), inputs.fake.detach().float())
        return self.weight * (gradient_norm(inputs, between) - 1).square()


@component
class Dragan:
    """DRAGAN: weight (|grad D(x^)| - 1)^2 near each real sample (Kodali et al. 2017, section 2.3 and algorithm 1).

    The noise follows the authors' code instead of the normal noise of the paper: x^ = x + a .5 std(x) u, with std over the
    whole batch, u uniform in [0, 1) for each number of the sample, and a uniform in [0, 1) for each sample.
    """

    weight: Weight = 10.0
    needs_gradient: ClassVar[tuple[Side, ...]] = ()

    def __call__(self, inputs: PenaltyInput, turn: Turn) -> Tensor:
        """weight (|grad D(x^)| - 1)^2 of each real sample, [N]."""
        real = inputs.real.detach().float()
        away = real + 0.5 * real.std(correction=0) * torch.rand_like(real)
        return self.weight * (gradient_norm(inputs, interpolate(real, away)) - 1).square()


def interpolate(first: Tensor, second: Tensor) -> Tensor:
    """A random point between each pair of samples, [N, ...]; a leaf that requires gradients."""
    # From torch's global generator, which the trainer seeds for each turn.
    t = torch.rand(len(first), *[1] * (first.ndim - 1), device=first.device)
    return torch.lerp(first, second, t).requires_grad_(True)


def gradient_norm(inputs: PenaltyInput, at: Tensor) -> Tensor:
    """The norm of the gradient of the logits at each sample, |grad D|, [N]."""
    return (squared_gradient(inputs.discriminate(at), at) + 1e-12).sqrt()
