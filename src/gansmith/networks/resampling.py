"""Upsampling and downsampling by 2 with an antialiasing filter."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Resample(nn.Module):
    """Resample a map by two matrices, one for its rows and one for its columns: [N, C, h, w] -> [N, C, height, width].

    Products are faster on a CPU than depth-wise convolutions, in bfloat16 and in second derivatives.
    """

    def __init__(self, rows: Tensor, columns: Tensor) -> None:
        super().__init__()
        self.rows: Tensor
        self.columns: Tensor
        self.register_buffer("rows", rows, persistent=False)  # [height, h]
        self.register_buffer("columns", columns, persistent=False)  # [width, w]

    def extra_repr(self) -> str:
        """The sizes, for printing."""
        (height, h), (width, w) = self.rows.shape, self.columns.shape
        return f"{h}x{w} to {height}x{width}"

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, h, w] -> [N, C, height, width]."""
        count, channels, height, width = x.shape
        x = x.permute(0, 2, 3, 1).reshape(count, height, width * channels)
        x = (self.rows @ x).view(count, -1, width, channels)
        return (self.columns @ x).permute(0, 3, 1, 2)


def upsampling(small: tuple[int, int], large: tuple[int, int]) -> Resample:
    """Upsample by 2 with the filter [1, 3, 3, 1] and zero padding (Karras et al. 2020); an odd large side lacks its last row."""
    return Resample(*(_doubling(*sides) for sides in zip(small, large, strict=True)))


def downsampling(large: tuple[int, int], small: tuple[int, int]) -> Resample:
    """Downsample by 2 with the filter [1, 3, 3, 1] and zero padding: the transpose of `upsampling` over 4."""
    return Resample(*(_doubling(*sides).T.div(2).contiguous() for sides in zip(small, large, strict=True)))


def halvings(height: int, width: int, times: int) -> list[tuple[int, int]]:
    """The sizes (height, width) of an image halved 0 to `times` times, rounded up, the largest first."""
    return [(-(-height // 2**i), -(-width // 2**i)) for i in range(times + 1)]


def _doubling(small: int, large: int) -> Tensor:
    """The matrix [large, small] of linear interpolation at a quarter of a pixel to the left and right of each pixel."""
    points = (torch.arange(large) - 0.5) / 2
    return torch.relu(1 - (points[:, None] - torch.arange(small)).abs())
