"""NumPy files: images or points saved by the user's own code."""

from __future__ import annotations

import contextlib
import math
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from gansmith.core.component import component
from gansmith.core.errors import DataError
from gansmith.core.formatting import listed, size
from gansmith.core.user_input import opened
from gansmith.data.memory import must_fit, must_unpack
from gansmith.data.order import numbered_classes, own_labels
from gansmith.data.pixels import Channels, Size, fit_images, one_invisible_colour
from gansmith.data.source import Rules, Samples, Split, cant_read, existing

# Names of the arrays in an .npz: ours first, then those of MedMNIST and Keras.
_IMAGES: dict[Split, tuple[str, ...]] = {"train": ("images", "train_images", "x_train"), "test": ("test_images", "x_test")}
_LABELS: dict[Split, tuple[str, ...]] = {"train": ("labels", "train_labels", "y_train"), "test": ("test_labels", "y_test")}
_VAL_IMAGES, _VAL_LABELS = ("val_images", "x_val"), ("val_labels", "y_val")  # the test split where there is no other
MOST_NAMED = 5  # arrays that a message names
CLASSES = "classes"  # the names of the classes, an array of text
_NO_NAMES = "expected one text per class, each another one and none of them blank"
_UNITS = "each column of the points is standardised for training; samples come in the units of the file"


@component
class Arrays:
    """Images or points from a `.npy` file, or from a `.npz` file with optional labels and test split.

    An array is uint8 [N, H, W] or [N, H, W, C] with C in 1, 3, 4 (images), or float32 [N, D] (points). The arrays of an .npz are
    called `images`, `labels`, `test_images`, `test_labels`; a single array may have any name. The classes are the labels that
    occur, or those that an array of text, `classes`, names. Pickled objects are never loaded. Training standardises each column
    of points, and samples come in the units of the file.

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
            members = _members(path, split, self.rules)
            values = _read_values(path, members.values)
            names = None if self.rules == 1 else _read_names(path, members)
            labels, classes = _read_classes(path, members, names, len(values), self.rules)
        if values.ndim == 4:
            values = fit_images(values, self.size, self.channels, path)
            values = one_invisible_colour(values) if self.rules == 2 else values
        elif self.size is not None or self.channels is not None:
            raise DataError(f"{path} holds points, which have no size and no channels: leave data.size and data.channels out")
        if self.rules == 1:
            return Samples(values, labels, classes)
        notes = members.notes if values.ndim == 4 else (*members.notes, _UNITS)
        if members.classes and names is None:
            reason = _NO_NAMES if members.labels else "there are no labels"
            notes = (*notes, f"{_place(path, members.classes)}, is not used: {reason}")
        return Samples(values, labels, classes, notes=notes, has_units=values.ndim == 2)


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


class _Members(NamedTuple):
    """The names of the arrays in an .npz that one split is read from; "" is the single array of an .npy."""

    values: str
    labels: str | None = None
    classes: str | None = None  # the names of the classes
    other_labels: tuple[str, ...] = ()  # of the other splits
    notes: tuple[str, ...] = ()


def _members(path: Path, split: Split, rules: Rules) -> _Members:
    """The arrays of a split. Raises DataError if the file has none for it."""
    if path.suffix.lower() != ".npz":
        if split == "test":
            raise DataError(f"{path} has no test split: save an .npz with the arrays images and test_images")
        return _Members("")
    with opened(path) as file, zipfile.ZipFile(file) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
    chosen = {name: _first(_IMAGES[name], names) for name in _IMAGES}
    labels = {name: _first(_LABELS[name], names) for name in _LABELS}
    notes = []
    if rules == 2 and chosen["test"] is None and (chosen_val := _first(_VAL_IMAGES, names)):
        chosen["test"], labels["test"] = chosen_val, _first(_VAL_LABELS, names)
        notes = [f"{path}: {chosen_val} is the test split"]
    known = {*chosen.values(), *labels.values(), CLASSES if rules == 2 else None}
    if rules == 1:  # all names that a table has, used or not
        known |= {name for table in (_IMAGES, _LABELS) for known_names in table.values() for name in known_names}
    unknown = [name for name in names if name not in known]
    found = listed(names, MOST_NAMED) if names else "none"
    if split == "test" and chosen["test"] is None:
        raise DataError(f"{path} has no test split: expected an array test_images, found {found}")
    if chosen["train"] is None and len(unknown) == 1:
        chosen["train"] = unknown.pop()
    values = chosen[split]
    if values is None:
        raise DataError(f"{path}: expected an array images, or a single array, found {found}; save it under that name")
    if unknown:
        notes.append(f"{path}: arrays that are not used: {listed(unknown, MOST_NAMED)}")
    others = tuple(name for other, name in labels.items() if name and other != split)
    return _Members(values, labels[split], CLASSES if CLASSES in names else None, others, tuple(notes))


def _first(wanted: Sequence[str], names: Sequence[str]) -> str | None:
    """The first of the wanted names that is among `names`."""
    return next((name for name in wanted if name in names), None)


@contextlib.contextmanager
def _open(path: Path, member: str) -> Iterator[IO[bytes]]:
    """Open an array of an .npz file, or the .npy file itself."""
    with opened(path) as file:
        if member:
            with zipfile.ZipFile(file) as archive, archive.open(f"{member}.npy") as inner:
                yield inner
        else:
            yield file


def _sizes(path: Path, member: str) -> tuple[int, int]:
    """(bytes on disk, bytes unpacked) of an array's file, its header included."""
    if not member:
        return (path.stat().st_size,) * 2
    with opened(path) as file, zipfile.ZipFile(file) as archive:
        info = archive.getinfo(f"{member}.npy")
    return info.compress_size, info.file_size


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
    """Read an array; pickled objects, and sizes that the file can't or should not hold, are refused before it is unpacked."""
    (shape, dtype), (num_packed, num_unpacked) = _read_header(path, member), _sizes(path, member)
    place, promised = _place(path, member), math.prod(shape) * dtype.itemsize
    must_fit(shape, dtype.type, place)
    if num_unpacked < promised:
        raise DataError(
            f"{place} is damaged or truncated: its header promises {size(promised)}, and {size(num_unpacked)} are there; "
            "save it again"
        )
    must_unpack(num_packed, num_unpacked, place)
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
    if len(shape) == 3 and dtype.kind == "f":  # grey images in 0..1, or signals of some channels
        return "save (255 * x).round().astype('uint8') if images, x.reshape(len(x), -1) if points"
    if len(shape) == 4 and dtype.kind == "f":
        return "save (255 * x).round().astype('uint8') where x lies in 0..1"
    if len(shape) in (3, 4) and dtype == np.uint16:
        return "save (255 / 4095 * x).round().astype('uint8') where x lies in 0..4095"
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


