"""Measure the vital signs of a trainer: a few cheap numbers that the doctor reads. Training is not affected.

A look generates 256 samples (and 256 of the raw generator, where samples come from an average), from one fixed z. It
compares them with 256 training samples, both as small copies. It computes the discriminator's logits of both and of the test
split, and the gradient of the generator's loss. Every number depends on the weights and the image count alone, so the log of a
resumed run equals that of an uninterrupted one. A look leaves out signs that need a part which the run lacks: a discriminator, a
test split, images.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gansmith.core import distributed, rng
from gansmith.core.errors import DataError
from gansmith.core.rng import Place, Stream
from gansmith.data.modality import to_source
from gansmith.networks.base import evaluating, logits_of, pack_of
from gansmith.networks.build import build
from gansmith.objectives.base import Batch, LogitObjective, Turn
from gansmith.sampling.inputs import Inputs
from gansmith.training.trainer import Trainer
from gansmith.training.vitals import (
    COUNT,
    SEED,
    RealSamples,
    as_trained,
    dead_share,
    effective_number,
    fixed_rows,
    mean_distance,
    nearest,
    rank_probability,
    recorded_logits,
    relative_distance,
    shares_in,
    thinned,
    units_of,
)

CLUSTERED = 2000  # training samples that are clustered
MOST_NUMBERS = 2**26  # in the samples of a look: fewer large images are generated
MOST_SEARCHED = 5000  # training samples beyond which no copies are searched, as only small sets are memorised
LEAST_RANGE = 0.1  # share of the value range that real images must fill, or a few bright dots would count as their range
ROWS = 64  # of the batch on which the generator's gradient is taken

Conditioned = tuple[Tensor, np.ndarray | None]  # samples [N, ...] and their condition [N, K]


class _NotSharedError(KeyError):
    """A turn reads a value that another turn of its step shares. Any other KeyError is a fault of the loss."""


class _Shared(dict[str, Any]):
    """The shared values of a turn that is alone: there are none."""

    def __missing__(self, name: str) -> Any:
        raise _NotSharedError(name)


def as_array(condition: Tensor | None) -> np.ndarray | None:
    """A condition as an array on the CPU."""
    return None if condition is None else condition.cpu().numpy()


class Monitor:
    """Measures the vital signs of a trainer. `docs/doctor.md` explains each sign."""

    def __init__(self, trainer: Trainer, most: int = COUNT) -> None:
        self.trainer, self.most = trainer, most  # samples of a look at most; as many real ones
        self.count = min(most, max(ROWS, MOST_NUMBERS // math.prod(trainer.shapes.sample)), len(trainer.samples))
        self.picked = fixed_rows(len(trainer.samples), CLUSTERED)
        self.few = self.picked[: self.count]  # indices of the training samples for the discriminator and the gradient
        self.indices = torch.from_numpy(self.few).to(trainer.device)
        self.stored = trainer.stored.index_select(0, self.indices)

    @property
    def inputs(self) -> Inputs:
        """The generator's inputs. A translator starts from the source images of `stored`."""
        return self.trainer.conditions.inputs_for(self.trainer.samples[self.few])

    @distributed.alone()
    def look(self) -> dict[str, float]:
        """The vital signs by name. Signs that are not finite are left out, and `finite` is then 0."""
        trainer = self.trainer
        trainer.backend.pull()
        with rng.fork(trainer.device), evaluating(*trainer.networks.values()), torch.no_grad():
            raw, dead = self._generated(trainer.networks["generator"])
            signs = {"finite": float(bool(raw.isfinite().all())), "steps": float(trainer.steps), **self.fewer}
            if signs["finite"]:
                sampled = raw if trainer.average is None else self._generated(trainer.average)[0]
                signs["real_apart"] = 0.0 if self._are_alike else mean_distance(self._reals.own)
                if not self._are_alike:  # else there is nothing to compare with
                    signs |= self._of_samples(sampled) | (self._reach(raw) if raw.ndim == 4 else {})
                    signs["raw_spread"] = self._spread(self._rows(raw))
                signs |= self._of_discriminator(raw)
            signs |= self._travel() | ({"dead_generator": dead} if dead is not None else {})
            signs |= self._pull()
        bad = [name for name, value in signs.items() if not math.isfinite(value)]
        return {name: round(value, 6) if abs(value) > 1e-3 else value for name, value in signs.items() if name not in bad} | (
            {"finite": 0.0} if bad else {}
        )

    # ------------------------------------------------------------------------------------------ generated and real samples

    def _generated(self, generator: nn.Module) -> tuple[Tensor, float | None]:
        """(samples in the model's range [N, ...], the share of ReLU units that are 0 for all of them)."""
        with units_of(generator) as alive:
            chunks = replace(self.trainer.sampler, generator=generator, inputs=self.inputs).chunks(SEED, 0, self.count)
            samples = torch.cat([chunk for _, chunk in chunks])
        return samples[: self.count].float().cpu(), dead_share(alive)

    def _rows(self, samples: Tensor) -> Tensor:
        """Compact rows of samples, less the mean of the real ones, float32 [N, F]."""
        return self._compact(to_source(self.trainer.modality.from_model(samples))) - self._reals.mean

    def _compact(self, values: np.ndarray) -> Tensor:
        """Compact rows of samples as a source stores them, float32 [N, F]."""
        return torch.from_numpy(self.trainer.modality.compact(values))

    @cached_property
    def _reals(self) -> RealSamples:
        return RealSamples.of(self._compact(self.trainer.samples.values[self.picked]), self.most)

    @cached_property
    def _are_alike(self) -> bool:
        """Whether all the training samples looked at are equal."""
        return bool((self.stored == self.stored[:1]).all())

    def _spread(self, rows: Tensor) -> float:
        """The mean distance between two generated samples, over the mean distance between two real ones."""
        return mean_distance(torch.cdist(rows, rows)) / max(mean_distance(self._reals.own), 1e-9)

    def _of_samples(self, samples: Tensor) -> dict[str, float]:
        """Distance, spread, clusters, principal axes and copies of generated samples beside real ones."""
        real, rows = self._reals, self._rows(samples)
        own, across, scale = torch.cdist(rows, rows), torch.cdist(rows, real.rows), max(mean_distance(real.own), 1e-9)
        shares = shares_in(rows, real.centres)
        missed = (shares < 0.25 * real.shares).float() @ real.shares
        place = real.axes @ rows.mean(0)
        signs = {
            "distance": (2 * float(across.mean()) - mean_distance(own) - mean_distance(real.own)) / scale,
            "spread": mean_distance(own) / scale,
            "nearest": float(nearest(own).median()) / max(float(nearest(real.own).median()), 1e-9),
            "missed": float(missed),
            "kinds": effective_number(shares) / effective_number(real.shares),
        }
        signs |= {f"place_{i}": float(value) for i, value in enumerate(place)}
        if len(self._searched) and samples.ndim == 4:
            to_real, between_real = torch.cdist(rows, self._searched).min(1).values, self._between_training
            near_real, near_fake = (float((d < 0.5 * between_real.median()).float().mean()) for d in (between_real, to_real))
            signs["copied"] = max(0.0, (near_fake - near_real) / max(1 - near_real, 1e-9))
        return signs

    @cached_property
    def _searched(self) -> Tensor:
        """The training samples, as rows, that generated samples may be copies of; none where there are too many."""
        values = self.trainer.samples.values
        if self.trainer.shapes.source:  # a translation of a training sample is like that sample
            return torch.empty(0)
        return self._compact(values) - self._reals.mean if len(values) <= MOST_SEARCHED else torch.empty(0)

    @cached_property
    def _between_training(self) -> Tensor:
        """The distance from each of some training samples to the nearest other one, [N]."""
        return nearest(torch.cdist(self._searched[: self.most], self._searched))

    def _reach(self, samples: Tensor) -> dict[str, float]:
        """The 1 % and 99 % quantiles of generated values less those of real values, as shares of the real range."""
        edges = torch.tensor([0.01, 0.99])
        fake = torch.quantile(thinned(samples), edges)
        low, high = self._real_edges
        darkest, lightest = self.trainer.recipe.value_range
        wide = max(high - low, LEAST_RANGE * (lightest - darkest))
        return {"low": float(fake[0] - low) / wide, "high": float(fake[1] - high) / wide}

    @cached_property
    def _real_edges(self) -> tuple[float, float]:
        """The 1 % and 99 % quantiles of real values."""
        values = self.trainer.modality.to_model(self.stored).flatten().cpu()
        low, high = torch.quantile(thinned(values), torch.tensor([0.01, 0.99])).tolist()
        return low, high

    # ------------------------------------------------------------------------------------------ the players

    @cached_property
    def _held_out(self) -> tuple[np.ndarray, np.ndarray | None] | None:
        """Real samples of the test split and their condition; None where there are none. No choice depends on them.

        They show whether the discriminator has memorised the training samples.
        """
        try:
            test = self.trainer.recipe.data.load("test")
            few = test[fixed_rows(len(test), self.count)]
            return few.values, as_array(self.trainer.conditions.of(few))
        except DataError:
            return None

    @property
    def fewer(self) -> dict[str, float]:
        """The sign that says how many samples a look has, where there was time for fewer than usual; else empty."""
        return {} if self.most == COUNT else {"samples": float(self.count)}

    def load(self) -> None:
        """Load the held-out samples, which may have to be downloaded or drawn first."""
        _ = self._held_out

    @torch.no_grad()
    def _of_discriminator(self, samples: Tensor) -> dict[str, float]:
        """How well the discriminator tells generated samples from training and from held-out samples, and its logits."""
        trainer = self.trainer
        if "discriminator" not in trainer.networks:
            return {}
        network = trainer.networks["discriminator"]
        condition = as_array(trainer.conditions.at(self.few))
        fakes = samples, None if condition is None else self.inputs.rows(SEED, 0, self.count).condition
        with units_of(network) as alive, as_trained(network):
            on_real, on_fake = self._logits((self.stored, condition), fakes)
            signs = {
                "told_apart": rank_probability(on_real, on_fake),
                "gap": float(on_real.mean() - on_fake.mean()),
                "logits": float(torch.cat([on_real, on_fake]).square().mean().sqrt()),
            }
            signs |= self._aims
            if self._held_out is not None:
                values, its_condition = self._held_out
                held_out, on_fake = self._logits((torch.from_numpy(values), its_condition), fakes)
                signs |= {
                    "told_apart_unseen": rank_probability(held_out, on_fake),
                    "knows_its_own": rank_probability(on_real, held_out),
                }
        if (dead := dead_share(alive)) is not None:
            signs["dead_discriminator"] = dead
        return signs

    @cached_property
    def _aims(self) -> dict[str, float]:
        """The directions in which both losses move the discriminator's logits where it is undecided; empty without such losses.

        d_aim: 1 moves real and generated samples apart. g_aim: 1 moves generated samples towards real. -1 is the wrong way round.
        """
        objective = self.trainer.recipe.objective
        if not isinstance(objective, LogitObjective):
            return {}
        loss = objective.logit_loss
        undecided = torch.full((1, 1), loss.undecided)
        with torch.enable_grad():
            shift = torch.zeros(1, 1, requires_grad=True)
            real_loss, fake_loss = loss.discriminator(undecided + shift, undecided - shift)
            generator_loss = loss.generator(undecided, undecided + shift)
            sums = {"d_aim": (real_loss + fake_loss).sum(), "g_aim": generator_loss.sum()}
            slopes = {name: torch.autograd.grad(total, shift)[0] for name, total in sums.items() if total.requires_grad}
        return {name: -float(slope.sign()) for name, slope in slopes.items() if slope.isfinite()}

    def _logits(self, reals: Conditioned, fakes: Conditioned) -> tuple[Tensor, Tensor]:
        """Logits of stored real samples and of as many generated ones, one a sample or a pack; in one batch if trained so."""
        trainer, network = self.trainer, self.trainer.networks["discriminator"]
        pack, count = pack_of(network), len(reals[0])
        count = count // pack * pack or count
        real = trainer.modality.to_model(reals[0][:count].to(trainer.device)), reals[1]
        sides = [real, (fakes[0][:count].to(trainer.device), fakes[1])]
        conditions = [None if array is None else torch.from_numpy(array[:count]).to(trainer.device) for _, array in sides]
        objective = trainer.recipe.objective
        if isinstance(objective, LogitObjective) and objective.joint_batch:
            joined = torch.cat([c for c in conditions if c is not None]) if conditions[0] is not None else None
            logits = logits_of(network(torch.cat([x for x, _ in sides]), joined)).float().mean(1).cpu()
            return logits[: len(logits) // 2], logits[len(logits) // 2 :]
        batches = zip(sides, conditions, strict=True)
        on_real, on_fake = (logits_of(network(x, condition)).float().mean(1).cpu() for (x, _), condition in batches)
        return on_real, on_fake

    def _pull(self) -> dict[str, float]:
        """On a fixed batch, the length of the gradient of the generator's loss, and the direction in which it moves the
        discriminator's logits of generated samples: 1 is up, -1 is down."""
        trainer = self.trainer
        player = next((p for p in trainer.players if "generator" in p.trains), None)
        weights = list(trainer.networks["generator"].parameters())
        if player is None:
            return {}
        rows = min(self.count, max(ROWS, pack_of(trainer.networks.get("discriminator", nn.Identity()))))
        observed = condition = trainer.conditions.at(self.few[:rows])  # of the real samples, where it is known
        if condition is None and (drawn := trainer.inputs.rows(SEED, 0, rows).condition) is not None:
            condition = torch.from_numpy(drawn).to(trainer.device)

        def draw(count: int, at: int | None) -> Tensor:
            return torch.from_numpy(trainer.recipe.noise.rows(SEED, Stream.NOISE, Place(), 0, count)).to(trainer.device)

        states = {name: value.clone() for name, value in trainer.states.items()}
        turn = Turn(trainer.images, trainer.epoch_images, trainer.progress, draw, trainer.steps, _Shared(), states)
        rng.seed_torch(rng.torch_seed(SEED, Stream.TURN, Place()), trainer.device)
        with torch.enable_grad(), contextlib.suppress(_NotSharedError):  # the loss needs a value that another turn shares
            batch = Batch(trainer.modality.to_model(self.stored[:rows]), rows, condition, observed=observed is not None)
            with recorded_logits(trainer.networks.get("discriminator")) as recorded:
                losses = player.loss(trainer.networks, batch, turn).losses
            on_fake = [logits for logits in recorded if logits.requires_grad]
            logits = on_fake if len(on_fake) == 1 else []  # else there is no discriminator, or real samples may be among them
            gradients = torch.autograd.grad(losses.mean(), [*weights, *logits], allow_unused=True)
            of_weights = gradients[: len(weights)]
            signs = {"pull": math.sqrt(sum(float(g.float().square().sum()) for g in of_weights if g is not None))}
            if logits and (force := gradients[-1]) is not None and force.any():
                signs["aim"] = -float(force.sum() / force.abs().sum())
            return signs
        return {}

    def _travel(self) -> dict[str, float]:
        """The distance of both networks' weights from their random start, over the start's norm."""
        now = self.trainer.networks
        return {f"travel_{name}": relative_distance(now[name], start) for name, start in self._starts.items()}

    @cached_property
    def _starts(self) -> Mapping[str, nn.Module]:
        """Generator and discriminator at their random start."""
        networks = build(self.trainer.recipe.networks, self.trainer.recipe.seed, self.trainer.shapes)
        return {name: networks[name] for name in ("generator", "discriminator") if name in networks}
