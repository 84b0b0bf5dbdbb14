"""Twice as large and half as large, without aliasing."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Resample(nn.Module):
    """[N, C, h, w] -> [N, C, height, width]: two matrices, one for the rows of a map and one for its columns.

    Products rather than depth-wise convolutions, because a CPU has no quick kernels for those in bfloat16 nor for their second
    derivative, while derivatives of a product are products.
    """

    def __init__(self, rows: Tensor, columns: Tensor) -> None:
        super().__init__()
        self.rows: Tensor
        self.columns: Tensor
        self.register_buffer("rows", rows, persistent=False)  # [height, h]
        self.register_buffer("columns", columns, persistent=False)  # [width, w]

    def extra_repr(self) -> str:
        (height, h), (width, w) = self.rows.shape, self.columns.shape
        return f"{h}x{w} to {height}x{width}"

    def forward(self, x: Tensor) -> Tensor:
        count, channels, height, width = x.shape
        x = x.permute(0, 2, 3, 1).reshape(count, height, width * channels)
        x = (self.rows @ x).view(count, -1, width, channels)
        return (self.columns @ x).permute(0, 3, 1, 2)


def upsampling(small: tuple[int, int], large: tuple[int, int]) -> Resample:
    """Twice as large by the filter [1, 3, 3, 1] with zeros around (Karras et al. 2020); an odd side lacks its last row."""
    return Resample(*(_doubling(*sides) for sides in zip(small, large, strict=True)))


def downsampling(large: tuple[int, int], small: tuple[int, int]) -> Resample:
    """Half as large by the filter [1, 3, 3, 1] with zeros around: `upsampling`'s transpose over 4."""
    return Resample(*(_doubling(*sides).T.div(2).contiguous() for sides in zip(small, large, strict=True)))


def halvings(height: int, width: int, times: int) -> list[tuple[int, int]]:
    """The sizes of an image and of its halves, rounded up: `times` + 1 of them, the largest first."""
    return [(-(-height // 2**i), -(-width // 2**i)) for i in range(times + 1)]


def _doubling(small: int, large: int) -> Tensor:
    """[large, small]: what the triangle of half-width 1 round each pixel says of the points a quarter to its left and right."""
    points = (torch.arange(large) - 0.5) / 2
    return torch.relu(1 - (points[:, None] - torch.arange(small)).abs())
