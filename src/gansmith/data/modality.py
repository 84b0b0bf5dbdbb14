"""Modalities: how images and points are scaled for networks, saved and displayed. Value ranges are known here only."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gansmith.data.source import Samples
from gansmith.drawing import points as drawing
from gansmith.drawing.grids import image_grid

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 16  # the longest side of the small copies of images that are compared
FEW_COLUMNS = 5  # a row of more ordered columns is drawn as a line
ROWS = 4096  # of points whose squares are summed at once
ORDERED_ROWS = 1000  # rows that the order of columns is judged by


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

    def compact(self, values: np.ndarray) -> np.ndarray:
        """Convert a source's values to rows that samples are compared and clustered by, float32 [N, F]."""
        ...

    def metadata(self) -> dict[str, Any]:
        """Entries of run.json that `modality_of` needs to make this modality again without the data."""
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

    def compact(self, values: np.ndarray) -> np.ndarray:
        """Flattened copies in [0, 1] of at most 16 x 16 pixels, float32 [N, F]."""
        height, width = values.shape[2:]
        step = -(-max(height, width) // MAX_PIXELS)
        parts = torch.split(torch.from_numpy(values), 4096)
        return torch.cat([functional.avg_pool2d(part.float() / 255, step, ceil_mode=True).flatten(1) for part in parts]).numpy()

    def metadata(self) -> dict[str, Any]:
        """Nothing: the recipe has the value range."""
        return {}

    def picture(self, samples: np.ndarray, columns: int | None = None) -> Image:
        """A grid on white, row by row. Small images are enlarged by an integer factor, so that pixels stay square."""
        return image_grid(samples, columns)


@dataclass(frozen=True)
class Points:
    """Points: float32 [N, D] in all three layouts. Columns with units of their own are standardised for networks.

    Networks get (value - mean) / scale for each column, and samples are multiplied back. Without `mean` and `scale` points stay
    as they are. A picture is a histogram of one column, a scatter plot of two, lines of a signal, or a table of numbers.
    """

    mean: tuple[float, ...] = ()  # [D], of the training split; empty: not standardised
    scale: tuple[float, ...] = ()  # [D], the standard deviations; 0 for a constant column, which is only centred
    is_signal: bool | None = None  # whether the columns are in order, as in a sound; None: judged by the samples shown
    key = "points"

    @classmethod
    def of(cls, values: np.ndarray, *, has_units: bool) -> Points:
        """The modality of a training split, float32 [N, D]; with `has_units` each column is standardised by its own values.

        A constant column is only centred, and every sample has its value there.
        """
        is_signal = are_ordered(values) if values.shape[1] > FEW_COLUMNS else None
        if not has_units:
            return cls(is_signal=is_signal)
        # Rounded to float32, so that what training sees and what samples undo are the same numbers.
        mean = values.mean(0, dtype=np.float64).astype(np.float32)
        squares = (np.square(values[i : i + ROWS] - mean.astype(np.float64)).sum(0) for i in range(0, len(values), ROWS))
        scale = np.sqrt(sum(squares) / len(values)).astype(np.float32)
        scale[scale < np.finfo(np.float32).tiny] = 0.0
        return cls(tuple(mean.tolist()), tuple(scale.tolist()), is_signal)

    def to_model(self, values: Tensor) -> Tensor:
        """The points as float32 [N, D], standardised where the columns have units."""
        values = values.to(torch.float32)
        if not self.mean:
            return values
        scale = _row(self.scale, values.device)
        return (values - _row(self.mean, values.device)) / scale.where(scale > 0, 1.0)

    def from_model(self, samples: Tensor) -> np.ndarray:
        """The points as float32 [N, D], in the units of the data."""
        samples = samples.float()
        if self.mean:
            samples = samples * _row(self.scale, samples.device) + _row(self.mean, samples.device)
        return samples.cpu().numpy()

    def compact(self, values: np.ndarray) -> np.ndarray:
        """The points as the networks see them."""
        return self.to_model(torch.from_numpy(values)).numpy() if self.mean else values

    def metadata(self) -> dict[str, Any]:
        """The entry `columns`, where there is something to keep."""
        return {"columns": dataclasses.asdict(self)} if self != Points() else {}

    def picture(self, samples: np.ndarray, columns: int | None = None) -> Image:
        """A histogram, a scatter plot, lines (`columns` signals in a row) or a table, by the number and order of the columns."""
        width = samples.shape[1]
        if width == 1:
            return drawing.histogram(samples)
        if width == 2:
            return drawing.scatter(samples, is_equal=not self.mean)
        is_signal = are_ordered(samples) if self.is_signal is None else self.is_signal
        return drawing.lines(samples, columns) if is_signal and width > FEW_COLUMNS else drawing.table(samples)


@functools.lru_cache(maxsize=16)
def _row(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Numbers as float32 [D] on a device."""
    return torch.tensor(values, dtype=torch.float32, device=device)


def are_ordered(values: np.ndarray) -> bool:
    """Whether the columns of float [N, D] are in an order: neighbours differ much less than columns far apart, as in a sound."""
    rows = values[:ORDERED_ROWS].astype(np.float64)
    order = np.random.Generator(np.random.Philox(key=rows.shape[1])).permutation(rows.shape[1])
    near, far = (float(np.square(np.diff(part, axis=1)).mean()) for part in (rows, rows[:, order]))
    return near < 0.5 * far


def modality_for(samples: Samples, value_range: tuple[float, float] = (-1.0, 1.0)) -> Modality:
    """The modality of a training split: images have three axes (C, H, W), points have one."""
    if len(samples.shape) == 3:
        return Images(value_range)
    return Points.of(samples.values, has_units=samples.has_units)


def modality_of(
    sample_shape: Sequence[int], value_range: tuple[float, float], metadata: Mapping[str, Any] | None = None
) -> Modality:
    """The modality of samples of this shape, with what `Modality.metadata` kept of the training split in run.json."""
    if len(sample_shape) == 3:
        return Images(value_range)
    columns = (metadata or {}).get("columns") or {}
    return Points(tuple(columns.get("mean", ())), tuple(columns.get("scale", ())), columns.get("is_signal"))


def to_saved(values: np.ndarray) -> np.ndarray:
    """Convert values from a source's layout to the saved one: uint8 [N, C, H, W] -> [N, H, W, C]; points are unchanged."""
    return values.transpose(0, 2, 3, 1) if values.ndim == 4 else values


def to_source(values: np.ndarray) -> np.ndarray:
    """Convert values from the saved layout to a source's: uint8 [N, H, W, C] -> [N, C, H, W]; points are unchanged."""
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2)) if values.ndim == 4 else values
