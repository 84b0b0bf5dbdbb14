"""The small networks of unrolled GANs for stacked MNIST (Metz et al. 2017), for images of any size."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from gansmith.core.component import component
from gansmith.core.fields import Slope
from gansmith.networks.base import Shapes
from gansmith.networks.dcgan import FromMap, ToMap, Widths, image_shape, started_small
from gansmith.networks.stack import Stack


@component
class UnrolledGenerator:
    """The generator of Metz et al. 2017 (appendix on stacked MNIST): [N, Z] -> [N, C, H, W] in [-1, 1].

    A linear layer makes a map of widths[0] channels; a 3x3 transposed convolution doubles it for each further width; a 3x3
    convolution and tanh end it, with batch norm and ReLU before each layer but the first. For 28 x 28 the maps have sides of 4,
    7, 14 and 28 pixels. Weights start at N(0, .02^2).
    """

    widths: Widths = (64, 32, 16, 8)

    def build(self, shapes: Shapes) -> nn.Module:
        """The generator for these shapes. Raises RecipeError for samples that are no images."""
        channels, height, width = image_shape(shapes, "UnrolledGenerator")
        maps = [(-(-height // 2**k), -(-width // 2**k)) for k in reversed(range(len(self.widths)))]
        first = (self.widths[0], *maps[0])
        layers: list[nn.Module] = [nn.Linear(shapes.noise, first[0] * first[1] * first[2], bias=False), ToMap(*first)]
        for (inputs, outputs), (small, large) in zip(pairwise(self.widths), pairwise(maps), strict=True):
            # A stride of 2 allows two output sizes; this chooses between them: 4 -> 7, but 7 -> 14.
            padding = (large[0] - 2 * small[0] + 1, large[1] - 2 * small[1] + 1)
            layers += [nn.BatchNorm2d(inputs), nn.ReLU(inplace=True)]
            layers.append(nn.ConvTranspose2d(inputs, outputs, 3, 2, 1, output_padding=padding, bias=False))
        layers += [nn.BatchNorm2d(self.widths[-1]), nn.ReLU(inplace=True), nn.Conv2d(self.widths[-1], channels, 3, 1, 1)]
        return started_small(Stack(*layers, nn.Tanh()))


@component
class UnrolledDiscriminator:
    """The discriminator of Metz et al. 2017 (appendix on stacked MNIST): [N, C, H, W] -> [N, 1].

    A 3x3 convolution of stride 2 with batch norm and leaky ReLU for each width, then a linear layer. The default widths are the
    paper's discriminator with a quarter of the generator's channels; twice these are the one with half of them. Weights start at
    N(0, .02^2).
    """

    widths: Widths = (2, 4, 8)
    slope: Slope = 0.3

    def build(self, shapes: Shapes) -> nn.Module:
        """The discriminator for these shapes. Raises RecipeError for samples that are no images."""
        channels, height, width = image_shape(shapes, "UnrolledDiscriminator")
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise([channels, *self.widths]):
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs)]
            layers.append(nn.LeakyReLU(self.slope, inplace=True))
            height, width = -(-height // 2), -(-width // 2)
        return started_small(Stack(*layers, FromMap(), nn.Linear(self.widths[-1] * height * width, 1)))
