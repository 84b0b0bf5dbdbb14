"""What comes back every few pixels in all samples of a set, and not in real images: blocks, stripes, tiles, a seam."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def grid(fake: Tensor, held_out: Tensor, real: Tensor) -> dict[str, Any]:
    """What comes back every few pixels, or runs through all samples at one place, from grey [N, H, W] of each.

    For each direction the strength of the plainest pattern, its period in pixels (0: a seam, at one place alone) and that place
    as a share of the side. `floor` is the largest strength among held-out images.
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
    """Strength, period and place of every pattern in a profile along one side, against that of real images, both [L].

    Strength: by how much the log ratios at one place in each period stand out from the others, less their scatter. Only where
    real images have something to speak of, and without what changes smoothly over the image, such as noise that shows most in
    the margins.
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
                # Of two periods that explain it the shorter: multiples of a period do so as well.
                found.append((stands_out - 0.02 * period, period, i / length))
    return found
