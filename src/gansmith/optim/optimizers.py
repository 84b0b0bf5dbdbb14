"""Optimizers of the recipes: Adam, SGD, RMSprop, and clipping of weights after a step.

An optimizer is a component that holds the settings. `init(params)` makes its state for a list of parameters.

Adam calls PyTorch's fused kernel `torch._fused_adam_` itself, the only private function of PyTorch in this package. The public
way costs speed in small networks: a training step of `tutorial-small` on 28 x 28 images (1.1 ms, one core) takes 5 % longer with
`torch.optim.adam.adam` and 15 % longer with `torch.optim.Adam(fused=True)`, for equal weights (`benchmarks/optimizers.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Protocol, runtime_checkable

import torch
from pydantic import Field
from torch import Tensor
from torch.optim.sgd import sgd

from gansmith.core.component import component
from gansmith.core.errors import RecipeError
from gansmith.core.fields import Positive
from gansmith.optim.schedules import Constant, Schedule

Decay = Annotated[float, Field(ge=0.0, lt=1.0)]


class OptimizerState(Protocol):
    """An optimizer's state for one list of parameters."""

    state: dict[str, list[Tensor]]  # one tensor per parameter under each name, as in checkpoints; decides the next step

    def step(self, gradients: Sequence[Tensor], progress: float, skip: Tensor | None = None) -> None:
        """Update the parameters in place.

        `gradients` are in the order and shapes of the parameters. `progress` in [0, 1] is the share of the run that is done; the
        schedules read it. `skip` is a scalar on the parameters' device: at 1.0 parameters and state stay as they are, at 0.0 the
        step is taken. It is never copied to the CPU.
        """
        ...


@runtime_checkable
class Optimizer(Protocol):
    """Settings of an optimizer."""

    @property
    def lr(self) -> float:
        """The learning rate at a schedule's factor of 1."""
        ...

    @property
    def schedule(self) -> Schedule:
        """Multiplies the learning rate over the run."""
        ...

    def init(self, params: Sequence[Tensor]) -> OptimizerState:
        """Make the state for these parameters, as it is before the first step."""
        ...


def zeros_like(params: Sequence[Tensor]) -> list[Tensor]:
    """A tensor of zeros for each parameter, with its shape, dtype, device and memory layout."""
    return [torch.zeros_like(p, memory_format=torch.preserve_format) for p in params]


def match_strides(gradients: Sequence[Tensor], params: Sequence[Tensor]) -> list[Tensor]:
    """Copy each gradient whose memory layout differs from its parameter's.

    Fused kernels read both by address. Gradients from `torch.autograd.grad` may be transposed, channels-last or expanded.
    """
    return [g if g.stride() == p.stride() else torch.empty_like(p).copy_(g) for g, p in zip(gradients, params, strict=True)]


def check_decay(optimizer: str, name: str, decay: Callable[[float], float], advice: str) -> None:
    """Raise RecipeError where the decay called `name` is outside [0, 1) after 0, 1, ... or 100 % of the run."""
    for percent in range(101):
        value = decay(percent / 100)
        if not 0.0 <= value < 1.0:
            message = f"{name}_schedule makes {name} {value:.3g} after {percent} % of the run; expected 0 <= {name} < 1"
            raise RecipeError(f"{optimizer}: {message}: {advice}")


@component
class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1), with `eps` added outside the root, as in PyTorch.

    `beta2_schedule` multiplies 1 - beta2. For example, betas=(0, 0.9) with Cosine(end=0.1) raises beta2 from 0.9 to 0.99, as
    R3GAN does (Huang et al. 2024). Raises RecipeError where the schedule takes beta2 out of [0, 1).
    """

    lr: Positive = 2e-4
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    eps: Positive = 1e-8
    schedule: Schedule = Constant()
    beta2_schedule: Schedule = Constant()

    def __post_init__(self) -> None:
        check_decay("Adam", "beta2", self.beta2, f"choose an end above 0 and below {1 / (1 - self.betas[1]):.3g}")

    def beta2(self, progress: float) -> float:
        """The decay rate of the squared gradients at `progress` in [0, 1]."""
        return self.betas[1] + (1.0 - self.betas[1]) * (1.0 - self.beta2_schedule.factor(progress))

    def init(self, params: Sequence[Tensor]) -> OptimizerState:
        """Make the state: step counts and moments of 0."""
        return AdamState(self, params)


class AdamState:
    """Adam's step counts and moments of the gradients: "step" (float32 scalars), "exp_avg" and "exp_avg_sq"."""

    def __init__(self, settings: Adam, params: Sequence[Tensor]) -> None:
        self.settings, self.params = settings, list(params)
        # The kernel reads a count for each parameter. As views of one tensor, all are increased in one operation.
        self.steps = torch.zeros(len(self.params), device=self.params[0].device if self.params else None)
        means, squares = zeros_like(self.params), zeros_like(self.params)
        self.state = {"step": list(self.steps.unbind()), "exp_avg": means, "exp_avg_sq": squares}

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], progress: float, skip: Tensor | None = None) -> None:
        """Update the parameters in place by algorithm 1."""
        self.steps += 1
        torch._fused_adam_(
            self.params,
            match_strides(gradients, self.params),
            self.state["exp_avg"],
            self.state["exp_avg_sq"],
            [],
            self.state["step"],
            lr=self.settings.lr * self.settings.schedule.factor(progress),
            beta1=self.settings.betas[0],
            beta2=self.settings.beta2(progress),
            weight_decay=0.0,
            eps=self.settings.eps,
            amsgrad=False,
            maximize=False,
            found_inf=skip,
        )
        if skip is not None:
            self.steps -= skip


