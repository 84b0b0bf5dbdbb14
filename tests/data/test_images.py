"""Images: the one policy for colours and sizes, and folders of image files of every kind, good and bad."""

from __future__ import annotations

import builtins
import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gansmith.core.errors import DataError
from gansmith.data import Folder, fit_images, memory
from gansmith.data.image_files import read_image
from support import refused


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def write(path: Path, image: Image.Image | np.ndarray, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(path, **options)
    return path


# ---------------------------------------------------------------------------------------------------- colours and sizes


def test_nothing_to_do_returns_the_images_themselves() -> None:
    images = noise(2, 3, 8, 8)
    assert fit_images(images, None, None, "x") is images
    assert fit_images(images, 8, 3, "x") is images


@pytest.mark.parametrize("size", [3, 9, 32])
@pytest.mark.parametrize("shape", [(3, 1, 28, 20), (2, 3, 50, 61), (2, 4, 9, 7)])
def test_resizing_a_stack_is_pil_resizing_each(shape: tuple[int, ...], size: int) -> None:
    images = noise(*shape)
    ours = fit_images(images, size, None, "x", "stretch")
    for image, mine in zip(images, ours, strict=True):
        flat = image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0))
        pils = np.asarray(Image.fromarray(flat).resize((size, size), Image.Resampling.LANCZOS))
        np.testing.assert_array_equal(mine, pils[None] if pils.ndim == 2 else pils.transpose(2, 0, 1))


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    images = noise(7, 3, 10, 10)
    whole = fit_images(images, 6, 1, "x")
    monkeypatch.setattr("gansmith.data.pixels._CHUNK", 600)
    np.testing.assert_array_equal(fit_images(images, 6, 1, "x"), whole)


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((1, 1, 64, 64), np.uint8)
    stripes[..., ::2] = 255
    assert np.abs(fit_images(stripes, 16, None, "x")[0, 0, 4:-4, 4:-4] - 127.5).max() < 5


def test_colours_agree_with_pil() -> None:
    rgb = noise(1, 3, 40, 40)
    picture = Image.fromarray(np.ascontiguousarray(rgb[0].transpose(1, 2, 0)))
    np.testing.assert_array_equal(fit_images(rgb, None, 1, "x")[0, 0], np.asarray(picture.convert("L")))
    np.testing.assert_array_equal(fit_images(rgb, None, 4, "x")[0].transpose(1, 2, 0), np.asarray(picture.convert("RGBA")))


def test_alpha_is_laid_on_white() -> None:
    rgba = noise(1, 4, 40, 40)
    picture = Image.fromarray(np.ascontiguousarray(rgba[0].transpose(1, 2, 0)))
    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    pils = np.asarray(Image.alpha_composite(white, picture).convert("RGB")).astype(int)
    assert np.abs(fit_images(rgba, None, 3, "x")[0].transpose(1, 2, 0) - pils).max() <= 1
    rgba[:, 3] = 0
    assert (fit_images(rgba, None, 3, "x") == 255).all()
    assert (fit_images(rgba, None, 1, "x") == 255).all()


def test_grey_survives_colour_and_back() -> None:
    grey = noise(4, 1, 9, 9)
    for channels in (3, 4):
        there = fit_images(grey, None, channels, "x")
        assert there.shape == (4, channels, 9, 9)
        np.testing.assert_array_equal(fit_images(there, None, 1, "x"), grey)


def test_crop_stretch_and_pad() -> None:
    wide = np.zeros((1, 1, 4, 8), np.uint8)
    wide[..., 2:6] = 100  # the centre
    assert (fit_images(wide, 4, None, "x", "crop") == 100).all()
    stretched = fit_images(wide, 4, None, "x", "stretch")
    assert stretched[0, 0, 0, 0] < 50 < stretched[0, 0, 0, 1]
    padded = fit_images(wide, 8, None, "x", "pad")[0, 0]
    assert (padded[:2] == 255).all()
    assert (padded[6:] == 255).all()
    np.testing.assert_array_equal(padded[2:6], wide[0, 0])


def test_a_very_long_image_keeps_a_line() -> None:
    assert (fit_images(np.zeros((1, 3, 1, 1000), np.uint8), 10, None, "x", "pad") == 0).sum() == 30


