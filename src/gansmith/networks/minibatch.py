"""Minibatch standard deviation (Karras et al. 2018), by which a discriminator detects a lack of variety."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

Group = Annotated[int, Field(ge=2, le=1_000_000)]


def deviation(group: int | None, here: bool = True) -> list[nn.Module]:
    """A list with a `MinibatchStd` layer, which adds one channel, if `group` is given and `here` holds; else an empty list."""
    return [MinibatchStd(group)] if group and here else []


class MinibatchStd(nn.Module):
    """Append the standard deviation over groups of samples as channels: [N, C, ...] -> [N, C + features, ...].

    It is taken over `group` samples (the largest number up to `group` that divides N), then averaged over channels and pixels
    (Karras et al. 2018, section 3; groups as in Karras et al. 2020). Groups are consecutive samples, so that real and generated
    samples of a joint batch share none where `group` divides their number. `features` must divide C: the channels are cut into
    that many parts, and each gives one channel.
    """

    def __init__(self, group: int = 4, features: int = 1) -> None:
        super().__init__()
        self.group, self.features = group, features

    def extra_repr(self) -> str:
        """The sizes, for printing."""
        return f"{self.group}, {self.features}"

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, ...] -> [N, C + features, ...]."""
        group = next(g for g in range(self.group, 0, -1) if len(x) % g == 0)
        parts = x.float().view(-1, group, self.features, x.shape[1] // self.features, *x.shape[2:])  # without a copy
        spread = (parts - parts.mean(1, keepdim=True)).square().mean(1)  # `var` over a middle dimension is ten times slower
        # The small number is inside the root, so that equal samples have a gradient.
        deviations = (spread + 1e-8).sqrt().mean(tuple(range(2, x.ndim + 1)))
        deviation_channels = deviations.repeat_interleave(group, 0).to(x.dtype)  # [N, features]
        return torch.cat(
            [x, deviation_channels.view(*deviation_channels.shape, *[1] * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])], 1
        )
