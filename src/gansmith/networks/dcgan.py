"""Convolutional networks in the manner of DCGAN, for any height, width and number of channels."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from gansmith.core.component import component
from gansmith.core.errors import RecipeError
from gansmith.networks.base import Shapes
from gansmith.networks.minibatch import Group, deviation
from gansmith.networks.mlp import BatchNorm
from gansmith.networks.spectral import spectrally_normed
from gansmith.networks.stack import Stack, run_layer

Widths = Annotated[tuple[PositiveInt, ...], Field(min_length=1)]


def image_shape(shapes: Shapes, network: str) -> tuple[int, int, int]:
    """(channels, height, width) of the data's samples. Raises RecipeError naming the network where they are no images."""
    if len(shapes.sample) != 3:
        raise RecipeError(
            f"network {network} makes or judges images [C, H, W], but the data's samples are {list(shapes.sample)}: "
            "choose data that are images, or networks such as mlp-generator(widths=[128])"
        )
    channels, height, width = shapes.sample
    return channels, height, width


@component
class ConvGenerator:
    """z -> linear -> a small map of widths[0] channels -> one 4x4 transposed convolution for each doubling -> tanh.

    Batch norm and ReLU before each but the last; weights start at N(0, .02^2) (Radford et al. 2016, section 3 and 4). The map
    starts at the image's size over 2^len(widths), rounded up, and what is too much at the end is cut off. `blocks` residual 3x3
    convolutions work on the small map, where shapes are laid out, before it is doubled. (512, 256, 128, 64) with no `bias` in the
    last layer is the network that everyone uses for 64 x 64.
    """

    widths: Widths = (64, 32)
    blocks: NonNegativeInt = 0
    batch_norm: BatchNorm = BatchNorm()
    bias: bool = True

    def build(self, shapes: Shapes) -> nn.Module:
        channels, height, width = image_shape(shapes, "ConvGenerator")
        factor = 2 ** len(self.widths)
        start = (self.widths[0], -(-height // factor), -(-width // factor))
        layers: list[nn.Module] = [nn.Linear(shapes.noise, start[0] * start[1] * start[2], bias=False), ToMap(*start)]
        for i, (inputs, outputs) in enumerate(pairwise([*self.widths, channels])):
            layers += [self.batch_norm.of_maps(inputs), nn.ReLU(inplace=True)]
            layers += [MapBlock(inputs) for _ in range(0 if i else self.blocks)]
            layers.append(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=self.bias and i == len(self.widths) - 1))
        return started_small(Stack(*layers, Crop(height, width), nn.Tanh()))


@component
class ConvDiscriminator:
    """A sample -> one convolution of stride 2 for each width, batch norm if any, leaky ReLU .2 -> linear -> one logit.

    (64, 128, 256, 512) with `batch_norm` from the second convolution on and no `bias` is the network that everyone uses for
    64 x 64 (Radford et al. 2016, section 3, leave it out of the first). A normalised layer has no bias of its own.

    `hidden` puts a linear layer of so many units, leaky ReLU .2, before the logit: it sees the whole image at once, where the
    convolutions see strokes.

    Weights start at N(0, .02^2). With `spectral_norm` every layer's largest singular value is held at 1 (Miyato et al. 2018).
    `minibatch_std` tells the last convolution how much the samples of groups of that many differ (Karras et al. 2018).
    """

    widths: Widths = (32, 64)
    kernel: Annotated[int, Field(ge=3, le=7)] = 4
    spectral_norm: bool = False
    minibatch_std: Group | None = None
    hidden: PositiveInt | None = None
    batch_norm: BatchNorm | None = None
    bias: bool = True

    def build(self, shapes: Shapes) -> nn.Module:
        layers, features = _halved(
            "ConvDiscriminator", shapes, self.widths, self.kernel, 0.2, self.batch_norm, self.bias, self.minibatch_std
        )
        if self.hidden:
            layers += [nn.Linear(features, self.hidden), nn.LeakyReLU(0.2, inplace=True)]
        layers.append(nn.Linear(self.hidden or features, 1, bias=self.bias))
        network = started_small(Stack(*layers))
        return spectrally_normed(network) if self.spectral_norm else network


@component
class ConvEncoder:
    """A sample -> a convolution of stride 2 for each width, batch norm, leaky ReLU -> `hidden` likewise -> q(z|x), [N, 2 Z].

    That is the means of z, then the logarithms of its variances. (64, 128, 256) with kernels of 5, a slope of 0 and 2048 hidden
    units is that of Larsen et al. 2016 (table 1) for 64 x 64. Weights start at N(0, .02^2).
    """

    widths: Widths = (32, 64)
    kernel: Annotated[int, Field(ge=3, le=7)] = 4
    slope: Annotated[float, Field(ge=0.0)] = 0.2
    batch_norm: BatchNorm | None = BatchNorm()
    hidden: PositiveInt | None = None

    def build(self, shapes: Shapes) -> nn.Module:
        layers, features = _halved("ConvEncoder", shapes, self.widths, self.kernel, self.slope, self.batch_norm)
        if self.hidden:
            norm = [self.batch_norm.of_vectors(self.hidden)] if self.batch_norm else []
            layers += [nn.Linear(features, self.hidden, bias=not norm), *norm, nn.LeakyReLU(self.slope, inplace=True)]
        return started_small(Stack(*layers, nn.Linear(self.hidden or features, 2 * shapes.noise)))


def _halved(
    name: str,
    shapes: Shapes,
    widths: tuple[int, ...],
    kernel: int,
    slope: float,
    batch_norm: BatchNorm | None,
    bias: bool = True,
    group: int | None = None,
) -> tuple[list[nn.Module], int]:
    """A convolution of stride 2 for each width, the last map as rows, and how many features a row has."""
    channels, height, width = image_shape(shapes, name)
    pad = (kernel - 1) // 2
    layers: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(pairwise([channels, *widths])):
        deviations = deviation(group, here=i == len(widths) - 1)
        norm = [batch_norm.of_maps(outputs)] if batch_norm and i >= batch_norm.first else []
        layers += [*deviations, nn.Conv2d(inputs + len(deviations), outputs, kernel, 2, pad, bias=bias and not norm), *norm]
        layers.append(nn.LeakyReLU(slope, inplace=True))
        height, width = ((n + 2 * pad - kernel) // 2 + 1 for n in (height, width))
        if min(height, width) < 1:
            raise RecipeError(f"{name}: {len(widths)} halvings are too many for samples of {list(shapes.sample)}")
    return [*layers, FromMap()], widths[-1] * height * width


class MapBlock(nn.Module):
    """x -> ReLU(x + batch norm(3x3 convolution(x))) (He et al. 2016, section 3.2, with one layer): the map keeps its shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """[N, C, h, w] -> [N, C, h, w]; the batch norm gets the condition if it is conditional."""
        return functional.relu(x + run_layer(self.norm, self.convolution(x), condition))


class ToMap(nn.Module):
    """[N, h * w * C] -> [N, C, h, w], channels beside each other in memory as in every map that follows.

    Where layers disagree on that, each pass between them goes through memory number by number, and takes ten times as long.
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.channels, self.height, self.width = channels, height, width

    def extra_repr(self) -> str:
        return f"{self.channels}, {self.height}, {self.width}"

    def forward(self, x: Tensor) -> Tensor:
        return x.view(-1, self.height, self.width, self.channels).permute(0, 3, 1, 2)


class FromMap(nn.Module):
    """[N, C, h, w] -> [N, h * w * C], so that the gradient comes back with channels beside each other in memory."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


class Crop(nn.Module):
    """[N, C, h, w] -> [N, C, height, width], the upper left part."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def extra_repr(self) -> str:
        return f"{self.height}, {self.width}"

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, : self.height, : self.width]


@torch.no_grad()
def started_small(network: Stack, std: float = 0.02) -> Stack:
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0.0, std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    # Channels beside each other in memory is what the quick kernels of processors and GPUs work on.
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
