"""The networks of the VAE-GAN (Larsen et al. 2016, table 1), for images of any size."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from gansmith.core.component import component
from gansmith.core.fields import Width
from gansmith.networks.base import Shapes
from gansmith.networks.dcgan import Crop, FromMap, ToMap, Widths, image_shape, started_small
from gansmith.networks.stack import Stack


@component
class LarsenGenerator:
    """VAE-GAN's generator (Larsen et al. 2016, table 1): [N, Z] -> [N, C, H, W] in [-1, 1].

    A linear layer makes a map of widths[0] channels. A 5x5 transposed convolution doubles it for each further width, and a 5x5
    convolution and tanh end it, with batch norm and ReLU between. The paper's widths (256, 256, 128, 32) start at 8 x 8 for
    images of 64 x 64. Weights start at N(0, .02^2).
    """

    widths: Widths = (256, 256, 128, 32)

    def build(self, shapes: Shapes) -> nn.Module:
        """The generator for these shapes. Raises RecipeError for samples that are no images."""
        channels, height, width = image_shape(shapes, "LarsenGenerator")
        factor = 2 ** (len(self.widths) - 1)
        start = (self.widths[0], -(-height // factor), -(-width // factor))
        features = start[0] * start[1] * start[2]
        layers: list[nn.Module] = [nn.Linear(shapes.noise, features, bias=False), nn.BatchNorm1d(features)]
        layers += [nn.ReLU(inplace=True), ToMap(*start)]
        for inputs, outputs in pairwise(self.widths):
            layers += [nn.ConvTranspose2d(inputs, outputs, 5, 2, 2, output_padding=1, bias=False)]
            layers += [nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        layers += [nn.Conv2d(self.widths[-1], channels, 5, 1, 2), Crop(height, width), nn.Tanh()]
        return started_small(Stack(*layers))


@component
class LarsenDiscriminator:
    """VAE-GAN's discriminator (Larsen et al. 2016, table 1): [N, C, H, W] -> [N, 1].

    A 5x5 convolution with ReLU for each width, all but the first with stride 2 and batch norm; then a linear layer of `hidden`
    units with batch norm and ReLU, and the logit. Weights start at N(0, .02^2).
    """

    widths: Widths = (32, 128, 256, 256)
    hidden: Width = 512

    def build(self, shapes: Shapes) -> nn.Module:
        """The discriminator for these shapes. Raises RecipeError for samples that are no images."""
        channels, height, width = image_shape(shapes, "LarsenDiscriminator")
        layers: list[nn.Module] = [nn.Conv2d(channels, self.widths[0], 5, 1, 2), nn.ReLU(inplace=True)]
        for inputs, outputs in pairwise(self.widths):
            layers += [nn.Conv2d(inputs, outputs, 5, 2, 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
            height, width = -(-height // 2), -(-width // 2)
        layers += [FromMap(), nn.Linear(self.widths[-1] * height * width, self.hidden, bias=False)]
        layers += [nn.BatchNorm1d(self.hidden), nn.ReLU(inplace=True), nn.Linear(self.hidden, 1)]
        return started_small(Stack(*layers))
