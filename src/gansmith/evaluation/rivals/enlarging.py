"""Rivals that enlarge: uint8 [N, C, h, w] and a whole factor F -> uint8 [N, C, F h, F w], channel by channel.

A super-resolution network that can't beat back-projection has learned no more than the way in which the images were made small.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from gansmith.core.errors import DataError

__all__ = ["back_projection", "bicubic", "lanczos", "nearest", "shrunk"]

Filter = Image.Resampling
ROUNDS = 10


def nearest(images: np.ndarray, factor: int) -> np.ndarray:
    """Each pixel repeated `factor` times in both directions."""
    return _to_bytes(_resized(images, factor, 1, Filter.NEAREST))


def bicubic(images: np.ndarray, factor: int) -> np.ndarray:
    """Cubic convolution with a = -.5 (Keys 1981), as Pillow has it."""
    return _to_bytes(_resized(images, factor, 1, Filter.BICUBIC))


def lanczos(images: np.ndarray, factor: int) -> np.ndarray:
    """A windowed sinc of three lobes (Duchon 1979), as Pillow has it."""
    return _to_bytes(_resized(images, factor, 1, Filter.LANCZOS))


def back_projection(images: np.ndarray, factor: int, rounds: int = ROUNDS) -> np.ndarray:
    """Iterative back-projection (Irani and Peleg 1991, eq. 3): x <- x + up(y - down(x)), from x = up(y).

    y is the small image, `up` bicubic enlargement, `down` what `shrunk` does. So the result, made small again, comes back to y.
    It is the best of the rivals here where the images were made small in that way.
    """
    given = images.astype(np.float32)
    found = _resized(given, factor, 1, Filter.BICUBIC)
    for _ in range(rounds):
        found += _resized(given - _resized(found, 1, factor, Filter.BICUBIC), factor, 1, Filter.BICUBIC)
    return _to_bytes(found)


def shrunk(images: np.ndarray, factor: int) -> np.ndarray:
    """Images uint8 [N, C, H, W] made small by a whole factor that divides H and W, by Pillow's antialiased bicubic filter.

    Raises:
        DataError: the factor does not divide a side.
    """
    if images.shape[2] % factor or images.shape[3] % factor:
        raise DataError(
            f"images of {images.shape[2]} x {images.shape[3]} can't be made small by {factor}: it must divide both sides"
        )
    return _to_bytes(_resized(images, 1, factor, Filter.BICUBIC))


def _resized(images: np.ndarray, up: int, down: int, kind: Filter) -> np.ndarray:
    """Images [N, C, H, W] at `up / down` times their size, by Pillow: float32, or as it rounds bytes itself."""
    height, width = images.shape[2] * up // down, images.shape[3] * up // down
    found = np.empty((*images.shape[:2], height, width), images.dtype)
    for image, result in zip(images, found, strict=True):
        for channel, made in zip(image, result, strict=True):
            made[...] = np.asarray(Image.fromarray(channel).resize((width, height), kind))
    return found


def _to_bytes(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
