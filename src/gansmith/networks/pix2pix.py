"""The networks of pix2pix (Isola et al. 2017): a U-Net from image to image, and a discriminator of patches, for any size."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from gansmith.core.component import component
from gansmith.core.errors import RecipeError
from gansmith.core.fields import Depth, SomeDepth, Width
from gansmith.networks.base import Shapes
from gansmith.networks.dcgan import image_shape, started_small
from gansmith.networks.mlp import ENDS, Dropout, End, Share
from gansmith.networks.spectral import spectrally_normed
from gansmith.networks.stack import Stack
from gansmith.networks.translation import (
    Norm,
    Translator,
    Upsampling,
    doubling,
    equal_size,
    norms,
    padded,
    patch_size,
    receptive_field,
    stride_of,
    with_noise,
)


@component
class UnetGenerator:
    """The U-Net of pix2pix (Isola et al. 2017, section 3.2.1, appendix 6.1): source [N, C', H, W] -> [N, C, H, W].

    The range is that of `end`. 4x4 convolutions of stride 2 halve the map until its shorter side is 1, or `downs` times at most:
    8 times for 256 x 256, 6 for 64 x 64. The first has `width` channels, each further one twice as many, at most 8 `width`. As
    many layers double the map. Each but the first of these also gets the map of its size from the way down. Leaky ReLU .2 is on
    the way down and ReLU on the way up; `norm` is after all layers but the first, the one that makes the smallest map, and the
    last. `dropout` (.5 in the paper) follows those of the innermost three doublings that make 8 `width` channels. Weights start
    at N(0, .02^2).

    The paper has batch norm in batches of 1, which is instance norm. Noise [N, Z] joins the source as constant channels. Sides
    that are no multiple of 2^downs are mirrored at the edge, and the result is cropped. upsampling="resize" has no transposed
    convolutions.
    """

    width: Width = 64
    downs: SomeDepth | None = None
    norm: Norm = "instance"
    dropout: Share = 0.0
    upsampling: Upsampling = "transposed"
    end: End = "tanh"
    takes_condition: ClassVar[bool] = True

    def build(self, shapes: Shapes) -> nn.Module:
        """[N, Z], [N, C', H, W] -> [N, C, H, W]. Raises RecipeError without a source image of the sample's size."""
        height, width = equal_size(shapes, "UnetGenerator")
        enough = max((min(height, width) - 1).bit_length(), 1)
        downs = min(self.downs or enough, enough)
        widths = [self.width * min(2**i, 8) for i in range(downs)]
        return started_small(Unet(self, shapes.source[0] + shapes.noise, widths, shapes.sample[0], sees_all=downs == enough))


class Unet(Translator):
    """A U-Net: noise [N, Z], source [N, C', H, W] -> samples [N, C, H, W] of any size."""

    def __init__(self, settings: UnetGenerator, inputs: int, widths: list[int], outputs: int, sees_all: bool) -> None:
        super().__init__()
        norm, bias = settings.norm, settings.norm != "batch"  # batch norm brings its own shift
        last = len(widths) - 1
        self.downs = nn.ModuleList([nn.Conv2d(inputs, widths[0], 4, 2, 1, bias=bias)])
        for i, (before, after) in enumerate(pairwise(widths), 1):
            # In place, though the map is also passed across: the ReLU there makes the same of it.
            layers: list[nn.Module] = [nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(before, after, 4, 2, 1, bias=bias)]
            # The innermost map may have a single pixel, of which instance norm would make 0.
            self.downs.append(nn.Sequential(*layers, *(norms(norm, after) if i < last else [])))
        self.ups = nn.ModuleList()
        for i in range(last, 0, -1):
            joined = widths[i] * (1 if i == last else 2)
            layers = [nn.ReLU(inplace=True), *doubling(joined, widths[i - 1], 4, settings.upsampling, bias)]
            layers += norms(norm, widths[i - 1])
            if settings.dropout and last - i < 3 and widths[i - 1] == 8 * settings.width:
                layers.append(Dropout(settings.dropout))
            self.ups.append(nn.Sequential(*layers))
        joined = widths[0] * (2 if last else 1)
        self.ups.append(nn.Sequential(nn.ReLU(inplace=True), *doubling(joined, outputs, 4, settings.upsampling, bias=True)))
        self.end = ENDS[settings.end]()
        self.stride = stride_of(self)
        self.receptive_field = None if sees_all else receptive_field(self)

    def translate(self, source: Tensor, z: Tensor) -> Tensor:
        """Source [N, C', H, W] and noise [N, Z] -> samples [N, C, H, W]."""
        height, width = source.shape[2:]
        x = padded(with_noise(source, z), self.stride)
        maps = []
        for down in self.downs:
            x = down(x)
            maps.append(x)
        x = maps.pop()
        for i, up in enumerate(self.ups):
            x = up(torch.cat([x, maps.pop()], 1) if i else x)
        made: Tensor = self.end(x[:, :, :height, :width])
        return made


@component
class PatchDiscriminator:
    """The PatchGAN of pix2pix (Isola et al. 2017, section 3.2.2, appendix 6.1.2): [N, C, H, W] -> [N, M], a logit for each patch.

    `layers` 4x4 convolutions of stride 2, one of stride 1, and one of stride 1 with one channel. The first has `width` channels,
    each further one twice as many, at most 8 `width`. Leaky ReLU .2 between; `norm` after all but the first and last. Patches
    overlap and have a side of 70 pixels with 3 layers, 34 with 2, 16 with 1 and 7 with 0. An image of 256 x 256 has 30 x 30 of
    them. Images below 24 pixels get fewer layers, as many as leave a patch.

    `joined-discriminator(network=patch-discriminator)` sees the source too, as in pix2pix. Alone, or in
    `unconditional-discriminator`, it is CycleGAN's. Weights start at N(0, .02^2). `spectral_norm` holds the largest singular
    value of each layer at 1 (Miyato et al. 2018, eq. 8).
    """

    width: Width = 64
    layers: Depth = 3
    norm: Norm = "instance"
    spectral_norm: bool = False

    def build(self, shapes: Shapes) -> nn.Module:
        """The discriminator for these shapes. Raises RecipeError for samples that are no images, or below 3 x 3 pixels."""
        channels, height, width = image_shape(shapes, "PatchDiscriminator")
        side = min(height, width)
        if side < 3:
            raise RecipeError(
                f"patch-discriminator: expected images of 3 x 3 pixels or more, got {height} x {width}: "
                "choose larger ones, or conv-discriminator(widths=[64])"
            )
        halvings = min(self.layers, (side // 3).bit_length() - 1)  # the two layers of stride 1 take a row each
        widths = [channels, *(self.width * min(2**i, 8) for i in range(halvings + 1))]
        made: list[nn.Module] = []
        for i, (inputs, outputs) in enumerate(pairwise(widths)):
            normed = norms(self.norm, outputs) if i else []
            bias = not normed or self.norm != "batch"
            made += [nn.Conv2d(inputs, outputs, 4, 2 if i < halvings else 1, 1, bias=bias), *normed]
            made.append(nn.LeakyReLU(0.2, inplace=True))
        network = started_small(Patches(*made, nn.Conv2d(widths[-1], 1, 4, 1, 1), nn.Flatten()))
        network.patch_size = patch_size(network)
        return spectrally_normed(network) if self.spectral_norm else network


class Patches(Stack):
    """Layers [N, C, H, W] -> [N, M], M logits of patches in rows; `patch_size` is the side of a patch in pixels."""

    patch_size: int = 0
