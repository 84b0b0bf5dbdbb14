"""Modalities: how images and points are scaled for a network, kept and shown. The only place that knows value ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from gansmith.drawing.grids import image_grid, render_figure

if TYPE_CHECKING:
    from PIL.Image import Image


class Modality(Protocol):
    """How one kind of sample is scaled for a network, kept and shown."""

    key: str  # its name in an .npz

    def to_model(self, stored: Tensor) -> Tensor:
        """What a source stores -> what networks see, float32 [N, ...]."""
        ...

    def from_model(self, samples: Tensor) -> np.ndarray:
        """What a generator makes -> what is kept and shown."""
        ...

    def picture(self, kept: np.ndarray, columns: int | None = None) -> Image: ...


@dataclass(frozen=True)
class Images:
    """uint8 [N, C, H, W] stored; float32 [N, C, H, W] in `value_range` in a model; uint8 [N, H, W, C] kept."""

    value_range: tuple[float, float] = (-1.0, 1.0)
    key = "images"

    def to_model(self, stored: Tensor) -> Tensor:
        low, high = self.value_range
        return stored.to(torch.float32).mul_((high - low) / 255.0).add_(low)

    def from_model(self, samples: Tensor) -> np.ndarray:
        low, high = self.value_range
        scaled = (samples.float() - low) * (255.0 / (high - low))
        return scaled.round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()

    def picture(self, kept: np.ndarray, columns: int | None = None) -> Image:
        """A grid on white, row by row. Small images are enlarged by a whole factor, so that a pixel stays a square."""
        return image_grid(kept, columns)


@dataclass(frozen=True)
class Points:
    """float32 [N, D] everywhere; a picture is a scatter plot of the first two coordinates."""

    key = "points"

    def to_model(self, stored: Tensor) -> Tensor:
        return stored.to(torch.float32)

    def from_model(self, samples: Tensor) -> np.ndarray:
        return samples.float().cpu().numpy()

    def picture(self, kept: np.ndarray, columns: int | None = None) -> Image:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5, 5), layout="constrained")
        axes = figure.subplots()
        axes.scatter(kept[:, 0], kept[:, min(1, kept.shape[1] - 1)], s=6, alpha=0.5, linewidths=0)
        axes.set_aspect("equal", adjustable="datalim")
        return render_figure(figure)


def modality_of(sample_shape: Sequence[int], value_range: tuple[float, float]) -> Modality:
    """Images have three axes, points one."""
    return Images(value_range) if len(sample_shape) == 3 else Points()


def kept(values: np.ndarray) -> np.ndarray:
    """A source's layout -> a Gallery's: uint8 [N, C, H, W] -> [N, H, W, C]; points stay."""
    return values.transpose(0, 2, 3, 1) if values.ndim == 4 else values


def stored(values: np.ndarray) -> np.ndarray:
    """A Gallery's layout -> a source's: uint8 [N, H, W, C] -> [N, C, H, W]; points stay."""
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2)) if values.ndim == 4 else values
