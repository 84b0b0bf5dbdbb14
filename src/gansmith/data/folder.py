"""A folder of image files."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from gansmith.core.component import component
from gansmith.core.errors import DataError
from gansmith.core.formatting import brief, listed, percent
from gansmith.core.notes import note
from gansmith.data.image_files import FULL_RANGE, BadImage, Clipped, Header, found_range, read_header, read_image
from gansmith.data.labelled import labels_from, numbered, unused_tables
from gansmith.data.layout import Layout, labels_by_folder, layout_of, list_images
from gansmith.data.memory import must_fit
from gansmith.data.pixels import Channels, Fit, Range, Size, fit_images, one_invisible_colour
from gansmith.data.source import Rules, Samples, Split, existing

T = TypeVar("T")

MOST_NAMED = 5  # files that a message names
_LONGEST = 24  # characters of a file's name in a list
_LEAST_HALF = 16  # pixels of a side of an image that may be half of a pair
_WAIT = 5.0  # seconds before the first message about progress; later ones wait longer


Half = Literal["left", "right"]
"""One side of an image that holds two, side by side."""


@dataclass(frozen=True, eq=False)
class ReadImages:
    """Image files that were read."""

    files: list[Path]  # those that could be read, in order
    values: np.ndarray  # uint8 [N, C, H, W]
    notes: tuple[str, ...] = ()  # how they were read
    sizes: frozenset[tuple[int, int]] = frozenset()  # (width, height) of each file


@component
class Folder:
    """Every image in a folder and its subfolders, in sorted order. Hidden files and folders are ignored.

    If every image lies in a first-level subfolder, the subfolders are the classes, unless `labels` gives them; `2` comes before
    `10`. If all subfolders have names such as `train`, `val` and `test`, they are the splits, with the same classes for all; the
    test split is `test`, or else `val`. An animated image counts as its first frame, and an invisible pixel is white.

    Fields:
        path: the folder.
        size: side in pixels; None keeps the images' own size, which must then be equal for all.
        fit: how an image that is not square becomes square: "crop" (to its centre), "stretch", or "pad" (with white).
        channels: 1, 3 or 4; None takes the number that all images have. An image with a palette has 3, an image with transparency
            has 4, or 3 if no pixel of any image is transparent. Removed transparency is composited on white.
        labels: a CSV file with the columns `file`, relative to the folder, and `label`, one row per image; it gives the classes.
            A path, or the name of a file in the folder.
        skip_bad: leave out unreadable files and count them, instead of raising an error.
        range: the values that become black and white, such as 0,4095, for images of more than 8 bits; others stay as they are.
            None: those that the tags of the files state, or else the least and the largest value of all files.
        rules: how the files are read. 1 is how versions before rule 2 read them, for runs that they began.
    """

    path: str
    size: Size | None = 64
    fit: Fit = "crop"
    channels: Channels | None = None
    labels: str | None = None
    skip_bad: bool = False
    range: Range | None = None
    rules: Rules = 2

    def load(self, split: Split = "train") -> Samples:
        """Load a split.

        Raises:
            DataError: unreadable images, no images, different channels or sizes, channels that can't be kept, too many images
                for memory, or labels that do not match the images. The message names the files or the folder.
        """
        layout = layout_of(self.path, split, self.rules)
        files = list_images(layout.root)
        labels_of, notes = None, list(layout.notes)
        if self.labels is not None:
            images = [file for class_root in layout.class_roots for file in list_images(class_root)]
            labels_of, unused = labels_from(self.labels, existing(self.path, "folder"), images, self.rules)
            notes += unused
        elif self.rules == 2:
            notes += unused_tables(existing(self.path, "folder"))
        read = self.read(files, layout)
        if self.rules == 2:
            notes += [*read.notes, *_skipped(files, read.files, layout.root), *self._maybe_pairs(read)]
        if labels_of is None:
            labels, classes = labels_by_folder(read.files, layout, self.rules)
        else:
            labels, classes = numbered(read.files, labels_of, self.rules)
        return Samples(read.values, labels, classes, num_skipped=len(files) - len(read.files), notes=tuple(notes))

    def read(self, files: Sequence[Path], layout: Layout, half: Half | None = None) -> ReadImages:
        """Read some files of a layout with this folder's settings; of each image one `half`, if it is given.

        Raises DataError as `load` does.
        """
        headers = self._headers(files, layout.root)
        channels = self.channels or _common_channels(headers)
        value_range, range_notes = self._range(headers, layout)
        clipped = Clipped()
        kept, values = self._pixels(list(headers), channels, value_range, layout.root, half, clipped)
        if self.channels is None and values.shape[1] == 4 and values[:, 3].min() == 255:
            values = np.ascontiguousarray(values[:, :3])
        if self.rules == 1:
            return ReadImages(kept, values)
        seen = [headers[file] for file in kept]
        seen = seen if half is None else [dataclasses.replace(header, width=header.width // 2) for header in seen]
        sizes = frozenset((header.width, header.height) for header in seen)
        return ReadImages(
            kept, one_invisible_colour(values), (*range_notes, *_clipped_note(clipped, value_range), *self._notes(seen)), sizes
        )

    def _maybe_pairs(self, read: ReadImages) -> list[str]:
        """A note on images that are all twice as wide as high, as pairs of pix2pix are."""
        if not all(width == 2 * height and height >= _LEAST_HALF for width, height in read.sizes):
            return []
        return [f"all images are twice as wide as high; if each holds two, side by side, write --data pairs:{self.path}"]

    def wide_range(self) -> Range | None:
        """The values that become black and white, for images of more than 8 bits; None if there are none here."""
        layout = layout_of(self.path, "train", self.rules)
        headers = self._headers(list_images(layout.root), layout.root)
        if self.range is not None or self.rules == 1 or not any(header.is_wide for header in headers.values()):
            return self.range
        return self._range(headers, layout)[0]

    def _headers(self, files: Sequence[Path], root: Path) -> dict[Path, Header]:
        """The headers of all readable files. Raises DataError for unreadable files, or channels that would be lost."""
        headers, bad = _each(files, lambda file: read_header(file, self.rules), root)
        if bad and not self.skip_bad:  # name all, also those with pixels that can't be read
            bad += _each(list(headers), lambda file: read_image(file, rules=self.rules), root)[1]
            raise _bad_images(sorted(bad, key=lambda error: error.file), root)
        lost = [file for file, header in headers.items() if header.num_lost]
        if lost and self.channels is None and self.rules == 2:
            num = headers[lost[0]].num_lost + headers[lost[0]].channels
            raise DataError(
                f"{names_of(lost, root)}: expected 1, 3 or 4 channels, found {num}; save the ones to use in an .npz, or take the "
                f"first with data.channels={headers[lost[0]].channels}"
            )
        return headers

    def _pixels(
        self,
        files: Sequence[Path],
        channels: int | None,
        value_range: tuple[float, float],
        root: Path,
        half: Half | None,
        clipped: Clipped,
    ) -> tuple[list[Path], np.ndarray]:
        """The readable files and their pixels, uint8 [N, C, H, W]. `clipped` counts the values outside of the range.

        Raises DataError for unreadable files, none at all, different sizes, or too many for memory.
        """
        kept: list[Path] = []
        values = np.empty((0, 0, 0, 0), np.uint8)

        def read(file: Path) -> None:
            nonlocal values
            pixels = read_image(file, value_range, self.rules, clipped)
            pixels = pixels if half is None else _half_of(pixels, half)
            image = fit_images(pixels[None], self.size, channels, file, self.fit)[0]
            if not kept:
                must_fit((len(files), *image.shape), np.uint8, root)
                values = np.empty((len(files), *image.shape), np.uint8)
            if image.shape != values.shape[1:]:
                raise DataError(
                    f"{root} has images of several sizes: {kept[0].relative_to(root)} is {_width_by_height(values)} and "
                    f"{file.relative_to(root)} is {_width_by_height(image)}; give them one with data.size=..."
                )
            values[len(kept)] = image
            kept.append(file)

        _, bad = _each(files, read, root)
        if bad and not self.skip_bad:
            raise _bad_images(bad, root)
        if not kept:
            raise DataError(
                f"{root} has no readable image: all {len(list_images(root)):,} files are damaged; replace them, "
                "or choose another folder"
            )
        return kept, values[: len(kept)]

    def _range(self, headers: dict[Path, Header], layout: Layout) -> tuple[tuple[float, float], list[str]]:
        """The range of the values of more than 8 bits: given, stated by the files, or found in all. And the notes on it."""
        wide = [file for file, header in headers.items() if header.is_wide]
        if self.rules == 1 or not wide:
            given = f"data.range={brief(self.range[0])},{brief(self.range[1])}" if self.rules == 2 and self.range else ""
            return FULL_RANGE, [f"{given} has no effect: no image here has more than 8 bits"] if given else []
        how = "as data.range says"
        low, high = self.range or (0.0, 0.0)
        if self.range is None:
            # Of all splits, so that a value is the same grey in each.
            others = [file for root in layout.class_roots if root != layout.root for file in list_images(root)]
            headers = headers | _each(others, lambda file: read_header(file, self.rules), layout.root)[0]
            wide = [file for file, header in headers.items() if header.is_wide]
            stated = [header.value_range for header in headers.values() if header.is_wide and header.value_range]
            how = "as the files state" if len(stated) == len(wide) else "the least and the largest value"
            how += " (data.range=LOW,HIGH sets others)"
            found = stated if len(stated) == len(wide) else list(_each(wide, found_range, layout.root)[0].values())
            low, high = min((r[0] for r in found), default=0.0), max((r[1] for r in found), default=0.0)
        if low >= high:  # all values are equal
            low, high = FULL_RANGE
        what = f"{len(wide):,} image{'s have' if len(wide) > 1 else ' has'} more than 8 bits"
        return (low, high), [f"{what}: {brief(low)} becomes black and {brief(high)} white, {how}"]

    def _notes(self, headers: Sequence[Header]) -> Iterator[str]:
        """Notes on the images' sizes, colours and frames."""
        if self.size and (change := self._resizing({(header.width, header.height) for header in headers})):
            yield change
        if num := sum(header.is_print for header in headers):
            yield f"{num:,} of {len(headers):,} images are in CMYK, the colours of print, and become RGB"
        if num := sum(header.has_frames for header in headers):
            yield f"{num:,} of {len(headers):,} images have several pages or frames; the first of each is used"

    def _resizing(self, sizes: set[tuple[int, int]]) -> str | None:
        """How images of these sizes, (width, height), become square and get the size; None if they already have it."""
        if sizes == {(self.size, self.size)}:
            return None
        small, large = (f"{width} x {height}" for width, height in (min(sizes, key=_area), max(sizes, key=_area)))
        before = f"images of {small}" + (f" to {large}" if large != small else "")
        verbs = {"crop": "cropped to their centre", "stretch": "stretched to squares", "pad": "padded with white to squares"}
        fitting = [verbs[self.fit]] if any(width != height for width, height in sizes) else []
        resizing = [f"resized to {self.size} x {self.size}"] if any(min(size) != self.size for size in sizes) else []
        others = [f"data.fit={fit}" for fit in verbs if fit != self.fit] if fitting else []
        return f"{before} are {' and '.join(fitting + resizing)} ({' or '.join(['data.size=...', *others])} changes that)"


