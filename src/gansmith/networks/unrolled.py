"""The tiny networks in which unrolled GANs were tried on stacked MNIST, for any images."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

from pydantic import Field
from torch import nn

from gansmith.core.component import component
from gansmith.networks.base import Shapes
from gansmith.networks.dcgan import FromMap, ToMap, Widths, image_shape, started_small
from gansmith.networks.stack import Stack


@component
class UnrolledGenerator:
    """z -> linear -> a map of widths[0] channels -> a 3x3 transposed convolution for each doubling -> 3x3 convolution -> tanh.

    Batch norm and ReLU before each but the first. For 28 x 28 the maps are 4, 7, 14 and 28 pixels a side (Metz et al. 2017,
    appendix on stacked MNIST). Weights start at N(0, .02^2).
    """

    widths: Widths = (64, 32, 16, 8)

    def build(self, shapes: Shapes) -> nn.Module:
        channels, height, width = image_shape(shapes, "UnrolledGenerator")
        maps = [(-(-height // 2**k), -(-width // 2**k)) for k in reversed(range(len(self.widths)))]
        first = (self.widths[0], *maps[0])
        layers: list[nn.Module] = [nn.Linear(shapes.noise, first[0] * first[1] * first[2], bias=False), ToMap(*first)]
        for (inputs, outputs), (small, large) in zip(pairwise(self.widths), pairwise(maps), strict=True):
            # Of two sizes that a stride of 2 makes of one map, this is the right one: 4 -> 7, but 7 -> 14.
            more = (large[0] - 2 * small[0] + 1, large[1] - 2 * small[1] + 1)
            layers += [nn.BatchNorm2d(inputs), nn.ReLU(inplace=True)]
            layers.append(nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=more, bias=False))
        layers += [nn.BatchNorm2d(self.widths[-1]), nn.ReLU(inplace=True), nn.Conv2d(self.widths[-1], channels, 3, 1, 1)]
        return started_small(Stack(*layers, nn.Tanh()))


@component
class UnrolledDiscriminator:
    """A sample -> a 3x3 convolution of stride 2, batch norm and leaky ReLU for each width -> linear -> one logit.

    As in Metz et al. 2017: these widths are their D of a quarter of G's channels, twice as many that of half of them.
    Weights start at N(0, .02^2).
    """

    widths: Widths = (2, 4, 8)
    slope: Annotated[float, Field(ge=0.0)] = 0.3

    def build(self, shapes: Shapes) -> nn.Module:
        channels, height, width = image_shape(shapes, "UnrolledDiscriminator")
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise([channels, *self.widths]):
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs)]
            layers.append(nn.LeakyReLU(self.slope, inplace=True))
            height, width = -(-height // 2), -(-width // 2)
        return started_small(Stack(*layers, FromMap(), nn.Linear(self.widths[-1] * height * width, 1)))
