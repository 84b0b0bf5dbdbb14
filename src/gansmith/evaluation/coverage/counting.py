"""Counting: which mode each sample belongs to, and what that says. Tensors and arrays in, numbers out."""

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

QUALITY = 3.0  # standard deviations from the nearest mean within which a point is of high quality
POINT_SETS, STACK_SETS = 400, 100  # how many sets of samples a floor is the mean of
_KEY = 2018  # of NumPy's Philox, for the labels of a perfect generator of stacks


@dataclass(frozen=True)
class Counted:
    """What a set of samples covers."""

    count: int  # samples
    modes: float
    kl: float  # reverse KL of the histogram of modes against the uniform one, nats
    high_quality: float | None = None  # the share of samples within 3 sd of the nearest mean; None for stacks
    sd_ratio: float | None = None  # of those about that mean, over the true sd; None for stacks, or where there are none


def count_points(points: np.ndarray, means: np.ndarray, std: float) -> Counted:
    """What points cover of a mixture of equal Gaussians.

    A mode counts with one sample of high quality, and the histogram is of those alone, as the authors of PacGAN have it.
    sd_ratio is the root of the mean square along an axis; cut off at 3 sd, perfect samples have .974.

    Args:
        points: [N, 2]; means: [K, 2]; std: of each Gaussian along each axis.
    """
    squared = sum(np.square(points[:, None, axis] - means[:, axis]) for axis in range(means.shape[1]))  # float64 [N, K]
    nearest, distance = squared.argmin(1), np.sqrt(squared.min(1))
    good = distance <= QUALITY * std
    counted = count_modes(nearest[good], len(means))
    ratio = float(np.sqrt((distance[good] ** 2).mean() / 2) / std) if good.any() else None
    return dataclasses.replace(counted, count=len(points), high_quality=float(good.mean()), sd_ratio=ratio)


def count_modes(modes: np.ndarray, num_modes: int) -> Counted:
    """What samples of these modes, int [N] from 0, cover. Where there are none the KL is the worst there is, log K."""
    shares = class_shares(torch.from_numpy(modes), num_modes)
    kl = kl_divergence(shares, torch.full((num_modes,), 1 / num_modes)) if len(modes) else math.log(num_modes)
    return Counted(len(modes), float((shares > 0).sum()), kl)


def count_samples(samples: np.ndarray, protocol: Protocol) -> tuple[Counted, ...]:
    """What a generator's samples cover, by each count of the protocol: float32 [N, 2], or uint8 [N, H, W, 3] for stacks."""
    if isinstance(protocol.data, (Ring, Grid)):
        means, std = protocol.data.means(), protocol.data.std
        return tuple(count_points(samples[:count], means, std) for count in protocol.counts)
    modes = stack_modes(samples)
    return tuple(count_modes(modes[:count], protocol.modes) for count in protocol.counts)


def stack_modes(stacks: np.ndarray) -> np.ndarray:
    """The three digits that a classifier (lenet-mnist) sees in stacks uint8 [N, H, W, 3], as one number: int64 [N]."""
    from gansmith.evaluation.extractors.lenet import shipped

    classifier = shipped("lenet-mnist")
    digits = np.zeros((len(stacks), 3), np.int64)
    for colour in range(3):
        probabilities = classifier(torch.from_numpy(stacks[:, None, :, :, colour])).probabilities
        assert probabilities is not None  # lenet-mnist knows classes
        digits[:, colour] = probabilities.argmax(1).numpy()
    return _numbers(digits)


def _numbers(digits: np.ndarray) -> np.ndarray:
    """Red, green and blue digits, int64 [..., 3], as numbers from 0 to 999."""
    numbers: np.ndarray = digits @ np.array([100, 10, 1])
    return numbers


# --------------------------------------------------------------------------------------------------------------- floors


def floors(protocol: Protocol, progress: Progress = lambda *_: None) -> dict[str, tuple[Counted, ...]]:
    """What a perfect generator gets by this protocol, {title: for each count}: means over many sets of its samples.

    For stacks there are two: every mode equally often and never misread, and the training digits as the classifier reads them.
    """
    if isinstance(protocol.data, (Ring, Grid)):
        return {"a perfect generator": tuple(_count_true_points(protocol.data, count) for count in protocol.counts)}
    read = _read_digits(progress)
    perfect = tuple(_count_true_stacks(np.arange(10), count) for count in protocol.counts)
    return {"a perfect generator": perfect, "stacks of real digits": tuple(_count_true_stacks(read, c) for c in protocol.counts)}


def _count_true_points(source: Ring | Grid, count: int) -> Counted:
    """Points of the test split, which the mixture itself makes."""
    points = dataclasses.replace(source, num=POINT_SETS * count).load("test").values
    return _mean([count_points(part, source.means(), source.std) for part in points.reshape(POINT_SETS, count, -1)])


def _count_true_stacks(digits: np.ndarray, count: int) -> Counted:
    """Stacks of three digits drawn from these labels."""
    draw = np.random.Generator(np.random.Philox(key=_KEY))
    sets = (_numbers(digits[draw.integers(len(digits), size=(count, 3))]) for _ in range(STACK_SETS))
    return _mean([count_modes(stacks, 1000) for stacks in sets])


def _read_digits(progress: Progress) -> np.ndarray:
    """The training digits of MNIST as the classifier reads them, from the cache that evaluations share: int64 [60000]."""
    from gansmith.evaluation import reference
    from gansmith.evaluation.extractors.lenet import shipped

    probabilities = reference.load_reference(Mnist(), lambda _: shipped("lenet-mnist"), progress).train_features.probabilities
    assert probabilities is not None  # lenet-mnist knows classes
    return probabilities.argmax(1).numpy()


def _mean(sets: list[Counted]) -> Counted:
    def mean(name: str) -> float | None:
        values = [getattr(one, name) for one in sets]
        return None if None in values else float(np.mean(values))

    names = ("modes", "kl", "high_quality", "sd_ratio")
    return Counted(sets[0].count, **{name: mean(name) for name in names})  # type: ignore[arg-type]
