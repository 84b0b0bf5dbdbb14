"""Labels of image files from a table: a CSV file with the columns `file` and `label`."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from gansmith.core.errors import DataError
from gansmith.core.formatting import listed, shell_word
from gansmith.core.user_input import opened, read_text
from gansmith.data.order import natural
from gansmith.data.source import Rules, cant_read

COLUMNS = ("file", "label")
MOST_NAMED = 5  # columns that a message names


def labels_from(table: str, root: Path, images: Iterable[Path], rules: Rules = 2) -> tuple[dict[Path, str], list[str]]:
    """Read the label of each image file from a table. Returns the labels, and a note on columns that are not used.

    Args:
        table: path of the CSV file; if it does not exist, a file of this name in `root`.
        root: the folder that the table's file names are relative to.
        images: all image files of the data set, of both splits.
        rules: 1 takes the first of two tables that `table` may mean, and says nothing of columns.

    Raises:
        DataError: a missing column, a file that does not exist or appears twice, an image without a row, an empty label,
            or two tables that `table` may mean.
    """
    path, inside = Path(os.path.expanduser(table)), root / table
    path = path if os.path.exists(path) else inside
    if rules == 2 and os.path.exists(inside) and not os.path.samefile(path, inside):
        raise DataError(
            f"{table} is both a file here and a file in {root}: write ./{table} for the one, or {inside} for the other"
        )
    names, rows = _table(path)
    labels = dict(_rows(path, names, rows, root))
    unused = [name for name in names if name and name not in COLUMNS] if rules == 2 else []
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
    return labels, [f"{path}: columns that are not used: {listed(unused, MOST_NAMED)}"] if unused else []


def unused_tables(folder: Path) -> list[str]:
    """A note on each table in a folder that could give the labels: `labels.csv`, or a CSV file that names the two columns."""
    names = sorted(name for name in os.listdir(folder) if name.lower().endswith(".csv") and not name.startswith("."))
    tables = [name for name in names if name.lower() == "labels.csv" or _names_columns(folder / name)]
    return [
        f"{folder / name} is not used: to take the classes from it, set {shell_word(f'data.labels={name}')}" for name in tables
    ]


def _names_columns(path: Path) -> bool:
    """Whether the first line of a file names both columns. A file that can't be read does not, as the user did not name it."""
    try:
        with opened(path) as file:
            line = file.readline(4096).decode("utf-8-sig")
        return {*COLUMNS} <= {name.strip() for name in next(csv.reader([line]), ())}
    except (OSError, ValueError, csv.Error):
        return False


def numbered(files: list[Path], labels: dict[Path, str], rules: Rules = 2) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels int64 [N] of these files, and the class names of both splits in natural order."""
    classes = tuple(sorted(set(labels.values()), key=natural if rules == 2 else _in_order))
    number = {name: i for i, name in enumerate(classes)}
    return np.array([number[labels[file]] for file in files], np.int64), classes


def _in_order(name: str) -> tuple[int, str]:
    """Sort key of a class name by rule 1: numbers by value, then words. Keys are unique, so a set's order does not matter."""
    return (int(name) if name.isdecimal() else 2**63, name)


def _table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The names of the columns of a CSV file, and its other rows, each with its line. Raises DataError for another file."""
    try:
        reader = csv.reader(io.StringIO(read_text(path, "utf-8-sig"), newline=""))
        names = [name.strip() for name in next(reader, ())]
        return names, [(reader.line_num, row) for row in reader if row]
    except OSError as error:
        raise DataError(cant_read(path, error)) from None
    except (ValueError, csv.Error) as error:
        raise DataError(f"{path} is no CSV file in UTF-8 ({error}): save it again as one") from None


def _rows(path: Path, names: list[str], rows: list[tuple[int, list[str]]], root: Path) -> Iterable[tuple[Path, str]]:
    """(file, label) of each row of a table. Raises DataError as `labels_from` does."""
    for column in COLUMNS:
        if column not in names:
            found = listed(names, MOST_NAMED) if names else "nothing"
            raise DataError(f"{path} has no column {column!r}: its first line must name file and label, it names {found}")
    if not rows:
        raise DataError(f"{path} has no rows: expected one for each image, below the line of column names")
    seen: set[Path] = set()
    for line, row in rows:
        name, label = (dict(zip(names, row, strict=False)).get(column, "").strip() for column in COLUMNS)
        if not name or not label:
            what = "file" if not name else "label"
            raise DataError(f"{path}, line {line}: the {what} is empty; fill it in, or remove the line")
        place = root / name
        if place in seen:
            raise DataError(f"{path}, line {line}: {name} appears twice; remove one of the lines")
        seen.add(place)
        yield place, label


def _short(file: Path, root: Path) -> str:
    """A path relative to `root`, if it is inside."""
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)
