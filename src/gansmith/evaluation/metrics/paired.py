"""Metrics of translated images beside the true ones: how far each made image is from its own target.

Every function takes `made` and `truth`, uint8 [N, C, H, W] of one shape, row i of one belonging to row i of the other, with 1 to
16 channels of any meaning. It returns one value for each pair, float64 [N]. No value depends on the other pairs.

PSNR and SSIM reward the mean of all possible answers, which is blurred: read them beside LPIPS (`metrics.lpips`) or a distance of
distributions. SSIM comes from scikit-image, an extra: `pip install 'gansmith[images]'`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gansmith.core.errors import DataError, SettingError

__all__ = ["WINDOW", "absolute_errors", "check_pairs", "mean_psnr", "paired_values", "psnr", "ssim"]

WINDOW = 11  # pixels a side of SSIM's Gaussian window, as in the paper
MAX_CHANNELS = 16
RANGE = 255.0
_ROWS = 256  # pairs in float64 at once


def check_pairs(made: np.ndarray, truth: np.ndarray) -> None:
    """Check that two arrays are pairs of images: uint8 [N, C, H, W] of one shape, N at least 1, C from 1 to 16.

    Raises:
        DataError: they are not.
    """
    for what, images in (("made images", made), ("true images", truth)):
        if images.dtype != np.uint8 or images.ndim != 4 or not images.size or images.shape[1] > MAX_CHANNELS:
            raise DataError(
                f"{what}: expected uint8 [N, C, H, W] with 1 to {MAX_CHANNELS} channels, got {images.dtype} {list(images.shape)}"
            )
    if made.shape != truth.shape:
        raise DataError(
            f"made images are {list(made.shape)}, true images {list(truth.shape)}: expected pairs of one shape [N, C, H, W]"
        )


def absolute_errors(made: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """L1 of each pair: the mean of |made - truth| / 255 over channels and pixels, from 0 to 1: float64 [N]."""
    check_pairs(made, truth)
    return _by_rows(lambda x, y: np.abs(x - y).mean((1, 2, 3)) / RANGE, made, truth)


def psnr(made: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio of each pair in dB: 10 log10(255^2 / MSE), MSE over channels and pixels: float64 [N].

    Infinite for equal images. `mean_psnr` says how infinity is averaged.
    """
    check_pairs(made, truth)
    errors = _by_rows(lambda x, y: np.square(x - y).mean((1, 2, 3)), made, truth)
    with np.errstate(divide="ignore"):
        return np.asarray(10 * np.log10(RANGE**2 / errors))


def mean_psnr(values: np.ndarray, shape: tuple[int, ...]) -> float:
    """Mean of PSNR values [N] in dB, of images of `shape` (C, H, W): the mean over images, not the PSNR of the mean error.

    An infinite value counts as that of the nearest image which is not equal, with one value off by one level:
    10 log10(255^2 C H W). So one equal pair doesn't decide the mean, and is still the best of all.
    """
    best = 10 * np.log10(RANGE**2 * np.prod(shape, dtype=np.float64))
    return float(np.minimum(values, best).mean())


def ssim(made: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Structural similarity of each pair (Wang et al. 2004, eq. 13 and 17): 1 for equal images, at least -1: float64 [N].

    The paper's settings: a Gaussian window of 11 x 11 pixels and standard deviation 1.5, K1 = .01, K2 = .03, a range of 255, and
    variances over n. Windows that reach over the edge are left out. The value is the mean over the windows of each channel, then
    over the channels. NaN for images of fewer than 11 pixels on a side, where no window fits.

    Raises:
        SettingError: scikit-image is not installed.
    """
    check_pairs(made, truth)
    if min(made.shape[2:]) < WINDOW:
        return np.full(len(made), np.nan)
    try:
        from skimage.metrics import structural_similarity
    except ImportError:
        raise SettingError("SSIM needs scikit-image, which is not installed: pip install 'gansmith[images]'") from None
    settings: dict[str, Any] = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": RANGE}
    found = [structural_similarity(x, y, channel_axis=0, **settings) for x, y in zip(made, truth, strict=True)]
    return np.array(found, np.float64)


def paired_values(made: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """All metrics of this module by key, each float64 [N]: `l1` (lower is better), `psnr` and `ssim` (higher is better).

    Raises:
        DataError: the arrays are no pairs of images.
        SettingError: scikit-image is not installed.
    """
    return {"l1": absolute_errors(made, truth), "psnr": psnr(made, truth), "ssim": ssim(made, truth)}


def _by_rows(compute: Any, made: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Apply `compute` to float64 chunks of both arrays, and join its values [n]."""
    parts = [
        compute(made[i : i + _ROWS].astype(np.float64), truth[i : i + _ROWS].astype(np.float64))
        for i in range(0, len(made), _ROWS)
    ]
    return np.concatenate(parts)