# ---------------------------------------------------------------------------------------------------- several files


def _each(files: Sequence[Path], read: Callable[[Path], T], root: Path) -> tuple[dict[Path, T], list[BadImage]]:
    """The result of `read` for each readable file, and an error for each other file. A long wait is announced."""
    results: dict[Path, T] = {}
    bad: list[BadImage] = []
    last, wait = time.monotonic(), _WAIT
    for i, file in enumerate(files):
        try:
            results[file] = read(file)
        except BadImage as error:
            bad.append(error)
        if time.monotonic() - last > wait:
            note(f"reading {root}: {i + 1:,} of {len(files):,} images")
            last, wait = time.monotonic(), 2 * wait
    return results, bad


def _half_of(pixels: np.ndarray, half: Half) -> np.ndarray:
    """The left or the right half of an image, [C, H, W] -> [C, H, W / 2]."""
    middle = pixels.shape[2] // 2
    return pixels[:, :, :middle] if half == "left" else pixels[:, :, middle:]


def _bad_images(bad: Sequence[BadImage], root: Path) -> DataError:
    """The error about unreadable files: up to five of them, and how many more."""
    if len(bad) == 1:
        return bad[0]
    names = names_of([error.file for error in bad], root)
    return DataError(
        f"{len(bad):,} bad images in {root}: {names} ({bad[0].reason}); replace or delete them, or leave such files out with "
        "data.skip_bad=true"
    )


