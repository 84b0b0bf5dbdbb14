"""Idx and NumPy files: what is written is what is read, and what is damaged is refused before memory is given to it."""

from __future__ import annotations

import builtins
import gzip
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gansmith.core.errors import DataError
from gansmith.data import Arrays, Idx, Samples, fit_images, memory
from support import refused

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 5, 4), dtype=np.uint8)
LABELS = np.array([3, 1, 4, 1, 5, 9])
COLOUR = RNG.integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)
POINTS = RNG.normal(size=(6, 2)).astype(np.float32)


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    return bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()


def own(samples: Samples) -> np.ndarray:
    """The labels as the file holds them."""
    assert samples.labels is not None
    assert samples.classes is not None
    assert samples.labels.dtype == np.int64
    return np.array(samples.classes)[samples.labels].astype(int)


def put(path: Path, content: bytes) -> str:
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return str(path)


# ---------------------------------------------------------------------------------------------------- idx


@pytest.mark.parametrize("gz", ["", ".gz"])
@pytest.mark.parametrize("labels_gz", ["", ".gz"])
def test_idx_files_are_read_back_with_the_labels_beside_them(tmp_path: Path, gz: str, labels_gz: str) -> None:
    path = put(tmp_path / f"faces-images-idx3-ubyte{gz}", idx(IMAGES))
    assert Idx(path).load().labels is None
    put(tmp_path / f"faces-labels-idx1-ubyte{labels_gz}", idx(LABELS))
    samples = Idx(path).load()
    np.testing.assert_array_equal(samples.values, IMAGES[:, None])
    np.testing.assert_array_equal(own(samples), LABELS)
    assert samples.values.dtype == np.uint8
    assert samples.values.flags.writeable  # torch warns of arrays that are not


def test_idx_labels_can_be_named(tmp_path: Path) -> None:
    images, labels = put(tmp_path / "a.idx", idx(IMAGES)), put(tmp_path / "b.idx", idx(LABELS))
    assert Idx(images).load().labels is None
    np.testing.assert_array_equal(own(Idx(images, labels).load()), LABELS)
    with pytest.raises(DataError, match=refused("no such file", "nowhere")):
        Idx(images, "nowhere").load()


@pytest.mark.parametrize("style", ["{}-{}-idx{}-ubyte", "{}-{}.idx{}-ubyte", "{}-{}-idx{}-ubyte.gz"])
def test_a_folder_of_mnist_style_files_has_both_splits(tmp_path: Path, style: str) -> None:
    for split, part in (("train", slice(0, 4)), ("t10k", slice(4, 6))):
        put(tmp_path / style.format(split, "images", 3), idx(IMAGES[part]))
        put(tmp_path / style.format(split, "labels", 1), idx(LABELS[part]))
    train, test = Idx(str(tmp_path)).load(), Idx(str(tmp_path)).load("test")
    np.testing.assert_array_equal(np.concatenate([train.values, test.values])[:, 0], IMAGES)
    np.testing.assert_array_equal(np.concatenate([own(train), own(test)]), LABELS)
    assert train.classes == test.classes == ("1", "3", "4", "5", "9")


def test_idx_images_can_be_resized_and_coloured(tmp_path: Path) -> None:
    path = put(tmp_path / "a.idx", idx(IMAGES))
    np.testing.assert_array_equal(Idx(path, size=8, channels=3).load().values, fit_images(IMAGES[:, None], 8, 3, "x"))


def test_idx_splits_that_are_not_there_are_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "train-images-idx3-ubyte", idx(IMAGES))
    with pytest.raises(DataError, match=refused("no test split", "one file", "t10k-images-idx3-ubyte")):
        Idx(path).load("test")
    with pytest.raises(DataError, match=refused("no test split", "t10k-images-idx3-ubyte")):
        Idx(str(tmp_path)).load("test")
    with pytest.raises(DataError, match=refused("no such file or folder", "nowhere")):
        Idx(str(tmp_path / "nowhere")).load()


GOOD = idx(IMAGES)
BAD_IDX = {
    "empty": (b"", ("no idx file of images", "00 00 08 03", "found nothing")),
    "text": (b"hello world", ("no idx file of images", "00 00 08 03", "found 68 65 6c 6c")),
    "labels": (idx(LABELS), ("no idx file of images", "found 00 00 08 01")),
    "floats": (idx(IMAGES, kind=13), ("no idx file of images", "found 00 00 0d 03")),
    "half a header": (GOOD[:9], ("truncated", "header of 16 bytes, found 9")),
    "half": (GOOD[:70], ("truncated", "6 x 5 x 4", "fewer follow")),
    "a byte less": (GOOD[:-1], ("truncated", "fewer follow")),
    "a byte more": (GOOD + b"\0", ("too long", "6 x 5 x 4", "more follow")),
    "no images": (idx(IMAGES[:0]), ("holds no images", "0 x 5 x 4")),
    "no pixels": (idx(IMAGES[:, :0]), ("holds no images", "6 x 0 x 4")),
    "absurd": (GOOD[:4] + b"\xff" * 12, ("truncated", "4,294,967,295 x 4,294,967,295 x 4,294,967,295")),
}


