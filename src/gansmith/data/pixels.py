"""One policy for every image source: how colours are changed and how sizes are fitted.

Colours: grey becomes RGB by repeating it; RGB becomes grey by its luma (ITU-R 601, as in JPEG); alpha is added as opaque, and
taken away by laying the image on white. Sizes: Lanczos resampling, which averages when it shrinks and so does not alias.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from gansmith.data.memory import must_fit

Size = Annotated[int, Field(ge=1, le=4096)]
"""The side of a square image, in pixels."""

Channels = Literal[1, 3, 4]
"""Grey, RGB, or RGB with alpha."""

Fit = Literal["crop", "stretch", "pad"]
"""How an image that is not square becomes square: its centre, squeezed, or whole with white beside it."""

_LUMA = np.array([19595, 38470, 7471], np.uint32)  # 0.299, 0.587, 0.114 in units of 1/65536; they sum to 65536
_WHITE = 255
_CHUNK = 2**22  # bytes of images that are worked on at once, so that a large set needs no second one beside it


def fit_images(images: np.ndarray, size: int | None, channels: int | None, what: object, fit: Fit = "crop") -> np.ndarray:
    """Give images one size and colour; the only place where either is changed.

    Args:
        images: uint8 [N, C, H, W], C in 1, 3, 4.
        size: the new side S in pixels; None keeps H and W.
        channels: the new C; None keeps it.
        what: named when the result would not fit in memory.
        fit: what becomes of images that are not square, where there is a size.

    Returns:
        uint8 [N, C', S, S]; `images` itself where nothing changes.

    Raises DataError when the result would not fit in memory.
    """
    num, old_channels, height, width = images.shape
    shape = (num, channels or old_channels, size or height, size or width)
    if shape == images.shape:
        return images
    must_fit(shape, np.uint8, what)
    fitted = np.empty(shape, np.uint8)
    step = max(1, _CHUNK // (old_channels * height * width))
    for i in range(0, num, step):
        part = images[i : i + step]
        # Many channels become few before the resizing and few become many after it: the same result for less work.
        part = recolour(part, min(shape[1], old_channels))
        part = part if size is None else _resize_to_square(part, size, fit)
        fitted[i : i + step] = recolour(part, shape[1])
    return fitted


def recolour(images: np.ndarray, channels: int) -> np.ndarray:
    """uint8 [N, C, H, W] -> uint8 [N, channels, H, W], both counts in 1, 3, 4."""
    if images.shape[1] == channels:
        return images
    if images.shape[1] == 4:
        colour, alpha = images[:, :3].astype(np.uint32), images[:, 3:].astype(np.uint32)
        images = ((colour * alpha + _WHITE * (255 - alpha) + 127) // 255).astype(np.uint8)
    if channels == 1:
        luma: np.ndarray = np.einsum("nchw,c->nhw", images.astype(np.uint32), _LUMA)
        return ((luma + 2**15) >> 16).astype(np.uint8)[:, None]
    images = np.repeat(images, 3, axis=1) if images.shape[1] == 1 else images
    return images if channels == 3 else np.concatenate([images, np.full_like(images[:, :1], 255)], axis=1)


def _resize_to_square(images: np.ndarray, size: int, fit: Fit) -> np.ndarray:
    """uint8 [N, C, H, W] -> uint8 [N, C, size, size]."""
    height, width = images.shape[2:]
    if fit == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        images = images[:, :, top : top + side, left : left + side]
    if fit != "pad" or height == width:
        return _resize(images, size, size)
    scale = size / max(height, width)
    # A very long image would otherwise lose its short side altogether.
    inner = _resize(images, max(1, round(height * scale)), max(1, round(width * scale)))
    height, width = inner.shape[2:]
    top, left = (size - height) // 2, (size - width) // 2
    padded = np.full((*images.shape[:2], size, size), _WHITE, np.uint8)
    padded[:, :, top : top + height, left : left + width] = inner
    return padded


def _resize(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """uint8 [N, C, h, w] -> uint8 [N, C, height, width], each image as PIL's Lanczos has it.

    Resampling is separable, so a stack of images is resized in one call in each direction, without one touching the next.
    """
    from PIL import Image

    num, channels, old_height, old_width = images.shape
    lanczos = Image.Resampling.LANCZOS
    if (old_height, old_width) == (height, width):
        return images
    if channels == 4:  # one by one, as PIL weights colours by their alpha, so that hidden ones don't bleed in
        pictures = (Image.fromarray(np.ascontiguousarray(image)) for image in images.transpose(0, 2, 3, 1))
        return np.stack([np.asarray(p.resize((width, height), lanczos)) for p in pictures]).transpose(0, 3, 1, 2)
    planes = num * channels
    tower = np.ascontiguousarray(images).reshape(planes * old_height, old_width)
    tower = np.asarray(Image.fromarray(tower).resize((width, len(tower)), lanczos))
    row = np.ascontiguousarray(tower.reshape(planes, old_height, width).transpose(1, 0, 2)).reshape(old_height, -1)
    row = np.asarray(Image.fromarray(row).resize((row.shape[1], height), lanczos))
    return row.reshape(height, num, channels, width).transpose(1, 2, 0, 3)
