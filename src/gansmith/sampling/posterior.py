"""What an encoder says of a sample: a normal distribution over the z that it may have come from."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gansmith.core.errors import RecipeError
from gansmith.sampling.noise import Noise, Normal


@dataclass(frozen=True, eq=False)
class Posterior:
    """q(z|x) = N(mean, variance), each entry of z by itself (Kingma and Welling 2014, eq. 9)."""

    mean: Tensor  # [N, Z]
    log_variance: Tensor  # [N, Z]

    def draw(self, epsilon: Tensor) -> Tensor:
        """z = mu + sigma epsilon for epsilon ~ N(0, I), [N, Z] (section 2.4)."""
        return self.mean + (0.5 * self.log_variance).exp() * epsilon

    def divergence(self) -> Tensor:
        """KL(q(z|x) || N(0, I)) in nats, [N]: half the sum of mu^2 + sigma^2 - 1 - log sigma^2 (eq. 10 and appendix B)."""
        return 0.5 * (self.mean.square() + self.log_variance.exp() - 1.0 - self.log_variance).sum(1)


def encoded(encoder: nn.Module, samples: Tensor, condition: Tensor | None, dim: int) -> Posterior:
    """What the encoder says of samples. Raises RecipeError where it does not answer with means and variances of z."""
    answer: Tensor = encoder(samples, condition)
    if answer.ndim != 2 or answer.shape[1] != 2 * dim:
        message = f"network 'encoder' answers with shape {list(answer.shape[1:])} for a sample"
        raise RecipeError(
            f"{message}; expected [{2 * dim}], the means and log variances of z: choose mlp-encoder or conv-encoder"
        )
    mean, log_variance = answer.float().chunk(2, 1) if answer.dtype == torch.bfloat16 else answer.chunk(2, 1)
    return Posterior(mean, log_variance)


def check_noise(noise: Noise) -> None:
    """Raises RecipeError where z is not N(0, I), which is what the divergence is from."""
    if not isinstance(noise, Normal):
        raise RecipeError(f"an encoder's z is held near N(0, I), but noise is {type(noise).__name__}: choose noise=normal")
