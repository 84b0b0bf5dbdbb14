"""Translating image files: what stays as it was, what is refused, and going on after an interruption."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from torch import Tensor, nn

from gansmith.core.errors import DataError, RunError
from gansmith.data.native_images import encode_native, read_native
from gansmith.sampling.noise import Normal
from gansmith.sampling.translated_files import NOTE, translate_files
from gansmith.sampling.translation import ImageTranslator

rng = np.random.default_rng(0)


class Negative(nn.Module):
    """Turns an image into its negative, and enlarges it by a whole factor."""

    def __init__(self, factor: int = 1) -> None:
        super().__init__()
        self.factor, self.weight = factor, nn.Parameter(torch.ones(1))
        self.num = 0

    def forward(self, z: Tensor, source: Tensor) -> Tensor:
        self.num += 1
        return -self.weight * nn.functional.interpolate(source, scale_factor=self.factor)


def negative(channels: int = 3, factor: int = 1) -> ImageTranslator:
    return ImageTranslator(Negative(factor), (channels, 8, 8), Normal(0), name="run x")


def colours(height: int, width: int, channels: int) -> np.ndarray:
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize("type_", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(8, 8), (45, 31), (1, 1)])
def test_every_value_of_any_size_goes_through(type_: type, size: tuple[int, int]) -> None:
    image = rng.integers(0, np.iinfo(type_).max + 1, (*size, 3)).astype(type_)
    made = negative()(image)
    assert made.dtype == type_
    assert np.array_equal(made, np.iinfo(type_).max - image)


def test_the_generator_is_in_evaluation_mode_and_its_mode_comes_back() -> None:
    modes = []
    translator = negative()
    translator.generator.register_forward_hook(lambda module, *_: modes.append(module.training))
    translator.generator.train()
    translator(colours(4, 4, 3))
    assert modes == [False]
    assert translator.generator.training


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), "x.png", np.zeros((4, 4, 1), np.uint8)])
def test_other_arrays_are_refused(image: object) -> None:
    with pytest.raises(DataError, match=r"expected an image uint8 or uint16|1 channel, but run x was trained on 3 channels"):
        negative()(image)  # type: ignore[arg-type]


def save(path: Path, pixels: np.ndarray, **settings: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **settings)  # type: ignore[arg-type]


def test_files_keep_names_formats_alpha_bits_and_profiles(tmp_path: Path) -> None:
    source, out, profile = tmp_path / "in", tmp_path / "out", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    a, b = colours(9, 7, 3), colours(6, 5, 4)
    save(source / "a.png", a, icc_profile=profile)
    save(source / "sub" / "b.webp", b, lossless=True, exact=True)
    save(source / "c.TIFF", a)
    save(source / "d.jpg", a)
    (source / "notes.txt").write_text("not an image")
    found = translate_files(negative(), source, out)
    assert (found.num_made, found.num_kept, found.bad) == (4, 0, ())
    assert sorted(str(p.relative_to(out)) for p in out.rglob("*.*")) == ["a.png", "c.TIFF", "d.jpg", "sub/b.webp", NOTE]
    with Image.open(out / "a.png") as picture:
        assert np.array_equal(np.asarray(picture), 255 - a)
        assert picture.info["icc_profile"] == profile
    with Image.open(out / "sub" / "b.webp") as picture:
        visible = b[..., 3] > 0
        assert np.array_equal(np.asarray(picture)[..., 3], b[..., 3])
        assert np.array_equal(np.asarray(picture)[visible][:, :3], 255 - b[visible][:, :3])
    with Image.open(out / "c.TIFF") as picture:
        assert picture.format == "TIFF"
        assert np.array_equal(np.asarray(picture), 255 - a)


def test_grey_of_16_bits_stays_grey_of_16_bits(tmp_path: Path) -> None:
    pixels = rng.integers(0, 65536, (5, 4), dtype=np.uint16)
    save(tmp_path / "in" / "x.png", pixels)
    translate_files(negative(1), tmp_path / "in" / "x.png", tmp_path / "out")
    image = read_native(tmp_path / "out" / "x.png")
    assert image.largest == 65535
    assert np.array_equal(image.colours[..., 0], 65535 - pixels)


def test_alpha_grows_with_the_image(tmp_path: Path) -> None:
    pixels = colours(3, 5, 4)
    save(tmp_path / "in" / "x.png", pixels)
    translate_files(negative(factor=2), tmp_path / "in", tmp_path / "out")
    image = read_native(tmp_path / "out" / "x.png")
    assert image.colours.shape == (6, 10, 3)
    assert image.alpha is not None
    assert np.array_equal(image.alpha, np.kron(pixels[..., 3], np.ones((2, 2), np.uint8)))


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    for i in range(4):
        save(tmp_path / "in" / f"{i}.png", colours(4, 4, 3))
    translator, out = negative(), tmp_path / "out"
    generator = translator.generator
    assert isinstance(generator, Negative)

    def stop(done: int, total: int) -> None:
        assert total == 4
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        translate_files(translator, tmp_path / "in", out, progress=stop)
    before = {path: path.read_bytes() for path in out.glob("*.png")}
    found = translate_files(translator, tmp_path / "in", out)
    assert (found.num_made, found.num_kept, generator.num) == (2, 2, 4)
    assert all(path.read_bytes() == content for path, content in before.items())
    assert not list(out.glob(".*"))  # no temporary file


def test_another_generator_does_not_go_on(tmp_path: Path) -> None:
    save(tmp_path / "in" / "x.png", colours(4, 4, 3))
    translate_files(negative(), tmp_path / "in", tmp_path / "out")
    other = negative()
    with torch.no_grad():
        next(other.generator.parameters()).add_(1)
    for translator, seed in ((other, 0), (negative(), 1)):
        with pytest.raises(RunError, match="another generator or seed made"):
            translate_files(translator, tmp_path / "in", tmp_path / "out", seed)


def test_results_below_the_images_are_not_translated_again(tmp_path: Path) -> None:
    save(tmp_path / "x.png", colours(4, 4, 3))
    for _ in range(2):
        translate_files(negative(), tmp_path, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir() if path.name != NOTE] == ["x.png"]


BAD: dict[str, Callable[[Path], object]] = {
    r"no such file or folder": lambda folder: None,
    r"holds no images": lambda folder: folder.mkdir(),
    r"can't be written in their format, x\.gif": lambda folder: save(folder / "x.gif", colours(4, 4, 1)[..., 0]),
    r"x\.png has 1 channel, but run x was trained on 3 channels.*--skip-bad": lambda folder: save(
        folder / "x.png", colours(4, 4, 1)[..., 0]
    ),
    r"bad image .*x\.png.*--skip-bad": lambda folder: (folder.mkdir(), (folder / "x.png").write_bytes(b"no")),
}


@pytest.mark.parametrize(("message", "make"), BAD.items(), ids=list(BAD))
def test_bad_input_is_one_line(message: str, make: Callable[[Path], object], tmp_path: Path) -> None:
    make(tmp_path / "in")
    with pytest.raises(DataError, match=message) as caught:
        translate_files(negative(), tmp_path / "in", tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("out/*.png"))


def test_bad_files_are_left_out_if_asked(tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png", colours(4, 4, 3))
    (tmp_path / "in" / "b.png").write_bytes(b"no")
    found = translate_files(negative(), tmp_path / "in", tmp_path / "out", skip_bad=True)
    assert found.num_made == 1
    assert len(found.bad) == 1
    assert "b.png" in found.bad[0]


def test_a_folder_with_other_files_is_not_taken(tmp_path: Path) -> None:
    save(tmp_path / "in" / "x.png", colours(4, 4, 3))
    save(tmp_path / "out" / "mine.png", colours(4, 4, 3))
    with pytest.raises(RunError, match="not an empty folder"):
        translate_files(negative(), tmp_path / "in", tmp_path / "out")


def test_what_a_format_can_not_hold_is_said(tmp_path: Path) -> None:
    save(tmp_path / "x.png", colours(4, 4, 4))
    image = read_native(tmp_path / "x.png")
    with pytest.raises(DataError, match="JPEG holds no transparency"):
        encode_native(image, tmp_path / "x.jpg")
    with pytest.raises(DataError, match=r"expected a file ending in \.png"):
        encode_native(image, tmp_path / "x.gif")
