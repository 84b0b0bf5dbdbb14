"""The posterior of a variational autoencoder: the normal distribution over z that an encoder gives for a sample."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gansmith.core.errors import RecipeError
from gansmith.sampling.noise import Noise, Normal


@dataclass(frozen=True, eq=False)
class Posterior:
    """q(z|x) = N(mean, variance) with independent entries (Kingma and Welling 2014, eq. 9)."""

    mean: Tensor  # [N, Z]
    log_variance: Tensor  # [N, Z]

    def sample(self, epsilon: Tensor) -> Tensor:
        """Sample z = mu + sigma epsilon, [N, Z], given epsilon ~ N(0, I), [N, Z]: the reparameterization trick (section 2.4)."""
        return self.mean + (0.5 * self.log_variance).exp() * epsilon

    def kl_to_prior(self) -> Tensor:
        """KL(q(z|x) || N(0, I)) in nats, [N]: half the sum of mu^2 + sigma^2 - 1 - log sigma^2 (eq. 10 and appendix B)."""
        return 0.5 * (self.mean.square() + self.log_variance.exp() - 1.0 - self.log_variance).sum(1)


def encode(encoder: nn.Module, samples: Tensor, condition: Tensor | None, dim: int) -> Posterior:
    """Encode samples [N, ...]: the posterior of z [N, dim].

    Raises RecipeError if the encoder's output is not [N, 2 dim], means and log variances.
    """
    output: Tensor = encoder(samples, condition)
    if output.ndim != 2 or output.shape[1] != 2 * dim:
        message = f"network 'encoder' returns shape {list(output.shape[1:])} for a sample"
        raise RecipeError(
            f"{message}; expected [{2 * dim}], the means and log variances of z: choose mlp-encoder or conv-encoder"
        )
    mean, log_variance = output.float().chunk(2, 1) if output.dtype == torch.bfloat16 else output.chunk(2, 1)
    return Posterior(mean, log_variance)


def check_noise(noise: Noise) -> None:
    """Raise RecipeError unless z ~ N(0, I), the prior that `Posterior.kl_to_prior` assumes."""
    if not isinstance(noise, Normal):
        raise RecipeError(f"an encoder's prior is N(0, I), but noise is {type(noise).__name__}: choose noise=normal")
