"""Scores of a generator as pure functions of features, probabilities and labels: tensors in, numbers out, no files.

Features are [N, F] rows that an extractor made of images, probabilities [N, K] rows a classifier made of them; any float type
goes in, and everything is computed in float64. Nothing here holds a matrix of all pairs: pairs are worked on in chunks.
A score depends neither on the order of the rows nor on the size of the chunks.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from gansmith import rng

if TYPE_CHECKING:
    from torchmetrics import Metric

_QUERIES, _REFERENCES = 1024, 8192  # a chunk of distances: 64 MiB of float64
_ROWS = 8192  # rows that are made float64 at once
_SLACK = 4  # neighbours looked at beyond the k nearest, as the product below may swap two that are almost as near
_SAME = 1e-12  # relative: distances this close are one distance

# ------------------------------------------------------------------------------------------- distances of distributions


class _Ready(nn.Module):
    """What torchmetrics calls in place of Inception: the features are there already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torchmetrics' warnings: that it keeps what it is given, and that the spread of one split is not a number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


@dataclass(frozen=True, eq=False)
class Moments:
    """What the Frechet distance needs to know of a set of features. Sets are joined by `+`, and taken out again by `-`."""

    count: int
    total: Tensor  # float64 [F], the sum of the rows
    outer: Tensor  # float64 [F, F], the sum of their outer products

    @classmethod
    def of(cls, features: Tensor) -> Moments:
        """The moments of [N, F] features."""
        width = features.shape[1]
        total, outer = torch.zeros(width, dtype=torch.float64), torch.zeros(width, width, dtype=torch.float64)
        for rows in torch.split(features, _ROWS):
            rows = rows.double()
            total += rows.sum(0)
            outer += rows.T @ rows
        return cls(len(features), total, outer)

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.count + other.count, self.total + other.total, self.outer + other.outer)

    def __sub__(self, other: Moments) -> Moments:
        return Moments(self.count - other.count, self.total - other.total, self.outer - other.outer)


