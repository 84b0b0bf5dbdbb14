"""What a generator is told beside its noise: which kind of sample to make, one of so many, and how, by sliders.

networks are told float32 [N, K + S], a 1 in the column of the kind and 0 in the K - 1 others, a mixture on the way between two;
then S sliders, each in [-1, 1] while it trains
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Annotated, ClassVar, Protocol, runtime_checkable

import numpy as np
from pydantic import Field, NonNegativeInt

from gansmith.core.component import component
from gansmith.core.errors import DataError
from gansmith.data import Samples, Source, num_classes

Kinds = Annotated[int, Field(ge=2, le=10_000)]
MOST_PIXELS = 16  # a side of the small copies that images are compared by


Assign = Callable[[Samples], np.ndarray]
"""Samples -> the kind of each, int64 [N]. Raises DataError where they should say and don't."""


@runtime_checkable
class Condition(Protocol):
    """Which kinds there are, and how real samples are sorted into them, so that D can be told too.

    Fakes are asked for each kind as often as it is among the real ones.
    """

    @property
    def num(self) -> int | None:
        """K, how many kinds there are; None: as many as the data have classes."""
        ...

    @property
    def continuous(self) -> int:
        """S, how many numbers in [-1, 1] the generator is told beside the kind."""
        ...

    @property
    def observed(self) -> bool:
        """Whether real samples say what kind they are of, so that the discriminator can be told too."""
        ...

    @property
    def are_classes(self) -> bool:
        """Whether its kinds are the classes of the data, in their numbers."""
        ...

    def of(self, samples: Samples) -> np.ndarray | None:
        """The kind of each sample, int64 [N] in 0..K-1; None where that is not known.

        Raises DataError where the samples should say and don't.
        """
        ...

    def assigner(self, samples: Samples, categories: np.ndarray) -> Assign:
        """What tells the kinds of other samples, by those that `samples` were found to be of. Raises DataError likewise."""
        ...


@component
class Labels:
    """The labels that the data carry (Mirza and Osindero 2014); `num` of them, or as many as there are."""

    num: Kinds | None = None
    continuous: ClassVar[int] = 0
    observed: ClassVar[bool] = True
    are_classes: ClassVar[bool] = True

    def of(self, samples: Samples) -> np.ndarray:
        labels = self._checked(samples, self.num)
        counts = np.bincount(labels)
        if (counts == 1).any():
            label = int((counts == 1).argmax())
            name = repr(samples.classes[label]) if samples.classes else label
            message = "a network that is told classes would know that one by heart"
            raise DataError(
                f"condition labels: class {name} has one sample alone, and {message}: add more of it, or leave it out"
            )
        return labels

    def assigner(self, samples: Samples, categories: np.ndarray) -> Assign:
        return lambda others: self._checked(others, self.num or samples.num_classes)

    def _checked(self, samples: Samples, num: int | None) -> np.ndarray:
        if samples.labels is None:
            raise DataError("condition labels: the data carry no labels; choose condition=clusters, or condition=none")
        if num and (last := int(samples.labels.max())) >= num:
            raise DataError(f"condition labels(num={num}): the data have a label {last}: say condition.num={last + 1}")
        return samples.labels


@component
class Clusters:
    """Kinds that are found in the data by k-means, without any labels (Sage et al. 2018; Liu et al. 2020).

    Images are compared pixel by pixel, by copies of at most 16 x 16. The kinds of the data are the same for every seed of a run.
    """

    num: Kinds = 50
    continuous: ClassVar[int] = 0
    observed: ClassVar[bool] = True
    are_classes: ClassVar[bool] = False

    def of(self, samples: Samples) -> np.ndarray:
        if len(samples) < self.num:
            message = f"the data hold {len(samples)} samples, fewer than the kinds to be found"
            raise DataError(f"condition clusters(num={self.num}): {message}: say condition.num=..., or condition=none")
        from sklearn.cluster import MiniBatchKMeans
        from threadpoolctl import threadpool_limits

        means = MiniBatchKMeans(self.num, batch_size=4096, n_init=1, max_iter=20, random_state=0)
        with threadpool_limits(1):  # several wait for each other, on a busy machine for four times as long
            return np.asarray(means.fit(small_copies(samples.values)).labels_, np.int64)

    def assigner(self, samples: Samples, categories: np.ndarray) -> Assign:
        rows, found = small_copies(samples.values), np.unique(categories)
        centres = np.stack([rows[categories == category].mean(0) for category in found])
        lengths = np.square(centres).sum(1)

        def assign(others: Samples) -> np.ndarray:
            # |x - c|^2 without |x|^2, which is the same for all centres
            return np.asarray(found[(lengths - 2 * small_copies(others.values) @ centres.T).argmin(1)])

        return assign


@component
class Codes:
    """Codes that only the generator is told: a kind drawn evenly from `num`, and `continuous` numbers from [-1, 1].

    What they mean is found out by a discriminator that recovers them from the samples, as in InfoGAN (Chen et al. 2016): see
    `objective.auxiliary`. Without that they are further noise.
    """

    num: Kinds = 10
    continuous: NonNegativeInt = 2
    observed: ClassVar[bool] = False
    are_classes: ClassVar[bool] = False

    def of(self, samples: Samples) -> None:
        return None

    def assigner(self, samples: Samples, categories: np.ndarray) -> Assign:
        raise DataError("condition codes: real samples are of no kind")


def num_categories(condition: Condition | None, data: Source) -> int:
    """How many kinds there are of these data, which are loaded only where they are needed for it; 0 without a condition."""
    return 0 if condition is None else condition.num or num_classes(data)


def sort(samples: Samples, condition: Condition | None) -> Samples:
    """The same samples, sorted into the condition's kinds; those that are sorted already are left as they are."""
    if condition is None or samples.num_categories:
        return samples
    categories = condition.of(samples)
    return dataclasses.replace(samples, categories=categories, num_categories=condition.num or samples.num_classes)


def small_copies(values: np.ndarray) -> np.ndarray:
    """Samples as float32 rows: points as they are, images as small copies in [0, 1]."""
    if values.ndim == 2:
        return values
    import torch
    from torch.nn import functional

    height, width = values.shape[2:]
    step = -(-max(height, width) // MOST_PIXELS)
    parts = torch.split(torch.from_numpy(values), 4096)
    return torch.cat([functional.avg_pool2d(part.float() / 255, step, ceil_mode=True).flatten(1) for part in parts]).numpy()


def shares_of(categories: np.ndarray | None, num: int) -> tuple[float, ...]:
    """How often each of `num` kinds is among the samples; evenly where they are of none. The K shares sum to 1."""
    if categories is None:
        return (1.0 / num,) * num if num else ()
    return tuple((np.bincount(categories, minlength=num) / len(categories)).tolist())
