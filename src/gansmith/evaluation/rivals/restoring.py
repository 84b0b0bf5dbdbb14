"""Rivals that restore: noise is taken out, and holes are filled. They come from scikit-image, an extra: `gansmith[images]`.

Images are uint8 [N, C, H, W] with any number of channels, results the same. Those that take noise out also accept floats in
levels of 255, which keep the noise that bytes cut off below 0 and above 255. On such images they are up to a decibel better than
on bytes, so give a rival what the translator gets. Two ways to fill holes come from OpenCV, which is in no extra of gansmith:
`pip install opencv-python-headless`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gansmith.core.errors import DataError, SettingError

__all__ = ["biharmonic", "mean_fill", "navier_stokes", "nl_means", "telea", "total_variation", "wavelet"]

RADIUS = 3  # pixels around a hole from which OpenCV takes colours


def nl_means(images: np.ndarray, sigma: float) -> np.ndarray:
    """Non-local means (Buades et al. 2005): patches of 5 x 5, searched within 6 pixels, h = .8 sigma.

    Args:
        images: noisy images, uint8 [N, C, H, W], or floats in levels of 255.
        sigma: standard deviation of the noise, in levels of 255.
    """
    noise = _noise(sigma)
    settings = {"patch_size": 5, "patch_distance": 6, "h": 0.8 * noise, "sigma": noise, "fast_mode": True, "channel_axis": -1}
    return _restored("denoise_nl_means", images, settings)


def total_variation(images: np.ndarray, sigma: float, weight: float | None = None) -> np.ndarray:
    """Total variation (Rudin et al. 1992; Chambolle 2004).

    Args:
        images: noisy images, uint8 [N, C, H, W], or floats in levels of 255.
        sigma: standard deviation of the noise, in levels of 255.
        weight: of the total variation, for values in [0, 1]; None takes sigma / 255, which is .1 for a sigma of 25.
    """
    weight = _noise(sigma) if weight is None else weight
    return _restored("denoise_tv_chambolle", images, {"weight": weight, "channel_axis": -1})


def wavelet(images: np.ndarray, sigma: float) -> np.ndarray:
    """Soft thresholds of wavelet coefficients by BayesShrink (Chang et al. 2000), of RGB in luma and chroma.

    Needs PyWavelets, part of `gansmith[images]`.

    Args:
        images: noisy images, uint8 [N, C, H, W], or floats in levels of 255.
        sigma: standard deviation of the noise, in levels of 255.
    """
    settings = {"sigma": _noise(sigma), "method": "BayesShrink", "mode": "soft", "channel_axis": -1}
    settings |= {"rescale_sigma": True, "convert2ycbcr": images.shape[1] == 3}
    return _restored("denoise_wavelet", images, settings)


def mean_fill(images: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """The mean colour of the known pixels of each image, in all of its holes.

    Args:
        images: uint8 [N, C, H, W]; what is in the holes does not matter.
        holes: True in holes, bool [N, H, W]. An image that is all hole becomes grey, 128.
    """

    return _filled(lambda image, hole: image, images, holes)


def biharmonic(images: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """The smoothest surface through the edge of each hole: the biharmonic equation (Damelin and Hoang 2018).

    Arguments: those of `mean_fill`.

    Raises:
        SettingError: scikit-image is not installed.
    """
    inpaint = _restoration("inpaint_biharmonic")

    def fill(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        return _to_bytes(inpaint(image.transpose(1, 2, 0) / 255, hole, channel_axis=-1).transpose(2, 0, 1))

    return _filled(fill, images, holes)


def telea(images: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Colours carried inwards from the edge of a hole by fast marching (Telea 2004).

    Arguments: those of `mean_fill`.

    Raises:
        SettingError: OpenCV is not installed.
    """
    return _by_opencv("INPAINT_TELEA", images, holes)


def navier_stokes(images: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Lines of equal brightness carried on into a hole, as a fluid flows (Bertalmio et al. 2001).

    Arguments: those of `mean_fill`.

    Raises:
        SettingError: OpenCV is not installed.
    """
    return _by_opencv("INPAINT_NS", images, holes)


# ------------------------------------------------------------------------------------------------------------- libraries


def _noise(sigma: float) -> float:
    """The noise's standard deviation for values in [0, 1]. Raises SettingError for one that is not from 0 to 255."""
    if not 0 < sigma <= 255:
        raise SettingError(f"noise: expected a standard deviation above 0 and up to 255 levels, got {sigma}")
    return sigma / 255


def _restoration(name: str) -> Any:
    """A function of skimage.restoration."""
    try:
        from skimage import restoration

        return getattr(restoration, name)
    except ImportError:
        raise SettingError(f"{name} needs scikit-image, which is not installed: pip install 'gansmith[images]'") from None


def _restored(name: str, images: np.ndarray, settings: dict[str, Any]) -> np.ndarray:
    """Apply a function of skimage.restoration to each image [H, W, C] in [0, 1]."""
    restore = _restoration(name)
    found = np.empty(images.shape, np.uint8)
    for image, result in zip(images, found, strict=True):
        try:
            made = restore(np.ascontiguousarray(image.transpose(1, 2, 0) / 255), **settings)
        except ImportError as error:  # PyWavelets is imported when it is used
            raise SettingError(f"{name}: {error}: pip install 'gansmith[images]'") from None
        result[...] = _to_bytes(made.reshape(*image.shape[1:], -1).transpose(2, 0, 1))  # some leave out one channel
    return found


def _filled(fill: Callable[[np.ndarray, np.ndarray], np.ndarray], images: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Apply `fill` to each image that has holes. Pixels outside holes stay as they are, to the bit."""
    if holes.dtype != np.bool_ or holes.shape != (len(images), *images.shape[2:]):
        raise DataError(
            f"holes: expected bool {[len(images), *images.shape[2:]]} for images {list(images.shape)}, "
            f"got {holes.dtype} {list(holes.shape)}"
        )
    found = images.copy()
    for i in np.flatnonzero(holes.any((1, 2))):
        # OpenCV's results depend a little on what is in the holes, which may be the truth: the mean colour replaces it first.
        found[i] = np.where(holes[i], fill(_wiped(images[i], holes[i]), holes[i]), images[i])
    return found


def _wiped(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """An image [C, H, W] with the mean colour of its known pixels in its hole, or 128 where no pixel is known."""
    known = image[:, ~hole]
    mean = np.rint(known.mean(1)) if known.size else np.full(len(image), 128.0)
    return np.where(hole, mean[:, None, None], image).astype(np.uint8)


def _by_opencv(kind: str, images: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Fill holes by OpenCV, three channels together, other numbers one by one: it knows grey and RGB only."""
    try:
        import cv2
    except ImportError:
        raise SettingError(f"{kind} needs OpenCV, which is not installed: pip install opencv-python-headless") from None

    def fill(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
        mask, flag = hole.astype(np.uint8), getattr(cv2, kind)
        if len(image) == 3:
            made = cv2.inpaint(np.ascontiguousarray(image.transpose(1, 2, 0)), mask, RADIUS, flag)
            return np.asarray(made).transpose(2, 0, 1)
        return np.stack([cv2.inpaint(np.ascontiguousarray(channel), mask, RADIUS, flag) for channel in image])

    return _filled(fill, images, holes)


def _to_bytes(values: np.ndarray) -> np.ndarray:
    """Values in [0, 1] as bytes."""
    return np.asarray(np.clip(np.rint(values * 255), 0, 255), np.uint8)
