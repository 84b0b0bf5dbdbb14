"""Conditions: inputs of the networks beside noise or a sample. A condition is a code or a source image.

A code is a float32 tensor [N, K + S]: a one-hot category (a mixture of two between interpolated samples), then S continuous
codes, in [-1, 1] during training. Categories are class labels, clusters found by k-means, or random codes.

A source image is a float32 tensor [N, C, H, W], scaled as samples are. A translator turns it into a sample.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Annotated, ClassVar, Protocol, runtime_checkable

import numpy as np
from pydantic import Field

from gansmith.core.component import component
from gansmith.core.errors import DataError
from gansmith.core.rng import Place
from gansmith.data import Samples, Source, num_classes

MAX_CATEGORIES = 10_000  # each has its own weights
NumCategories = Annotated[int, Field(ge=2, le=MAX_CATEGORIES)]

AssignFunction = Callable[[Samples], np.ndarray]
"""Samples -> the category of each, int64 [N]. Raises DataError if labels are needed and missing."""


@runtime_checkable
class Condition(Protocol):
    """An input of the networks beside noise or a sample: a `Categorical` or an `ImageCondition`."""

    @property
    def observed(self) -> bool:
        """Whether the condition of real samples is known, so that the discriminator can be conditional too."""
        ...


@runtime_checkable
class ImageCondition(Condition, Protocol):
    """A condition that is a source image."""

    def source_images(self, samples: Samples, seed: int, place: Place) -> np.ndarray:
        """The source image of each sample, uint8 [N, C, H, W]. A source that is made at random depends on seed and place alone.

        Raises DataError where samples have none.
        """
        ...


@runtime_checkable
class Categorical(Condition, Protocol):
    """The definition of the categories, and the assignment of real samples to them.

    Categories of generated samples are drawn with their frequencies among the real samples.
    """

    @property
    def num(self) -> int | None:
        """K, the number of categories; None: the number of classes of the data."""
        ...

    @property
    def continuous(self) -> int:
        """S, the number of continuous codes in [-1, 1] that the generator gets in addition to the category."""
        ...

    @property
    def are_classes(self) -> bool:
        """Whether the categories are the classes of the data, in the same order."""
        ...

    def categories_of(self, samples: Samples) -> np.ndarray | None:
        """The category of each training sample, int64 [N] in 0..K-1; None if categories are not observed.

        Raises DataError for samples without labels, or fewer samples than categories.
        """
        ...

    def assign_function(self, samples: Samples, categories: np.ndarray) -> AssignFunction:
        """A function that assigns further samples, such as held-out ones, to the categories of the training samples.

        Raises DataError if categories are not observed.
        """
        ...


@component
class Labels:
    """Class labels of the data (Mirza and Osindero 2014). `num` is the number of classes; None takes it from the data."""

    num: NumCategories | None = None
    continuous: ClassVar[int] = 0
    observed: ClassVar[bool] = True
    are_classes: ClassVar[bool] = True

    def categories_of(self, samples: Samples) -> np.ndarray:
        """The labels, int64 [N]. Raises DataError if there are none, one is not below `num`, or a class has only one sample."""
        labels = self._checked(samples, self.num)
        counts = np.bincount(labels)
        if (counts == 1).any():
            label = int((counts == 1).argmax())
            name = repr(samples.classes[label]) if samples.classes else label
            message = "a conditional discriminator would memorise it"
            raise DataError(
                f"condition labels: class {name} has only one sample, and {message}: add more samples, or leave the class out"
            )
        return labels

    def assign_function(self, samples: Samples, categories: np.ndarray) -> AssignFunction:
        """A function that returns the labels of further samples."""
        return lambda more: self._checked(more, self.num or samples.num_classes)

    def _checked(self, samples: Samples, num: int | None) -> np.ndarray:
        """The labels int64 [N]. Raises DataError if there are none, or one is not below `num`."""
        if samples.labels is None:
            raise DataError("condition labels: the data carry no labels; choose condition=clusters, or condition=none")
        if not num and samples.num_classes > MAX_CATEGORIES:
            raise DataError(
                f"condition labels: expected at most {MAX_CATEGORIES:,} classes, the data have {samples.num_classes:,}; "
                "choose condition=clusters, or condition=none"
            )
        if num and (last := int(samples.labels.max())) >= num:
            raise DataError(f"condition labels(num={num}): the data have a label {last}: set condition.num={last + 1}")
        return samples.labels


@component
class Clusters:
    """Categories found by k-means, for data without labels (Sage et al. 2018; Liu et al. 2020).

    K-means compares the pixels of copies of the images, at most 16 x 16. The clusters do not depend on the seed of the run.
    """

    num: NumCategories = 50
    continuous: ClassVar[int] = 0
    observed: ClassVar[bool] = True
    are_classes: ClassVar[bool] = False

    def categories_of(self, samples: Samples) -> np.ndarray:
        """The cluster of each sample, int64 [N]. Raises DataError if there are fewer samples than clusters."""
        if len(samples) < self.num:
            message = f"the data hold {len(samples)} samples, fewer than there are clusters"
            raise DataError(f"condition clusters(num={self.num}): {message}: set a smaller condition.num=..., or condition=none")
        from sklearn.cluster import MiniBatchKMeans
        from threadpoolctl import threadpool_limits

        from gansmith.data.modality import modality_for

        means = MiniBatchKMeans(self.num, batch_size=4096, n_init=1, max_iter=20, random_state=0)
        with threadpool_limits(1):  # more threads are up to four times slower on a busy machine
            return np.asarray(means.fit(modality_for(samples).compact(samples.values)).labels_, np.int64)

    def assign_function(self, samples: Samples, categories: np.ndarray) -> AssignFunction:
        """A function that assigns samples to the nearest of the mean small copies of the categories."""
        from gansmith.data.modality import modality_for

        compact = modality_for(samples).compact
        rows, found = compact(samples.values), np.unique(categories)
        centres = np.stack([rows[categories == category].mean(0) for category in found])
        lengths = np.square(centres).sum(1)

        def assign(more: Samples) -> np.ndarray:
            # argmin over centres c of |x - c|^2 = |x|^2 - 2 x c + |c|^2; |x|^2 does not depend on c
            return np.asarray(found[(lengths - 2 * compact(more.values) @ centres.T).argmin(1)])

        return assign


@component
class Codes:
    """Random codes for the generator alone: a uniform category of `num`, and `continuous` uniform codes in [-1, 1].

    They get a meaning if the discriminator learns to predict them from generated samples, as in InfoGAN (Chen et al. 2016); see
    `objective.auxiliary`. Otherwise they act as additional noise.
    """

    num: NumCategories = 10
    continuous: Annotated[int, Field(ge=0, le=1024)] = 2
    observed: ClassVar[bool] = False
    are_classes: ClassVar[bool] = False

    def categories_of(self, samples: Samples) -> None:
        """None: real samples have no codes."""
        return

    def assign_function(self, samples: Samples, categories: np.ndarray) -> AssignFunction:
        """Raise DataError: real samples have no codes."""
        raise DataError("condition codes: real samples have no category; choose condition=labels or condition=clusters")


@component
class SourceImage:
    """The source image of each pair of the data: the translator's input (Isola et al. 2017)."""

    observed: ClassVar[bool] = True

    def source_images(self, samples: Samples, seed: int, place: Place) -> np.ndarray:
        """The source images of the samples, uint8 [N, C, H, W]. Raises DataError where the data are no pairs."""
        if samples.source_images is None:
            raise DataError(
                "condition source-image: the data are no pairs of images: choose pairs, as --data emoji-pairs, or condition=none"
            )
        return samples.source_images


def num_categories(condition: Condition | None, data: Source) -> int:
    """K, the number of categories of a condition on these data; 0 without a category. The data are loaded only if needed."""
    return condition.num or num_classes(data) if isinstance(condition, Categorical) else 0


def with_categories(samples: Samples, condition: Condition | None) -> Samples:
    """A copy of the samples with the categories of a condition. Samples that have categories already are returned unchanged."""
    if not isinstance(condition, Categorical) or samples.num_categories:
        return samples
    categories = condition.categories_of(samples)
    return dataclasses.replace(samples, categories=categories, num_categories=condition.num or samples.num_classes)


def shares_of(categories: np.ndarray | None, num: int) -> tuple[float, ...]:
    """The relative frequency of each of `num` categories, summing to 1; uniform if `categories` is None, empty if `num` is 0."""
    if categories is None:
        return (1.0 / num,) * num if num else ()
    return tuple((np.bincount(categories, minlength=num) / len(categories)).tolist())
