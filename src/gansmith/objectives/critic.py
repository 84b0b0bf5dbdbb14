"""D alone: it learns to tell real samples from the images of a generator that nobody trains."""

from __future__ import annotations

import torch
from torch import Tensor

from gansmith.core.component import component
from gansmith.networks.base import Networks, logits_of, pack_of
from gansmith.objectives.base import Batch, Outcome, Player, Turn
from gansmith.objectives.logits import Answer, discriminator_logs, logits_of_both, mean_over_patches
from gansmith.objectives.losses import Loss, NonSaturating


@component
class Critic:
    """Each batch joins reals with as many fakes, the same fakes every epoch; D pays the mean over the joined batch.

    The recipe names the generator in `frozen`.
    """

    loss: Loss = NonSaturating()

    def players(self) -> tuple[Player, ...]:
        return (Player("discriminator", ("discriminator",), self.discriminator_loss),)

    def discriminator_loss(self, networks: Networks, batch: Batch, turn: Turn) -> Outcome:
        with torch.no_grad():
            fake = networks["generator"](turn.fixed_noise(batch.size), batch.condition)

        def judge(samples: Tensor) -> Answer:
            return networks["discriminator"](samples, batch.observed_condition_for(len(samples)))  # type: ignore[no-any-return]

        fake, pack = fake.to(batch.real.dtype), pack_of(networks["discriminator"])
        real_logits, fake_logits = map(logits_of, logits_of_both(judge, batch.real, fake, together=True, pack=pack))
        of_real, of_fake = self.loss.discriminator(real_logits, fake_logits)
        said = discriminator_logs(real_logits.detach(), fake_logits.detach(), self.loss.undecided)
        return Outcome(0.5 * mean_over_patches(of_real + of_fake), said)
