"""Exact nearest neighbours among rows of features in bounded memory, and the metrics based on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

_QUERIES, _REFERENCES = 1024, 8192  # a chunk of distances: 64 MiB of float64
_ROWS = 8192  # rows that are converted to float64 at once
_SLACK = 4  # candidates beyond the k nearest, as the product below may swap rows at almost equal distances
_SAME = 1e-12  # relative difference below which two squared distances count as equal


class _Distances:
    """Squared distances between two sets of rows, chunk by chunk.

    |a - b|^2 = |a|^2 + |b|^2 - 2 a.b is one matrix product, but for near rows it subtracts almost equal numbers. It therefore
    only selects candidate pairs, and their distances are computed again from a - b.
    """

    def __init__(self, queries: Tensor, references: Tensor) -> None:
        self.queries, self.references = queries, references
        self._centre = torch.stack([rows.double().sum(0) for rows in torch.split(references, _ROWS)]).sum(0) / len(references)
        chunks = [*torch.split(queries, _ROWS), *torch.split(references, _ROWS)]
        largest = 2 * max(float(self.centred(rows).square().sum(1).max()) for rows in chunks)
        self.error = 1e-15 * max(16.0, queries.shape[1]) * largest  # bound of the error of `approximate`

    def centred(self, rows: Tensor) -> Tensor:
        """Rows minus the mean of the references, float64: short vectors lose fewer digits."""
        return rows.double() - self._centre

    def approximate(self, rows: slice, columns: slice) -> Tensor:
        """Squared distances of all pairs of a chunk, up to `error`: float64 [rows, columns]."""
        a, b = self.centred(self.queries[rows]), self.centred(self.references[columns])
        return torch.addmm(b.square().sum(1), a, b.T, alpha=-2).add_(a.square().sum(1, keepdim=True))

    def exact(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Squared distances of P pairs given by two index tensors [P], from the differences: float64 [P]."""
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
    """Find the k nearest rows of `references` [M, F] for each row of `queries` [N, F], exactly, nearest first.

    scikit-learn finds k + 4 candidates through a matrix product, and their distances are computed again from differences: the
    product loses the digits of small distances, so that a copy would not be at distance 0.

    Args:
        same: `queries` and `references` are one set, in which no row is its own neighbour.

    Returns:
        Euclidean distances float64 [N, k] and indices int64 [N, k]. Among rows at equal distances the choice is arbitrary.

    Raises ValueError for fewer than k neighbours.
    """
    from sklearn.neighbors import NearestNeighbors

    if len(references) - same < k:
        raise ValueError(f"expected at least {k + same} references for the {k} nearest, got {len(references)}")
    if not len(queries):
        return torch.empty(0, k, dtype=torch.float64), torch.empty(0, k, dtype=torch.int64)
    pairs = _Distances(queries, references)
    num_candidates = min(k + _SLACK, len(references) - same)
    search = NearestNeighbors(n_neighbors=num_candidates + same, algorithm="brute").fit(pairs.centred(references).numpy())
    parts = [_nearest_of_chunk(pairs, search, rows, k, same) for rows in _chunks(len(queries), _ROWS)]
    squared, index = (torch.cat(part) for part in zip(*parts, strict=True))
    return squared.sqrt(), index


def _nearest_of_chunk(pairs: _Distances, search: Any, rows: slice, k: int, same: bool) -> tuple[Tensor, Tensor]:
    """Squared distances and indices [n, k] of a chunk of queries.

    A row that is no candidate is at least `next_best - error` away. Where it might still be nearer than the k-th candidate, all
    rows are compared exactly.
    """
    numbers = torch.arange(rows.start, rows.stop)
    looked, candidates = map(torch.from_numpy, search.kneighbors(pairs.centred(pairs.queries[rows]).numpy()))
    if same:
        own = candidates == numbers[:, None]
        own[~own.any(1), -1] = True  # a row with many duplicates may be missing among its own neighbours
        looked, candidates = (part[~own].reshape(len(numbers), -1) for part in (looked, candidates))
    next_best, candidates = looked[:, -1].square(), candidates.sort(1).values
    squared, index = _exact_nearest(pairs, numbers, candidates, k)
    unsure = (squared[:, -1] > 0) & (squared[:, -1] > next_best - pairs.error)
    for i in torch.nonzero(unsure)[:, 0].tolist() if candidates.shape[1] < len(pairs.references) - same else ():
        everybody = torch.arange(len(pairs.references))
        others = everybody[everybody != rows.start + i] if same else everybody
        squared[i], index[i] = (part[0] for part in _exact_nearest(pairs, numbers[i : i + 1], others[None], k))
    return squared, index


