"""Animations: pictures of equal size as an endless GIF."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gansmith.drawing.grids import on_white, read_picture

if TYPE_CHECKING:
    from PIL.Image import Image


def animate_files(pictures: Iterable[Path], longest: int = 480, milliseconds: int = 200) -> bytes:
    """Animate picture files of equal size, on white, at most `longest` pixels a side. The last picture stays for two seconds."""
    from PIL import Image

    frames = []
    for path in pictures:
        picture = read_picture(path)
        frame = on_white(picture).convert("L" if picture.mode in ("L", "LA") else "RGB")
        frame.thumbnail((longest, longest), Image.Resampling.BOX)
        frames.append(frame)
    return animate(frames, [milliseconds] * (len(frames) - 1) + [2000])


def animate(frames: Sequence[Image], milliseconds: int | list[int], greys: int = 64) -> bytes:
    """Encode pictures of equal size and mode as an endless GIF.

    Grey pictures keep `greys` (2 to 256) levels, colour pictures 128 colours each. Transparent pixels stay transparent,
    and partly transparent ones lie on white.
    """
    shown = [_few_colours(frame, greys) for frame in frames]
    clear = {"transparency": _CLEAR, "disposal": 2} if frames[0].mode in ("LA", "RGBA") else {}
    memory = io.BytesIO()
    shown[0].save(memory, "GIF", save_all=True, append_images=shown[1:], duration=milliseconds, loop=0, optimize=False, **clear)
    return memory.getvalue()


_CLEAR = 255  # palette index of transparent pixels


def _few_colours(frame: Image, greys: int) -> Image:
    from PIL import Image

    visible = on_white(frame)
    if visible.mode == "L":
        step = 255.0 / (greys - 1)
        values = np.rint(np.rint(np.asarray(visible) / step) * step).astype(np.uint8)
        palette = np.repeat(np.arange(256, dtype=np.uint8), 3)
    else:
        few = visible.quantize(128, Image.Quantize.FASTOCTREE)  # a hundredth of median cut's time
        values = np.array(few)
        palette = np.resize(np.array(few.getpalette(), np.uint8), 768)
    if frame.mode in ("LA", "RGBA"):
        values = np.where(np.asarray(frame.getchannel("A")) == 0, _CLEAR, np.minimum(values, _CLEAR - 1)).astype(np.uint8)
    shown = Image.fromarray(values, "P")
    shown.putpalette(palette.tobytes())
    return shown
