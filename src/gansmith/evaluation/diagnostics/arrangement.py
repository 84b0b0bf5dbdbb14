"""Rearranged images: whether samples look like real images that were mirrored, rotated, moved, cut and joined, or inverted."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from gansmith.evaluation.metrics import scores as metrics
from gansmith.evaluation.metrics.moments import Moments, joined

SMALL = 8  # side of the small pictures in which arrangements are compared
LIMIT = 2000  # images of each set

Change = Callable[[Tensor], Tensor]


def closest(fake: Tensor, held_out: Tensor, real: Tensor, statistics: dict[str, Any]) -> dict[str, Any]:
    """Find the rearrangement of real images that is most similar to the samples: mirrored, turned, moved, negative ...

    The measure is the Frechet distance of small pictures, 8 pixels a side, brought to equal mean and variance, so that only the
    arrangement counts. `as_is` is the distance of unchanged real images, `floor` that of held-out ones, and `best` the least
    distance after applying `change` to a `share` of the real images.
    """
    real = real[:LIMIT]
    target, unchanged = _moments(fake[:LIMIT]), _moments(real)
    offset = _offset(*(images.float().mean((0, 1)) for images in (fake, real)))
    altered = {name: _moments(change(real)) for name, change in changes(statistics, real.shape, offset).items()}

    def apart(altered: Moments, share: float) -> float:
        return metrics.frechet_distance(_even(_mixed(unchanged, altered, share)), _even(target))

    found = {(name, share): apart(moments, share) for name, moments in altered.items() for share in (0.5, 1.0)}
    name = min(found, key=lambda key: found[key])[0]
    found |= {(name, share): apart(altered[name], share) for share in (0.3, 0.7)}
    change, share = min(found, key=lambda key: found[key])
    as_is = apart(unchanged, 0.0)
    better = found[change, share] < as_is
    return {
        "as_is": as_is,
        "floor": metrics.frechet_distance(_even(unchanged), _even(_moments(held_out[:LIMIT]))),
        "best": min(as_is, found[change, share]),
        "change": change if better else None,
        "share": share if better else 0.0,
        "variance": _even(unchanged).variance,
    }


def changes(statistics: dict[str, Any], shape: torch.Size, offset: tuple[int, int] = (0, 0)) -> dict[str, Change]:
    """Candidate changes of real images [N, C, H, W], by name.

    Translations come from the statistics and from `offset` (across, down), the best match of the mean images.
    """
    _, channels, height, width = shape
    found: dict[str, Change] = {
        "mirrored": lambda x: x.flip(3),
        "upside down": lambda x: x.flip(2),
        "negative": lambda x: 255 - x.float(),
        "turned by 180 degrees": lambda x: x.flip(2, 3),
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
    for x, y in {(across, down), offset} - {(0, 0)}:
        found[f"moved {_direction(x, y)}"] = _moved(x, y)
    if offset != (0, 0):
        found[f"moved {_direction(*offset)}, what leaves on one side coming in on the other"] = _rolled(*offset)
    zoom = statistics["size"]["fake"] / max(statistics["size"]["real"], 1e-6)
    if abs(zoom - 1) > 0.05 and 0.2 < zoom < 5:
        found[f"{'enlarged' if zoom > 1 else 'shrunk'} to {100 * zoom:.0f} %"] = _affine(0, zoom)
    if channels >= 3:
        names = {(1, 0, 2): "red and green", (2, 1, 0): "red and blue", (0, 2, 1): "green and blue"}
        found |= {f"{name} swapped": _reordered(order, channels) for order, name in names.items()}
    return found


_ANGLES = (-60, -45, -30, -15, 15, 30, 45, 60)


def _offset(fake: Tensor, real: Tensor) -> tuple[int, int]:
    """Cyclic translation (across, down) of the mean real image that best matches the mean sample."""
    height, width = real.shape
    fit = torch.fft.irfft2(torch.fft.rfft2(fake) * torch.fft.rfft2(real).conj(), s=(height, width))
    down, across = divmod(int(fit.argmax()), width)
    return across - width * (across > width // 2), down - height * (down > height // 2)


def _direction(across: int, down: int) -> str:
    words = []
    if across:
        words.append(f"{abs(across)} px to the {'right' if across > 0 else 'left'}")
    if down:
        words.append(f"{abs(down)} px {'down' if down > 0 else 'up'}")
    return " and ".join(words)


def _affine(degrees: float, zoom: float = 1.0) -> Change:
    """Rotation to the left about the centre and scaling; the outside repeats the edge."""
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


def _rolled(across: int, down: int) -> Change:
    return lambda images: images.roll((down, across), (2, 3))


def _reordered(order: tuple[int, ...], channels: int) -> Change:
    return lambda images: images[:, [*order, *range(3, channels)]]


def small_pictures(images: Tensor) -> Tensor:
    """Average each channel of images [N, C, H, W] to 8 x 8 pixels: float32 [N, C * 64], same range."""
    return torch.cat([functional.adaptive_avg_pool2d(c.float(), SMALL).flatten(1) for c in torch.split(images, 500)])


def _moments(images: Tensor) -> Moments:
    return Moments.of(small_pictures(images))


def _mixed(plain: Moments, altered: Moments, share: float) -> Moments:
    """Moments of a mixture: `share` of altered images, the rest unchanged."""
    return joined([plain, altered], [1 - share, share])


def _even(moments: Moments) -> Moments:
    """Moments of the rows after normalisation to mean 0 and variance 1 over all rows and pixels together."""
    centre = float(moments.mean.mean())
    square = float(moments.factor.square().sum()) / moments.count + float((moments.mean - centre).square().sum())
    return moments.scaled(centre, max(square / moments.width, 1.0) ** 0.5)