def _exact_nearest(pairs: _Distances, numbers: Tensor, candidates: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k nearest [n, k] among the candidates [n, c] of the queries with these numbers [n]."""
    rows = numbers.repeat_interleave(candidates.shape[1])
    squared = pairs.exact(rows, candidates.reshape(-1)).reshape(candidates.shape)
    order = squared.sort(dim=1, stable=True).indices[:, :k]
    return squared.gather(1, order), candidates.gather(1, order)


class Manifold(NamedTuple):
    """Precision, recall and coverage in [0, 1], and density, which is 1 for equal distributions and may exceed it."""

    precision: float
    recall: float
    density: float
    coverage: float


def prdc(real: Tensor, fake: Tensor, k: int = 3, k_density: int = 5) -> Manifold:
    """Precision and recall (Kynkaanniemi et al. 2019, eq. 1 and 2), density and coverage (Naeem et al. 2020, eq. 4 and 5).

    The ball of a row is closed and reaches to the row's k-th nearest neighbour in its own set. Precision is the share of fakes
    in the ball of some real; recall is the share of reals in the ball of some fake. With balls to the `k_density`-th neighbour,
    density is the mean number of balls of reals that a fake lies in, divided by `k_density`, and coverage is the share of reals
    with a fake in their ball.
    """
    of_real = nearest(real, real, max(k, k_density), same=True)[0].square_()
    of_fake = nearest(fake, fake, k, same=True)[0].square_()
    narrow, wide, fakes = _hits(fake, real, of_real[:, k - 1], of_real[:, k_density - 1], of_fake[:, k - 1 :])
    return Manifold(
        precision=mean_of(narrow.of_queries > 0),
        recall=mean_of(fakes.of_references > 0),
        density=mean_of(wide.of_queries) / k_density,
        coverage=mean_of(wide.of_references > 0),
    )


def coverage(real: Tensor, fake: Tensor, k: int = 5) -> float:
    """Coverage (Naeem et al. 2020, eq. 5): the share of reals [N, F] with a fake [M, F] in their ball.

    The ball reaches to the k-th nearest other real. Returns 0 without fakes, and NaN for k reals or fewer.
    """
    if len(real) <= k:
        return float("nan")
    if not len(fake):
        return 0.0
    radii = nearest(real, real, k, same=True)[0].square_()[:, k - 1]
    (hits,) = _hits(fake, real, radii)
    return mean_of(hits.of_references > 0)


def prdc_without(real: Tensor, fake: Tensor, groups: Tensor, num_groups: int, k: int = 3, k_density: int = 5) -> list[Manifold]:
    """`prdc` without each group of samples in turn, for a jackknife, in about the time of one `prdc`.

    The balls of the samples are those of the whole set; without a group they would be a little wider.

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
                precision=mean_of(narrow > 0),
                recall=mean_of(fake_hits.sum(0) > fake_hits[g]),
                density=mean_of(wide) / k_density,
                coverage=mean_of(wide_hits.sum(0) > wide_hits[g]),
            )
        )
    return without


class _Hits(NamedTuple):
    """Counts of the pairs of N queries and M references whose distance is at most the radius of a ball."""

    of_queries: Tensor  # int64 [N], number of references within reach of each query
    of_references: Tensor  # int64 [M], number of queries within reach of each reference


def _hits(queries: Tensor, references: Tensor, *balls: Tensor) -> list[_Hits]:
    """Count hits for each of `balls`: squared radii of the references [M] or of the queries [N, 1]."""
    pairs = _Distances(queries, references)
    counts = [_Hits(torch.zeros(len(queries), dtype=torch.int64), torch.zeros(len(references), dtype=torch.int64)) for _ in balls]
    for rows in _chunks(len(queries), _QUERIES):
        for columns in _chunks(len(references), _REFERENCES):
            squared = pairs.approximate(rows, columns)
            for count, ball in zip(counts, balls, strict=True):
                reach = (ball[columns] if ball.dim() == 1 else ball[rows]) * (1 + _SAME)
                meet = _within(pairs, squared, reach, rows.start, columns.start)
                count.of_queries[rows] += torch.from_numpy(np.count_nonzero(meet, axis=1))  # ten times as fast as torch
                count.of_references[columns] += torch.from_numpy(np.count_nonzero(meet, axis=0))
    return counts


def _within(pairs: _Distances, squared: Tensor, reach: Tensor, row: int, column: int) -> np.ndarray:
    """Mask of the pairs within `reach`, in the chunk that starts at (row, column): bool [rows, columns]."""
    within = squared < reach - pairs.error
    unsure = (squared <= reach + pairs.error).numpy() ^ within.numpy()  # identical rows have distances and an error of 0
    if unsure.any():
        i, j = map(torch.from_numpy, np.nonzero(unsure))
        within[i, j] = pairs.exact(i + row, j + column) <= reach.expand_as(squared)[i, j]
    return within.numpy()


def mean_of(values: Tensor) -> float:
    """Mean in float64; of booleans, the share that is true."""
    return float(values.double().mean())
