"""Samples beside real images in plain numbers, from which `verdict` draws its sentences.

Three sets are looked at: the samples, held-out real images in their place, and reference real images. What separates the
held-out images from the reference is chance; what separates the samples by more than that is a finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gansmith import image_statistics, metrics
from gansmith.arrangement import arrangement, small_pictures
from gansmith.image_statistics import grey
from gansmith.patterns import grid

LIMIT = 3000  # of each set; more would sharpen what is plain already
_FEWEST = 20  # samples of a class before its spread is spoken of


@dataclass(frozen=True, eq=False)
class Seen:
    """A set of samples and what an extractor says of them."""

    features: Tensor  # [N, F]
    probabilities: Tensor | None = None  # [N, K]
    images: Tensor | None = None  # uint8 [N, C, H, W]; None for points

    def first(self, count: int) -> Seen:
        cut = (None if rows is None else rows[:count] for rows in (self.probabilities, self.images))
        return Seen(self.features[:count], *cut)

    def __len__(self) -> int:
        return len(self.features)


def diagnostics(fake: Seen, held_out: Seen, real: Seen) -> dict[str, Any]:
    """Plain numbers that go to JSON as they are. Held-out and reference images share no image.

    At most `LIMIT` of each set are looked at, and as many held-out images as samples where there are as many. Sections that
    need images, or a classifier, are left out where there are none. Needs four rows of each.
    """
    real = real.first(LIMIT)
    fake, held_out = (s.first(min(LIMIT, len(fake), len(held_out))) for s in (fake, held_out))
    found: dict[str, Any] = {"num": len(fake), "num_real": len(real)}
    found["manifold"] = _manifold(fake, held_out, real)
    found["variety"] = _variety(fake, held_out, real)
    if fake.probabilities is not None and held_out.probabilities is not None:
        found["certainty"] = _certainty(fake.probabilities, held_out.probabilities)
    if fake.images is None or held_out.images is None or real.images is None:
        return found
    trio = (fake.images, held_out.images, real.images)
    if min(fake.images.shape[2:]) >= 3:
        found["statistics"] = _statistics(*trio)
        found["places"] = _places(*map(grey, trio))
        found["grid"] = grid(*map(grey, trio))
        found["arrangement"] = arrangement(*trio, found["statistics"])
    found["repeats"] = {"exact": _repeated(fake.images), "held_out": _repeated(held_out.images)}
    return found


# ------------------------------------------------------------------------------------------------------------- features


def _manifold(fake: Seen, held_out: Seen, real: Seen) -> dict[str, Any]:
    """How far from real images samples lie: where 99 % of held-out ones have ended they are far."""
    distance, held = (metrics.nearest(s.features, real.features)[0][:, 0] for s in (fake, held_out))
    edge = held.quantile(0.99)
    far = distance > edge
    found: dict[str, Any] = {
        "far": _mean(far),
        "median": _ratio(distance.median(), held.median()),
        "near_median": _ratio(distance[~far].median(), held[held <= edge].median()) if bool((~far).any()) else None,
        "far_median": _ratio(distance[far].median(), held.median()) if bool(far.any()) else None,
        "between": _mean((distance > edge) & (distance < 1.25 * edge)),  # few, where good and bad samples are apart
    }
    if fake.probabilities is not None:
        classes, num = fake.probabilities.argmax(1), fake.probabilities.shape[1]
        counts = torch.bincount(classes, minlength=num)
        bad = torch.bincount(classes[far], minlength=num)
        found["far_by_class"] = [round(int(b) / int(c), 4) if c >= _FEWEST else None for b, c in zip(bad, counts, strict=True)]
    return found


def _variety(fake: Seen, held_out: Seen, real: Seen) -> dict[str, Any]:
    """How different the samples are from each other: variances as ratios to real images', and groups of near duplicates."""
    among = [_neighbours(_pictured(s)) for s in (fake, held_out)]
    cutoff = among[1][0][:, 0].quantile(0.01)
    groups, largest = _groups(*among[0], float(cutoff))
    held_groups, held_largest = _groups(*among[1], float(cutoff))
    spread = _spread(real.features)
    found: dict[str, Any] = {
        "near_duplicates": _mean(among[0][0][:, 0] <= cutoff),
        "groups": groups,
        "largest_group": largest,
        "held_out_groups": held_groups,
        "held_out_largest_group": held_largest,
        "spread": _spread(fake.features) / max(spread, 1e-30),
        "held_out_spread": _spread(held_out.features) / max(spread, 1e-30),
        "real_variance": spread,
    }
    if fake.probabilities is not None and held_out.probabilities is not None and real.probabilities is not None:
        within = [_spread_within(s.features, s.probabilities) for s in (fake, held_out, real) if s.probabilities is not None]
        found["spread_by_class"] = [
            None if f is None or not r else round(f / r, 4) for f, r in zip(within[0], within[2], strict=True)
        ]
        found["held_out_spread_by_class"] = [
            None if f is None or not r else round(f / r, 4) for f, r in zip(within[1], within[2], strict=True)
        ]
    return found


