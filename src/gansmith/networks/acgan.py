"""The networks of AC-GAN for CIFAR-10 (Odena et al. 2017, table 2 of the appendix), for any size."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from gansmith.core.component import component
from gansmith.core.fields import Slope
from gansmith.networks.base import Shapes
from gansmith.networks.dcgan import Crop, FromMap, ToMap, Widths, image_shape, started_small
from gansmith.networks.mlp import Share
from gansmith.networks.stack import Stack


@component
class AcGanGenerator:
    """AC-GAN's generator (Odena et al. 2017, appendix, table 2): [N, Z] -> [N, C, H, W] in [-1, 1].

    A linear layer with ReLU makes a map of widths[0] channels and of the image's size over 2^len(widths), rounded up. A 5x5
    transposed convolution doubles it for each width, with batch norm and ReLU between. Then it is cropped, and tanh follows.
    """

    widths: Widths = (384, 192, 96)

    def build(self, shapes: Shapes) -> nn.Module:
        """The generator for these shapes. Raises RecipeError for samples that are no images."""
        channels, height, width = image_shape(shapes, "AcGanGenerator")
        factor = 2 ** len(self.widths)
        start = (self.widths[0], -(-height // factor), -(-width // factor))
        layers: list[nn.Module] = [nn.Linear(shapes.noise, start[0] * start[1] * start[2]), nn.ReLU(inplace=True), ToMap(*start)]
        for inputs, outputs in pairwise(self.widths):
            layers += [_doubled(inputs, outputs), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        return started_small(Stack(*layers, _doubled(self.widths[-1], channels), Crop(height, width), nn.Tanh()))


@component
class AcGanDiscriminator:
    """AC-GAN's discriminator (Odena et al. 2017, appendix, table 2), without its head: [N, C, H, W] -> [N, 1].

    A 3x3 convolution for each width, with strides 2 and 1 in turn, batch norm on all but the first, leaky ReLU and dropout; then
    a linear layer. `auxiliary-discriminator` adds the head.
    """

    widths: Widths = (16, 32, 64, 128, 256, 512)
    dropout: Share = 0.5
    slope: Slope = 0.2

    def build(self, shapes: Shapes) -> nn.Module:
        """The discriminator for these shapes. Raises RecipeError for samples that are no images."""
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
    """A 5x5 transposed convolution, [N, inputs, h, w] -> [N, outputs, 2h, 2w]."""
    return nn.ConvTranspose2d(inputs, outputs, 5, 2, 2, output_padding=1)
