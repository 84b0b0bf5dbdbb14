"""What both sides of the game are told of a sample: which kind it is, one of so many.

networks are told float32 [N, K], a 1 in the column of the kind and 0 in the others; a mixture on the way between two
"""

from __future__ import annotations

from typing import Annotated, Protocol, runtime_checkable

import numpy as np
from pydantic import Field

from gansmith.data import Samples
from gansmith.errors import DataError
from gansmith.spec import component

Kinds = Annotated[int, Field(ge=2, le=10_000)]
MOST_PIXELS = 16  # a side of the small copies that images are compared by


@runtime_checkable
class Condition(Protocol):
    """How real samples are sorted into kinds. Fakes are asked for each kind as often as it is among the real ones."""

    @property
    def num(self) -> int:
        """K, how many kinds there are."""
        ...

    def of(self, samples: Samples) -> np.ndarray:
        """The kind of each sample, int64 [N] in 0..K-1. Raises DataError where the samples don't say."""
        ...

    def of_others(self, others: Samples, samples: Samples, kinds: np.ndarray) -> np.ndarray:
        """The kinds of other samples, by those that `samples` were found to be of. Raises DataError likewise."""
        ...


@component
class Labels:
    """The labels that the data carry (Mirza and Osindero 2014), `num` of them."""

    num: Kinds

    def of(self, samples: Samples) -> np.ndarray:
        if samples.labels is None:
            raise DataError("condition labels: the data carry no labels; choose condition=clusters, or condition=none")
        if (last := int(samples.labels.max())) >= self.num:
            raise DataError(f"condition labels(num={self.num}): the data have a label {last}: say condition.num={last + 1}")
        return samples.labels

    def of_others(self, others: Samples, samples: Samples, kinds: np.ndarray) -> np.ndarray:
        return self.of(others)


@component
class Clusters:
    """Kinds that are found in the data by k-means, without any labels (Sage et al. 2018; Liu et al. 2020).

    Images are compared pixel by pixel, by copies of at most 16 x 16. The kinds of the data are the same for every seed of a run.
    """

    num: Kinds = 50

    def of(self, samples: Samples) -> np.ndarray:
        if len(samples) < self.num:
            told = f"the data hold {len(samples)} samples, fewer than the kinds to be found"
            raise DataError(f"condition clusters(num={self.num}): {told}: say condition.num=..., or condition=none")
        from sklearn.cluster import MiniBatchKMeans
        from threadpoolctl import threadpool_limits

        means = MiniBatchKMeans(self.num, batch_size=4096, n_init=1, max_iter=20, random_state=0)
        with threadpool_limits(1):  # several wait for each other, on a busy machine for four times as long
            return np.asarray(means.fit(small_copies(samples.values)).labels_, np.int64)

    def of_others(self, others: Samples, samples: Samples, kinds: np.ndarray) -> np.ndarray:
        rows, found = small_copies(samples.values), np.unique(kinds)
        centres = np.stack([rows[kinds == kind].mean(0) for kind in found])
        # |x - c|^2 without |x|^2, which is the same for all centres
        return np.asarray(found[(np.square(centres).sum(1) - 2 * small_copies(others.values) @ centres.T).argmin(1)])


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


def shares_of(kinds: np.ndarray, num: int) -> tuple[float, ...]:
    """How often each kind is among the samples; the K shares sum to 1."""
    return tuple((np.bincount(kinds, minlength=num) / len(kinds)).tolist())
