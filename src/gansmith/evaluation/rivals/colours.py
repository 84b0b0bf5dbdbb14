"""Rivals that change colours alone: each pixel of the result depends on the same pixel of the source, whatever lies around it.

`make_...` functions fit pairs of training images, uint8 [N, C, H, W] and [N, D, H, W], and return a function from sources
uint8 [M, C, H, W] to results uint8 [M, D, H, W]. Nothing is random, and a result depends on its own source alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gansmith.core.errors import DataError
from gansmith.data.pixels import recolour

__all__ = ["Translate", "make_chroma_table", "make_colour_table", "make_histogram_matching", "make_identity", "make_mean_colour"]

Translate = Callable[[np.ndarray], np.ndarray]
"""Sources uint8 [M, C, H, W] -> results uint8 [M, D, H', W']."""

CELLS = 4096  # of a colour table, at most: 16 levels of each of three channels
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R 601
_ROWS = 256  # images whose pixels are counted at once


def make_identity(sources: np.ndarray, targets: np.ndarray) -> Translate:
    """The source itself, as the result of a translator that does nothing. Grey is repeated where targets have colours.

    Raises:
        DataError: no such result has the channels of the targets.
    """
    channels, wanted = sources.shape[1], targets.shape[1]
    if channels != wanted and not {channels, wanted} <= {1, 3, 4}:
        raise DataError(f"the source itself has {channels} channels, the targets {wanted}: it can't be a result")
    return lambda given: given if channels == wanted else recolour(given, wanted)


def make_mean_colour(sources: np.ndarray, targets: np.ndarray) -> Translate:
    """The mean colour of all targets, in every pixel: what a translator without a source can do at best in L2."""
    _check(sources, targets)
    mean = np.mean([part.mean((0, 2, 3)) for part in np.array_split(targets, -(-len(targets) // _ROWS))], axis=0)
    colour = _to_bytes(mean)
    return lambda given: np.broadcast_to(colour[None, :, None, None], (len(given), len(colour), *given.shape[2:])).copy()


def make_colour_table(sources: np.ndarray, targets: np.ndarray) -> Translate:
    """The mean target colour of each quantised source colour.

    A source colour falls into one of at most 4,096 cells: 256 levels of one channel, 64 of two, 16 of three, 8 of four, and so
    on. A cell without training pixels takes the value of the nearest cell that has some.

    Raises:
        DataError: the arrays are no pairs of one size.
    """
    _check(sources, targets)
    channels = sources.shape[1]
    levels = next(levels for levels in (256, 128, 64, 32, 16, 8, 4, 2, 1) if levels**channels <= CELLS)

    def cells(images: np.ndarray) -> np.ndarray:
        """The cell of each pixel of [n, C, H, W]: int64 [n, H, W]."""
        found = np.zeros((len(images), *images.shape[2:]), np.int64)
        for channel in range(channels):
            found = found * levels + images[:, channel].astype(np.int64) // (256 // levels)
        return found

    counts, sums = np.zeros(levels**channels), np.zeros((levels**channels, targets.shape[1]))
    for source, target in _parts(sources, targets):
        at = cells(source).ravel()
        counts += np.bincount(at, minlength=len(counts))
        for channel in range(targets.shape[1]):
            sums[:, channel] += np.bincount(at, target[:, channel].ravel(), len(counts))
    table = _to_bytes(sums / np.maximum(counts, 1)[:, None])[_nearest_filled(counts, levels, channels)]
    return lambda given: np.ascontiguousarray(table[cells(given)].transpose(0, 3, 1, 2))


def make_chroma_table(sources: np.ndarray, targets: np.ndarray) -> Translate:
    """For colourisation, grey [N, 1, H, W] to RGB [N, 3, H, W]: the source's luminance with the mean chroma of that luminance.

    Chroma is R - Y and B - Y, with the luma Y of ITU-R 601. One of the 256 luminances without training
    pixels takes the nearest that has some.

    Raises:
        DataError: sources are not grey, targets are not RGB, or the arrays are no pairs of one size.
    """
    _check(sources, targets)
    if (sources.shape[1], targets.shape[1]) != (1, 3):
        raise DataError(f"a chroma table turns 1 channel into 3, got {sources.shape[1]} and {targets.shape[1]}")
    counts, sums = np.zeros(256), np.zeros((256, 2))
    for source, target in _parts(sources, targets):
        at, luma = source.ravel(), np.einsum("nchw,c->nhw", target.astype(np.float64), _LUMA)
        counts += np.bincount(at, minlength=256)
        for i, channel in enumerate((0, 2)):
            sums[:, i] += np.bincount(at, (target[:, channel] - luma).ravel(), 256)
    chroma = (sums / np.maximum(counts, 1)[:, None])[_nearest_filled(counts, 256, 1)]
    red, blue = chroma.T
    y = np.arange(256.0)
    green = -(_LUMA[0] * red + _LUMA[2] * blue) / _LUMA[1]  # so that the luma of the result is y
    table = _to_bytes(np.stack([y + red, y + green, y + blue], 1))
    return lambda given: np.ascontiguousarray(table[given[:, 0]].transpose(0, 3, 1, 2))


def make_histogram_matching(sources: np.ndarray, targets: np.ndarray) -> Translate:
    """A rising curve for each channel, which gives all sources together the histogram of all targets.

    Gonzalez and Woods, Digital Image Processing, s. 3.3.

    The pairs need not belong together. On the training sources it is what `skimage.exposure.match_histograms` makes of all of
    them as one image; a new source gets the same curve, whatever colours it has itself.

    Raises:
        DataError: the numbers of channels differ.
    """
    if sources.shape[1] != targets.shape[1]:
        raise DataError(f"histograms match channel by channel, got {sources.shape[1]} and {targets.shape[1]} channels")
    curves = []
    for channel in range(sources.shape[1]):
        shares = []
        for side in (sources, targets):
            counts = np.bincount(side[:, channel].ravel(), minlength=256)
            shares.append(np.cumsum(counts) / counts.sum())
        known = np.diff(shares[1], prepend=0) > 0
        curves.append(np.interp(shares[0], shares[1][known], np.arange(256)[known]))
    table = _to_bytes(np.stack(curves))

    def match(given: np.ndarray) -> np.ndarray:
        return np.stack([curve[given[:, channel]] for channel, curve in enumerate(table)], 1)

    return match


def _check(sources: np.ndarray, targets: np.ndarray) -> None:
    """Raise DataError unless sources [N, C, H, W] and targets [N, D, H, W] are pairs."""
    same = sources.ndim == targets.ndim == 4 and len(sources) == len(targets) and sources.shape[2:] == targets.shape[2:]
    if not same or not len(sources):
        raise DataError(
            f"training pairs: expected sources [N, C, H, W] and targets [N, D, H, W], got {list(sources.shape)} and "
            f"{list(targets.shape)}"
        )


def _parts(sources: np.ndarray, targets: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for start in range(0, len(sources), _ROWS):
        yield sources[start : start + _ROWS], targets[start : start + _ROWS]


def _nearest_filled(counts: np.ndarray, levels: int, channels: int) -> np.ndarray:
    """For each cell of a table, the cell itself if it has pixels, else the nearest that has: int64 [cells]."""
    from scipy.spatial import cKDTree

    places = np.stack(np.unravel_index(np.arange(len(counts)), (levels,) * channels), 1)
    filled = np.flatnonzero(counts)
    return np.asarray(filled[cKDTree(places[filled]).query(places)[1]])


def _to_bytes(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
