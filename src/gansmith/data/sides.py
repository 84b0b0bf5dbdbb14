"""Two sides of images, A and B: where they lie, which splits they have, and which part a name belongs to where there is no split.

Layouts of one folder: `A/` and `B/`, or `trainA/`, `trainB/`, `testA/`, `testB/`. Or two folders. Inside of a side, `train/`,
`val/` and `test/` are the splits, as in a folder of images.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from gansmith.core.errors import DataError
from gansmith.core.formatting import listed
from gansmith.core.user_input import opened
from gansmith.data.folder import Folder, Half, ReadImages
from gansmith.data.image_files import BadImage
from gansmith.data.layout import SPLIT_NAMES, Layout, has_images, list_images, splits_of, subfolders
from gansmith.data.source import cant_read, existing

if TYPE_CHECKING:
    from gansmith.data.pairs import Pairs
    from gansmith.data.unpaired import Unpaired

Part = Literal["train", "validation", "test"]
Direction = Literal["AtoB", "BtoA"]
"""Which side is the source: A, which is the first folder or the left half, or B."""

Stems = dict[str, Path]
"""Image files by their path in their folder, without the ending."""

_SHARE = 0.1  # of the names, for each part that has no folder of its own
LEAST = 4  # names that can be divided into three parts


@dataclass(frozen=True)
class Sides:
    """The folders of side A, and of side B where it has its own, by split: train, and val and test where they exist."""

    first: dict[str, Path]
    second: dict[str, Path] | None  # None: each image holds both sides

    def place_of(self, part: Part) -> tuple[str, tuple[Part, ...]]:
        """The split that a part lies in, and the parts that are divided by their names there.

        As in a folder of images, `val` is the test split where there is no `test`.
        """
        own = [name for name in ("test", "val") if name in self.first]
        folders: dict[Part, str] = {}
        if own:
            folders["test"] = own[0]
        if len(own) == 2:
            folders["validation"] = own[1]
        others: tuple[Part, ...] = ("validation", "test")
        return folders.get(part, "train"), () if part in folders else tuple(name for name in others if name not in folders)

    def layouts(self, split: str) -> tuple[Layout, Layout]:
        """The layouts of A and B for a split; twice the same where each image holds both."""
        second = self.second or self.first
        return Layout(self.first[split], tuple(self.first.values())), Layout(second[split], tuple(second.values()))

    def note(self) -> str | None:
        """A sentence on which folders are which part; None without such folders."""
        if len(self.first) == 1:
            return None
        parts: dict[Part, str] = {"train": "training", "validation": "validation", "test": "test"}
        places = {part: self.place_of(part) for part in parts}
        with_folder = {part: self.first[split] for part, (split, divided) in places.items() if part not in divided}
        return listed([f"{folder.name} is the {parts[part]} split" for part, folder in with_folder.items()])


def sides_of(path: str, other: str | None) -> Sides:
    """The sides in a folder, or in two folders.

    Raises DataError for a folder that does not exist, two that are the same, splits that only one side has, or two subfolders
    whose names do not say which is the source.
    """
    first = _folder(path)
    if other is not None:
        return _together(first, _folder(other))
    if lettered := _lettered(first):
        return lettered
    a, b = _letters(first)
    if a is not None and b is not None:
        return _together(a, b)
    splits = splits_of(first)
    places = [] if splits else [place for place in subfolders(first) if has_images(place)]
    if len(places) == 2 and set(stems_of(places[0])) & set(stems_of(places[1])):
        names = f"{places[0]},{places[1]}"
        raise DataError(
            f"{first} holds two folders, {places[0].name} and {places[1].name}: name the source first, as in pairs:{names}"
        )
    return Sides(splits or {"train": first}, None)


def has_sides(folder: Path) -> str | None:
    """How a folder names two sides, `A and B` or `trainA and trainB`; None if it does not."""
    if _lettered(folder, strict=False):
        return "trainA and trainB"
    a, b = _letters(folder)
    others = [place for place in subfolders(folder) if place not in (a, b)]
    return "A and B" if a and b and not others and has_images(a) and has_images(b) else None


def same_names(folder: Path) -> bool:
    """Whether every image of side A has one of the same name in side B, and the other way round."""
    try:
        sides = sides_of(str(folder), None)
        assert sides.second is not None
        return all(set(stems_of(sides.first[k])) == set(stems_of(sides.second[k])) for k in sides.first)
    except DataError:
        return False


def _folder(path: str) -> Path:
    """The folder at a path. Raises DataError if there is none."""
    folder = existing(path, "folder")
    if not folder.is_dir():
        raise DataError(f"{path} is a file: expected a folder of images")
    return folder


def _together(first: Path, second: Path) -> Sides:
    """Two folders as the sides. Raises DataError if they are the same, or have different splits."""
    if os.path.realpath(first) == os.path.realpath(second):
        raise DataError(f"{first} is given as both sides: name the folder of the source images, then that of the others")
    one, two = splits_of(first), splits_of(second)
    if set(one) != set(two):
        have = [f"{place} has {listed(sorted(splits)) if splits else 'none'}" for place, splits in ((first, one), (second, two))]
        raise DataError(f"the splits differ, {' and '.join(have)}: give both folders the same subfolders")
    return Sides(one or {"train": first}, two or {"train": second})


def _letters(folder: Path) -> tuple[Path | None, Path | None]:
    """The subfolders A and B of a folder, in either case."""
    found = {place.name.upper(): place for place in subfolders(folder)}
    return found.get("A"), found.get("B")


def _lettered(folder: Path, *, strict: bool = True) -> Sides | None:
    """The sides of a folder with subfolders such as trainA and trainB; None without these two.

    Raises DataError, if `strict`, where a split has one side only.
    """
    kinds = {name: kind for kind, names in SPLIT_NAMES.items() for name in names}
    found: dict[str, dict[str, Path]] = {"A": {}, "B": {}}
    for place in subfolders(folder):
        letter, kind = place.name[-1:].upper(), kinds.get(place.name[:-1].rstrip("_-").lower())
        if letter in found and kind is not None:
            found[letter][kind] = place
    if not all("train" in side for side in found.values()):
        return None
    alone = [*(set(found["A"]) ^ set(found["B"]))]
    if alone and strict:
        place = found["A"].get(alone[0]) or found["B"][alone[0]]
        raise DataError(f"{place} has no folder of the other side: expected one whose name ends in A and one in B")
    in_order = [{kind: side[kind] for kind in SPLIT_NAMES if kind in side} for side in found.values()]
    return Sides(*in_order)


# ------------------------------------------------------------------------------------------------- names and contents


def stems_of(root: Path) -> Stems:
    """The images in a folder by their names without the ending. Raises DataError for none, or two of one name."""
    stems: Stems = {}
    for file in list_images(root):
        stem = file.relative_to(root).with_suffix("").as_posix()
        if stem in stems:
            names = f"{stems[stem].name} and {file.name}"
            raise DataError(f"{file.parent} has two images of one name, {names}: expected one for each name; move one away")
        stems[stem] = file
    return stems


def rows_by_name(names: Sequence[str], divided: Sequence[Part], what: str) -> dict[Part, np.ndarray]:
    """The rows of each part, int64 ascending: about a tenth of the names for each of the `divided` parts, the rest for training.

    A hash of its name decides, so more images change nothing for those that were there. Each part gets one at least, and at most
    a quarter. Raises DataError, naming `what` is divided, if there are fewer than 4.
    """
    if divided and len(names) < LEAST:
        wanted = listed(divided)
        raise DataError(f"{what} has {len(names):,}: expected at least {LEAST}, to keep some for {wanted}; add more")
    places = np.array([int.from_bytes(hashlib.sha256(name.encode("utf-8", "replace")).digest()[:6], "big") for name in names])
    places = places / 2.0**48
    order = np.argsort(places, kind="stable")
    free = np.ones(len(names), bool)
    rows: dict[Part, np.ndarray] = {}
    for part in divided:
        start = 0.0 if part == "test" else _SHARE  # a part is the same whether or not the other one has a folder
        inside = [row for row in order if free[row] and start <= places[row] < start + _SHARE]
        if not inside:
            inside = [next(row for row in order[::-1] if free[row])]
        rows[part] = np.sort(inside[: max(1, len(names) // LEAST)])
        free[rows[part]] = False
    return {**rows, "train": np.flatnonzero(free)}


def all_equal(pairs: Sequence[tuple[Path, Path]]) -> bool:
    """Whether the two files of every pair have the same content. Stops at the first that differ."""
    return bool(pairs) and all(digest_of(one) == digest_of(other) for one, other in pairs)


def digest_of(file: Path) -> str:
    """SHA-256 of a file's content. Raises DataError for a file that can't be read."""
    try:
        with opened(file) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    except OSError as error:
        raise DataError(cant_read(file, error)) from None


# ------------------------------------------------------------------------------------------------- settings of a side


def read_side(
    settings: Pairs | Unpaired, side: int, files: Sequence[Path], layout: Layout, half: Half | None = None
) -> ReadImages:
    """Read files of side A (0) or B (1) with its settings; of each image one `half`, if it is given.

    Raises DataError as a folder of images does. Errors and notes name the settings as they are called for this side.
    """
    is_source = (side == 0) == (settings.direction == "AtoB")
    channels, range_ = (settings.source_channels, settings.source_range) if is_source else (settings.channels, settings.range)
    folder = Folder(str(layout.root), settings.size, settings.fit, channels, None, settings.skip_bad, range_)
    try:
        read = folder.read(files, layout, half)
    except BadImage:
        raise
    except DataError as error:
        raise DataError(_named_for(str(error), is_source)) from None
    return dataclasses.replace(read, notes=tuple(_named_for(note, is_source) for note in read.notes))


def _named_for(text: str, is_source: bool) -> str:
    """A message of a folder, with the names that its settings have for source images."""
    if not is_source:
        return text
    return text.replace("data.channels", "data.source_channels").replace("data.range", "data.source_range")
