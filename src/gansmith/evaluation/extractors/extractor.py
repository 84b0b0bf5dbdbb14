"""Extractors and features: an extractor is frozen, named with the digest of its weights, and independent of the batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from gansmith.data.pixels import recolour


@dataclass(frozen=True, eq=False)
class Features:
    """Output of an extractor for a batch of N samples."""

    features: Tensor  # float32 [N, F]
    probabilities: Tensor | None = None  # float32 [N, K], rows sum to 1; None for an extractor without classes

    def __getitem__(self, rows: slice) -> Features:
        """Features and probabilities of some rows."""
        return Features(self.features[rows], None if self.probabilities is None else self.probabilities[rows])


@dataclass(frozen=True, eq=False)
class Extractor:
    """A function from samples to features. It converts colours and sizes itself, as described by `resizing`."""

    name: str  # lenet-mnist
    digest: str  # SHA-256 of the weights, 64 hexadecimal digits
    width: int  # F
    classes: tuple[str, ...] | None  # K names
    resizing: str  # "none", "bilinear to 28 x 28"
    extract: Callable[[Tensor], Features]

    @property
    def tag(self) -> str:
        """Name and start of the digest, as in the names of scores: `lenet-mnist:ab12cd34`."""
        return f"{self.name}:{self.digest[:8]}"

    def __call__(self, samples: Tensor) -> Features:
        """Extract features of images uint8 [N, C, H, W], C in 1, 3, 4, of any size; or of points float32 [N, D]."""
        return self.extract(samples)


PASS = 128
"""Rows of every pass through a network. The number is fixed, as products of other shapes may differ in the last bit."""


def in_passes(batch: Callable[[Tensor], Features]) -> Callable[[Tensor], Features]:
    """Wrap `batch` for any number of rows: passes of `PASS` rows each, the last one padded with zeros."""

    @torch.inference_mode()
    def extract(images: Tensor) -> Features:
        parts = []
        for start in range(0, len(images), PASS):
            rows = images[start : start + PASS]
            filler = rows.new_zeros((PASS - len(rows), *rows.shape[1:]))
            parts.append((len(rows), batch(torch.cat([rows, filler]) if len(filler) else rows)))
        features = torch.cat([part.features[:count] for count, part in parts])
        known = [part.probabilities[:count] for count, part in parts if part.probabilities is not None]
        return Features(features, torch.cat(known) if known else None)

    return extract


def fitted(images: Tensor, channels: int, side: int | None) -> Tensor:
    """Convert images: uint8 [N, C, H, W] -> float32 [N, channels, side, side] in [0, 1]; `side` None keeps the size.

    Grey is luma, transparency becomes white. Resizing is bilinear with antialiasing.
    """
    if images.shape[1] != channels:
        images = torch.from_numpy(recolour(images.cpu().numpy(), channels)).to(images.device)
    pixels = images.to(torch.float32).div_(255)
    if side is None or images.shape[2:] == (side, side):
        return pixels
    return functional.interpolate(pixels, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
