"""Idx files, the format of MNIST: a header of big-endian counts, then unsigned bytes; raw or gzipped.

The header is [0, 0, type, number of dimensions], then one uint32 per dimension. Only type 8, the unsigned byte, is supported.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import math
import re
import struct
import typing
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from gansmith.core.component import component
from gansmith.core.errors import DataError
from gansmith.core.user_input import opened
from gansmith.data.memory import must_fit, must_unpack
from gansmith.data.order import numbered_classes
from gansmith.data.pixels import Channels, Size, fit_images
from gansmith.data.source import Rules, Samples, Split, cant_read, existing

# Both spellings exist: train-images-idx3-ubyte and train-images.idx3-ubyte.
_MNIST_STYLE = re.compile(r"(train|t10k|test)-(images|labels)[-.]idx[13][-.]ubyte(\.gz)?")
_UNSIGNED_BYTE = 8
_MAX_DEFLATE_RATIO = 1032  # the best ratio of deflate: a smaller .gz file cannot hold the bytes of its header's shape


@component
class Idx:
    """Images, with or without labels, from idx files.

    Fields:
        path: a file of images, raw or `.gz`; or a folder with MNIST-style files (`train-images-idx3-ubyte`, `train-labels-...`
            and, for the test split, `t10k-images-...`, `t10k-labels-...`).
        labels: the file of labels. None: the file beside the images with `labels` and `idx1` in its name; without such a file
            there are no labels.
        size: side in pixels; None keeps the size of the file.
        channels: 1, 3 or 4; None keeps grey.
        rules: how the files are read. 1 is how versions before rule 2 read them, for runs that they began.
    """

    path: str
    labels: str | None = None
    size: Size | None = None
    channels: Channels | None = None
    rules: Rules = 2

    def load(self, split: Split = "train") -> Samples:
        """Load a split. Raises DataError for a missing or damaged file, another format, or a wrong number of labels."""
        images, labels = self._files(existing(self.path, "file or folder"), split)
        if self.labels is not None:
            labels = existing(self.labels, "file")
        values, numbers = read_pair(images, labels)
        values = fit_images(values, self.size, self.channels, self.path)
        if numbers is None or self.rules == 1:
            return Samples(values, numbers)
        return Samples(values, *numbered_classes(numbers, *self._other_labels(split)))

    def _other_labels(self, split: Split) -> list[np.ndarray]:
        """The labels of the other split, so that both have the same classes; none if it has no labels."""
        path, other = existing(self.path, "file or folder"), "test" if split == "train" else "train"
        labels = mnist_style_files(path, other)[1] if path.is_dir() else None  # type: ignore[arg-type]
        return [] if labels is None else [_read(labels, 1, "labels").astype(np.int64)]

    def _files(self, path: Path, split: Split) -> tuple[Path, Path | None]:
        """The files of images and of labels of a split. Raises DataError if the split does not exist."""
        if not path.is_dir():
            if split == "test":
                raise DataError(f"{path} has no test split: it is one file; give its folder, with t10k-images-idx3-ubyte in it")
            return path, _labels_beside(path)
        images, labels = mnist_style_files(path, split)
        if images is None:
            name = "train-images-idx3-ubyte" if split == "train" else "t10k-images-idx3-ubyte"
            raise DataError(f"{path} has no {split} split: expected a file {name} (or {name}.gz) in it")
        return images, labels


def read_pair(images: Path, labels: Path | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Images uint8 [N, 1, H, W] and labels int64 [N], or None. Raises DataError for damaged files or a wrong number of labels."""
    values = _read(images, 3, "images")[:, None]
    if labels is None:
        return values, None
    numbers = _read(labels, 1, "labels").astype(np.int64)
    if len(numbers) != len(values):
        raise DataError(f"{labels} has {len(numbers):,} labels, expected {len(values):,}, one for each image in {images}")
    return values, numbers


def mnist_style_files(folder: Path, split: Split) -> tuple[Path | None, Path | None]:
    """The image file and the label file of a split, each None if it does not exist. Raises DataError for an unreadable folder."""
    try:
        names = sorted(file.name for file in folder.iterdir())
    except OSError as error:
        raise DataError(cant_read(folder, error)) from None
    found: dict[str, Path] = {}
    for name in names:
        match = _MNIST_STYLE.fullmatch(name)
        if match and (match[1] == "train") == (split == "train"):
            # A raw file sorts before its .gz and is faster to read, so take the first.
            found.setdefault(match[2], folder / name)
    return found.get("images"), found.get("labels")


def _labels_beside(images: Path) -> Path | None:
    """The label file beside an image file, found by its name; None if there is none."""
    name = images.name.replace("images", "labels").replace("idx3", "idx1").removesuffix(".gz")
    beside = [images.with_name(name), images.with_name(name + ".gz")]
    return next((file for file in beside if file.is_file() and file != images), None)


def _read(path: Path, num_dimensions: int, what: str) -> np.ndarray:
    """Read an idx file, uint8. A header that does not match the size of the file is refused before memory is allocated."""
    packed = path.suffix == ".gz"
    try:
        with opened(path) as raw, _unpacked(raw, packed) as file:
            shape = _read_header(file, path, num_dimensions, what)
            promised = " x ".join(f"{n:,}" for n in shape)
            truncated = f"{path} is truncated: its header promises {promised} bytes of {what}, and fewer follow; get it again"
            num_bytes = math.prod(shape)
            if num_bytes > path.stat().st_size * (_MAX_DEFLATE_RATIO if packed else 1):
                raise DataError(truncated)
            must_fit(shape, np.uint8, path)
            must_unpack(path.stat().st_size, num_bytes, path)
            values = np.empty(shape, np.uint8)
            if file.readinto(values.data.cast("B")) < num_bytes:
                raise DataError(truncated)
            if file.read(1):
                raise DataError(
                    f"{path} is too long: its header promises {promised} bytes of {what}, and more follow; get it again"
                )
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path} is a damaged or truncated .gz file ({error}): get it again") from None
    except OSError as error:
        raise DataError(cant_read(path, error)) from None
    return values


def _unpacked(raw: IO[bytes], packed: bool) -> contextlib.AbstractContextManager[io.BufferedIOBase]:
    """An opened file, unpacked while it is read if it is a .gz."""
    return typing.cast("contextlib.AbstractContextManager[io.BufferedIOBase]", gzip.open(raw) if packed else raw)


def _read_header(file: io.BufferedIOBase, path: Path, num_dimensions: int, what: str) -> tuple[int, ...]:
    """Read the shape from the header. Raises DataError for another format, a short header or an empty file."""
    magic = file.read(4)
    expected = bytes([0, 0, _UNSIGNED_BYTE, num_dimensions])
    if magic != expected:
        raise DataError(
            f"{path} is no idx file of {what}: expected it to begin with {expected.hex(' ')}, "
            f"found {magic.hex(' ') or 'nothing'}; check that it is the right file"
        )
    counts = file.read(4 * num_dimensions)
    if len(counts) < 4 * num_dimensions:
        raise DataError(
            f"{path} is truncated: expected a header of {4 + 4 * num_dimensions} bytes, found {4 + len(counts)}; get it again"
        )
    shape = struct.unpack(f">{num_dimensions}I", counts)
    if 0 in shape:
        raise DataError(f"{path} holds no {what}: its header says {' x '.join(map(str, shape))}; give a file with at least one")
    return shape
