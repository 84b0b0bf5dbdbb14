"""The variational autoencoder: an encoder and a generator that share one loss, without a discriminator."""

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
from gansmith.sampling.posterior import check_noise, encode


@component
class Variational:
    """A VAE: one player trains encoder and generator to maximise the ELBO (Kingma and Welling 2014, algorithm 1).

    ELBO = E[log p(x|z)] - KL(q(z|x) || N(0, I)) in nats per sample (eq. 3), a lower bound of log p(x). The first term is
    estimated with one z per sample, the second is computed exactly (eq. 10).
    """

    likelihood: Likelihood = Bernoulli()

    measures: ClassVar[Mapping[str, tuple[str, Literal["lower", "higher"], str]]] = {
        "elbo": ("ELBO", "higher", "a lower bound of the log-likelihood of held-out samples, in nats per sample"),
        "log_likelihood": ("reconstruction", "higher", "the reconstruction term of the ELBO: log p(x|z), in nats per sample"),
        "kl": ("KL to the prior", "lower", "the divergence term of the ELBO: KL(q(z|x) || N(0, I)), in nats per sample"),
    }

    def players(self) -> tuple[Player, ...]:
        """The autoencoder: encoder and generator."""
        return (Player("autoencoder", ("encoder", "generator"), self.loss, fits=self._fits),)

    def loss(self, networks: Networks, batch: Batch, turn: Turn) -> Outcome:
        """The negative ELBO, per sample."""
        found = self.measure(networks, batch, turn)
        logs: dict[str, Callable[[], Tensor]] = {name: partial(torch.mean, found[key].detach()) for key, name in LOGGED.items()}
        return Outcome(-found["elbo"], logs)

    def measure(self, networks: Networks, batch: Batch, turn: Turn) -> dict[str, Tensor]:
        """ELBO, log p(x|z) and KL divergence in nats, [N] each."""
        if turn.step == 0:
            self.likelihood.check_real(batch.real)
        epsilon, target = turn.noise(batch.size), self.likelihood.target(batch.real)
        posterior = encode(networks["encoder"], target, batch.observed_condition_for(len(target)), epsilon.shape[1])
        decoded = networks["generator"](posterior.sample(epsilon), batch.condition).to(target.dtype)
        if turn.step == 0:
            self.likelihood.check_made(decoded)
        with torch.autocast(decoded.device.type, enabled=False):
            log_likelihood, kl = self.likelihood.log_prob(target, decoded), posterior.kl_to_prior()
        return {"elbo": log_likelihood - kl, "log_likelihood": log_likelihood, "kl": kl}

    def _fits(self, recipe: RunSettings) -> None:
        check_noise(recipe.noise)
        self.likelihood.check_range(*recipe.value_range)


LOGGED = {"elbo": "ELBO", "log_likelihood": "log p(x|z)", "kl": "KL"}
