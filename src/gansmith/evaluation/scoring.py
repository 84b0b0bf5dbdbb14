"""Scores of a set of samples: collect their features chunk by chunk, then compute all metrics and their confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from gansmith.core.errors import DataError
from gansmith.evaluation.diagnostics import LIMIT, DiagnosticSet
from gansmith.evaluation.extractors import Features
from gansmith.evaluation.metrics import scores as metrics
from gansmith.evaluation.metrics.moments import Moments, MomentSum, joined
from gansmith.evaluation.metrics.per_class import PerClass, compute_per_class
from gansmith.evaluation.metrics.scores import Labelled

CHUNK = 1024  # samples in memory at a time: a multiple of sampling.CHUNK and of an extractor's pass
GROUPS = 10  # of the jackknife
MOST = 10_000  # rows whose features are kept, for metrics over pairs of rows
SUBSETS = 50  # of the kernel distance, of at most 1,000 rows each
_KEY = 2019  # of NumPy's Philox, for every choice of rows


def shuffled_rows(length: int) -> np.ndarray:
    """A fixed random permutation of the numbers below `length`, int64 [length]."""
    return np.random.Generator(np.random.Philox(key=_KEY)).permutation(length)


def choose_rows(length: int, max_samples: int = MOST) -> np.ndarray:
    """A fixed random choice of at most `max_samples` out of `length` rows: indices int64, ascending."""
    return np.sort(shuffled_rows(length)[:max_samples])


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """Features of N samples: moments of every group, and the features themselves of M chosen rows."""

    groups: np.ndarray  # int64 [N], the group of each sample
    moments: tuple[Moments, ...]  # of each group
    rows: np.ndarray  # int64 [M], ascending: the samples whose features are kept
    features: Tensor  # float32 [M, F]
    probabilities: Tensor | None  # float32 [N, K]

    def select(self, groups: Iterable[int], labels: np.ndarray | None = None) -> SampleFeatures:
        """Select the samples of some groups. `labels` are those of all N samples, int64 [N]."""
        wanted = sorted(groups)
        numbers = np.flatnonzero(np.isin(self.groups, wanted))
        kept = np.flatnonzero(np.isin(self.groups[self.rows], wanted))  # places in `features`
        kept = kept[choose_rows(len(kept))]
        rows = self.rows[kept]
        return SampleFeatures(
            len(numbers),
            tuple(self.moments[g] for g in wanted),
            rows,
            self.features[torch.from_numpy(kept)],
            torch.from_numpy(np.searchsorted(wanted, self.groups[rows])),
            None if self.probabilities is None else self.probabilities[torch.from_numpy(numbers)],
            torch.from_numpy(np.searchsorted(wanted, self.groups[numbers])),
            None if self.probabilities is None else self.probabilities[torch.from_numpy(rows)],
            None if labels is None else torch.from_numpy(labels[numbers]),
            None if labels is None else torch.from_numpy(labels[rows]),
        )


def collect_features(what: str, chunks: Iterable[Features], groups: np.ndarray, rows: np.ndarray) -> FeatureSet:
    """Collect features chunk by chunk: keep those of `rows`, and the moments of each group.

    Args:
        what: name of the samples, for the error message.
        chunks: features of all N samples, in order.
        groups: int64 [N], the group of each sample, from 0.
        rows: int64 [M], ascending: the samples whose features are kept.

    Raises DataError for features that are NaN or infinite, on which LAPACK would end the process.
    """
    num_groups = int(groups.max()) + 1
    moments = [MomentSum() for _ in range(num_groups)]
    kept: list[Tensor] = []
    probabilities: list[Tensor] = []
    first = 0
    for chunk in chunks:
        last = first + len(chunk.features)
        if not bool(chunk.features.isfinite().all()):
            raise DataError(
                f"{what}: expected finite features, samples {first} to {last - 1} have NaN or infinity: "
                "check these samples, or choose another extractor"
            )
        of_chunk = torch.from_numpy(groups[first:last])
        for g in range(num_groups):
            moments[g].add(chunk.features[of_chunk == g])
        low, high = np.searchsorted(rows, (first, last))
        kept.append(chunk.features[torch.from_numpy(rows[low:high] - first)])
        if chunk.probabilities is not None:
            probabilities.append(chunk.probabilities)
        first = last
    return FeatureSet(
        groups,
        tuple(m.moments for m in moments),
        rows,
        torch.cat(kept),
        torch.cat(probabilities) if probabilities else None,
    )


def groups_of(length: int) -> np.ndarray:
    """Random groups of equal size for the jackknife, int64 [N]: neighbours in a file are often of one class."""
    groups = np.empty(length, np.int64)
    groups[shuffled_rows(length)] = np.arange(length) % GROUPS
    return groups


@dataclass(frozen=True, eq=False)
class SampleFeatures:
    """Inputs of the metrics for N samples: features of the M `rows`, and probabilities and labels of all N."""

    count: int
    moments: tuple[Moments, ...]  # of each group; they add up to those of all samples
    rows: np.ndarray  # int64 [M], indices among all samples that were collected
    features: Tensor  # float32 [M, F]
    feature_groups: Tensor  # int64 [M]
    probabilities: Tensor | None  # float32 [N, K]
    groups: Tensor  # int64 [N]
    feature_probabilities: Tensor | None  # float32 [M, K]
    labels: Tensor | None  # int64 [N], the requested classes, or the true ones of real samples
    feature_labels: Tensor | None  # int64 [M]

    @cached_property
    def all_moments(self) -> Moments:
        """Moments of all N samples."""
        return joined(self.moments)

    @property
    def shares(self) -> Tensor | None:
        """Share of each class by the extractor's classifier, float64 [K]; None without one."""
        if self.probabilities is None:
            return None
        return metrics.class_shares(self.probabilities.argmax(1), self.probabilities.shape[1])