def test_a_set_that_would_grow_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "usable_bytes", lambda: 10_000)
    with pytest.raises(DataError, match=refused("my.npz needs", "memory", "data.size=...")):
        fit_images(noise(10, 1, 8, 8), 64, None, "my.npz")


# ---------------------------------------------------------------------------------------------------- reading one file

_RGB = noise(12, 10, 3)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "tiff", "PNG"])
def test_lossless_formats_are_read_exactly(tmp_path: Path, suffix: str) -> None:
    np.testing.assert_array_equal(read_image(write(tmp_path / f"a.{suffix}", _RGB)).transpose(1, 2, 0), _RGB)


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "webp", "gif"])
def test_lossy_formats_are_read_as_pil_reads_them(tmp_path: Path, suffix: str) -> None:
    file = write(tmp_path / f"a.{suffix}", _RGB)
    with Image.open(file) as image:
        np.testing.assert_array_equal(read_image(file).transpose(1, 2, 0), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize(
    ("mode", "channels"), [("1", 1), ("L", 1), ("P", 3), ("RGB", 3), ("LA", 4), ("RGBA", 4), ("I;16", 1), ("CMYK", 3)]
)
def test_every_mode_has_its_channel_count(tmp_path: Path, mode: str, channels: int) -> None:
    picture = Image.new("I;16", (5, 4), 40_000) if mode == "I;16" else Image.fromarray(noise(4, 5, 3)).convert(mode)
    file = write(tmp_path / ("a.tif" if mode == "CMYK" else "a.png"), picture)
    assert read_image(file).shape == (channels, 4, 5)
    assert Folder(str(tmp_path), size=None).load().shape == (min(channels, 3), 4, 5)  # nothing shines through


def test_transparency_that_no_pixel_uses_is_no_channel(tmp_path: Path) -> None:
    pixels = noise(2, 4, 5, 4)
    pixels[..., 3] = 255
    for name, picture in zip("ab", pixels, strict=True):
        write(tmp_path / f"{name}.png", Image.fromarray(picture))
    source = Folder(str(tmp_path), size=None)
    np.testing.assert_array_equal(source.load().values, pixels[..., :3].transpose(0, 3, 1, 2))
    assert Folder(str(tmp_path), size=None, channels=4).load().shape == (4, 4, 5)
    pixels[1, 2, 3, 3] = 254
    write(tmp_path / "b.png", Image.fromarray(pixels[1]))
    np.testing.assert_array_equal(source.load().values, pixels.transpose(0, 3, 1, 2))


def test_a_palette_with_transparency_has_four_channels_and_lies_on_white(tmp_path: Path) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.putdata([0, 1])
    write(tmp_path / "a.png", picture, transparency=1)
    assert read_image(tmp_path / "a.png")[:, 0, :].T.tolist() == [[255, 0, 0, 255], [0, 0, 255, 0]]
    on_white = Folder(str(tmp_path), size=None, channels=3).load().values
    assert on_white[0, :, 0, :].T.tolist() == [[255, 0, 0], [255, 255, 255]]


def test_sixteen_bits_keep_black_white_and_the_middle(tmp_path: Path) -> None:
    for suffix in ("png", "tif"):
        file = write(tmp_path / f"a.{suffix}", Image.fromarray(np.array([[0, 128, 129, 32768, 65535]], np.uint16)))
        assert read_image(file).tolist() == [[[0, 0, 1, 128, 255]]]


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    picture = Image.fromarray(np.repeat(np.array([[0] * 16, [255] * 16], np.uint8), 8, axis=0))
    write(tmp_path / "a.png", picture, exif=exif)
    upright = read_image(tmp_path / "a.png")[0]
    assert (upright[:, :8] == 255).all()
    assert (upright[:, 8:] == 0).all()


def test_of_a_moving_image_the_first_frame_is_taken(tmp_path: Path) -> None:
    red, blue = Image.new("RGB", (4, 4), "red"), Image.new("RGB", (4, 4), "blue")
    write(tmp_path / "a.gif", red, save_all=True, append_images=[blue])
    assert read_image(tmp_path / "a.gif")[:, 0, 0].tolist() == [255, 0, 0]


# ---------------------------------------------------------------------------------------------------- bad files


def _png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def _truncated(file: Path) -> bytes:
    content = file.read_bytes()
    return content[: len(content) // 2]


BAD = {
    "empty": (lambda good: b"", "it is no PNG"),
    "text": (lambda good: b"Not an image at all, but a story.", "it is no PNG"),
    "truncated": (_truncated, "truncated"),
    "flipped": (lambda good: good.read_bytes().replace(b"IDAT", b"IDAT\xff\xff"), ""),
    "bomb": (lambda good: _png_that_claims(8_001, 8_000), "more than 64,000,000 pixels"),
    "big bomb": (lambda good: _png_that_claims(10_000, 10_000), "more than 64,000,000 pixels"),
    "huge bomb": (lambda good: _png_that_claims(60_000, 60_000), "more than 64,000,000 pixels"),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("channels", [None, 3])
def test_bad_images_are_refused_by_name_or_skipped_and_counted(tmp_path: Path, kind: str, channels: int | None) -> None:
    good = write(tmp_path / "cats/a.png", noise(80, 80, 3))
    write(tmp_path / "dogs/c.png", noise(80, 80, 3, seed=1))
    make, reason = BAD[kind]
    (tmp_path / "cats/b.png").write_bytes(make(good))
    with pytest.raises(DataError, match=refused("bad image", "b.png", reason, "data.skip_bad=true")):
        Folder(str(tmp_path), channels=channels).load()
    samples = Folder(str(tmp_path), channels=channels, skip_bad=True).load()
    assert (len(samples), samples.num_skipped) == (2, 1)
    assert samples.labels is not None
    assert samples.labels.tolist() == [0, 1]


def test_a_truncated_jpeg_is_bad(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jpg", noise(64, 64, 3))
    file.write_bytes(_truncated(file))
    with pytest.raises(DataError, match=refused("a.jpg", "truncated")):
        Folder(str(tmp_path)).load()


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_numbers_of_32_bits_are_refused_by_rule_1(tmp_path: Path, dtype: type[np.generic]) -> None:
    write(tmp_path / "a.tif", Image.fromarray(np.zeros((4, 4), dtype)))
    with pytest.raises(DataError, match=refused("a.tif", "32 bits", "save it with 8 or 16")):
        Folder(str(tmp_path), rules=1).load()


def test_skipping_everything_is_refused(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(b"no")
    for channels in (None, 1):
        with pytest.raises(DataError, match=refused("no readable image", "all 3 files are damaged")):
            Folder(str(tmp_path), channels=channels, skip_bad=True).load()


def test_harmless_warnings_of_pil_stay_silent(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jpg", noise(8, 8, 3), exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05broken off")
    with pytest.warns(UserWarning, match="EXIF"), Image.open(file) as image:
        image.getexif()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Folder(str(tmp_path)).load().shape == (3, 64, 64)


def test_a_file_without_permission_is_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "a.png", _RGB)
    real = builtins.open

    def refusing(path: Any, *args: Any, **kwargs: Any) -> Any:
        if os.fspath(path) == os.fspath(file):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", refusing)
    with pytest.raises(DataError, match=refused("bad image", "a.png", "Permission denied")):
        Folder(str(tmp_path)).load()


# ---------------------------------------------------------------------------------------------------- folders


def test_images_come_in_sorted_order_from_every_depth(tmp_path: Path) -> None:
    for i, name in enumerate(["b/z.png", "a.png", "b/c/d.png", "z.png"]):
        write(tmp_path / name, np.full((2, 2), i, np.uint8))
    for name in (".hidden.png", ".git/x.png", "__MACOSX/y.png"):
        write(tmp_path / name, noise(2, 2, 3))
    (tmp_path / "notes.txt").write_text("no image")
    samples = Folder(str(tmp_path), size=None).load()
    assert samples.values[:, 0, 0, 0].tolist() == [1, 2, 0, 3]
    assert samples.labels is None
    assert samples.classes is None
    assert samples.num_skipped == 0


def test_subfolders_are_classes_when_every_image_is_in_one(tmp_path: Path) -> None:
    for name in ("dogs/1.png", "cats/2.png", "cats/old/3.png"):
        write(tmp_path / name, noise(4, 4, 3))
    samples = Folder(str(tmp_path)).load()
    assert samples.classes == ("cats", "dogs")
    assert samples.labels is not None
    assert samples.labels.dtype == np.int64
    assert samples.labels.tolist() == [0, 0, 1]
    write(tmp_path / "outside.png", noise(4, 4, 3))
    assert Folder(str(tmp_path)).load().labels is None


def test_train_and_test_are_splits_with_the_same_classes(tmp_path: Path) -> None:
    for name in ("train/cats/1.png", "train/eels/2.png", "test/dogs/3.png", "test/eels/4.png"):
        write(tmp_path / name, noise(4, 4, 3))
    train, test = (Folder(str(tmp_path)).load(split) for split in ("train", "test"))
    assert train.classes == test.classes == ("cats", "dogs", "eels")
    assert train.labels is not None
    assert test.labels is not None
    assert train.labels.tolist() == [0, 2]
    assert test.labels.tolist() == [1, 2]


def test_a_skipped_file_does_not_renumber_the_classes(tmp_path: Path) -> None:
    (tmp_path / "ants").mkdir()
    (tmp_path / "ants/bad.png").write_bytes(b"no")
    write(tmp_path / "bees/good.png", noise(4, 4, 3))
    samples = Folder(str(tmp_path), skip_bad=True).load()
    assert samples.classes == ("ants", "bees")
    assert samples.labels is not None
    assert samples.labels.tolist() == [1]


def test_links_are_followed_once(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere/1.png", noise(4, 4, 3))
    (tmp_path / "data/cats").mkdir(parents=True)
    (tmp_path / "data/cats/link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data/cats/loop").symlink_to(tmp_path / "data")
    assert len(Folder(str(tmp_path / "data")).load()) == 1


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
def test_a_folder_fits_as_the_policy_does(tmp_path: Path, fit: Any) -> None:
    write(tmp_path / "a.png", _RGB)
    expected = fit_images(_RGB.transpose(2, 0, 1)[None], 6, None, "x", fit)
    np.testing.assert_array_equal(Folder(str(tmp_path), size=6, fit=fit).load().values, expected)


def test_sizes_are_kept_when_they_agree_and_refused_when_they_don_t(tmp_path: Path) -> None:
    write(tmp_path / "a.png", noise(4, 6, 3))
    write(tmp_path / "b.png", noise(4, 6, 3))
    assert Folder(str(tmp_path), size=None).load().shape == (3, 4, 6)
    write(tmp_path / "c.png", noise(5, 6, 3))
    with pytest.raises(DataError, match=refused("several sizes", "a.png is 6 x 4", "c.png is 6 x 5", "data.size=...")):
        Folder(str(tmp_path), size=None).load()


def test_mixed_channels_are_refused_until_they_are_chosen(tmp_path: Path) -> None:
    write(tmp_path / "a.png", noise(4, 4, 3))
    write(tmp_path / "b.png", noise(4, 4))
    with pytest.raises(DataError, match=refused("mixed channels", "a.png has 3", "b.png has 1", "data.channels=3")):
        Folder(str(tmp_path)).load()
    for channels in (1, 3, 4):
        assert Folder(str(tmp_path), channels=channels).load().shape == (channels, 64, 64)


def test_folders_that_hold_nothing_to_load_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file.txt").touch()
    with pytest.raises(DataError, match=refused("no such folder", "nowhere")):
        Folder(str(tmp_path / "nowhere")).load()
    with pytest.raises(DataError, match=refused("file.txt is a file: expected a folder of images")):
        Folder(str(tmp_path / "file.txt")).load()
    with pytest.raises(DataError, match=refused("has no images", ".png", "found 1 other files")):
        Folder(str(tmp_path)).load()
    write(tmp_path / "a.png", _RGB)
    with pytest.raises(DataError, match=refused("no test split", "subfolders train and test")):
        Folder(str(tmp_path)).load("test")


def test_a_folder_without_permission_is_refused_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "cats/a.png", _RGB)
    write(tmp_path / "dogs/b.png", _RGB)
    real = os.scandir

    def refusing(path: Any) -> Any:
        if str(path).endswith("dogs"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(DataError, match=refused("can't read", "dogs", "Permission denied", "permission")):
        Folder(str(tmp_path)).load()


def test_a_folder_too_large_for_memory_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(4):
        write(tmp_path / f"{i}.png", _RGB)
    monkeypatch.setattr(memory, "usable_bytes", lambda: 4 * 64 * 64 * 3 - 1)
    with pytest.raises(DataError, match=refused(tmp_path.name, "memory", "use fewer samples")):
        Folder(str(tmp_path)).load()
    assert len(Folder(str(tmp_path), size=63).load()) == 4
