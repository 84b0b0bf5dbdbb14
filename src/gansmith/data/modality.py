"""Modalities: how images and points are scaled for networks, saved and displayed. Value ranges are known here only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from gansmith.drawing import figures
from gansmith.drawing.grids import image_grid

if TYPE_CHECKING:
    from PIL.Image import Image


class Modality(Protocol):
    """How one type of sample is scaled for networks, saved and displayed.

    Three layouts exist: that of a source (`Samples.values`), that of the networks, and that of saved samples (a `Gallery`).
    """

    key: str  # name of the array in an .npz file

    def to_model(self, values: Tensor) -> Tensor:
        """Convert a source's values to the networks' layout, float32 [N, ...]."""
        ...

    def from_model(self, samples: Tensor) -> np.ndarray:
        """Convert a generator's samples to the saved layout."""
        ...

    def picture(self, samples: np.ndarray, columns: int | None = None) -> Image:
        """Draw saved samples in one picture, `columns` in a row."""
        ...


@dataclass(frozen=True)
class Images:
    """Images: uint8 [N, C, H, W] in a source, float32 [N, C, H, W] in `value_range` in networks, uint8 [N, H, W, C] saved."""

    value_range: tuple[float, float] = (-1.0, 1.0)
    key = "images"

    def to_model(self, values: Tensor) -> Tensor:
        """uint8 [N, C, H, W] in 0..255 -> float32 [N, C, H, W] in `value_range`."""
        low, high = self.value_range
        return values.to(torch.float32).mul_((high - low) / 255.0).add_(low)

    def from_model(self, samples: Tensor) -> np.ndarray:
        """float [N, C, H, W] in `value_range` -> uint8 [N, H, W, C], rounded and clamped to 0..255."""
        low, high = self.value_range
        scaled = (samples.float() - low) * (255.0 / (high - low))
        return scaled.round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()

    def picture(self, samples: np.ndarray, columns: int | None = None) -> Image:
        """A grid on white, row by row. Small images are enlarged by an integer factor, so that pixels stay square."""
        return image_grid(samples, columns)


@dataclass(frozen=True)
class Points:
    """Points: float32 [N, D] in all three layouts; a picture is a scatter plot of the first two coordinates."""

    key = "points"

    def to_model(self, values: Tensor) -> Tensor:
        """The points as float32 [N, D]."""
        return values.to(torch.float32)

    def from_model(self, samples: Tensor) -> np.ndarray:
        """The points as float32 [N, D]."""
        return samples.float().cpu().numpy()

    def picture(self, samples: np.ndarray, columns: int | None = None) -> Image:
        """A scatter plot of the first two coordinates."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5, 5), layout="constrained")
        axes = figure.subplots()
        axes.scatter(samples[:, 0], samples[:, min(1, samples.shape[1] - 1)], s=6, alpha=0.5, linewidths=0)
        axes.set_aspect("equal", adjustable="datalim")
        return figures.render(figure)


def modality_of(sample_shape: Sequence[int], value_range: tuple[float, float]) -> Modality:
    """The modality of samples of this shape: images have three axes (C, H, W), points have one."""
    return Images(value_range) if len(sample_shape) == 3 else Points()


def to_saved(values: np.ndarray) -> np.ndarray:
    """Convert values from a source's layout to the saved one: uint8 [N, C, H, W] -> [N, H, W, C]; points are unchanged."""
    return values.transpose(0, 2, 3, 1) if values.ndim == 4 else values


def to_source(values: np.ndarray) -> np.ndarray:
    """Convert values from the saved layout to a source's: uint8 [N, H, W, C] -> [N, C, H, W]; points are unchanged."""
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2)) if values.ndim == 4 else values