def names_of(files: Sequence[Path], root: Path) -> str:
    """Up to five files, relative to `root` and shortened, and how many more."""
    names = [str(file.relative_to(root)) if file.is_relative_to(root) else str(file) for file in files[: MOST_NAMED + 1]]
    short = [name if len(name) <= _LONGEST else f"...{name[-_LONGEST:]}" for name in names]
    return listed([*short, *[""] * (len(files) - len(short))], MOST_NAMED)


def _clipped_note(clipped: Clipped, value_range: tuple[float, float]) -> list[str]:
    """A note on values outside of the range, which are cut off at black or white."""
    if not clipped.num_values:
        return []
    low, high = map(brief, value_range)
    share = clipped.num_values / clipped.all_values
    values = (
        f"{clipped.num_values:,} value{'s' if clipped.num_values > 1 else ''} ({percent(share) if share > 0.0005 else '< 0.1 %'})"
    )
    images = f"{clipped.num_images:,} image{'s' if clipped.num_images > 1 else ''}"
    return [f"{values} in {images} lie outside of {low} to {high} and are clipped; data.range=LOW,HIGH sets other bounds"]


def _skipped(files: Sequence[Path], kept: Sequence[Path], root: Path) -> list[str]:
    """A note on unreadable files that were left out."""
    good = set(kept)
    bad = [file for file in files if file not in good]
    return [f"left out because they can't be read: {names_of(bad, root)}"] if bad else []


def _common_channels(headers: dict[Path, Header]) -> int | None:
    """The number of channels that all files share; None without files. Raises DataError for different numbers."""
    first = next(iter(headers), None)
    if first is None:
        return None
    num = headers[first].channels
    other = next((file for file, header in headers.items() if header.channels != num), None)
    if other:
        beside = os.path.relpath(other, first.parent)
        raise DataError(
            f"mixed channels: {first} has {num} and {beside} has {headers[other].channels}; choose data.channels=3 "
            "(colour, with white behind what is transparent), 4 (colour and transparency) or 1 (grey)"
        )
    return num


def _area(size: tuple[int, int]) -> int:
    """The number of pixels of a size."""
    return size[0] * size[1]


def _width_by_height(image: np.ndarray) -> str:
    """The size of an image in a message: `32 x 48`."""
    return f"{image.shape[-1]} x {image.shape[-2]}"
