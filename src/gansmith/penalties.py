"""Discriminator penalties. Each maps what was judged this turn to one cost a sample, [N].

They are computed outside autocast: a second derivative in bfloat16 is noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Protocol, runtime_checkable

import torch
from pydantic import Field
from torch import Tensor

from gansmith.game import Turn
from gansmith.spec import component

Weight = Annotated[float, Field(ge=0.0)]
Side = Literal["real", "fake"]


@dataclass(frozen=True, eq=False)
class Judged:
    """What D saw this turn. A side is a leaf that requires gradients where a penalty asked for it in `needs_gradient`."""

    real: Tensor  # [N, ...]
    fake: Tensor  # [N, ...]
    real_logits: Tensor  # [N, M]
    fake_logits: Tensor  # [N, M]
    judge: Callable[[Tensor], Tensor]  # samples -> logits, condition already bound


@runtime_checkable
class Penalty(Protocol):
    def __call__(self, judged: Judged, turn: Turn) -> Tensor: ...

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

    def __call__(self, judged: Judged, turn: Turn) -> Tensor:
        return 0.5 * self.weight * squared_gradient(judged.real_logits, judged.real)


@component
class R2:
    """The same on fakes: weight/2 |grad D(G(z))|^2 (Mescheder et al. 2018, eq. 10)."""

    weight: Weight = 1.0
    needs_gradient: ClassVar[tuple[Side, ...]] = ("fake",)

    def __call__(self, judged: Judged, turn: Turn) -> Tensor:
        return 0.5 * self.weight * squared_gradient(judged.fake_logits, judged.fake)


@component
class GradientPenalty:
    """WGAN-GP: weight (|grad D(x^)| - 1)^2 at a random point x^ between each real and its fake (Gulrajani et al. 2017, eq. 3)."""

    weight: Weight = 10.0
    needs_gradient: ClassVar[tuple[Side, ...]] = ()

    def __call__(self, judged: Judged, turn: Turn) -> Tensor:
        # Drawn from torch's generator, which the loop has seeded from this turn's place.
        t = torch.rand(len(judged.real), *[1] * (judged.real.ndim - 1), device=judged.real.device)
        between = torch.lerp(judged.real.detach().float(), judged.fake.detach().float(), t).requires_grad_(True)
        norm = (squared_gradient(judged.judge(between), between) + 1e-12).sqrt()
        return self.weight * (norm - 1).square()
