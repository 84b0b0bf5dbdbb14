"""Optimizers as the recipes write them down."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Protocol, runtime_checkable

import torch
from pydantic import Field, PositiveFloat
from torch import nn

from gansmith.schedules import Constant, Schedule
from gansmith.spec import component

Decay = Annotated[float, Field(ge=0.0, lt=1.0)]


@runtime_checkable
class Optimizer(Protocol):
    @property
    def rate(self) -> float: ...

    @property
    def schedule(self) -> Schedule:
        """Multiplies the rate over the run."""
        ...

    def over(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer: ...


@component
class Adam:
    """Kingma and Ba 2015, algorithm 1, with epsilon outside the root as PyTorch has it. Fused: one pass over the weights."""

    rate: PositiveFloat = 2e-4
    betas: tuple[Decay, Decay] = (0.9, 0.999)
    eps: PositiveFloat = 1e-8
    schedule: Schedule = Constant()

    def over(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=self.rate, betas=self.betas, eps=self.eps, fused=True)


@component
class SGD:
    """Gradient descent with momentum (Polyak 1964): v <- momentum v + g; w <- w - rate v."""

    rate: PositiveFloat = 0.1
    momentum: Decay = 0.0
    schedule: Schedule = Constant()

    def over(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=self.rate, momentum=self.momentum, fused=True)