def diagnostic_set(sample: SampleFeatures, images_of: Callable[[np.ndarray], np.ndarray]) -> DiagnosticSet:
    """The part of the samples that the diagnostics use; `images_of` returns samples by their indices."""
    places = choose_rows(len(sample.rows), LIMIT)
    values = torch.from_numpy(images_of(sample.rows[places]))
    probabilities = sample.feature_probabilities
    at = torch.from_numpy(places)
    return DiagnosticSet(
        sample.features[at], None if probabilities is None else probabilities[at], values if values.dim() == 4 else None
    )


@dataclass(frozen=True, eq=False)
class ReferenceSet:
    """The real samples that generated ones are compared with."""

    real: SampleFeatures
    train: Tensor  # float32 [T, F], features of the training images in which copies are searched
    held_out_distances: Tensor  # float64 [H], from each held-out real image to the nearest training image
    test: Labelled | None  # labelled real images that are not in `real`, to test classifiers on
    has_classes: bool  # whether the extractor's classes are those of the data


@dataclass(frozen=True, eq=False)
class Metrics:
    """The metrics of one set of samples by key, with their intermediate results."""

    values: dict[str, float]
    subset_sd: float  # standard deviation of the kernel distance over its subsets
    shares: Tensor | None  # float64 [K], share of each class
    distances: Tensor  # float64 [D], from each of the first D rows with features to the nearest training image
    neighbours: Tensor  # int64 [D], its row in the reference set's `train`
    per_class: PerClass | None = None  # per-class metrics, for labelled data


def compute_metrics(fake: SampleFeatures, reference: ReferenceSet, near: tuple[Tensor, Tensor]) -> Metrics:
    """Compute all metrics of `fake` against a reference set; `near` is the result of `nearest_training_rows`."""
    real = reference.real
    kid = metrics.kernel_distance(real.features, fake.features, SUBSETS)
    values = {"fd": metrics.frechet_distance(real.all_moments, fake.all_moments), "kid": kid.value}
    values |= metrics.prdc(real.features, fake.features)._asdict()
    values["near_copies"] = metrics.near_copies(near[0], reference.held_out_distances)
    if fake.probabilities is not None:
        values |= _by_classifier(fake.probabilities, fake.labels, reference)
    if (labelled := _labelled(fake)) and (of_real := _labelled(real)) and reference.test:
        values["class_fd"] = _class_fd(of_real, labelled)
        trained = metrics.gan_train_test(of_real, reference.test, labelled)
        values |= {"gan_train": trained.gan_train, "gan_test": trained.gan_test}
    per_class = _per_class(fake, reference)
    values |= per_class.values() if per_class else {}
    return Metrics(values, kid.subset_sd, fake.shares if reference.has_classes else None, *near, per_class)


def _per_class(fake: SampleFeatures, reference: ReferenceSet) -> PerClass | None:
    """Per-class metrics by the requested classes, or else by the classifier's; None without either."""
    probabilities = fake.feature_probabilities if reference.has_classes else None
    classes = (
        fake.feature_labels if fake.feature_labels is not None else None if probabilities is None else probabilities.argmax(1)
    )
    if classes is None or (real := _labelled(reference.real)) is None:
        return None
    requested = fake.labels if fake.feature_labels is not None else None
    return compute_per_class(real, Labelled(fake.features, classes), fake.probabilities, requested)


