"""What a sample's neighbours in the batch tell of it: a generator that makes too much alike is found out."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

Group = Annotated[int, Field(ge=2)]


def deviation(group: int | None, here: bool = True) -> list[nn.Module]:
    """The layer, which makes one channel more, where a group is given and this is the place for it; else nothing."""
    return [MinibatchStd(group)] if group and here else []


class MinibatchStd(nn.Module):
    """[N, C, ...] -> [N, C + features, ...]: the standard deviation over groups of samples, as further channels.

    Over `group` samples (the most up to it that divide N), then the mean over channels and places (Karras et al. 2018, section 3;
    groups as in Karras et al. 2020). A group holds neighbours in the batch, so reals and fakes judged together share none
    where `group` divides their number. `features` must divide C: each of that many parts of the channels gives one.
    """

    def __init__(self, group: int = 4, features: int = 1) -> None:
        super().__init__()
        self.group, self.features = group, features

    def extra_repr(self) -> str:
        return f"{self.group}, {self.features}"

    def forward(self, x: Tensor) -> Tensor:
        group = next(g for g in range(self.group, 0, -1) if len(x) % g == 0)
        parts = x.float().view(-1, group, self.features, x.shape[1] // self.features, *x.shape[2:])  # copies nothing
        spread = (parts - parts.mean(1, keepdim=True)).square().mean(1)  # `var` over a middle dimension is ten times as slow
        # The small number stands inside the root, so that samples that are all alike have a gradient.
        deviations = (spread + 1e-8).sqrt().mean(tuple(range(2, x.ndim + 1)))
        deviation_channels = deviations.repeat_interleave(group, 0).to(x.dtype)  # [N, features]
        return torch.cat(
            [x, deviation_channels.view(*deviation_channels.shape, *[1] * (x.ndim - 2)).expand(-1, -1, *x.shape[2:])], 1
        )
