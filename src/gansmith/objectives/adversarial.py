"""One generator against one discriminator (Goodfellow et al. 2014, algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Literal

import torch
from pydantic import PositiveInt
from torch import Tensor

from gansmith.errors import RecipeError
from gansmith.game import Batch, Networks, Outcome, Player, Turn
from gansmith.losses import Loss, NonSaturating
from gansmith.penalties import Judged, Penalty
from gansmith.spec import component, kebab


@component
class Adversarial:
    """D takes `discriminator_turns` turns, then G takes one; both pay what `loss` says of D's logits.

    Raises RecipeError where the fields contradict each other.
    """

    loss: Loss = NonSaturating()
    penalties: tuple[Penalty, ...] = ()
    terms: Literal["sum", "mean"] = "sum"  # D's cost of reals and of fakes: added, or averaged as over one joined batch
    share: Literal["nothing", "noise", "fakes"] = "nothing"  # what D's turn hands to G's
    judge_together: bool = False  # D sees reals and fakes as one batch; the same numbers unless D has batch norm
    discriminator_turns: PositiveInt = 1
    generator_fakes: PositiveInt | None = None  # samples in G's turn; None: as many as there were reals

    def __post_init__(self) -> None:
        if self.share != "nothing" and (self.generator_fakes is not None or self.discriminator_turns > 1):
            told = f"share={self.share} hands the {self.share} of D's one turn to G"
            raise RecipeError(f"Adversarial: {told}: leave discriminator_turns at 1 and generator_fakes at none")
        if self.loss.needs_real and self.generator_fakes is not None:
            told = f"{kebab(type(self.loss).__name__)} compares each fake with a real one"
            raise RecipeError(f"Adversarial: {told}: leave generator_fakes at none")

    def players(self) -> tuple[Player, ...]:
        return (
            Player("discriminator", ("discriminator",), self.discriminator_loss, self.discriminator_turns),
            Player("generator", ("generator",), self.generator_loss, reads="shared"),
        )

    def discriminator_loss(self, networks: Networks, batch: Batch, turn: Turn) -> Outcome:
        # Shared fakes keep G's graph for G's turn; others never build one.
        with nullcontext() if self.share == "fakes" else torch.no_grad():
            fake = self._fakes(networks, batch, turn, batch.size)
        fake, real = fake.detach(), batch.real
        asked = {side for penalty in self.penalties for side in penalty.needs_gradient}
        real = real.detach().requires_grad_("real" in asked)
        fake.requires_grad_("fake" in asked)

        def judge(samples: Tensor) -> Tensor:
            return networks["discriminator"](samples, batch.condition)  # type: ignore[no-any-return]

        with torch.autocast(real.device.type, enabled=False) if self.penalties else nullcontext():
            fake = fake.to(real.dtype)
            if self.judge_together:
                real_logits, fake_logits = judge(torch.cat([real, fake])).chunk(2)
            else:
                real_logits, fake_logits = judge(real), judge(fake)
            of_real, of_fake = self.loss.discriminator(real_logits, fake_logits)
            costs = over_places(of_real + of_fake)
            if self.terms == "mean":
                costs = 0.5 * costs
            if self.penalties:
                judged = Judged(real, fake, real_logits, fake_logits, judge)
                for penalty in self.penalties:
                    costs = costs + penalty(judged, turn)
        return Outcome(costs, what_d_says(real_logits.detach(), fake_logits.detach(), self.loss.undecided))

    def generator_loss(self, networks: Networks, batch: Batch, turn: Turn) -> Outcome:
        fake = self._fakes(networks, batch, turn, self.generator_fakes or batch.size)
        real_logits = None
        if self.loss.needs_real:
            with torch.no_grad():
                real_logits = networks["discriminator"](batch.real, batch.condition)
        fake_logits = networks["discriminator"](fake, batch.condition)
        return Outcome(over_places(self.loss.generator(real_logits, fake_logits)))

    def _fakes(self, networks: Networks, batch: Batch, turn: Turn, count: int) -> Tensor:
        """[count, ...], made by G in this turn unless this step shares what an earlier turn made."""

        def noise() -> Tensor:
            return turn.keep("noise", lambda: turn.noise(count)) if self.share == "noise" else turn.noise(count)

        def make() -> Tensor:
            return networks["generator"](noise(), batch.condition)  # type: ignore[no-any-return]

        return turn.keep("fakes", make) if self.share == "fakes" else make()


def over_places(costs: Tensor) -> Tensor:
    """The mean over the M places judged, [N, M] -> [N]."""
    return costs.squeeze(1) if costs.shape[1] == 1 else costs.mean(1)


def what_d_says(real: Tensor, fake: Tensor, undecided: float) -> dict[str, Callable[[], Tensor]]:
    """D(x) and D(G(z)) as mean probabilities, and the share of both that D puts on the right side of one half."""
    return {
        "D(x)": lambda: (real - undecided).sigmoid().mean(),
        "D(G(z))": lambda: (fake - undecided).sigmoid().mean(),
        "accuracy": lambda: torch.cat([real > undecided, fake < undecided]).float().mean(),
    }
