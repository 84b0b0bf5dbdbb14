"""The interface of data sources: `Source`, the `Samples` it loads, optional protocols, and the checks on both."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from gansmith.core.errors import DataError
from gansmith.core.formatting import plain

Split = Literal["train", "test"]

MAX_CHANNELS = 16  # of source images, as of satellites

Rules = Literal[1, 2]
"""How files are read; the largest number is the present way. A stored recipe without the number has 1."""


@dataclass(frozen=True, eq=False)
class Attribute:
    """One annotation of every sample, such as whether a face wears glasses."""

    values: np.ndarray  # int64 [N], each in 0..len(names)-1
    names: tuple[str, ...]  # of the values

    def __getitem__(self, rows: np.ndarray | slice) -> Attribute:
        """The annotation of the selected samples."""
        return Attribute(self.values[rows], self.names)

    @property
    def shares(self) -> np.ndarray:
        """Relative frequency of each value, float64 [len(names)]; the sum is 1."""
        return np.bincount(self.values, minlength=len(self.names)) / len(self.values)


@dataclass(frozen=True, eq=False)
class Samples:
    """One split of a data set, held in memory. Treat the arrays as read-only."""

    values: np.ndarray  # uint8 [N, C, H, W] images in 0..255, C in 1, 3, 4; or float32 [N, D] points
    labels: np.ndarray | None = None  # int64 [N], each >= 0
    classes: tuple[str, ...] | None = None  # the name of each label, if the source has names
    num_skipped: int = 0  # unreadable files that were left out
    has_units: bool = False  # whether columns of points are in units of their own; training then standardises them
    # int64 [N], the category of each sample under a recipe's condition. Set by `conditions.with_categories`, not by sources.
    categories: np.ndarray | None = None
    num_categories: int = 0  # set together with `categories`
    attributes: Mapping[str, Attribute] = field(default_factory=dict)  # further annotations, by name
    # uint8 [N, C, H, W] in 0..255, C in 1 to 16: the source image of each sample, which a translator turns into it
    source_images: np.ndarray | None = None
    is_paired: bool = True  # whether a sample is what its source image should become, or the two are independent
    notes: tuple[str, ...] = ()  # how the files were read: what was cropped, scaled or left out, one sentence each

    def __post_init__(self) -> None:
        """Make each class name a line of text: the name of a folder may hold line ends, or bytes that are no text."""
        if self.classes is not None:
            object.__setattr__(self, "classes", tuple(plain(str(name), most=1000) for name in self.classes))

    def __len__(self) -> int:
        """Number of samples N."""
        return len(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: (C, H, W) or (D,)."""
        return tuple(int(n) for n in self.values.shape[1:])

    @property
    def num_classes(self) -> int:
        """Number of classes: the number of class names, else the largest label plus 1; 0 without labels."""
        if self.classes is not None:
            return len(self.classes)
        return 0 if self.labels is None else int(self.labels.max()) + 1

    @property
    def source_shape(self) -> tuple[int, ...]:
        """Shape of one source image, (C, H, W); empty without source images."""
        return () if self.source_images is None else tuple(int(n) for n in self.source_images.shape[1:])

    def __getitem__(self, rows: np.ndarray | slice) -> Samples:
        """The samples at the given indices, in that order, with all that belongs to them."""
        arrays = {name: getattr(self, name) for name in ("values", "labels", "categories", "source_images")}
        picked: dict[str, Any] = {name: None if array is None else array[rows] for name, array in arrays.items()}
        attributes = {name: attribute[rows] for name, attribute in self.attributes.items()}
        return replace(self, **picked, attributes=attributes)


@runtime_checkable
class Source(Protocol):
    """A data set. Equal sources always load equal samples."""

    def load(self, split: Split = "train") -> Samples:
        """Load one split. Raises DataError with a one-line message if the split does not exist or its files are damaged."""
        ...


# ------------------------------------------------------------------------- optional capabilities of a source


Batches = Callable[[int, int, int], Samples]
"""(seed of the run, number of real samples read so far, count) -> the next `count` samples, as a pure function of the three."""


@runtime_checkable
class Endless(Protocol):
    """A source that generates training samples on the fly, without end. Training reads `batch_maker` instead of `load`.

    `load` gives a fixed selection for display and evaluation. Its length counts as one epoch.
    """

    def batch_maker(self) -> Batches:
        """A function that makes the batch at any position of the training."""
        ...


@runtime_checkable
class Derived(Protocol):
    """A source that selects, repeats or crops samples of another source, and keeps their classes.

    It keeps their shape as well, unless it `Reshapes` them.
    """

    @property
    def base_source(self) -> Source:
        """The source that the samples come from."""
        ...


