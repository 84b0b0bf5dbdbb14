"""From features to scores: what is kept of a set of samples that pass by, and every score that can be had of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gansmith.core.errors import DataError
from gansmith.evaluation.diagnostics import LIMIT, Side
from gansmith.evaluation.extractors import Features
from gansmith.evaluation.metrics import scores as metrics
from gansmith.evaluation.metrics.per_class import PerClass, within
from gansmith.evaluation.metrics.scores import Labelled, Moments

CHUNK = 1024  # samples made, featurised and dropped at a time: a multiple of sampling.CHUNK and of an extractor's pass
GROUPS = 10  # of the jackknife
MOST = 10_000  # rows whose features are kept, for scores that need pairs
SUBSETS = 50  # of the kernel distance, of at most 1,000 rows each
_KEY = 2019  # of NumPy's Philox, for every choice of rows


def shuffled(length: int) -> np.ndarray:
    """The numbers below `length` in an order that is always the same, int64."""
    return np.random.Generator(np.random.Philox(key=_KEY)).permutation(length)


def chosen(length: int, most: int = MOST) -> np.ndarray:
    """At most `most` of `length` rows, always the same ones, int64 and rising."""
    return np.sort(shuffled(length)[:most])


@dataclass(frozen=True, eq=False)
class FeatureSet:
    """What is kept of samples that passed by in chunks."""

    groups: np.ndarray  # int64 [N], the group of each sample
    moments: tuple[Moments, ...]  # of each group
    rows: np.ndarray  # int64 [M], rising: the samples whose features are kept
    features: Tensor  # float32 [M, F]
    probabilities: Tensor | None  # float32 [N, K]

    def sample(self, groups: Iterable[int], labels: np.ndarray | None = None) -> Sample:
        """The samples of some groups. `labels` are of all that were seen, int64 [N]."""
        wanted = sorted(groups)
        numbers = np.flatnonzero(np.isin(self.groups, wanted))
        kept = np.flatnonzero(np.isin(self.groups[self.rows], wanted))  # places in `features`
        kept = kept[chosen(len(kept))]
        rows = self.rows[kept]
        return Sample(
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


def see(what: str, chunks: Iterable[Features], groups: np.ndarray, rows: np.ndarray) -> FeatureSet:
    """Look at features as they pass; keep those of `rows`, and the moments of each group.

    Args:
        what: whose they are, for the error.
        chunks: features of all N samples, in their order.
        groups: int64 [N], the group of each sample, from 0.
        rows: int64 [M], rising.

    Raises DataError for features that are not finite, which LAPACK answers by ending the process.
    """
    num_groups = int(groups.max()) + 1
    moments: list[Moments | None] = [None] * num_groups
    kept: list[Tensor] = []
    said: list[Tensor] = []
    first = 0
    for chunk in chunks:
        last = first + len(chunk.features)
        if not bool(chunk.features.isfinite().all()):
            raise DataError(
                f"{what}: among the features of samples {first} to {last - 1} is NaN or infinity: "
                "look for it in the samples, or choose another extractor"
            )
        of_chunk = torch.from_numpy(groups[first:last])
        for g in range(num_groups):
            more = Moments.of(chunk.features[of_chunk == g])
            before = moments[g]
            moments[g] = more if before is None else before + more
        low, high = np.searchsorted(rows, (first, last))
        kept.append(chunk.features[torch.from_numpy(rows[low:high] - first)])
        if chunk.probabilities is not None:
            said.append(chunk.probabilities)
        first = last
    return FeatureSet(
        groups, tuple(m for m in moments if m is not None), rows, torch.cat(kept), torch.cat(said) if said else None
    )


def groups_of(length: int) -> np.ndarray:
    """The jackknife's groups: equal in size and drawn at random, as neighbours in a file may be of one kind. int64 [N]."""
    groups = np.empty(length, np.int64)
    groups[shuffled(length)] = np.arange(length) % GROUPS
    return groups


