"""PacGAN: a discriminator that sees several samples at once, so that a lack of variety shows (Lin et al. 2018)."""

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
    """`count` samples, joined along channels (points: along features), are judged as one: [N, ...] -> [N // count, M].

    `network` is built for samples with `count` times the channels (Lin et al. 2018, section 3).
    """

    network: Network
    count: Annotated[int, Field(ge=2)] = 2

    def build(self, shapes: Shapes) -> nn.Module:
        joined = (self.count * shapes.sample[0], *shapes.sample[1:])
        return Packs(self.network.build(dataclasses.replace(shapes, sample=joined)), self.count)


class Packs(nn.Module):
    """Neighbours in the batch are packed, what is left at its end is dropped; too few for one pack are repeated to fill it."""

    def __init__(self, network: nn.Module, count: int) -> None:
        super().__init__()
        self.network, self.pack = network, count  # objectives read `pack`: so many samples pay together

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        if condition is not None:
            refuse_condition(self)
        return self.network(self.join(x), None)  # type: ignore[no-any-return]

    def join(self, x: Tensor) -> Tensor:
        """[N, C, ...] -> [N // count, count * C, ...]."""
        packs = max(1, len(x) // self.pack)
        if len(x) < self.pack:
            x = x[torch.arange(self.pack, device=x.device) % len(x)]
        return x[: packs * self.pack].reshape(packs, -1, *x.shape[2:])
