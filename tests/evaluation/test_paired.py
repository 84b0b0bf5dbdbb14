"""Metrics of pairs: what the papers' formulas say in NumPy, and what a second library says."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from scipy.signal import convolve2d

from gansmith.core.errors import DataError, SettingError
from gansmith.evaluation.metrics.paired import WINDOW, absolute_errors, mean_psnr, paired_values, psnr, ssim

pytest.importorskip("skimage")

RNG = np.random.default_rng(0)


def pairs(*shape: int, noise: int = 40) -> tuple[np.ndarray, np.ndarray]:
    truth = RNG.integers(0, 256, shape, dtype=np.uint8)
    made = np.clip(truth + RNG.integers(-noise, noise + 1, shape), 0, 255).astype(np.uint8)
    return made, truth


def test_equal_images_are_perfect() -> None:
    _, truth = pairs(3, 3, 16, 12)
    found = paired_values(truth, truth)
    assert found["l1"].tolist() == [0, 0, 0]
    assert np.isposinf(found["psnr"]).all()
    np.testing.assert_allclose(found["ssim"], 1, rtol=1e-12)


def test_black_and_white_are_as_far_as_can_be() -> None:
    black = np.zeros((1, 1, 11, 11), np.uint8)
    assert absolute_errors(black, black + 255) == [1]
    assert psnr(black, black + 255) == [0]
    assert 0 <= ssim(black, black + 255)[0] < 2e-4


def test_errors_of_one_level() -> None:
    truth = np.full((1, 2, 20, 20), 100, np.uint8)
    assert absolute_errors(truth + 1, truth)[0] == pytest.approx(1 / 255)
    assert psnr(truth + 1, truth)[0] == pytest.approx(20 * np.log10(255))  # 48.13 dB, the best of an image rounded to 8 bits
    assert psnr(truth - 1, truth) == psnr(truth + 1, truth)  # no wrapping of unsigned bytes


def test_an_equal_pair_counts_as_one_level_in_one_value() -> None:
    truth = np.full((1, 3, 8, 8), 100, np.uint8)
    nearest = truth.copy()
    nearest[0, 1, 2, 3] += 1
    values = psnr(np.concatenate([truth, nearest, truth + 10]), np.repeat(truth, 3, 0))
    assert mean_psnr(values[:1], (3, 8, 8)) == pytest.approx(values[1])
    assert mean_psnr(values, (3, 8, 8)) == pytest.approx((2 * values[1] + values[2]) / 3)


def reference(x: np.ndarray, y: np.ndarray) -> float:
    """SSIM of one channel by Wang et al. 2004, eq. 13, over all windows that fit (their code `ssim_index.m`)."""
    at = np.arange(11) - 5
    window = np.exp(-(at[:, None] ** 2 + at**2) / (2 * 1.5**2))
    x, y = x.astype(float), y.astype(float)

    def mean(z: np.ndarray) -> np.ndarray:
        return np.asarray(convolve2d(z, window / window.sum(), mode="valid"))

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float(((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))).mean())


@pytest.mark.parametrize("shape", [(1, 11, 11), (1, 11, 30), (3, 24, 17), (16, 12, 12)])
def test_ssim_is_the_papers(shape: tuple[int, ...]) -> None:
    made, truth = pairs(2, *shape)
    expected = [np.mean([reference(a, b) for a, b in zip(x, y, strict=True)]) for x, y in zip(made, truth, strict=True)]
    np.testing.assert_allclose(ssim(made, truth), expected, rtol=1e-9)


def test_another_library_agrees() -> None:
    other = pytest.importorskip("torchmetrics.functional.image")
    made, truth = pairs(4, 3, 32, 24)
    a, b = torch.from_numpy(made).double(), torch.from_numpy(truth).double()
    # Its mean takes in the edges, where it makes windows up: its map is compared without them.
    _, maps = other.structural_similarity_index_measure(a, b, data_range=255.0, reduction="none", return_full_image=True)
    np.testing.assert_allclose(ssim(made, truth), maps[:, :, 5:-5, 5:-5].mean((1, 2, 3)).numpy(), rtol=1e-9)
    theirs = other.peak_signal_noise_ratio(a, b, data_range=255.0, dim=(1, 2, 3), reduction="none")
    np.testing.assert_allclose(psnr(made, truth), theirs.numpy(), rtol=1e-6)


@pytest.mark.parametrize("size", [(WINDOW - 1, 40), (8, 8), (1, 1)])
def test_no_window_fits_into_a_smaller_image(size: tuple[int, int]) -> None:
    made, truth = pairs(2, 1, *size)
    assert np.isnan(ssim(made, truth)).all()
    assert np.isfinite(absolute_errors(made, truth)).all()


def test_a_pair_has_the_same_values_in_every_company() -> None:
    made, truth = pairs(300, 1, 12, 12)
    for key, values in paired_values(made, truth).items():
        assert np.array_equal(values[[7, 299]], paired_values(made[[7, 299]], truth[[7, 299]])[key])
        assert np.array_equal(values, paired_values(truth, made)[key])


@pytest.mark.parametrize(
    ("made", "truth", "said"),
    [
        (np.zeros((2, 3, 8, 8)), np.zeros((2, 3, 8, 8), np.uint8), r"made images: expected uint8 .* got float64 \[2, 3, 8, 8\]"),
        (np.zeros((2, 3, 8, 8), np.uint8), np.zeros((3, 8, 8), np.uint8), r"true images: expected uint8 .* \[3, 8, 8\]"),
        (np.zeros((0, 3, 8, 8), np.uint8), np.zeros((0, 3, 8, 8), np.uint8), r"\[0, 3, 8, 8\]"),
        (np.zeros((1, 17, 8, 8), np.uint8), np.zeros((1, 17, 8, 8), np.uint8), "1 to 16 channels"),
        (np.zeros((2, 3, 8, 8), np.uint8), np.zeros((2, 3, 8, 9), np.uint8), "expected pairs of one shape"),
    ],
)
def test_what_is_no_pair_is_refused(made: np.ndarray, truth: np.ndarray, said: str) -> None:
    for metric in (absolute_errors, psnr, ssim):
        with pytest.raises(DataError, match=said):
            metric(made, truth)


def test_ssim_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.metrics", None)
    with pytest.raises(SettingError, match=r"pip install 'gansmith\[images\]'"):
        ssim(*pairs(1, 1, 16, 16))
