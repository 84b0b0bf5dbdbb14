"""PacGAN: a discriminator that scores several samples at once, and so detects a lack of variety (Lin et al. 2018)."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from gansmith.core.component import component
from gansmith.networks.base import Network, Shapes
from gansmith.networks.stack import refuse_condition


@component
class Packed:
    """A discriminator that scores `count` samples at once (Lin et al. 2018, section 3): [N, ...] -> [N // count, M].

    Samples are joined along their channels, points along their coordinates. `network` is built for these larger samples.
    """

    network: Network
    count: Annotated[int, Field(ge=2, le=1024)] = 2

    def build(self, shapes: Shapes) -> nn.Module:
        """The discriminator for these shapes."""
        joined = (self.count * shapes.sample[0], *shapes.sample[1:])
        return Packs(self.network.build(dataclasses.replace(shapes, sample=joined)), self.count)


class Packs(nn.Module):
    """Pack consecutive samples: [N, ...] -> logits [N // pack, M].

    Samples that do not fill a pack are dropped; fewer than one pack are repeated to fill it. Raises RecipeError for a condition.
    """

    def __init__(self, network: nn.Module, count: int) -> None:
        super().__init__()
        self.network, self.pack = network, count  # objectives read `pack`

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Samples [N, ...] -> logits [N // pack, M]."""
        if condition is not None:
            refuse_condition(self)
        return self.network(self.join(x), None)  # type: ignore[no-any-return]

    def join(self, x: Tensor) -> Tensor:
        """Packs of samples, [N, C, ...] -> [N // pack, pack * C, ...]."""
        packs = max(1, len(x) // self.pack)
        if len(x) < self.pack:
            x = x[torch.arange(self.pack, device=x.device) % len(x)]
        return x[: packs * self.pack].reshape(packs, -1, *x.shape[2:])