def frechet_distance(real: Moments, fake: Moments) -> float:
    """|m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)), C the covariance with n - 1 (Heusel et al. 2017, eq. 6), by torchmetrics.

    It is called FID only where the features are Inception's. Both sides need at least two rows. It is never below 0 but for
    rounding, which is cut off: about 1e-7 of the features' variance.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance

    metric = FrechetInceptionDistance(feature=_Ready(len(real.total)))
    for is_real in (True, False):  # no rows: it only learns their type
        metric.update(real.total.new_empty(0, len(real.total)), real=is_real)
    for side, moments in (("real", real), ("fake", fake)):
        setattr(metric, f"{side}_features_sum", moments.total)
        setattr(metric, f"{side}_features_cov_sum", moments.outer)
        setattr(metric, f"{side}_features_num_samples", torch.tensor(moments.count))
    return max(0.0, _value(metric))


def _value(metric: Metric) -> float:
    with _quiet():
        return float(metric.compute())


class KernelDistance(NamedTuple):
    value: float
    subset_sd: float  # standard deviation over the subsets


def kernel_distance(real: Tensor, fake: Tensor, subsets: int = 100, subset_size: int = 1000, seed: int = 0) -> KernelDistance:
    """The squared maximum mean discrepancy with kernel (x.y / F + 1)^3, unbiased, by torchmetrics (Binkowski et al. 2018, s. 4).

    The mean over `subsets` pairs of subsets of `subset_size` rows (of all rows, where there are fewer), drawn with `seed` from
    the rows in sorted order, so that the order they come in does not matter.
    """
    from torchmetrics.image.kid import KernelInceptionDistance

    size = min(subset_size, len(real), len(fake))
    with _quiet(), rng.fork():
        rng.seed_torch(seed)
        metric = KernelInceptionDistance(feature=_Ready(real.shape[1]), subsets=subsets, subset_size=size)
        metric.update(_sorted_rows(real), real=True)
        metric.update(_sorted_rows(fake), real=False)
        mean, sd = metric.compute()
    return KernelDistance(float(mean), float(sd))


def _sorted_rows(features: Tensor) -> Tensor:
    """The rows in an order that depends on what they are alone, float64."""
    rows = np.ascontiguousarray(features.double().numpy())
    return torch.from_numpy(rows[np.argsort(rows.view(f"V{8 * rows.shape[1]}").ravel(), kind="stable")])


def classifier_score(probabilities: Tensor) -> float:
    """exp of the mean KL(p(y|x) || p(y)), in one split, by torchmetrics: 1 at worst, K at best (Salimans et al. 2016, s. 4).

    The Inception score with the domain's own classifier. Nearly real sets can score above real ones: a classifier may be surer
    of clear-cut fakes.
    """
    from torchmetrics.image.inception import InceptionScore

    with _quiet():
        metric = InceptionScore(feature=_Ready(probabilities.shape[1]), splits=1)
        metric.update(probabilities.double().clamp_min(1e-300).log())  # its own softmax makes them probabilities again
        return float(metric.compute()[0])


# ---------------------------------------------------------------------------------------------------------- neighbours


class _Distances:
    """Squared distances between two sets of rows, chunk by chunk.

    |a - b|^2 = |a|^2 + |b|^2 - 2 a.b is one matrix product, but for near rows it subtracts almost equal numbers. So it only
    picks out which pairs matter, and those few are computed again from a - b.
    """

    def __init__(self, queries: Tensor, references: Tensor) -> None:
        self.queries, self.references = queries, references
        self._centre = torch.stack([rows.double().sum(0) for rows in torch.split(references, _ROWS)]).sum(0) / len(references)
        chunks = [*torch.split(queries, _ROWS), *torch.split(references, _ROWS)]
        largest = 2 * max(float(self._centred(rows).square().sum(1).max()) for rows in chunks)
        self.error = 1e-15 * max(16.0, queries.shape[1]) * largest  # `approximate` is off by less

    def _centred(self, rows: Tensor) -> Tensor:
        return rows.double() - self._centre  # short vectors lose fewer digits

    def approximate(self, rows: slice, columns: slice) -> Tensor:
        """All pairs of a chunk: float64 [rows, columns]."""
        a, b = self._centred(self.queries[rows]), self._centred(self.references[columns])
        return torch.addmm(b.square().sum(1), a, b.T, alpha=-2).add_(a.square().sum(1, keepdim=True))

    def exact(self, rows: Tensor, columns: Tensor) -> Tensor:
        """The pairs given by two index tensors of length P, from the differences: float64 [P]."""
        step = max(1, 2**21 // max(1, self.queries.shape[1]))
        parts = [
            (self.queries[i].double() - self.references[j].double()).square_().sum(1)
            for i, j in zip(torch.split(rows, step), torch.split(columns, step), strict=True)
        ]
        return torch.cat(parts)


def _chunks(length: int, size: int) -> Iterator[slice]:
    for start in range(0, length, size):
        yield slice(start, min(start + size, length))


def nearest(queries: Tensor, references: Tensor, k: int = 1, *, same: bool = False) -> tuple[Tensor, Tensor]:
    """The k nearest of `references` [M, F] for each of `queries` [N, F], exactly, nearest first, ties by the lower index.

    Args:
        same: both are one set, and no row is its own neighbour.

    Returns:
        Euclidean distances float64 [N, k] and indices int64 [N, k].

    Raises ValueError where there are fewer than k neighbours.
    """
    if len(references) - same < k:
        raise ValueError(f"expected at least {k + same} references for the {k} nearest, got {len(references)}")
    pairs = _Distances(queries, references)
    wanted = min(k + _SLACK, len(references) - same)
    found = [_nearest_of_chunk(pairs, rows, wanted, same) for rows in _chunks(len(queries), _QUERIES)]
    index = torch.cat(found) if found else torch.empty(0, wanted, dtype=torch.int64)
    rows = torch.arange(len(queries)).repeat_interleave(wanted)
    squared = pairs.exact(rows, index.reshape(-1)).reshape(index.shape)
    order = squared.sort(dim=1, stable=True).indices[:, :k]
    return squared.gather(1, order).sqrt(), index.gather(1, order)


def _nearest_of_chunk(pairs: _Distances, rows: slice, wanted: int, same: bool) -> Tensor:
    """Indices of the `wanted` references that look nearest to each query of a chunk, in rising order: int64 [n, wanted]."""
    num_rows = rows.stop - rows.start
    best, index = torch.empty(num_rows, 0, dtype=torch.float64), torch.empty(num_rows, 0, dtype=torch.int64)
    for columns in _chunks(len(pairs.references), _REFERENCES):
        squared = pairs.approximate(rows, columns)
        if same:
            first = max(rows.start, columns.start)
            own = torch.arange(first, max(first, min(rows.stop, columns.stop)))
            squared[own - rows.start, own - columns.start] = torch.inf
        near, place = squared.topk(min(wanted, squared.shape[1]), dim=1, largest=False, sorted=False)
        best, index = torch.cat([best, near], 1), torch.cat([index, place + columns.start], 1)
        best, place = best.topk(min(wanted, best.shape[1]), dim=1, largest=False, sorted=False)
        index = index.gather(1, place)
    return index.sort(1).values


class Manifold(NamedTuple):
    """Four numbers on where two sets lie. All but density are in [0, 1]; density may pass 1."""

    precision: float
    recall: float
    density: float
    coverage: float


def prdc(real: Tensor, fake: Tensor, k: int = 3, k_density: int = 5) -> Manifold:
    """Precision and recall (Kynkaanniemi et al. 2019, eq. 1 and 2), density and coverage (Naeem et al. 2020, eq. 4 and 5).

    Each row stands for the closed ball that reaches to its k-th nearest other row of its own set. Precision: the share of fakes
    inside some real's ball; recall: of reals inside some fake's ball. Density: how many reals' balls a fake lies in, over
    `k_density`; coverage: the share of reals with some fake in their ball, both with balls to the `k_density`-th row.
    """
    of_real = nearest(real, real, max(k, k_density), same=True)[0].square_()
    of_fake = nearest(fake, fake, k, same=True)[0].square_()
    narrow, wide, fakes = _hits(fake, real, of_real[:, k - 1], of_real[:, k_density - 1], of_fake[:, k - 1 :])
    return Manifold(
        precision=_share(narrow.of_queries > 0),
        recall=_share(fakes.of_references > 0),
        density=float(wide.of_queries.double().mean()) / k_density,
        coverage=_share(wide.of_references > 0),
    )


def prdc_without(real: Tensor, fake: Tensor, groups: Tensor, num_groups: int, k: int = 3, k_density: int = 5) -> list[Manifold]:
    """`prdc` without the samples of each group in turn, for a jackknife, in the time of one.

    The balls around samples stay as the whole set has them; around those that are left they would be a little wider.

    Args:
        groups: the group of each sample, int64 [M], from 0 to `num_groups` - 1.
    """
    of_real = nearest(real, real, max(k, k_density), same=True)[0].square_()
    of_fake = nearest(fake, fake, k, same=True)[0].square_()[:, k - 1 :]
    rows = [groups == g for g in range(num_groups)]
    found = [_hits(fake[own], real, of_real[:, k - 1], of_real[:, k_density - 1], of_fake[own]) for own in rows]
    wide_hits, fake_hits = (torch.stack([hits[i].of_references for hits in found]) for i in (1, 2))
    without = []
    for g in range(num_groups):
        narrow, wide = (torch.cat([h[i].of_queries for j, h in enumerate(found) if j != g]) for i in (0, 1))
        without.append(
            Manifold(
                precision=_share(narrow > 0),
                recall=_share(fake_hits.sum(0) > fake_hits[g]),
                density=float(wide.double().mean()) / k_density,
                coverage=_share(wide_hits.sum(0) > wide_hits[g]),
            )
        )
    return without


def inside(queries: Tensor, references: Tensor, k: int = 3) -> Tensor:
    """Which queries lie in the closed ball of some reference, that is in the manifold the references span: bool [N]."""
    return _hits(queries, references, nearest(references, references, k, same=True)[0][:, -1].square_())[0].of_queries > 0


class _Hits(NamedTuple):
    """Of N queries and M references: pairs that are no further apart than a ball's radius."""

    of_queries: Tensor  # int64 [N], how many references each query meets
    of_references: Tensor  # int64 [M], how many queries each reference meets