@runtime_checkable
class Reshapes(Derived, Protocol):
    """A derived source whose samples have another shape than those of its base."""

    def new_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of its samples, for samples of the base of this shape."""
        ...


@runtime_checkable
class Repeats(Protocol):
    """A source that holds some samples more than once, so that training reads them more often.

    Evaluation uses `without_repeats`, because among copies the nearest neighbours mean nothing.
    """

    @property
    def without_repeats(self) -> Source:
        """The source with each sample once."""
        ...


@runtime_checkable
class Validated(Protocol):
    """A source that keeps samples for validation apart: training does not read them, and no reported score uses them.

    Scores during training use them, and so they choose the best checkpoint. Without this, a slice of the training split serves.
    """

    def validation(self) -> Samples:
        """The validation samples. Raises DataError as `load` does."""
        ...


@runtime_checkable
class KnownShape(Protocol):
    """A source that knows the shape of its training split without loading it."""

    @property
    def train_shape(self) -> tuple[int, ...]:
        """(N, C, H, W) or (N, D), equal to `load().values.shape`."""
        ...


@runtime_checkable
class KnownClasses(Protocol):
    """A source that knows its number of classes without loading them."""

    @property
    def num_classes(self) -> int:
        """Number of classes, equal to `load().num_classes`; 0 without labels."""
        ...


@runtime_checkable
class KnownExtractor(Protocol):
    """A source with a feature extractor of its own, trained on its classes."""

    @property
    def extractor(self) -> str:
        """Name of the extractor, such as `lenet-mnist`."""
        ...


def base_source(source: Source) -> Source:
    """The data set behind sources that select or repeat samples, such as `Rare` and `Balanced`; else the source itself."""
    while isinstance(source, Derived):
        source = source.base_source
    return source


# ------------------------------------------------------------------------------------------------------------- checks


def check(samples: Samples, source: Source, method: str = "load") -> None:
    """Check the result of a source's `load` or `batch_maker` before training uses it.

    Raises:
        DataError: wrong type, dtype or shape, non-finite points, wrong labels or attributes. It names the source and the value.
    """
    who = f"data source {type(source).__name__}"
    if not isinstance(samples, Samples):
        raise DataError(f"{who}: expected {method} to return Samples(values), got {_description(samples)}")
    values, labels = samples.values, samples.labels
    is_array = isinstance(values, np.ndarray)
    is_image = is_array and values.dtype == np.uint8 and values.ndim == 4 and values.shape[1] in (1, 3, 4)
    if not is_image and not (is_array and values.dtype == np.float32 and values.ndim == 2):
        raise DataError(
            f"{who}: expected a NumPy array of uint8 images [N, C, H, W] with C in 1, 3, 4, or of float32 points [N, D], "
            f"got {_description(values)}; convert it in {method}"
        )
    if not is_image and not np.isfinite(values).all():
        bad = int((~np.isfinite(values).all(axis=1)).argmax())
        raise DataError(f"{who}: expected finite points, got NaN or infinity in row {bad}; leave such rows out in {method}")
    _check_source_images(who, samples)
    for name, attribute in samples.attributes.items():
        _check_attribute(f"{who}: attribute {name!r}", attribute, len(values))
    if labels is None:
        return
    if not isinstance(labels, np.ndarray) or labels.dtype != np.int64 or labels.shape != (len(values),):
        wanted = f"labels int64 [{len(values)}], one per sample"
        raise DataError(f"{who}: expected {wanted}, got {_description(labels)}; convert them in {method}")


def _check_source_images(who: str, samples: Samples) -> None:
    """Raise DataError unless the source images, if there are any, are uint8 [N, C, H, W] with C in 1 to 16."""
    images, count = samples.source_images, len(samples)
    if images is None:
        return
    is_array = isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.ndim == 4
    if not is_array or len(images) != count or not 1 <= images.shape[1] <= MAX_CHANNELS:
        wanted = f"source_images uint8 [{count}, C, H, W] with C in 1 to {MAX_CHANNELS}, one per sample"
        raise DataError(f"{who}: expected {wanted}, got {_description(images)}; convert them in load")


def check_batch(batch: Samples, count: int, loaded: Samples, source: Source) -> None:
    """Check a batch of an `Endless` source: `count` samples with the shape and dtype of the `loaded` ones. Raises DataError."""
    check(batch, source, "batch_maker")
    wanted = f"{loaded.values.dtype} {[count, *loaded.shape]}, the requested number and the shape that load gives"
    who = f"data source {type(source).__name__}"
    if (len(batch), *batch.shape) != (count, *loaded.shape) or batch.values.dtype != loaded.values.dtype:
        raise DataError(f"{who}: expected batch_maker to make {wanted}, got {_description(batch.values)}")
    if batch.source_shape != loaded.source_shape:
        shapes = f"source images {list(loaded.source_shape)}, the shape that load gives, got {list(batch.source_shape)}"
        raise DataError(f"{who}: expected batch_maker to make {shapes}")


def _check_attribute(what: str, attribute: Attribute, count: int) -> None:
    """Raise DataError unless the values are int64 [count] and each has a name."""
    values, largest = attribute.values, len(attribute.names) - 1
    if not isinstance(values, np.ndarray) or values.dtype != np.int64 or values.shape != (count,):
        raise DataError(f"{what}: expected int64 [{count}], one per sample, got {_description(values)}; convert it in load")
    if values.min() < 0 or values.max() > largest:
        raise DataError(f"{what}: expected 0 to {largest}, got {values.min()} to {values.max()}; give each value a name")


def _description(value: object) -> str:
    """A value in a message: `ndarray of float32 [20, 1, 8, 8]`, or the name of its class if it has no shape."""
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"{type(value).__name__} of {getattr(value, 'dtype', '?')} {list(shape)}"


def existing(path: str, what: str) -> Path:
    """`path` with `~` expanded. Raises DataError if nothing is there; `what` is "file", "folder" or "file or folder"."""
    found = Path(os.path.expanduser(path))
    try:
        found.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise DataError(f"no such {what}: {path}") from None
    except (OSError, ValueError) as error:
        raise DataError(cant_read(path, error)) from None
    return found


def cant_read(path: object, error: Exception) -> str:
    """The message for a file or folder that the system refuses to open."""
    reason = getattr(error, "strerror", None) or error
    hint = "; give yourself permission to read it" if isinstance(error, PermissionError) else ""
    return f"can't read {path}: {reason}{hint}"
