"""Counting of modes: the mode that each sample belongs to, and the statistics of a set of samples."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import torch

from gansmith.data import Grid, Mnist, Ring
from gansmith.evaluation.coverage.protocols import Protocol
from gansmith.evaluation.metrics.scores import class_shares, kl_divergence
from gansmith.evaluation.reference import Progress

QUALITY = 3.0  # largest distance of a high-quality point from the nearest mean, in standard deviations
POINT_SETS, STACK_SETS = 400, 100  # number of sets of samples behind the mean of a floor
_KEY = 2018  # of NumPy's Philox, for the labels of a perfect generator of stacks


@dataclass(frozen=True)
class Counted:
    """Mode coverage of a set of samples."""

    count: int  # samples
    modes: float  # number of modes with at least one sample
    kl: float  # reverse KL divergence of the histogram of modes from the uniform one, in nats
    high_quality: float | None = None  # share of the samples within 3 sd of the nearest mean; None for stacks
    sd_ratio: float | None = None  # sd of high-quality samples over the true sd; None for stacks, or without such samples


def count_points(points: np.ndarray, means: np.ndarray, std: float) -> Counted:
    """Mode coverage of points in a mixture of equal Gaussians.

    A mode counts with one high-quality sample, and the histogram only includes such samples, as in PacGAN's code. sd_ratio is
    the root mean square along an axis; perfect samples, cut off at 3 sd, have .974.

    Args:
        points: [N, 2].
        means: of the Gaussians, [K, 2].
        std: of each Gaussian along each axis.
    """
    squared = sum(np.square(points[:, None, axis] - means[:, axis]) for axis in range(means.shape[1]))  # float64 [N, K]
    nearest, distance = squared.argmin(1), np.sqrt(squared.min(1))
    good = distance <= QUALITY * std
    counted = count_modes(nearest[good], len(means))
    ratio = float(np.sqrt((distance[good] ** 2).mean() / 2) / std) if good.any() else None
    return dataclasses.replace(counted, count=len(points), high_quality=float(good.mean()), sd_ratio=ratio)


def count_modes(modes: np.ndarray, num_modes: int) -> Counted:
    """Mode coverage of samples with these modes, int [N] from 0. Without samples the KL is log K, its largest value."""
    shares = class_shares(torch.from_numpy(modes), num_modes)
    kl = kl_divergence(shares, torch.full((num_modes,), 1 / num_modes)) if len(modes) else math.log(num_modes)
    return Counted(len(modes), float((shares > 0).sum()), kl)


def count_samples(samples: np.ndarray, protocol: Protocol) -> tuple[Counted, ...]:
    """Mode coverage of samples for each count of the protocol: points float32 [N, 2], or stacks uint8 [N, H, W, 3]."""
    if isinstance(protocol.data, (Ring, Grid)):
        means, std = protocol.data.means(), protocol.data.std
        return tuple(count_points(samples[:count], means, std) for count in protocol.counts)
    modes = stack_modes(samples)
    return tuple(count_modes(modes[:count], protocol.modes) for count in protocol.counts)


def stack_modes(stacks: np.ndarray) -> np.ndarray:
    """Classify the three digits of stacks uint8 [N, H, W, 3] with lenet-mnist: one number from 0 to 999, int64 [N]."""
    from gansmith.evaluation.extractors.lenet import shipped

    classifier = shipped("lenet-mnist")
    digits = np.zeros((len(stacks), 3), np.int64)
    for colour in range(3):
        probabilities = classifier(torch.from_numpy(stacks[:, None, :, :, colour])).probabilities
        assert probabilities is not None  # lenet-mnist knows classes
        digits[:, colour] = probabilities.argmax(1).numpy()
    return _numbers(digits)


def _numbers(digits: np.ndarray) -> np.ndarray:
    """Join red, green and blue digits, int64 [..., 3], to numbers from 0 to 999."""
    numbers: np.ndarray = digits @ np.array([100, 10, 1])
    return numbers


# --------------------------------------------------------------------------------------------------------------- floors


def floors(protocol: Protocol, progress: Progress = lambda *_: None) -> dict[str, tuple[Counted, ...]]:
    """Mode coverage of a perfect generator, {title: one value for each count}: means over many sets of samples.

    Stacks have two floors: one with equally frequent digits that are never misread, one with real digits as classified.
    """
    if isinstance(protocol.data, (Ring, Grid)):
        return {"a perfect generator": tuple(_count_true_points(protocol.data, count) for count in protocol.counts)}
    read = _read_digits(progress)
    perfect = tuple(_count_true_stacks(np.arange(10), count) for count in protocol.counts)
    return {"a perfect generator": perfect, "stacks of real digits": tuple(_count_true_stacks(read, c) for c in protocol.counts)}


def _count_true_points(source: Ring | Grid, count: int) -> Counted:
    """Mean coverage of points drawn from the mixture itself."""
    points = dataclasses.replace(source, num=POINT_SETS * count).load("test").values
    return _mean([count_points(part, source.means(), source.std) for part in points.reshape(POINT_SETS, count, -1)])


def _count_true_stacks(digits: np.ndarray, count: int) -> Counted:
    """Mean coverage of stacks of three digits drawn from these labels."""
    draw = np.random.Generator(np.random.Philox(key=_KEY))
    sets = (_numbers(digits[draw.integers(len(digits), size=(count, 3))]) for _ in range(STACK_SETS))
    return _mean([count_modes(stacks, 1000) for stacks in sets])


def _read_digits(progress: Progress) -> np.ndarray:
    """Classes of MNIST's training digits by lenet-mnist, from the cache of evaluations: int64 [60000]."""
    from gansmith.evaluation import reference
    from gansmith.evaluation.extractors.lenet import shipped

    probabilities = reference.load_reference(Mnist(), lambda _: shipped("lenet-mnist"), progress).train_features.probabilities
    assert probabilities is not None  # lenet-mnist knows classes
    return probabilities.argmax(1).numpy()


def _mean(sets: list[Counted]) -> Counted:
    def mean(name: str) -> float | None:
        values = [getattr(counted, name) for counted in sets]
        return None if None in values else float(np.mean(values))

    names = ("modes", "kl", "high_quality", "sd_ratio")
    return Counted(sets[0].count, **{name: mean(name) for name in names})  # type: ignore[arg-type]
