"""Strips: the source image, the translation and the true image of each pair side by side, as one image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gansmith.drawing.grids import GAP


def strips(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Join images side by side, with a white gap after each, uint8 [N, H, W, C].

    Args:
        parts: uint8 [N, h, w, c] each. Lower images are enlarged to the height of the highest, without interpolation. Colour
            wins over grey; of more than four channels the first three are shown.
    """
    height = max(part.shape[1] for part in parts)
    channels = max(_shown(part.shape[3]) for part in parts)
    shown = [_with_channels(_enlarged(part, height), channels) for part in parts]
    gap = np.full((len(parts[0]), height, GAP, channels), 255, np.uint8)
    return np.concatenate([piece for part in shown for piece in (part, gap)], axis=2)


def strip_shape(shapes: Sequence[Sequence[int]]) -> tuple[int, int, int]:
    """The shape (C, H, W) of a strip of images of these shapes (c, h, w)."""
    parts = [np.zeros((1, height, width, channels), np.uint8) for channels, height, width in shapes]
    _, height, width, channels = strips(parts).shape
    return channels, height, width


def _shown(channels: int) -> int:
    """Number of channels that are shown: 1, 3 or 4."""
    return channels if channels in (1, 3, 4) else 1 if channels == 2 else 3


def _enlarged(images: np.ndarray, height: int) -> np.ndarray:
    """Images uint8 [N, h, w, c] at another height and the width that keeps their proportions, by nearest neighbours."""
    old_height, old_width = images.shape[1:3]
    width = max(1, round(old_width * height / old_height))
    rows, columns = np.arange(height) * old_height // height, np.arange(width) * old_width // width
    return images[:, rows[:, None], columns[None, :]]


def _with_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """Images uint8 [N, H, W, c] with 1, 3 or 4 channels: grey becomes colour, opaque where there was no transparency."""
    images = images[..., : _shown(images.shape[3])]
    if images.shape[3] == 1 and channels > 1:
        images = np.repeat(images, 3, axis=3)
    if images.shape[3] == 3 and channels == 4:
        images = np.concatenate([images, np.full((*images.shape[:3], 1), 255, np.uint8)], axis=3)
    return images
