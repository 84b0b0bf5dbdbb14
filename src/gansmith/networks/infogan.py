"""The networks of InfoGAN for images (Chen et al. 2016, appendix C.1), for any size."""

from __future__ import annotations

from torch import nn

from gansmith.core.component import component
from gansmith.core.fields import Slope, Width
from gansmith.networks.base import Shapes
from gansmith.networks.dcgan import Crop, FromMap, ToMap, image_shape, started_small
from gansmith.networks.mlp import ENDS, End
from gansmith.networks.stack import Stack


@component
class InfoGanGenerator:
    """InfoGAN's generator (Chen et al. 2016, appendix C.1): [N, Z] -> [N, C, H, W] in the range of `end`.

    Two linear layers make a map of a quarter of the image's size, rounded up. Two 4x4 transposed convolutions of stride 2 follow,
    with batch norm and ReLU before each layer but the first. Then the map is cropped, and `end` is applied.
    """

    hidden: Width = 1024
    widths: tuple[Width, Width] = (128, 64)
    end: End = "sigmoid"

    def build(self, shapes: Shapes) -> nn.Module:
        """The generator for these shapes. Raises RecipeError for samples that are no images."""
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
    """InfoGAN's discriminator (Chen et al. 2016, appendix C.1), without Q: [N, C, H, W] -> [N, 1].

    Two 4x4 convolutions of stride 2, a linear layer of `hidden` units and the logit, with leaky ReLU, and batch norm on the
    second and third layer. `auxiliary-discriminator` adds Q.
    """

    widths: tuple[Width, Width] = (64, 128)
    hidden: Width = 1024
    slope: Slope = 0.1

    def build(self, shapes: Shapes) -> nn.Module:
        """The discriminator for these shapes. Raises RecipeError for samples that are no images."""
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
