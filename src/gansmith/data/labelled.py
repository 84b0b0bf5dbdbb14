"""Labels of image files from a table: a CSV file with the columns `file` and `label`."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from gansmith.core.errors import DataError
from gansmith.data.source import cant_read

COLUMNS = ("file", "label")


def labels_from(table: str, root: Path, images: Iterable[Path]) -> dict[Path, str]:
    """Read the label of each image file from a table.

    Args:
        table: path of the CSV file; if it does not exist, a file of this name in `root`.
        root: the folder that the table's file names are relative to.
        images: all image files of the data set, of both splits.

    Raises:
        DataError: a missing column, a file that does not exist or appears twice, an image without a row, an empty label.
    """
    path = Path(os.path.expanduser(table))
    path = path if path.is_file() else root / table
    labels = dict(_rows(path, root))
    files = set(images)
    if missing := next((file for file in labels if file not in files), None):
        num = sum(file not in files for file in labels)
        more = f" (and {num - 1:,} more)" if num > 1 else ""
        message = f"{path} labels {_short(missing, root)}{more}, which is no image in {root}"
        raise DataError(f"{message}: correct the row, or add the image")
    if unlabelled := sorted(files - labels.keys()):
        more = f" (and {len(unlabelled) - 1:,} more)" if len(unlabelled) > 1 else ""
        raise DataError(
            f"{path} has no label for {_short(unlabelled[0], root)}{more}: add a row, or remove the image from {root}"
        )
    return labels


def numbered(files: list[Path], labels: dict[Path, str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels int64 [N] of these files, and the class names of both splits in sorted order."""
    classes = tuple(sorted(set(labels.values()), key=_in_order))
    number = {name: i for i, name in enumerate(classes)}
    return np.array([number[labels[file]] for file in files], np.int64), classes


def _in_order(name: str) -> tuple[int, str]:
    """Sort key of a class name: numbers by value, then words. Keys are unique, so the order of a set does not matter."""
    return (int(name) if name.isdecimal() else 2**63, name)


def _rows(path: Path, root: Path) -> Iterable[tuple[Path, str]]:
    """(file, label) of each row of the table. Raises DataError as `labels_from` does."""
    seen: set[Path] = set()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            names = [name.strip() for name in table.fieldnames or ()]
            table.fieldnames = names
            for column in COLUMNS:
                if column not in names:
                    found = ", ".join(names) or "nothing"
                    raise DataError(f"{path} has no column {column!r}: its first line must name file and label, it names {found}")
            for row in table:
                name, label = ((row[column] or "").strip() for column in COLUMNS)
                if not name or not label:
                    what = "file" if not name else "label"
                    raise DataError(f"{path}, line {table.line_num}: the {what} is empty; fill it in, or remove the line")
                place = root / name
                if place in seen:
                    raise DataError(f"{path}, line {table.line_num}: {name} appears twice; remove one of the lines")
                seen.add(place)
                yield place, label
    except OSError as error:
        raise DataError(cant_read(path, error)) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no CSV file in UTF-8 ({error}): save it again as one") from None
    if not seen:
        raise DataError(f"{path} has no rows: expected one for each image, below the line of column names")


def _short(file: Path, root: Path) -> str:
    """A path relative to `root`, if it is inside."""
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)
