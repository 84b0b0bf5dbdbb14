"""Residual networks with batch norm in G and none in D (Gulrajani et al. 2017; Miyato et al. 2018), for any size."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

import torch
from pydantic import NonNegativeInt
from torch import Tensor, nn

from gansmith.core.component import component
from gansmith.networks.base import Shapes
from gansmith.networks.dcgan import Crop, Widths, image_shape
from gansmith.networks.minibatch import Group, deviation
from gansmith.networks.mlp import ENDS, End
from gansmith.networks.resampling import halvings
from gansmith.networks.spectral import spectrally_normed
from gansmith.networks.stack import Stack


@component
class ResidualGenerator:
    """z -> linear -> a map of widths[0] channels -> a residual block that doubles it for each further width -> 3x3 -> `end`.

    (256, 256, 256, 256) is CIFAR's of Miyato et al. 2018 (appendix, table 3), (512, 256, 128, 64) is STL's. The map starts at the
    image's size over 2^(widths - 1), rounded up; a side that should be odd loses its last row as it is doubled.
    """

    widths: Widths = (64, 64, 64)
    end: End = "tanh"

    def build(self, shapes: Shapes) -> nn.Module:
        channels, height, width = image_shape(shapes, "ResidualGenerator")
        sizes = halvings(height, width, len(self.widths) - 1)[::-1]
        start = (self.widths[0], *sizes[0])
        layers: list[nn.Module] = [glorot(nn.Linear(shapes.noise, math.prod(start))), nn.Unflatten(1, start)]
        layers += [UpBlock(*ends, *size) for ends, size in zip(pairwise(self.widths), sizes[1:], strict=True)]
        last = self.widths[-1]
        layers += [nn.BatchNorm2d(last), nn.ReLU(inplace=True), glorot(nn.Conv2d(last, channels, 3, padding=1)), ENDS[self.end]()]
        return Stack(*layers).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


@component
class ResidualDiscriminator:
    """A sample -> a residual block for each width, the first `halvings` halve the map -> ReLU -> `pool` of places -> linear.

    (128, 128, 128, 128) is CIFAR's of Miyato et al. 2018 (appendix, table 3), (64, 128, 256, 512, 1024) with 4 halvings is
    STL's; they have `spectral_norm`. The first with the mean for a pool is CIFAR's of Gulrajani et al. 2017 (appendix F).
    `minibatch_std` tells the last block how much the samples of groups of that many differ.
    """

    widths: Widths = (64, 64, 64)
    halvings: NonNegativeInt = 2
    spectral_norm: bool = False
    minibatch_std: Group | None = None
    pool: Literal["sum", "mean"] = "sum"

    def build(self, shapes: Shapes) -> nn.Module:
        channels, _, _ = image_shape(shapes, "ResidualDiscriminator")
        layers: list[nn.Module] = []
        for i, (inputs, outputs) in enumerate(pairwise([channels, *self.widths])):
            deviations = deviation(self.minibatch_std, here=i == len(self.widths) - 1)
            layers += [*deviations, DownBlock(inputs + len(deviations), outputs, halve=i < self.halvings, first=i == 0)]
        layers += [nn.ReLU(), POOLS[self.pool](), glorot(nn.Linear(self.widths[-1], 1))]
        network: Stack = Stack(*layers).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return spectrally_normed(network) if self.spectral_norm else network


class UpBlock(nn.Module):
    """[N, inputs, h, w] -> [N, outputs, height, width], twice as large by repeating each pixel and cut to size."""

    def __init__(self, inputs: int, outputs: int, height: int, width: int) -> None:
        super().__init__()
        self.change = Stack(
            *(nn.BatchNorm2d(inputs), nn.ReLU(inplace=True), nn.Upsample(scale_factor=2), Crop(height, width)),
            glorot(nn.Conv2d(inputs, outputs, 3, padding=1), math.sqrt(2)),
            *(nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)),
            glorot(nn.Conv2d(outputs, outputs, 3, padding=1), math.sqrt(2)),
        )
        # The same numbers as after doubling, for a quarter of the work.
        self.skip = nn.Sequential(glorot(nn.Conv2d(inputs, outputs, 1)), nn.Upsample(scale_factor=2), Crop(height, width))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """[N, inputs, h, w] -> [N, outputs, height, width]; the batch norms get the condition if they are conditional."""
        change, skip = self.change(x, condition), self.skip(x)
        return change + skip  # type: ignore[no-any-return]


class DownBlock(nn.Module):
    """[N, inputs, h, w] -> [N, outputs, h, w], or half as large (rounded up) by means of 2x2. The first starts with no ReLU."""

    def __init__(self, inputs: int, outputs: int, halve: bool, first: bool) -> None:
        super().__init__()
        between = outputs if first else inputs
        pool: list[nn.Module] = [nn.AvgPool2d(2, ceil_mode=True)] if halve else []
        self.change = nn.Sequential(
            *([] if first else [nn.ReLU()]),
            glorot(nn.Conv2d(inputs, between, 3, padding=1), math.sqrt(2)),
            nn.ReLU(inplace=True),
            glorot(nn.Conv2d(between, outputs, 3, padding=1), math.sqrt(2)),
            *pool,
        )
        self.skip = nn.Sequential(*pool, *([glorot(nn.Conv2d(inputs, outputs, 1))] if halve or inputs != outputs else []))

    def forward(self, x: Tensor) -> Tensor:
        change, skip = self.change(x), self.skip(x)
        return change + skip  # type: ignore[no-any-return]


class SumPool(nn.Module):
    """[N, C, h, w] -> [N, C]."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum((2, 3))


class MeanPool(nn.Module):
    """[N, C, h, w] -> [N, C]."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


POOLS: dict[str, type[nn.Module]] = {"sum": SumPool, "mean": MeanPool}


def glorot(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> nn.Module:
    """Glorot and Bengio's uniform start (2010, eq. 16) times `gain`, zero biases: those of Miyato's code."""
    nn.init.xavier_uniform_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
