"""Metrics of a generator as pure functions from features, probabilities and labels to numbers.

Features are rows [N, F] that an extractor makes of images, probabilities rows [N, K] of its classifier. Any float type is
accepted, and all metrics are computed in float64. Distances of pairs are computed in chunks. No metric depends on
the order of the rows or on the size of the chunks.
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

from gansmith.core import rng
from gansmith.evaluation.metrics.neighbours import Manifold, coverage, mean_of, nearest, prdc, prdc_without

if TYPE_CHECKING:
    from torchmetrics import Metric

__all__ = [
    "GanTrainTest",
    "KernelDistance",
    "Labelled",
    "Manifold",
    "Moments",
    "class_accuracy",
    "class_frechet_distances",
    "class_shares",
    "classifier_score",
    "coverage",
    "frechet_distance",
    "gan_train_test",
    "kernel_distance",
    "kl_divergence",
    "mean_top_probability",
    "near_copies",
    "nearest",
    "prdc",
    "prdc_without",
]

_ROWS = 8192  # rows that are converted to float64 at once

# ------------------------------------------------------------------------------------------- distances of distributions


class _Ready(nn.Module):
    """Identity in place of Inception: torchmetrics gets features that are computed already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence torchmetrics' warnings about its memory and about the standard deviation of one split."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


@dataclass(frozen=True, eq=False)
class Moments:
    """Count, sum and sum of outer products of features [N, F], as the Frechet distance needs them; `+` joins two sets."""

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


def frechet_distance(real: Moments, fake: Moments) -> float:
    """|m - m'|^2 + tr(C + C' - 2 (C C')^(1/2)), C the covariance with n - 1 (Heusel et al. 2017, eq. 6), by torchmetrics.

    It is called FID only for Inception features. Both sides need at least two rows. Rounding errors below 0, of about 1e-7 of
    the features' variance, are cut off.
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
    """A kernel distance: its mean over subsets and their standard deviation."""

    value: float  # mean over the subsets
    subset_sd: float  # standard deviation over the subsets


def kernel_distance(real: Tensor, fake: Tensor, subsets: int = 100, subset_size: int = 1000, seed: int = 0) -> KernelDistance:
    """The squared maximum mean discrepancy with kernel (x.y / F + 1)^3, unbiased, by torchmetrics (Binkowski et al. 2018, s. 4).

    The mean over `subsets` pairs of subsets of `subset_size` rows, or of all rows if there are fewer. Subsets are drawn with
    `seed` from the sorted rows, so that the order of the rows does not matter.
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
    """Rows in float64, sorted by their content."""
    rows = np.ascontiguousarray(features.double().numpy())
    return torch.from_numpy(rows[np.argsort(rows.view(f"V{8 * rows.shape[1]}").ravel(), kind="stable")])


def classifier_score(probabilities: Tensor) -> float:
    """exp of the mean KL(p(y|x) || p(y)), in one split, by torchmetrics: 1 at worst, K at best (Salimans et al. 2016, s. 4).

    This is the Inception score with a classifier of the data's own classes. Generated samples can score above real ones, as a
    classifier may be more certain of clear-cut fakes.
    """
    from torchmetrics.image.inception import InceptionScore

    with _quiet():
        metric = InceptionScore(feature=_Ready(probabilities.shape[1]), splits=1)
        metric.update(probabilities.double().clamp_min(1e-300).log())  # its own softmax makes them probabilities again
        return float(metric.compute()[0])


# -------------------------------------------------------------------------------------------------------------- copies


def near_copies(fake_distances: Tensor, held_out_distances: Tensor, quantile: float = 0.01) -> float:
    """Share of samples at least as near to a training image as the nearest `quantile` of held-out real images.

    About `quantile` if nothing is copied, and 1 if everything is.

    Args:
        fake_distances: distance from each sample to its nearest training image, [N].
        held_out_distances: distance from each held-out real image to its nearest training image, [M].
    """
    return mean_of(fake_distances.double() <= torch.quantile(held_out_distances.double(), quantile))


# ------------------------------------------------------------------------------------------------------------- classes


def class_shares(classes: Tensor, num_classes: int) -> Tensor:
    """Share of each class among classes int [N]: float64 [K]."""
    return torch.bincount(classes, minlength=num_classes).double() / max(1, len(classes))


def kl_divergence(shares: Tensor, reference_shares: Tensor) -> float:
    """Kullback-Leibler divergence of shares p from reference shares q, both [K]: sum p log(p / q) in nats.

    0 for equal shares, infinite if a class of p does not occur in q.
    """
    p, q = shares.double(), reference_shares.double()
    return max(0.0, float((torch.xlogy(p, p) - torch.xlogy(p, q)).sum()))


def mean_top_probability(probabilities: Tensor) -> float:
    """Mean probability of the classifier's likeliest class, for probabilities [N, K]: 1 / K to 1."""
    return float(probabilities.double().max(1).values.mean())


def class_accuracy(probabilities: Tensor, asked: Tensor) -> float:
    """Share of samples that the classifier, by probabilities [N, K], assigns to the requested class, int [N]."""
    return mean_of(probabilities.argmax(1) == asked)


def class_frechet_distances(real: Tensor, real_classes: Tensor, fake: Tensor, asked: Tensor, num_classes: int) -> Tensor:
    """Frechet distance between the samples requested as a class and its real images, for each class: float64 [K].

    NaN for a class with fewer than two rows on either side. The mean of the others is the intra-class FD (Ravuri and Vinyals
    2019).
    """
    values = torch.full((num_classes,), torch.nan, dtype=torch.float64)
    for c in range(num_classes):
        of_real, of_fake = real[real_classes == c], fake[asked == c]
        if min(len(of_real), len(of_fake)) >= 2:
            values[c] = frechet_distance(Moments.of(of_real), Moments.of(of_fake))
    return values


class Labelled(NamedTuple):
    """Rows of features with their classes."""

    rows: Tensor  # [N, F]
    classes: Tensor  # int [N]


class GanTrainTest(NamedTuple):
    """Accuracies of three classifiers: trained on samples, tested on samples, and real images alone."""

    gan_train: float  # accuracy on real images after training on samples: low for poor samples or little variety
    gan_test: float  # accuracy on samples after training on real images: low for samples of other classes than requested
    real: float  # accuracy on real images after training on real ones: the reference value


def gan_train_test(train: Labelled, test: Labelled, fake: Labelled) -> GanTrainTest:
    """GAN-train and GAN-test (Shmelkov et al. 2018, s. 3) with multinomial logistic regression on standardised features.

    Args:
        train: real images to train on.
        test: other real images to test on.
        fake: samples with their requested classes.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def accuracy(learn: Labelled, of: Labelled) -> float:
        if learn is fake and bool((fake.classes == fake.classes[0]).all()):  # a classifier of one class always predicts it
            return mean_of(of.classes == fake.classes[0])
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000))
        model.fit(learn.rows.double().numpy(), learn.classes.numpy())
        return float(model.score(of.rows.double().numpy(), of.classes.numpy()))

    return GanTrainTest(accuracy(fake, test), accuracy(train, fake), accuracy(train, test))
