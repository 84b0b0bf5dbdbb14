"""What a folder, table or array holds reaches training: nothing is dropped, renumbered, scaled or left out without a word."""

from __future__ import annotations

import ast
import io
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

import gansmith
from gansmith.core.component import from_json, to_json
from gansmith.core.errors import DataError, GansmithError
from gansmith.core.user_input import opened, read_text
from gansmith.data import Arrays, Folder, Idx, memory
from gansmith.data.image_files import SUFFIXES, read_header, read_image
from gansmith.data.order import natural
from gansmith.data.pixels import fit_images
from gansmith.recipes import make
from support import Answer, assert_refused, refused

Cli = Callable[..., Answer]
PACKAGE = Path(gansmith.__file__).parent


def noise(*shape: int, most: int = 256, dtype: Any = np.uint8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, most, shape, dtype=dtype)


def write(path: Path, pixels: np.ndarray | Image.Image | bytes, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(pixels, bytes):
        path.write_bytes(pixels)
    else:
        (Image.fromarray(pixels) if isinstance(pixels, np.ndarray) else pixels).save(path, **options)
    return path


def said(samples: Any, *words: str) -> bool:
    return any(all(word in note for word in words) for note in samples.notes)


# ---------------------------------------------------------------------------------------------------- regular files only


def named_pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def link_to_device(path: Path) -> Path:
    path.symlink_to("/dev/zero")
    return path


@pytest.mark.parametrize("make_it", [named_pipe, link_to_device])
@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("a.png", lambda path: Folder(str(path.parent)).load()),
        ("a.npy", lambda path: Arrays(str(path)).load()),
        ("a.npz", lambda path: Arrays(str(path)).load()),
        ("a-images-idx3-ubyte", lambda path: Idx(str(path)).load()),
        ("a-images-idx3-ubyte.gz", lambda path: Idx(str(path)).load()),
        ("labels.csv", lambda path: Folder(str(path.parents[1] / "good"), labels=str(path)).load()),
        ("own.py", lambda path: make(f"{path}:f")),
        ("recipe.json", lambda path: gansmith.core.files.read_json(path)),  # type: ignore[attr-defined]
    ],
)
def test_what_never_ends_or_answers_is_refused(
    tmp_path: Path, make_it: Callable[[Path], Path], name: str, load: Callable[[Path], Any]
) -> None:
    write(tmp_path / "good/a.png", noise(4, 4))
    (tmp_path / "bad").mkdir()
    path = make_it(tmp_path / "bad" / name)
    kind = "a named pipe" if make_it is named_pipe else "a device"
    with pytest.raises(GansmithError, match=refused(name, f"it is {kind}, no regular file")):
        load(path)


