"""A discriminator alone, which learns to distinguish real samples from those of a frozen generator."""

from __future__ import annotations

import torch
from torch import Tensor

from gansmith.core.component import component
from gansmith.networks.base import Networks, logits_of, pack_of
from gansmith.objectives.base import Batch, Outcome, Player, Turn
from gansmith.objectives.logits import Output, discriminator_logs, logits_of_both, losses_of_both, mean_over_patches
from gansmith.objectives.losses import Loss, NonSaturating


@component
class Critic:
    """Train a discriminator against a frozen generator, on joint batches of real and as many generated samples.

    Each epoch has the same generated samples. The loss is the mean over the joint batch. The recipe names the generator in
    `frozen`.
    """

    loss: Loss = NonSaturating()

    def players(self) -> tuple[Player, ...]:
        """The discriminator."""
        return (Player("discriminator", ("discriminator",), self.discriminator_loss),)

    def discriminator_loss(self, networks: Networks, batch: Batch, turn: Turn) -> Outcome:
        """Half the losses of real and of generated samples, per pair."""
        with torch.no_grad():
            fake = networks["generator"](turn.fixed_noise(batch.size), batch.condition)

        def discriminate(samples: Tensor) -> Output:
            return networks["discriminator"](samples, batch.observed_condition_for(len(samples)))  # type: ignore[no-any-return]

        fake, pack = fake.to(batch.real.dtype), pack_of(networks["discriminator"])
        real_logits, fake_logits = map(logits_of, logits_of_both(discriminate, batch.real, fake, joint_batch=True, pack=pack))
        real_loss, fake_loss = losses_of_both(self.loss, real_logits, fake_logits)
        logs = discriminator_logs(real_logits.detach(), fake_logits.detach(), self.loss.undecided)
        return Outcome(0.5 * mean_over_patches(real_loss + fake_loss), logs)
