"""Diagnostics: plain numbers that compare samples with real images, for the sentences of `gansmith.evaluation.verdict`.

They use three sets: samples, held-out real images, and reference real images. A difference between held-out and reference
images is due to chance; a larger difference between samples and reference images is a finding.

This module has the diagnostics of features and the comparison of statistics. `image_statistics` has statistics of one image,
`arrangement` finds rearranged images, `patterns` finds periodic patterns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gansmith.evaluation.diagnostics import arrangement, image_statistics, patterns
from gansmith.evaluation.diagnostics.image_statistics import grey
from gansmith.evaluation.metrics import scores as metrics
from gansmith.evaluation.metrics.neighbours import mean_of

LIMIT = 3000  # samples of each set
_FEWEST = 20  # samples that a class needs for per-class numbers


@dataclass(frozen=True, eq=False)
class DiagnosticSet:
    """One of the three sets: images with their features and class probabilities."""

    features: Tensor  # [N, F]
    probabilities: Tensor | None = None  # [N, K]
    images: Tensor | None = None  # uint8 [N, C, H, W]; None for points

    def part(self, count: int) -> DiagnosticSet:
        """At most `count` samples, evenly spaced: the first ones of a file may all be of one class."""
        rows = torch.arange(min(count, len(self))) * len(self) // max(1, min(count, len(self)))
        return DiagnosticSet(self.features[rows], *(None if x is None else x[rows] for x in (self.probabilities, self.images)))

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.features)


def diagnostics(fake: DiagnosticSet, held_out: DiagnosticSet, real: DiagnosticSet) -> dict[str, Any]:
    """All diagnostics as JSON-ready numbers. The sets of held-out and reference images share no image.

    Uses at most `LIMIT` samples of each set, and as many samples as held-out images. Sections that need images or
    a classifier are left out without them. Each set needs four rows.
    """
    real = real.part(LIMIT)
    fake, held_out = (s.part(min(LIMIT, len(fake), len(held_out))) for s in (fake, held_out))
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
        found["places"] = _places(grey(fake.images), grey(real.images))
        found["grid"] = patterns.grid(*map(grey, trio))
        found["arrangement"] = arrangement.closest(*trio, found["statistics"])
    found["repeats"] = {"exact": _repeated(fake.images), "held_out": _repeated(held_out.images)}
    return found


# ------------------------------------------------------------------------------------------------------------- features


def _manifold(fake: DiagnosticSet, held_out: DiagnosticSet, real: DiagnosticSet) -> dict[str, Any]:
    """Distances of samples to real images; `far` is the share beyond the 99 % quantile of held-out images."""
    distance, held = (metrics.nearest(s.features, real.features)[0][:, 0] for s in (fake, held_out))
    edge = held.quantile(0.99)
    far = distance > edge
    found: dict[str, Any] = {
        "far": mean_of(far),
        "median": _ratio(distance.median(), held.median()),
        "near_median": _ratio(distance[~far].median(), held[held <= edge].median()) if bool((~far).any()) else None,
    }
    if fake.probabilities is not None:
        classes, num = fake.probabilities.argmax(1), fake.probabilities.shape[1]
        counts = torch.bincount(classes, minlength=num)
        bad = torch.bincount(classes[far], minlength=num)
        found["far_by_class"] = [round(int(b) / int(c), 4) if c >= _FEWEST else None for b, c in zip(bad, counts, strict=True)]
    return found


def _variety(fake: DiagnosticSet, held_out: DiagnosticSet, real: DiagnosticSet) -> dict[str, Any]:
    """Variety of the samples: near duplicates, groups of them, and variances within classes over those of real images."""
    (distances, indices), (held, _) = (_neighbours(_pictured(s)) for s in (fake, held_out))
    cutoff = float(held[:, 0].quantile(0.01))
    found: dict[str, Any] = {
        "near_duplicates": mean_of(distances[:, 0] <= cutoff),
        "held_out_duplicates": mean_of(held[:, 0] <= cutoff),  # 0.01, or more where real images repeat each other
        "groups": _groups(distances, indices, cutoff),
        "real_variance": _spread(real.features),
    }
    if fake.probabilities is not None and real.probabilities is not None:
        mine, theirs = _spread_within(fake.features, fake.probabilities), _spread_within(real.features, real.probabilities)
        found["spread_by_class"] = [None if m is None or not t else round(m / t, 4) for m, t in zip(mine, theirs, strict=True)]
    return found


def _pictured(seen: DiagnosticSet) -> Tensor:
    """Rows to find near duplicates in: small pictures of equal brightness and contrast, or features without images."""
    if seen.images is None:
        return seen.features
    small = arrangement.small_pictures(seen.images)
    small = small - small.mean(1, keepdim=True)
    return small / small.std(1, keepdim=True).clamp_min(1.0)


def _neighbours(features: Tensor) -> tuple[Tensor, Tensor]:
    return metrics.nearest(features, features, min(3, len(features) - 1), same=True)


def _groups(distances: Tensor, indices: Tensor, cutoff: float) -> int:
    """Number of connected groups, with links between neighbours [N, k] within `cutoff`."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    rows, place = torch.nonzero(distances <= cutoff, as_tuple=True)
    count = len(distances)
    links = coo_array((np.ones(len(rows)), (rows.numpy(), indices[rows, place].numpy())), shape=(count, count))
    return int(connected_components(links, directed=False)[0])