def _hits(queries: Tensor, references: Tensor, *balls: Tensor) -> list[_Hits]:
    """One count for each of `balls`: squared radii around the references [M] or around the queries [N, 1]."""
    pairs = _Distances(queries, references)
    counts = [_Hits(torch.zeros(len(queries), dtype=torch.int64), torch.zeros(len(references), dtype=torch.int64)) for _ in balls]
    for rows in _chunks(len(queries), _QUERIES):
        for columns in _chunks(len(references), _REFERENCES):
            squared = pairs.approximate(rows, columns)
            for count, ball in zip(counts, balls, strict=True):
                reach = (ball[columns] if ball.dim() == 1 else ball[rows]) * (1 + _SAME)
                meet = _within(pairs, squared, reach, rows.start, columns.start)
                count.of_queries[rows] += torch.from_numpy(np.count_nonzero(meet, axis=1))  # torch takes ten times as long
                count.of_references[columns] += torch.from_numpy(np.count_nonzero(meet, axis=0))
    return counts


def _within(pairs: _Distances, squared: Tensor, reach: Tensor, row: int, column: int) -> np.ndarray:
    """Which pairs of the chunk that starts at (row, column) are within `reach`: bool [rows, columns]."""
    within = squared < reach - pairs.error
    unsure = (squared < reach + pairs.error).numpy() ^ within.numpy()
    if unsure.any():
        i, j = map(torch.from_numpy, np.nonzero(unsure))
        within[i, j] = pairs.exact(i + row, j + column) <= reach.expand_as(squared)[i, j]
    return within.numpy()


