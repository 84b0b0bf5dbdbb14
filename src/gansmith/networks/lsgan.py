"""The generator of LSGAN for scenes (Mao et al. 2017), for images of any size."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from gansmith.core.component import component
from gansmith.core.fields import Depth
from gansmith.networks.base import Shapes
from gansmith.networks.dcgan import Crop, ToMap, Widths, image_shape, started_small
from gansmith.networks.stack import Stack


@component
class LsganGenerator:
    """LSGAN's generator (Mao et al. 2017, the figure of the models for LSUN): [N, Z] -> [N, C, H, W] in [-1, 1].

    A linear layer makes a map of widths[0] channels. A 3x3 transposed convolution of stride 2 doubles it for each width; after
    the first `further` of them follows one of stride 1. A last one of stride 1 and tanh end it, with batch norm and ReLU between.
    The paper's widths (256, 256, 128, 64) with further=2 start at 7 x 7 for images of 112 x 112. Weights start at N(0, .02^2).
    """

    widths: Widths = (256, 256, 128, 64)
    further: Depth = 2

    def build(self, shapes: Shapes) -> nn.Module:
        """The generator for these shapes. Raises RecipeError for samples that are no images."""
        channels, height, width = image_shape(shapes, "LsganGenerator")
        factor = 2 ** len(self.widths)
        start = (self.widths[0], -(-height // factor), -(-width // factor))
        layers: list[nn.Module] = [nn.Linear(shapes.noise, start[0] * start[1] * start[2], bias=False), ToMap(*start)]
        layers += [nn.BatchNorm2d(start[0]), nn.ReLU(inplace=True)]
        for i, (inputs, outputs) in enumerate(pairwise([self.widths[0], *self.widths])):
            convolutions = [nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=1, bias=False)]
            convolutions += [nn.ConvTranspose2d(outputs, outputs, 3, 1, 1, bias=False)] if i < self.further else []
            for convolution in convolutions:
                layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        layers += [nn.ConvTranspose2d(self.widths[-1], channels, 3, 1, 1), Crop(height, width), nn.Tanh()]
        return started_small(Stack(*layers))
