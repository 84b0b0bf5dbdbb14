"""Images and how they are scaled, shown and saved. The only place that knows value ranges."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gansmith.core.errors import RunError

if TYPE_CHECKING:
    from PIL.Image import Image


GAP = 2  # pixels between the pictures of a grid, before it is enlarged


def image_grid(images: np.ndarray, columns: int | None = None) -> Image:
    """uint8 [N, H, W, C] -> one picture on white, `columns` wide (by default as square as it gets), enlarged if small."""
    return enlarge(to_image(_sheet(images, columns, 255)), _scale(*images.shape[1:3]))


def transparent_grid(images: np.ndarray, columns: int | None = None) -> Image:
    """The same with gaps that are transparent and none around, and a pixel a pixel."""
    if images.shape[3] in (1, 3):
        images = np.concatenate([images, np.full((*images.shape[:3], 1), 255, np.uint8)], axis=3)
    return to_image(_sheet(images, columns, 0)[GAP:-GAP, GAP:-GAP])


def _scale(height: int, width: int) -> int:
    return max(1, min(4, 96 // max(height, width)))


def _sheet(images: np.ndarray, columns: int | None, ground: int) -> np.ndarray:
    """uint8 [N, H, W, C] laid out row by row with gaps, [rows * (H + GAP) + GAP, columns * (W + GAP) + GAP, C]."""
    count, height, width, channels = images.shape
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = -(-count // columns)
    sheet = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, channels), ground, np.uint8)
    for i, image in enumerate(images):
        y, x = GAP + (i // columns) * (height + GAP), GAP + (i % columns) * (width + GAP)
        sheet[y : y + height, x : x + width] = image
    return sheet


def split_grid(grid: Path, shape: Sequence[int], count: int) -> np.ndarray:
    """The pictures a grid was made of, uint8 [at most count, H, W, C], to the last bit; `shape` is [C, H, W].

    Raises RunError where the file is no such grid.
    """
    from PIL import Image

    channels, height, width = shape
    scale = _scale(height, width)
    try:
        with Image.open(grid) as picture:
            sheet = np.asarray(picture)[::scale, ::scale]
        rows, columns = ((side - GAP) // (size + GAP) for side, size in zip(sheet.shape, (height, width), strict=False))
        inner = sheet[GAP:, GAP:].reshape(rows, height + GAP, columns, width + GAP, channels)
    except (OSError, ValueError) as error:
        raise RunError(f"{grid} is no grid of {height} x {width} pictures, or damaged ({error})") from None
    return inner[:, :height, :, :width].swapaxes(1, 2).reshape(-1, height, width, channels)[:count]


def enlarge(picture: Image, scale: int) -> Image:
    """By a whole factor, so that a pixel stays a square."""
    from PIL import Image

    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def to_image(image: np.ndarray) -> Image:
    """uint8 [H, W, C] at its own size."""
    from PIL import Image

    return Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)


def render_figure(figure: Any, dpi: int = 120) -> Image:
    """A matplotlib figure as a picture."""
    from PIL import Image

    memory = io.BytesIO()
    figure.savefig(memory, format="png", dpi=dpi)
    memory.seek(0)
    return Image.open(memory).convert("RGB")


def png(picture: Image) -> bytes:
    memory = io.BytesIO()
    picture.save(memory, "PNG")
    return memory.getvalue()
