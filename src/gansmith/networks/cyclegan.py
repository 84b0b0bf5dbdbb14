"""The generator of CycleGAN (Zhu et al. 2017), from image to image, for any size."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from gansmith.core.component import component
from gansmith.core.fields import Depth, Width
from gansmith.networks.base import Shapes
from gansmith.networks.dcgan import started_small
from gansmith.networks.mlp import ENDS, Dropout, End, Share
from gansmith.networks.translation import (
    Norm,
    Translator,
    Upsampling,
    doubling,
    equal_size,
    norms,
    padded,
    receptive_field,
    with_noise,
)


@component
class ResnetGenerator:
    """CycleGAN's generator (Zhu et al. 2017, appendix 7.2; Johnson et al. 2016): source [N, C', H, W] -> [N, C, H, W].

    The range is that of `end`. A 7x7 convolution to `width` channels; two 3x3 convolutions of stride 2 to twice and four times as
    many; `blocks` residual blocks of two 3x3 convolutions; two 3x3 transposed convolutions, which double the map; a 7x7
    convolution. ReLU between, `norm` after all but the last, and mirrored edges at the 7x7 convolutions and in the blocks.
    `dropout` is between the convolutions of a block. The paper has 9 blocks for 256 x 256 and 6 for 128 x 128. Weights start at
    N(0, .02^2).

    Noise [N, Z] joins the smallest map, by a 1x1 convolution with ReLU and without norm: instance norm removes constants that are
    added before it. The network is fully convolutional. Sides that are no multiple of 4, or below 8, are mirrored at the edge,
    and the result is cropped. upsampling="resize" has no transposed convolutions.
    """

    width: Width = 64
    blocks: Depth = 9
    norm: Norm = "instance"
    dropout: Share = 0.0
    upsampling: Upsampling = "transposed"
    end: End = "tanh"
    takes_condition: ClassVar[bool] = True

    def build(self, shapes: Shapes) -> nn.Module:
        """[N, Z], [N, C', H, W] -> [N, C, H, W]. Raises RecipeError without a source image of the sample's size."""
        equal_size(shapes, "ResnetGenerator")
        return started_small(Resnet(self, shapes.source[0], shapes.noise, shapes.sample[0]))


class Resnet(Translator):
    """A residual translator: noise [N, Z], source [N, C', H, W] -> samples [N, C, H, W] of any size."""

    stride = 4

    def __init__(self, settings: ResnetGenerator, inputs: int, noise: int, outputs: int) -> None:
        super().__init__()
        width, norm, bias = settings.width, settings.norm, settings.norm != "batch"  # batch norm brings its own shift
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(inputs, width, 7, bias=bias), *norms(norm, width), nn.ReLU(inplace=True)]
        for wider in (2 * width, 4 * width):
            layers += [nn.Conv2d(wider // 2, wider, 3, 2, 1, bias=bias), *norms(norm, wider), nn.ReLU(inplace=True)]
        self.down = nn.Sequential(*layers)
        join = [nn.Conv2d(4 * width + noise, 4 * width, 1), nn.ReLU(inplace=True)] if noise else []
        self.join = nn.Sequential(*join)
        layers = [ResnetBlock(4 * width, norm, settings.dropout) for _ in range(settings.blocks)]
        for narrower in (2 * width, width):
            layers += doubling(2 * narrower, narrower, 3, settings.upsampling, bias)
            layers += [*norms(norm, narrower), nn.ReLU(inplace=True)]
        self.up = nn.Sequential(*layers, nn.ReflectionPad2d(3), nn.Conv2d(width, outputs, 7))
        self.end = ENDS[settings.end]()
        self.receptive_field = receptive_field(self)

    def translate(self, source: Tensor, z: Tensor) -> Tensor:
        """Source [N, C', H, W] and noise [N, Z] -> samples [N, C, H, W]."""
        height, width = source.shape[2:]
        # At least 8, so that the smallest map can be mirrored, and has more than one pixel for instance norm.
        x = self.up(self.join(with_noise(self.down(padded(source, self.stride, least=8)), z)))
        made: Tensor = self.end(x[:, :, :height, :width])
        return made


class ResnetBlock(nn.Module):
    """x + norm(3x3(ReLU(norm(3x3(x))))) with mirrored edges, [N, C, h, w] -> [N, C, h, w]."""

    def __init__(self, channels: int, norm: Norm, dropout: float) -> None:
        super().__init__()
        bias = norm != "batch"
        self.change = nn.Sequential(
            *(nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=bias), *norms(norm, channels)),
            *(nn.ReLU(inplace=True), *([Dropout(dropout)] if dropout else [])),
            *(nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=bias), *norms(norm, channels)),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, h, w] -> [N, C, h, w]."""
        return x + self.change(x)  # type: ignore[no-any-return]