@component
class SGD:
    """Stochastic gradient descent with momentum (Polyak 1964): v <- momentum v + g; w <- w - lr v.

    `momentum_schedule` multiplies the momentum. Raises RecipeError where the schedule takes it out of [0, 1).
    """

    lr: Positive = 0.1
    momentum: Decay = 0.0
    schedule: Schedule = Constant()
    momentum_schedule: Schedule = Constant()

    def __post_init__(self) -> None:
        if self.momentum:
            check_decay("SGD", "momentum", self.momentum_at, f"choose factors below {1 / self.momentum:.3g}")

    def momentum_at(self, progress: float) -> float:
        """The momentum at `progress` in [0, 1]."""
        return self.momentum * self.momentum_schedule.factor(progress)

    def init(self, params: Sequence[Tensor]) -> OptimizerState:
        """Make the state: momentum buffers of 0, or no state where the momentum is 0."""
        return SGDState(self, params)


class SGDState:
    """SGD's momentum buffers v: "momentum_buffer", an empty list where the momentum is 0."""

    def __init__(self, settings: SGD, params: Sequence[Tensor]) -> None:
        self.settings, self.params = settings, list(params)
        self.state = {"momentum_buffer": zeros_like(self.params) if settings.momentum else []}

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], progress: float, skip: Tensor | None = None) -> None:
        """Update the buffers and then the parameters in place."""
        momentum = self.settings.momentum_at(progress)
        if self.settings.momentum and not momentum:
            momentum = sys.float_info.min  # rounds to 0 in the kernel; at 0 itself PyTorch leaves the buffers as they are
        sgd(
            self.params,
            match_strides(gradients, self.params),
            self.state["momentum_buffer"],  # type: ignore[arg-type]
            fused=True,
            found_inf=skip,
            lr=self.settings.lr * self.settings.schedule.factor(progress),
            momentum=momentum,
            weight_decay=0.0,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )


@component
class RmsProp:
    """RMSprop (Tieleman and Hinton 2012, lecture 6.5): v <- decay v + (1 - decay) g^2; w <- w - lr g / (sqrt(v) + eps).

    `eps` is added outside the root and `decay` is 0.99, as in PyTorch; the lecture has 0.9.
    """

    lr: Positive = 5e-5
    decay: Decay = 0.99
    eps: Positive = 1e-8
    schedule: Schedule = Constant()

    def init(self, params: Sequence[Tensor]) -> OptimizerState:
        """Make the state: mean squares of 0."""
        return RmsPropState(self, params)


class RmsPropState:
    """RMSprop's mean squares v of the gradients: "square_avg"."""

    def __init__(self, settings: RmsProp, params: Sequence[Tensor]) -> None:
        self.settings, self.params = settings, list(params)
        self.state = {"square_avg": zeros_like(self.params)}

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], progress: float, skip: Tensor | None = None) -> None:
        """Update the mean squares and then the parameters in place."""
        lr, decay = self.settings.lr * self.settings.schedule.factor(progress), self.settings.decay
        kept: float | Tensor = decay
        if skip is not None:  # gradients of 0 and a decay of 1 change nothing
            gradients = [torch.where(skip > 0, 0.0, g) for g in gradients]
            kept = torch.where(skip > 0, 1.0, decay)
        for param, square, gradient in zip(self.params, self.state["square_avg"], gradients, strict=True):
            square.mul_(kept).addcmul_(gradient, gradient, value=1.0 - decay)
            param.addcdiv_(gradient, square.sqrt().add_(self.settings.eps), value=-lr)


@component
class Clipped:
    """Another optimizer that clips all weights to [-bound, bound] after each step (Arjovsky et al. 2017, algorithm 1, line 7).

    All parameters of the player are clipped, those of batch norm included, as in the authors' code.
    """

    optimizer: Optimizer = RmsProp()
    bound: Positive = 0.01

    @property
    def lr(self) -> float:
        """The learning rate of the optimizer inside."""
        return self.optimizer.lr

    @property
    def schedule(self) -> Schedule:
        """The schedule of the optimizer inside."""
        return self.optimizer.schedule

    def init(self, params: Sequence[Tensor]) -> OptimizerState:
        """Make the state of the optimizer inside."""
        return ClippedState(self.optimizer.init(params), params, self.bound)


class ClippedState:
    """The state of an optimizer whose parameters are clipped after each step."""

    def __init__(self, optimizer_state: OptimizerState, params: Sequence[Tensor], bound: float) -> None:
        self.optimizer_state, self.params, self.bound, self.state = optimizer_state, list(params), bound, optimizer_state.state

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], progress: float, skip: Tensor | None = None) -> None:
        """Take the step of the optimizer inside, then clip the parameters in place."""
        self.optimizer_state.step(gradients, progress, skip)
        for param in self.params:
            if skip is None:
                param.clamp_(-self.bound, self.bound)
            else:
                bound = torch.where(skip > 0, torch.inf, self.bound).to(param.dtype)
                param.clamp_(-bound, bound)
