"""Discriminator penalties. Each maps what was judged this turn to one cost a sample, [N].

They are computed outside autocast: a second derivative in bfloat16 is noise. Where D judges m samples at once the gradient at a
sample is that of its pack's logits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Protocol, runtime_checkable

import torch
from pydantic import Field
from torch import Tensor

from gansmith.core.component import component
from gansmith.objectives.base import Turn

Weight = Annotated[float, Field(ge=0.0)]
Side = Literal["real", "fake"]


@dataclass(frozen=True, eq=False)
class PenaltyInput:
    """What D saw this turn. A side is a leaf that requires gradients where a penalty asked for it in `needs_gradient`."""

    real: Tensor  # [N, ...]
    fake: Tensor  # [N, ...]
    real_logits: Tensor  # [N, M], or [N // m, M] of a D that judges m samples at once
    fake_logits: Tensor  # like those
    judge: Callable[[Tensor], Tensor]  # samples -> logits, augmented and with the condition as the others were


@runtime_checkable
class Penalty(Protocol):
    def __call__(self, judged: PenaltyInput, turn: Turn) -> Tensor: ...

    @property
    def needs_gradient(self) -> tuple[Side, ...]:
        """The sides with respect to which it differentiates the logits; nobody pays for the others."""
        ...


def squared_gradient(logits: Tensor, at: Tensor) -> Tensor:
    """|grad D|^2 summed over each sample, [N], ready to be differentiated again."""
    (gradient,) = torch.autograd.grad(logits.sum(), at, create_graph=True)
    return gradient.square().flatten(1).sum(1)


@component
class R1:
    """Zero-centred gradient penalty on reals: weight/2 |grad D(x)|^2 (Mescheder et al. 2018, eq. 9)."""

    weight: Weight = 1.0
    needs_gradient: ClassVar[tuple[Side, ...]] = ("real",)

    def __call__(self, judged: PenaltyInput, turn: Turn) -> Tensor:
        return 0.5 * self.weight * squared_gradient(judged.real_logits, judged.real)


@component
class R2:
    """The same on fakes: weight/2 |grad D(G(z))|^2 (Mescheder et al. 2018, eq. 10)."""

    weight: Weight = 1.0
    needs_gradient: ClassVar[tuple[Side, ...]] = ("fake",)

    def __call__(self, judged: PenaltyInput, turn: Turn) -> Tensor:
        return 0.5 * self.weight * squared_gradient(judged.fake_logits, judged.fake)


@component
class GradientPenalty:
    """WGAN-GP: weight (|grad D(x^)| - 1)^2 at a random point x^ between each real and its fake (Gulrajani et al. 2017, eq. 3)."""

    weight: Weight = 10.0
    needs_gradient: ClassVar[tuple[Side, ...]] = ()

    def __call__(self, judged: PenaltyInput, turn: Turn) -> Tensor:
        return self.weight * (slope(judged, on_the_way(judged.real.detach().float(), judged.fake.detach().float())) - 1).square()


@component
class Dragan:
    """DRAGAN: weight (|grad D(x^)| - 1)^2 near each real (Kodali et al. 2017, section 2.3 and algorithm 1).

    The noise is that of the authors' code, not the paper's normal one: x^ = x + a .5 std(x) u, with std over the whole batch,
    u uniform in [0, 1) for each number of the sample, and a uniform in [0, 1) for each sample.
    """

    weight: Weight = 10.0
    needs_gradient: ClassVar[tuple[Side, ...]] = ()

    def __call__(self, judged: PenaltyInput, turn: Turn) -> Tensor:
        real = judged.real.detach().float()
        away = real + 0.5 * real.std(correction=0) * torch.rand_like(real)
        return self.weight * (slope(judged, on_the_way(real, away)) - 1).square()


def on_the_way(one: Tensor, other: Tensor) -> Tensor:
    """A random point between each sample and its other, a leaf to differentiate at, [N, ...]."""
    # Drawn from torch's generator, which the loop has seeded from this turn's place.
    t = torch.rand(len(one), *[1] * (one.ndim - 1), device=one.device)
    return torch.lerp(one, other, t).requires_grad_(True)


def slope(judged: PenaltyInput, at: Tensor) -> Tensor:
    """|grad D| at each sample, [N]."""
    return (squared_gradient(judged.judge(at), at) + 1e-12).sqrt()
