"""How likely an image is where a generator makes the mean of it: what a variational objective means by reconstruction."""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from pydantic import PositiveFloat
from torch import Tensor

from gansmith.core.component import component
from gansmith.core.errors import RecipeError


@runtime_checkable
class Likelihood(Protocol):
    def target(self, real: Tensor) -> Tensor:
        """What is to be reconstructed, [N, ...] like the reals: they themselves, or what is drawn from them."""
        ...

    def log(self, target: Tensor, made: Tensor) -> Tensor:
        """log p(x|z) of each sample where the generator made `made` of its z, in nats, [N]."""
        ...

    def check_range(self, low: float, high: float) -> None:
        """Raises RecipeError for a value range it is not for."""
        ...

    def check_real(self, real: Tensor) -> None:
        """Raises RecipeError for samples it is not for. Asked once a run, as it waits for the device."""
        ...

    def check_made(self, made: Tensor) -> None:
        """Raises RecipeError where a generator makes what can be no mean of it. Asked once a run likewise."""
        ...


@component
class Bernoulli:
    """Every number is a coin that shows 1 with the probability the generator makes (Kingma and Welling 2014, appendix C.1).

    `binarised` draws black or white from each pixel, afresh each time (Salakhutdinov and Murray 2008), so that log p(x|z) is
    that of data which are 0 or 1. Without it grey pixels are put into the same formula, which is then no likelihood of
    anything.
    """

    binarised: bool = True

    def target(self, real: Tensor) -> Tensor:
        return torch.bernoulli(real) if self.binarised else real

    def log(self, target: Tensor, made: Tensor) -> Tensor:
        # PyTorch holds the logarithm of a probability that rounding made 0 at -100.
        return -F.binary_cross_entropy(made, target, reduction="none").flatten(1).sum(1)

    def check_range(self, low: float, high: float) -> None:
        if (low, high) != (0.0, 1.0):
            raise RecipeError(
                f"likelihood bernoulli takes pixels for probabilities, but value_range is [{low}, {high}]: "
                "choose value_range=[0.0,1.0]"
            )

    def check_real(self, real: Tensor) -> None:
        low, high = (float(end) for end in real.aminmax())
        if low < 0.0 or high > 1.0:
            raise RecipeError(
                f"likelihood bernoulli: the data hold numbers from {low:.3g} to {high:.3g}, expected probabilities: "
                "choose likelihood=gaussian, or images"
            )

    def check_made(self, made: Tensor) -> None:
        low, high = (float(end) for end in made.detach().aminmax())
        if low < 0.0 or high > 1.0:
            raise RecipeError(
                f"likelihood bernoulli: the generator makes numbers from {low:.3g} to {high:.3g}, expected probabilities: "
                "give it end=sigmoid"
            )


@component
class Gaussian:
    """Every number is drawn from N(what the generator makes, sigma^2), one sigma for all (Kingma and Welling 2014, appendix C.2).

    The paper's decoder makes a sigma for each pixel too. log p(x|z) is of a density in the recipe's value range, of pixels as
    they are: it depends on that range, and on sigma, and is no number of bits.
    """

    sigma: PositiveFloat = 0.1

    def target(self, real: Tensor) -> Tensor:
        return real

    def log(self, target: Tensor, made: Tensor) -> Tensor:
        away = (target - made) / self.sigma
        return -(0.5 * away.square() + math.log(self.sigma) + 0.5 * math.log(2 * math.pi)).flatten(1).sum(1)

    def check_range(self, low: float, high: float) -> None:
        pass

    def check_real(self, real: Tensor) -> None:
        pass

    def check_made(self, made: Tensor) -> None:
        pass