@pytest.mark.parametrize("gz", ["", ".gz"])
@pytest.mark.parametrize("kind", BAD_IDX)
def test_bad_idx_files_are_refused(tmp_path: Path, kind: str, gz: str) -> None:
    content, words = BAD_IDX[kind]
    with pytest.raises(DataError, match=refused("bad.idx", *words)):
        Idx(put(tmp_path / f"bad.idx{gz}", content)).load()


@pytest.mark.parametrize("cut", [5, 40, -3])
def test_a_truncated_gz_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.idx.gz"
    path.write_bytes(gzip.compress(GOOD)[:cut])
    with pytest.raises(DataError, match=refused("a.idx.gz", "truncated")):
        Idx(str(path)).load()


def test_a_gz_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.idx.gz").write_bytes(GOOD)
    with pytest.raises(DataError, match=refused("a.idx.gz", "damaged", "gzip")):
        Idx(str(tmp_path / "a.idx.gz")).load()


def test_idx_labels_must_be_as_many_as_images(tmp_path: Path) -> None:
    images, labels = put(tmp_path / "a.idx", GOOD), put(tmp_path / "b.idx", idx(LABELS[:5]))
    with pytest.raises(DataError, match=refused("b.idx has 5 labels, expected 6", "a.idx")):
        Idx(images, labels).load()


def test_an_idx_file_larger_than_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "usable_bytes", lambda: 100)
    with pytest.raises(DataError, match=refused("a.idx needs", "GiB of memory", "the limit is")):
        Idx(put(tmp_path / "a.idx", GOOD)).load()


