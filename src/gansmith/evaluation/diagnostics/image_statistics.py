"""Statistics of one image that need no knowledge of its content: brightness, sharpness, grain, position of the content.

Each statistic is one number per image, so that samples and real images can be compared by its distribution. Grey is luma, from 0
(black) to 1 (white). The background of an image is the median of its outermost pixels, and content is what differs from it.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gansmith.data.pixels import recolour

_CHUNK = 2**22  # pixels processed at a time
_FLAT = 1e-2  # standard deviation of grey below which an image is empty

ABOUT = {
    "brightness": "mean grey",
    "contrast": "standard deviation of grey",
    "background": "median grey of the outermost pixels",
    "sharpness": "edge energy (Laplacian) over the image's own variance, as a root",
    "coherence": "correlation of neighbouring pixels",
    "grain": "standard deviation of grey in 3x3 windows, where a quarter of the image is smoother",
    "specks": "share of pixels that stand out from all eight neighbours by more than a tenth",
    "midtones": "share of pixels in the middle half of the image's own range",
    "levels": "distinct grey values, over 256",
    "direction": "edge energy across minus down, over their sum",
    "area": "share of pixels that are content",
    "parts": "pieces the content falls into",
    "right": "centre of the content, from the left edge, in widths",
    "down": "centre of the content, from the upper edge, in heights",
    "size": "root mean squared distance of the content from its centre, in widths",
    "slant": "covariance of right and down of the content, over their mean variance",
    "colour": "mean difference of an image's strongest and weakest colour",
    "red": "mean red minus mean green",
    "blue": "mean blue minus mean green",
}


def per_image(images: Tensor) -> dict[str, Tensor]:
    """Compute each statistic of `ABOUT`, float32 [N], for images uint8 [N, C, H, W], C in 1, 3, 4.

    Grey images have no statistics of colour. `flat` is 1 for an empty image and 0 for others.
    """
    step = max(1, _CHUNK // images[0].numel())
    parts = [_of_chunk(chunk) for chunk in torch.split(images, step)]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def grey(images: Tensor) -> Tensor:
    """Convert images uint8 [N, C, H, W] to luma float32 [N, H, W] in [0, 1]."""
    return torch.from_numpy(recolour(images.numpy(), 1)[:, 0]).float() / 255


def _of_chunk(images: Tensor) -> dict[str, Tensor]:
    g = grey(images)
    deviation = g.flatten(1).std(1, correction=0)
    flat = deviation < _FLAT
    found = {"brightness": g.mean((1, 2)), "contrast": deviation, "flat": flat.float()}
    found |= _texture(g, deviation.clamp_min(_FLAT)) | _tones(g) | _content(g)
    return found | (_colours(images) if images.shape[1] > 1 else {})


def _texture(g: Tensor, deviation: Tensor) -> dict[str, Tensor]:
    across, down = g[:, :, 1:] - g[:, :, :-1], g[:, 1:] - g[:, :-1]
    x, y = across.square().mean((1, 2)), down.square().mean((1, 2))
    inner = g[:, 1:-1, 1:-1]
    around = torch.stack([g[:, 1 + i : g.shape[1] - 1 + i, 1 + j : g.shape[2] - 1 + j] for i, j in _EIGHT])
    laplacian = around[_FOUR].sum(0) - 4 * inner
    mean, square = (functional.avg_pool2d(v[:, None], 3, 1)[:, 0] for v in (g, g.square()))
    local = (square - mean.square()).clamp_min_(0).sqrt_().flatten(1)
    specks = (inner > around.amax(0) + 0.1) | (inner < around.amin(0) - 0.1)
    return {
        "sharpness": laplacian.square().mean((1, 2)).sqrt() / deviation,
        "coherence": 1 - (x + y) / (4 * deviation.square()),
        "grain": local.kthvalue(1 + local.shape[1] // 4, dim=1).values,
        "specks": specks.float().mean((1, 2)),
        "direction": (x - y) / (x + y).clamp_min(1e-6),
    }


_EIGHT = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
_FOUR = [k for k, (i, j) in enumerate(_EIGHT) if 0 in (i, j)]


def _tones(g: Tensor) -> dict[str, Tensor]:
    flat = g.flatten(1)
    low, high = flat.amin(1, keepdim=True), flat.amax(1, keepdim=True)
    middle = ((flat - (low + high) / 2).abs() < (high - low) / 4).float().mean(1)
    distinct = (flat.sort(1).values.diff(dim=1) > 1e-4).sum(1) + 1
    return {"midtones": middle, "levels": distinct.float() / 256}


def _content(g: Tensor) -> dict[str, Tensor]:
    from scipy import ndimage

    count, height, width = g.shape
    edge = torch.cat([g[:, 0], g[:, -1], g[:, 1:-1, 0], g[:, 1:-1, -1]], 1)
    background = edge.median(1).values
    content = (g - background[:, None, None]).abs()
    strongest = content.amax((1, 2))
    mask = content > strongest.clamp_min(_FLAT)[:, None, None] / 2
    in_plane = np.zeros((3, 3, 3), bool)
    in_plane[1] = True
    labels, _ = ndimage.label(mask.numpy(), in_plane)
    pieces = np.maximum.accumulate(labels.reshape(count, -1).max(1))  # labels count on from image to image
    weight = content / content.sum((1, 2), keepdim=True).clamp_min(1e-6)
    x, y = (torch.arange(n) + 0.5 for n in (width, height))
    right, down = weight.sum(1) @ x, weight.sum(2) @ y
    dx, dy = x - right[:, None], y - down[:, None]
    xx, yy = (weight.sum(1) * dx.square()).sum(1), (weight.sum(2) * dy.square()).sum(1)
    xy = (weight * dy[:, :, None] * dx[:, None]).sum((1, 2))
    return {
        "background": background,
        "area": mask.float().mean((1, 2)),
        "parts": torch.from_numpy(np.diff(pieces, prepend=0)).float(),
        "right": right / width,
        "down": down / height,
        "size": (xx + yy).sqrt() / width,
        "slant": xy / ((xx + yy) / 2).clamp_min(1e-6),
    }


def _colours(images: Tensor) -> dict[str, Tensor]:
    rgb = torch.from_numpy(recolour(images.numpy(), 3)).float() / 255
    red, green, blue = rgb.mean((2, 3)).T
    return {"colour": (rgb.amax(1) - rgb.amin(1)).mean((1, 2)), "red": red - green, "blue": blue - green}
