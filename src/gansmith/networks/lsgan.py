"""The generator of 3x3 convolutions with which least squares GANs drew rooms, for any images."""

from __future__ import annotations

from itertools import pairwise

from pydantic import NonNegativeInt
from torch import nn

from gansmith.core.component import component
from gansmith.networks.base import Shapes
from gansmith.networks.dcgan import Crop, ToMap, Widths, image_shape, started_small
from gansmith.networks.stack import Stack


@component
class LsganGenerator:
    """z -> linear -> a map of widths[0] channels -> a 3x3 transposed convolution of stride 2 for each width -> 3x3 -> tanh.

    The first `further` of them are followed by another of stride 1. Batch norm and ReLU after each but the last. (256, 256,
    128, 64) with two further ones starts at 7 x 7 for images of 112 x 112 (Mao et al. 2017, the figure of LSUN's models).
    Weights start at N(0, .02^2).
    """

    widths: Widths = (256, 256, 128, 64)
    further: NonNegativeInt = 2

    def build(self, shapes: Shapes) -> nn.Module:
        channels, height, width = image_shape(shapes, "LsganGenerator")
        factor = 2 ** len(self.widths)
        start = (self.widths[0], -(-height // factor), -(-width // factor))
        layers: list[nn.Module] = [nn.Linear(shapes.noise, start[0] * start[1] * start[2], bias=False), ToMap(*start)]
        layers += [nn.BatchNorm2d(start[0]), nn.ReLU(inplace=True)]
        for i, (inputs, outputs) in enumerate(pairwise([self.widths[0], *self.widths])):
            steps = [nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1, bias=False)]
            steps += [nn.ConvTranspose2d(outputs, outputs, 3, 1, 1, bias=False)] if i < self.further else []
            for step in steps:
                layers += [step, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        layers += [nn.ConvTranspose2d(self.widths[-1], channels, 3, 1, 1), Crop(height, width), nn.Tanh()]
        return started_small(Stack(*layers))
