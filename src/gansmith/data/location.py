"""Where data are, and which data they are: the path inside a source, and the digest of loaded samples."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gansmith.core.errors import DataError
from gansmith.data.named import PREFIXES, display_name, find_source
from gansmith.data.source import Samples, Source


def digest_of_samples(*parts: Samples | None, whole: str = "") -> str:
    """SHA-256 of the values, labels and source images of some splits in order, 64 hexadecimal digits.

    `whole` is the digest of the data that the splits are a part of.
    """
    digest = hashlib.sha256(whole.encode())
    for part in parts:
        for array in () if part is None else (part.values, part.labels, part.source_images):
            if array is not None:
                digest.update(f"{array.dtype} {array.shape};".encode())
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def path_of(source: Source) -> str | None:
    """The path that a source reads, also inside sources that select or repeat samples; None for data without a path."""
    found: list[str] = []
    _with_path(source, lambda path: found.append(path) or path)  # type: ignore[func-returns-value]
    return found[0] if found else None


def moved(source: Source, path: str) -> Source:
    """The same source with the same settings, read from another path. Raises DataError for data without a path."""
    old = path_of(source)
    if old is None:
        raise DataError(f"{display_name(source)} has no path of its own, so it can't be read from {path}: leave out --data")

    new, target = path, None
    if path.partition(":")[0] in PREFIXES and not os.path.exists(path):  # as on the command line, with both folders
        named = find_source(path)
        new, target = path_of(named) or path, getattr(named, "target", None)

    def follow(labels: str) -> str:
        """The table of labels moves along where it lies in the folder."""
        inside = os.path.relpath(_absolute(labels), _absolute(old or ""))
        return labels if inside.startswith(os.pardir) or os.sep not in labels else os.path.join(new, inside)

    def beside(other: str) -> str:
        """The second folder of two moves along, if it is there; else it stays."""
        place = os.path.normpath(os.path.join(_absolute(new), os.path.relpath(_absolute(other), _absolute(old or ""))))
        return target or (place if os.path.isdir(place) and not same_path(place, other) else other)

    made: Source = _with_path(source, lambda _: new, {"labels": follow, "target": beside})
    return made


def same_path(one: str | None, other: str | None) -> bool:
    """Whether two paths lead to the same place, seen from the working directory."""
    return one == other or (one is not None and other is not None and _absolute(one) == _absolute(other))


def from_folder(path: str, folder: Path) -> str:
    """A path as seen from `folder`, or absolute where they share no root."""
    try:
        return os.path.relpath(_absolute(path), os.path.realpath(folder))
    except ValueError:  # another drive
        return _absolute(path)


def located(source: Source, folder: Path, seen_from_folder: str | None) -> Source:
    """A source whose path is found from any working directory.

    `seen_from_folder` is what `from_folder` gave for the path. Where nothing is there, the source's own path stays.
    """
    path = path_of(source)
    if path is None or seen_from_folder is None:
        return source
    place = os.path.normpath(os.path.join(os.path.realpath(folder), seen_from_folder))
    if same_path(path, place) or not os.path.exists(place) or (os.path.isabs(path) and os.path.exists(path)):
        return source
    return moved(source, place)


def _absolute(path: str) -> str:
    try:
        return os.path.realpath(os.path.expanduser(path))
    except (OSError, ValueError):  # no path at all: loading says so
        return path


def _with_path(source: Any, change: Callable[[str], str], others: Mapping[str, Callable[[str], str]] = {}) -> Any:
    """A source with a changed path, at any depth, and with changed `others`: fields that hold further paths."""
    if not dataclasses.is_dataclass(source) or isinstance(source, type):
        return source
    values = {field.name: getattr(source, field.name) for field in dataclasses.fields(source) if field.init}
    if isinstance(values.get("path"), str):
        changed = {"path": change(values["path"])}
        changed |= {name: move(values[name]) for name, move in others.items() if isinstance(values.get(name), str)}
    else:
        changed = {name: _with_path(value, change, others) for name, value in values.items()}
    return source if all(values[name] == value for name, value in changed.items()) else dataclasses.replace(source, **changed)
