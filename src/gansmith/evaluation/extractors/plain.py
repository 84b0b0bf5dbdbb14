"""Extractors without weights: the pixels of small images, and the coordinates of points."""

from __future__ import annotations

import hashlib
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gansmith.data import Source
from gansmith.evaluation.extractors.extractor import Extractor, Features


def pixels(shape: tuple[int, ...]) -> Extractor:
    """Extractor of the pixels in [0, 1], for small images of `shape` (C, H, W)."""
    width = int(np.prod(shape))

    def extract(images: Tensor) -> Features:
        return Features(images.flatten(1).to(torch.float32) / 255)

    return Extractor("pixels", _digest("pixels / 255"), width, None, "none", extract)


@runtime_checkable
class _Mixture(Protocol):
    def means(self) -> np.ndarray: ...


def points(shape: tuple[int, ...], source: Source) -> Extractor:
    """Extractor of the coordinates of points [N, D]. For a known mixture, the class of a point is the nearest mode."""
    means = torch.from_numpy(source.means()).to(torch.float32) if isinstance(source, _Mixture) else None

    def extract(samples: Tensor) -> Features:
        rows = samples.to(torch.float32)
        if means is None:
            return Features(rows)
        return Features(rows, functional.one_hot(torch.cdist(rows, means).argmin(1), len(means)).to(torch.float32))

    names = None if means is None else tuple(str(i) for i in range(len(means)))
    return Extractor(
        "points", _digest("points" if means is None else f"points {means.tolist()}"), shape[0], names, "none", extract
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
