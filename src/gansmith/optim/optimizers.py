"""Optimizers as the recipes write them down, each one fused pass over a player's weights.

PyTorch's own classes wrap the same kernels in bookkeeping that a small network's step feels, and keep their state where a
checkpoint can't name it; here the state is a dictionary of tensors.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Protocol, runtime_checkable

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor
from torch.optim.sgd import sgd

from gansmith.core.component import component
from gansmith.core.errors import RecipeError
from gansmith.optim.schedules import Constant, Schedule

Decay = Annotated[float, Field(ge=0.0, lt=1.0)]
TINY = sys.float_info.min  # a momentum that counts as 0, for which PyTorch still fills the momentum buffer


class OptimizerState(Protocol):
    """An optimizer at work on some weights."""

    state: dict[str, list[Tensor]]  # one tensor a weight under each name; the next step depends on nothing else

    def step(self, gradients: Sequence[Tensor], progress: float, skip: Tensor | None = None) -> None:
        """Move the weights once, in place, with the settings as they are at `progress` through the run.

        Where the scalar `skip` is 1.0 nothing moves, without anybody reading it.
        """
        ...


@runtime_checkable
class Optimizer(Protocol):
    @property
    def lr(self) -> float: ...

    @property
    def schedule(self) -> Schedule:
        """Multiplies the rate over the run."""
        ...

    def init(self, weights: Sequence[Tensor]) -> OptimizerState: ...


def laid_out(gradients: Sequence[Tensor], weights: Sequence[Tensor]) -> list[Tensor]:
    """The gradients in their weights' order in memory. The fused kernels go through both by address, and autograd promises
    no order: that of a transposed or channels-last weight may be another, and that of a sum is one number seen many times."""
    return [g if g.stride() == w.stride() else torch.empty_like(w).copy_(g) for g, w in zip(gradients, weights, strict=True)]


@component
class Adam:
    """Kingma and Ba 2015, algorithm 1, with epsilon outside the root as PyTorch has it.

    `beta2_schedule` multiplies 1 - beta2: a beta2 that goes from .9 to .99 is betas=(0, .9) with Cosine(end=.1), as in R3GAN
    (Huang et al. 2024). Raises RecipeError where that would leave [0, 1).
    """

    lr: PositiveFloat = 2e-4
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    eps: PositiveFloat = 1e-8
    schedule: Schedule = Constant()
    beta2_schedule: Schedule = Constant()

    def __post_init__(self) -> None:
        for percent in range(101):
            beta2 = self.beta2(percent / 100)
            if not 0.0 <= beta2 < 1.0:
                message = f"beta2_schedule makes beta2 {beta2:.3g} after {percent} % of the run; expected 0 <= beta2 < 1"
                raise RecipeError(f"Adam: {message}: choose an end above 0 and below {1 / (1 - self.betas[1]):.3g}")

    def beta2(self, progress: float) -> float:
        return self.betas[1] + (1.0 - self.betas[1]) * (1.0 - self.beta2_schedule.factor(progress))

    def init(self, weights: Sequence[Tensor]) -> OptimizerState:
        return AdamState(self, weights)


class AdamState:
    def __init__(self, adam: Adam, weights: Sequence[Tensor]) -> None:
        self.adam, self.weights = adam, list(weights)
        device = self.weights[0].device if self.weights else None
        self.steps = torch.zeros(len(self.weights), device=device)  # one for each weight, as the kernel asks, counted in one go
        self.state = {
            "step": list(self.steps.unbind()),
            "exp_avg": [torch.zeros_like(w, memory_format=torch.preserve_format) for w in self.weights],
            "exp_avg_sq": [torch.zeros_like(w, memory_format=torch.preserve_format) for w in self.weights],
        }

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], progress: float, skip: Tensor | None = None) -> None:
        means, squares, steps = self.state["exp_avg"], self.state["exp_avg_sq"], self.state["step"]
        self.steps += 1
        torch._fused_adam_(
            self.weights,
            laid_out(gradients, self.weights),
            means,
            squares,
            [],
            steps,
            lr=self.adam.lr * self.adam.schedule.factor(progress),
            beta1=self.adam.betas[0],
            beta2=self.adam.beta2(progress),
            weight_decay=0.0,
            eps=self.adam.eps,
            amsgrad=False,
            maximize=False,
            found_inf=skip,
        )
        if skip is not None:
            self.steps -= skip


@component
class SGD:
    """Gradient descent with momentum (Polyak 1964): v <- momentum v + g; w <- w - rate v.

    `momentum_schedule` multiplies the momentum. Raises RecipeError where that would leave [0, 1).
    """

    lr: PositiveFloat = 0.1
    momentum: Decay = 0.0
    schedule: Schedule = Constant()
    momentum_schedule: Schedule = Constant()

    def __post_init__(self) -> None:
        for percent in range(101):
            momentum = self.momentum_at(percent / 100)
            if not 0.0 <= momentum < 1.0:
                message = (
                    f"momentum_schedule makes momentum {momentum:.3g} after {percent} % of the run; expected 0 <= momentum < 1"
                )
                raise RecipeError(f"SGD: {message}: choose factors below {1 / self.momentum:.3g}")

    def momentum_at(self, progress: float) -> float:
        return self.momentum * self.momentum_schedule.factor(progress)

    def init(self, weights: Sequence[Tensor]) -> OptimizerState:
        return SGDState(self, weights)


class SGDState:
    def __init__(self, sgd: SGD, weights: Sequence[Tensor]) -> None:
        self.sgd, self.weights = sgd, list(weights)
        moving = self.weights if sgd.momentum else []
        self.state = {"momentum_buffer": [torch.zeros_like(w, memory_format=torch.preserve_format) for w in moving]}

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], progress: float, skip: Tensor | None = None) -> None:
        sgd(
            self.weights,
            laid_out(gradients, self.weights),
            self.state["momentum_buffer"],  # type: ignore[arg-type]
            fused=True,
            found_inf=skip,
            lr=self.sgd.lr * self.sgd.schedule.factor(progress),
            momentum=self.sgd.momentum_at(progress) or (TINY if self.sgd.momentum else 0.0),
            weight_decay=0.0,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )


@component
class RmsProp:
    """Tieleman and Hinton 2012, lecture 6.5: v <- decay v + (1 - decay) g^2; w <- w - rate g / (sqrt(v) + eps).

    Epsilon stands outside the root, and `decay` is .99, as PyTorch has it; the lecture's is .9.
    """

    lr: PositiveFloat = 5e-5
    decay: Decay = 0.99
    eps: PositiveFloat = 1e-8
    schedule: Schedule = Constant()

    def init(self, weights: Sequence[Tensor]) -> OptimizerState:
        return RmsPropState(self, weights)


class RmsPropState:
    def __init__(self, rmsprop: RmsProp, weights: Sequence[Tensor]) -> None:
        self.rmsprop, self.weights = rmsprop, list(weights)
        self.state = {"square_avg": [torch.zeros_like(w, memory_format=torch.preserve_format) for w in self.weights]}

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], progress: float, skip: Tensor | None = None) -> None:
        settings = self.rmsprop
        kept: float | Tensor = settings.decay
        if skip is not None:  # from gradients of 0 and squares that do not fade nothing moves, whatever came
            gradients = [torch.where(skip > 0, 0.0, g) for g in gradients]
            kept = torch.where(skip > 0, 1.0, settings.decay)
        lr = settings.lr * settings.schedule.factor(progress)
        for weight, square, gradient in zip(self.weights, self.state["square_avg"], gradients, strict=True):
            square.mul_(kept).addcmul_(gradient, gradient, value=1.0 - settings.decay)
            weight.addcdiv_(gradient, square.sqrt().add_(settings.eps), value=-lr)


@component
class Clipped:
    """Another optimizer, after whose steps weights are put back into [-bound, bound] (Arjovsky et al. 2017, algorithm 1, line 7).

    All weights of the player are, batch norm's among them, as in the authors' code.
    """

    optimizer: Optimizer = RmsProp()
    bound: PositiveFloat = 0.01

    @property
    def lr(self) -> float:
        return self.optimizer.lr

    @property
    def schedule(self) -> Schedule:
        return self.optimizer.schedule

    def init(self, weights: Sequence[Tensor]) -> OptimizerState:
        return ClippedState(self.optimizer.init(weights), weights, self.bound)


class ClippedState:
    def __init__(self, optimizer_state: OptimizerState, weights: Sequence[Tensor], bound: float) -> None:
        self.optimizer_state, self.weights, self.bound, self.state = optimizer_state, list(weights), bound, optimizer_state.state

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], progress: float, skip: Tensor | None = None) -> None:
        self.optimizer_state.step(gradients, progress, skip)
        for weight in self.weights:
            if skip is None:
                weight.clamp_(-self.bound, self.bound)
            else:
                bound = torch.where(skip > 0, torch.inf, self.bound).to(weight.dtype)
                weight.clamp_(-bound, bound)
