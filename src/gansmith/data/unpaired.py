"""Two sets of images without pairs, which a translator such as CycleGAN turns into each other."""

from __future__ import annotations

import numpy as np

from gansmith.core import rng
from gansmith.core.component import component
from gansmith.core.errors import DataError
from gansmith.data.layout import Layout
from gansmith.data.pixels import Channels, Fit, Range, Size
from gansmith.data.sides import Direction, Part, digest_of, read_side, rows_by_name, sides_of, stems_of
from gansmith.data.source import Batches, Samples, Split


@component
class Unpaired:
    """Two sets of images, A and B, that are not in pairs: A holds the source images, B is what they should become.

    Two folders; or one with `trainA/`, `trainB/`, `testA/`, `testB/` as in CycleGAN's data, or with `A/` and `B/`. If the
    subfolders of a side are `train`, `val` and `test`, they are the splits. A part without a folder gets about a tenth of the
    training images of each side, chosen by a hash of their names.

    Training reads both sets in orders of their own, each image once in an epoch of its set. `load` repeats the images of the
    smaller set, so that there are as many as in the larger one. Row i of one side has nothing to do with row i of the other.

    Fields:
        path: the folder of set A; or the folder of both sets, if `target` is None.
        target: the folder of set B.
        direction: "AtoB": A is the source. "BtoA": B is.
        size: side in pixels of all images; None keeps the images' own size, which must then be equal within a set.
        fit: how an image that is not square becomes square: "crop" (to its centre), "stretch", or "pad" (with white).
        channels: of the samples: 1, 3 or 4; None takes the number that all of them have.
        source_channels: of the source images: 1, 3 or 4; None takes the number that all of them have.
        skip_bad: leave out unreadable files and count them, instead of raising an error.
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
        """Load a split: values uint8 [N, C, H, W] and source images uint8 [N, C', H', W'], where N is that of the larger set.

        Raises:
            DataError: two folders with the same images, no images, and whatever a folder of images raises.
        """
        return _aligned(*self._sides(split))

    def validation(self) -> Samples:
        """The images for validation. Raises as `load` does."""
        return _aligned(*self._sides("validation"))

    def batch_maker(self) -> Batches:
        """A function that reads both sets in shuffled orders of their own. Loads them, and raises as `load` does."""
        source, target = self._sides("train")

        def batch(seed: int, images: int, count: int) -> Samples:
            rows = rng.shuffled_rows(seed, images, count, len(target))
            source_rows = rng.shuffled_rows(seed, images, count, len(source), rng.Stream.SOURCE_ORDER)
            return Samples(target.values[rows], source_images=source.values[source_rows], is_paired=False)

        return batch

    def _sides(self, part: Part) -> tuple[Samples, Samples]:
        """The source images of a part, and its samples. Raises DataError."""
        sides = sides_of(self.path, self.target)
        if sides.second is None:
            raise DataError(
                f"{self.path} has no two sides: expected subfolders trainA and trainB, or A and B; for two folders write "
                "unpaired:SOURCES,TARGETS"
            )
        split, divided = sides.place_of(part)
        layouts = sides.layouts(split)
        _check_different(layouts)
        first, second = (self._side(i, layouts[i], part, divided) for i in (0, 1))
        notes = [note] if (note := sides.note()) else []
        if divided:
            notes.append(f"a tenth of each set is for {' and for '.join(divided)}, chosen by a hash of the images' names")
        source, target = (first, second) if self.direction == "AtoB" else (second, first)
        counts = f"{len(source):,} source images and {len(target):,} samples without pairs; load repeats those of the smaller set"
        notes = [*notes, *([counts] if len(source) != len(target) else []), *target.notes, *source.notes]
        return source, Samples(
            target.values, num_skipped=source.num_skipped + target.num_skipped, notes=tuple(dict.fromkeys(notes))
        )

    def _side(self, side: int, layout: Layout, part: Part, divided: tuple[Part, ...]) -> Samples:
        """One part of side A (0) or B (1). Raises DataError that names the settings of this side."""
        names = {file: name for name, file in stems_of(layout.root).items()}
        read = read_side(self, side, list(names), layout)
        kept = [names[file] for file in read.files]
        rows = rows_by_name(kept, divided, str(layout.root))[part] if divided else np.arange(len(kept))
        values = read.values if len(rows) == len(kept) else read.values[rows]
        return Samples(values, num_skipped=len(names) - len(kept), notes=read.notes)


def _check_different(layouts: tuple[Layout, Layout]) -> None:
    """Raise DataError if all images of the smaller set are in the larger one too."""
    contents = [{digest_of(file) for file in stems_of(layout.root).values()} for layout in layouts]
    if contents[0] <= contents[1] or contents[1] <= contents[0]:
        raise DataError(
            f"{layouts[0].root} and {layouts[1].root} hold the same images: expected two sets; name the folder of the other set"
        )


def _aligned(source: Samples, target: Samples) -> Samples:
    """Both sets side by side, the smaller one repeated."""
    num = max(len(source), len(target))
    values, images = (s.values if len(s) == num else s.values[np.arange(num) % len(s)] for s in (target, source))
    return Samples(values, source_images=images, num_skipped=target.num_skipped, notes=target.notes, is_paired=False)
