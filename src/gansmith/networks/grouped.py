"""Convolutions in groups whose second derivatives are as quick as their first."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_weight


class GroupedConv2d(nn.Conv2d):
    """`nn.Conv2d` of stride 1, with bias. PyTorch's own takes its groups one by one in the second derivative, as penalties do."""

    def forward(self, x: Tensor) -> Tensor:
        assert self.bias is not None
        # In x's type, which autocast chose a layer before: the derivatives are outside it.
        parts = (part.to(x.dtype) for part in (self.weight, self.bias))
        return _Grouped.apply(x, *parts, self.padding, self.groups)  # type: ignore[no-any-return,no-untyped-call]


class _Grouped(torch.autograd.Function):
    """The derivative by x is a transposed convolution, whose own derivative takes all groups at once."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, padding: tuple[int, int], groups: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.padding, ctx.groups = padding, groups
        return F.conv2d(x, weight, bias, padding=padding, groups=groups)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (of_y,), (x, weight), like = gradients, ctx.saved_tensors, {"padding": ctx.padding, "groups": ctx.groups}
        needed = ctx.needs_input_grad
        of_x = F.conv_transpose2d(of_y, weight, **like) if needed[0] else None
        of_weight = conv2d_weight(x, weight.shape, of_y, **like) if needed[1] else None  # type: ignore[no-untyped-call]
        return of_x, of_weight, of_y.sum((0, 2, 3)) if needed[2] else None, None, None