def _pictured(seen: Seen) -> Tensor:
    """What samples are told apart by: small pictures of even brightness and contrast; features where there are no images."""
    if seen.images is None:
        return seen.features
    small = small_pictures(seen.images)
    small = small - small.mean(1, keepdim=True)
    return small / small.std(1, keepdim=True).clamp_min(1.0)


def _neighbours(features: Tensor) -> tuple[Tensor, Tensor]:
    return metrics.nearest(features, features, min(3, len(features) - 1), same=True)


def _groups(distances: Tensor, indices: Tensor, cutoff: float) -> tuple[int, float]:
    """Samples linked by near neighbours count as one: how many groups there are, and the largest one's share."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows, place = torch.nonzero(distances <= cutoff, as_tuple=True)
    count = len(distances)
    links = coo_array((np.ones(len(rows)), (rows.numpy(), indices[rows, place].numpy())), shape=(count, count))
    number, member = connected_components(links, directed=False)
    return int(number), float(np.bincount(member).max() / count)


def _spread(features: Tensor) -> float:
    return float(features.double().var(0).sum())


def _spread_within(features: Tensor, probabilities: Tensor) -> list[float | None]:
    classes = probabilities.argmax(1)
    members = [features[classes == c] for c in range(probabilities.shape[1])]
    return [_spread(rows) if len(rows) >= _FEWEST else None for rows in members]


def _certainty(fake: Tensor, held_out: Tensor) -> dict[str, float]:
    """How sure the classifier is of its first choice; unsure is below what 95 % of held-out images get."""
    top, held = fake.double().max(1).values, held_out.double().max(1).values
    edge = held.quantile(0.05)
    torn = fake[top < edge].topk(min(2, fake.shape[1]), dim=1).values.sum(1) > 0.9
    return {
        "top_probability": float(top.mean()),
        "held_out_top_probability": float(held.mean()),
        "unsure": _mean(top < edge),
        "between_two": float(torn.sum() / len(fake)),
    }


# --------------------------------------------------------------------------------------------------------------- images


def _statistics(fake: Tensor, held_out: Tensor, real: Tensor) -> dict[str, Any]:
    """For each statistic of `image_statistics`: medians, and where samples lie among real images.

    `shift` is P(sample > real) - P(sample < real), from -1 to 1 (Cliff's delta); `below` and `above` are the shares of samples
    beyond the outermost half percent of real images on that side; `spread` is the samples' 5 % to 95 % range over the real one.
    Each with its floor, which is what held-out images get. Empty images are counted, and then left out.
    """
    a, b, r = map(image_statistics.per_image, (fake, held_out, real))
    found: dict[str, Any] = {"flat": {"fake": _mean(a["flat"]), "real": _mean(r["flat"])}}
    a, b, r = map(_with_content, (a, b, r))
    loose = r["coherence"].quantile(0.005) / 2
    found["scrambled"] = {"fake": _mean(a["coherence"] < loose), "held_out": _mean(b["coherence"] < loose)}
    for name in r:
        if name != "flat":
            values, floor = _beside(a[name], r[name]), _beside(b[name], r[name])
            found[name] = {
                "real": float(r[name].median()),
                **values,
                **{f"floor_{k}": v for k, v in floor.items() if k != "fake"},
            }
    return found


def _with_content(statistics: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those of images that show something, unless none does."""
    kept = statistics["flat"] == 0
    return {name: values[kept] for name, values in statistics.items()} if bool(kept.any()) else statistics


def _beside(values: Tensor, real: Tensor) -> dict[str, float]:
    order = real.sort().values
    below, above = torch.searchsorted(order, values), len(real) - torch.searchsorted(order, values, right=True)
    low, high = (order[min(len(order) - 1, int(q * len(order)))] for q in (0.005, 0.995))
    slack = 1e-3 * (high - low) + 1e-6
    five, ninety_five = values.quantile(0.05), values.quantile(0.95)
    wide = real.quantile(0.95) - real.quantile(0.05)
    return {
        "fake": float(values.median()),
        "low": float(five),
        "high": float(ninety_five),
        "shift": float((below - above).double().mean() / len(real)),
        "below": _mean(values < low - slack),
        "above": _mean(values > high + slack),
        "spread": _ratio(ninety_five - five, wide) or 0.0,
    }


def _places(fake: Tensor, held_out: Tensor, real: Tensor) -> dict[str, Any]:
    """Where samples differ from real images pixel by pixel, from grey [N, H, W] of each.

    Dead: pixels that vary in real images and hardly in samples. Foreign: pixels that are much the same in all samples and of
    another grey than in real images. Both as shares, with the box around them as shares of the side (left, top, right, bottom).
    """
    mean, sd = fake.mean(0), fake.std(0)
    real_mean, real_sd = real.mean(0), real.std(0)
    dead = (real_sd > 0.1) & (sd < 0.2 * real_sd)
    foreign = ((mean - real_mean).abs() > 0.15 + 2 * real_sd) & (sd < 0.15)
    held = held_out.mean(0)
    return {
        "dead": _mean(dead) / max(_mean(real_sd > 0.1), 1e-9),
        "dead_box": _box(dead),
        "dead_filled": _filled(dead),
        "foreign": _mean(foreign),
        "foreign_box": _box(foreign),
        "mean_correlation": _correlation(mean, real_mean),
        "held_out_mean_correlation": _correlation(held, real_mean),
    }


def _box(mask: Tensor) -> list[float] | None:
    if not bool(mask.any()):
        return None
    rows, columns = torch.nonzero(mask.any(1))[:, 0], torch.nonzero(mask.any(0))[:, 0]
    height, width = mask.shape
    box = (columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height)
    return [round(float(v), 3) for v in box]


def _filled(mask: Tensor) -> float:
    """The share of the box around a region that belongs to it: 1 for a rectangle."""
    if not bool(mask.any()):
        return 0.0
    rows, columns = torch.nonzero(mask, as_tuple=True)
    inside = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return _mean(inside)


def _correlation(a: Tensor, b: Tensor) -> float | None:
    a, b = a.flatten() - a.mean(), b.flatten() - b.mean()
    size = float(a.norm() * b.norm())
    return float(a @ b) / size if size > 1e-9 else None


def _repeated(images: Tensor) -> float:
    """The share of images that are the same, pixel for pixel, as another."""
    _, counts = np.unique(images.flatten(1).numpy(), axis=0, return_counts=True)
    return float(counts[counts > 1].sum() / len(images))


def _mean(values: Tensor) -> float:
    return float(values.double().mean())


def _ratio(a: Tensor, b: Tensor) -> float | None:
    return float(a / b) if float(b) > 0 else None
