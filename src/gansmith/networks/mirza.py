"""The networks of the first conditional GAN, which keep noise, sample and label apart for a layer (Mirza and Osindero 2014)."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from gansmith.core.component import component
from gansmith.core.errors import RecipeError
from gansmith.networks.base import Shapes
from gansmith.networks.maxout import Maxout
from gansmith.networks.mlp import ENDS, Dropout, End, Share


@component
class MirzaGenerator:
    """z -> ReLU and y -> ReLU, joined -> ReLU -> `end`, with dropout behind each hidden layer (section 4.1)."""

    of_noise: PositiveInt = 200
    of_label: PositiveInt = 1000
    joint: PositiveInt = 1200
    dropout: Share = 0.5
    end: End = "sigmoid"
    takes_condition: ClassVar[bool] = True

    def build(self, shapes: Shapes) -> nn.Module:
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
    """A sample x -> maxout and label y -> maxout, joined -> maxout -> one logit, dropout behind each hidden layer (section 4.1).

    Widths and pieces, in this order, of x, of y and of both.
    """

    widths: tuple[PositiveInt, PositiveInt, PositiveInt] = (240, 50, 240)
    pieces: tuple[PositiveInt, PositiveInt, PositiveInt] = (5, 5, 4)
    dropout: Share = 0.5
    takes_condition: ClassVar[bool] = True

    def build(self, shapes: Shapes) -> nn.Module:
        of_x, of_y, joint = self.widths
        x_pieces, y_pieces, pieces = self.pieces
        is_told = bool(shapes.condition_dim) and shapes.observed
        of_label = nn.Sequential(Maxout(shapes.condition_dim, of_y, y_pieces), Dropout(self.dropout)) if is_told else None
        return TwoPaths(
            nn.Sequential(nn.Flatten(), Maxout(math.prod(shapes.sample), of_x, x_pieces), Dropout(self.dropout)),
            of_label,
            nn.Sequential(Maxout(of_x + of_y * is_told, joint, pieces), Dropout(self.dropout), nn.Linear(joint, 1)),
        )


class TwoPaths(nn.Module):
    """What is given and what it is told go a path each, then one together."""

    def __init__(self, of_given: nn.Module, of_label: nn.Module | None, together: nn.Module) -> None:
        super().__init__()
        self.of_given, self.of_label, self.together = of_given, of_label, together

    def forward(self, given: Tensor, condition: Tensor | None = None) -> Tensor:
        made = self.of_given(given)
        if self.of_label is not None:
            if condition is None:
                raise RecipeError("a network that is told labels was given none: say condition=labels")
            made = torch.cat([made, self.of_label(condition.to(given.dtype))], 1)
        judged: Tensor = self.together(made)
        return judged
