"""The user's own pairs of images: a source image, and the image that a translator such as pix2pix should turn it into."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gansmith.core.component import component
from gansmith.core.errors import DataError
from gansmith.core.formatting import listed
from gansmith.data.folder import Half, ReadImages, names_of
from gansmith.data.image_files import BadImage, read_header, read_image
from gansmith.data.layout import Layout
from gansmith.data.memory import must_fit
from gansmith.data.pixels import Channels, Fit, Range, Size
from gansmith.data.sides import Direction, Part, Sides, all_equal, read_side, rows_by_name, sides_of, stems_of
from gansmith.data.source import Samples, Split

_HALVES: tuple[Half, Half] = ("left", "right")


@component
class Pairs:
    """Pairs of images of your own: a source image and the sample that it should become.

    Two folders, whose images belong together where their names are equal but for the ending; or one folder of images that hold
    both, side by side; or one folder with `A/` and `B/`, or with `trainA/`, `trainB/`, `testA/`, `testB/`. If the subfolders are
    `train`, `val` and `test`, they are the splits, as in a folder of images, and `val` is for validation if there is a `test`.
    A part without a folder gets about a tenth of the training pairs, chosen by a hash of their names.

    Fields:
        path: the folder of side A; or the folder of both sides, if `target` is None.
        target: the folder of side B.
        direction: "AtoB": A, or the left half, is the source image. "BtoA": B is.
        size: side in pixels of both images, which are cropped and resized alike; None keeps the images' own size, which must then
            be equal for all.
        fit: how an image that is not square becomes square: "crop" (to its centre), "stretch", or "pad" (with white).
        channels: of the samples: 1, 3 or 4; None takes the number that all of them have.
        source_channels: of the source images: 1, 3 or 4; None takes the number that all of them have.
        skip_bad: leave out pairs with an unreadable or a missing image and count them, instead of raising an error.
        range: the values of samples that become black and white, such as 0,4095, for images of more than 8 bits. None: those that
            the files state, or else the least and the largest value of all.
        source_range: the same for source images.
    """

    path: str
    target: str | None = None
    direction: Direction = "AtoB"
    size: Size | None = 64
    fit: Fit = "crop"
    channels: Channels | None = None
    source_channels: Channels | None = None
    skip_bad: bool = False
    range: Range | None = None
    source_range: Range | None = None

    def load(self, split: Split = "train") -> Samples:
        """Load a split: values uint8 [N, C, H, W] and source images uint8 [N, C', H, W].

        Raises:
            DataError: images without a partner, pairs of different sizes, two sides with the same images, a side-by-side image of
                odd width, and whatever a folder of images raises. The message names the files or the folder.
        """
        return self._part(split)

    def validation(self) -> Samples:
        """The pairs for validation. Raises as `load` does."""
        return self._part("validation")

    def _part(self, part: Part) -> Samples:
        """The pairs of one part."""
        sides = sides_of(self.path, self.target)
        split, divided = sides.place_of(part)
        layouts = sides.layouts(split)
        names, files, notes = self._matched(sides, layouts)
        self._check(names, files, layouts, is_split=sides.second is not None)
        halves = (None, None) if sides.second is not None else _HALVES
        first = self._read(0, files, layouts, halves[0])
        num, channels, height, width = first.values.shape
        must_fit((num, 2 * channels, height, width), np.uint8, layouts[0].root)
        second = self._read(1, files, layouts, halves[1])
        kept = self._kept(files, first, second)
        names = [names[i] for i in kept[2]]
        values, images = first.values[kept[0]], second.values[kept[1]]
        if values.shape == images.shape and np.array_equal(values, images):
            raise _same(layouts, is_split=sides.second is not None)
        if values.shape[2:] != images.shape[2:]:
            raise DataError(f"{self.path}: the sides have several sizes: give them one with data.size=...")
        rows = rows_by_name(names, divided, f"{layouts[0].root} with its pairs")[part] if divided else np.arange(len(names))
        notes = [*notes, *self._notes(sides, names, divided, first, second)]
        if len(names) < len(files):
            notes.append(f"{len(files) - len(names):,} pairs are left out because an image can't be read")
        skipped = len(set(stems_of(layouts[0].root)) | set(stems_of(layouts[1].root))) - len(names)
        source, target = (images, values) if self.direction == "BtoA" else (values, images)
        samples = Samples(target, source_images=source, num_skipped=skipped, notes=tuple(notes))
        return samples if len(rows) == len(samples) else samples[rows]  # without a copy where all are taken

    def _matched(self, sides: Sides, layouts: tuple[Layout, Layout]) -> tuple[list[str], list[tuple[Path, Path]], list[str]]:
        """The names of the pairs, their files, and notes. Raises DataError for images without a partner."""
        first = stems_of(layouts[0].root)
        if sides.second is None:
            return list(first), [(file, file) for file in first.values()], []
        second = stems_of(layouts[1].root)
        names = [name for name in first if name in second]
        roots = f"{layouts[0].root} and {layouts[1].root}"
        if not names:
            examples = f"{next(iter(first.values())).name} and {next(iter(second.values())).name}"
            raise DataError(
                f"no image of {roots} has a partner: expected equal names but for the ending, found {examples}; rename them, or "
                "read them as unpaired:..."
            )
        parent = layouts[0].root.parent
        alone = [file for side, other in ((first, second), (second, first)) for name, file in side.items() if name not in other]
        if alone and not self.skip_bad:
            raise DataError(
                f"{len(alone):,} image{'s' * (len(alone) > 1)} without a partner in {roots}: {names_of(alone, parent)}; add what "
                "is missing, or leave them out with data.skip_bad=true"
            )
        notes = [f"left out because they have no partner: {names_of(alone, parent)}"] if alone else []
        return names, [(first[name], second[name]) for name in names], notes

    def _check(
        self, names: Sequence[str], files: Sequence[tuple[Path, Path]], layouts: tuple[Layout, Layout], *, is_split: bool
    ) -> None:
        """Raise DataError for pairs of different sizes, halves that can't be cut, or sides with the same images."""
        if is_split and all_equal(files):
            raise _same(layouts, is_split=True)
        for name, (one, other) in zip(names, files, strict=True):
            try:
                sizes = [(header.width, header.height) for header in map(read_header, (one, other))]
                if is_split and not self._fit_together(*sizes):  # as the header says; an EXIF tag may turn one
                    sizes = [read_image(file).shape[:0:-1] for file in (one, other)]
            except BadImage:
                continue  # reading names all of them
            if not is_split and sizes[0][0] % 2:
                raise DataError(
                    f"{one} is {sizes[0][0]} pixels wide, an odd number: expected two images side by side, of one width; for "
                    "two folders write pairs:SOURCES,TARGETS"
                )
            if is_split and not self._fit_together(*sizes):
                (w, h), (w2, h2) = sizes
                raise DataError(
                    f"the pair {name} differs in size: {w} x {h} in {layouts[0].root} and {w2} x {h2} in {layouts[1].root}; "
                    "make both the same, as the images lie over each other"
                )

    def _fit_together(self, one: tuple[int, int], other: tuple[int, int]) -> bool:
        """Whether two sizes, (width, height), are equal, or become so: with a `size`, an equal ratio is enough."""
        return one == other or (self.size is not None and one[0] * other[1] == one[1] * other[0])

    def _read(
        self, side: int, files: Sequence[tuple[Path, Path]], layouts: tuple[Layout, Layout], half: Half | None
    ) -> ReadImages:
        """Read side A (0) or B (1) with its settings. Raises DataError that names these settings."""
        return read_side(self, side, [pair[side] for pair in files], layouts[side], half)

    def _kept(
        self, files: Sequence[tuple[Path, Path]], first: ReadImages, second: ReadImages
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The rows of A, of B and of all pairs where both images could be read. Raises DataError if none is left."""
        in_first = {file: row for row, file in enumerate(first.files)}
        in_second = {file: row for row, file in enumerate(second.files)}
        rows = [
            (in_first[one], in_second[other], i) for i, (one, other) in enumerate(files) if one in in_first and other in in_second
        ]
        if not rows:
            raise DataError(f"{self.path} has no pair with two readable images; replace the damaged files")
        return tuple(np.array(column, np.int64) for column in zip(*rows, strict=True))  # type: ignore[return-value]

    def _notes(
        self, sides: Sides, names: Sequence[str], divided: Sequence[Part], first: ReadImages, second: ReadImages
    ) -> list[str]:
        """Notes on the sides, the parts, and how the images were read."""
        notes = []
        swap = f"data.direction={'AtoB' if self.direction == 'BtoA' else 'BtoA'} swaps the sides"
        if sides.second is None:
            side = "left" if self.direction == "AtoB" else "right"
            notes.append(f"the {side} half of each image is the source image ({swap})")
        elif self.target is None:
            place = sides.first["train"] if self.direction == "AtoB" else sides.second["train"]
            notes.append(f"the source images are those of {place} ({swap})")
        notes += [note] if (note := sides.note()) else []
        if divided:
            rows = rows_by_name(names, divided, self.path)
            counts = [f"{len(rows[part]):,} are for {_PURPOSES[part]}" for part in divided]
            notes.append(f"of {len(names):,} pairs, {listed(counts)}, chosen by a hash of their names")
        return [*notes, *dict.fromkeys([*first.notes, *second.notes])]


_PURPOSES = {"validation": "validation", "test": "testing", "train": "training"}


def _same(layouts: tuple[Layout, Layout], *, is_split: bool) -> DataError:
    """The error for two sides with the same images."""
    if not is_split:
        return DataError(f"{layouts[0].root}: both halves of every image are the same; expected a source image and its target")
    roots = f"{layouts[0].root} and {layouts[1].root}"
    return DataError(f"{roots} hold the same images: expected source images and their targets; name another folder")
