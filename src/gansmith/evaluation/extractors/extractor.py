"""What a feature extractor is: frozen, named with the digest of its weights, and the same whatever the batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from gansmith.data.pixels import recolour


@dataclass(frozen=True, eq=False)
class Features:
    """What an extractor says of a batch."""

    features: Tensor  # float32 [N, F]
    probabilities: Tensor | None = None  # float32 [N, K], rows sum to 1; None where it knows no classes

    def __getitem__(self, rows: slice) -> Features:
        return Features(self.features[rows], None if self.probabilities is None else self.probabilities[rows])


@dataclass(frozen=True, eq=False)
class Extractor:
    """Images in, features out. Whatever must happen to colours and sizes happens inside, and `resizing` says what."""

    name: str  # lenet-mnist
    digest: str  # SHA-256 of the weights, 64 hexadecimal digits
    width: int  # F
    classes: tuple[str, ...] | None  # K names
    resizing: str  # "none", "bilinear to 28 x 28"
    extract: Callable[[Tensor], Features]

    @property
    def tag(self) -> str:
        """`lenet-mnist:ab12cd34`, which stands in the names of scores."""
        return f"{self.name}:{self.digest[:8]}"

    def __call__(self, samples: Tensor) -> Features:
        """uint8 [N, C, H, W], any C in 1, 3, 4 and any size; or float32 [N, D] for the extractor of points."""
        return self.extract(samples)


PASS = 128
"""Every pass through a network has this many rows: products of other shapes may round otherwise in the last bit."""


def in_passes(batch: Callable[[Tensor], Features]) -> Callable[[Tensor], Features]:
    """`batch` for any number of rows, in passes of `PASS`; the last is filled up with zeros, whose answers are dropped."""

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
    """uint8 [N, C, H, W] -> float32 [N, channels, side, side] in [0, 1]; `side` None keeps the size.

    Colours as everywhere in gansmith (luma for grey, transparency on white); sizes bilinearly, averaging where they shrink.
    """
    if images.shape[1] != channels:
        images = torch.from_numpy(recolour(images.cpu().numpy(), channels)).to(images.device)
    pixels = images.to(torch.float32).div_(255)
    if side is None or images.shape[2:] == (side, side):
        return pixels
    return functional.interpolate(pixels, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