@pytest.fixture
def no_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that exist and can't be opened, for whoever runs the tests (root opens everything)."""

    def refusing(path: Any, *_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(builtins, "open", refusing)


@pytest.mark.usefixtures("no_permission")
@pytest.mark.parametrize(("kind", "name"), [(Idx, "a.idx"), (Arrays, "a.npy"), (Arrays, "a.npz")])
def test_files_without_permission_are_refused(tmp_path: Path, kind: type[Idx] | type[Arrays], name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(DataError, match=refused("can't read", name, "Permission denied", "permission")):
        kind(str(tmp_path / name)).load()


# ---------------------------------------------------------------------------------------------------- arrays


@pytest.mark.parametrize("channels", [None, 1, 3, 4])
def test_npy_images_become_channels_first(tmp_path: Path, channels: int | None) -> None:
    images = RNG.integers(0, 256, (3, 5, 4, *([channels] if channels else [])), dtype=np.uint8)
    np.save(tmp_path / "a.npy", images)
    samples = Arrays(str(tmp_path / "a.npy")).load()
    assert samples.shape == (channels or 1, 5, 4)
    np.testing.assert_array_equal(samples.values.transpose(0, 2, 3, 1).reshape(images.shape), images)
    assert samples.values.flags.c_contiguous
    assert samples.labels is None


def test_fortran_order_does_not_show(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.asfortranarray(COLOUR))
    np.testing.assert_array_equal(Arrays(str(tmp_path / "a.npy")).load().values, COLOUR.transpose(0, 3, 1, 2))


def test_points_are_read_as_they_are(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", POINTS)
    samples = Arrays(str(tmp_path / "a.npy")).load()
    np.testing.assert_array_equal(samples.values, POINTS)
    for wish in ({"size": 8}, {"channels": 3}):
        with pytest.raises(DataError, match=refused("holds points", "leave data.size and data.channels out")):
            Arrays(str(tmp_path / "a.npy"), **wish).load()


@pytest.mark.parametrize("names", ["images labels test_images test_labels", "x_train y_train x_test y_test"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_files_have_labels_and_a_test_split(tmp_path: Path, names: str, save: Any) -> None:
    # MedMNIST keeps its labels in a column.
    save(tmp_path / "a.npz", **dict(zip(names.split(), (COLOUR[:4], LABELS[:4], COLOUR[4:], LABELS[4:, None]), strict=True)))
    train, test = Arrays(str(tmp_path / "a.npz")).load(), Arrays(str(tmp_path / "a.npz"), size=3).load("test")
    np.testing.assert_array_equal(train.values, COLOUR[:4].transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(own(train), LABELS[:4])
    np.testing.assert_array_equal(own(test), LABELS[4:])
    assert train.classes == test.classes
    assert test.shape == (3, 3, 3)


def test_an_array_alone_may_have_any_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", faces=IMAGES, labels=LABELS)
    samples = Arrays(str(tmp_path / "a.npz")).load()
    np.testing.assert_array_equal(samples.values[:, 0], IMAGES)
    np.testing.assert_array_equal(own(samples), LABELS)


def test_what_an_npz_lacks_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", cats=IMAGES, dogs=IMAGES)
    np.savez(tmp_path / "one.npz", images=IMAGES)
    np.savez(tmp_path / "none.npz")
    np.save(tmp_path / "a.npy", IMAGES)
    with pytest.raises(DataError, match=refused("two.npz", "expected an array images", "found cats and dogs")):
        Arrays(str(tmp_path / "two.npz")).load()
    with pytest.raises(DataError, match=refused("none.npz", "found none")):
        Arrays(str(tmp_path / "none.npz")).load()
    with pytest.raises(DataError, match=refused("one.npz has no test split", "test_images", "found images")):
        Arrays(str(tmp_path / "one.npz")).load("test")
    with pytest.raises(DataError, match=refused("a.npy has no test split", ".npz")):
        Arrays(str(tmp_path / "a.npy")).load("test")


NAN_POINTS = np.where(np.arange(12).reshape(6, 2) == 7, np.nan, POINTS).astype(np.float32)
BAD_ARRAYS = {
    "float images": (IMAGES / 255, ("found float64 [6, 5, 4]", "save (255 * x).round().astype('uint8')")),
    "float signals": (
        np.zeros((6, 50, 3), np.float32),
        ("found float32 [6, 50, 3]", "(255 * x).round().astype('uint8') if images", "x.reshape(len(x), -1) if points"),
    ),
    "wide integers": (IMAGES.astype(np.int64), ("found int64 [6, 5, 4]", "save x.astype('uint8')")),
    "double points": (POINTS.astype(np.float64), ("found float64 [6, 2]", "save x.astype('float32')")),
    "channels first": (COLOUR.transpose(0, 3, 1, 2), ("found uint8 [6, 3, 5, 7]", "save x.transpose(0, 2, 3, 1)")),
    "two channels": (COLOUR[..., :2], ("found uint8 [6, 5, 7, 2]",)),
    "flat images": (IMAGES.reshape(6, 20), ("found uint8 [6, 20]", "reshape")),
    "a number": (np.float32(3), ("found float32 []",)),
    "text": (np.array(["cat", "dog"]), ("found <U3 [2]",)),
    "objects": (np.array([{}, None]), ("Python objects", "never loaded", "save plain numbers")),
    "no images": (IMAGES[:0], ("is empty", "at least one sample", "[0, 5, 4]")),
    "no points": (POINTS[:0], ("is empty", "[0, 2]")),
    "nan": (NAN_POINTS, ("row 3", "expected finite numbers, found NaN or infinity")),
    "infinity": (np.where(np.isnan(NAN_POINTS), np.inf, POINTS).astype(np.float32), ("row 3", "found NaN or infinity")),
}


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("kind", BAD_ARRAYS)
def test_arrays_of_another_kind_are_refused_with_the_cure(tmp_path: Path, kind: str, suffix: str) -> None:
    array, words = BAD_ARRAYS[kind]
    path = tmp_path / f"bad{suffix}"
    if suffix == ".npy":
        np.save(path, array, allow_pickle=True)
    else:
        np.savez(path, images=array)
    with pytest.raises(DataError, match=refused(f"bad{suffix}", *words)):
        Arrays(str(path)).load()


BAD_LABELS = {
    "too few": (LABELS[:5], ("expected 6 integers", "found int64 [5]")),
    "one-hot": (np.eye(6, dtype=np.int64), ("expected 6 integers", "found int64 [6, 6]")),
    "floats": (LABELS.astype(float), ("expected 6 integers", "found float64 [6]")),
    "negative": (LABELS - 2, ("labels from 0 up, found -1 in row 1",)),
    "objects": (LABELS.astype(object), ("Python objects",)),
}


@pytest.mark.parametrize("kind", BAD_LABELS)
def test_bad_labels_are_refused(tmp_path: Path, kind: str) -> None:
    labels, words = BAD_LABELS[kind]
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=labels)
    with pytest.raises(DataError, match=refused("a.npz, array labels", *words)):
        Arrays(str(tmp_path / "a.npz")).load()


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
@pytest.mark.parametrize("cut", [0, 3, 20, 150, -1])
def test_truncated_numpy_files_are_refused(tmp_path: Path, name: str, cut: int) -> None:
    path = tmp_path / name
    if name == "a.npy":
        np.save(path, IMAGES)
    else:
        np.savez(path, images=IMAGES)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match=refused(name, "damaged or truncated")):
        Arrays(str(path)).load()


def test_a_flipped_bit_in_an_npz_is_seen(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=IMAGES)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[content.index(IMAGES.tobytes()) + 50] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=refused("a.npz", "damaged", "CRC")):
        Arrays(str(tmp_path / "a.npz")).load()


def _header_that_claims(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue()


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_a_header_that_claims_too_much_is_refused_before_memory_is_given(tmp_path: Path, name: str) -> None:
    header = _header_that_claims((10**6, 10**5, 10**5))
    if name == "a.npy":
        (tmp_path / name).write_bytes(header)
    else:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("images.npy", header)
    with pytest.raises(DataError, match=refused(name, "GiB of memory", "the limit is")):
        Arrays(str(tmp_path / name)).load()


def test_a_folder_is_no_array(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=refused("can't read", "it is a folder")):
        Arrays(str(tmp_path)).load()
