"""Inception-v3 through torch-fidelity, from a weights file of yours: the extractor of FID as it is published."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gansmith.core.errors import DataError, SettingError
from gansmith.core.user_input import opened
from gansmith.evaluation.extractors.extractor import Extractor, Features, fitted, in_passes
from gansmith.evaluation.extractors.lenet import digest_of

WIDTH = 2048


def inception(weights: str) -> Extractor:
    """Extractor of the 2048 pooled features, with class probabilities from logits without bias as in the Inception score.

    Raises RecipeError if torch-fidelity is not installed, DataError for a missing file or one without weights of this network.
    """
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise SettingError(
            f"the inception extractor needs torch-fidelity, and it can't be imported ({error}): pip install 'gansmith[inception]'"
        ) from None
    try:
        # torch-fidelity would run any code in the pickle: check first that it holds tensors only.
        with opened(weights) as file:
            digest = digest_of(torch.load(file, map_location="cpu", weights_only=True))
        module: Any = FeatureExtractorInceptionV3("inception", ["2048", "logits_unbiased"], str(weights))
    except FileNotFoundError:
        raise DataError(
            f"no such file: {weights}; expected weights-inception-2015-12-05-6726825d.pth of torch-fidelity"
        ) from None
    except Exception as error:  # a damaged file fails in as many ways as pickles do
        reason = " ".join(str(error).split())[:150]
        raise DataError(f"{weights} holds no Inception-v3 weights in torch-fidelity's form ({reason}); get its file") from None

    def batch(images: Tensor) -> Features:
        features, logits = module((fitted(images, 3, None) * 255).round().to(torch.uint8))
        return Features(features.float(), logits.float().softmax(1))

    return Extractor("inception", digest, WIDTH, None, "bilinear to 299 x 299 as in TensorFlow 1, colour", in_passes(batch))
