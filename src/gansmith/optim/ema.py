"""Moving average of the generator's weights. Samples from it vary less from step to step than samples from the last weights."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from gansmith.core.component import component
from gansmith.core.fields import ImageCount, Positive
from gansmith.optim.schedules import Constant, Schedule


@component
class Ema:
    """Exponential moving average of weights with a half-life in images (Karras et al. 2020, StyleGAN2).

    After a step of n images, the average keeps a share of 0.5^(n / half_life). With `ramp`, the half-life is at most that share
    of the images seen so far, so that the random initial weights fade quickly. `schedule` multiplies the half-life; for example,
    Cosine(first=0, end=1) lets it grow from 0. Buffers, such as the statistics of batch norm, are copied.
    """

    half_life_images: ImageCount = 10_000
    ramp: Positive | None = 0.05
    schedule: Schedule = Constant()

    def start(self, network: nn.Module) -> nn.Module:
        """Make the average: a copy of the network that needs no gradients."""
        return copy.deepcopy(network).requires_grad_(False)

    def decay(self, images: int, step_images: int, progress: float = 0.0) -> float:
        """The share in [0, 1] of the average that a step of `step_images` images keeps.

        `images` is the count after the step, `progress` in [0, 1] the share of the run that was done before it.
        """
        half_life = self.half_life_images * self.schedule.factor(progress)
        if self.ramp is not None:
            half_life = min(half_life, self.ramp * images)
        return 0.5 ** (step_images / max(half_life, 1e-8))  # type: ignore[no-any-return]

    @torch.no_grad()
    def update(self, average: nn.Module, network: nn.Module, images: int, step_images: int, progress: float = 0.0) -> None:
        """Move `average` towards `network` in place, after a step of `step_images` images.

        `images` is the count after the step, `progress` in [0, 1] the share of the run that was done before it.
        """
        move = get_ema_multi_avg_fn(self.decay(images, step_images, progress))  # type: ignore[no-untyped-call]
        move(list(average.parameters()), list(network.parameters()), 0)
        for mean, buffer in zip(average.buffers(), network.buffers(), strict=True):
            mean.copy_(buffer)
