"""Small networks after LeNet-5 (LeCun et al. 1998) for digits and clothes: features of grey 28 x 28 images.

    convolution (5x5, then twice 3x3), 2x2 maximum, ReLU, three times: 28, 14, 7, 3 pixels a side; linear to 84 features, ReLU;
    linear to classes

They train with batch norm, which is then folded into the weights: the shipped networks only have convolutions and linear layers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional

from gansmith.core.errors import DataError
from gansmith.core.user_input import read_bytes
from gansmith.evaluation.extractors.extractor import Extractor, Features, fitted, in_passes

SIDE = 28
WIDTH = 84  # as LeNet-5's last hidden layer
FOLDER = Path(__file__).parent


class LeNet(nn.Module):
    """A LeNet: float32 [N, 1, 28, 28] in [0, 1] -> features [N, 84] and logits [N, K]."""

    def __init__(self, widths: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, size, padding=size // 2)
            for before, after, size in zip((1, *widths[:-1]), widths, (5, 3, 3), strict=True)
        )
        self.hidden = nn.Linear(9 * widths[-1], WIDTH)
        self.classifier = nn.Linear(WIDTH, num_classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features [N, 84] and logits [N, K] of images [N, 1, 28, 28]."""
        x = x.contiguous(memory_format=torch.channels_last)  # half the time of the other layout on a CPU
        for convolution in self.convolutions:
            x = functional.relu(functional.max_pool2d(convolution(x), 2))
        features = functional.relu(self.hidden(x.flatten(1)))
        return features, self.classifier(features)


def shipped(name: str) -> Extractor:
    """The shipped extractor `lenet-mnist` or `lenet-fashion`."""
    return load(FOLDER / f"{name}.safetensors")


def load(path: Path) -> Extractor:
    """Load an extractor that `gansmith data extractor` wrote. Raises DataError for a missing or damaged file."""
    try:
        content = read_bytes(path)
        tensors = safetensors.torch.load(content)
        fields = metadata(path)
        if digest_of(tensors) != fields["sha256"]:
            raise ValueError("its weights do not match their digest")
    except (OSError, ValueError, KeyError, safetensors.SafetensorError) as error:
        raise DataError(f"can't read the extractor {path}: {error}; remake it with gansmith data extractor") from None
    widths = tuple(len(tensors[f"convolutions.{i}.weight"]) for i in range(3))
    module = LeNet((widths[0], widths[1], widths[2]), len(fields["classes"]))
    module.load_state_dict(tensors)
    module.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def batch(images: Tensor) -> Features:
        features, logits = module(fitted(images, 1, SIDE))
        return Features(features, logits.softmax(1))

    resizing = f"bilinear to {SIDE} x {SIDE}, grey"
    return Extractor(fields["name"], fields["sha256"], WIDTH, tuple(fields["classes"]), resizing, in_passes(batch))


def metadata(path: Path) -> dict[str, Any]:
    """Metadata of an extractor's file: name, command, seed, accuracies, classes, digest."""
    with safetensors.safe_open(path, "pt") as file:
        return dict(json.loads((file.metadata() or {})["gansmith"]))


def digest_of(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of names, types, shapes and values of tensors, independent of their order."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)};".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