def _spread(features: Tensor) -> float:
    return float(features.double().var(0).sum())


def _spread_within(features: Tensor, probabilities: Tensor) -> list[float | None]:
    classes = probabilities.argmax(1)
    members = [features[classes == c] for c in range(probabilities.shape[1])]
    return [_spread(rows) if len(rows) >= _FEWEST else None for rows in members]


def _certainty(fake: Tensor, held_out: Tensor) -> dict[str, float]:
    """Share of samples with a top probability below the 5 % quantile of held-out images, and between two classes."""
    top, held = fake.double().max(1).values, held_out.double().max(1).values
    edge = held.quantile(0.05)
    torn = fake[top < edge].topk(min(2, fake.shape[1]), dim=1).values.sum(1) > 0.9
    return {"unsure": mean_of(top < edge), "between_two": float(torn.sum() / len(fake))}


# --------------------------------------------------------------------------------------------------------------- images


def _statistics(fake: Tensor, held_out: Tensor, real: Tensor) -> dict[str, Any]:
    """For each statistic of `image_statistics`: medians, and the position of samples among real images.

    `low` and `high` are the 5 % and 95 % quantiles of the samples. `shift` is P(sample > real) - P(sample < real), from -1 to 1
    (Cliff's delta); `below` and `above` are the shares of samples beyond the outermost half percent of real images on that side;
    `spread` is the samples' 5 % to 95 % range over the real one. The last four have floors, the values of held-out images.

    Empty images are counted as `flat` and then left out. `scrambled` is the share of images whose neighbouring
    pixels correlate less than half as much as in nearly every real image.
    """
    a, b, r = map(image_statistics.per_image, (fake, held_out, real))
    found: dict[str, Any] = {"flat": {"fake": mean_of(a["flat"]), "real": mean_of(r["flat"])}}
    a, b, r = map(_with_content, (a, b, r))
    loose = r["coherence"].quantile(0.005) / 2
    found["scrambled"] = {"fake": mean_of(a["coherence"] < loose), "held_out": mean_of(b["coherence"] < loose)}
    for name in r:
        if name != "flat":
            values, floor = _beside(a[name], r[name]), _beside(b[name], r[name])
            found[name] = {
                "real": float(r[name].median()),
                **values,
                **{f"floor_{k}": floor[k] for k in ("shift", "below", "above", "spread")},
            }
    return found


def _with_content(statistics: dict[str, Tensor]) -> dict[str, Tensor]:
    """Statistics of the images that are not empty, or of all if all are empty."""
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
        "shift": mean_of(below - above) / len(real),
        "below": mean_of(values < low - slack),
        "above": mean_of(values > high + slack),
        "spread": _ratio(ninety_five - five, wide) or 0.0,
    }


def _places(fake: Tensor, real: Tensor) -> dict[str, Any]:
    """Pixels that differ between samples and real images, from grey [N, H, W] of both.

    Dead pixels vary in real images but hardly in samples. Foreign pixels are nearly equal in all samples and differ from real
    images. Both are given as shares, with their bounding box (left, top, right, bottom) as shares of the sides.
    """
    mean, sd = fake.mean(0), fake.std(0)
    real_mean, real_sd = real.mean(0), real.std(0)
    often = ((real - real_mean).abs() > 0.1).sum(0) * min(1.0, len(fake) / len(real)) >= 12  # else chance may leave them out
    dead = (real_sd > 0.1) & often & (sd < 0.2 * real_sd)
    foreign = ((mean - real_mean).abs() > 0.15 + 2 * real_sd) & (sd < 0.15)
    return {
        "dead": mean_of(dead) / max(mean_of(real_sd > 0.1), 1e-9),
        "dead_box": _box(dead),
        "dead_filled": _filled(dead),
        "foreign": mean_of(foreign),
        "foreign_box": _box(foreign),
    }


def _box(mask: Tensor) -> list[float] | None:
    if not bool(mask.any()):
        return None
    rows, columns = torch.nonzero(mask.any(1))[:, 0], torch.nonzero(mask.any(0))[:, 0]
    height, width = mask.shape
    box = (columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height)
    return [round(float(v), 3) for v in box]


def _filled(mask: Tensor) -> float:
    """Share of its bounding box that a region fills: 1 for a rectangle."""
    if not bool(mask.any()):
        return 0.0
    rows, columns = torch.nonzero(mask, as_tuple=True)
    inside = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return mean_of(inside)


def _repeated(images: Tensor) -> float:
    """Share of the images that equal another one in every pixel."""
    _, counts = np.unique(images.flatten(1).numpy(), axis=0, return_counts=True)
    return float(counts[counts > 1].sum() / len(images))


def _ratio(a: Tensor, b: Tensor) -> float | None:
    return float(a / b) if float(b) > 0 else None
