"""Extractors without weights: the pixels of small images, and the coordinates of points."""

from __future__ import annotations

import hashlib
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gansmith.data import Source
from gansmith.data.modality import Modality, Points
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


def points(shape: tuple[int, ...], source: Source, modality: Modality | None = None) -> Extractor:
    """Extractor of the coordinates of points [N, D], standardised where the columns have units of their own.

    For a known mixture, the class of a point is the nearest mode.
    """
    means = torch.from_numpy(source.means()).to(torch.float32) if isinstance(source, _Mixture) else None
    scaling = modality if isinstance(modality, Points) and modality.mean else Points()

    def extract(samples: Tensor) -> Features:
        rows = samples.to(torch.float32)
        if means is None:
            return Features(scaling.to_model(rows))
        return Features(
            scaling.to_model(rows), functional.one_hot(torch.cdist(rows, means).argmin(1), len(means)).to(torch.float32)
        )

    names = None if means is None else tuple(str(i) for i in range(len(means)))
    identity = "points" if means is None else f"points {means.tolist()}"
    identity += f" ({scaling.mean}, {scaling.scale})" if scaling.mean else ""
    return Extractor("points", _digest(identity), shape[0], names, "none", extract)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
