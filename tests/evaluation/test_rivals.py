"""Classical rivals: each does what its paper or its definition says, on images where that can be known."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest

from gansmith.core.errors import DataError, SettingError
from gansmith.data.pixels import recolour
from gansmith.evaluation.metrics.paired import psnr
from gansmith.evaluation.rivals import RIVALS, colours, enlarging, mri, restoring, rivals_for

data = pytest.importorskip("skimage.data")
match_histograms = pytest.importorskip("skimage.exposure").match_histograms

RNG = np.random.default_rng(0)


def noise(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def photographs(side: int = 32) -> np.ndarray:
    """Patches of two photographs, uint8 [8, 3, side, side]."""
    found = [
        image[y : y + 2 * side : 2, x : x + 2 * side : 2].transpose(2, 0, 1)
        for image in (data.astronaut(), data.coffee())
        for y, x in ((0, 100), (100, 150), (200, 20), (250, 300))
    ]
    return np.stack(found)


# --------------------------------------------------------------------------------------------------------------- colours


def test_a_table_finds_a_recolouring_exactly() -> None:
    sources = noise(4, 3, 16, 16) // 16 * 16  # one colour for each cell
    targets = np.stack([255 - sources[:, 1], sources[:, 0] // 2], 1)
    made = colours.make_colour_table(sources, targets)
    assert np.array_equal(made(sources), targets)
    assert made(sources[:1]).dtype == np.uint8


@pytest.mark.parametrize(("channels", "levels"), [(1, 256), (2, 64), (3, 16), (4, 8), (6, 4), (12, 2), (16, 1)])
def test_a_table_of_any_number_of_channels(channels: int, levels: int) -> None:
    sources, targets = noise(2, channels, 20, 20), noise(2, 1, 20, 20)
    made = colours.make_colour_table(sources, targets)(sources)
    cells = (sources.astype(int) // (256 // levels)).transpose(0, 2, 3, 1).reshape(-1, channels)
    own = (cells == cells[0]).all(1)
    assert made.ravel()[0] == np.rint(targets.ravel()[own].mean())


def test_a_cell_without_pixels_takes_the_nearest() -> None:
    sources = np.array([10, 200], np.uint8).reshape(1, 1, 1, 2)
    targets = np.array([[1, 2], [3, 4], [5, 6]], np.uint8).reshape(1, 3, 1, 2)
    made = colours.make_colour_table(sources, targets)
    asked = np.array([0, 10, 104, 106, 255], np.uint8).reshape(1, 1, 1, 5)
    assert made(asked)[0, :, 0].T.tolist() == [[1, 3, 5], [1, 3, 5], [1, 3, 5], [2, 4, 6], [2, 4, 6]]


def test_the_mean_colour_is_best_of_all_constants() -> None:
    sources, targets = noise(300, 1, 4, 4), photographs(4).repeat(38, 0)[:300]
    made = colours.make_mean_colour(sources, targets)(sources)
    assert made.shape == targets.shape
    assert (made == made[:1, :, :1, :1]).all()
    np.testing.assert_allclose(made[0, :, 0, 0], targets.mean((0, 2, 3)), atol=0.5)


def test_a_chroma_table_keeps_the_luminance_and_finds_a_tint() -> None:
    grey = noise(4, 1, 16, 16) // 2 + 60
    y = grey[:, 0].astype(float)
    red, blue = 20.0, -30.0
    green = -(0.299 * red + 0.114 * blue) / 0.587
    tinted = np.rint(np.stack([y + red, y + green, y + blue], 1)).astype(np.uint8)
    made = colours.make_chroma_table(grey, tinted)(grey)
    assert int(np.abs(made.astype(int) - tinted).max()) <= 1
    photos = photographs()
    luma = recolour(photos, 1)
    again = recolour(colours.make_chroma_table(luma, photos)(luma), 1)
    assert np.abs(again.astype(int) - luma).mean() < 1  # nearly all: a few colours leave the range


def test_histogram_matching_is_scikit_images_on_all_sources_at_once() -> None:
    sources, targets = photographs(), 255 - photographs()[::-1] // 2
    made = colours.make_histogram_matching(sources, targets)(sources)
    # One tall image of all sources, one of all targets.
    tall = [side.transpose(0, 2, 3, 1).reshape(-1, 32, 3) for side in (sources, targets)]
    theirs = match_histograms(*tall, channel_axis=-1).reshape(8, 32, 32, 3).transpose(0, 3, 1, 2)
    assert int(np.abs(made.astype(float) - theirs).max()) <= 1
    same = colours.make_histogram_matching(sources, sources)(sources)
    assert np.array_equal(same, sources)


def test_the_source_itself() -> None:
    grey, rgb = noise(2, 1, 5, 5), noise(2, 3, 5, 5)
    assert np.array_equal(colours.make_identity(rgb, rgb)(rgb), rgb)
    assert np.array_equal(colours.make_identity(grey, rgb)(grey), grey.repeat(3, 1))
    with pytest.raises(DataError, match="2 channels, the targets 3"):
        colours.make_identity(rgb[:, :2], rgb)


# ------------------------------------------------------------------------------------------------------------- enlarging


ENLARGERS = [enlarging.nearest, enlarging.bicubic, enlarging.lanczos, enlarging.back_projection]


@pytest.mark.parametrize("enlarge", ENLARGERS)
def test_flat_images_stay_flat_and_shapes_grow(enlarge: Callable[..., np.ndarray]) -> None:
    flat = np.full((2, 5, 3, 4), 77, np.uint8)
    assert np.array_equal(enlarge(flat, 3), np.full((2, 5, 9, 12), 77, np.uint8))


def test_repeated_pixels() -> None:
    images = noise(2, 2, 3, 4)
    assert np.array_equal(enlarging.nearest(images, 2), images.repeat(2, 2).repeat(2, 3))


def test_back_projection_comes_back_to_the_small_image_and_is_best() -> None:
    truth = photographs(64)
    small = enlarging.shrunk(truth, 4)
    made = {method.__name__: method(small, 4) for method in ENLARGERS}
    errors = {name: np.abs(enlarging.shrunk(image, 4).astype(float) - small).mean() for name, image in made.items()}
    assert errors["back_projection"] < 0.4 < errors["bicubic"]
    quality = [psnr(made[name], truth).mean() for name in ("nearest", "bicubic", "lanczos", "back_projection")]
    assert quality == sorted(quality)
    with pytest.raises(DataError, match="64 x 64 can't be made small by 5"):
        enlarging.shrunk(truth, 5)


# ------------------------------------------------------------------------------------------------------------- restoring


@pytest.mark.parametrize("name", ["nl-means", "total-variation", "wavelet"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_noise_becomes_less(name: str, channels: int) -> None:
    if name == "wavelet":
        pytest.importorskip("pywt")
    truth = np.concatenate([photographs(), photographs()[:, :1]], 1)[:4, :channels]
    noisy = np.clip(np.rint(truth + RNG.normal(0, 20, truth.shape)), 0, 255).astype(np.uint8)
    made = RIVALS[name].method(noisy, 20.0)
    assert isinstance(made, np.ndarray)
    assert made.dtype == np.uint8
    assert psnr(made, truth).mean() > psnr(noisy, truth).mean() + 2
    assert np.array_equal(RIVALS[name].method(noisy[2:3], 20.0), made[2:3])


def test_noise_that_is_not_cut_off_is_easier() -> None:
    dark = photographs() // 4
    noisy = dark + RNG.normal(0, 25, dark.shape)
    cut = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    assert psnr(restoring.nl_means(noisy, 25), dark).mean() > psnr(restoring.nl_means(cut, 25), dark).mean() + 1


@pytest.mark.parametrize("name", ["mean-fill", "biharmonic", "telea", "navier-stokes"])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_holes_are_filled_from_what_lies_around_them(name: str, channels: int) -> None:
    if "OpenCV" in RIVALS[name].source:
        pytest.importorskip("cv2")
    truth = photographs()[:3, :channels]
    holes = np.zeros((3, 32, 32), bool)
    holes[0, 10:18, 12:20] = holes[1, ::2, ::2] = True
    fill: Callable[..., np.ndarray] = RIVALS[name].method
    made = fill(truth, holes)
    assert np.array_equal(made.transpose(0, 2, 3, 1)[~holes], truth.transpose(0, 2, 3, 1)[~holes])
    assert np.array_equal(made[2], truth[2])
    secret = np.where(holes[:, None], noise(*truth.shape), truth)
    assert np.array_equal(fill(secret, holes), made)  # the truth in a hole is never looked at
    flat = np.full_like(truth, 90)
    assert int(np.abs(fill(flat, holes).astype(int) - 90).max()) <= (2 if name == "telea" else 1)  # its sums are rounded
    if name != "mean-fill":
        assert psnr(made[1:2], truth[1:2])[0] > psnr(restoring.mean_fill(truth, holes)[1:2], truth[1:2])[0] + 3


def test_an_image_that_is_all_hole_is_grey() -> None:
    assert (restoring.mean_fill(noise(1, 3, 4, 4), np.ones((1, 4, 4), bool)) == 128).all()


@pytest.mark.parametrize("holes", [np.zeros((2, 8, 8), np.uint8), np.zeros((8, 8), bool), np.zeros((2, 8, 9), bool)])
def test_other_holes_are_refused(holes: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"holes: expected bool \[2, 8, 8\]"):
        restoring.mean_fill(noise(2, 3, 8, 8), holes)


@pytest.mark.parametrize("sigma", [0.0, -1.0, 256.0, float("nan")])
def test_noise_outside_the_range_is_refused(sigma: float) -> None:
    with pytest.raises(SettingError, match="above 0 and up to 255"):
        restoring.nl_means(noise(1, 1, 8, 8), sigma)


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    image, hole = noise(1, 1, 16, 16), np.ones((1, 16, 16), bool)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(SettingError, match="pip install opencv-python-headless"):
        restoring.telea(image, hole)
    monkeypatch.setitem(sys.modules, "skimage", None)
    for call in (lambda: restoring.nl_means(image, 20), lambda: restoring.biharmonic(image, hole)):
        with pytest.raises(SettingError, match=r"scikit-image, .* pip install 'gansmith\[images\]'"):
            call()


# ------------------------------------------------------------------------------------------------------------------- MRI


def phantom() -> np.ndarray:
    return data.shepp_logan_phantom()[8::8, 8::8][None].astype(float)


def test_kspace_and_back() -> None:
    images = RNG.random((2, 8, 6)) + 1j * RNG.random((2, 8, 6))
    np.testing.assert_allclose(mri.from_kspace(mri.to_kspace(images)), images, atol=1e-12)
    assert np.square(np.abs(mri.to_kspace(images))).sum() == pytest.approx(np.square(np.abs(images)).sum())
    flat = mri.to_kspace(np.ones((1, 8, 6)))
    assert abs(flat[0, 4, 3]) == pytest.approx(48**0.5)  # all in the middle
    assert np.abs(flat).sum() == pytest.approx(48**0.5)


def test_everything_measured_is_the_image() -> None:
    images = phantom()
    every = np.ones(images.shape[1:], bool)
    for method in (mri.zero_filled, mri.total_variation_mri):
        np.testing.assert_allclose(method(mri.to_kspace(images), every), images, atol=1e-12)


def test_total_variation_is_nearer_than_zeros_and_looks_at_what_was_measured_alone() -> None:
    images = phantom()
    width = images.shape[2]
    measured = np.random.default_rng(0).random(width) < 0.4
    measured[width // 2 - 4 : width // 2 + 4] = True
    kspace = mri.to_kspace(images)
    made, zeros = mri.total_variation_mri(kspace, measured), mri.zero_filled(kspace, measured)
    assert np.square(made - images).sum() < 0.8 * np.square(zeros - images).sum()
    secret = np.where(measured, kspace, np.nan)
    assert np.array_equal(mri.total_variation_mri(secret, measured), made)
    assert np.array_equal(mri.zero_filled(secret, measured), zeros)
    both = mri.total_variation_mri(np.concatenate([kspace * 0.5, kspace]), np.broadcast_to(measured, images.shape[1:]))
    np.testing.assert_allclose(both[1:], made, atol=1e-12)


def test_the_step_of_total_variation_solves_its_problem() -> None:
    image, weight = RNG.random((1, 12, 12)), 0.05

    def objective(x: np.ndarray) -> float:
        return float(np.square(x - image).sum() / 2 + weight * np.sqrt(np.square(mri._gradient(x)).sum(0)).sum())

    made = mri._total_variation_step(image, weight)
    best = min(objective(made + RNG.normal(0, size, image.shape)) for size in (1e-3, 3e-3, 1e-2) for _ in range(20))
    assert objective(made) < best
    assert objective(made) < objective(image)
    x, p = RNG.random((1, 6, 7)), mri._gradient(RNG.random((1, 6, 7)))
    assert (mri._gradient(x) * p).sum() == pytest.approx(-(x * mri._divergence(p)).sum())


def test_kspace_of_another_shape_is_refused() -> None:
    for measured in (np.ones(5, bool), np.ones((8, 6))):
        with pytest.raises(DataError, match="k-space: expected"):
            mri.zero_filled(np.ones((1, 8, 6), complex), measured)


# ------------------------------------------------------------------------------------------------------------------ list


@pytest.mark.parametrize(
    ("source", "target", "sigma", "names"),
    [
        ((3, 8, 8), (3, 8, 8), None, {"identity", "mean-colour", "colour-table", "histogram-matching"}),
        ((1, 8, 8), (3, 8, 8), None, {"identity", "mean-colour", "colour-table", "chroma-table"}),
        ((2, 8, 8), (5, 8, 8), None, {"mean-colour", "colour-table"}),
        ((3, 4, 4), (3, 16, 16), None, {"nearest", "bicubic", "lanczos", "back-projection"}),
        ((3, 4, 4), (3, 16, 12), None, set()),
        ((3, 4, 4), (3, 2, 2), None, set()),
        (
            (1, 8, 8),
            (1, 8, 8),
            20.0,
            {"identity", "mean-colour", "colour-table", "histogram-matching", "nl-means", "total-variation", "wavelet"},
        ),
    ],
)
def test_rivals_for_pairs(source: tuple[int, ...], target: tuple[int, ...], sigma: float | None, names: set[str]) -> None:
    sources, targets = noise(3, *source), noise(3, *target)
    found = rivals_for(sources, targets, sigma)
    assert set(found) == names
    for name in names - {"wavelet"}:
        made = found[name](noise(2, *source))
        assert (made.shape, made.dtype) == ((2, *target), np.uint8)


def test_pairs_that_are_none_are_refused() -> None:
    for make in (colours.make_mean_colour, colours.make_colour_table, colours.make_chroma_table):
        with pytest.raises(DataError, match="training pairs: expected"):
            make(noise(2, 1, 8, 8), noise(3, 3, 8, 8))
    with pytest.raises(DataError, match="turns 1 channel into 3"):
        colours.make_chroma_table(noise(2, 3, 8, 8), noise(2, 3, 8, 8))
    with pytest.raises(DataError, match="got 1 and 3 channels"):
        colours.make_histogram_matching(noise(2, 1, 8, 8), noise(2, 3, 8, 8))


def test_every_rival_says_what_it_is() -> None:
    assert len(RIVALS) == 18
    assert all(rival.about and rival.source and rival.method.__doc__ for rival in RIVALS.values())
