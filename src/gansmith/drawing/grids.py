"""Grids of images: lay them out in one picture, split a picture into its images again, and encode pictures as PNG."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gansmith.core.errors import RunError
from gansmith.core.files import read_bytes

if TYPE_CHECKING:
    from PIL.Image import Image


GAP = 2  # pixels between the images of a grid, before it is enlarged


def image_grid(images: np.ndarray, columns: int | None = None) -> Image:
    """Lay out images uint8 [N, H, W, C] on white, with gaps and a border. Small images are enlarged by a whole factor.

    `columns` defaults to the squarest grid.
    """
    return enlarge(to_image(_sheet(images, columns, 255)), _scale(*images.shape[1:3]))


def transparent_grid(images: np.ndarray, columns: int | None = None) -> Image:
    """Lay out images uint8 [N, H, W, C] with transparent gaps, no border, and one output pixel per image pixel."""
    if images.shape[3] in (1, 3):
        images = np.concatenate([images, np.full((*images.shape[:3], 1), 255, np.uint8)], axis=3)
    return to_image(_sheet(images, columns, 0)[GAP:-GAP, GAP:-GAP])


def _scale(height: int, width: int) -> int:
    return max(1, min(4, 96 // max(height, width)))


def _sheet(images: np.ndarray, columns: int | None, ground: int) -> np.ndarray:
    """Lay out images uint8 [N, H, W, C] row by row: uint8 [rows * (H + GAP) + GAP, columns * (W + GAP) + GAP, C]."""
    count, height, width, channels = images.shape
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = -(-count // columns)
    sheet = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, channels), ground, np.uint8)
    for i, image in enumerate(images):
        y, x = GAP + (i // columns) * (height + GAP), GAP + (i % columns) * (width + GAP)
        sheet[y : y + height, x : x + width] = image
    return sheet


def read_picture(path: Path) -> Image:
    """The picture in a file, decoded. Raises RunError, naming the file, if it is damaged or no regular file."""
    from PIL import Image

    content = read_bytes(path)
    try:
        picture = Image.open(io.BytesIO(content))
        picture.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        said = type(error).__name__ if "BytesIO" in str(error) else str(error)[:60]
        raise RunError(f"picture {path} is damaged ({said}): delete it, and run the command again") from None
    return picture


def split_grid(grid: Path, shape: Sequence[int], count: int) -> np.ndarray:
    """Split a file of `image_grid` into its images, uint8 [at most count, H, W, C], without loss; `shape` is [C, H, W].

    Raises RunError for a file that is damaged or no such grid.
    """
    channels, height, width = shape
    scale = _scale(height, width)
    try:
        sheet = np.asarray(read_picture(grid))[::scale, ::scale]
        rows, columns = ((side - GAP) // (size + GAP) for side, size in zip(sheet.shape, (height, width), strict=False))
        inner = sheet[GAP:, GAP:].reshape(rows, height + GAP, columns, width + GAP, channels)
    except (OSError, ValueError) as error:
        raise RunError(f"{grid} is damaged or not a grid of {height} x {width} images ({error})") from None
    return inner[:, :height, :, :width].swapaxes(1, 2).reshape(-1, height, width, channels)[:count]


def enlarge(picture: Image, scale: int) -> Image:
    """Enlarge a picture by a whole factor, without interpolation."""
    from PIL import Image

    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def to_image(image: np.ndarray) -> Image:
    """Convert an image uint8 [H, W, C], C in 1, 3, 4, to Pillow's type."""
    from PIL import Image

    return Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)


def on_white(picture: Image) -> Image:
    """A picture as it looks on white: grey or RGB, without transparency."""
    from PIL import Image

    if picture.mode not in ("LA", "RGBA"):
        return picture
    colours = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), colours).convert(picture.mode.replace("A", ""))


def png(picture: Image) -> bytes:
    """Encode a picture as PNG."""
    memory = io.BytesIO()
    picture.save(memory, "PNG")
    return memory.getvalue()
