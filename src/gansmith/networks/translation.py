"""What all translators share: their start from a source image and noise, padding to any size, norms and the receptive field."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from gansmith.core.component import kebab
from gansmith.core.errors import RecipeError
from gansmith.networks.base import Shapes
from gansmith.networks.dcgan import image_shape
from gansmith.networks.mlp import BatchNorm

Norm = Literal["instance", "batch", "none"]
Upsampling = Literal["transposed", "resize"]


class Translator(nn.Module):
    """A generator that starts from a source image: noise [N, Z], source [N, C', H', W'] -> samples [N, C, H, W].

    Z may be 0. A translator also takes source images of another size than the one that it was built for.

    receptive_field     In evaluation mode a pixel of a sample depends on source pixels that are at most `receptive_field // 2`
                        rows and columns away. None without such a bound, as with instance norm, whose statistics are those of
                        the whole image.
    stride              A part of an image that begins at multiples of so many pixels is translated as in the whole image, but for
                        the pixels nearer to its edges than `receptive_field // 2`. So large images can be cut into tiles.
    """

    receptive_field: int | None
    stride: int

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        """Noise [N, Z] and source [N, C', H', W'] -> samples [N, C, H, W]. Raises RecipeError without a source."""
        if condition is None:
            raise RecipeError(f"{type(self).__name__} was given no source image: choose condition=source-image")
        return self.translate(condition.to(z.dtype), z)

    def translate(self, source: Tensor, z: Tensor) -> Tensor:
        """Source [N, C', H', W'] and noise [N, Z] -> samples [N, C, H, W]."""
        raise NotImplementedError


# ---------------------------------------------------------------------------------------------------- shapes


def source_shape(shapes: Shapes, network: str) -> tuple[int, int, int]:
    """(channels, height, width) of the source. Raises RecipeError that names the network without one, or without images."""
    image_shape(shapes, network)
    if len(shapes.source) != 3:
        raise RecipeError(f"{kebab(network)} starts from an image: choose condition=source-image and data that are pairs")
    channels, height, width = shapes.source
    return channels, height, width


def equal_size(shapes: Shapes, network: str) -> tuple[int, int]:
    """(height, width) of both source and sample. Raises RecipeError that names the network where they differ."""
    _, height, width = source_shape(shapes, network)
    if shapes.sample[1:] != shapes.source[1:]:
        raise RecipeError(
            f"{kebab(network)} keeps the size of its source: expected samples of {_pixels(shapes.source)}, got "
            f"{_pixels(shapes.sample)}: choose sr-resnet-generator, or pairs of one size"
        )
    return height, width


def enlargement(shapes: Shapes, network: str) -> int:
    """How many times larger the sample is than its source: 2, 4 or 8. Raises RecipeError that names the network otherwise."""
    _, height, width = source_shape(shapes, network)
    for factor in (2, 4, 8):
        if shapes.sample[1:] == (factor * height, factor * width):
            return factor
    raise RecipeError(
        f"{kebab(network)} makes images 2, 4 or 8 times larger than their source: got a source of {_pixels(shapes.source)} and "
        f"samples of {_pixels(shapes.sample)}: choose such sizes, or unet-generator for equal ones"
    )


def _pixels(shape: tuple[int, ...]) -> str:
    """Height and width of an image in a message: `64 x 64 pixels`."""
    return f"{' x '.join(map(str, shape[1:]))} pixels"


# ---------------------------------------------------------------------------------------------------- layers


def with_noise(x: Tensor, z: Tensor) -> Tensor:
    """Append each entry of z as a constant channel: [N, C, h, w], [N, Z] -> [N, C + Z, h, w]."""
    return torch.cat([x, z[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1) if z.shape[1] else x


def padded(x: Tensor, multiple: int, least: int = 1) -> Tensor:
    """Continue an image below and to the right, until its sides are multiples of `multiple` and at least `least`.

    [N, C, h, w] -> [N, C, height, width]. The image is mirrored at its edges, several times if need be.
    """
    for axis in (2, 3):
        wanted = max(-(-x.shape[axis] // multiple) * multiple, least)
        while (size := x.shape[axis]) < wanted:
            # A mirror leaves out the row it stands on, so it adds at most size - 1; a single row can only be repeated.
            added = min(wanted - size, max(size - 1, 1))
            x = functional.pad(x, (0, added, 0, 0) if axis == 3 else (0, 0, 0, added), "reflect" if size > 1 else "replicate")
    return x


def norms(norm: Norm, channels: int) -> list[nn.Module]:
    """The norm of a map [N, C, h, w], if any. Instance norm has no weights; scales of batch norm start at N(1, .02^2)."""
    if norm == "batch":
        return [BatchNorm(std=0.02).of_maps(channels)]
    # Group norm with a channel in each group is instance norm (Ulyanov et al. 2017, eq. 1), and faster than PyTorch's.
    return [nn.GroupNorm(channels, channels, affine=False)] if norm == "instance" else []


def doubling(inputs: int, outputs: int, kernel: int, upsampling: Upsampling, bias: bool) -> list[nn.Module]:
    """Layers [N, inputs, h, w] -> [N, outputs, 2h, 2w].

    A transposed convolution of stride 2; or pixels repeated and a 3x3 convolution, which leaves no checkerboards (Odena et al.
    2016, "Deconvolution and checkerboard artifacts").
    """
    if upsampling == "resize":
        return [nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 3, 1, 1, bias=bias)]
    return [nn.ConvTranspose2d(inputs, outputs, kernel, 2, 1, output_padding=kernel % 2, bias=bias)]


# ---------------------------------------------------------------------------------------------------- the receptive field


def receptive_field(network: nn.Module, factor: int = 1) -> int | None:
    """Twice the distance, in source pixels, of the furthest one that a pixel of the sample depends on, plus 1.

    None with instance norm. The layers must be registered in the order of the longest path from source to sample. `factor` is
    how many times larger the sample is.
    """
    layers = list(network.modules())
    if any(isinstance(layer, nn.GroupNorm) for layer in layers):
        return None
    furthest = 0
    for pixel in range(factor * stride_of(network)):  # places differ by how they lie to the strides
        low, high = _seen(layers, pixel)
        furthest = max(furthest, pixel // factor - low, high - pixel // factor)
    return 2 * furthest + 1


def patch_size(network: nn.Module) -> int:
    """Side in pixels of the patch that one place of the last map sees through convolutions in a row."""
    low, high = _seen(list(network.modules()), 0)
    return high - low + 1


def stride_of(network: nn.Module) -> int:
    """By how much the convolutions reduce the sides of a map, all together."""
    return math.prod(layer.stride[0] for layer in network.modules() if isinstance(layer, nn.Conv2d))


def _seen(layers: list[nn.Module], pixel: int) -> tuple[int, int]:
    """The first and the last source pixel, along one axis, that a pixel after these layers depends on."""
    low = high = pixel
    for layer in reversed(layers):
        match layer:
            case nn.Conv2d():
                kernel, stride, pad = layer.kernel_size[0], layer.stride[0], int(layer.padding[0])
                low, high = low * stride - pad, high * stride - pad + kernel - 1
            case nn.ConvTranspose2d():
                kernel, stride, pad = layer.kernel_size[0], layer.stride[0], int(layer.padding[0])
                low, high = -((kernel - 1 - pad - low) // stride), (high + pad) // stride
            case nn.ReflectionPad2d():
                low, high = low - layer.padding[0], high - layer.padding[0]
            case nn.Upsample():  # `doubling` and the enlarging translators repeat pixels twice
                low, high = low // 2, high // 2
            case nn.PixelShuffle():
                low, high = low // layer.upscale_factor, high // layer.upscale_factor
    return low, high
