"""A row of layers with the signature of every network, and the one layer in it that can take a condition."""

from __future__ import annotations

from typing import NoReturn

import torch
from torch import Tensor, nn

from gansmith.core.errors import RecipeError


class Stack(nn.Sequential):
    """Layers in a row, with the signature of every network: `forward(x, condition=None)`.

    Each layer maps `x` to the next. Layers that hold a `ConditionalBatchNorm` also get the condition. Raises RecipeError for a
    condition that no layer uses.
    """

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """[N, ...] and, for conditional layers, [N, K] -> [N, ...]."""
        if condition is not None and not uses_condition(self):
            refuse_condition(self)
        for layer in self:
            x = run_layer(layer, x, condition)
        return x

    def reading(self, x: Tensor, layer: int) -> tuple[Tensor, Tensor]:
        """The output, and the output of layer number `layer` flattened to [N, F]. Negative numbers count from the end."""
        features = x
        for i, module in enumerate(self):
            x = module(x)
            if i == layer % len(self):
                features = x.flatten(1).clone()  # the next layer may work in place
        return x, features


class ConditionalBatchNorm(nn.Module):
    """Batch norm with a scale and a shift for each category (Dumoulin et al. 2017, eq. 5): [N, C, h, w], [N, K] -> [N, C, h, w].

    A condition between two categories, such as [.5, .5], gets the weighted mean of their scales and shifts.
    """

    def __init__(self, norm: nn.BatchNorm2d, categories: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(norm.num_features, norm.eps, norm.momentum, affine=False)
        self.scale = nn.Parameter(torch.ones(categories, norm.num_features))
        self.shift = nn.Parameter(torch.zeros(categories, norm.num_features))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """[N, C, h, w] and [N, K] -> [N, C, h, w]."""
        condition = condition.to(x.dtype)
        scale, shift = ((condition @ weights.to(x.dtype))[:, :, None, None] for weights in (self.scale, self.shift))
        normed: Tensor = self.norm(x) * scale + shift
        return normed


def uses_condition(layer: nn.Module) -> bool:
    """Whether a layer is, or contains, a `ConditionalBatchNorm`."""
    return any(isinstance(module, ConditionalBatchNorm) for module in layer.modules())


def refuse_condition(network: nn.Module) -> NoReturn:
    """Raise RecipeError because `network` was given a condition that it does not use."""
    message = f"{type(network).__name__} was given a condition, and none of its layers uses one"
    raise RecipeError(f"{message}: leave takes_condition out of its description, so that gansmith makes it conditional")


def run_layer(layer: nn.Module, x: Tensor, condition: Tensor | None) -> Tensor:
    """The output of one layer, which gets the condition if it uses one."""
    output: Tensor = layer(x, condition) if condition is not None and uses_condition(layer) else layer(x)
    return output
