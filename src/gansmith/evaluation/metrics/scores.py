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

_ROWS = 8192  # rows that are made float64 at once

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
    """What the Frechet distance needs to know of a set of features. `+` joins two sets."""

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


# -------------------------------------------------------------------------------------------------------------- copies


def near_copies(fake_distances: Tensor, held_out_distances: Tensor, quantile: float = 0.01) -> float:
    """The share of samples as near to a training image as only `quantile` of held-out real images are.

    Expected to be `quantile` where nothing is copied, and 1 where everything is.

    Args:
        fake_distances: from each sample to its nearest training image [N].
        held_out_distances: the same for real images that are not among the training images [M].
    """
    return mean_of(fake_distances.double() <= torch.quantile(held_out_distances.double(), quantile))


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
    return mean_of(probabilities.argmax(1) == asked)


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
            return mean_of(of.classes == fake.classes[0])
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000))
        model.fit(learn.rows.double().numpy(), learn.classes.numpy())
        return float(model.score(of.rows.double().numpy(), of.classes.numpy()))

    return GanTrainTest(accuracy(fake, test), accuracy(train, fake), accuracy(train, test))
