"""Galleries: arrays of samples that notebooks display, and that are saved as an array, a picture or a folder of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gansmith.core import files
from gansmith.core.errors import RunError
from gansmith.core.limits import MAX_GRID
from gansmith.core.user_input import expanded
from gansmith.data.arrays import CLASSES
from gansmith.data.modality import Modality
from gansmith.data.order import own_labels
from gansmith.drawing.captions import name_rows
from gansmith.drawing.grids import png, to_image

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_FILES = 1_000_000  # in one folder
ENDINGS = (".npz", ".png")


def check(path: Path, count: int) -> None:
    """Raise RunError if `count` samples can't be saved at a path: see `Gallery.save`. Call it before they are made."""
    files.check_output(path, "samples", ENDINGS, folder=True)
    if files.ending(path) == ".png" and count > MAX_GRID:
        raise RunError(f"{path}: a picture holds at most {MAX_GRID:,} samples, got {count:,}; use a folder or an .npz")
    if files.ending(path) == "" and count > MAX_FILES:
        raise RunError(f"{path}: a folder holds at most {MAX_FILES:,} pictures, got {count:,}; use an .npz")


@dataclass(frozen=True, eq=False)
class Gallery:
    """N samples of a generator, which a notebook displays as a picture. `np.asarray(gallery)` is the array."""

    array: np.ndarray  # uint8 [N, H, W, C], or float32 [N, D] for points
    modality: Modality
    labels: np.ndarray | None = None  # int64 [N], the class that each sample was made for, in the order of the classes
    columns: int | None = None  # of the picture; None: as square as possible
    names: tuple[str, ...] = ()  # captions of the picture's rows
    classes: tuple[str, ...] | None = None  # the names of the classes
    view: np.ndarray | None = None  # what pictures show in place of `array`: samples beside their source images

    def __len__(self) -> int:
        """N, the number of samples."""
        return len(self.array)

    def __getitem__(self, index: Any) -> Any:
        """A part of the array, by any NumPy index."""
        return self.array[index]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The array, for NumPy."""
        return np.array(self.array, dtype=dtype, copy=copy)

    def picture(self, columns: int | None = None) -> Image:
        """All samples as one picture: a grid of images with captions beside its rows, or a scatter plot of points."""
        columns = columns or self.columns
        picture = self.modality.picture(self.array if self.view is None else self.view, columns)
        return name_rows(picture, self.names) if columns == self.columns else picture

    def save(self, path: str | Path) -> Path:
        """Write the samples and return the path. The ending of `path`, in any case, decides the format:

        x.npz: the array as `images` or `points`, the classes' names as `classes`, and the label of each sample as `labels`: the
        class's place in `classes`, or the class's own number if all names are ascending whole numbers, such as 1990 and 2000.
        x.png: one picture of at most 10,000 samples.
        no ending: a new or empty folder with a picture of each sample, 000000.png and so on.

        Parent folders are made. An error leaves no half-written file. Raises RunError for another ending, a folder that is not
        empty, or a path that can't be written, DiskError if the disk is full.
        """
        path = expanded(path)
        check(path, len(self))
        if files.ending(path) == ".npz":
            files.make_parent(path)
            with files.atomic(path) as file:
                np.savez(file, **{self.modality.key: self.array}, **self._labels())  # type: ignore[arg-type]
        elif files.ending(path) == ".png":
            files.make_parent(path)
            files.write(path, png(self.picture()))
        else:
            self._save_folder(path)
        return path

    def _labels(self) -> dict[str, np.ndarray]:
        """The arrays about classes in an .npz: labels and names, each if it is known."""
        if self.labels is None:
            return {}
        own = own_labels(self.classes)
        names = {} if self.classes is None else {CLASSES: np.array(self.classes, dtype=np.str_)}
        return {"labels": self.labels if own is None else own[self.labels], **names}

    def _save_folder(self, path: Path) -> None:
        """Write each sample as a picture into a new or empty folder."""
        with files.atomic_folder(path) as folder:
            for i in range(len(self)):
                picture = to_image(self.array[i]) if self.array.ndim == 4 else self.modality.picture(self.array[i : i + 1])
                (folder / f"{i:06d}.png").write_bytes(png(picture))

    def _repr_png_(self) -> bytes:
        """The picture, for a notebook."""
        return png(self.picture())
