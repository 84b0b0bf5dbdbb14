"""NumPy files: images or points saved by the user's own code."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from gansmith.core.component import component
from gansmith.core.errors import DataError
from gansmith.data.memory import must_fit
from gansmith.data.pixels import Channels, Size, fit_images
from gansmith.data.source import Rules, Samples, Split, cant_read, existing

# Names of the arrays in an .npz: ours first, then those of MedMNIST and Keras.
_IMAGES: dict[Split, tuple[str, ...]] = {"train": ("images", "train_images", "x_train"), "test": ("test_images", "x_test")}
_LABELS: dict[Split, tuple[str, ...]] = {"train": ("labels", "train_labels", "y_train"), "test": ("test_labels", "y_test")}


@component
class Arrays:
    """Images or points from a `.npy` file, or from a `.npz` file with optional labels and test split.

    An array is uint8 [N, H, W] or [N, H, W, C] with C in 1, 3, 4 (images), or float32 [N, D] (points). The arrays of an .npz are
    called `images`, `labels`, `test_images`, `test_labels`; a single array may have any name. Pickled objects are never loaded.
    Training standardises each column of points, and samples come in the units of the file.

    Fields:
        path: the file.
        size: side of the images in pixels; None keeps it. Images that are not square are cropped to their centre.
        channels: 1, 3 or 4; None keeps them.
        rules: how the files are read. 1 is how versions before rule 2 read them, for runs that they began.
    """

    path: str
    size: Size | None = None
    channels: Channels | None = None
    rules: Rules = 2

    def load(self, split: Split = "train") -> Samples:
        """Load a split. Raises DataError for a file that is missing or damaged, or whose arrays have another type or shape."""
        path = existing(self.path, "file")
        with _reading(path):
            values_at, labels_at = _members(path, split)
            values = _read_values(path, values_at)
            labels = None if labels_at is None else _read_labels(path, labels_at, len(values))
        if values.ndim == 4:
            return Samples(fit_images(values, self.size, self.channels, path), labels)
        if self.size is not None or self.channels is not None:
            raise DataError(f"{path} holds points, which have no size and no channels: leave data.size and data.channels out")
        return Samples(values, labels, has_units=self.rules >= 2)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Convert every error of NumPy and zipfile about `path` into a one-line DataError."""
    try:
        yield
    except DataError:
        raise
    except OSError as error:
        raise DataError(cant_read(path, error)) from None
    # A damaged file fails in as many ways as there are parsers: ValueError, BadZipFile, EOFError, zlib.error, SyntaxError ...
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"{path} is damaged or truncated, or no NumPy file ({reason}): save it again with np.save or np.savez"
        ) from None


def _members(path: Path, split: Split) -> tuple[str, str | None]:
    """The names of the arrays of values and of labels (or None) in an .npz; "" is the single array of an .npy."""
    if path.suffix != ".npz":
        if split == "test":
            raise DataError(f"{path} has no test split: save an .npz with the arrays images and test_images")
        return "", None
    with zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
    values = next((n for n in _IMAGES[split] if n in names), None)
    labels = next((n for n in _LABELS[split] if n in names), None)
    unknown = [n for n in names if not any(n in known for table in (_IMAGES, _LABELS) for known in table.values())]
    if values is None and split == "test":
        raise DataError(f"{path} has no test split: expected an array test_images, found {', '.join(names) or 'none'}")
    if values is None and len(unknown) == 1:
        values = unknown[0]
    if values is None:
        raise DataError(
            f"{path}: expected an array images, or a single array, found {', '.join(names) or 'none'}; save it under that name"
        )
    return values, labels


@contextlib.contextmanager
def _open(path: Path, member: str) -> Iterator[IO[bytes]]:
    """Open an array of an .npz file, or the .npy file itself."""
    if member:
        with zipfile.ZipFile(path) as archive, archive.open(f"{member}.npy") as file:
            yield file
    else:
        with path.open("rb") as file:
            yield file


def _read_header(path: Path, member: str) -> tuple[tuple[int, ...], np.dtype]:
    """Read shape and dtype of an array before memory is allocated. Raises DataError for Python objects."""
    with _open(path, member) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    if dtype.hasobject:
        raise DataError(
            f"{_place(path, member)} holds Python objects, which are never loaded because they can run code: save plain numbers"
        )
    return shape, dtype


def _read_array(path: Path, member: str) -> np.ndarray:
    """Read an array; pickled objects are refused."""
    with _open(path, member) as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def _read_values(path: Path, member: str) -> np.ndarray:
    """Read images as uint8 [N, C, H, W] or points as float32 [N, D]. Raises DataError for anything else."""
    shape, dtype = _read_header(path, member)
    place = _place(path, member)
    is_image = dtype == np.uint8 and (len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3, 4)))
    if not is_image and not (dtype == np.float32 and len(shape) == 2):
        raise DataError(
            f"{place}: expected uint8 images [N, H, W] or [N, H, W, C] with C in 1, 3, 4, or float32 points [N, D], "
            f"found {dtype} {list(shape)}; {_remedy(shape, dtype)}"
        )
    if 0 in shape:
        raise DataError(f"{place} is empty: expected at least one sample, found {dtype} {list(shape)}")
    must_fit(shape, dtype.type, place)
    values = _read_array(path, member)
    if is_image:
        return np.ascontiguousarray(values[:, None] if values.ndim == 3 else values.transpose(0, 3, 1, 2))
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise DataError(f"{place}, row {int(bad.argmax())}: expected finite numbers, found NaN or infinity; leave such rows out")
    return values


def _remedy(shape: tuple[int, ...], dtype: np.dtype) -> str:
    """What to do about an array of the wrong shape or dtype."""
    if dtype == np.uint8 and len(shape) == 4 and shape[1] in (1, 3, 4):
        return "save x.transpose(0, 2, 3, 1)"
    if len(shape) in (3, 4) and dtype.kind == "f":
        return "save (255 * x).round().astype('uint8') where x lies in 0..1"
    if len(shape) in (3, 4) and dtype != np.uint8:
        return "save x.astype('uint8') where x lies in 0..255"
    if len(shape) == 2 and dtype != np.uint8:
        return "save x.astype('float32') for points"
    return "reshape it to one of these"


def _read_labels(path: Path, member: str, num: int) -> np.ndarray:
    """Read labels int64 [num]; a column [num, 1] is accepted. Raises DataError for anything else."""
    shape, dtype = _read_header(path, member)
    place = _place(path, member)
    if shape not in {(num,), (num, 1)} or dtype.kind not in "iu":
        raise DataError(
            f"{place}: expected {num:,} integers, one label per sample, found {dtype} {list(shape)}; save them in this form"
        )
    labels = _read_array(path, member).reshape(num).astype(np.int64)
    if labels.min() < 0:
        raise DataError(
            f"{place}: expected labels from 0 up, found {labels.min()} in row {int(labels.argmin())}; number them from 0"
        )
    return labels


def _place(path: Path, member: str) -> str:
    """The file, and the array in it, for a message."""
    return f"{path}, array {member}" if member else str(path)
