"""Fully connected networks, as the tutorials use them."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated, Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from gansmith.core.component import component
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
    """Ioffe and Szegedy 2015, between a layer and its activation, on the hidden layers from number `first` on.

    Its factors start at N(1, std^2), which in DCGAN's usual code is .02.
    """

    eps: PositiveFloat = 1e-5
    momentum: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1
    first: Annotated[int, Field(ge=0)] = 0
    std: Annotated[float, Field(ge=0.0)] = 0.0

    def of_vectors(self, width: int) -> nn.Module:
        return self._started(nn.BatchNorm1d(width, self.eps, self.momentum))

    def of_maps(self, channels: int) -> nn.Module:
        return self._started(nn.BatchNorm2d(channels, self.eps, self.momentum))

    def _started(self, layer: nn.BatchNorm1d | nn.BatchNorm2d) -> nn.Module:
        if self.std:
            nn.init.normal_(layer.weight, 1.0, self.std)
        return layer


@component
class MLPGenerator:
    """z -> hidden layers -> `end` -> a sample of the data's shape.

    A hidden layer is linear, then batch norm, activation (leaky ReLU, of which slope 0 is ReLU; or tanh) and dropout, each where
    asked for.
    """

    widths: tuple[PositiveInt, ...]
    slope: Annotated[float, Field(ge=0.0)] = 0.2
    batch_norm: BatchNorm | None = None
    dropout: Share = 0.0
    end: End = "tanh"
    init: Init = "torch"
    activation: Activation = "relu"

    def build(self, shapes: Shapes) -> nn.Module:
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
    """A sample -> hidden layers -> one logit. No sigmoid: the losses take logits.

    With `spectral_norm` every layer's largest singular value is held at 1 (Miyato et al. 2018). `minibatch_std` tells the last
    layer how much the samples of groups of that many differ (Karras et al. 2018).
    """

    widths: tuple[PositiveInt, ...]
    slope: Annotated[float, Field(ge=0.0)] = 0.2
    dropout: Share = 0.0
    init: Init = "torch"
    spectral_norm: bool = False
    minibatch_std: Group | None = None

    def build(self, shapes: Shapes) -> nn.Module:
        layers: list[nn.Module] = [nn.Flatten()]
        sizes = [math.prod(shapes.sample), *self.widths]
        for inputs, width in pairwise(sizes):
            layers += [nn.Linear(inputs, width), *_after(self.slope, self.dropout)]
        deviations = deviation(self.minibatch_std)
        network = initialised(Stack(*layers, *deviations, nn.Linear(sizes[-1] + len(deviations), 1)), self.init)
        return spectrally_normed(network) if self.spectral_norm else network


@component
class MLPEncoder:
    """A sample -> hidden layers -> what q(z|x) is: the means of z, then the logarithms of its variances, [N, 2 Z].

    One hidden layer of 500 with tanh is that of Kingma and Welling 2014 (appendix C.2) for MNIST.
    """

    widths: tuple[PositiveInt, ...] = (500,)
    slope: Annotated[float, Field(ge=0.0)] = 0.2
    init: Init = "torch"
    activation: Activation = "relu"

    def build(self, shapes: Shapes) -> nn.Module:
        layers: list[nn.Module] = [nn.Flatten()]
        sizes = [math.prod(shapes.sample), *self.widths]
        for inputs, width in pairwise(sizes):
            layers += [nn.Linear(inputs, width), *_after(self.slope, 0.0, self.activation)]
        return initialised(Stack(*layers, nn.Linear(sizes[-1], 2 * shapes.noise)), self.init)


def _after(slope: float, dropout: float, activation: Activation = "relu") -> list[nn.Module]:
    # In place: the layer before keeps what its own gradient needs, so one array less is written and read.
    relu: nn.Module = nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)
    return [nn.Tanh() if activation == "tanh" else relu, *([Dropout(dropout)] if dropout else [])]


class Dropout(nn.Dropout):
    """Srivastava et al. 2014. On the CPU its mask costs half of PyTorch's: 16 random bits decide on a unit instead of 64.

    The share that is dropped is then right to 1/131072.
    """

    def __init__(self, p: float) -> None:
        super().__init__(p)
        # Python's numbers would be made tensors and converted in each pass, which takes as long as the arithmetic.
        self.least = torch.tensor(min(round(p * 2**16), 2**16 - 1) - 2**15, dtype=torch.int16)
        self.scale = torch.tensor(1.0 / (1.0 - p))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or x.device.type != "cpu":
            return super().forward(x)
        *rows, width = x.shape
        bits = torch.empty(*rows, -(-width // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
        kept = (bits[..., :width] if width % 4 else bits).ge_(self.least)  # in place: making bools takes longer
        return x * (kept * self.scale).to(x.dtype)


def initialised(network: Stack, init: Init) -> Stack:
    """PyTorch's own start; Glorot and Bengio's uniform one (2010, eq. 16), which is Keras's; He et al.'s (2015, eq. 10), uniform
    in +-sqrt(6 / inputs); or small, N(0, .02^2), DCGAN's. All but the first start with zero biases.
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
