"""The variational autoencoder: an encoder and a generator with one aim, and no discriminator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor

from gansmith.core.component import component
from gansmith.networks.base import Networks
from gansmith.objectives.base import Batch, Outcome, Player, RunSettings, Turn
from gansmith.objectives.likelihoods import Bernoulli, Likelihood
from gansmith.sampling.posterior import check_noise, encoded


@component
class Variational:
    """One player moves encoder and generator to raise the ELBO, with one z a sample (Kingma and Welling 2014, algorithm 1).

    ELBO = E[log p(x|z)] - KL(q(z|x) || N(0, I)) in nats a sample (eq. 3), a lower bound of log p(x). The first term is estimated
    with the z that was drawn, the second is known exactly (eq. 10).
    """

    likelihood: Likelihood = Bernoulli()

    measures: ClassVar[Mapping[str, tuple[str, Literal["lower", "higher"], str]]] = {
        "elbo": ("ELBO", "higher", "a lower bound of the log-likelihood of held-out samples, in nats a sample"),
        "log_likelihood": ("reconstruction", "higher", "the part of it that z explains: log p(x|z), in nats a sample"),
        "kl": ("KL to the prior", "lower", "the part of it that z costs: KL(q(z|x) || N(0, I)), in nats a sample"),
    }

    def players(self) -> tuple[Player, ...]:
        return (Player("autoencoder", ("encoder", "generator"), self.loss, fits=self._fits),)

    def loss(self, networks: Networks, batch: Batch, turn: Turn) -> Outcome:
        found = self.measure(networks, batch, turn)
        logs: dict[str, Callable[[], Tensor]] = {name: partial(torch.mean, found[key].detach()) for key, name in LOGGED.items()}
        return Outcome(-found["elbo"], logs)

    def measure(self, networks: Networks, batch: Batch, turn: Turn) -> dict[str, Tensor]:
        if turn.step == 0:
            self.likelihood.check_real(batch.real)
        epsilon, target = turn.noise(batch.size), self.likelihood.target(batch.real)
        posterior = encoded(networks["encoder"], target, batch.observed_condition_for(len(target)), epsilon.shape[1])
        made = networks["generator"](posterior.draw(epsilon), batch.condition).to(target.dtype)
        if turn.step == 0:
            self.likelihood.check_made(made)
        with torch.autocast(made.device.type, enabled=False):
            log_likelihood, kl = self.likelihood.log(target, made), posterior.divergence()
        return {"elbo": log_likelihood - kl, "log_likelihood": log_likelihood, "kl": kl}

    def _fits(self, recipe: RunSettings) -> None:
        check_noise(recipe.noise)
        self.likelihood.check_range(*recipe.value_range)


LOGGED = {"elbo": "ELBO", "log_likelihood": "log p(x|z)", "kl": "KL"}
