"""MobileNetV2 (Sandler et al. 2018) with torchvision's ImageNet weights: features of colour images.

For samples of a generator whose loss contained EfficientNet-Lite0: that network's features can't judge it.
"""

from __future__ import annotations

from torch import Tensor

from gansmith.data.weights import DIGESTS, load_weights
from gansmith.evaluation.extractors.extractor import Extractor, Features, fitted, in_passes
from gansmith.networks import pretrained

SIDE = 64  # as for EfficientNet-Lite0
WIDTH = 1280


def mobilenet_v2() -> Extractor:
    """Extractor of the spatial mean of MobileNetV2's last layer. Its weights, 13 MB, are fetched at the first use.

    Raises DataError if they can't be fetched, DiskError if the cache can't be written.
    """
    module = pretrained.frozen(pretrained.MobileNetV2(), load_weights("mobilenet-v2"))

    def batch(images: Tensor) -> Features:
        return Features(module(pretrained.scaled(fitted(images, 3, SIDE) * 2 - 1))[0])

    resizing = f"bilinear to {SIDE} x {SIDE}, colour"
    return Extractor("mobilenet-v2", DIGESTS["mobilenet-v2"], WIDTH, None, resizing, in_passes(batch))
