"""A folder of image files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from gansmith.core.component import component
from gansmith.core.errors import DataError
from gansmith.data.labelled import labels_from, numbered
from gansmith.data.memory import must_fit
from gansmith.data.pixels import Channels, Fit, Size, fit_images
from gansmith.data.source import Rules, Samples, Split, cant_read, existing

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")  # a fixed list, so that a file cannot select an obscure reader of PIL
_MAX_PIXELS = 64_000_000
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


@component
class Folder:
    """Every image in a folder and its subfolders, in sorted order. Hidden files and folders are ignored.

    If every image lies in a first-level subfolder, the subfolders are the classes, unless `labels` gives them. If the subfolders
    `train` and `test` exist, they are the splits, with the same classes for both. An animated image counts as its first frame.

    Fields:
        path: the folder.
        size: side in pixels; None keeps the images' own size, which must then be equal for all.
        fit: how an image that is not square becomes square: "crop" (to its centre), "stretch", or "pad" (with white).
        channels: 1, 3 or 4; None takes the number that all images have. An image with a palette has 3, an image with transparency
            has 4, or 3 if no pixel of any image is transparent. Removed transparency is composited on white.
        labels: a CSV file with the columns `file`, relative to the folder, and `label`, one row per image; it gives the classes.
            A path, or the name of a file in the folder.
        skip_bad: leave out unreadable files and count them, instead of raising an error.
        rules: how the files are read. 1 is how versions before rule 2 read them, for runs that they began.
    """

    path: str
    size: Size | None = 64
    fit: Fit = "crop"
    channels: Channels | None = None
    labels: str | None = None
    skip_bad: bool = False
    rules: Rules = 2

    def load(self, split: Split = "train") -> Samples:
        """Load a split.

        Raises:
            DataError: unreadable images, no images, different channels or sizes, too many images for memory, or labels that do
                not match the images. The message names the file or folder.
        """
        root, class_roots = self._roots(split)
        files = list_images(root)
        labels_of = None
        if self.labels is not None:
            images = [file for class_root in class_roots for file in list_images(class_root)]
            labels_of = labels_from(self.labels, existing(self.path, "folder"), images)
        channels: int | None = self.channels
        good = files  # readable ones, as far as known
        if channels is None:
            counts = dict(self._each(files, _read_channels))
            channels, good = _common_channels(counts), list(counts)
        kept: list[Path] = []
        values = np.empty((0, 0, 0, 0), np.uint8)
        for file, pixels in self._each(good, read_image):
            image = fit_images(pixels[None], self.size, channels, file, self.fit)[0]
            if not kept:
                must_fit((len(good), *image.shape), np.uint8, root)
                values = np.empty((len(good), *image.shape), np.uint8)
            if image.shape != values.shape[1:]:
                raise DataError(
                    f"{root} has images of several sizes: {kept[0]} is {_width_by_height(values)} and {file} is "
                    f"{_width_by_height(image)}; give them one with data.size=..."
                )
            values[len(kept)] = image
            kept.append(file)
        if not kept:
            raise DataError(
                f"{root} has no readable image: all {len(files):,} files are damaged; replace them, or choose another folder"
            )
        values = values[: len(kept)]
        if self.channels is None and values.shape[1] == 4 and values[:, 3].min() == 255:
            values = np.ascontiguousarray(values[:, :3])
        labels, classes = _label(kept, root, class_roots) if labels_of is None else numbered(kept, labels_of)
        return Samples(values, labels, classes, num_skipped=len(files) - len(kept))

    def _roots(self, split: Split) -> tuple[Path, tuple[Path, ...]]:
        """The folder of a split, and the folders whose subfolders are the classes: those of both splits, so that labels agree."""
        path = existing(self.path, "folder")
        if not path.is_dir():
            raise DataError(f"{self.path} is a file: expected a folder of images")
        train, test = path / "train", path / "test"
        if train.is_dir() and test.is_dir():
            return (train if split == "train" else test), (train, test)
        if split == "test":
            raise DataError(f"{self.path} has no test split: expected the subfolders train and test in it")
        return path, (path,)

    def _each(self, files: Sequence[Path], read: Callable[[Path], T]) -> Iterator[tuple[Path, T]]:
        """(file, result of `read`) for each file; unreadable files are left out if `skip_bad`."""
        for file in files:
            try:
                result = read(file)
            except DataError:
                if not self.skip_bad:
                    raise
                continue
            yield file, result


def list_images(root: Path) -> list[Path]:
    """The image files in a folder and its subfolders, sorted. Links are followed; each folder is visited once.

    Raises:
        DataError: no images, or an unreadable folder.
    """

    def refuse(error: OSError) -> None:
        raise DataError(cant_read(error.filename, error))

    files: list[Path] = []
    seen: set[str] = set()
    num_others = 0
    for folder, subfolders, names in os.walk(root, onerror=refuse, followlinks=True):
        seen.add(os.path.realpath(folder))
        # os.walk continues with this list; without the check a link to a parent folder would never end.
        subfolders[:] = sorted(s for s in subfolders if _is_visible(s) and os.path.realpath(os.path.join(folder, s)) not in seen)
        images = [name for name in names if _is_visible(name) and name.lower().endswith(SUFFIXES)]
        num_others += len(names) - len(images)
        files += [Path(folder, name) for name in images]
    if not files:
        raise DataError(f"{root} has no images: expected files ending in {' '.join(SUFFIXES)}, found {num_others:,} other files")
    return sorted(files)


def _is_visible(name: str) -> bool:
    """Whether a file or folder is not hidden and not macOS's archive metadata."""
    return not name.startswith(".") and name != "__MACOSX"


