"""The networks of InfoGAN for images (Chen et al. 2016, appendix C.1), for any size."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt
from torch import nn

from gansmith.core.component import component
from gansmith.networks.base import Shapes
from gansmith.networks.dcgan import Crop, FromMap, ToMap, image_shape, started_small
from gansmith.networks.mlp import ENDS, End
from gansmith.networks.stack import Stack

Slope = Annotated[float, Field(ge=0.0)]


@component
class InfoGanGenerator:
    """z -> linear -> linear -> a map of a quarter of the image's size -> two 4x4 transposed convolutions of stride 2 -> `end`.

    Batch norm and ReLU before each but the first. What is too much at the end is cut off.
    """

    hidden: PositiveInt = 1024
    widths: tuple[PositiveInt, PositiveInt] = (128, 64)
    end: End = "sigmoid"

    def build(self, shapes: Shapes) -> nn.Module:
        channels, height, width = image_shape(shapes, "InfoGanGenerator")
        first, second = self.widths
        start = (first, -(-height // 4), -(-width // 4))
        units = start[0] * start[1] * start[2]
        return started_small(
            Stack(
                *(nn.Linear(shapes.noise, self.hidden), nn.BatchNorm1d(self.hidden), nn.ReLU(inplace=True)),
                *(nn.Linear(self.hidden, units), nn.BatchNorm1d(units), nn.ReLU(inplace=True), ToMap(*start)),
                *(nn.ConvTranspose2d(first, second, 4, 2, 1), nn.BatchNorm2d(second), nn.ReLU(inplace=True)),
                *(nn.ConvTranspose2d(second, channels, 4, 2, 1), Crop(height, width), ENDS[self.end]()),
            )
        )


@component
class InfoGanDiscriminator:
    """A sample -> two 4x4 convolutions of stride 2 -> linear -> one logit; batch norm on the second and third, leaky ReLU .1."""

    widths: tuple[PositiveInt, PositiveInt] = (64, 128)
    hidden: PositiveInt = 1024
    slope: Slope = 0.1

    def build(self, shapes: Shapes) -> nn.Module:
        channels, height, width = image_shape(shapes, "InfoGanDiscriminator")
        first, second = self.widths
        features = second * (height // 4) * (width // 4)
        return started_small(
            Stack(
                *(nn.Conv2d(channels, first, 4, 2, 1), nn.LeakyReLU(self.slope, inplace=True)),
                *(nn.Conv2d(first, second, 4, 2, 1), nn.BatchNorm2d(second), nn.LeakyReLU(self.slope, inplace=True), FromMap()),
                *(nn.Linear(features, self.hidden), nn.BatchNorm1d(self.hidden), nn.LeakyReLU(self.slope, inplace=True)),
                nn.Linear(self.hidden, 1),
            )
        )
