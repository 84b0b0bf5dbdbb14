"""A running mean of the generator's weights: steadier samples than the last weights give."""

from __future__ import annotations

import copy
from typing import Annotated

import torch
from pydantic import Field, PositiveInt
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from gansmith.core.component import component
from gansmith.optim.schedules import Constant, Schedule


@component
class Ema:
    """Exponential moving average by half-life, as Karras et al. 2020 (StyleGAN2) state it.

    After a step of n images the average keeps .5^(n / half_life). With `ramp`, the half-life is at most that share of
    the images so far, so that the random start is soon forgotten. `schedule` multiplies the half-life: Cosine(first=0, end=1)
    lets it grow from 0. Buffers, batch norm's statistics among them, are copied.
    """

    half_life_images: PositiveInt = 10_000
    ramp: Annotated[float, Field(gt=0.0)] | None = 0.05
    schedule: Schedule = Constant()

    def start(self, network: nn.Module) -> nn.Module:
        return copy.deepcopy(network).requires_grad_(False)

    def keep(self, images: int, step_images: int, progress: float = 0.0) -> float:
        """The share of the average that stays after such a step."""
        half_life = self.half_life_images * self.schedule.factor(progress)
        if self.ramp is not None:
            half_life = min(half_life, self.ramp * images)
        return 0.5 ** (step_images / max(half_life, 1e-8))  # type: ignore[no-any-return]

    @torch.no_grad()
    def update(self, average: nn.Module, network: nn.Module, images: int, step_images: int, progress: float = 0.0) -> None:
        """Take one step of `step_images` images; `images` is the count after it, `progress` that of its turns."""
        keep = self.keep(images, step_images, progress)
        get_ema_multi_avg_fn(keep)(list(average.parameters()), list(network.parameters()), 0)  # type: ignore[no-untyped-call]
        for mean, buffer in zip(average.buffers(), network.buffers(), strict=True):
            mean.copy_(buffer)
