"""LPIPS: a distance of two images that agrees with what people call similar (Zhang et al. 2018).

Version 0.1 with the authors' linear layers on torchvision's AlexNet, which is the usual judge, or on VGG16. Lower is more
similar; 0 for equal images. `gansmith.data.weights` fetches the weights at the first use.

A network that a generator was trained with can't judge that generator: losses take VGG16 or EfficientNet-Lite0, so judge by
AlexNet.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gansmith.core.errors import DataError, SettingError, unknown
from gansmith.data.pixels import recolour
from gansmith.data.weights import DIGESTS, load_weights
from gansmith.evaluation.metrics.paired import check_pairs
from gansmith.networks.pretrained import Trunk, alexnet, frozen, scaled, vgg16

__all__ = ["NETWORKS", "Lpips", "lpips"]

Network = Literal["alex", "vgg"]
NETWORKS = {"alex": "alexnet", "vgg": "vgg16"}
"""Names of LPIPS's networks, and of their weights."""

PASS = 8  # pairs of every pass: a fixed number, as products of other shapes may differ in the last bit
_EPSILON = 1e-10  # of the authors' code, against division by 0 where all channels are 0


@dataclass(frozen=True, eq=False)
class Lpips:
    """LPIPS with one network."""

    name: str  # lpips-alex
    digest: str  # SHA-256 of all its weights, 64 hexadecimal digits
    trunk: Trunk
    layers: tuple[Tensor, ...]  # weight of each channel of each map, float32 [C]

    @property
    def tag(self) -> str:
        """Name and start of the digest, as in the names of scores: `lpips-alex:7400842c`."""
        return f"{self.name}:{self.digest[:8]}"

    def enlargement(self, height: int, width: int) -> int:
        """The whole factor by which images of this size are enlarged: 1, unless a side is below what the network needs."""
        return -(-self.trunk.least // min(height, width))

    @torch.inference_mode()
    def __call__(self, made: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """LPIPS of each pair of images uint8 [N, C, H, W], C in 1, 3, 4: float64 [N], at least 0.

        Grey is repeated to three channels, and transparency becomes white. Images with a side below 31 pixels (AlexNet) or 16
        (VGG16) are enlarged by the smallest whole factor that reaches it, bilinearly; such values compare with each other only.

        Raises:
            DataError: the arrays are no pairs of images, or have another number of channels.
        """
        check_pairs(made, truth)
        if made.shape[1] not in (1, 3, 4):
            raise DataError(f"LPIPS knows images of 1, 3 or 4 channels, got {made.shape[1]}: use L1, PSNR and SSIM")
        found = []
        for start in range(0, len(made), PASS):
            rows = [side[start : start + PASS] for side in (made, truth)]
            count = len(rows[0])
            filled = [np.concatenate([side, np.zeros((PASS - count, *side.shape[1:]), np.uint8)]) for side in rows]
            found.append(self._distances(*(self._input(side) for side in filled))[:count])
        return torch.cat(found).numpy()

    def _input(self, images: np.ndarray) -> Tensor:
        """Images uint8 [N, C, H, W] as the network expects them: float32 [N, 3, H', W']."""
        values = torch.from_numpy(np.ascontiguousarray(recolour(images, 3))).to(torch.float32) / 127.5 - 1
        factor = self.enlargement(*images.shape[2:])
        if factor > 1:
            values = functional.interpolate(values, scale_factor=factor, mode="bilinear", align_corners=False)
        return scaled(values)

    def _distances(self, made: Tensor, truth: Tensor) -> Tensor:
        """Eq. 1 of the paper, float64 [N]: the sum over layers of the spatial mean of sum_c w_c (x_c - y_c)^2 of unit vectors."""
        total = torch.zeros(len(made), dtype=torch.float64)
        for x, y, weight in zip(self.trunk(made), self.trunk(truth), self.layers, strict=True):
            difference = (_unit(x) - _unit(y)).square()
            total += (difference * weight[:, None, None]).sum(1).mean((1, 2)).double()
        return total


def _unit(maps: Tensor) -> Tensor:
    """Maps [N, C, H, W] whose channels are a vector of length 1 at each pixel."""
    return maps / (maps.square().sum(1, keepdim=True).sqrt() + _EPSILON)


@functools.cache
def lpips(network: Network = "alex") -> Lpips:
    """LPIPS with AlexNet ("alex", 10 MB) or VGG16 ("vgg", 59 MB); its weights are fetched at the first use.

    Raises:
        SettingError: an unknown network.
        DataError: the weights can't be fetched.
        DiskError: the cache cannot be written.
    """
    if network not in NETWORKS:
        raise SettingError(unknown("network of LPIPS", network, NETWORKS))
    name = NETWORKS[network]
    tensors = load_weights(name)
    trunk = frozen(alexnet() if network == "alex" else vgg16(), tensors)
    return Lpips(f"lpips-{network}", DIGESTS[name], trunk, tuple(torch.from_numpy(tensors[f"lpips.{i}"]) for i in range(5)))