def _share(mask: Tensor) -> float:
    return float(mask.double().mean())


def near_copies(fake_distances: Tensor, held_out_distances: Tensor, quantile: float = 0.01) -> float:
    """The share of samples as near to a training image as only `quantile` of held-out real images are.

    Expected to be `quantile` where nothing is copied, and 1 where everything is.

    Args:
        fake_distances: from each sample to its nearest training image [N].
        held_out_distances: the same for real images that are not among the training images [M].
    """
    return _share(fake_distances.double() <= torch.quantile(held_out_distances.double(), quantile))


def duplicates(fake: Tensor, real: Tensor, quantile: float = 0.01) -> float:
    """The share of samples as near to another sample as only `quantile` of real images are to another real one.

    As neighbours are nearer in larger sets, only the first min(N, M) of each are looked at.
    """
    count = min(len(fake), len(real))
    among_fake, among_real = (nearest(rows[:count], rows[:count], same=True)[0][:, 0] for rows in (fake, real))
    return near_copies(among_fake, among_real, quantile)


# ------------------------------------------------------------------------------------------------------------- classes


def class_shares(classes: Tensor, num_classes: int) -> Tensor:
    """The share of each class among int [N] classes: float64 [K]."""
    return torch.bincount(classes, minlength=num_classes).double() / max(1, len(classes))


def kl_divergence(shares: Tensor, reference_shares: Tensor) -> float:
    """sum p log(p / q) in nats, of shares p from reference shares q, both [K]: 0 where they are equal.

    Infinite where a class of p is never seen in q.
    """
    p, q = shares.double(), reference_shares.double()
    return max(0.0, float((torch.xlogy(p, p) - torch.xlogy(p, q)).sum()))


def mean_top_probability(probabilities: Tensor) -> float:
    """How sure the classifier is of its first choice, on average: 1 / K to 1."""
    return float(probabilities.double().max(1).values.mean())


def class_accuracy(probabilities: Tensor, asked: Tensor) -> float:
    """The share of samples that the classifier [N, K] takes for the class that was asked for [N]."""
    return _share(probabilities.argmax(1) == asked)


def class_frechet_distances(real: Tensor, real_classes: Tensor, fake: Tensor, asked: Tensor, num_classes: int) -> Tensor:
    """The Frechet distance of the samples asked for as a class from its real images: float64 [K].

    NaN for a class with fewer than two of either; the mean of the others is Ravuri and Vinyals' intra-class FD.
    """
    values = torch.full((num_classes,), torch.nan, dtype=torch.float64)
    for c in range(num_classes):
        of_real, of_fake = real[real_classes == c], fake[asked == c]
        if min(len(of_real), len(of_fake)) >= 2:
            values[c] = frechet_distance(Moments.of(of_real), Moments.of(of_fake))
    return values


class Labelled(NamedTuple):
    rows: Tensor  # [N, F]
    classes: Tensor  # int [N]


class GanTrainTest(NamedTuple):
    gan_train: float  # accuracy on real images after learning from samples: low where they are poor or lack variety
    gan_test: float  # accuracy on samples after learning from real images: low where they are not what was asked for
    real: float  # accuracy on real images after learning from real ones: the best that can be hoped for


def gan_train_test(train: Labelled, test: Labelled, fake: Labelled) -> GanTrainTest:
    """GAN-train and GAN-test (Shmelkov et al. 2018, s. 3) with multinomial logistic regression on standardised features.

    Args:
        train: real images to learn from; test: others to be tested on; fake: samples with the classes asked for.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def accuracy(learn: Labelled, of: Labelled) -> float:
        if learn is fake and bool(
            (fake.classes == fake.classes[0]).all()
        ):  # nothing to learn: it always says the one class it saw
            return _share(of.classes == fake.classes[0])
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000))
        model.fit(learn.rows.double().numpy(), learn.classes.numpy())
        return float(model.score(of.rows.double().numpy(), of.classes.numpy()))

    return GanTrainTest(accuracy(fake, test), accuracy(train, fake), accuracy(train, test))
