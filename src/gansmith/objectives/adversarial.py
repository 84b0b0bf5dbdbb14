"""One generator against one discriminator (Goodfellow et al. 2014, algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from gansmith.core.component import component, kebab
from gansmith.core.errors import RecipeError
from gansmith.networks.base import Networks, logits_of, pack_of
from gansmith.objectives.augmentation import Augment, Augmentation
from gansmith.objectives.auxiliary import AuxiliaryLoss, require_head, right
from gansmith.objectives.base import Batch, Outcome, Player, RunSettings, Turn
from gansmith.objectives.logits import (
    Answer,
    Discriminate,
    added,
    discriminator_logs,
    logits_of_both,
    mean_over_packs,
    mean_over_patches,
)
from gansmith.objectives.losses import Loss, NonSaturating, Wasserstein
from gansmith.objectives.penalties import Penalty, PenaltyInput
from gansmith.optim.schedules import Constant, Schedule


@component
class Adversarial:
    """D takes `discriminator_turns` turns, then G takes one; both pay what `loss` says of D's logits.

    With simultaneous turns both pay from the same weights, and only then G moves, and D (Mescheder et al. 2017, algorithm 1).

    Raises RecipeError where the fields contradict each other.
    """

    loss: Loss = NonSaturating()
    penalties: tuple[Penalty, ...] = ()
    penalty_every: PositiveInt = 1  # steps; what is left out is made up for by this factor (Karras et al. 2020, appendix B)
    penalty_schedule: Schedule = Constant()  # multiplies every penalty over the run
    auxiliary: AuxiliaryLoss | None = None  # what a sample was told to be, from a discriminator with a head for it
    augmentation: Augmentation | None = None  # of whatever D judges, in both players' turns
    reduction: Literal["sum", "mean"] = "sum"  # D's cost of reals and of fakes: added, or averaged as over one joined batch
    share: Literal["nothing", "noise", "fakes"] = "nothing"  # what D's turn hands to G's
    joint_batch: bool = False  # D sees reals and fakes as one batch; the same numbers unless D has batch norm
    turns: Literal["alternating", "simultaneous"] = "alternating"
    discriminator_turns: PositiveInt = 1
    discriminator_fakes: PositiveInt | None = None  # fakes in each of D's turns; None: as many as there are reals
    generator_fakes: PositiveInt | None = None  # samples in G's turn; None: as many as there were reals

    def __post_init__(self) -> None:
        if self.share != "nothing" and (self.generator_fakes is not None or self.discriminator_turns > 1):
            message = f"share={self.share} hands the {self.share} of D's one turn to G"
            raise RecipeError(f"Adversarial: {message}: leave discriminator_turns at 1 and generator_fakes at none")
        if self.loss.needs_real and self.generator_fakes is not None:
            message = f"{kebab(type(self.loss).__name__)} compares each fake with a real one"
            raise RecipeError(f"Adversarial: {message}: leave generator_fakes at none")
        pairs = (*([self.loss] if self.loss.needs_real else []), *self.penalties, *([self.auxiliary] if self.auxiliary else []))
        if self.discriminator_fakes is not None and pairs:
            message = f"{kebab(type(pairs[0]).__name__)} belongs to as many fakes as reals"
            raise RecipeError(f"Adversarial: {message}: leave discriminator_fakes at none")
        if self.turns == "simultaneous" and self.discriminator_turns > 1:
            raise RecipeError("Adversarial: in simultaneous turns either player moves once: leave discriminator_turns at 1")
        if isinstance(self.loss, Wasserstein) and isinstance(self.augmentation, Augment) and self.augmentation.target is not None:
            message = "augment's target asks how often D(x) is above 0, and for wasserstein only differences of D count"
            raise RecipeError(f"Adversarial: {message}: leave augmentation.target at none, or choose another loss")

    def players(self) -> tuple[Player, ...]:
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
        if recipe.compile and self.penalties:
            name = kebab(type(self.penalties[0]).__name__)
            message = f"penalty {name} differentiates D twice, and torch.compile makes code for once alone"
            raise RecipeError(f"compile: {message}: leave compile at false, or objective.penalties empty")
        if self.auxiliary is not None and recipe.condition is None:
            message = "objective.auxiliary predicts the condition of a sample, and condition is none"
            raise RecipeError(f"{message}: choose condition=labels or condition=codes, or set objective.auxiliary=none")

    def discriminator_loss(self, networks: Networks, batch: Batch, turn: Turn) -> Outcome:
        # Shared fakes keep G's graph for G's turn; others never build one.
        with nullcontext() if self.share == "fakes" else torch.no_grad():
            fake = self._fakes(networks, batch, turn, self.discriminator_fakes or batch.size)
        factor = self._penalty_factor(turn)
        due = self.penalties if factor else ()
        asked = {side for penalty in due for side in penalty.needs_gradient}
        real = batch.real.detach().requires_grad_("real" in asked)
        fake = fake.detach().requires_grad_("fake" in asked)
        judge, pack = self._judge(networks, batch, turn), pack_of(networks["discriminator"])
        with torch.autocast(real.device.type, enabled=False) if due else nullcontext():
            fake = fake.to(real.dtype)
            on_real, on_fake = logits_of_both(judge, real, fake, self.joint_batch, pack)
            real_logits, fake_logits = logits_of(on_real), logits_of(on_fake)
            of_real, of_fake = self.loss.discriminator(real_logits, fake_logits)
            costs = added(of_real, of_fake)
            if self.reduction == "mean":
                costs = 0.5 * costs
            logs = discriminator_logs(real_logits.detach(), fake_logits.detach(), self.loss.undecided)
            if self.auxiliary is not None:
                costs = costs + self._unrecovered(on_real, on_fake, batch, logs)
            judged = PenaltyInput(real, fake, real_logits, fake_logits, lambda samples: logits_of(judge(samples)))
            for penalty in due:
                paid = mean_over_packs(penalty(judged, turn), pack)
                costs = costs + factor * paid
                logs[kebab(type(penalty).__name__)] = partial(torch.mean, paid.detach())
        if self.augmentation is not None:
            lead = real_logits - (fake_logits if self.loss.needs_real else self.loss.undecided)
            logs |= self.augmentation.adapt(lead.detach(), batch.size, turn)
        return Outcome(costs, logs)

    def generator_loss(self, networks: Networks, batch: Batch, turn: Turn) -> Outcome:
        fake, judge = self._fakes(networks, batch, turn, self.generator_fakes or batch.size), self._judge(networks, batch, turn)
        real_logits = None
        if self.loss.needs_real:
            with torch.no_grad():
                real_logits = logits_of(judge(batch.real))
        on_fake = judge(fake)
        costs = mean_over_patches(self.loss.generator(real_logits, logits_of(on_fake)))
        if self.auxiliary is not None and (condition := batch.condition_for(len(fake))) is not None:
            costs = costs + self.auxiliary.generator * self.auxiliary.cost(require_head(on_fake), condition)
        return Outcome(costs)

    def _unrecovered(
        self, on_real: Answer, on_fake: Answer, batch: Batch, logs: dict[str, Callable[[], Tensor]]
    ) -> Tensor | float:
        """What D pays for what its head gets wrong, [N]; how often it names the right kind is added to the logs."""
        real, fake, condition = require_head(on_real), require_head(on_fake), batch.condition
        if condition is None or self.auxiliary is None:
            return 0.0
        told_fake = batch.condition_for(len(fake.logits))
        assert told_fake is not None
        costs = self.auxiliary.cost(fake, told_fake)
        logs["kind of fakes"] = lambda: right(fake, told_fake)
        if batch.observed:
            costs = costs + self.auxiliary.cost(real, condition)
            logs["kind of reals"] = lambda: right(real, condition)
        return self.auxiliary.discriminator * costs

    def _judge(self, networks: Networks, batch: Batch, turn: Turn) -> Discriminate:
        def judge(samples: Tensor) -> Answer:
            if self.augmentation is not None:
                samples = self.augmentation(samples, turn)
            return networks["discriminator"](samples, batch.observed_condition_for(len(samples)))  # type: ignore[no-any-return]

        return judge

    def _penalty_factor(self, turn: Turn) -> float:
        """What the penalties are multiplied with in this turn; 0 where none is due."""
        if not self.penalties or turn.step % self.penalty_every:
            return 0.0
        return self.penalty_every * self.penalty_schedule.factor(turn.progress)

    def _fakes(self, networks: Networks, batch: Batch, turn: Turn, count: int) -> Tensor:
        """[count, ...], made by G in this turn unless this step shares what an earlier turn made."""

        def noise() -> Tensor:
            return turn.share("noise", lambda: turn.noise(count)) if self.share == "noise" else turn.noise(count)

        def make() -> Tensor:
            z = noise()
            return networks["generator"](z, batch.condition_for(len(z)))  # type: ignore[no-any-return]

        return turn.share("fakes", make) if self.share == "fakes" else make()