@dataclass(frozen=True, eq=False)
class Sample:
    """N samples as the scores see them. Features are of M of them, `rows`; probabilities and labels of all."""

    count: int
    moments: tuple[Moments, ...]  # of each group; their sum is of all
    rows: np.ndarray  # int64 [M], numbers among what was seen
    features: Tensor  # float32 [M, F]
    feature_groups: Tensor  # int64 [M]
    probabilities: Tensor | None  # float32 [N, K]
    groups: Tensor  # int64 [N]
    feature_probabilities: Tensor | None  # float32 [M, K]
    labels: Tensor | None  # int64 [N], the classes asked for, or the true ones
    feature_labels: Tensor | None  # int64 [M]

    @property
    def all_moments(self) -> Moments:
        return _sum(self.moments)

    @property
    def shares(self) -> Tensor | None:
        """The share of each class by the classifier, float64 [K]."""
        if self.probabilities is None:
            return None
        return metrics.class_shares(self.probabilities.argmax(1), self.probabilities.shape[1])


def side_of(sample: Sample, images_of: Callable[[np.ndarray], np.ndarray]) -> Side:
    """What the diagnostics look at of a sample; `images_of` gives samples by their numbers."""
    places = chosen(len(sample.rows), LIMIT)
    values = torch.from_numpy(images_of(sample.rows[places]))
    said = sample.feature_probabilities
    at = torch.from_numpy(places)
    return Side(sample.features[at], None if said is None else said[at], values if values.dim() == 4 else None)


def _sum(moments: Iterable[Moments]) -> Moments:
    first, *others = moments
    for more in others:
        first = first + more
    return first


@dataclass(frozen=True, eq=False)
class ReferenceSet:
    """What samples are held against."""

    real: Sample
    train: Tensor  # float32 [T, F], features of the training images that copies are looked for among
    held_out_distances: Tensor  # float64 [H], from real images that are not among these to the nearest that is
    test: Labelled | None  # real labelled images beside `real`, for classifiers to be tested on
    has_classes: bool  # whether the classifier's classes are worth a histogram


@dataclass(frozen=True, eq=False)
class Metrics:
    """The scores of one draw or set, by key, and what was found on the way."""

    values: dict[str, float]
    subset_sd: float  # of the kernel distance
    shares: Tensor | None  # float64 [K], of each class
    distances: Tensor  # float64 [D], from the first D of the rows with features to the nearest training image
    neighbours: Tensor  # int64 [D], which one: a row of the yardstick's `train`
    within: PerClass | None = None  # class by class, where the real ones have labels


def measure(fake: Sample, yard: ReferenceSet, near: tuple[Tensor, Tensor]) -> Metrics:
    """Every score there is of `fake`; `near` is what `neighbours_of` found of it."""
    real = yard.real
    kid = metrics.kernel_distance(real.features, fake.features, SUBSETS)
    values = {"fd": metrics.frechet_distance(real.all_moments, fake.all_moments), "kid": kid.value}
    values |= metrics.prdc(real.features, fake.features)._asdict()
    values["near_copies"] = metrics.near_copies(near[0], yard.held_out_distances)
    if fake.probabilities is not None:
        values |= _by_classifier(fake.probabilities, fake.labels, yard)
    if (labelled := _labelled(fake)) and (of_real := _labelled(real)) and yard.test:
        values["class_fd"] = _class_fd(of_real, labelled)
        trained = metrics.gan_train_test(of_real, yard.test, labelled)
        values |= {"gan_train": trained.gan_train, "gan_test": trained.gan_test}
    of_classes = _within(fake, yard)
    values |= of_classes.values() if of_classes else {}
    return Metrics(values, kid.subset_sd, fake.shares if yard.has_classes else None, *near, of_classes)


def _within(fake: Sample, yard: ReferenceSet) -> PerClass | None:
    """By the classes that were asked for, or else by the classifier's; None where there are neither."""
    said = fake.feature_probabilities if yard.has_classes else None
    classes = fake.feature_labels if fake.feature_labels is not None else None if said is None else said.argmax(1)
    if classes is None or (real := _labelled(yard.real)) is None:
        return None
    asked = fake.labels if fake.feature_labels is not None else None
    return within(real, Labelled(fake.features, classes), fake.probabilities, asked)


