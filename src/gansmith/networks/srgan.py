"""The networks of SRGAN (Ledig et al. 2017), which enlarge images, and their variant without batch norm."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from gansmith.core.component import component
from gansmith.core.fields import Depth, Width
from gansmith.networks.base import Shapes
from gansmith.networks.dcgan import FromMap, M, Widths, image_shape, started_small
from gansmith.networks.stack import Stack
from gansmith.networks.translation import Translator, enlargement, receptive_field, with_noise

EnlargedEnd = Literal["linear", "clamp"]


@component
class SrResnetGenerator:
    """SRGAN's generator, SRResNet (Ledig et al. 2017, section 2.1.1 and figure 4): source [N, C', h, w] -> [N, C, f h, f w].

    A 9x9 convolution; `blocks` residual blocks of two 3x3 convolutions with batch norm; a 3x3 convolution with batch norm, whose
    map is added to the first one; for each doubling a 3x3 convolution and pixel shuffle (Shi et al. 2016, section 2.2); a 9x9
    convolution. Between them are PReLUs with one weight each. The factor f, 2, 4 or 8, is that of samples to source. Weights
    start as PyTorch's.

    The samples have any value with end="linear", as in published code, which clips them when it saves them; end="clamp" clips
    them to [-1, 1] in evaluation mode. Noise [N, Z] joins the source as constant channels.
    """

    width: Width = 64
    blocks: Depth = 16
    end: EnlargedEnd = "linear"
    takes_condition: ClassVar[bool] = True

    def build(self, shapes: Shapes) -> nn.Module:
        """[N, Z], [N, C', h, w] -> [N, C, f h, f w]. Raises RecipeError unless the sample is 2, 4 or 8 times the source."""
        factor, width = enlargement(shapes, "SrResnetGenerator"), self.width
        first = nn.Sequential(nn.Conv2d(shapes.source[0] + shapes.noise, width, 9, 1, 4), nn.PReLU())
        body = [NormedBlock(width) for _ in range(self.blocks)]
        last = [part for _ in doublings(factor) for part in (*shuffled(width), nn.PReLU())]
        return Enlarger(
            first,
            nn.Sequential(*body, nn.Conv2d(width, width, 3, 1, 1), nn.BatchNorm2d(width)),
            nn.Sequential(*last, nn.Conv2d(width, shapes.sample[0], 9, 1, 4)),
            factor,
            skip=True,
            clamp=self.end == "clamp",
        )


@component
class MsrResnetGenerator:
    """SRResNet without batch norm, as in BasicSR (MSRResNet; Wang et al. 2018): source [N, C', h, w] -> [N, C, f h, f w].

    A 3x3 convolution; `blocks` residual blocks of two 3x3 convolutions (Lim et al. 2017, section 3.1); for each doubling a 3x3
    convolution and pixel shuffle; two 3x3 convolutions. Leaky ReLU .1 between, ReLU in the blocks. The network adds to the
    source, enlarged by bilinear interpolation, where source and samples have equally many channels. The factor f, 2, 4 or 8, is
    that of samples to source. Weights start with a tenth of the standard deviation of He et al. 2015 (eq. 10).

    The samples have any value with end="linear", as in published code, which clips them when it saves them; end="clamp" clips
    them to [-1, 1] in evaluation mode. Noise [N, Z] joins the source as constant channels.
    """

    width: Width = 64
    blocks: Depth = 16
    end: EnlargedEnd = "linear"
    takes_condition: ClassVar[bool] = True

    def build(self, shapes: Shapes) -> nn.Module:
        """[N, Z], [N, C', h, w] -> [N, C, f h, f w]. Raises RecipeError unless the sample is 2, 4 or 8 times the source."""
        factor, width = enlargement(shapes, "MsrResnetGenerator"), self.width
        first = nn.Sequential(nn.Conv2d(shapes.source[0] + shapes.noise, width, 3, 1, 1), nn.LeakyReLU(0.1, inplace=True))
        last = [part for _ in doublings(factor) for part in (*shuffled(width), nn.LeakyReLU(0.1, inplace=True))]
        last += [nn.Conv2d(width, width, 3, 1, 1), nn.LeakyReLU(0.1, inplace=True), nn.Conv2d(width, shapes.sample[0], 3, 1, 1)]
        network = Enlarger(
            first,
            nn.Sequential(*(PlainBlock(width) for _ in range(self.blocks))),
            nn.Sequential(*last),
            factor,
            base="bilinear" if shapes.source[0] == shapes.sample[0] else None,
            clamp=self.end == "clamp",
        )
        return started_tenth(network)


@component
class SrganDiscriminator:
    """SRGAN's discriminator (Ledig et al. 2017, section 2.1.1 and figure 4): [N, C, H, W] -> [N, 1].

    Two 3x3 convolutions for each width, the second of stride 2, with leaky ReLU .2, and batch norm on all but the first; a linear
    layer of `hidden` units with leaky ReLU .2; the logit. It is meant for crops of one size, 96 x 96 in the paper, without their
    sources: `unconditional-discriminator(network=srgan-discriminator)`. Weights start at N(0, .02^2) (Radford et al. 2016).
    """

    widths: Widths = (64, 128, 256, 512)
    hidden: Width = 1024

    def build(self, shapes: Shapes) -> nn.Module:
        """The discriminator for these shapes. Raises RecipeError for samples that are no images."""
        channels, height, width = image_shape(shapes, "SrganDiscriminator")
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise([channels, *self.widths]):
            layers += [nn.Conv2d(inputs, outputs, 3, 1, 1), *([nn.BatchNorm2d(outputs)] if layers else [])]
            layers += [nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(outputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs)]
            layers.append(nn.LeakyReLU(0.2, inplace=True))
            height, width = -(-height // 2), -(-width // 2)
        layers += [FromMap(), nn.Linear(self.widths[-1] * height * width, self.hidden), nn.LeakyReLU(0.2, inplace=True)]
        return started_small(Stack(*layers, nn.Linear(self.hidden, 1)))


class Enlarger(Translator):
    """A translator to larger images: noise [N, Z], source [N, C', h, w] -> samples [N, C, f h, f w].

    `first`, `body` and `last` run in this order; `last` enlarges. `skip` adds the output of `first` to that of `body`. `base`
    adds the source, enlarged by this interpolation, to the samples. `clamp` clips samples to [-1, 1] in evaluation mode, where no
    gradient is lost by it.
    """

    stride = 1

    def __init__(
        self,
        first: nn.Module,
        body: nn.Module,
        last: nn.Module,
        factor: int,
        *,
        skip: bool = False,
        base: str | None = None,
        clamp: bool = False,
    ) -> None:
        super().__init__()
        self.first, self.body, self.last = first, body, last
        self.factor, self.skip, self.base, self.clamp = factor, skip, base, clamp
        self.receptive_field = receptive_field(self, factor)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def translate(self, source: Tensor, z: Tensor) -> Tensor:
        """Source [N, C', h, w] and noise [N, Z] -> samples [N, C, f h, f w]."""
        x = self.first(with_noise(source, z))
        # The blocks return arrays of their own, so `x` is still that of `first`.
        made: Tensor = self.last(x + self.body(x) if self.skip else self.body(x))
        if self.base:
            made = made + functional.interpolate(source, scale_factor=self.factor, mode=self.base)
        return made.clamp(-1.0, 1.0) if self.clamp and not self.training else made


class NormedBlock(nn.Module):
    """x + norm(3x3(PReLU(norm(3x3(x))))) (Ledig et al. 2017, figure 4), [N, C, h, w] -> [N, C, h, w]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            *(nn.Conv2d(channels, channels, 3, 1, 1), nn.BatchNorm2d(channels), nn.PReLU()),
            *(nn.Conv2d(channels, channels, 3, 1, 1), nn.BatchNorm2d(channels)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, h, w] -> [N, C, h, w]."""
        return x + self.change(x)  # type: ignore[no-any-return]


class PlainBlock(nn.Module):
    """x + 3x3(ReLU(3x3(x))) (Lim et al. 2017, figure 2c), [N, C, h, w] -> [N, C, h, w]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(channels, channels, 3, 1, 1), nn.ReLU(inplace=True), nn.Conv2d(channels, channels, 3, 1, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, h, w] -> [N, C, h, w]."""
        return x + self.change(x)  # type: ignore[no-any-return]


def doublings(factor: int) -> range:
    """One number for each doubling that makes an image `factor` times larger."""
    return range(factor.bit_length() - 1)


def shuffled(channels: int) -> list[nn.Module]:
    """Layers [N, channels, h, w] -> [N, channels, 2h, 2w]: a 3x3 convolution and pixel shuffle (Shi et al. 2016, section 2.2)."""
    return [nn.Conv2d(channels, 4 * channels, 3, 1, 1), nn.PixelShuffle(2)]


@torch.no_grad()
def started_tenth(network: M) -> M:
    """Initialise convolutions from N(0, 2 / inputs) (He et al. 2015, eq. 10) times .1, and biases with 0: residuals are small."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            layer.weight.mul_(0.1)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network
