"""Labels of image files from a table: a CSV with the columns `file` and `label`."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from gansmith.core.errors import DataError
from gansmith.data.source import cant_read

COLUMNS = ("file", "label")


def labels_from(table: str, root: Path, everywhere: Iterable[Path]) -> dict[Path, str]:
    """The label of each image file that lies in `root`, by what the table says of it.

    Args:
        table: the CSV's path; one that is not there is looked for in `root`.
        root: the folder that the table's files are given from.
        everywhere: all image files there are, of either split.

    Raises DataError, one line, for a missing column, a file that is not there or comes twice, an image or a file without a label.
    """
    path = Path(os.path.expanduser(table))
    path = path if path.is_file() else root / table
    said = dict(_rows(path, root))
    files = set(everywhere)
    if strange := next((file for file in said if file not in files), None):
        num = sum(file not in files for file in said)
        others = f" (and {num - 1:,} others)" if num > 1 else ""
        message = f"{path} labels {_short(strange, root)}{others}, which is no image in {root}"
        raise DataError(f"{message}: mend the row, or add the image")
    if silent := sorted(files - said.keys()):
        others = f" (and {len(silent) - 1:,} others)" if len(silent) > 1 else ""
        raise DataError(f"{path} has no label for {_short(silent[0], root)}{others}: add a row, or take the image out of {root}")
    return said


def numbered(files: list[Path], said: dict[Path, str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """int64 [N] for these files, and the class names in sorted order, those of the other split too."""
    classes = tuple(sorted(set(said.values()), key=_in_order))
    number = {name: i for i, name in enumerate(classes)}
    return np.array([number[said[file]] for file in files], np.int64), classes


def _in_order(name: str) -> tuple[int, str]:
    """Numbers by their size, then words; no two names are alike, or a set's order would decide which class is which."""
    return (int(name) if name.isdecimal() else 2**63, name)


def _rows(path: Path, root: Path) -> Iterable[tuple[Path, str]]:
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
                    raise DataError(f"{path}, line {table.line_num}: the {what} is empty; fill it in, or take the line out")
                place = root / name
                if place in seen:
                    raise DataError(f"{path}, line {table.line_num}: {name} comes a second time; leave one line")
                seen.add(place)
                yield place, label
    except OSError as error:
        raise DataError(cant_read(path, error)) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is no CSV file in UTF-8 ({error}): save it again as one") from None
    if not seen:
        raise DataError(f"{path} labels nothing: expected a line for each image below its first line")


def _short(file: Path, root: Path) -> str:
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)
