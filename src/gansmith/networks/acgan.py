"""The networks of AC-GAN for CIFAR-10 (Odena et al. 2017, table 2 of the appendix), for any size."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field
from torch import nn

from gansmith.core.component import component
from gansmith.networks.base import Shapes
from gansmith.networks.dcgan import Crop, FromMap, ToMap, Widths, image_shape, started_small
from gansmith.networks.mlp import Share
from gansmith.networks.stack import Stack

Slope = Annotated[float, Field(ge=0.0)]


@component
class AcGanGenerator:
    """z -> linear -> ReLU -> a small map -> a 5x5 transposed convolution for each doubling, batch norm and ReLU between -> tanh.

    The map starts at the image's size over 2^len(widths), rounded up, and what is too much at the end is cut off.
    """

    widths: Widths = (384, 192, 96)

    def build(self, shapes: Shapes) -> nn.Module:
        channels, height, width = image_shape(shapes, "AcGanGenerator")
        factor = 2 ** len(self.widths)
        start = (self.widths[0], -(-height // factor), -(-width // factor))
        layers: list[nn.Module] = [nn.Linear(shapes.noise, start[0] * start[1] * start[2]), nn.ReLU(inplace=True), ToMap(*start)]
        for inputs, outputs in pairwise(self.widths):
            layers += [_doubled(inputs, outputs), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        return started_small(Stack(*layers, _doubled(self.widths[-1], channels), Crop(height, width), nn.Tanh()))


@component
class AcGanDiscriminator:
    """A sample -> a 3x3 convolution for each width, of stride 2 and 1 in turn -> one logit.

    Batch norm on all but the first, leaky ReLU, and dropout behind each.
    """

    widths: Widths = (16, 32, 64, 128, 256, 512)
    dropout: Share = 0.5
    slope: Slope = 0.2

    def build(self, shapes: Shapes) -> nn.Module:
        channels, height, width = image_shape(shapes, "AcGanDiscriminator")
        layers: list[nn.Module] = []
        for i, (inputs, outputs) in enumerate(pairwise([channels, *self.widths])):
            stride = 1 if i % 2 else 2
            layers.append(nn.Conv2d(inputs, outputs, 3, stride, 1))
            layers += [nn.BatchNorm2d(outputs)] if i else []
            layers += [nn.LeakyReLU(self.slope, inplace=True), nn.Dropout(self.dropout)]
            height, width = -(-height // stride), -(-width // stride)
        return started_small(Stack(*layers, FromMap(), nn.Linear(self.widths[-1] * height * width, 1)))


def _doubled(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inputs, outputs, 5, 2, 2, output_padding=1)
