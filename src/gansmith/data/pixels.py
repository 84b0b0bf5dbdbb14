"""Conversion of colours and sizes, used by every source of images.

Colours: grey becomes RGB by repetition; RGB becomes grey by its luma (ITU-R 601, as in JPEG); an added alpha channel is opaque,
and a removed one is composited on white. Sizes: Lanczos resampling, which averages when it shrinks and so avoids aliasing.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field

from gansmith.data.memory import must_fit

Size = Annotated[int, Field(ge=1, le=4096)]
"""The side of a square image, in pixels."""

Channels = Literal[1, 3, 4]
"""Grey, RGB, or RGB with alpha."""


def _pair(bounds: object) -> object:
    """The bounds, if they are two values. Raises ValueError otherwise, in the words of the command line."""
    if not isinstance(bounds, (tuple, list)) or len(bounds) != 2:
        raise ValueError("two numbers, data.range=LOW,HIGH, as in data.range=0,4095")
    return bounds


def _ascending(bounds: tuple[float, float]) -> tuple[float, float]:
    """The bounds, if the first is below the second. Raises ValueError otherwise."""
    if bounds[0] >= bounds[1]:
        raise ValueError(f"two numbers, the lower one first, as in 0,{int(max(bounds)) or 4095}")
    return bounds


Level = Annotated[float, Field(ge=-1e12, le=1e12)]
"""A value of a pixel in a file."""

Range = Annotated[tuple[Level, Level], BeforeValidator(_pair), AfterValidator(_ascending)]
"""The values that become black and white."""

Fit = Literal["crop", "stretch", "pad"]
"""How an image that is not square becomes square: cropped to its centre, stretched, or padded with white."""

_LUMA = np.array([19595, 38470, 7471], np.uint32)  # 0.299, 0.587, 0.114 in units of 1/65536; they sum to 65536
_WHITE = 255
_CHUNK = 2**22  # bytes of images converted at once, so that a large data set needs no second copy


def fit_images(images: np.ndarray, size: int | None, channels: int | None, what: object, fit: Fit = "crop") -> np.ndarray:
    """Convert images to one size and number of channels.

    Args:
        images: uint8 [N, C, H, W], C in 1, 3, 4.
        size: new side S in pixels; None keeps H and W.
        channels: new C; None keeps it.
        what: file or data set to name in the message about memory.
        fit: how images that are not square become square, if there is a size.

    Returns:
        uint8 [N, C', S, S]; `images` itself if nothing changes.

    Raises:
        DataError: the result does not fit in memory.
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
        # Channels are removed before resizing and added after it: the result is equal, with less work.
        part = recolour(part, min(shape[1], old_channels))
        part = part if size is None else _resize_to_square(part, size, fit)
        fitted[i : i + step] = recolour(part, shape[1])
    return fitted


def recolour(images: np.ndarray, channels: int) -> np.ndarray:
    """Convert the number of channels: uint8 [N, C, H, W] -> uint8 [N, channels, H, W], both numbers in 1, 3, 4."""
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


def side_by_side(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Two stacks of images as one for display, uint8 [N, 3, H, w + W]: grey becomes RGB, and of many channels 3 are shown.

    The left images, uint8 [N, c, h, w], get the height of the right ones, uint8 [N, C, H, W].
    """
    shown = [images if images.shape[1] in (1, 3, 4) else images[:, : 3 if images.shape[1] > 3 else 1] for images in (left, right)]
    left, right = (recolour(images, 3) for images in shown)
    height = right.shape[2]
    return np.concatenate([_resize(left, height, max(1, round(left.shape[3] * height / left.shape[2]))), right], axis=3)


def one_invisible_colour(images: np.ndarray) -> np.ndarray:
    """Make all invisible pixels white, in place: uint8 [N, C, H, W]. Their colours are arbitrary, and would be learned."""
    if images.shape[1] == 4:
        for image in images:
            image[:3, image[3] == 0] = _WHITE
    return images


def _resize_to_square(images: np.ndarray, size: int, fit: Fit) -> np.ndarray:
    """Resize to uint8 [N, C, size, size]; images that are not square are cropped, stretched or padded."""
    height, width = images.shape[2:]
    if fit == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        images = images[:, :, top : top + side, left : left + side]
    if fit != "pad" or height == width:
        return _resize(images, size, size)
    scale = size / max(height, width)
    # The short side of a very long image would round to 0.
    inner = _resize(images, max(1, round(height * scale)), max(1, round(width * scale)))
    height, width = inner.shape[2:]
    top, left = (size - height) // 2, (size - width) // 2
    padded = np.full((*images.shape[:2], size, size), _WHITE, np.uint8)
    padded[:, :, top : top + height, left : left + width] = inner
    return padded


def _resize(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize uint8 [N, C, h, w] to uint8 [N, C, height, width], with the result of PIL's Lanczos filter for each image.

    Resampling is separable, so one call per direction resizes a stack of images without mixing them.
    """
    from PIL import Image

    num, channels, old_height, old_width = images.shape
    lanczos = Image.Resampling.LANCZOS
    if (old_height, old_width) == (height, width):
        return images
    if channels == 4:  # one by one: PIL weights colours by alpha, so that invisible colours do not bleed in
        pictures = (Image.fromarray(np.ascontiguousarray(image)) for image in images.transpose(0, 2, 3, 1))
        return np.stack([np.asarray(p.resize((width, height), lanczos)) for p in pictures]).transpose(0, 3, 1, 2)
    planes = num * channels
    tower = np.ascontiguousarray(images).reshape(planes * old_height, old_width)
    tower = np.asarray(Image.fromarray(tower).resize((width, len(tower)), lanczos))
    row = np.ascontiguousarray(tower.reshape(planes, old_height, width).transpose(1, 0, 2)).reshape(old_height, -1)
    row = np.asarray(Image.fromarray(row).resize((row.shape[1], height), lanczos))
    return row.reshape(height, num, channels, width).transpose(1, 2, 0, 3)
