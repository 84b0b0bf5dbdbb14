"""Periodic patterns and seams: blocks, stripes or tiles that all samples share and real images do not have."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def grid(fake: Tensor, held_out: Tensor, real: Tensor) -> dict[str, Any]:
    """Find the strongest periodic pattern or seam in each direction, from grey [N, H, W] of samples, held-out and real images.

    Returns for each direction its strength, its period in pixels (0 for a seam) and its place as a share of the side. `floor` is
    the largest strength among held-out images.
    """
    found: dict[str, Any] = {"floor": 0.0}
    for direction, axis in (("across", 2), ("down", 1)):
        patterns, chance = [], 0.0
        for profile in (_steps, _greys):
            mine, held, theirs = (profile(g, axis) for g in (fake, held_out, real))
            patterns += _patterns(mine, theirs)
            chance = max([chance, *(pattern[0] for pattern in _patterns(held, theirs))])
        strength, period, place = max(patterns, default=(0.0, 0, 0.0))
        found[direction] = {"strength": strength, "period": period, "place": place}
        found["floor"] = max(found["floor"], chance)
    return found


def _steps(g: Tensor, axis: int) -> Tensor:
    return g.diff(dim=axis).abs().mean((0, 3 - axis))


def _greys(g: Tensor, axis: int) -> Tensor:
    return g.mean((0, 3 - axis))


def _patterns(profile: Tensor, real: Tensor) -> list[tuple[float, int, float]]:
    """Strength, period and place of every pattern in a profile along one side, relative to real images; both profiles are [L].

    The strength is the difference of the log ratios at one place of each period from the others, minus their scatter. Places
    where real images are nearly empty are ignored, and a smooth trend over the image is removed.
    """
    length = len(profile)
    active = real > 0.3 * real.mean()
    place = torch.arange(length)[active]
    if len(place) < 6:
        return []
    floor = 0.02 * real.mean() + 1e-6
    ratio = ((profile + floor) / (real + floor)).log()[active].double()
    x = place.double() / length - 0.5
    smooth = torch.stack([x**power for power in range(4)], 1)
    ratio = ratio - smooth @ torch.linalg.lstsq(smooth, ratio[:, None]).solution[:, 0]
    found = []
    for period in (*range(2, min(length // 3, 16) + 1), 0):
        for i in range(period or length):
            member = place % period == i if period else place == i
            if member.any() and int((~member).sum()) > 2:
                on, off = ratio[member], ratio[~member]
                scatter = torch.cat([on - on.mean(), off - off.mean()]).square().mean().sqrt()
                stands_out = float((on.mean() - off.mean()).abs() - (2 if period == 0 else 1) * scatter)
                # Prefer the shorter of two periods: multiples of a period fit as well.
                found.append((stands_out - 0.02 * period, period, i / length))
    return found
