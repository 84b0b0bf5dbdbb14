"""Classes with few images: a data set in which some are made rare on purpose, and one in which rare ones are read more often."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from gansmith.core.component import component
from gansmith.core.errors import DataError
from gansmith.data.mnist import FashionMnist
from gansmith.data.source import Samples, Source, Split

_KEY = 2009  # of NumPy's Philox, for the images that stay
LEAST = 2  # images of a class: a generator that has seen one can only repeat it

Share = Annotated[float, Field(gt=0.0, le=1.0)]
Classes = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]


@component
class Rare:
    """A labelled data set whose training split keeps few images of some classes: what rare things look like in practice.

    The test split stays whole, so that it says how well the rare classes are known.

    Fields:
        of: the data set.
        classes: the labels that become rare.
        share: of their training images that stay, drawn at random.
        seed: of that draw.
    """

    of: Source = FashionMnist()
    classes: Classes = (3, 7)
    share: Share = 0.01
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0

    def load(self, split: Split = "train") -> Samples:
        """Raises DataError where there are no labels, no such class, or fewer than 2 images of one would stay."""
        samples = self.of.load(split)
        if split == "test":
            return samples
        labels = _labels(samples, "rare")
        kept = np.ones(len(labels), bool)
        for number in self.classes:
            rows = np.flatnonzero(labels == number)
            if not len(rows):
                known = ", ".join(map(str, np.unique(labels)))
                raise DataError(f"rare: there is no class {number} to make rare: choose data.classes from {known}")
            stay = round(self.share * len(rows))
            if stay < LEAST:
                message = f"{self.share:g} of the {len(rows):,} images of class {number} is {stay}"
                raise DataError(f"rare: {message}, and {LEAST} are the least: choose a larger data.share")
            order = np.random.Generator(np.random.Philox(key=[_KEY, self.seed])).permutation(len(rows))
            kept[rows[order[stay:]]] = False
        return samples[np.flatnonzero(kept)]


@component
class Balanced:
    """A labelled data set whose training split repeats the images of rare classes, so that each is read often enough.

    Fields:
        of: the data set.
        least: how many images each class has at least, as a share of those of the most frequent one; each is repeated equally
            often, but for one time more or less.
    """

    of: Source
    least: Share = 0.5

    def load(self, split: Split = "train") -> Samples:
        """Raises DataError where there are no labels, or a class has a single image."""
        samples = self.of.load(split)
        if split == "test":
            return samples
        numbers, counts = np.unique(_labels(samples, "balanced"), return_counts=True)
        if counts.min() < LEAST:
            number = int(numbers[counts.argmin()])
            name = f"{number} ({samples.classes[number]})" if samples.classes else str(number)
            raise DataError(f"balanced: class {name} has a single image, which could only be repeated: add more, or leave it out")
        rows = [self._repeated(np.flatnonzero(samples.labels == number), int(counts.max())) for number in numbers]
        return samples[np.concatenate(rows)]

    @property
    def once(self) -> Source:
        """The same images, each a single time."""
        return self.of

    def _repeated(self, rows: np.ndarray, most: int) -> np.ndarray:
        return np.resize(rows, max(len(rows), round(self.least * most)))


def _labels(samples: Samples, who: str) -> np.ndarray:
    if samples.labels is None:
        raise DataError(f"{who}: the data carry no labels, so no classes either: choose labelled data, such as fashion-mnist")
    return samples.labels
