"""Convolutional networks in the style of DCGAN (Radford et al. 2016), for images of any size and number of channels."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, TypeVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from gansmith.core.component import component
from gansmith.core.errors import RecipeError
from gansmith.core.fields import Depth, Slope, Width
from gansmith.networks.base import Shapes
from gansmith.networks.minibatch import Group, deviation
from gansmith.networks.mlp import BatchNorm
from gansmith.networks.spectral import spectrally_normed
from gansmith.networks.stack import Stack, run_layer

M = TypeVar("M", bound=nn.Module)
Widths = Annotated[tuple[Width, ...], Field(min_length=1, max_length=1000)]


def image_shape(shapes: Shapes, network: str) -> tuple[int, int, int]:
    """(channels, height, width) of a sample. Raises RecipeError that names the network where samples are no images."""
    if len(shapes.sample) != 3:
        raise RecipeError(
            f"network {network} is for images [C, H, W], but the data's samples are {list(shapes.sample)}: "
            "choose data that are images, or networks such as mlp-generator(widths=[128])"
        )
    channels, height, width = shapes.sample
    return channels, height, width


@component
class ConvGenerator:
    """A DCGAN generator (Radford et al. 2016, sections 3 and 4): [N, Z] -> [N, C, H, W] in [-1, 1].

    A linear layer makes a map of widths[0] channels and of the image's size over 2^len(widths), rounded up. A 4x4 transposed
    convolution doubles it for each width, with batch norm and ReLU before it. Then the map is cropped, and tanh follows. `blocks`
    adds so many residual 3x3 convolutions on the smallest map. Weights start at N(0, .02^2). The common network for 64 x 64 has
    widths (512, 256, 128, 64) and bias=False, which applies to the last layer.
    """

    widths: Widths = (64, 32)
    blocks: Depth = 0
    batch_norm: BatchNorm = BatchNorm()
    bias: bool = True

    def build(self, shapes: Shapes) -> nn.Module:
        """The generator for these shapes. Raises RecipeError for samples that are no images."""
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
    """A DCGAN discriminator (Radford et al. 2016, section 3): [N, C, H, W] -> [N, 1].

    A convolution of stride 2 for each width, with optional batch norm and leaky ReLU .2, then a linear layer. The common network
    for 64 x 64 has widths (64, 128, 256, 512), `batch_norm` from the second convolution on and bias=False. A convolution with
    batch norm has no bias. `hidden` adds a linear layer of so many units with leaky ReLU .2 before the logit, which sees the
    whole image.

    Weights start at N(0, .02^2). `spectral_norm` holds the largest singular value of each layer at 1 (Miyato et al. 2018, eq. 8).
    `minibatch_std` gives the last convolution the standard deviation over groups of so many samples (Karras et al. 2018, section
    3).
    """

    widths: Widths = (32, 64)
    kernel: Annotated[int, Field(ge=3, le=7)] = 4
    spectral_norm: bool = False
    minibatch_std: Group | None = None
    hidden: Width | None = None
    batch_norm: BatchNorm | None = None
    bias: bool = True

    def build(self, shapes: Shapes) -> nn.Module:
        """The discriminator for these shapes. Raises RecipeError for samples that are no images."""
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
    """A convolutional encoder: [N, C, H, W] -> [N, 2 Z], the means of q(z|x), then the logarithms of its variances.

    A convolution of stride 2 for each width, with batch norm and leaky ReLU; `hidden` adds a linear layer of so many units with
    both. The encoder of Larsen et al. 2016 (table 1) for 64 x 64 has widths (64, 128, 256), kernel 5, slope 0 and 2048 hidden
    units. Weights start at N(0, .02^2).
    """

    widths: Widths = (32, 64)
    kernel: Annotated[int, Field(ge=3, le=7)] = 4
    slope: Slope = 0.2
    batch_norm: BatchNorm | None = BatchNorm()
    hidden: Width | None = None

    def build(self, shapes: Shapes) -> nn.Module:
        """The encoder for these shapes. Raises RecipeError for samples that are no images."""
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
    """Layers [N, C, H, W] -> [N, F] with a convolution of stride 2 for each width, and F."""
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
    """x -> ReLU(x + batch norm(3x3 convolution(x))) (He et al. 2016, section 3.2, with one layer), [N, C, h, w]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """[N, C, h, w] -> [N, C, h, w]; the batch norm gets the condition if it is conditional."""
        return functional.relu(x + run_layer(self.norm, self.convolution(x), condition))


class ToMap(nn.Module):
    """Reshape [N, h * w * C] -> [N, C, h, w] in the memory format channels_last, as in all layers that follow.

    Converting between memory formats would take ten times as long as the pass itself.
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.channels, self.height, self.width = channels, height, width

    def extra_repr(self) -> str:
        """The sizes, for printing."""
        return f"{self.channels}, {self.height}, {self.width}"

    def forward(self, x: Tensor) -> Tensor:
        """[N, h * w * C] -> [N, C, h, w]."""
        return x.view(-1, self.height, self.width, self.channels).permute(0, 3, 1, 2)


class FromMap(nn.Module):
    """Reshape [N, C, h, w] -> [N, h * w * C], so that gradients are in the memory format channels_last."""

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, h, w] -> [N, h * w * C]."""
        return x.permute(0, 2, 3, 1).flatten(1)


class Crop(nn.Module):
    """Crop [N, C, h, w] -> [N, C, height, width] to the upper left part."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.height, self.width = height, width

    def extra_repr(self) -> str:
        """The sizes, for printing."""
        return f"{self.height}, {self.width}"

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, h, w] -> [N, C, height, width]."""
        return x[:, :, : self.height, : self.width]


@torch.no_grad()
def started_small(network: M, std: float = 0.02) -> M:
    """Initialise weights from N(0, std^2) and biases with 0, and use the memory format channels_last."""
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            nn.init.normal_(layer.weight, 0.0, std)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    # The fast convolutions of CPUs and GPUs work on channels_last.
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
