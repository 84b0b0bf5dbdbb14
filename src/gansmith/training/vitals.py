"""What the doctor's vital signs are computed with: real samples as small copies, distances, and what a network's units do."""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from gansmith.core import rng
from gansmith.networks.base import logits_of
from gansmith.sampling.conditions import small_copies

SEED = 2**32 + 1  # of the doctor's samples; scores while training use the one before, reported scores use small ones
COUNT = 256  # samples of each side
CLUSTERS, ROUNDS = 16, 10  # kinds that training samples are sorted into, by so many rounds of k-means
FLAT = 1e-3  # of the widest axis' deviation: along an axis that is narrower there is nothing to measure by
AXES = 4  # principal axes of the real samples along which the fakes' mean is followed


@dataclass(frozen=True, eq=False)
class Reals:
    """Real samples as small copies, and what they are compared by. Rows are float32 [N, features], less `mean`: far from the
    origin a float's last digits are lost in the distance of two."""

    rows: Tensor  # [256, F] of the training samples
    centres: Tensor  # [K, F] by k-means
    shares: Tensor  # [K] of the training samples
    mean: Tensor  # [F]
    axes: Tensor  # [A, F] principal axes along which there is any width, each as long as one over the deviation along it
    own: Tensor  # [N, N] distances between `rows`

    @classmethod
    def of(cls, values: np.ndarray) -> Reals:
        """`values` are at most CLUSTERED training samples as a source stores them."""
        copies = torch.from_numpy(small_copies(values))
        mean = copies.mean(0)
        many = copies - mean
        rows, centres = many[:COUNT], k_means(many, min(CLUSTERS, len(many)))
        _, sizes, axes = torch.linalg.svd(many, full_matrices=False)
        sizes, axes = sizes[:AXES], axes[:AXES]
        wide = sizes > FLAT * sizes[:1]
        scale = sizes[wide] / math.sqrt(len(many))
        return cls(rows, centres, shares_in(many, centres), mean, axes[wide] / scale[:, None], torch.cdist(rows, rows))


def picked(length: int, most: int) -> np.ndarray:
    """Which rows are looked at, at random but always the same: of a folder the first ones may all be of one class."""
    return rng.permutation(SEED, 0, length)[:most].copy()


def k_means(rows: Tensor, count: int) -> Tensor:
    """Centres [count, F], from the rows that lie farthest from those chosen before (Gonzalez 1985), by Lloyd's rounds."""
    chosen, nearest = [0], torch.cdist(rows, rows[:1])[:, 0]
    for _ in range(count - 1):
        chosen.append(int(nearest.argmax()))
        nearest = torch.minimum(nearest, torch.cdist(rows, rows[chosen[-1:]])[:, 0])
    centres = rows[chosen].clone()
    for _ in range(ROUNDS):
        clusters = torch.cdist(rows, centres).argmin(1)
        for cluster in set(clusters.tolist()):
            centres[cluster] = rows[clusters == cluster].mean(0)
    return centres


def shares_in(rows: Tensor, centres: Tensor) -> Tensor:
    """The share of the rows that lie nearest to each centre, [K]."""
    return torch.bincount(torch.cdist(rows, centres).argmin(1), minlength=len(centres)).float() / len(rows)


# -------------------------------------------------------------------------------------------------------------- arithmetic


def thinned(values: Tensor, most: int = 10_000) -> Tensor:
    """About so many of the numbers, evenly picked; the step is odd, so that it falls on all columns of an image."""
    return values.flatten()[:: max(1, values.numel() // most) | 1]


def mean_apart(distances: Tensor) -> float:
    """The mean over pairs of two different rows of a square of distances."""
    count = len(distances)
    return float(distances.sum()) / max(count * (count - 1), 1)


def nearest(distances: Tensor) -> Tensor:
    """From each row to the nearest other one, where row i and column i are the same sample."""
    count = len(distances)
    others = distances.clone()
    others[torch.arange(count), torch.arange(count)] = math.inf
    return others.min(1).values


def effective_number(shares: Tensor) -> float:
    """How many equally frequent kinds would be as varied: e to the power of the entropy."""
    return math.exp(float(torch.special.entr(shares).sum()))


def above(one: Tensor, other: Tensor) -> float:
    """How often one of the first is larger than one of the second, a tie counting half: 1 is told apart, .5 is not at all."""
    return float((one[:, None] > other).float().mean() + 0.5 * (one[:, None] == other).float().mean())


def moved(network: nn.Module, start: nn.Module) -> float:
    """|w - w0| / |w0| over all weights."""
    pairs = list(zip(network.parameters(), start.parameters(), strict=True))
    there = sum(float((w.detach().cpu() - s.detach()).float().square().sum()) for w, s in pairs)
    return math.sqrt(there / max(sum(float(s.detach().float().square().sum()) for _, s in pairs), 1e-12))


# -------------------------------------------------------------------------------------------------------------- networks


@contextlib.contextmanager
def evaluating(networks: Mapping[str, nn.Module]) -> Iterator[None]:
    """All of them in evaluation mode, so that neither dropout nor running statistics move."""
    before = [(module, module.training) for network in networks.values() for module in network.modules()]
    for network in networks.values():
        network.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


@contextlib.contextmanager
def as_trained(network: nn.Module) -> Iterator[None]:
    """Batch norm by the batch's own statistics, as a discriminator is trained and judged by; its running ones don't move."""
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    before = [norm.training for norm in norms]
    for norm in norms:
        norm.training, norm.track_running_stats = True, False
    try:
        yield
    finally:
        for norm, training in zip(norms, before, strict=True):
            norm.training, norm.track_running_stats = training, True


@contextlib.contextmanager
def units_of(network: nn.Module) -> Iterator[dict[tuple[nn.Module, int], Tensor]]:
    """For each ReLU inside, which of its units (channels of maps) were above 0 for any sample, [units].

    One that is used after several layers counts for each of them: by how often it was asked before in the same pass.
    """
    alive: dict[tuple[nn.Module, int], Tensor] = {}
    asked: Counter[nn.Module] = Counter()

    def begin(module: nn.Module, _: object) -> None:
        asked.clear()

    def note(module: nn.Module, _: object, output: Tensor) -> None:
        layer = module, asked[module]
        asked[module] += 1
        seen = (output > 0).transpose(0, 1).flatten(1).any(1)
        alive[layer] = seen | alive[layer] if layer in alive else seen

    hooks = [m.register_forward_hook(note) for m in network.modules() if isinstance(m, nn.ReLU)]
    hooks.append(network.register_forward_pre_hook(begin))
    try:
        yield alive
    finally:
        for hook in hooks:
            hook.remove()


@contextlib.contextmanager
def answers_of(network: nn.Module | None) -> Iterator[list[Tensor]]:
    """The logits that a discriminator gives meanwhile, one entry a call; none where there is no discriminator."""
    answers: list[Tensor] = []
    hook = network.register_forward_hook(lambda _, __, answer: answers.append(logits_of(answer))) if network is not None else None
    try:
        yield answers
    finally:
        if hook is not None:
            hook.remove()


def dead_share(alive: Mapping[tuple[nn.Module, int], Tensor]) -> float | None:
    """Of the layer that has most dead units; None where there are no such units."""
    return max((1 - float(units.float().mean()) for units in alive.values()), default=None)
