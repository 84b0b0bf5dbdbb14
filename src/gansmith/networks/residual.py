"""Residual networks, with batch norm in the generator only (Gulrajani et al. 2017; Miyato et al. 2018), for any size."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from gansmith.core.component import component
from gansmith.core.fields import Depth
from gansmith.networks.base import Shapes
from gansmith.networks.dcgan import Crop, Widths, image_shape
from gansmith.networks.minibatch import Group, deviation
from gansmith.networks.mlp import ENDS, End
from gansmith.networks.resampling import halvings
from gansmith.networks.spectral import spectrally_normed
from gansmith.networks.stack import Stack


@component
class ResidualGenerator:
    """A residual generator: [N, Z] -> [N, C, H, W] in the range of `end`.

    A linear layer makes a map of widths[0] channels, which a residual block doubles for each further width; then batch norm,
    ReLU, a 3x3 convolution and `end`. The smallest map has the image's size over 2^(len(widths) - 1), rounded up; odd sides lose
    their last row when they are doubled. In Miyato et al. 2018 (appendix, table 3), widths are (256, 256, 256, 256) for CIFAR-10
    and (512, 256, 128, 64) for STL-10.
    """

    widths: Widths = (64, 64, 64)
    end: End = "tanh"

    def build(self, shapes: Shapes) -> nn.Module:
        """The generator for these shapes. Raises RecipeError for samples that are no images."""
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
    """A residual discriminator: [N, C, H, W] -> [N, 1].

    A residual block for each width, then ReLU, a sum or mean over the map and a linear layer. The first `halvings` blocks halve
    the map. In Miyato et al. 2018 (appendix, table 3), widths are (128, 128, 128, 128) for CIFAR-10 and (64, 128, 256, 512, 1024)
    with halvings=4 for STL-10, both with `spectral_norm`. Gulrajani et al. 2017 (appendix F) have the former with pool="mean".
    `minibatch_std` gives the last block the standard deviation over groups of so many samples (Karras et al. 2018, section 3).
    """

    widths: Widths = (64, 64, 64)
    halvings: Depth = 2
    spectral_norm: bool = False
    minibatch_std: Group | None = None
    pool: Literal["sum", "mean"] = "sum"

    def build(self, shapes: Shapes) -> nn.Module:
        """The discriminator for these shapes. Raises RecipeError for samples that are no images."""
        channels, _, _ = image_shape(shapes, "ResidualDiscriminator")
        layers: list[nn.Module] = []
        for i, (inputs, outputs) in enumerate(pairwise([channels, *self.widths])):
            deviations = deviation(self.minibatch_std, here=i == len(self.widths) - 1)
            layers += [*deviations, DownBlock(inputs + len(deviations), outputs, halve=i < self.halvings, first=i == 0)]
        layers += [nn.ReLU(), POOLS[self.pool](), glorot(nn.Linear(self.widths[-1], 1))]
        network: Stack = Stack(*layers).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return spectrally_normed(network) if self.spectral_norm else network


class UpBlock(nn.Module):
    """A residual block that doubles a map by repeating pixels, and crops it: [N, inputs, h, w] -> [N, outputs, height, width]."""

    def __init__(self, inputs: int, outputs: int, height: int, width: int) -> None:
        super().__init__()
        self.change = Stack(
            *(nn.BatchNorm2d(inputs), nn.ReLU(inplace=True), nn.Upsample(scale_factor=2), Crop(height, width)),
            glorot(nn.Conv2d(inputs, outputs, 3, padding=1), math.sqrt(2)),
            *(nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)),
            glorot(nn.Conv2d(outputs, outputs, 3, padding=1), math.sqrt(2)),
        )
        # Before doubling, which gives the same values for a quarter of the work.
        self.skip = nn.Sequential(glorot(nn.Conv2d(inputs, outputs, 1)), nn.Upsample(scale_factor=2), Crop(height, width))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """[N, inputs, h, w] -> [N, outputs, height, width]; the batch norms get the condition if they are conditional."""
        change, skip = self.change(x, condition), self.skip(x)
        return change + skip  # type: ignore[no-any-return]


class DownBlock(nn.Module):
    """A residual block: [N, inputs, h, w] -> [N, outputs, h, w], or half as large by 2x2 means; `first` omits its first ReLU."""

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
        """[N, inputs, h, w] -> [N, outputs, h, w], or half as large."""
        change, skip = self.change(x), self.skip(x)
        return change + skip  # type: ignore[no-any-return]


class SumPool(nn.Module):
    """Sum over the map, [N, C, h, w] -> [N, C]."""

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, h, w] -> [N, C]."""
        return x.sum((2, 3))


class MeanPool(nn.Module):
    """Mean over the map, [N, C, h, w] -> [N, C]."""

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, h, w] -> [N, C]."""
        return x.mean((2, 3))


POOLS: dict[str, type[nn.Module]] = {"sum": SumPool, "mean": MeanPool}


def glorot(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> nn.Module:
    """Initialise uniformly (Glorot and Bengio 2010, eq. 16) times `gain`, with zero biases, and return the layer."""
    nn.init.xavier_uniform_(layer.weight, gain)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
