"""Likelihoods p(x|z) of samples given the generator's output: the reconstruction term of a variational autoencoder."""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor

from gansmith.core.component import component
from gansmith.core.errors import RecipeError
from gansmith.core.fields import Positive


@runtime_checkable
class Likelihood(Protocol):
    """A likelihood p(x|z) whose mean is the generator's output."""

    def target(self, real: Tensor) -> Tensor:
        """The samples to reconstruct, [N, ...]: the real samples, or samples drawn from them."""
        ...

    def log_prob(self, target: Tensor, made: Tensor) -> Tensor:
        """log p(x|z) of each target in nats, [N], where `made` [N, ...] is the generator's output for its z."""
        ...

    def check_range(self, low: float, high: float) -> None:
        """Raise RecipeError for a value range that this likelihood does not support."""
        ...

    def check_real(self, real: Tensor) -> None:
        """Raise RecipeError for real samples that it does not support. Called once a run, because it waits for the device."""
        ...

    def check_made(self, made: Tensor) -> None:
        """Raise RecipeError for outputs of the generator that cannot be its mean. Called once a run."""
        ...


@component
class Bernoulli:
    """A Bernoulli distribution for each pixel, with the generator's output as its probability of 1.

    As in Kingma and Welling 2014, appendix C.1. `binarised` draws each pixel as 0 or 1 anew each time (Salakhutdinov and Murray
    2008), so that log p(x|z) is the likelihood of binary data. Without it, grey values enter the same formula, which is then not
    the likelihood of any data.
    """

    binarised: bool = True

    def target(self, real: Tensor) -> Tensor:
        """The samples to reconstruct, [N, ...]."""
        return torch.bernoulli(real) if self.binarised else real

    def log_prob(self, target: Tensor, made: Tensor) -> Tensor:
        """log p(x|z) in nats, [N]."""
        # PyTorch clamps the logarithm at -100, for probabilities that are rounded to 0.
        return -F.binary_cross_entropy(made, target, reduction="none").flatten(1).sum(1)

    def check_range(self, low: float, high: float) -> None:
        """Raise RecipeError for an unsupported value range."""
        if (low, high) != (0.0, 1.0):
            raise RecipeError(
                f"likelihood bernoulli takes pixels for probabilities, but value_range is [{low}, {high}]: "
                "choose value_range=[0.0,1.0]"
            )

    def check_real(self, real: Tensor) -> None:
        """Raise RecipeError for unsupported real samples."""
        low, high = (float(end) for end in real.aminmax())
        if low < 0.0 or high > 1.0:
            raise RecipeError(
                f"likelihood bernoulli: the data hold numbers from {low:.3g} to {high:.3g}, expected probabilities: "
                "choose likelihood=gaussian, or images"
            )

    def check_made(self, made: Tensor) -> None:
        """Raise RecipeError for unsupported outputs of the generator."""
        low, high = (float(end) for end in made.detach().aminmax())
        if low < 0.0 or high > 1.0:
            raise RecipeError(
                f"likelihood bernoulli: the generator makes numbers from {low:.3g} to {high:.3g}, expected probabilities: "
                "give it end=sigmoid"
            )


@component
class Gaussian:
    """A normal distribution for each pixel, N(generator's output, sigma^2), with one sigma for all.

    As in Kingma and Welling 2014, appendix C.2, where the decoder also predicts sigma for each pixel. log p(x|z) is the logarithm
    of a density: it depends on the recipe's value range and on sigma, and is not comparable with numbers of bits.
    """

    sigma: Positive = 0.1

    def target(self, real: Tensor) -> Tensor:
        """The samples to reconstruct, [N, ...]."""
        return real

    def log_prob(self, target: Tensor, made: Tensor) -> Tensor:
        """log p(x|z) in nats, [N]."""
        away = (target - made) / self.sigma
        return -(0.5 * away.square() + math.log(self.sigma) + 0.5 * math.log(2 * math.pi)).flatten(1).sum(1)

    def check_range(self, low: float, high: float) -> None:
        """Raise RecipeError for an unsupported value range."""

    def check_real(self, real: Tensor) -> None:
        """Raise RecipeError for unsupported real samples."""

    def check_made(self, made: Tensor) -> None:
        """Raise RecipeError for unsupported outputs of the generator."""
