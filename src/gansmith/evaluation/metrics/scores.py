"""Metrics of a generator as pure functions from features, probabilities and labels to numbers.

Features are rows [N, F] that an extractor makes of images, probabilities rows [N, K] of its classifier. Any float type is
accepted, and all metrics are computed in float64. Distances of pairs are computed in chunks. No metric depends on
the order of the rows or on the size of the chunks.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gansmith.core import rng
from gansmith.evaluation.metrics.moments import Moments, frechet_distance
from gansmith.evaluation.metrics.neighbours import Manifold, coverage, mean_of, nearest, prdc, prdc_without

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

# ------------------------------------------------------------------------------------------- distances of distributions


class KernelDistance(NamedTuple):
    """A kernel distance: its mean over subsets and their standard deviation."""

    value: float  # mean over the subsets
    subset_sd: float  # standard deviation over the subsets


def kernel_distance(real: Tensor, fake: Tensor, subsets: int = 100, subset_size: int = 1000, seed: int = 0) -> KernelDistance:
    """The squared maximum mean discrepancy with kernel (x.y / F + 1)^3, unbiased (Binkowski et al. 2018, s. 4).

    The mean over `subsets` pairs of subsets of `subset_size` rows, or of all rows if there are fewer. Subsets are drawn with
    `seed` from the sorted rows, so that the order of the rows does not matter. NaN for fewer than two rows on a side.
    """
    size = min(subset_size, len(real), len(fake))
    if size < 2:
        return KernelDistance(math.nan, math.nan)
    real, fake = _sorted_rows(real), _sorted_rows(fake)
    centre = real.mean(0)
    with rng.fork():
        rng.seed_torch(seed)
        pairs = [[rows[torch.randperm(len(rows))[:size]] - centre for rows in (real, fake)] for _ in range(subsets)]
    values = torch.tensor([_discrepancy(x, y, centre) for x, y in pairs], dtype=torch.float64)
    return KernelDistance(float(values.mean()), float(values.std(correction=0)))


def _discrepancy(x: Tensor, y: Tensor, centre: Tensor) -> float:
    """The unbiased squared MMD of rows [N, F] and [N, F], given without their `centre` c [F].

    The kernel is (s + p + q + w)^3, with s = c.c / F + 1 and, for rows u and v, p = c.u / F, q = c.v / F and w = u.v / F. Terms
    in p alone or in q alone cancel in the MMD. They are left out, as for a mean far from 0 they drown all others.
    """
    width, count = len(centre), len(x)
    s = float(centre.square().sum()) / width + 1

    def kernel(u: Tensor, v: Tensor) -> Tensor:
        p, q, w = (u @ centre / width)[:, None], (v @ centre / width)[None], u @ v.T / width
        t = p + q
        squares = 2 * p * q + (2 * t + w) * w  # (p + q + w)^2 - p^2 - q^2
        cubes = 3 * p * q * t + (3 * t * (t + w) + w * w) * w  # (p + q + w)^3 - p^3 - q^3
        return 3 * s * (s * w + squares) + cubes

    own = [kernel(rows, rows) for rows in (x, y)]
    within = sum(float(k.sum() - k.trace()) for k in own) / (count * (count - 1))
    return within - 2 * float(kernel(x, y).mean())


def _sorted_rows(features: Tensor) -> Tensor:
    """Rows in float64, sorted by their content."""
    rows = np.ascontiguousarray(features.double().numpy())
    return torch.from_numpy(rows[np.argsort(rows.view(f"V{8 * rows.shape[1]}").ravel(), kind="stable")])


def classifier_score(probabilities: Tensor) -> float:
    """exp of the mean KL(p(y|x) || p(y)), in one split: 1 at worst, K at best (Salimans et al. 2016, s. 4).

    This is the Inception score with a classifier of the data's own classes. Generated samples can score above real ones, as a
    classifier may be more certain of clear-cut fakes.
    """
    p = probabilities.double()
    p = p / p.sum(1, keepdim=True)
    return float((torch.xlogy(p, p) - torch.xlogy(p, p.mean(0))).sum(1).mean().exp())


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
        if bool((learn.classes == learn.classes[0]).all()):  # a classifier of one class always predicts it
            return mean_of(of.classes == learn.classes[0])
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000))
        model.fit(learn.rows.double().numpy(), learn.classes.numpy())
        return float(model.score(of.rows.double().numpy(), of.classes.numpy()))

    return GanTrainTest(accuracy(fake, test), accuracy(train, fake), accuracy(train, test))
