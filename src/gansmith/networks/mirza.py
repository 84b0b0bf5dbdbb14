"""The networks of the first conditional GAN (Mirza and Osindero 2014, section 4.1)."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from gansmith.core.component import component
from gansmith.core.errors import RecipeError
from gansmith.core.fields import Pieces, Width
from gansmith.networks.base import Shapes
from gansmith.networks.maxout import Maxout
from gansmith.networks.mlp import ENDS, Dropout, End, Share


@component
class MirzaGenerator:
    """The generator of Mirza and Osindero 2014, section 4.1: [N, Z], [N, K + S] -> [N, ...] in the range of `end`.

    Noise and condition each pass a linear layer of their own, of `of_noise` and `of_label` units; both together pass one of
    `joint` units and the output layer. ReLU and dropout follow each hidden layer.
    """

    of_noise: Width = 200
    of_label: Width = 1000
    joint: Width = 1200
    dropout: Share = 0.5
    end: End = "sigmoid"
    takes_condition: ClassVar[bool] = True

    def build(self, shapes: Shapes) -> nn.Module:
        """The generator for these shapes."""
        dim = shapes.condition_dim
        of_label = nn.Sequential(nn.Linear(dim, self.of_label), nn.ReLU(), Dropout(self.dropout)) if dim else None
        joined = self.of_noise + (self.of_label if shapes.condition_dim else 0)
        return TwoPaths(
            nn.Sequential(nn.Linear(shapes.noise, self.of_noise), nn.ReLU(), Dropout(self.dropout)),
            of_label,
            nn.Sequential(
                nn.Linear(joined, self.joint),
                nn.ReLU(),
                Dropout(self.dropout),
                nn.Linear(self.joint, math.prod(shapes.sample)),
                ENDS[self.end](),
                nn.Unflatten(1, shapes.sample),
            ),
        )


@component
class MirzaDiscriminator:
    """The discriminator of Mirza and Osindero 2014, section 4.1: [N, ...], [N, K + S] -> [N, 1].

    Sample and condition each pass a maxout layer of their own; both together pass a third one and a linear layer, with dropout
    after each maxout layer. `widths` and `pieces` are those of the layers for the sample, for the condition and for both.
    """

    widths: tuple[Width, Width, Width] = (240, 50, 240)
    pieces: tuple[Pieces, Pieces, Pieces] = (5, 5, 4)
    dropout: Share = 0.5
    takes_condition: ClassVar[bool] = True

    def build(self, shapes: Shapes) -> nn.Module:
        """The discriminator for these shapes."""
        of_x, of_y, joint = self.widths
        x_pieces, y_pieces, pieces = self.pieces
        is_conditional = bool(shapes.condition_dim) and shapes.observed
        of_label = nn.Sequential(Maxout(shapes.condition_dim, of_y, y_pieces), Dropout(self.dropout)) if is_conditional else None
        return TwoPaths(
            nn.Sequential(nn.Flatten(), Maxout(math.prod(shapes.sample), of_x, x_pieces), Dropout(self.dropout)),
            of_label,
            nn.Sequential(Maxout(of_x + of_y * is_conditional, joint, pieces), Dropout(self.dropout), nn.Linear(joint, 1)),
        )


class TwoPaths(nn.Module):
    """Two inputs with a path each, whose outputs pass a third one together: [N, ...], [N, K + S] -> [N, ...]."""

    def __init__(self, of_given: nn.Module, of_label: nn.Module | None, together: nn.Module) -> None:
        super().__init__()
        self.of_given, self.of_label, self.together = of_given, of_label, together

    def forward(self, given: Tensor, condition: Tensor | None = None) -> Tensor:
        """Noise or samples [N, ...] and condition [N, K + S] -> [N, ...]."""
        features = self.of_given(given)
        if self.of_label is not None:
            if condition is None:
                raise RecipeError("a network for a condition was called without one: choose condition=labels")
            features = torch.cat([features, self.of_label(condition.to(given.dtype))], 1)
        output: Tensor = self.together(features)
        return output
