"""The networks of ESRGAN (Wang et al. 2018) and Real-ESRGAN (Wang et al. 2021), which enlarge images."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from gansmith.core.component import component
from gansmith.core.fields import Depth, Width
from gansmith.networks.base import Shapes
from gansmith.networks.dcgan import image_shape
from gansmith.networks.spectral import spectrally_normed
from gansmith.networks.srgan import EnlargedEnd, Enlarger, doublings, started_tenth
from gansmith.networks.stack import Stack
from gansmith.networks.translation import enlargement, padded


@component
class RrdbGenerator:
    """ESRGAN's generator, RRDBNet (Wang et al. 2018, section 3.1 and figure 4): source [N, C', h, w] -> [N, C, f h, f w].

    A 3x3 convolution; `blocks` blocks and a 3x3 convolution, whose map is added to the first one; for each doubling pixels are
    repeated and a 3x3 convolution follows; two more. Leaky ReLU .2 after these but the last, and no norm. A block is a residual
    in a residual: three dense blocks of five 3x3 convolutions, four of which give `growth` channels. The factor f, 2, 4 or 8, is
    that of samples to source. (Real-ESRGAN's network for f = 2 differs: it shrinks its source first.) Weights of the blocks
    start as those of `msr-resnet-generator`, others as PyTorch's.

    The samples have any value with end="linear", as in published code, which clips them when it saves them; end="clamp" clips
    them to [-1, 1] in evaluation mode. Noise [N, Z] joins the source as constant channels.
    """

    width: Width = 64
    blocks: Depth = 23
    growth: Width = 32
    end: EnlargedEnd = "linear"
    takes_condition: ClassVar[bool] = True

    def build(self, shapes: Shapes) -> nn.Module:
        """[N, Z], [N, C', h, w] -> [N, C, f h, f w]. Raises RecipeError unless the sample is 2, 4 or 8 times the source."""
        factor, width = enlargement(shapes, "RrdbGenerator"), self.width
        body = [started_tenth(DenseBlocks(width, self.growth)) for _ in range(self.blocks)]
        last: list[nn.Module] = []
        for _ in doublings(factor):
            last += [nn.Upsample(scale_factor=2), nn.Conv2d(width, width, 3, 1, 1), nn.LeakyReLU(0.2, inplace=True)]
        last += [nn.Conv2d(width, width, 3, 1, 1), nn.LeakyReLU(0.2, inplace=True)]
        return Enlarger(
            nn.Conv2d(shapes.source[0] + shapes.noise, width, 3, 1, 1),
            nn.Sequential(*body, nn.Conv2d(width, width, 3, 1, 1)),
            nn.Sequential(*last, nn.Conv2d(width, shapes.sample[0], 3, 1, 1)),
            factor,
            skip=True,
            clamp=self.end == "clamp",
        )


@component
class CompactGenerator:
    """Real-ESRGAN's small generator, SRVGGNetCompact (Wang et al. 2021, its code): source [N, C', h, w] -> [N, C, f h, f w].

    A 3x3 convolution and `layers` more, each followed by a PReLU with a weight for each channel; a 3x3 convolution and pixel
    shuffle by f. All but the last step is done at the size of the source, which suits a CPU. The network adds to the source,
    enlarged by repeating pixels, where source and samples have equally many channels. The factor f, 2, 4 or 8, is that of
    samples to source. The published networks have 16 and 32 layers. Weights start as PyTorch's.

    The samples have any value with end="linear", as in published code, which clips them when it saves them; end="clamp" clips
    them to [-1, 1] in evaluation mode. Noise [N, Z] joins the source as constant channels.
    """

    width: Width = 64
    layers: Depth = 16
    end: EnlargedEnd = "linear"
    takes_condition: ClassVar[bool] = True

    def build(self, shapes: Shapes) -> nn.Module:
        """[N, Z], [N, C', h, w] -> [N, C, f h, f w]. Raises RecipeError unless the sample is 2, 4 or 8 times the source."""
        factor, width, channels = enlargement(shapes, "CompactGenerator"), self.width, shapes.sample[0]
        body = [part for _ in range(self.layers) for part in (nn.Conv2d(width, width, 3, 1, 1), nn.PReLU(width))]
        return Enlarger(
            nn.Sequential(nn.Conv2d(shapes.source[0] + shapes.noise, width, 3, 1, 1), nn.PReLU(width)),
            nn.Sequential(*body),
            nn.Sequential(nn.Conv2d(width, channels * factor**2, 3, 1, 1), nn.PixelShuffle(factor)),
            factor,
            base="nearest" if shapes.source[0] == channels else None,
            clamp=self.end == "clamp",
        )


@component
class UnetDiscriminator:
    """Real-ESRGAN's discriminator (Wang et al. 2021, section 3.3): [N, C, H, W] -> [N, H * W], a logit for each pixel.

    A 3x3 convolution to `width` channels; three 4x4 convolutions of stride 2, each to twice as many; three bilinear doublings,
    each followed by a 3x3 convolution to half as many and added to the map of its size from the way down; two 3x3 convolutions,
    and one for the logits. Leaky ReLU .2 between. `spectral_norm` holds the largest singular value of each layer but the first
    and last at 1 (Miyato et al. 2018, eq. 8). Sides that are no multiple of 8 are mirrored at the edge, and the logits are
    cropped. Weights start as PyTorch's.

    It scores samples without their sources: `unconditional-discriminator(network=unet-discriminator)`.
    """

    width: Width = 64
    spectral_norm: bool = True

    def build(self, shapes: Shapes) -> nn.Module:
        """The discriminator for these shapes. Raises RecipeError for samples that are no images."""
        channels, _, _ = image_shape(shapes, "UnetDiscriminator")
        network = PixelUnet(channels, self.width, self.spectral_norm)
        return Stack(network, nn.Flatten()).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


class DenseBlock(nn.Module):
    """x + .2 * five 3x3 convolutions, each of which gets all maps before it (Wang et al. 2018, figure 4), [N, C, h, w]."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        outputs = [growth] * 4 + [channels]
        self.convolutions = nn.ModuleList(nn.Conv2d(channels + i * growth, output, 3, 1, 1) for i, output in enumerate(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, h, w] -> [N, C, h, w]."""
        maps = [x]
        for convolution in self.convolutions[:-1]:
            maps.append(functional.leaky_relu(convolution(torch.cat(maps, 1)), 0.2))
        return x + 0.2 * self.convolutions[-1](torch.cat(maps, 1))  # type: ignore[no-any-return]


class DenseBlocks(nn.Module):
    """x + .2 * three dense blocks (Wang et al. 2018, figure 4), [N, C, h, w] -> [N, C, h, w]."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(DenseBlock(channels, growth) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, h, w] -> [N, C, h, w]."""
        return x + 0.2 * self.blocks(x)  # type: ignore[no-any-return]


class PixelUnet(nn.Module):
    """A U-Net whose maps are added across: samples [N, C, H, W] -> logits [N, 1, H, W]."""

    def __init__(self, channels: int, width: int, spectral_norm: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, 1, 1)
        self.downs = nn.ModuleList(nn.Conv2d(width * 2**i, width * 2 ** (i + 1), 4, 2, 1, bias=False) for i in range(3))
        self.ups = nn.ModuleList(nn.Conv2d(width * 2 ** (i + 1), width * 2**i, 3, 1, 1, bias=False) for i in (2, 1, 0))
        self.further = nn.ModuleList(nn.Conv2d(width, width, 3, 1, 1, bias=False) for _ in range(2))
        self.last = nn.Conv2d(width, 1, 3, 1, 1)
        if spectral_norm:
            for layers in (self.downs, self.ups, self.further):
                spectrally_normed(layers)

    def forward(self, x: Tensor) -> Tensor:
        """Samples [N, C, H, W] -> logits [N, 1, H, W]."""
        height, width = x.shape[2:]
        x = functional.leaky_relu(self.first(padded(x, 8)), 0.2)
        maps = []
        for down in self.downs:
            maps.append(x)
            x = functional.leaky_relu(down(x), 0.2)
        for up in self.ups:
            doubled = functional.interpolate(x, scale_factor=2, mode="bilinear")
            x = functional.leaky_relu(up(doubled), 0.2) + maps.pop()
        for layer in self.further:
            x = functional.leaky_relu(layer(x), 0.2)
        logits: Tensor = self.last(x)
        return logits[:, :, :height, :width]
