"""A generator alone, which learns from the true image of each source: the usual start of SRGAN, and pix2pix's rival."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gansmith.core.component import component
from gansmith.networks.base import Networks
from gansmith.objectives.base import Batch, Outcome, Player, RunSettings, Turn
from gansmith.objectives.terms import L1, Term, check_terms, sum_of_terms


@component
class Regression:
    """One player trains the generator to minimise the sum of the terms, without a discriminator."""

    generator_terms: Annotated[tuple[Term, ...], Field(min_length=1)] = (L1(1.0),)

    def players(self) -> tuple[Player, ...]:
        """The generator."""
        return (Player("generator", ("generator",), self.generator_loss, fits=self._fits),)

    def generator_loss(self, networks: Networks, batch: Batch, turn: Turn) -> Outcome:
        """The weighted terms, summed for each sample."""
        fake = networks["generator"](turn.noise(batch.size), batch.condition)
        losses, logs = sum_of_terms(self.generator_terms, fake, batch, turn)
        return Outcome(losses, logs)

    def _fits(self, recipe: RunSettings) -> None:
        check_terms(self.generator_terms, recipe)
