"""What every data source hands over (`Samples`), what a source is (`Source`), and how much of it may be held in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from gansmith.core.errors import DataError

Split = Literal["train", "test"]


@dataclass(frozen=True, eq=False)
class Attribute:
    """What is true of each sample in one respect, such as whether a face wears glasses."""

    values: np.ndarray  # int64 [N], each in 0..len(names)-1
    names: tuple[str, ...]  # of the values

    def __getitem__(self, rows: np.ndarray | slice) -> Attribute:
        return Attribute(self.values[rows], self.names)

    @property
    def shares(self) -> np.ndarray:
        """How often each value occurs, float64 [len(names)], summing to 1."""
        return np.bincount(self.values, minlength=len(self.names)) / len(self.values)


@dataclass(frozen=True, eq=False)
class Samples:
    """One split of a data set, whole and in memory. Treat the arrays as read-only."""

    values: np.ndarray  # uint8 [N, C, H, W] images in 0..255, C in 1, 3, 4; or float32 [N, D] points
    labels: np.ndarray | None = None  # int64 [N], each >= 0
    classes: tuple[str, ...] | None = None  # the name of each label, where the source knows names
    num_skipped: int = 0  # bad files that were counted and left out
    categories: np.ndarray | None = (
        None  # int64 [N], what a recipe's condition sorted them into; no source sets this and the next
    )
    num_categories: int = 0
    attributes: Mapping[str, Attribute] = field(default_factory=dict)  # what else is known of each, by name

    def __len__(self) -> int:
        return len(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one sample: (C, H, W), or (D,)."""
        return tuple(int(n) for n in self.values.shape[1:])

    @property
    def num_classes(self) -> int:
        """How many classes there are, by their names or by the labels; 0 where there are no labels."""
        if self.classes is not None:
            return len(self.classes)
        return 0 if self.labels is None else int(self.labels.max()) + 1

    def __getitem__(self, rows: np.ndarray | slice) -> Samples:
        """Those of some numbers, in that order, with all that is known of them."""
        labels, categories = (None if known is None else known[rows] for known in (self.labels, self.categories))
        attributes = {name: attribute[rows] for name, attribute in self.attributes.items()}
        return replace(self, values=self.values[rows], labels=labels, categories=categories, attributes=attributes)


@runtime_checkable
class Source(Protocol):
    """Anything that can load a split: a component with one method. The same source always loads the same samples."""

    def load(self, split: Split = "train") -> Samples:
        """The samples of a split. Raises DataError (one line) where there is no such split or its data does not hold."""
        ...


Batches = Callable[[int, int, int], Samples]
"""(the run's seed, real images read so far, count) -> the next `count` samples; a function of these alone."""


@runtime_checkable
class Endless(Protocol):
    """A source that also makes training samples on the fly, more than are ever held: a run learns from these.

    What `load` gives is then there to look at, and its length is called an epoch.
    """

    def batches(self) -> Batches: ...


@runtime_checkable
class Repeats(Protocol):
    """A source that holds samples of another more than once, so that they are read more often.

    Scores hold against the other one: a sample's nearest neighbours mean nothing where they are itself.
    """

    @property
    def once(self) -> Source: ...


def check(samples: Samples, source: Source, method: str = "load") -> None:
    """What a source promises is what training relies on. Raises DataError naming the source and what came instead."""
    who = f"data source {type(source).__name__}"
    if not isinstance(samples, Samples):
        raise DataError(f"{who}: expected {method} to return Samples(values), got {_came(samples)}")
    values, labels = samples.values, samples.labels
    is_array = isinstance(values, np.ndarray)
    is_image = is_array and values.dtype == np.uint8 and values.ndim == 4 and values.shape[1] in (1, 3, 4)
    if not is_image and not (is_array and values.dtype == np.float32 and values.ndim == 2):
        raise DataError(
            f"{who}: expected a NumPy array of uint8 images [N, C, H, W] with C in 1, 3, 4, or of float32 points [N, D], "
            f"got {_came(values)}; convert it in {method}"
        )
    if not is_image and not np.isfinite(values).all():
        bad = int((~np.isfinite(values).all(axis=1)).argmax())
        raise DataError(f"{who}: expected finite points, got NaN or infinity in row {bad}; leave such rows out in {method}")
    for name, attribute in samples.attributes.items():
        _check_attribute(f"{who}: attribute {name!r}", attribute, len(values))
    if labels is None:
        return
    if not isinstance(labels, np.ndarray) or labels.dtype != np.int64 or labels.shape != (len(values),):
        wanted = f"labels int64 [{len(values)}], one a sample"
        raise DataError(f"{who}: expected {wanted}, got {_came(labels)}; convert them in {method}")


def check_batch(made: Samples, count: int, loaded: Samples, source: Source) -> None:
    """Likewise for what a source makes on the fly: as many as were asked for, each like those that were loaded."""
    check(made, source, "batches")
    wanted = f"{loaded.values.dtype} {[count, *loaded.shape]}, as many as are asked for and like those of load"
    if (len(made), *made.shape) != (count, *loaded.shape) or made.values.dtype != loaded.values.dtype:
        raise DataError(f"data source {type(source).__name__}: expected batches to make {wanted}, got {_came(made.values)}")


def _check_attribute(what: str, attribute: Attribute, count: int) -> None:
    values, most = attribute.values, len(attribute.names) - 1
    if not isinstance(values, np.ndarray) or values.dtype != np.int64 or values.shape != (count,):
        raise DataError(f"{what}: expected int64 [{count}], one a sample, got {_came(values)}; convert it in load")
    if values.min() < 0 or values.max() > most:
        raise DataError(f"{what}: expected 0 to {most}, got {values.min()} to {values.max()}; give each value a name")


def _came(value: object) -> str:
    """`ndarray of float32 [20, 1, 8, 8]`, or the name of its class alone where it has no shape."""
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"{type(value).__name__} of {getattr(value, 'dtype', '?')} {list(shape)}"


def existing(path: str, what: str) -> Path:
    """`path` with `~` resolved. Raises DataError where nothing is there; `what` is one of "file", "folder", "file or folder"."""
    found = Path(os.path.expanduser(path))
    try:
        found.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"no such {what}: {path}") from None
    except (OSError, ValueError) as error:
        raise DataError(cant_read(path, error)) from None
    return found


def cant_read(path: object, error: Exception) -> str:
    """The line for a file or folder that the system refuses to open."""
    reason = getattr(error, "strerror", None) or error
    hint = "; give yourself permission to read it" if isinstance(error, PermissionError) else ""
    return f"can't read {path}: {reason}{hint}"
