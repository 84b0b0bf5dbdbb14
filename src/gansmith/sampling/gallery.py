"""Samples as an array that shows itself in a notebook and saves itself as an array, a picture or a folder of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gansmith.core import files
from gansmith.core.errors import RunError
from gansmith.data.modality import Modality
from gansmith.drawing.captions import name_rows
from gansmith.drawing.grids import png, to_image

if TYPE_CHECKING:
    from PIL.Image import Image


MAX_GRID = 10_000


@dataclass(frozen=True, eq=False)
class Gallery:
    """What a generator made: an array that shows itself in a notebook."""

    array: np.ndarray  # uint8 [N, H, W, C], or float32 [N, D] for points
    modality: Modality
    labels: np.ndarray | None = None  # int64 [N], the classes they were asked to be, in the numbers of the data
    columns: int | None = None  # of its picture; None: as square as it gets
    names: tuple[str, ...] = ()  # of its picture's rows

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(self, place: Any) -> Any:
        return self.array[place]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.array, dtype=dtype, copy=copy)

    def picture(self, columns: int | None = None) -> Image:
        columns = columns or self.columns
        picture = self.modality.picture(self.array, columns)
        return name_rows(picture, self.names) if columns == self.columns else picture

    def save(self, path: str | Path) -> Path:
        """Write everything as `x.npz` (the array under `images` or `points`), one picture `x.png`, or a folder of pictures.

        Labels go into the `x.npz` beside the array, under `labels`.

        Whole or not at all; the folder it goes into is made. Raises RunError for an ending or a path it can't write, or a
        folder that is not empty.
        """
        path = Path(path)
        if path.suffix == ".npz":
            files.make_parent(path)
            with files.atomic(path) as file:
                labels = {} if self.labels is None else {"labels": self.labels}
                np.savez(file, **{self.modality.key: self.array}, **labels)  # type: ignore[arg-type]
        elif path.suffix == ".png":
            if len(self) > MAX_GRID:
                raise RunError(f"{path}: a picture holds at most {MAX_GRID} samples, got {len(self):,}; use a folder or an .npz")
            files.make_parent(path)
            files.write(path, png(self.picture()))
        elif path.suffix == "":
            self._save_folder(path)
        else:
            raise RunError(f"can't write samples as {path.suffix!r} ({path}): use x.npz, x.png or a folder's name")
        return path

    def _save_folder(self, path: Path) -> None:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunError(f"{path} is there already and not an empty folder; choose another --out")
        with files.atomic_folder(path) as folder:
            for i in range(len(self)):
                picture = to_image(self.array[i]) if self.array.ndim == 4 else self.modality.picture(self.array[i : i + 1])
                (folder / f"{i:06d}.png").write_bytes(png(picture))

    def _repr_png_(self) -> bytes:
        return png(self.picture())
