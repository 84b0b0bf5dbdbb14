"""Fully connected networks (multilayer perceptrons), their batch norm, dropout and initialisation."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from gansmith.core.component import component
from gansmith.core.fields import Depth, NotNegative, Positive, Slope, Widths
from gansmith.networks.base import Shapes
from gansmith.networks.minibatch import Group, deviation
from gansmith.networks.spectral import spectrally_normed
from gansmith.networks.stack import Stack

Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Init = Literal["torch", "glorot", "he", "small"]
End = Literal["tanh", "sigmoid", "linear"]
Activation = Literal["relu", "tanh"]

ENDS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "linear": nn.Identity}


@component
class BatchNorm:
    """Batch norm (Ioffe and Szegedy 2015, algorithm 1) between a layer and its activation, from hidden layer `first` on.

    Its scales start at N(1, std^2); the usual code of DCGAN has std=.02.
    """

    eps: Positive = 1e-5
    momentum: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1
    first: Depth = 0
    std: NotNegative = 0.0

    def of_vectors(self, width: int) -> nn.Module:
        """The layer for vectors, [N, width] -> [N, width]."""
        return self._started(nn.BatchNorm1d(width, self.eps, self.momentum))

    def of_maps(self, channels: int) -> nn.Module:
        """The layer for maps, [N, channels, h, w] -> [N, channels, h, w]."""
        return self._started(nn.BatchNorm2d(channels, self.eps, self.momentum))

    def _started(self, layer: nn.BatchNorm1d | nn.BatchNorm2d) -> nn.Module:
        if self.std:
            nn.init.normal_(layer.weight, 1.0, self.std)
        return layer


@component
class MLPGenerator:
    """A fully connected generator: [N, Z] -> [N, ...] in the range of `end`.

    Each hidden layer is linear, then optional batch norm, an activation and optional dropout. activation="relu" is leaky ReLU of
    `slope`, where 0 is ReLU.
    """

    widths: Widths
    slope: Slope = 0.2
    batch_norm: BatchNorm | None = None
    dropout: Share = 0.0
    end: End = "tanh"
    init: Init = "torch"
    activation: Activation = "relu"

    def build(self, shapes: Shapes) -> nn.Module:
        """The generator for these shapes."""
        layers: list[nn.Module] = []
        for i, (inputs, width) in enumerate(pairwise([shapes.noise, *self.widths])):
            layers.append(nn.Linear(inputs, width))
            if self.batch_norm is not None and i >= self.batch_norm.first:
                layers.append(self.batch_norm.of_vectors(width))
            layers += _after(self.slope, self.dropout, self.activation)
        layers += [nn.Linear([shapes.noise, *self.widths][-1], math.prod(shapes.sample)), ENDS[self.end]()]
        return initialised(Stack(*layers, nn.Unflatten(1, shapes.sample)), self.init)


@component
class MLPDiscriminator:
    """A fully connected discriminator: [N, ...] -> [N, 1]. Losses take logits, so there is no sigmoid.

    `spectral_norm` holds the largest singular value of each layer at 1 (Miyato et al. 2018, eq. 8). `minibatch_std` gives the
    last layer the standard deviation over groups of so many samples (Karras et al. 2018, section 3).
    """

    widths: Widths
    slope: Slope = 0.2
    dropout: Share = 0.0
    init: Init = "torch"
    spectral_norm: bool = False
    minibatch_std: Group | None = None

    def build(self, shapes: Shapes) -> nn.Module:
        """The discriminator for these shapes."""
        layers: list[nn.Module] = [nn.Flatten()]
        sizes = [math.prod(shapes.sample), *self.widths]
        for inputs, width in pairwise(sizes):
            layers += [nn.Linear(inputs, width), *_after(self.slope, self.dropout)]
        deviations = deviation(self.minibatch_std)
        network = initialised(Stack(*layers, *deviations, nn.Linear(sizes[-1] + len(deviations), 1)), self.init)
        return spectrally_normed(network) if self.spectral_norm else network


@component
class MLPEncoder:
    """A fully connected encoder: [N, ...] -> [N, 2 Z], the means of q(z|x), then the logarithms of its variances.

    The encoder of Kingma and Welling 2014 (appendix C.2) for MNIST has one hidden layer of 500 units with tanh.
    """

    widths: Widths = (500,)
    slope: Slope = 0.2
    init: Init = "torch"
    activation: Activation = "relu"

    def build(self, shapes: Shapes) -> nn.Module:
        """The encoder for these shapes."""
        layers: list[nn.Module] = [nn.Flatten()]
        sizes = [math.prod(shapes.sample), *self.widths]
        for inputs, width in pairwise(sizes):
            layers += [nn.Linear(inputs, width), *_after(self.slope, 0.0, self.activation)]
        return initialised(Stack(*layers, nn.Linear(sizes[-1], 2 * shapes.noise)), self.init)


def _after(slope: float, dropout: float, activation: Activation = "relu") -> list[nn.Module]:
    """The layers after a hidden linear layer: its activation and optional dropout."""
    # In place, which saves one array: the layer before keeps what its gradient needs.
    relu: nn.Module = nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)
    return [nn.Tanh() if activation == "tanh" else relu, *([Dropout(dropout)] if dropout else [])]


class Dropout(nn.Dropout):
    """Dropout (Srivastava et al. 2014, section 4), [N, ...] -> [N, ...].

    On the CPU it draws 16 random bits for each unit instead of PyTorch's 64, which takes half the time. The share of dropped
    units is then exact to 1/131072.
    """

    def __init__(self, p: float) -> None:
        super().__init__(p)
        # As tensors, because converting Python numbers in each pass takes as long as the arithmetic.
        self.least = torch.tensor(min(round(p * 2**16), 2**16 - 1) - 2**15, dtype=torch.int16)
        self.scale = torch.tensor(1.0 / (1.0 - p))

    def forward(self, x: Tensor) -> Tensor:
        """[N, ...] -> [N, ...], with dropped units set to 0 and the others scaled by 1 / (1 - p) in training."""
        if not self.training or x.device.type != "cpu":
            return super().forward(x)
        *rows, width = x.shape
        bits = torch.empty(*rows, -(-width // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
        kept = (bits[..., :width] if width % 4 else bits).ge_(self.least)  # in place, which is faster than making bools
        return x * (kept * self.scale).to(x.dtype)


def initialised(network: Stack, init: Init) -> Stack:
    """Initialise the linear layers of a network in place, and return it.

    "torch" keeps PyTorch's initialisation. "glorot" is uniform (Glorot and Bengio 2010, eq. 16), as in Keras. "he" is uniform in
    +-sqrt(6 / inputs) (He et al. 2015, eq. 10). "small" is N(0, .02^2), as in DCGAN. All but "torch" set biases to 0.
    """
    for layer in network.modules():
        if init != "torch" and isinstance(layer, nn.Linear):
            if init == "glorot":
                nn.init.xavier_uniform_(layer.weight)
            elif init == "he":
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
            else:
                nn.init.normal_(layer.weight, 0.0, 0.02)
            nn.init.zeros_(layer.bias)
    return network
