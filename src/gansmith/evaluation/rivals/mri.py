"""Rivals of MRI reconstruction: images from part of their k-space, the two-dimensional spectrum that a scanner measures.

k-space is complex [N, H, W], with the frequency 0 in the middle, and `measured` says which of its values are known: bool [H, W],
or [W] for whole columns. Images are real or complex [N, H, W], with values of about 0 to 1.

k-space that is computed from finished magnitude images flatters every method: it has no phase, no coils, and the smoothing
that was done to the images before (Shimron et al. 2022, "Implicit data crimes"). Say so beside such a score.
"""

from __future__ import annotations

import numpy as np

from gansmith.core.errors import DataError

__all__ = ["from_kspace", "to_kspace", "total_variation_mri", "zero_filled"]

ROUNDS, WEIGHT = 40, 0.01
_PROX_STEPS = 20


def to_kspace(images: np.ndarray) -> np.ndarray:
    """The k-space of images [N, H, W]: complex128 [N, H, W], with unitary scale."""
    return np.asarray(np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(images, axes=(-2, -1)), norm="ortho"), axes=(-2, -1)))


def from_kspace(kspace: np.ndarray) -> np.ndarray:
    """The images of k-space [N, H, W]: complex128 [N, H, W]. The inverse of `to_kspace`."""
    return np.asarray(np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(kspace, axes=(-2, -1)), norm="ortho"), axes=(-2, -1)))


def zero_filled(kspace: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """The images of k-space whose unknown values are 0: magnitudes, float64 [N, H, W]. Raises DataError for other shapes."""
    return np.asarray(np.abs(from_kspace(np.where(_mask(kspace, measured), kspace, 0))))


def total_variation_mri(kspace: np.ndarray, measured: np.ndarray, rounds: int = ROUNDS, weight: float = WEIGHT) -> np.ndarray:
    """Reconstruction with little total variation (Lustig et al. 2007, eq. 3, its TV term): magnitudes, float64 [N, H, W].

    Each round takes the proximal step of `weight` times the total variation, of the real and the imaginary part, and puts the
    measured values of k-space back. So they are in the complex result exactly as they were measured.

    Args:
        kspace: complex [N, H, W]; values that are not measured do not matter.
        measured: bool [H, W] or [W].
        rounds: number of rounds.
        weight: of the total variation, for images with values of about 0 to 1.

    Raises:
        DataError: other shapes.
    """
    mask = _mask(kspace, measured)
    known = np.where(mask, kspace, 0)
    images = from_kspace(known)
    for _ in range(rounds):
        smooth = _total_variation_step(images.real, weight) + 1j * _total_variation_step(images.imag, weight)
        images = from_kspace(np.where(mask, known, to_kspace(smooth)))
    return np.asarray(np.abs(images))


def _mask(kspace: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """`measured` as bool [H, W]. Raises DataError if it does not fit."""
    if kspace.ndim != 3 or measured.dtype != np.bool_ or measured.shape not in (kspace.shape[1:], kspace.shape[2:]):
        raise DataError(
            f"k-space: expected [N, H, W] and measured values bool [H, W] or [W], got {list(kspace.shape)} and "
            f"{measured.dtype} {list(measured.shape)}"
        )
    return np.broadcast_to(measured, kspace.shape[1:])


def _total_variation_step(images: np.ndarray, weight: float) -> np.ndarray:
    """argmin over x of |x - images|^2 / 2 + weight TV(x), by dual projected gradients (Chambolle 2004, s. 3): [N, H, W]."""
    dual = np.zeros((2, *images.shape))
    for _ in range(_PROX_STEPS):
        gradient = _gradient(_divergence(dual) - images / weight)
        dual = (dual + 0.25 * gradient) / (1 + 0.25 * np.sqrt(np.square(gradient).sum(0)))
    return np.asarray(images - weight * _divergence(dual))


def _gradient(images: np.ndarray) -> np.ndarray:
    """Differences to the next pixel down and right, 0 at the edge: [2, N, H, W]."""
    found = np.zeros((2, *images.shape))
    found[0, :, :-1] = np.diff(images, axis=1)
    found[1, :, :, :-1] = np.diff(images, axis=2)
    return found


def _divergence(field: np.ndarray) -> np.ndarray:
    """The negative adjoint of `_gradient`: [2, N, H, W] -> [N, H, W]."""
    down, right = field[0].copy(), field[1].copy()
    down[:, 1:] -= field[0, :, :-1]
    right[:, :, 1:] -= field[1, :, :, :-1]
    return np.asarray(down + right)
