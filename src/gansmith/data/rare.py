"""Rare classes: a source that makes some classes rare on purpose, and a source that repeats the images of rare classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
from pydantic import Field

from gansmith.core.component import component
from gansmith.core.errors import DataError
from gansmith.core.formatting import listed
from gansmith.data.mnist import FashionMnist
from gansmith.data.order import own_labels
from gansmith.data.source import Samples, Source, Split, base_source

_KEY = 2009  # of NumPy's Philox, for the choice of the images that stay
MOST_NAMED = 10  # classes that a message names
LEAST = 2  # images per class: from a single image a generator learns to repeat it

Share = Annotated[float, Field(gt=0.0, le=1.0)]
Classes = Annotated[tuple[Annotated[int, Field(ge=0, le=2**31)], ...], Field(min_length=1, max_length=10_000)]


@component
class Rare:
    """A labelled data set that keeps few training images of some classes. It simulates rare classes.

    The test split is complete, so that it measures how well the rare classes are learned.

    Fields:
        of: the data set.
        classes: labels of the classes that become rare.
        share: share of their training images that stay, chosen at random.
        seed: seed of this choice.
    """

    of: Source = FashionMnist()
    classes: Classes = (3, 7)
    share: Share = 0.01
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0

    def load(self, split: Split = "train") -> Samples:
        """Load a split. Raises DataError if there are no labels or no such class, or if fewer than 2 images of a class stay."""
        samples = self.of.load(split)
        if split == "test":
            return samples
        labels = _labels(samples, "rare")
        kept = np.ones(len(labels), bool)
        # The classes' own labels, such as 1990, if their names are such numbers; by rule 1, always their places in the order.
        own = own_labels(samples.classes) if getattr(base_source(self.of), "rules", 2) == 2 else None
        own = np.arange(samples.num_classes) if own is None else own
        for number in self.classes:
            rows = np.flatnonzero(own[labels] == number)
            if not len(rows):
                known = listed(np.unique(own[labels]).tolist(), MOST_NAMED)
                raise DataError(f"rare: the data have no class {number}: choose data.classes from {known}")
            num_kept = round(self.share * len(rows))
            if num_kept < LEAST:
                message = f"a share of {self.share:g} keeps {num_kept} of the {len(rows):,} images of class {number}"
                raise DataError(f"rare: {message}, expected at least {LEAST}: choose a larger data.share")
            order = np.random.Generator(np.random.Philox(key=[_KEY, self.seed])).permutation(len(rows))
            kept[rows[order[num_kept:]]] = False
        return samples[np.flatnonzero(kept)]

    def class_counts(self) -> tuple[int, ...] | None:
        """The number of training images of each class; None if the data set does not know it before it is loaded."""
        counts = known_counts(self.of)
        if counts is None or any(number >= len(counts) or self.share * counts[number] < LEAST for number in self.classes):
            return None  # loading says what is wrong
        return tuple(round(self.share * n) if number in self.classes else n for number, n in enumerate(counts))

    @property
    def base_source(self) -> Source:
        """The data set that the images come from."""
        return self.of


@component
class Balanced:
    """A labelled data set that repeats the training images of rare classes, so that training reads them more often.

    Fields:
        of: the data set.
        least: the least number of images per class, as a share of the most frequent class. Within a class the numbers of
            repetitions differ by at most one.
    """

    of: Source
    least: Share = 0.5

    def load(self, split: Split = "train") -> Samples:
        """Load a split. Raises DataError if there are no labels, or if a class has a single image."""
        samples = self.of.load(split)
        if split == "test":
            return samples
        numbers, counts = np.unique(_labels(samples, "balanced"), return_counts=True)
        if counts.min() < LEAST:
            number = int(numbers[counts.argmin()])
            name = samples.classes[number] if samples.classes else str(number)
            name = name if own_labels(samples.classes) is not None or not samples.classes else f"{number} ({name})"
            raise DataError(f"balanced: class {name} has a single image: add more images, or leave the class out")
        rows = [self._repeated(np.flatnonzero(samples.labels == number), int(counts.max())) for number in numbers]
        return samples[np.concatenate(rows)]

    def class_counts(self) -> tuple[int, ...] | None:
        """The number of training images of each class; None if the data set does not know it before it is loaded."""
        if (counts := known_counts(self.of)) is None:
            return None
        return tuple(max(n, round(self.least * max(counts))) for n in counts)

    @property
    def base_source(self) -> Source:
        """The data set that the images come from."""
        return self.of

    @property
    def without_repeats(self) -> Source:
        """The data set with each image once."""
        return self.of

    def _repeated(self, rows: np.ndarray, largest: int) -> np.ndarray:
        """The rows of one class, repeated to `least` times the size of the `largest` class; never fewer than there are."""
        return np.resize(rows, max(len(rows), round(self.least * largest)))


def known_counts(source: Source) -> tuple[int, ...] | None:
    """The number of training images of each class of a source, if it knows it before it is loaded; else None."""
    counts: Callable[[], tuple[int, ...] | None] = getattr(source, "class_counts", lambda: None)
    return counts()


def _labels(samples: Samples, who: str) -> np.ndarray:
    """The labels int64 [N]. Raises DataError in the name of `who` if there are none."""
    if samples.labels is None:
        raise DataError(f"{who}: the data have no labels: choose labelled data, such as fashion-mnist")
    return samples.labels
