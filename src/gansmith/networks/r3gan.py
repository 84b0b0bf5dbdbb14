"""R3GAN's residual networks without normalisation (Huang et al. 2024), for any height, width and number of channels."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TypeVar

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from gansmith.core.component import component
from gansmith.core.errors import RecipeError
from gansmith.networks.base import Shapes
from gansmith.networks.dcgan import Widths, image_shape
from gansmith.networks.minibatch import Group, deviation
from gansmith.networks.mlp import ENDS, End
from gansmith.networks.resampling import downsampling, halvings, upsampling
from gansmith.networks.spectral import spectrally_normed
from gansmith.networks.stack import Stack

L = TypeVar("L", nn.Conv2d, nn.Linear)

SLOPE = 0.2


@component
class R3GanGenerator:
    """z -> a learned map weighted by a linear of z -> for each width `blocks` residual blocks, twice as large between -> `end`.

    Width to width by a 1x1 convolution where it changes, then [1, 3, 3, 1] upsampling. The smallest map is the image's size over
    2^(stages - 1), rounded up; a side that should be odd loses its last row as it is doubled.
    """

    widths: Widths = (128, 128, 64, 32)
    blocks: PositiveInt = 1  # in each stage
    group: PositiveInt = 16  # channels in a group of the 3x3 convolutions
    end: End = "linear"

    def __post_init__(self) -> None:
        check_groups("R3GanGenerator", self.widths, self.group)

    def build(self, shapes: Shapes) -> nn.Module:
        channels, height, width = image_shape(shapes, "R3GanGenerator")
        sizes = halvings(height, width, len(self.widths) - 1)[::-1]
        gain = block_gain(len(self.widths) * self.blocks)
        layers: list[nn.Module] = [Basis(shapes.noise, self.widths[0], *sizes[0])]
        layers += [R3GanBlock(self.widths[0], self.group, gain) for _ in range(self.blocks)]
        for (inputs, outputs), (small, large) in zip(pairwise(self.widths), pairwise(sizes), strict=True):
            layers += [*([unbiased(inputs, outputs)] if inputs != outputs else []), upsampling(small, large)]
            layers += [R3GanBlock(outputs, self.group, gain) for _ in range(self.blocks)]
        layers += [unbiased(self.widths[-1], channels), ENDS[self.end]()]
        return Stack(*layers).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


@component
class R3GanDiscriminator:
    """The generator's mirror: a sample -> 1x1 -> blocks, half as large between -> a weight for each place of each map -> linear.

    Widths go from the image to the smallest map. No layer but those inside the blocks has a bias. With `spectral_norm`, which
    takes no zero weights, blocks don't start as the identity. `minibatch_std` is told to the last 1x1 before a stage.
    """

    widths: Widths = (32, 64, 128, 128)
    blocks: PositiveInt = 1  # in each stage
    group: PositiveInt = 16  # channels in a group of the 3x3 convolutions
    spectral_norm: bool = False
    minibatch_std: Group | None = None

    def __post_init__(self) -> None:
        check_groups("R3GanDiscriminator", self.widths, self.group)

    def build(self, shapes: Shapes) -> nn.Module:
        channels, height, width = image_shape(shapes, "R3GanDiscriminator")
        sizes = halvings(height, width, len(self.widths) - 1)
        gain = block_gain(len(self.widths) * self.blocks)
        layers: list[nn.Module] = []
        for i, (inputs, outputs) in enumerate(pairwise([channels, *self.widths])):
            deviations = deviation(self.minibatch_std, here=i == len(self.widths) - 1)
            layers += [*([downsampling(sizes[i - 1], sizes[i])] if i else []), *deviations]
            layers += [unbiased(inputs + len(deviations), outputs)] if i == 0 or inputs + len(deviations) != outputs else []
            layers += [R3GanBlock(outputs, self.group, gain, gain if self.spectral_norm else 0.0) for _ in range(self.blocks)]
        layers += [WholeMap(self.widths[-1], *sizes[-1]), started(nn.Linear(self.widths[-1], 1, bias=False))]
        network: Stack = Stack(*layers).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return spectrally_normed(network) if self.spectral_norm else network


class Basis(nn.Module):
    """z [N, Z] -> [N, C, h, w]: a learned map, each of its channels times a number that is linear in z."""

    def __init__(self, noise: int, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.maps = nn.Parameter(torch.randn(1, channels, height, width))
        self.linear = started(nn.Linear(noise, channels, bias=False))

    def forward(self, z: Tensor) -> Tensor:
        scales: Tensor = self.linear(z)
        return self.maps * scales[:, :, None, None]


class WholeMap(nn.Module):
    """[N, C, h, w] -> [N, C]: a depth-wise convolution over the whole map, each channel's places weighted and added.

    As a product, since the second derivative of PyTorch's convolutions, which penalties take, goes through groups one by one.
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, height, width) / math.sqrt(height * width))

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weight).sum((2, 3))


class R3GanBlock(nn.Module):
    """x + f(x), [N, C, h, w]: 1x1 to 2C channels, 3x3 in groups, 1x1 back to C, which starts at 0; leaky ReLU between."""

    def __init__(self, channels: int, group: int, gain: float, last_gain: float = 0.0) -> None:
        super().__init__()
        wide = 2 * channels
        self.change = nn.Sequential(
            started(nn.Conv2d(channels, wide, 1), gain),
            nn.LeakyReLU(SLOPE, inplace=True),
            started(nn.Conv2d(wide, wide, 3, padding=1, groups=wide // group), gain),
            nn.LeakyReLU(SLOPE, inplace=True),
            started(nn.Conv2d(wide, channels, 1, bias=False), last_gain),
        )

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.change(x)
        return x + change


def started(layer: L, gain: float = 1.0) -> L:
    """Weights from N(0, gain^2 / inputs of a unit), biases 0."""
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def block_gain(blocks: int) -> float:
    """Of a block's first two convolutions: leaky ReLU's (He et al. 2015), times blocks^(-1/4) as in Fixup (Zhang et al. 2019)."""
    return math.sqrt(2 / (1 + SLOPE**2)) / math.sqrt(math.sqrt(blocks))


def unbiased(inputs: int, outputs: int) -> nn.Conv2d:
    return started(nn.Conv2d(inputs, outputs, 1, bias=False))


def check_groups(name: str, widths: tuple[int, ...], group: int) -> None:
    """Raises RecipeError naming a width whose blocks' channels can't be cut into groups."""
    for width in widths:
        if 2 * width % group:
            message = f"blocks of width {width} have {2 * width} channels, which groups of {group} do not divide"
            raise RecipeError(
                f"{name}: {message}: choose widths that are multiples of {group // math.gcd(group, 2)}, or another group"
            )
