"""The layout of a folder of images: its splits, its image files, and the classes that its subfolders name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gansmith.core.errors import DataError
from gansmith.core.formatting import listed
from gansmith.data.image_files import SUFFIXES
from gansmith.data.order import natural
from gansmith.data.source import Rules, Split, cant_read, existing

# The names of a split's folder in lower case: the usual ones, those of torchvision and Keras, and of data sets on Kaggle.
SPLIT_NAMES = {
    "train": ("train", "training", "train_set", "training_set"),
    "val": ("val", "valid", "validation", "dev", "val_set", "valid_set", "validation_set"),
    "test": ("test", "testing", "test_set", "testing_set"),
}


@dataclass(frozen=True)
class Layout:
    """The folders of a folder of images."""

    root: Path  # of the split that is loaded
    class_roots: tuple[Path, ...]  # of all splits, whose subfolders are the classes, so that labels agree
    notes: tuple[str, ...] = ()  # which splits were found


def layout_of(path: str, split: Split, rules: Rules) -> Layout:
    """The layout of a folder of images.

    Raises:
        DataError: no such folder or split, or two folders for one split.
    """
    folder = existing(path, "folder")
    if not folder.is_dir():
        raise DataError(f"{path} is a file: expected a folder of images")
    splits = splits_of(folder) if rules == 2 else _first_splits(folder)
    test = splits.get("test", splits.get("val"))
    if "train" in splits and (test is not None or split == "train"):
        notes = _notes(folder, splits) if rules == 2 else ()
        return Layout(splits["train"] if split == "train" or test is None else test, tuple(splits.values()), notes)
    if split == "test":
        raise DataError(f"{path} has no test split: expected the subfolders train and test in it")
    return Layout(folder, (folder,))


def _first_splits(folder: Path) -> dict[str, Path]:
    """The splits by rule 1: the subfolders train and test, if both exist."""
    splits = {name: folder / name for name in ("train", "test")}
    return splits if all(place.is_dir() for place in splits.values()) else {}


def splits_of(folder: Path) -> dict[str, Path]:
    """The folders of the splits by their names; empty unless each subfolder with images is one, and one is for training.

    Raises DataError if two folders are for one split.
    """
    kinds = {name: kind for kind, names in SPLIT_NAMES.items() for name in names}
    places = subfolders(folder)
    if not any(kinds.get(place.name.lower()) == "train" for place in places):
        return {}
    splits: dict[str, Path] = {}
    for place in filter(has_images, places):
        kind = kinds.get(place.name.lower())
        if kind is None:
            return {}
        if kind in splits:
            both = f"{splits[kind].name} and {place.name}"
            raise DataError(f"{folder} has two folders for the {kind} split, {both}: join them, or move one away")
        splits[kind] = place
    return {kind: splits[kind] for kind in SPLIT_NAMES if kind in splits} if "train" in splits else {}


def subfolders(folder: Path) -> list[Path]:
    """The visible subfolders of a folder, sorted. Raises DataError if the folder can't be read."""
    try:
        return sorted(place for place in folder.iterdir() if _is_visible(place.name) and place.is_dir())
    except OSError as error:
        raise DataError(cant_read(folder, error)) from None


def _notes(folder: Path, splits: dict[str, Path]) -> tuple[str, ...]:
    """Notes on the splits that were found."""
    names = {kind: place.name for kind, place in splits.items()}
    test = next((names[kind] for kind in ("test", "val") if kind in names), None)
    parts = [f"{names['train']} is the training split", f"{test} is the test split" if test else "there is no test split"]
    parts += [f"{names['val']} is not used"] if len(names) == 3 else []
    parts += ["images outside of these folders are not used"] if any(map(_is_image, os.listdir(folder))) else []
    return (f"{folder}: {listed(parts)}",)


# ---------------------------------------------------------------------------------------------------- files


def list_images(root: Path) -> list[Path]:
    """The image files in a folder and its subfolders, sorted. Links are followed; each folder is visited once.

    Raises:
        DataError: no images, or an unreadable folder.
    """

    files: list[Path] = []
    num_others = 0
    for folder, names in _folders(root):
        images = [name for name in names if _is_image(name)]
        num_others += len(names) - len(images)
        files += [Path(folder, name) for name in images]
    if not files:
        raise DataError(f"{root} has no images: expected files ending in {' '.join(SUFFIXES)}, found {num_others:,} other files")
    return sorted(files)


def has_images(root: Path) -> bool:
    """Whether an image file is in a folder or its subfolders. Raises DataError for an unreadable folder."""
    return any(_is_image(name) for _, names in _folders(root) for name in names)


def _folders(root: Path) -> Iterator[tuple[str, list[str]]]:
    """(folder, names of its files) of a folder and its visible subfolders. Links are followed; each folder is visited once."""

    def refuse(error: OSError) -> None:
        raise DataError(cant_read(error.filename, error))

    seen: set[str] = set()
    for folder, subfolders, names in os.walk(root, onerror=refuse, followlinks=True):
        seen.add(os.path.realpath(folder))
        # os.walk continues with this list; without the check a link to a parent folder would never end.
        subfolders[:] = sorted(s for s in subfolders if _is_visible(s) and os.path.realpath(os.path.join(folder, s)) not in seen)
        yield folder, names


def _is_image(name: str) -> bool:
    """Whether a file's name is that of a visible image."""
    return _is_visible(name) and name.lower().endswith(SUFFIXES)


def _is_visible(name: str) -> bool:
    """Whether a file or folder is not hidden and not macOS's archive metadata."""
    return not name.startswith(".") and name != "__MACOSX"


# ---------------------------------------------------------------------------------------------------- classes


def labels_by_folder(files: list[Path], layout: Layout, rules: Rules) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Labels int64 [N] and class names from first-level subfolders; (None, None) if a file lies outside them."""
    places = [file.relative_to(layout.root).parts for file in files]
    if any(len(place) == 1 for place in places):
        return None, None
    # All files, unreadable ones too: the labels are equal in both splits, whichever files are skipped.
    everywhere = (file.relative_to(root).parts for root in layout.class_roots for file in list_images(root))
    names = {place[0] for place in everywhere if len(place) > 1}
    classes = tuple(sorted(names, key=natural if rules == 2 else None))
    number = {name: i for i, name in enumerate(classes)}
    return np.array([number[place[0]] for place in places], np.int64), classes