def neighbours_of(fake: Sample, train: Tensor, most: int = MOST) -> tuple[Tensor, Tensor]:
    """From each of the first `most` samples with features, the distance to the nearest row of `train`, and which: [D], [D]."""
    distances, places = metrics.nearest(fake.features[:most], train)
    return distances[:, 0], places[:, 0]


def _labelled(sample: Sample) -> Labelled | None:
    return None if sample.feature_labels is None else Labelled(sample.features, sample.feature_labels)


def _class_fd(real: Labelled, fake: Labelled) -> float:
    num_classes = int(real.classes.max()) + 1
    return float(metrics.class_frechet_distances(*real, *fake, num_classes).nanmean())


def _by_classifier(probabilities: Tensor, labels: Tensor | None, yard: ReferenceSet) -> dict[str, float]:
    """The scores that need probabilities [N, K] alone; class_accuracy needs labels [N] too."""
    values = {
        "classifier_score": metrics.classifier_score(probabilities),
        "top_probability": metrics.mean_top_probability(probabilities),
    }
    real = yard.real.shares
    if yard.has_classes and real is not None:
        shares = metrics.class_shares(probabilities.argmax(1), probabilities.shape[1])
        values["class_kl"] = metrics.kl_divergence(shares, real)
        values["smallest_class"] = float(shares[real > 0].min())
        if labels is not None:
            values["class_accuracy"] = metrics.class_accuracy(probabilities, labels)
    return values


# ------------------------------------------------------------------------------------------------------ how sure it is


def intervals_of_draws(draws: list[dict[str, float]]) -> dict[str, tuple[float, float]]:
    """95 % t-intervals of the means over independent draws; empty for one draw."""
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


def intervals_of_set(fake: Sample, yard: ReferenceSet, measured: Metrics) -> dict[str, tuple[float, float]]:
    """95 % intervals of the scores of one fixed set: value +- 1.96 standard errors by a delete-a-group jackknife.

    The kernel distance is unbiased at every size, so its error is taken from the groups themselves. GAN-train and GAN-test, which
    train a classifier each time, have no interval.
    """
    parts = list(_without_each_group(fake, yard, measured))
    errors = {key: jackknife([part[key] for part in parts]) for key in parts[0]}
    rows = [fake.features[fake.feature_groups == g] for g in range(GROUPS)]
    kids = [metrics.kernel_distance(yard.real.features, group, subsets=1, seed=g).value for g, group in enumerate(rows)]
    errors["kid"] = float(np.std(kids, ddof=1)) / math.sqrt(GROUPS)
    values = measured.values
    return {key: (values[key] - 1.96 * error, values[key] + 1.96 * error) for key, error in errors.items()}


def jackknife(values: list[float]) -> float:
    """The standard error of a statistic from its values without each of G groups: (G - 1) times their variance."""
    return math.sqrt((len(values) - 1) * float(np.var(values)))


def _without_each_group(fake: Sample, yard: ReferenceSet, measured: Metrics) -> Iterator[dict[str, float]]:
    manifolds = metrics.prdc_without(yard.real.features, fake.features, fake.feature_groups, GROUPS)
    near_groups = fake.feature_groups[: len(measured.distances)]
    for g, manifold in enumerate(manifolds):
        moments = _sum(m for i, m in enumerate(fake.moments) if i != g)
        values = {"fd": metrics.frechet_distance(yard.real.all_moments, moments), **manifold._asdict()}
        values["near_copies"] = metrics.near_copies(measured.distances[near_groups != g], yard.held_out_distances)
        left = fake.groups != g
        if fake.probabilities is not None:
            values |= _by_classifier(fake.probabilities[left], None if fake.labels is None else fake.labels[left], yard)
        labelled, real = _labelled(fake), _labelled(yard.real)
        if "class_fd" in measured.values and labelled and real:
            rows = fake.feature_groups != g
            values["class_fd"] = _class_fd(real, Labelled(labelled.rows[rows], labelled.classes[rows]))
        yield values
