"""Mean and covariance of features as a triangular factor, and the Frechet distance, which is exact at any rank.

A covariance that is held as a matrix of products has lost half of its digits: features that do not vary, that depend on each
other or whose mean is large beside their deviation then give a wrong distance, or none. The factor R of the centred rows keeps
them, and no more than F x F numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_LEAST_ROWS = 1024  # rows that are reduced at once, or as many as there are features if these are more


@dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and triangular factor of features [N, F], as the Frechet distance needs them; `+` joins two sets."""

    count: int
    mean: Tensor  # float64 [F]
    factor: Tensor  # float64 [at most min(N, F), F]: R of the centred rows, so that R^T R is the sum of their outer products

    @classmethod
    def of(cls, features: Tensor) -> Moments:
        """The moments of [N, F] features."""
        found = MomentSum()
        found.add(features)
        return found.moments

    def __add__(self, other: Moments) -> Moments:
        return joined([self, other])

    @property
    def width(self) -> int:
        """Number of features F."""
        return len(self.mean)

    @property
    def is_finite(self) -> bool:
        """Whether mean and factor hold neither NaN nor infinity."""
        return bool(self.mean.isfinite().all() and self.factor.isfinite().all())

    @property
    def variance(self) -> float:
        """Sum of the features' variances, with N - 1; NaN for fewer than two rows."""
        return float(self.factor.square().sum()) / (self.count - 1) if self.count > 1 else math.nan

    def scaled(self, shift: float, scale: float) -> Moments:
        """The moments of (features - `shift`) / `scale`."""
        return Moments(self.count, (self.mean - shift) / scale, self.factor / scale)


class MomentSum:
    """Adds up moments of rows that come in parts, in the memory of one factor, whatever their number."""

    def __init__(self) -> None:
        self._parts: list[Moments] = []
        self._waiting: list[Tensor] = []

    def add(self, rows: Tensor) -> None:
        """Add features [N, F] of any float type; N may be 0."""
        for part in torch.split(rows, max(_LEAST_ROWS, rows.shape[1])) if len(rows) else (rows,):
            self._waiting.append(part)
            if sum(map(len, self._waiting)) >= max(_LEAST_ROWS, rows.shape[1]):
                self._reduce()

    @property
    def moments(self) -> Moments:
        """The moments of all rows so far. At least one call of `add` must have come before."""
        self._reduce()
        return self._parts[0]

    def _reduce(self) -> None:
        if self._waiting:
            found = joined([*self._parts, _of_rows(torch.cat(self._waiting).double())])
            self._parts, self._waiting = [found], []


def _of_rows(rows: Tensor) -> Moments:
    """The moments of float64 [N, F]."""
    mean = rows.mean(0) if len(rows) else rows.new_zeros(rows.shape[1])
    return Moments(len(rows), mean, _triangle(rows - mean))


def _triangle(rows: Tensor) -> Tensor:
    """R of the QR decomposition of [N, F]: float64 [min(N, F), F], or all NaN for rows that are not finite."""
    if not bool(rows.isfinite().all()):  # LAPACK would end the process
        return rows.new_full((1, rows.shape[1]), math.nan)
    triangle: Tensor = torch.linalg.qr(rows, mode="r").R.contiguous()
    return triangle


def joined(parts: Sequence[Moments], weights: Iterable[float] | None = None) -> Moments:
    """The moments of several sets together; `weights` gives each a share of its rows, 1 without them.

    The deviations of the sets' means from the common one are rows of the factor (Chan, Golub and LeVeque 1983).
    """
    weighted = [(m, w * m.count) for m, w in zip(parts, weights or [1.0] * len(parts), strict=True)]
    filled = [(m, count) for m, count in weighted if count]
    if (len(filled) < 2 and weights is None) or not filled:
        return filled[0][0] if filled else parts[0]
    total = sum(count for _, count in filled)
    base = filled[0][0].mean  # sums of differences keep the digits that sums of large means would lose
    mean = base + torch.stack([count / total * (m.mean - base) for m, count in filled]).sum(0)
    rows = [(count / m.count) ** 0.5 * m.factor for m, count in filled]
    rows += [count**0.5 * (m.mean - mean)[None] for m, count in filled]
    return Moments(round(total), mean, _triangle(torch.cat(rows)))


def frechet_distance(real: Moments, fake: Moments) -> float:
    """|m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)), C the covariance with n - 1 (Heusel et al. 2017, eq. 6).

    With C = A^T A and C' = B^T B, the trace of the root is the sum of the singular values of A B^T, which exists at any rank.
    It is called FID only for Inception features. NaN for fewer than two rows on a side, and for rows that are not finite.
    Rounding errors below 0 are cut off.
    """
    if min(real.count, fake.count) < 2 or not (real.is_finite and fake.is_finite):
        return math.nan
    a, b = (side.factor / (side.count - 1) ** 0.5 for side in (real, fake))
    shared = torch.linalg.svdvals(a @ b.T).sum()
    found = (real.mean - fake.mean).square().sum() + a.square().sum() + b.square().sum() - 2 * shared
    return max(0.0, float(found))
