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
from torch.nn import functional

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

_ROWS = 1024  # rows whose kernels are in memory at once

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
    real, fake = real - centre, fake - centre
    with rng.fork():
        rng.seed_torch(seed)
        chosen = [(torch.randperm(len(real))[:size], torch.randperm(len(fake))[:size]) for _ in range(subsets)]
    if subset_pairs(len(fake), len(real), subsets, subset_size) < _pairs(len(fake), len(real)):
        every = torch.ones(1, size, dtype=torch.float64)
        values = torch.cat([_discrepancies(real[i], fake[j], centre, every, every) for i, j in chosen])
    else:
        masks = [
            functional.one_hot(torch.stack(rows), n).sum(1).double()
            for rows, n in zip(zip(*chosen, strict=True), (len(real), len(fake)), strict=True)
        ]
        values = _discrepancies(real, fake, centre, *masks)
    return KernelDistance(float(values.mean()), float(values.std(correction=0)))


def _pairs(num_fake: int, num_real: int) -> int:
    """Pairs of rows within and between two sets."""
    return num_fake**2 + num_real**2 + num_fake * num_real


def subset_pairs(num_fake: int, num_real: int, subsets: int, subset_size: int = 1000) -> int:
    """Pairs of rows that a kernel distance of `subsets` pairs of subsets compares."""
    size = min(subset_size, num_fake, num_real)
    return subsets * _pairs(size, size)


def _discrepancies(x: Tensor, y: Tensor, centre: Tensor, in_x: Tensor, in_y: Tensor) -> Tensor:
    """The unbiased squared MMD of S pairs of subsets of rows [N, F] and [M, F], given without their `centre` c [F]: float64 [S].

    The kernel is (s + p + q + w)^3, with s = c.c / F + 1 and, for rows u and v, p = c.u / F, q = c.v / F and w = u.v / F. Terms
    in p alone or in q alone cancel in the MMD. They are left out, as for a mean far from 0 they drown all others.

    Args:
        in_x: 1 for the rows of each subset, else 0: float64 [S, N]; all subsets are of one size.
        in_y: the same for y, [S, M].
    """
    width, count = len(centre), float(in_x[0].sum())
    s = float(centre.square().sum()) / width + 1

    def kernel(u: Tensor, v: Tensor) -> Tensor:
        p, q, w = (u @ centre / width)[:, None], (v @ centre / width)[None], u @ v.T / width
        t = p + q
        squares = 2 * p * q + (2 * t + w) * w  # (p + q + w)^2 - p^2 - q^2
        cubes = 3 * p * q * t + (3 * t * (t + w) + w * w) * w  # (p + q + w)^3 - p^3 - q^3
        return 3 * s * (s * w + squares) + cubes

    def total(u: Tensor, v: Tensor, in_u: Tensor, in_v: Tensor, same: bool) -> Tensor:
        """Sum of the kernel over the pairs of each subset, [S]; with `same`, without the pairs of a row with itself."""
        sums = torch.zeros(len(in_u), dtype=torch.float64)
        for first in range(0, len(u), _ROWS):
            rows = slice(first, first + _ROWS)
            values = kernel(u[rows], v)
            if same:
                values.diagonal(first).zero_()
            sums += (in_u[:, rows] @ values * in_v).sum(1)
        return sums

    within = total(x, x, in_x, in_x, True) + total(y, y, in_y, in_y, True)
    return within / (count * (count - 1)) - 2 * total(x, y, in_x, in_y, False) / count**2


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