def _label(files: list[Path], root: Path, class_roots: tuple[Path, ...]) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Labels int64 [N] and class names from first-level subfolders; (None, None) if a file lies outside them."""
    places = [file.relative_to(root).parts for file in files]
    if any(len(place) == 1 for place in places):
        return None, None
    # All files, unreadable ones too: the labels are equal in both splits, whichever files are skipped.
    everywhere = (file.relative_to(r).parts for r in class_roots for file in list_images(r))
    classes = tuple(sorted({place[0] for place in everywhere if len(place) > 1}))
    number = {name: i for i, name in enumerate(classes)}
    return np.array([number[place[0]] for place in places], np.int64), classes


def _common_channels(counts: dict[Path, int]) -> int | None:
    """The number of channels that all files share; None without files. Raises DataError for different numbers."""
    first = next(iter(counts), None)
    other = next((file for file in counts if counts[file] != counts[first]), None) if first else None
    if first and other:
        raise DataError(
            f"mixed channels: {first} has {counts[first]} and {other} has {counts[other]}; choose one, as in data.channels=3"
        )
    return counts[first] if first else None


def _width_by_height(image: np.ndarray) -> str:
    """The size of an image in a message: `32 x 48`."""
    return f"{image.shape[-1]} x {image.shape[-2]}"


# ---------------------------------------------------------------------------------------------------- one file


def read_image(file: Path) -> np.ndarray:
    """Read one image as uint8 [C, H, W], with its own 1, 3 or 4 channels, rotated upright by its EXIF orientation.

    Raises:
        DataError: the file is damaged, or its pixels have more than 16 bits.
    """

    def decode(image: Image) -> np.ndarray:
        from PIL import ImageOps

        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I;16") or image.mode == "I":
            wide = np.asarray(image).astype(np.int64)
            return ((wide * 255 + 32767) // 65535).astype(np.uint8)[None]
        pixels = np.asarray(image.convert(_MODES[_num_channels(image)]))
        return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))

    return _with_image(file, decode)


def _read_channels(file: Path) -> int:
    """The number of channels of an image file."""
    return _with_image(file, _num_channels)


def _num_channels(image: Image) -> int:
    """The number of channels of an opened image: 1, 3 or 4."""
    if image.mode.startswith("I"):
        return 1
    return 4 if image.has_transparency_data else 1 if image.mode in ("1", "L") else 3


def _with_image(file: Path, use: Callable[[Image], T]) -> T:
    """Apply `use` to the opened image, before it is decoded. Every error becomes a DataError that names the file."""
    from PIL import Image, UnidentifiedImageError

    try:
        # PIL warns about harmless faults such as broken EXIF, and about sizes that are checked below.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file, formats=_FORMATS) as image:
                if image.width * image.height > _MAX_PIXELS:
                    raise Image.DecompressionBombError
                # Pixels of 32 bits have no agreed white. PNG has at most 16 bits, which older releases of PIL call "I".
                if image.mode == "F" or (image.mode == "I" and image.format != "PNG"):
                    raise ValueError("its pixels have 32 bits; save it with 8 or 16")
                return use(image)
    except UnidentifiedImageError:
        reason = "it is no PNG, JPEG, BMP, GIF, WebP or TIFF"
    except Image.DecompressionBombError:
        reason = f"it has more than {_MAX_PIXELS:,} pixels"
    except PermissionError as error:
        reason = str(error.strerror)
    # A damaged file fails in as many ways as PIL has readers: OSError, SyntaxError, ValueError, struct.error ...
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
    raise DataError(f"bad image {file}: {reason}; replace or delete it, or leave such files out with data.skip_bad=true")
