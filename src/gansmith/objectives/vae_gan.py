"""The VAE-GAN: an autoencoder whose reconstructions are compared by what the discriminator sees in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from pydantic import PositiveFloat
from torch import Tensor, nn

from gansmith.core.component import component
from gansmith.core.errors import RecipeError
from gansmith.networks.base import Networks
from gansmith.networks.stack import Stack
from gansmith.objectives.base import Batch, Outcome, Player, Turn
from gansmith.objectives.logits import discriminator_logs, mean_over_patches
from gansmith.objectives.losses import Loss, NonSaturating
from gansmith.sampling.posterior import Posterior, check_noise, encoded


@dataclass(frozen=True, eq=False)
class Passes:
    """What the turns of one step share, with its graph."""

    posterior: Posterior
    again: Tensor  # x~, the reals made again from their z, [N, ...]
    fake: Tensor  # x_p, made of z ~ N(0, I), [N, ...]


@dataclass(frozen=True, eq=False)
class DiscriminatorPasses:
    """What D, after its turn, says of them: shared by the two turns that follow."""

    error: Tensor  # -log p(D_l(x) | z) without its constant, [N]
    real: Tensor | None  # logits of reals, where the loss compares with them
    again: Tensor  # logits [N, M]
    fake: Tensor  # logits [N, M]


@component
class VaeGan:
    """D, then encoder, then generator take a turn each over the same passes (Larsen et al. 2016, algorithm 1).

    With x~ made from the z of x, x_p from a random z, and D_l what layer number `layer` of D makes (by default what its last
    layer sees):

        encoder    KL(q(z|x) || N(0, I)) + 1/2 |D_l(x) - D_l(x~)|^2 / sigma^2
        generator  gamma 1/2 |D_l(x) - D_l(x~)|^2 / sigma^2 + what `loss` says of x~ and of x_p
        D          what `loss` says of x, of x~ and of x_p

    The paper moves all three from gradients at the same weights, and has sigma at 1; here the other two see the D that has just
    moved. Errors are sums over D's features, of which there are a thousand or so, hence the small gamma.
    """

    loss: Loss = NonSaturating()
    gamma: PositiveFloat = 0.01
    sigma: PositiveFloat = 1.0
    layer: int = -2

    def players(self) -> tuple[Player, ...]:
        return (
            Player("discriminator", ("discriminator",), self.discriminator_loss, fits=lambda recipe: check_noise(recipe.noise)),
            Player("encoder", ("encoder",), self.encoder_loss, reads="shared", keeps_graph=True),
            Player("generator", ("generator",), self.generator_loss, reads="shared"),
        )

    def discriminator_loss(self, networks: Networks, batch: Batch, turn: Turn) -> Outcome:
        passes, judge = self._passes(networks, batch, turn), networks["discriminator"]
        condition = batch.observed_condition_for(len(batch.real))
        real, again, fake = (judge(x.detach(), condition) for x in (batch.real, passes.again, passes.fake))
        of_real, of_again = self.loss.discriminator(real, again)
        of_fake = self.loss.discriminator(real, fake)[1]
        said = discriminator_logs(real.detach(), fake.detach(), self.loss.undecided)
        return Outcome(mean_over_patches(of_real + of_again + of_fake), said)

    def encoder_loss(self, networks: Networks, batch: Batch, turn: Turn) -> Outcome:
        kl, error = self._passes(networks, batch, turn).posterior.divergence(), self._seen(networks, batch, turn).error
        logs: dict[str, Callable[[], Tensor]] = {
            "KL": partial(torch.mean, kl.detach()),
            "feature error": partial(torch.mean, error.detach()),
        }
        return Outcome(kl + error, logs)

    def generator_loss(self, networks: Networks, batch: Batch, turn: Turn) -> Outcome:
        seen = self._seen(networks, batch, turn)
        fooled = self.loss.generator(seen.real, seen.again) + self.loss.generator(seen.real, seen.fake)
        return Outcome(self.gamma * seen.error + mean_over_patches(fooled))

    def _passes(self, networks: Networks, batch: Batch, turn: Turn) -> Passes:
        def make() -> Passes:
            generator, prior = networks["generator"], turn.noise(batch.size)
            posterior = encoded(networks["encoder"], batch.real, batch.observed_condition_for(len(batch.real)), prior.shape[1])
            z = posterior.draw(torch.randn_like(posterior.mean))  # from torch's generator, which the turn has seeded
            return Passes(posterior, generator(z, batch.condition), generator(prior, batch.condition))

        return turn.share("passes", make)

    def _seen(self, networks: Networks, batch: Batch, turn: Turn) -> DiscriminatorPasses:
        def look() -> DiscriminatorPasses:
            passes, judge = self._passes(networks, batch, turn), self._layers(networks["discriminator"])
            with torch.no_grad():
                real, of_real = judge.reading(batch.real, self.layer)
            again, of_again = judge.reading(passes.again, self.layer)
            fake = judge(passes.fake, None)
            error = 0.5 * ((of_real - of_again).float() / self.sigma).square().sum(1)
            return DiscriminatorPasses(error, real if self.loss.needs_real else None, again, fake)

        return turn.share("seen", look)

    def _layers(self, discriminator: nn.Module) -> Stack:
        """D as layers one after another. Raises RecipeError where it is none, or has no such layer."""
        if not isinstance(discriminator, Stack):
            message = "reads a layer of the discriminator, and this one is no plain row of layers"
            raise RecipeError(
                f"VaeGan {message}: choose conv-discriminator or mlp-discriminator, condition=none and compile=false"
            )
        if not -len(discriminator) <= self.layer < len(discriminator):
            raise RecipeError(f"VaeGan.layer: the discriminator has {len(discriminator)} layers, there is no number {self.layer}")
        return discriminator
