"""Maxout networks, the discriminator of the first GAN (Goodfellow et al. 2013; 2014)."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from gansmith.core.component import component
from gansmith.core.fields import Positive, Widths
from gansmith.networks.base import Shapes
from gansmith.networks.mlp import Dropout, Init, Share, initialised
from gansmith.networks.spectral import spectrally_normed
from gansmith.networks.stack import Stack


@component
class MaxoutDiscriminator:
    """A maxout discriminator (Goodfellow et al. 2013, section 3; 2014, section 5): [N, ...] -> [N, 1].

    A maxout layer with dropout for each width, then a linear layer. Weights are uniform in [-start, start] with zero biases;
    without `start`, `init` determines them.
    """

    widths: Widths = (240, 240)
    pieces: Annotated[int, Field(ge=2, le=1024)] = 5
    input_dropout: Share = 0.0
    dropout: Share = 0.5
    start: Positive | None = None
    init: Init = "torch"
    spectral_norm: bool = False  # of each layer, with all its pieces as one matrix

    def build(self, shapes: Shapes) -> nn.Module:
        """The discriminator for these shapes."""
        sizes = [math.prod(shapes.sample), *self.widths]
        layers: list[nn.Module] = [nn.Flatten(), Dropout(self.input_dropout)]
        for inputs, width in pairwise(sizes):
            layers += [Maxout(inputs, width, self.pieces), Dropout(self.dropout)]
        network = initialised(Stack(*layers, nn.Linear(sizes[-1], 1)), self.init)
        for layer in network.modules():
            if self.start is not None and isinstance(layer, nn.Linear):
                nn.init.uniform_(layer.weight, -self.start, self.start)
                nn.init.zeros_(layer.bias)
        return spectrally_normed(network) if self.spectral_norm else network


class Maxout(nn.Module):
    """h_i = max over j of w_ij x + b_ij (Goodfellow et al. 2013, section 3): [N, inputs] -> [N, width]."""

    def __init__(self, inputs: int, width: int, pieces: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, width * pieces)
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs] -> [N, width]."""
        pieces: Tensor = self.linear(x).unflatten(1, (-1, self.pieces))
        return pieces.amax(2)