def nearest_training_rows(fake: SampleFeatures, train: Tensor, max_samples: int = MOST) -> tuple[Tensor, Tensor]:
    """Distance to and index of the nearest row of `train`, for each of the first `max_samples` samples: [D] and [D]."""
    distances, places = metrics.nearest(fake.features[:max_samples], train)
    return distances[:, 0], places[:, 0]


def _labelled(sample: SampleFeatures) -> Labelled | None:
    return None if sample.feature_labels is None else Labelled(sample.features, sample.feature_labels)


def _class_fd(real: Labelled, fake: Labelled) -> float:
    num_classes = int(real.classes.max()) + 1
    return float(metrics.class_frechet_distances(*real, *fake, num_classes).nanmean())


def _by_classifier(probabilities: Tensor, labels: Tensor | None, reference: ReferenceSet) -> dict[str, float]:
    """Metrics of class probabilities [N, K]; class accuracy needs labels [N] too."""
    values = {
        "classifier_score": metrics.classifier_score(probabilities),
        "top_probability": metrics.mean_top_probability(probabilities),
    }
    real = reference.real.shares
    if reference.has_classes and real is not None:
        shares = metrics.class_shares(probabilities.argmax(1), probabilities.shape[1])
        values["class_kl"] = metrics.kl_divergence(shares, real)
        values["smallest_class"] = float(shares[real > 0].min())
        if labels is not None:
            values["class_accuracy"] = metrics.class_accuracy(probabilities, labels)
    return values


# ------------------------------------------------------------------------------------------------------ confidence intervals


def intervals_of_draws(draws: list[dict[str, float]]) -> dict[str, tuple[float, float]]:
    """95 % Student t intervals of the means over independent draws; empty for a single draw."""
    from scipy.special import stdtrit

    count = len(draws)
    if count < 2:
        return {}
    found = {}
    for key in draws[0]:
        values = np.array([draw[key] for draw in draws])
        reach = float(stdtrit(count - 1, 0.975)) * values.std(ddof=1) / math.sqrt(count)
        found[key] = (float(values.mean() - reach), float(values.mean() + reach))
    return found


def intervals_of_set(fake: SampleFeatures, reference: ReferenceSet, computed: Metrics) -> dict[str, tuple[float, float]]:
    """95 % intervals of the metrics of one fixed set: value +- 1.96 standard errors by a delete-a-group jackknife.

    The standard error of the kernel distance comes from the groups themselves, as it is unbiased at every size. GAN-train and
    GAN-test train a classifier each time and have no interval.
    """
    parts = list(_without_each_group(fake, reference, computed))
    errors = {key: jackknife([part[key] for part in parts]) for key in parts[0]}
    rows = [fake.features[fake.feature_groups == g] for g in range(GROUPS)]
    kids = [metrics.kernel_distance(reference.real.features, group, subsets=1, seed=g).value for g, group in enumerate(rows)]
    errors["kid"] = float(np.std(kids, ddof=1)) / math.sqrt(GROUPS)
    values = computed.values
    return {key: (values[key] - 1.96 * error, values[key] + 1.96 * error) for key, error in errors.items()}


def jackknife(values: list[float]) -> float:
    """Jackknife standard error: the root of (G - 1) times the variance of G values, each computed without one group."""
    return math.sqrt((len(values) - 1) * float(np.var(values)))


def _without_each_group(fake: SampleFeatures, reference: ReferenceSet, computed: Metrics) -> Iterator[dict[str, float]]:
    manifolds = metrics.prdc_without(reference.real.features, fake.features, fake.feature_groups, GROUPS)
    near_groups = fake.feature_groups[: len(computed.distances)]
    for g, manifold in enumerate(manifolds):
        moments = joined([m for i, m in enumerate(fake.moments) if i != g])
        values = {"fd": metrics.frechet_distance(reference.real.all_moments, moments), **manifold._asdict()}
        values["near_copies"] = metrics.near_copies(computed.distances[near_groups != g], reference.held_out_distances)
        left = fake.groups != g
        if fake.probabilities is not None:
            values |= _by_classifier(fake.probabilities[left], None if fake.labels is None else fake.labels[left], reference)
        labelled, real = _labelled(fake), _labelled(reference.real)
        if "class_fd" in computed.values and labelled and real:
            rows = fake.feature_groups != g
            values["class_fd"] = _class_fd(real, Labelled(labelled.rows[rows], labelled.classes[rows]))
        yield values