def _read_classes(
    path: Path, members: _Members, names: tuple[str, ...] | None, num: int, rules: Rules
) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """The class of each sample, int64 [num], and the names of the classes; (None, None) without labels.

    The classes are those of an array of names. Without one, they are the labels that occur in any split, in ascending order.
    """
    if members.labels is None:
        return None, None
    labels = _read_labels(path, members.labels, num)
    if rules == 1:
        return labels, None
    if names is None:
        others = [_read_labels(path, name, _read_header(path, name)[0][0]) for name in members.other_labels]
        return numbered_classes(labels, *others)
    own = own_labels(names)
    if own is not None and np.isin(labels, own).all():
        return np.searchsorted(own, labels), names
    if labels.max() >= len(names):
        raise DataError(
            f"{_place(path, members.labels)}: expected labels from 0 to {len(names) - 1}, as there are {len(names)} names in "
            f"{members.classes}, found {labels.max()}; add names, or leave {members.classes} out"
        )
    return labels, names


def _read_names(path: Path, members: _Members) -> tuple[str, ...] | None:
    """The names of the classes; None without labels, without such an array, or if it holds no different texts, none blank."""
    member = members.classes
    if member is None or members.labels is None:
        return None
    shape, dtype = _read_header(path, member)
    if dtype.kind != "U" or len(shape) != 1 or not shape[0]:
        return None
    names = tuple(map(str, _read_array(path, member)))
    return names if len(set(names)) == len(names) and all(map(str.strip, names)) else None


def _place(path: Path, member: str) -> str:
    """The file, and the array in it, for a message."""
    return f"{path}, array {member}" if member else str(path)