def test_a_link_to_a_regular_file_is_one_and_a_folder_is_none(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("text")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert read_text(tmp_path / "b") == "text"
    with pytest.raises(IsADirectoryError):
        opened(tmp_path)


READS = {"open", "read_text", "read_bytes", "fromfile", "memmap", "loadtxt", "genfromtxt", "safe_open"}
# Where the package reads files of its own or of the system: {file: how often}.
OWN_READS = {
    "core/device.py": 1,
    "core/user_input.py": 2,
    "data/faces.py": 1,
    "data/memory.py": 1,
    "evaluation/extractors/lenet.py": 1,  # after `read_bytes` of the same file
    "evaluation/reference.py": 1,  # likewise
    "recipes/__init__.py": 1,
    "report/page.py": 1,
}


def test_every_file_is_opened_by_one_function() -> None:
    """A new `open(path)` could wait for ever: use `core.user_input`, or count the file of gansmith's own here."""
    found: dict[str, int] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _reads_a_path(node):
                name = str(path.relative_to(PACKAGE))
                found[name] = found.get(name, 0) + 1
    assert {name: num for name, num in found.items() if num > OWN_READS.get(name, 0)} == {}


def _reads_a_path(call: ast.Call) -> bool:
    """Whether a call may open a path by itself; `opened(...)` as an argument, or a file opened by it, is no path."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    owner = ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    if name in ("read_text", "read_bytes"):
        return owner not in ("", "files", "user_input")
    if name not in READS:
        return False
    first = ast.unparse(call.args[0]) if call.args else ""
    is_writing = any(isinstance(arg, ast.Constant) and str(arg.value)[:1] in "wax" for arg in [*call.args[:1], *call.args[1:2]])
    streams = ("stream", "file", "raw", "memory", "io.BytesIO", "opened(")
    return owner not in ("os", "Run", "cls", "writer", "archive", "tarfile") and not is_writing and not first.startswith(streams)


# ---------------------------------------------------------------------------------------------------- large and packed


def test_an_npz_of_zeros_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_LONG_WAIT", 2**20)
    np.savez_compressed(tmp_path / "x.npz", images=np.zeros((40, 256, 256), np.uint8))
    with pytest.raises(DataError, match=refused("array images has 2.5 MiB of values packed into", "nearly all of")):
        Arrays(str(tmp_path / "x.npz")).load()
    np.savez(tmp_path / "x.npz", images=np.zeros((40, 256, 256), np.uint8))  # not packed, no bomb
    assert len(Arrays(str(tmp_path / "x.npz")).load()) == 40


def test_a_long_wait_is_announced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(memory, "_LONG_WAIT", 1000)
    monkeypatch.setattr("gansmith.data.folder._WAIT", 0.0)
    np.savez_compressed(tmp_path / "x.npz", images=noise(10, 20, 20))
    Arrays(str(tmp_path / "x.npz")).load()
    write(tmp_path / "images/a.png", noise(4, 4))
    Folder(str(tmp_path / "images")).load()
    assert [word in caplog.text for word in ("unpacking them takes a while", "1 of 1 images")] == [True, True]


def test_a_header_that_claims_more_than_an_npz_holds_is_refused_before_memory_is_given(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (2**20, 32, 32)})
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("images.npy", header.getvalue() + bytes(100))
    with pytest.raises(DataError, match=refused("x.npz", "its header promises 1 GiB", "228 bytes are there")):
        Arrays(str(tmp_path / "x.npz")).load()


# ---------------------------------------------------------------------------------------------------- bad files, sizes, frames


@pytest.mark.parametrize(("num", "words"), [(2, ("0.png and 1.png",)), (9, ("0.png", "4.png and 4 more"))])
@pytest.mark.parametrize("suffix", ["no image", "cut"])
def test_several_bad_files_are_named_at_once(tmp_path: Path, num: int, words: tuple[str, ...], suffix: str) -> None:
    good = write(tmp_path / "z.png", noise(40, 40)).read_bytes()
    for i in range(num):  # half of them are seen by their headers, half by their pixels
        write(tmp_path / f"{i}.png", b"no" if suffix == "no image" and i % 2 else good[: len(good) // 2])
    with pytest.raises(DataError, match=refused(f"{num} bad images", *words, "data.skip_bad=true")) as caught:
        Folder(str(tmp_path)).load()
    assert len(str(caught.value)) <= 300 + len(str(tmp_path))
    samples = Folder(str(tmp_path), skip_bad=True).load()
    assert (len(samples), samples.num_skipped) == (1, num)
    assert said(samples, "left out because they can't be read", *words)


SIZES: list[tuple[dict[str, Any], tuple[tuple[int, int], ...], tuple[str, ...]]] = [
    ({}, ((90, 96),), ("images of 96 x 90 are cropped to their centre and resized to 64 x 64", "data.fit=pad")),
    ({}, ((90, 96), (200, 100)), ("images of 96 x 90 to 100 x 200 are cropped",)),
    ({"fit": "pad"}, ((90, 96),), ("padded with white to squares and resized to 64 x 64",)),
    ({"size": 90}, ((90, 96),), ("cropped to their centre (data",)),
    ({}, ((128, 128),), ("images of 128 x 128 are resized to 64 x 64 (data",)),
    ({}, ((64, 64),), ()),
    ({"size": None}, ((90, 96),), ()),
]


@pytest.mark.parametrize(("fields", "sizes", "words"), SIZES)
def test_what_becomes_of_the_size_is_said(tmp_path: Path, fields: Any, sizes: Any, words: tuple[str, ...]) -> None:
    for i, size in enumerate(sizes):
        write(tmp_path / f"{i}.png", noise(*size))
    samples = Folder(str(tmp_path), **fields).load()
    assert said(samples, *words) if words else samples.notes == ()


def test_the_default_recipe_says_what_it_does_to_the_data_and_what_it_ignores(tmp_path: Path, cli: Cli) -> None:
    for i in range(6):
        write(tmp_path / f"{'cats' if i % 2 else 'dogs'}/{i}.png", noise(90, 96, 3, seed=i))
    recipe = make("default", ["budget=64images"], str(tmp_path))
    assert any("96 x 90 are cropped to their centre and resized to 64 x 64" in why for why in recipe.why)
    used = "are not used; cgan, acgan and projection use them"
    assert any("the labels of 2 classes" in why and why.endswith(used) for why in recipe.why)
    assert not any("labels" in why for why in make("cgan", ["budget=64images"], str(tmp_path)).why)
    shown = cli("data", "show", tmp_path, "--out", tmp_path / "x.png")
    assert "note    images of 96 x 90 are cropped" in shown.out


# ---------------------------------------------------------------------------------------------------- values above 8 bits


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png16(values: np.ndarray, key: bytes = b"") -> bytes:
    """A PNG of 16 bits, uint16 [H, W, C]: grey, grey and alpha, RGB, or RGB and alpha."""
    height, width, channels = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    parts = [
        chunk(b"IHDR", header),
        chunk(b"tRNS", key) if key else b"",
        chunk(b"IDAT", zlib.compress(rows)),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_12_bits_in_16_use_all_of_the_range(tmp_path: Path, channels: int) -> None:
    values = noise(40, 40, channels, most=4096, dtype=np.uint16)
    values[0, 0], values[0, 1] = 0, 4095
    if channels in (2, 4):
        values[..., -1] = noise(40, 40, most=65536, dtype=np.uint16)
    write(tmp_path / "a.png", png16(values))
    samples = Folder(str(tmp_path), size=None).load()
    colours = {1: values, 2: values[..., :1].repeat(3, axis=2), 3: values, 4: values[..., :3]}[channels]
    expected = np.floor(colours * (255 / 4095) + 0.5).astype(np.uint8).transpose(2, 0, 1)
    if channels in (2, 4):
        alpha = np.floor(values[..., -1] * (255 / 65535) + 0.5).astype(np.uint8)
        np.testing.assert_array_equal(samples.values[0, 3], alpha)
        expected = np.where(alpha == 0, 255, expected)
    np.testing.assert_array_equal(samples.values[0, : len(expected)], expected)
    assert said(samples, "1 image has more than 8 bits: 0 becomes black and 4,095 white", "data.range=LOW,HIGH")


def test_the_range_is_that_of_all_files_of_all_splits_or_the_one_given(tmp_path: Path, cli: Cli) -> None:
    for name, value in (("train/a.png", 1000), ("train/b.png", 3000), ("test/c.png", 5000)):
        write(tmp_path / name, np.full((4, 4), value, np.uint16))
    source = Folder(str(tmp_path), size=None)
    assert source.load().values[:, 0, 0, 0].tolist() == [0, 128]
    assert source.load("test").values[:, 0, 0, 0].tolist() == [255]
    given = make("tutorial-small", ["data.range=0,4000", "data.size=none"], str(tmp_path)).data
    assert from_json(to_json(given)) == given
    assert given.load().values[:, 0, 0, 0].tolist() == [64, 191]
    assert said(given.load(), "0 becomes black and 4,000 white, as data.range says")
    wrong = cli("data", "show", tmp_path, "data.range=4095,0")
    assert_refused(wrong, "range=4095,0", "the lower one first, as in 0,4095")


@pytest.mark.parametrize(
    ("text", "got"), [("0", "got 0"), ("low", "got low"), ("1,2,3", "got [1, 2, 3]"), ("0-4095", "got 0-4095")]
)
def test_bounds_that_are_no_pair_are_told_how_they_are_written(text: str, got: str, tmp_path: Path, cli: Cli) -> None:
    write(tmp_path / "a.png", np.full((4, 4), 1000, np.uint16))
    for command in (("data", "show", tmp_path), ("train", "tutorial-small", "--data", tmp_path)):
        assert_refused(cli(*command, f"data.range={text}"), f"range={text}", "expected two numbers, data.range=LOW,HIGH", got)


@pytest.mark.parametrize("pixels", [noise(8, 8, most=4096, dtype=np.uint16), noise(8, 8, 3, most=4096, dtype=np.uint16)])
def test_values_that_a_range_cuts_off_are_counted(pixels: np.ndarray, tmp_path: Path, cli: Cli) -> None:
    write(tmp_path / "in" / "a.png", png16(pixels if pixels.ndim == 3 else pixels[..., None]))
    write(tmp_path / "in" / "b.png", png16(np.full((8, 8, pixels.shape[2] if pixels.ndim == 3 else 1), 1500, np.uint16)))
    outside = int(((pixels < 1000) | (pixels > 2000)).sum())
    words = (
        f"{outside} values ({100 * outside / (2 * pixels.size):.0f} %) in 1 image lie outside of 1,000 to 2,000 and are clipped"
    )
    assert said(Folder(str(tmp_path / "in"), size=None, range=(1000.0, 2000.0)).load(), words)
    assert words in cli("data", "show", tmp_path / "in", "data.range=1000,2000", "--out", tmp_path / "x.png").out
    for whole in (None, (0.0, 4095.0)):
        assert not said(Folder(str(tmp_path / "in"), size=None, range=whole).load(), "clipped")


def test_eight_bits_are_read_as_they_are(tmp_path: Path) -> None:
    pixels = noise(6, 6, most=20)
    write(tmp_path / "a.png", pixels)
    for value_range in (None, (0.0, 10.0)):
        np.testing.assert_array_equal(Folder(str(tmp_path), size=None, range=value_range).load().values[0, 0], pixels)


def test_the_full_range_is_rounded_as_by_rule_1(tmp_path: Path) -> None:
    file = write(tmp_path / "a.png", np.arange(65536, dtype=np.uint16).reshape(256, 256))
    np.testing.assert_array_equal(read_image(file), read_image(file, rules=1))


def stretched(values: np.ndarray) -> np.ndarray:
    return np.floor((values - values.min()) * (255 / np.ptp(values)) + 0.5)


FOUND = "the least and the largest value"
TIFFS = {
    "white is zero": ({262: 0}, None, np.uint16, FOUND, lambda values: 255 - stretched(values)),
    "states a range": ({280: 0, 281: 4095}, None, np.uint16, "as the files state", lambda v: np.floor(v * (255 / 4095) + 0.5)),
    "compressed": ({262: 0}, "tiff_lzw", np.uint16, FOUND, lambda values: 255 - stretched(values)),
    "floats": ({}, "tiff_lzw", np.float32, FOUND, stretched),
    "32 bits": ({}, None, np.int32, FOUND, stretched),
}


@pytest.mark.parametrize("kind", TIFFS)
def test_tiff_files_say_what_their_values_mean(tmp_path: Path, kind: str) -> None:
    tags, compression, dtype, words, expected = TIFFS[kind]
    values = noise(9, 9, most=3000, dtype=np.uint16).astype(dtype)
    write(tmp_path / "a.tif", Image.fromarray(values), tiffinfo=tags, compression=compression)
    samples = Folder(str(tmp_path), size=None).load()
    wanted = expected(values.astype(np.float64))
    assert np.abs(samples.values[0, 0].astype(int) - wanted).max() <= 1  # 255 - x rounds a half the other way
    assert said(samples, words)


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", np.array([[0.0, np.nan]], np.float32))
    with pytest.raises(DataError, match=refused("a.tif", "NaN or infinity")):
        Folder(str(tmp_path), size=None).load()


# ---------------------------------------------------------------------------------------------------- channels, pages, colours


def tiff(values: np.ndarray, extra: int = 0, big: bool = False) -> bytes:
    """A TIFF without compression, [H, W, C], of which `extra` channels have no meaning."""
    order, (height, width, channels) = ">" if big else "<", values.shape
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    offset = 8 + len(data)
    photometric = 1 if channels - extra < 3 else 2
    entries = [(256, [width]), (257, [height]), (258, [8 * values.itemsize] * channels), (259, [1]), (262, [photometric])]
    entries += [(273, [8]), (277, [channels]), (278, [height]), (279, [len(data)])] + ([(338, [0] * extra)] if extra else [])
    directory, tail = struct.pack(order + "H", len(entries)), b""
    behind = offset + 2 + 12 * len(entries) + 4
    for tag, numbers in entries:
        packed = struct.pack(f"{order}{len(numbers)}H", *numbers)
        at = struct.pack(order + "I", behind + len(tail)) if len(packed) > 4 else packed.ljust(4, b"\0")
        tail += packed if len(packed) > 4 else b""
        directory += struct.pack(order + "HHI", tag, 3, len(numbers)) + at
    start = (b"MM" if big else b"II") + struct.pack(order + "HI", 42, offset)
    return start + data + directory + struct.pack(order + "I", 0) + tail


@pytest.mark.parametrize("big", [False, True])
def test_all_16_bits_of_colours_in_a_tiff_are_read(tmp_path: Path, big: bool) -> None:
    values = noise(9, 9, 3, most=4096, dtype=np.uint16)
    file = write(tmp_path / "a.tif", tiff(values, big=big))
    expected = np.floor(values * (255 / 4095) + 0.5).transpose(2, 0, 1)
    np.testing.assert_array_equal(read_image(file, (0.0, 4095.0)), expected)


@pytest.mark.parametrize(("channels", "extra", "kept"), [(2, 1, 1), (4, 1, 3), (5, 2, 3)])
def test_channels_that_would_be_lost_are_refused_until_the_rest_is_asked_for(
    tmp_path: Path, channels: int, extra: int, kept: int
) -> None:
    values = noise(6, 6, channels)
    write(tmp_path / "a.tif", tiff(values, extra))
    words = ("a.tif", "expected 1, 3 or 4 channels", f"found {channels}", f"data.channels={kept}")
    with pytest.raises(DataError, match=refused(*words)):
        Folder(str(tmp_path), size=None).load()
    found = Folder(str(tmp_path), size=None, channels=kept).load().values[0]  # type: ignore[arg-type]
    np.testing.assert_array_equal(found, values[..., :kept].transpose(2, 0, 1))


PAGED = {
    "a.tif": ("several pages or frames", {}),
    "a.gif": ("several pages or frames", {}),
    "a.png": ("several pages or frames", {}),
    "a.webp": ("several pages or frames", {"lossless": True}),
}


@pytest.mark.parametrize("name", PAGED)
def test_pages_that_are_not_used_are_spoken_of(tmp_path: Path, name: str) -> None:
    words, options = PAGED[name]
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    write(tmp_path / name, first, save_all=True, append_images=[second], **options)
    samples = Folder(str(tmp_path), size=None).load()
    assert said(samples, "1 of 1 images have", words, "the first of each is used")
    assert samples.values[0, 2].max() < 50


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I", "I;16", "F"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_mode_of_any_format_loses_a_channel_in_silence(tmp_path: Path, mode: str, suffix: str) -> None:
    """Alpha is kept, CMYK is spoken of, and anything else has one or three channels to begin with."""
    picture = Image.new(mode, (6, 5))
    try:
        write(tmp_path / f"a{suffix}", picture)
    except (OSError, KeyError, ValueError):
        pytest.skip(f"{suffix} holds no {mode}")
    with Image.open(tmp_path / f"a{suffix}") as stored:
        bands, shows_through = stored.getbands(), stored.has_transparency_data
    try:
        header = read_header(tmp_path / f"a{suffix}")
        samples = Folder(str(tmp_path), size=None).load()
    except DataError as error:
        assert "LAB" in str(error)  # noqa: PT017 - refused, not lost
        return
    assert header.channels >= len([band for band in bands if band != "P"]) or (bands == tuple("CMYK") and said(samples, "CMYK"))
    assert (header.channels == 4) == shows_through


def test_a_transparent_value_of_16_bits_is_transparent(tmp_path: Path) -> None:
    grey = np.array([[[7], [300]]], np.uint16)
    for key, values in ((struct.pack(">H", 300), grey), (struct.pack(">HHH", 300, 300, 300), grey.repeat(3, axis=2))):
        file = write(tmp_path / "a.png", png16(values, key))
        assert read_image(file)[3].tolist() == [[255, 0]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_as_pillow_does(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name, pixels in (("a.png", noise(4, 6, 3)), ("b.png", noise(4, 6)), ("c.tif", noise(4, 6, 3)), ("d.jpg", noise(4, 6, 3))):
        file = write(tmp_path / name, pixels, exif=exif)
        with Image.open(file) as picture:
            turned = np.asarray(ImageOps.exif_transpose(picture))
        found = read_image(file)
        np.testing.assert_array_equal(found[0] if turned.ndim == 2 else found.transpose(1, 2, 0), turned)


# ---------------------------------------------------------------------------------------------------- invisible pixels


def test_invisible_pixels_have_one_colour(tmp_path: Path) -> None:
    pixels = noise(4, 20, 20, 4)
    pixels[..., 3] = np.where(pixels[..., 3] < 128, 0, 255)
    pixels[:, :10, :10, 3] = 0
    for i, image in enumerate(pixels):
        write(tmp_path / f"images/{i}.png", image)
    np.savez(tmp_path / "x.npz", images=pixels)
    for source in (
        Folder(str(tmp_path / "images"), size=None),
        Folder(str(tmp_path / "images"), size=8),
        Arrays(str(tmp_path / "x.npz")),
    ):
        values = source.load().values  # type: ignore[attr-defined]
        clear = values[:, 3] == 0
        assert clear.any()
        assert (values[:, :3].transpose(0, 2, 3, 1)[clear] == 255).all()
    visible = values[:, 3] > 0
    expected = pixels.transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(values.transpose(0, 2, 3, 1)[visible], expected.transpose(0, 2, 3, 1)[visible])
    np.testing.assert_array_equal(fit_images(values, None, 3, "x"), fit_images(expected, None, 3, "x"))


# ---------------------------------------------------------------------------------------------------- splits

# The folders with images, what trains, what tests, and what is said. `-` marks a folder that is no split.
LAYOUTS: list[tuple[str, str | None, str | None, str]] = [
    ("train/cat train/dog val/cat val/dog", "train", "val", "train is the training split and val is the test split"),
    ("train/cat train/dog valid/cat test/cat", "train", "test", "valid is not used"),
    ("train test", "train", "test", "test is the test split"),
    ("Training/a Testing/a", "Training", "Testing", "Training is the training split"),
    ("train/a validation/a", "train", "validation", "validation is the test split"),
    ("training_set/a test_set/a", "training_set", "test_set", "test_set is the test split"),
    ("train/cat train/dog", "train", None, "there is no test split"),
    ("train/a test/a other/a", None, None, ""),
    ("train car", None, None, ""),
    ("val/a test/a", None, None, ""),
]


@pytest.mark.parametrize(("places", "train", "test", "note"), LAYOUTS)
def test_folders_called_like_splits_are_splits(
    tmp_path: Path, places: str, train: str | None, test: str | None, note: str
) -> None:
    for i, place in enumerate(places.split()):
        write(tmp_path / place / "x.png", np.full((4, 4), i, np.uint8))
    (tmp_path / "annotations").mkdir()  # without images, so no class and no split
    source = Folder(str(tmp_path), size=None)
    samples = source.load()
    inside = [i for i, place in enumerate(places.split()) if train is None or place.split("/")[0] == train]
    assert sorted(samples.values[:, 0, 0, 0].tolist()) == inside
    assert said(samples, note) if note else not samples.notes
    if train is None:
        assert samples.classes == tuple(sorted({place.split("/")[0] for place in places.split()}))
    elif "/" in places:
        assert samples.classes == tuple(sorted({place.split("/")[1] for place in places.split()}))
    if test is None:
        with pytest.raises(DataError, match="no test split"):
            source.load("test")
    else:
        inside = [i for i, place in enumerate(places.split()) if place.split("/")[0] == test]
        assert source.load("test").values[:, 0, 0, 0].tolist() == inside


def test_two_folders_for_one_split_are_refused_and_images_outside_are_spoken_of(tmp_path: Path) -> None:
    for place in ("train", "test"):
        write(tmp_path / place / "x.png", noise(4, 4))
    write(tmp_path / "preview.png", noise(4, 4))
    assert said(Folder(str(tmp_path)).load(), "images outside of these folders are not used")
    write(tmp_path / "Training/x.png", noise(4, 4))
    with pytest.raises(DataError, match=refused("two folders for the train split", "Training and train")):
        Folder(str(tmp_path)).load()


def test_arrays_and_columns_that_are_not_used_are_spoken_of(tmp_path: Path) -> None:
    images = noise(4, 8, 8)
    np.savez(tmp_path / "x.npz", train_images=images, val_images=images[:2], extra=images)
    source = Arrays(str(tmp_path / "x.npz"))
    assert said(source.load(), "val_images is the test split")
    assert said(source.load(), "arrays that are not used: extra")
    assert len(source.load("test")) == 2
    write(tmp_path / "images/a.png", images[0])
    (tmp_path / "images/labels.csv").write_text("file,label,split,weight\na.png,cat,test,3\n")
    assert said(Folder(str(tmp_path / "images"), labels="labels.csv").load(), "columns that are not used: split and weight")


def test_a_table_here_and_one_in_the_folder_are_two_tables(here: Path) -> None:
    write(here / "images/a.png", noise(4, 4))
    for place in (here / "labels.csv", here / "images/labels.csv"):
        place.write_text("file,label\na.png,cat\n")
    with pytest.raises(DataError, match=refused("labels.csv is both a file here and a file in images", "./labels.csv")):
        Folder("images", labels="labels.csv").load()
    assert Folder("images", labels="images/labels.csv").load().classes == ("cat",)


# ---------------------------------------------------------------------------------------------------- classes


def test_classes_are_in_natural_order_in_folders_and_tables(tmp_path: Path) -> None:
    names = [str(i) for i in range(12)]
    for name in names:
        write(tmp_path / name / "x.png", np.full((4, 4), int(name), np.uint8))
    (tmp_path / "labels.csv").write_text("file,label\n" + "".join(f"{name}/x.png,{name}\n" for name in names))
    for labels in (None, "labels.csv"):
        samples = Folder(str(tmp_path), size=None, labels=labels).load()
        assert samples.classes == tuple(names)
        np.testing.assert_array_equal(samples.labels, samples.values[:, 0, 0, 0])


def test_the_order_of_names_is_one_and_total() -> None:
    ordered = ["-2", "-1", "0", "01", "1", "2.5", "10", "9" * 5000, "a", "b2", "b10", "b10c3", "b10c20"]
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert sorted(rng.permutation(np.array(ordered, dtype=object)).tolist(), key=natural) == ordered


@pytest.mark.parametrize("labels", [[1990, 2000, 2020, 2000, 1990, 2020], [2_000_000, 5, 2_000_000, 5, 1_999_999, 1_999_999]])
def test_classes_are_the_labels_that_occur(tmp_path: Path, labels: list[int]) -> None:
    np.savez(tmp_path / "x.npz", images=noise(6, 8, 8), labels=np.array(labels))
    samples = Arrays(str(tmp_path / "x.npz")).load()
    assert samples.classes == tuple(map(str, sorted(set(labels))))
    assert [samples.classes[label] for label in samples.labels] == list(map(str, labels))  # type: ignore[union-attr]
    assert samples.num_classes == len(set(labels))
    weights = [
        sum(p.numel() for p in networks.values() for p in p.parameters())
        for networks in (_networks(tmp_path / "x.npz", labels), _networks(tmp_path / "y.npz", [0, 1, 2] * 2))
    ]
    assert weights[0] == weights[1]


def _networks(path: Path, labels: list[int]) -> dict[str, Any]:
    from gansmith.networks.build import build
    from gansmith.sampling.conditions import num_categories

    np.savez(path, images=noise(6, 8, 8), labels=np.array(labels))
    recipe = make("cgan", ["budget=64images"], str(path))
    return dict(build(recipe.networks, 0, recipe.shapes((1, 8, 8), num_categories(recipe.condition, recipe.data))))


def test_samples_carry_the_names_of_their_classes_and_the_labels_of_the_data(tmp_path: Path, cli: Cli) -> None:
    labels = np.array([1990, 2000, 2020] * 20)
    np.savez(tmp_path / "x.npz", images=noise(60, 8, 8), labels=labels)
    small = (
        "budget=64images",
        "noise.dim=4",
        "networks.generator.widths=[8]",
        "networks.discriminator.widths=[8]",
        "condition=labels",
    )
    assert cli("train", "tutorial-small", *small, "--data", tmp_path / "x.npz", "--run", tmp_path / "run").code == 0
    assert cli("sample", tmp_path / "run", "--class", "2000", "--count", 3, "--out", tmp_path / "made.npz").code == 0
    with np.load(tmp_path / "made.npz") as made:
        assert made["labels"].tolist() == [2000] * 3
        assert made["classes"].tolist() == ["1990", "2000", "2020"]
    again = Arrays(str(tmp_path / "made.npz")).load()  # and they are read as they were written
    assert again.classes == ("1990", "2000", "2020")
    assert again.labels is not None
    assert again.labels.tolist() == [1, 1, 1]
    refusal = cli("sample", tmp_path / "run", "--class", "1", "--out", tmp_path / "x.png")
    assert_refused(refusal, "has no class '1': choose one of 1990, 2000, 2020")


def test_names_of_classes_are_read_from_an_npz(tmp_path: Path) -> None:
    images = noise(4, 8, 8)
    np.savez(tmp_path / "x.npz", images=images, labels=np.array([1, 0, 1, 1]), classes=np.array(["cat", "dog", "eel"]))
    samples = Arrays(str(tmp_path / "x.npz")).load()
    assert samples.classes == ("cat", "dog", "eel")
    assert samples.labels.tolist() == [1, 0, 1, 1]  # type: ignore[union-attr]
    np.savez(tmp_path / "x.npz", images=images, labels=np.array([1, 0, 1, 3]), classes=np.array(["cat", "dog", "eel"]))
    with pytest.raises(DataError, match=refused("expected labels from 0 to 2", "3 names in classes, found 3")):
        Arrays(str(tmp_path / "x.npz")).load()


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"labels": np.array([1, 0, 1, 1]), "classes": np.array([1, 2])}, "expected one text per class"),
        ({"labels": np.array([1, 0, 1, 1]), "classes": np.array(["cat", "cat"])}, "expected one text per class"),
        ({"labels": np.array([1, 0, 1, 1]), "classes": np.array(["cat", ""])}, "expected one text per class"),
        ({"labels": np.array([1, 0, 1, 1]), "classes": np.array([" \t", "dog"])}, "expected one text per class"),
        ({"labels": np.array([1, 0, 1, 1]), "classes": np.array([b"cat", b"dog"])}, "expected one text per class"),
        ({"labels": np.array([1, 0, 1, 1]), "classes": np.array("cat")}, "expected one text per class"),
        ({"classes": np.array(["cat", "dog"])}, "there are no labels"),
    ],
)
def test_names_of_classes_that_are_not_used_are_said(tmp_path: Path, arrays: dict[str, np.ndarray], said: str) -> None:
    np.savez(tmp_path / "x.npz", images=noise(4, 8, 8), **arrays)  # type: ignore[arg-type]
    samples = Arrays(str(tmp_path / "x.npz")).load()
    assert len(samples.notes) == 1
    assert f"array classes, is not used: {said}" in samples.notes[0]


def test_large_points_are_shown_with_their_mean(tmp_path: Path, cli: Cli) -> None:
    np.savez(tmp_path / "x.npz", points=np.full((20, 2), 3e38, np.float32) * np.array([[1.0, 0.5]], np.float32))
    answer = cli("data", "show", tmp_path / "x.npz", "--out", tmp_path / "x.png")
    assert answer.code == 0, answer.err
    assert "range   1.5e+38 to 3e+38, mean 2.25e+38" in answer.out
    assert "Warning" not in answer.err


def test_a_recipes_name_that_is_also_a_run_here_is_refused(here: Path, cli: Cli) -> None:
    (here / "starter").mkdir()
    (here / "starter/recipe.json").write_text("{}")
    assert_refused(cli("show", "starter"), "starter is both a recipe and a run folder here", "./starter", "builtin:starter")
    assert_refused(cli("train", "starter"), "./starter", "builtin:starter")
    assert cli("show", "builtin:starter", "--data", "digits").code == 0
    assert "run.json" in cli("show", "./starter").err


def test_a_range_that_no_image_uses_is_said(tmp_path: Path) -> None:
    write(tmp_path / "a.png", noise(4, 4))
    given = Folder(str(tmp_path), size=4, range=(0, 100)).load()
    assert given.notes == ("data.range=0,100 has no effect: no image here has more than 8 bits",)
    assert np.array_equal(given.values, Folder(str(tmp_path), size=4).load().values)
    assert Folder(str(tmp_path), size=4).load().notes == ()
