"""Pictures embedded in an HTML page. Each image pixel is stored once, and the browser enlarges by a whole factor if it fits."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gansmith.core.formatting import printable
from gansmith.drawing import grids
from gansmith.drawing.animation import animate, animate_files

if TYPE_CHECKING:
    from PIL.Image import Image

COLUMN_WIDTH, PAGE_WIDTH = 500, 1064  # CSS pixels of one and of both columns of the page
LONGEST = 64  # pixels a side: larger images are scaled down
GIF_PIXELS = 1_300_000  # of all frames together, about a byte each: animations with more show fewer samples
LOSSLESS_BYTES = 200_000  # larger pictures are stored as lossy WebP


@dataclass(frozen=True)
class Picture:
    """A picture as a data URI, with its size on the page."""

    uri: str
    alt: str
    width: int  # CSS pixels
    height: int
    crisp: bool  # enlarged by a whole factor, to be shown without interpolation
    plot: bool = False  # dark on white, to be inverted on a dark page
    names: tuple[str, ...] = ()  # of its rows


def plain_value(value: Any) -> Any:
    """A value in a Jinja template as text without control characters; Jinja then escapes `<` and `&`. Finished HTML stays."""
    return value if hasattr(value, "__html__") else printable(str(value))


def grid(cells: np.ndarray, alt: str, columns: int | None = None, wide: int = COLUMN_WIDTH) -> Picture:
    """Embed a grid of images uint8 [N, H, W, C], enlarged to at most `wide` CSS pixels."""
    return _embed_image(grids.transparent_grid(_small(cells), columns or _columns(cells)), alt, wide)


def image(image: np.ndarray, alt: str) -> Picture:
    """Embed an image uint8 [H, W, C]."""
    return _embed_image(grids.to_image(_small(image[None])[0]), alt, LONGEST)


def plot_file(path: Path, alt: str, longest: int = COLUMN_WIDTH) -> Picture:
    """Embed a plot from a file, scaled to at most `longest` pixels a side."""
    picture = grids.read_picture(path)
    picture.thumbnail((longest, longest))
    return plot(picture, alt)


def plot(picture: Image, alt: str) -> Picture:
    """Embed a plot without scaling."""
    return _embed(grids.png(picture), "png", alt, *picture.size, plot=True)


def animation(frames: Iterable[np.ndarray], alt: str, columns: int | None = None) -> Picture:
    """Embed an animation of grids uint8 [N, H, W, C]. Of large images, or many, only the first rows are shown."""
    cells = [_small(frame) for frame in frames]
    count, height, width, _ = cells[0].shape
    shown = max(1, min(count, GIF_PIXELS // (height * width * len(cells))))
    if columns:
        shown = max(columns, shown // columns * columns)
    sheets = [grids.transparent_grid(frame[:shown], columns or _columns(frame[:shown])) for frame in cells]
    made = animate(sheets, [200] * (len(sheets) - 1) + [2000])
    return _embed(made, "gif", alt, *sheets[0].size)


def plots(paths: Iterable[Path], alt: str) -> Picture:
    """Embed an animation of plots from files."""
    return _embed(animate_files(paths, longest=COLUMN_WIDTH), "gif", alt, COLUMN_WIDTH, COLUMN_WIDTH, plot=True)


def _are_strips(cells: np.ndarray) -> bool:
    """Whether images [N, H, W, C] are several side by side, such as a sample beside its source image."""
    return bool(cells.shape[2] >= 2 * cells.shape[1])


def _columns(cells: np.ndarray) -> int:
    """Number of columns of the squarest grid of images [N, H, W, C]; up to 8, every row is full if possible."""
    count, height, width = cells.shape[:3]
    square = math.ceil(math.sqrt(count * (height / width if _are_strips(cells) else 1)))
    return next((columns for columns in range(square, 9) if count % columns == 0), square)


def _small(cells: np.ndarray) -> np.ndarray:
    """Scale images uint8 [N, H, W, C] down to at most LONGEST pixels a side, strips to a height of as many."""
    longest = LONGEST * -(-cells.shape[2] // cells.shape[1]) if _are_strips(cells) else LONGEST
    if max(cells.shape[1:3]) <= longest:
        return cells
    shown = [grids.to_image(cell) for cell in cells]
    for picture in shown:
        picture.thumbnail((longest, LONGEST))
    return np.stack([np.asarray(picture).reshape(picture.height, picture.width, -1) for picture in shown])


def _embed_image(picture: Image, alt: str, wide: int) -> Picture:
    content, format = grids.png(picture), "png"
    if len(content) > LOSSLESS_BYTES:
        memory = io.BytesIO()
        picture.convert("RGBA").save(memory, "WEBP", quality=85)
        content, format = memory.getvalue(), "webp"
    return _embed(content, format, alt, *picture.size, wide=wide)


def _embed(
    content: bytes, format: str, alt: str, width: int, height: int, wide: int = COLUMN_WIDTH, plot: bool = False
) -> Picture:
    factor = 1 if plot else max(1, wide // width)
    uri = f"data:image/{format};base64,{base64.b64encode(content).decode()}"
    return Picture(uri, alt, width * factor, height * factor, crisp=factor > 1, plot=plot)
