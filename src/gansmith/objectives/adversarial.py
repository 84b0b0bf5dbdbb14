"""Adversarial training of one generator and one discriminator (Goodfellow et al. 2014, algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from gansmith.core.component import component, kebab
from gansmith.core.errors import RecipeError
from gansmith.core.fields import BatchSize, NotNegative, Steps, Turns
from gansmith.networks.base import Networks, logits_of, pack_of
from gansmith.objectives.augmentation import Augment, Augmentation
from gansmith.objectives.auxiliary import AuxiliaryLoss, category_accuracy, require_head
from gansmith.objectives.base import Batch, Outcome, Player, RunSettings, Turn, check_values
from gansmith.objectives.logits import (
    Discriminate,
    Output,
    discriminator_logs,
    generator_losses,
    logits_of_both,
    losses_of_both,
    mean_over_packs,
    mean_over_patches,
    sum_of_both,
)
from gansmith.objectives.losses import Loss, NonSaturating, Wasserstein
from gansmith.objectives.penalties import Penalty, PenaltyInput
from gansmith.objectives.terms import Term, check_terms, sum_of_terms
from gansmith.optim.schedules import Constant, Schedule


@component
class Adversarial:
    """A GAN: in each step the discriminator takes `discriminator_turns` turns, then the generator takes one.

    `loss` maps the discriminator's logits to the losses of both players. With simultaneous turns both losses are computed from
    the same weights before either network is updated (Mescheder et al. 2017, algorithm 1).

    Raises RecipeError where the fields contradict each other.
    """

    loss: Loss = NonSaturating()
    penalties: tuple[Penalty, ...] = ()
    penalty_every: Steps = 1  # steps between penalties, which are multiplied by it (lazy: Karras et al. 2020, appendix B)
    penalty_schedule: Schedule = Constant()  # multiplies every penalty over the run
    auxiliary: AuxiliaryLoss | None = None  # the loss of a head that predicts the condition
    generator_terms: tuple[Term, ...] = ()  # differences from the true image that a translator's generator minimises besides
    adversarial_weight: NotNegative = 1.0  # factor of the adversarial loss of the generator, beside its terms
    augmentation: Augmentation | None = None  # of all samples that the discriminator sees, in both players' turns
    reduction: Literal["sum", "mean"] = "sum"  # of the losses of real and of generated samples; "mean" as over one joint batch
    share: Literal["nothing", "noise", "fakes"] = "nothing"  # reused from the discriminator's turn in the generator's
    joint_batch: bool = False  # score real and generated samples in one pass; makes a difference with batch norm
    turns: Literal["alternating", "simultaneous"] = "alternating"
    discriminator_turns: Turns = 1
    discriminator_fakes: BatchSize | None = None  # generated samples in its turn; None: as many as real ones
    generator_fakes: BatchSize | None = None  # generated samples in its turn; None: as many as real ones

    def __post_init__(self) -> None:
        if self.share != "nothing" and (self.generator_fakes is not None or self.discriminator_turns > 1):
            message = f"share={self.share} reuses the {self.share} of the discriminator's one turn"
            raise RecipeError(f"Adversarial: {message}: leave discriminator_turns at 1 and generator_fakes at none")
        if self.loss.needs_real and self.generator_fakes is not None:
            message = f"{kebab(type(self.loss).__name__)} compares each generated sample with a real one"
            raise RecipeError(f"Adversarial: {message}: leave generator_fakes at none")
        if self.generator_terms and self.generator_fakes is not None:
            message = f"{kebab(type(self.generator_terms[0]).__name__)} compares each generated sample with a real one"
            raise RecipeError(f"Adversarial: {message}: leave generator_fakes at none")
        pairs = (*([self.loss] if self.loss.needs_real else []), *self.penalties, *([self.auxiliary] if self.auxiliary else []))
        if self.discriminator_fakes is not None and pairs:
            message = f"{kebab(type(pairs[0]).__name__)} needs as many generated as real samples"
            raise RecipeError(f"Adversarial: {message}: leave discriminator_fakes at none")
        if self.turns == "simultaneous" and self.discriminator_turns > 1:
            raise RecipeError("Adversarial: with simultaneous turns each player takes one turn: leave discriminator_turns at 1")
        if isinstance(self.loss, Wasserstein) and isinstance(self.augmentation, Augment) and self.augmentation.target is not None:
            message = "augment's target is a share of logits above 0, and for wasserstein only differences of logits count"
            raise RecipeError(f"Adversarial: {message}: leave augmentation.target at none, or choose another loss")

    @property
    def logit_loss(self) -> Loss:
        """The losses of both players without penalties and the auxiliary loss."""
        return self.loss

    def players(self) -> tuple[Player, ...]:
        """The discriminator, then the generator."""
        simultaneous = self.turns == "simultaneous"
        return (
            Player(
                "discriminator",
                ("discriminator",),
                self.discriminator_loss,
                self.discriminator_turns,
                fits=self._fits,
                simultaneous=simultaneous,
            ),
            Player("generator", ("generator",), self.generator_loss, reads="shared", simultaneous=simultaneous),
        )

    def _fits(self, recipe: RunSettings) -> None:
        check_terms(self.generator_terms, recipe)
        if recipe.compile and self.penalties:
            name = kebab(type(self.penalties[0]).__name__)
            message = f"penalty {name} differentiates the discriminator twice, which torch.compile does not support"
            raise RecipeError(f"compile: {message}: leave compile at false, or objective.penalties empty")
        if self.auxiliary is not None and recipe.condition is None:
            message = "objective.auxiliary predicts the condition of a sample, and condition is none"
            raise RecipeError(f"{message}: choose condition=labels or condition=codes, or set objective.auxiliary=none")

    def discriminator_loss(self, networks: Networks, batch: Batch, turn: Turn) -> Outcome:
        """The loss of real and generated samples, plus the auxiliary loss and the penalties that are due in this step."""
        # Shared fakes keep the generator's graph for its own turn; others never build one.
        with nullcontext() if self.share == "fakes" else torch.no_grad():
            fake = self._generate(networks, batch, turn, self.discriminator_fakes or batch.size)
        factor = self._penalty_factor(turn)
        penalties = self.penalties if factor else ()
        sides = {side for penalty in penalties for side in penalty.needs_gradient}
        real = batch.real.detach().requires_grad_("real" in sides)
        fake = fake.detach().requires_grad_("fake" in sides)
        discriminate, pack = self._discriminate(networks, batch, turn), pack_of(networks["discriminator"])
        with torch.autocast(real.device.type, enabled=False) if penalties else nullcontext():
            fake = fake.to(real.dtype)
            real_output, fake_output = logits_of_both(discriminate, real, fake, self.joint_batch, pack)
            real_logits, fake_logits = logits_of(real_output), logits_of(fake_output)
            losses = sum_of_both(*losses_of_both(self.loss, real_logits, fake_logits))
            if self.reduction == "mean":
                losses = 0.5 * losses
            logs = discriminator_logs(real_logits.detach(), fake_logits.detach(), self.loss.undecided)
            if self.auxiliary is not None:
                losses = losses + self._auxiliary_loss(real_output, fake_output, batch, logs)
            inputs = PenaltyInput(real, fake, real_logits, fake_logits, lambda samples: logits_of(discriminate(samples)))
            for penalty in penalties:
                penalty_loss = penalty(inputs, turn)
                check_values(penalty, "", penalty_loss, [len(real)], "one loss for each sample")
                penalty_loss = mean_over_packs(penalty_loss, pack)
                losses = losses + factor * penalty_loss
                logs[kebab(type(penalty).__name__)] = partial(torch.mean, penalty_loss.detach())
        if self.augmentation is not None:
            margin = real_logits - (fake_logits if self.loss.needs_real else self.loss.undecided)
            logs |= self.augmentation.adapt(margin.detach(), batch.size, turn)
        return Outcome(losses, logs)

    def generator_loss(self, networks: Networks, batch: Batch, turn: Turn) -> Outcome:
        """The generator's loss of its samples, plus the auxiliary loss and the terms."""
        fake = self._generate(networks, batch, turn, self.generator_fakes or batch.size)
        discriminate, real_logits = self._discriminate(networks, batch, turn), None
        if self.loss.needs_real:
            with torch.no_grad():
                real_logits = logits_of(discriminate(batch.real))
        output = discriminate(fake)
        losses = mean_over_patches(generator_losses(self.loss, real_logits, logits_of(output)))
        if self.auxiliary is not None and (condition := batch.condition_for(len(fake))) is not None:
            losses = losses + self.auxiliary.generator * self.auxiliary.per_sample(require_head(output), condition)
        if self.adversarial_weight != 1.0:
            losses = self.adversarial_weight * losses
        if not self.generator_terms:
            return Outcome(losses)
        of_terms, logs = sum_of_terms(self.generator_terms, fake, batch, turn)
        return Outcome(losses + of_terms, logs)

    def _auxiliary_loss(
        self, real_output: Output, fake_output: Output, batch: Batch, logs: dict[str, Callable[[], Tensor]]
    ) -> Tensor | float:
        """The discriminator's loss of predicting conditions, [N]; adds its accuracy on categories to the logs."""
        real, fake, condition = require_head(real_output), require_head(fake_output), batch.condition
        if condition is None or self.auxiliary is None:
            return 0.0
        fake_condition = batch.condition_for(len(fake.logits))
        assert fake_condition is not None
        losses = self.auxiliary.per_sample(fake, fake_condition)
        logs["kind of fakes"] = lambda: category_accuracy(fake, fake_condition)
        if batch.observed:
            losses = losses + self.auxiliary.per_sample(real, condition)
            logs["kind of reals"] = lambda: category_accuracy(real, condition)
        return self.auxiliary.discriminator * losses

    def _discriminate(self, networks: Networks, batch: Batch, turn: Turn) -> Discriminate:
        """The discriminator as a function of samples, augmented and with their condition."""

        def discriminate(samples: Tensor) -> Output:
            if self.augmentation is not None:
                samples = self.augmentation(samples, turn)
            return networks["discriminator"](samples, batch.observed_condition_for(len(samples)))  # type: ignore[no-any-return]

        return discriminate

    def _penalty_factor(self, turn: Turn) -> float:
        """The factor of the penalties in this turn; 0 where none is due."""
        if not self.penalties or turn.step % self.penalty_every:
            return 0.0
        return self.penalty_every * self.penalty_schedule.factor(turn.progress)

    def _generate(self, networks: Networks, batch: Batch, turn: Turn, count: int) -> Tensor:
        """Generated samples [count, ...], new ones unless `share` reuses the noise or the samples of the discriminator's turn."""

        def noise() -> Tensor:
            return turn.share("noise", lambda: turn.noise(count)) if self.share == "noise" else turn.noise(count)

        def generate() -> Tensor:
            z = noise()
            return networks["generator"](z, batch.condition_for(len(z)))  # type: ignore[no-any-return]

        return turn.share("fakes", generate) if self.share == "fakes" else generate()
