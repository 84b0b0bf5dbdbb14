"""R3GAN's residual networks without normalisation (Huang et al. 2024), for images of any size and number of channels."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn

from gansmith.core.component import component
from gansmith.core.errors import RecipeError
from gansmith.core.fields import SomeDepth, Width
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
    """R3GAN's generator (Huang et al. 2024, section 3): [N, Z] -> [N, C, H, W] in the range of `end`.

    A learned map, scaled channel by channel by a linear layer of z; for each width `blocks` residual blocks, with a 1x1
    convolution where the width changes and upsampling by the filter [1, 3, 3, 1] between; then a 1x1 convolution and `end`. The
    smallest map has the image's size over 2^(len(widths) - 1), rounded up; odd sides lose their last row when they are doubled.
    """

    widths: Widths = (128, 128, 64, 32)
    blocks: SomeDepth = 1  # in each stage
    group: Width = 16  # channels in a group of the 3x3 convolutions
    end: End = "linear"

    def __post_init__(self) -> None:
        check_groups("R3GanGenerator", self.widths, self.group)

    def build(self, shapes: Shapes) -> nn.Module:
        """The generator for these shapes. Raises RecipeError for samples that are no images."""
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
    """R3GAN's discriminator (Huang et al. 2024, section 3), a mirror of the generator: [N, C, H, W] -> [N, 1].

    A 1x1 convolution; for each width `blocks` residual blocks, with downsampling between; then a depth-wise convolution over the
    whole map and a linear layer. Only layers inside the blocks have biases. Blocks start as the identity, except with
    `spectral_norm`, which cannot normalise zero weights. `minibatch_std` adds its channel before the last stage.
    """

    widths: Widths = (32, 64, 128, 128)
    blocks: SomeDepth = 1  # in each stage
    group: Width = 16  # channels in a group of the 3x3 convolutions
    spectral_norm: bool = False
    minibatch_std: Group | None = None

    def __post_init__(self) -> None:
        check_groups("R3GanDiscriminator", self.widths, self.group)

    def build(self, shapes: Shapes) -> nn.Module:
        """The discriminator for these shapes. Raises RecipeError for samples that are no images."""
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
    """A learned map whose channels are scaled by a linear layer of z: [N, Z] -> [N, C, h, w]."""

    def __init__(self, noise: int, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.maps = nn.Parameter(torch.randn(1, channels, height, width))
        self.linear = started(nn.Linear(noise, channels, bias=False))

    def forward(self, z: Tensor) -> Tensor:
        """[N, Z] -> [N, C, h, w]."""
        scales: Tensor = self.linear(z)
        return self.maps * scales[:, :, None, None]


class WholeMap(nn.Module):
    """A depth-wise convolution over the whole map: [N, C, h, w] -> [N, C].

    It is computed as a product, because the second derivative of PyTorch's grouped convolutions, which penalties need, is slow.
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels, height, width) / math.sqrt(height * width))

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, h, w] -> [N, C]."""
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
        """[N, C, h, w] -> [N, C, h, w]."""
        change: Tensor = self.change(x)
        return x + change


def started(layer: L, gain: float = 1.0) -> L:
    """Initialise weights from N(0, gain^2 / inputs of a unit) and biases with 0, and return the layer."""
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def block_gain(blocks: int) -> float:
    """Gain of the first two convolutions of a block: He et al. 2015, times blocks^(-1/4) as in Fixup (Zhang et al. 2019)."""
    return math.sqrt(2 / (1 + SLOPE**2)) / math.sqrt(math.sqrt(blocks))


def unbiased(inputs: int, outputs: int) -> nn.Conv2d:
    """A 1x1 convolution without bias, [N, inputs, h, w] -> [N, outputs, h, w]."""
    return started(nn.Conv2d(inputs, outputs, 1, bias=False))


def check_groups(name: str, widths: tuple[int, ...], group: int) -> None:
    """Raise RecipeError that names a width whose 2 * width channels are no multiple of `group`."""
    for width in widths:
        if 2 * width % group:
            message = f"blocks of width {width} have {2 * width} channels, which groups of {group} do not divide"
            raise RecipeError(
                f"{name}: {message}: choose widths that are multiples of {group // math.gcd(group, 2)}, or another group"
            )
