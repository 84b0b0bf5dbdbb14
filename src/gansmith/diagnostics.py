"""Samples beside real images in plain numbers, from which `verdict` draws its sentences.

Three sets are looked at: the samples, held-out real images in their place, and reference real images. What separates the
held-out images from the reference is chance; what separates the samples by more than that is a finding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gansmith import image_statistics, metrics
from gansmith.image_statistics import grey
from gansmith.metrics import Moments

LIMIT = 4000  # of each set; more would sharpen what is plain already
SMALL = 8  # side of the small pictures in which shapes are compared
SHARES = (0.3, 0.5, 0.7, 1.0)
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
        found["grid"] = _grid(*map(grey, trio))
        found["arrangement"] = _arrangement(*trio, found["statistics"])
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
    among = [_neighbours(s.features) for s in (fake, held_out)]
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
    torn = fake[top < 0.9].topk(min(2, fake.shape[1]), dim=1).values.sum(1) > 0.9
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
    Each with its floor, which is what held-out images get.
    """
    a, b, r = map(image_statistics.per_image, (fake, held_out, real))
    found: dict[str, Any] = {"flat": {"fake": _mean(a["flat"]), "real": _mean(r["flat"])}}
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


def _correlation(a: Tensor, b: Tensor) -> float | None:
    a, b = a.flatten() - a.mean(), b.flatten() - b.mean()
    size = float(a.norm() * b.norm())
    return float(a @ b) / size if size > 1e-9 else None


