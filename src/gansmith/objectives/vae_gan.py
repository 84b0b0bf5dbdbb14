"""The VAE-GAN: an autoencoder whose reconstruction error is measured in features of the discriminator (Larsen et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from gansmith.core.component import component
from gansmith.core.errors import RecipeError
from gansmith.core.fields import Positive
from gansmith.networks.base import Networks
from gansmith.networks.stack import Stack
from gansmith.objectives.base import Batch, Outcome, Player, Turn
from gansmith.objectives.logits import discriminator_logs, generator_losses, losses_of_both, mean_over_patches
from gansmith.objectives.losses import Loss, NonSaturating
from gansmith.sampling.posterior import Posterior, check_noise, encode


@dataclass(frozen=True, eq=False)
class Passes:
    """The samples that the turns of one step share, with their graph."""

    posterior: Posterior
    again: Tensor  # x~, the reconstructions of the real samples, [N, ...]
    fake: Tensor  # x_p, generated from z ~ N(0, I), [N, ...]


@dataclass(frozen=True, eq=False)
class DiscriminatorPasses:
    """The discriminator's outputs for them after its own turn, which encoder and generator share."""

    error: Tensor  # -log p(D_l(x) | z) without its constant, [N]
    real: Tensor | None  # logits [N, M] of real samples; None unless the loss needs them
    again: Tensor  # logits [N, M] of reconstructions
    fake: Tensor  # logits [N, M] of generated samples


@component
class VaeGan:
    """A VAE-GAN: discriminator, encoder and generator take one turn each on the same samples (Larsen et al. 2016, algorithm 1).

    x is a real sample, x~ its reconstruction, x_p a sample generated from N(0, I), and D_l the output of layer number `layer` of
    the discriminator (by default the input of its last layer):

        encoder        KL(q(z|x) || N(0, I)) + 1/2 |D_l(x) - D_l(x~)|^2 / sigma^2
        generator      gamma 1/2 |D_l(x) - D_l(x~)|^2 / sigma^2 + `loss` of x~ and of x_p
        discriminator  `loss` of x, of x~ and of x_p

    The paper computes all three gradients at the same weights, with sigma = 1; here encoder and generator use the updated
    discriminator. The error is a sum over about a thousand features, hence the small gamma.
    """

    loss: Loss = NonSaturating()
    gamma: Positive = 0.01
    sigma: Positive = 1.0
    layer: Annotated[int, Field(ge=-1000, le=1000)] = -2

    def players(self) -> tuple[Player, ...]:
        """Discriminator, encoder and generator, in this order."""
        return (
            Player("discriminator", ("discriminator",), self.discriminator_loss, fits=lambda recipe: check_noise(recipe.noise)),
            Player("encoder", ("encoder",), self.encoder_loss, reads="shared", keeps_graph=True),
            Player("generator", ("generator",), self.generator_loss, reads="shared"),
        )

    def discriminator_loss(self, networks: Networks, batch: Batch, turn: Turn) -> Outcome:
        """The losses of real samples, of reconstructions and of generated samples, per sample."""
        passes, discriminator = self._passes(networks, batch, turn), networks["discriminator"]
        condition = batch.observed_condition_for(len(batch.real))
        real, again, fake = (discriminator(x.detach(), condition) for x in (batch.real, passes.again, passes.fake))
        real_loss, again_loss = losses_of_both(self.loss, real, again)
        fake_loss = losses_of_both(self.loss, real, fake)[1]
        logs = discriminator_logs(real.detach(), fake.detach(), self.loss.undecided)
        return Outcome(mean_over_patches(real_loss + again_loss + fake_loss), logs)

    def encoder_loss(self, networks: Networks, batch: Batch, turn: Turn) -> Outcome:
        """The KL divergence from the prior plus the reconstruction error in features, per sample."""
        kl, error = self._passes(networks, batch, turn).posterior.kl_to_prior(), self._scores(networks, batch, turn).error
        logs: dict[str, Callable[[], Tensor]] = {
            "KL": partial(torch.mean, kl.detach()),
            "feature error": partial(torch.mean, error.detach()),
        }
        return Outcome(kl + error, logs)

    def generator_loss(self, networks: Networks, batch: Batch, turn: Turn) -> Outcome:
        """gamma times the reconstruction error plus the adversarial losses of x~ and x_p, per sample."""
        scores = self._scores(networks, batch, turn)
        adversarial = generator_losses(self.loss, scores.real, scores.again) + generator_losses(
            self.loss, scores.real, scores.fake
        )
        return Outcome(self.gamma * scores.error + mean_over_patches(adversarial))

    def _passes(self, networks: Networks, batch: Batch, turn: Turn) -> Passes:
        def make() -> Passes:
            generator, prior = networks["generator"], turn.noise(batch.size)
            posterior = encode(networks["encoder"], batch.real, batch.observed_condition_for(len(batch.real)), prior.shape[1])
            z = posterior.sample(torch.randn_like(posterior.mean))  # the trainer seeds torch for each turn
            return Passes(posterior, generator(z, batch.condition), generator(prior, batch.condition))

        return turn.share("passes", make)

    def _scores(self, networks: Networks, batch: Batch, turn: Turn) -> DiscriminatorPasses:
        def score() -> DiscriminatorPasses:
            passes, layers = self._passes(networks, batch, turn), self._layers(networks["discriminator"])
            with torch.no_grad():
                real, real_features = layers.reading(batch.real, self.layer)
            again, again_features = layers.reading(passes.again, self.layer)
            fake = layers(passes.fake, None)
            error = 0.5 * ((real_features - again_features).float() / self.sigma).square().sum(1)
            return DiscriminatorPasses(error, real if self.loss.needs_real else None, again, fake)

        return turn.share("seen", score)

    def _layers(self, discriminator: nn.Module) -> Stack:
        """The discriminator as a Stack. Raises RecipeError where it is no Stack, or has no layer number `layer`."""
        if not isinstance(discriminator, Stack):
            message = "reads a layer of the discriminator, which must be a Stack of layers without a condition"
            raise RecipeError(
                f"VaeGan {message}: choose conv-discriminator or mlp-discriminator, condition=none and compile=false"
            )
        count = len(discriminator)
        if not -count <= self.layer < count:
            raise RecipeError(
                f"VaeGan.layer: expected a layer of the discriminator, from {-count} to {count - 1}, got {self.layer}"
            )
        return discriminator
