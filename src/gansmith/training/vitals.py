"""The arithmetic of the vital signs: real samples as compact rows, distances, and the activity of a network's units."""

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

SEED = 2**32 + 1  # of the generated samples; scores while training use 2**32, reported scores use small seeds
COUNT = 256  # generated samples, and real ones
CLUSTERS, ROUNDS = 16, 10  # of k-means on training samples
FLAT = 1e-3  # of the widest axis' deviation: a narrower axis has no scale to measure by
AXES = 4  # principal axes of the real samples along which the mean of generated samples is followed


@dataclass(frozen=True, eq=False)
class RealSamples:
    """Real samples as compact rows, with their clusters and principal axes.

    Rows are float32 [N, F], less `mean`: far from the origin, the distance of two rows would lose its last digits.
    """

    rows: Tensor  # [256, F] of the training samples, or fewer
    centres: Tensor  # [K, F] by k-means
    shares: Tensor  # [K] of the training samples
    mean: Tensor  # [F]
    axes: Tensor  # [A, F] principal axes that are not flat, each divided by the deviation along it
    own: Tensor  # [N, N] distances between `rows`

    @classmethod
    def of(cls, copies: Tensor, count: int = COUNT) -> RealSamples:
        """From compact rows of training samples, float32 [N, F]."""
        mean = copies.mean(0)
        many = copies - mean
        rows, centres = many[:count], k_means(many, min(CLUSTERS, len(many)))
        _, sizes, axes = torch.linalg.svd(many, full_matrices=False)
        sizes, axes = sizes[:AXES], axes[:AXES]
        wide = sizes > FLAT * sizes[:1]
        scale = sizes[wide] / math.sqrt(len(many))
        return cls(rows, centres, shares_in(many, centres), mean, axes[wide] / scale[:, None], torch.cdist(rows, rows))


def fixed_rows(length: int, most: int) -> np.ndarray:
    """Indices of `most` rows, in a fixed random choice, because the first ones of a folder may all be of one class."""
    return rng.permutation(SEED, 0, length)[:most].copy()


def k_means(rows: Tensor, count: int) -> Tensor:
    """Centres [count, F] of rows [N, F] by Lloyd's algorithm, from a start at rows far from each other (Gonzalez 1985)."""
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
    """The share of the rows [N, F] nearest to each centre [K, F], as [K]."""
    return torch.bincount(torch.cdist(rows, centres).argmin(1), minlength=len(centres)).float() / len(rows)


# -------------------------------------------------------------------------------------------------------------- arithmetic


def thinned(values: Tensor, about: int = 10_000) -> Tensor:
    """Roughly `about` of the numbers, evenly spaced, flat. The step is odd, so that it meets all columns of an image."""
    return values.flatten()[:: max(1, values.numel() // about) | 1]


def mean_distance(distances: Tensor) -> float:
    """The mean of distances [N, N] over pairs of different rows."""
    count = len(distances)
    return float(distances.sum()) / max(count * (count - 1), 1)


def nearest(distances: Tensor) -> Tensor:
    """The distance from each row to the nearest other one, [N], from distances [N, N]; ignores the diagonal."""
    count = len(distances)
    others = distances.clone()
    others[torch.arange(count), torch.arange(count)] = math.inf
    return others.min(1).values


def effective_number(shares: Tensor) -> float:
    """The number of equally frequent clusters with the entropy of `shares`: e to the power of this entropy."""
    return math.exp(float(torch.special.entr(shares).sum()))


def rank_probability(first: Tensor, second: Tensor) -> float:
    """The probability that one of `first` is larger than one of `second`, a tie counting half: the area under the ROC curve.

    1 or 0: the two are perfectly separated. 0.5: not at all.
    """
    return float((first[:, None] > second).float().mean() + 0.5 * (first[:, None] == second).float().mean())


def relative_distance(network: nn.Module, start: nn.Module) -> float:
    """|w - w0| / |w0|, with w all weights of the network and w0 its initial weights."""
    pairs = list(zip(network.parameters(), start.parameters(), strict=True))
    moved = sum(float((w.detach().cpu() - s.detach()).float().square().sum()) for w, s in pairs)
    return math.sqrt(moved / max(sum(float(s.detach().float().square().sum()) for _, s in pairs), 1e-12))


# -------------------------------------------------------------------------------------------------------------- networks


@contextlib.contextmanager
def as_trained(network: nn.Module) -> Iterator[None]:
    """Make batch norm use the batch's own statistics inside the block, as in training; its running statistics stay."""
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
    """Record inside the block, for each ReLU, which of its units (channels of maps) were above 0 for any sample, bool [units].

    A ReLU that serves several layers counts for each: keys are the module and the number of its earlier calls in the pass.
    """
    alive: dict[tuple[nn.Module, int], Tensor] = {}
    calls: Counter[nn.Module] = Counter()

    def begin(module: nn.Module, _: object) -> None:
        calls.clear()

    def note(module: nn.Module, _: object, output: Tensor) -> None:
        layer = module, calls[module]
        calls[module] += 1
        active = (output > 0).transpose(0, 1).flatten(1).any(1)
        alive[layer] = active | alive[layer] if layer in alive else active

    hooks = [m.register_forward_hook(note) for m in network.modules() if isinstance(m, nn.ReLU)]
    hooks.append(network.register_forward_pre_hook(begin))
    try:
        yield alive
    finally:
        for hook in hooks:
            hook.remove()


@contextlib.contextmanager
def recorded_logits(network: nn.Module | None) -> Iterator[list[Tensor]]:
    """Record a discriminator's logits inside the block, one entry a call; none where there is no discriminator."""
    recorded: list[Tensor] = []
    hook = (
        network.register_forward_hook(lambda _, __, output: recorded.append(logits_of(output))) if network is not None else None
    )
    try:
        yield recorded
    finally:
        if hook is not None:
            hook.remove()


def dead_share(alive: Mapping[tuple[nn.Module, int], Tensor]) -> float | None:
    """The largest share of never active units in a layer, from `units_of`; None where there are no ReLUs."""
    return max((1 - float(units.float().mean()) for units in alive.values()), default=None)