def _grid(fake: Tensor, held_out: Tensor, real: Tensor) -> dict[str, Any]:
    """Steps between neighbouring pixels that come stronger, or weaker, every few pixels: blocks, tiles, stripes, a chequerboard.

    Along each direction: the log ratio of the strongest place's steps to the others', over the same of real images (0 is no
    grid), and the period in pixels. `floor` is the largest among held-out images.
    """
    found: dict[str, Any] = {"floor": 0.0}
    periods = range(2, min(min(real.shape[1:]) // 2, 16) + 1)
    for direction, axis in (("across", 2), ("down", 1)):
        mine, held, theirs = (g.diff(dim=axis).abs().mean((0, 3 - axis)) for g in (fake, held_out, real))
        # Of two periods that explain it the shorter: multiples of a period do so as well.
        strength, period = max((_periodic(mine, theirs, p) - 0.02 * p, p) for p in periods) if periods else (0.0, 0)
        found[direction] = {"strength": strength, "period": period}
        found["floor"] = max(found["floor"], *(abs(_periodic(held, theirs, p)) for p in periods)) if periods else 0.0
    return found


def _periodic(steps: Tensor, real: Tensor, period: int) -> float:
    """The log ratio of the steps at the place in the period where they stand out most, against real images."""

    def odds(values: Tensor) -> Tensor:
        each = torch.stack([values[i::period].mean() for i in range(period)]).double() + 0.02 * real.mean() + 1e-6
        return ((period - 1) * each / (each.sum() - each)).log()

    return float((odds(steps) - odds(real)).max())


def _repeated(images: Tensor) -> float:
    """The share of images that are the same, pixel for pixel, as another."""
    _, counts = np.unique(images.flatten(1).numpy(), axis=0, return_counts=True)
    return float(counts[counts > 1].sum() / len(images))


# ---------------------------------------------------------------------------------------------------------- arrangement

Change = Callable[[Tensor], Tensor]


def _arrangement(fake: Tensor, held_out: Tensor, real: Tensor, statistics: dict[str, Any]) -> dict[str, Any]:
    """Which rearrangement of real images looks most like the samples: mirrored, turned, moved, negative ...

    Frechet distances of small pictures, 8 pixels a side, brought to the samples' mean and variance, so that only what lies
    where counts. `as_is` is that of real images as they are, `floor` that of held-out ones, `best` the least when a share of
    real images is changed as `change` says.
    """
    target = _small(fake)
    plain = _small(real)
    as_is = _apart(target, Moments.of(plain))
    best, change, share = as_is, None, 0.0
    for name, alter in changes(statistics, real.shape).items():
        altered = Moments.of(_small(alter(real))) if name != "negative" else Moments.of(-plain)
        for part in SHARES:
            mixed = altered if part == 1 else _mixed(plain, altered, part)
            distance = _apart(target, mixed)
            if distance < best:
                best, change, share = distance, name, part
    return {
        "as_is": as_is,
        "floor": _apart(_small(held_out), Moments.of(plain)),
        "best": best,
        "change": change,
        "share": share,
        "variance": _spread(plain),
    }


def changes(statistics: dict[str, Any], shape: torch.Size) -> dict[str, Change]:
    """What might have been done to real images [N, C, H, W], by name; how far to move and scale is read off the statistics."""
    _, channels, height, width = shape
    found: dict[str, Change] = {
        "mirrored": lambda x: x.flip(3),
        "upside down": lambda x: x.flip(2),
        "turned by 180 degrees": lambda x: x.flip(2, 3),
        "negative": lambda x: 255 - x,
    }
    if height == width:
        found |= {
            "turned by 90 degrees to the left": lambda x: x.rot90(1, (2, 3)),
            "turned by 90 degrees to the right": lambda x: x.rot90(-1, (2, 3)),
            "mirrored along the diagonal": lambda x: x.transpose(2, 3),
            "mirrored along the other diagonal": lambda x: x.transpose(2, 3).flip(2, 3),
        }
    found |= {f"turned by about {abs(a)} degrees to the {'left' if a > 0 else 'right'}": _affine(a) for a in _ANGLES}
    across, down = (round(n * (statistics[k]["fake"] - statistics[k]["real"])) for k, n in (("right", width), ("down", height)))
    if across or down:
        found[f"moved {_direction(across, down)}"] = _moved(across, down)
    zoom = statistics["size"]["fake"] / max(statistics["size"]["real"], 1e-6)
    if abs(zoom - 1) > 0.05:
        found[f"{'enlarged' if zoom > 1 else 'shrunk'} to {100 * zoom:.0f} %"] = _affine(0, zoom)
    for y, x in ((height // 2, 0), (0, width // 2), (height // 2, width // 2)):
        found[f"cut into halves that changed places{_across(x, y)}"] = _rolled(y, x)
    if channels >= 3:
        names = {(1, 0, 2): "red and green", (2, 1, 0): "red and blue", (0, 2, 1): "green and blue"}
        found |= {f"{name} swapped": _reordered(order, channels) for order, name in names.items()}
    return found


_ANGLES = (-60, -45, -30, -15, 15, 30, 45, 60)


def _across(x: int, y: int) -> str:
    return ", left and right" * (x > 0 and y == 0) + ", top and bottom" * (y > 0 and x == 0) + ", both ways" * (x > 0 and y > 0)


def _direction(across: int, down: int) -> str:
    words = []
    if across:
        words.append(f"{abs(across)} px to the {'right' if across > 0 else 'left'}")
    if down:
        words.append(f"{abs(down)} px {'down' if down > 0 else 'up'}")
    return " and ".join(words)


def _affine(degrees: float, zoom: float = 1.0) -> Change:
    """Turned to the left about the centre and enlarged; what comes in from outside is what stood on the edge."""
    c, s = math.cos(math.radians(degrees)) / zoom, math.sin(math.radians(degrees)) / zoom

    def change(images: Tensor) -> Tensor:
        matrix = torch.tensor([[c, -s, 0.0], [s, c, 0.0]]).expand(len(images), 2, 3)
        grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
        return functional.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)

    return change


def _moved(across: int, down: int) -> Change:
    def change(images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        rows = (torch.arange(height) - down).clamp(0, height - 1)
        return images[:, :, rows][:, :, :, (torch.arange(width) - across).clamp(0, width - 1)]

    return change


def _rolled(down: int, across: int) -> Change:
    return lambda images: images.roll((down, across), (2, 3))


def _reordered(order: tuple[int, ...], channels: int) -> Change:
    return lambda images: images[:, [*order, *range(3, channels)]]


def _small(images: Tensor) -> Tensor:
    """[N, C, H, W] -> float64 [N, C * 64] of mean 0 and, over all places, variance 1."""
    chunks = [functional.adaptive_avg_pool2d(c.float(), SMALL).flatten(1) for c in torch.split(images, 500)]
    rows = torch.cat(chunks).double()
    return (rows - rows.mean()) / rows.std().clamp_min(1e-3)


def _apart(fake: Tensor, real: Moments) -> float:
    return metrics.frechet_distance(real, Moments.of(fake))


def _mixed(plain: Tensor, altered: Moments, share: float) -> Moments:
    """The moments of a set of which `share` is altered and the rest plain."""
    count = len(plain)
    rest = Moments.of(plain)
    total = share * altered.total + (1 - share) * rest.total
    return Moments(count, total, share * altered.outer + (1 - share) * rest.outer)


def _mean(values: Tensor) -> float:
    return float(values.double().mean())


def _ratio(a: Tensor, b: Tensor) -> float | None:
    return float(a / b) if float(b) > 0 else None
