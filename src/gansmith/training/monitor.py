"""Vital signs: a few cheap numbers about a game as it stands, that `doctor` reads. Nothing here touches the training.

A look makes 256 samples of the sampler (and of the raw generator where that is another network), always from the same z; holds
them against 256 training images, all as small copies; asks D about both and about images it never learnt from; and lets G's loss
say how hard it pulls at G's weights. Every number is a function of the weights and the image count alone, so a run that goes on
writes what an uninterrupted one writes. What makes no sense for a game (no D, no test split, points) is left out.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from gansmith.core import rng
from gansmith.core.errors import DataError
from gansmith.core.rng import Place, Stream
from gansmith.networks.base import logits_of, pack_of
from gansmith.networks.build import build
from gansmith.objectives import Adversarial
from gansmith.objectives.base import Batch, Turn
from gansmith.sampling.conditions import small_copies
from gansmith.sampling.inputs import one_hot
from gansmith.training.trainer import Trainer
from gansmith.training.vitals import (
    COUNT,
    SEED,
    Reals,
    above,
    answers_of,
    as_trained,
    dead_share,
    effective_number,
    evaluating,
    mean_apart,
    moved,
    nearest,
    picked,
    shares_in,
    thinned,
    units_of,
)

CLUSTERED = 2000  # training images that are sorted into kinds
MOST_NUMBERS = 2**26  # in the samples of a look: of large images fewer are made
MOST_SEARCHED = 5000  # training images beyond which nobody looks for copies: that is a danger of small sets
MOST_TIMES = 40
LEAST_TIMES, LEAST_STEPS = 8, 400  # of a run that is watched, unless it asks for looks
RELIED_ON = 20  # looks at a run that is to stop or recover, at least
LEAST_SECONDS = 4.0  # below which a run is over before looks are planned
LEAST_RANGE = 0.1  # of the range, that real images fill for their edges to be a measure: a few bright dots are on black
ROWS = 64  # of the batch on which G's gradient is taken

Told = tuple[Tensor, np.ndarray | None]  # samples [N, ...] and what D is told of them [N, K]

logger = logging.getLogger("gansmith")


class Monitor:
    """Looks at a trainer's game. `look` gives {sign: number}; see `docs/doctor.md` for what each sign means."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.count = min(COUNT, max(ROWS, MOST_NUMBERS // math.prod(trainer.shapes.sample)), len(trainer.samples))
        self.picked = picked(len(trainer.samples), CLUSTERED)
        self.few = self.picked[: self.count]  # of the training samples, those that D and G's gradient are asked about
        self.at = torch.from_numpy(self.few).to(trainer.device)
        self.stored = trainer.stored.index_select(0, self.at)

    @property
    def categories(self) -> Tensor | None:
        """What kinds `stored` are of, as the trainer has it now: a run that goes on brings the kinds it was begun with."""
        return None if self.trainer.categories is None else self.trainer.categories.index_select(0, self.at)

    def look(self) -> dict[str, float]:
        """The vital signs as they are now. Those that are no finite numbers are left out, and `finite` is then 0."""
        trainer = self.trainer
        trainer.backend.pull()
        with rng.fork(trainer.device), evaluating(trainer.networks), torch.no_grad():
            made, dead = self._made(trainer.networks["generator"])
            signs = {"finite": float(bool(made.isfinite().all())), "steps": float(trainer.steps)}
            if signs["finite"]:
                sampled = made if trainer.average is None else self._made(trainer.average)[0]
                signs["real_apart"] = 0.0 if self._are_alike else mean_apart(self._reals.own)
                if not self._are_alike:  # else there is nothing to hold samples against
                    signs |= self._of_samples(sampled) | (self._reach(made) if made.ndim == 4 else {})
                    signs["raw_spread"] = self._spread(self._rows(made))
                signs |= self._of_discriminator(made)
            signs |= self._travel() | ({"dead_generator": dead} if dead is not None else {})
            signs |= self._pull()
        bad = [name for name, value in signs.items() if not math.isfinite(value)]
        return {name: round(value, 6) if abs(value) > 1e-3 else value for name, value in signs.items() if name not in bad} | (
            {"finite": 0.0} if bad else {}
        )

    # ------------------------------------------------------------------------------------------ samples beside real ones

    def _made(self, generator: nn.Module) -> tuple[Tensor, float | None]:
        """(samples in the model's range [N, ...], the share of ReLU units that are 0 for all of them)."""
        with units_of(generator) as alive:
            made = torch.cat([part for _, part in replace(self.trainer.sampler, generator=generator).chunks(SEED, 0, self.count)])
        return made[: self.count].float().cpu(), dead_share(alive)

    def _rows(self, made: Tensor) -> Tensor:
        """As `Reals` has them, [N, F]."""
        kept = self.trainer.modality.from_model(made)
        stored = kept.transpose(0, 3, 1, 2) if kept.ndim == 4 else kept
        return torch.from_numpy(small_copies(np.ascontiguousarray(stored))) - self._reals.mean

    @cached_property
    def _reals(self) -> Reals:
        return Reals.of(self.trainer.samples.values[self.picked])

    @cached_property
    def _are_alike(self) -> bool:
        """Whether the training samples that are looked at are one and the same."""
        return bool((self.stored == self.stored[:1]).all())

    def _spread(self, rows: Tensor) -> float:
        """The mean distance between two fakes, over that between two real samples."""
        return mean_apart(torch.cdist(rows, rows)) / max(mean_apart(self._reals.own), 1e-9)

    def _of_samples(self, made: Tensor) -> dict[str, float]:
        real, rows = self._reals, self._rows(made)
        own, across, scale = torch.cdist(rows, rows), torch.cdist(rows, real.rows), max(mean_apart(real.own), 1e-9)
        shares = shares_in(rows, real.centres)
        missed = (shares < 0.25 * real.shares).float() @ real.shares
        place = real.axes @ rows.mean(0)
        signs = {
            "distance": (2 * float(across.mean()) - mean_apart(own) - mean_apart(real.own)) / scale,
            "spread": mean_apart(own) / scale,
            "nearest": float(nearest(own).median()) / max(float(nearest(real.own).median()), 1e-9),
            "missed": float(missed),
            "kinds": effective_number(shares) / effective_number(real.shares),
        }
        signs |= {f"place_{i}": float(value) for i, value in enumerate(place)}
        if len(self._searched) and made.ndim == 4:
            near, apart = torch.cdist(rows, self._searched).min(1).values, self._among_training
            among_real, among_fake = (float((d < 0.5 * apart.median()).float().mean()) for d in (apart, near))
            signs["copied"] = max(0.0, (among_fake - among_real) / max(1 - among_real, 1e-9))
        return signs

    @cached_property
    def _searched(self) -> Tensor:
        values = self.trainer.samples.values
        return torch.from_numpy(small_copies(values)) - self._reals.mean if len(values) <= MOST_SEARCHED else torch.empty(0)

    @cached_property
    def _among_training(self) -> Tensor:
        """From each of some training images to the nearest other one, [N]."""
        return nearest(torch.cdist(self._searched[:COUNT], self._searched))

    def _reach(self, made: Tensor) -> dict[str, float]:
        """How far the fakes' darkest and lightest hundredth lie from the reals', as shares of the reals' range."""
        edges = torch.tensor([0.01, 0.99])
        fake = torch.quantile(thinned(made), edges)
        low, high = self._real_edges
        darkest, lightest = self.trainer.recipe.value_range
        wide = max(high - low, LEAST_RANGE * (lightest - darkest))
        return {"low": float(fake[0] - low) / wide, "high": float(fake[1] - high) / wide}

    @cached_property
    def _real_edges(self) -> tuple[float, float]:
        values = self.trainer.modality.to_model(self.stored).flatten().cpu()
        low, high = torch.quantile(thinned(values), torch.tensor([0.01, 0.99])).tolist()
        return low, high

    # ------------------------------------------------------------------------------------------ the players

    @cached_property
    def _held_out(self) -> tuple[np.ndarray, np.ndarray | None] | None:
        """Real samples that D never learns from, and what it is told of them; None where there are none.

        They tell whether D knows its images by heart, and choose nothing.
        """
        try:
            test = self.trainer.recipe.data.load("test")
            asked = test[picked(len(test), self.count)]
            return asked.values, self.trainer.condition_of(asked)
        except DataError:
            return None

    def load(self) -> None:
        """Bring the held-out samples, which may have to be fetched or drawn first."""
        _ = self._held_out

    @torch.no_grad()
    def _of_discriminator(self, made: Tensor) -> dict[str, float]:
        trainer = self.trainer
        if "discriminator" not in trainer.networks:
            return {}
        network = trainer.networks["discriminator"]
        categories = None if self.categories is None else one_hot(self.categories.cpu().numpy(), trainer.shapes.categories)
        fakes = made, None if categories is None else trainer.inputs.rows(SEED, 0, self.count).condition
        with units_of(network) as alive, as_trained(network):
            on_real, on_fake = self._judged((self.stored, categories), fakes)
            signs = {
                "told_apart": above(on_real, on_fake),
                "gap": float(on_real.mean() - on_fake.mean()),
                "logits": float(torch.cat([on_real, on_fake]).square().mean().sqrt()),
            }
            signs |= self._aims
            if self._held_out is not None:
                values, condition = self._held_out
                held_out, on_fake = self._judged((torch.from_numpy(values), condition), fakes)
                signs |= {"told_apart_unseen": above(held_out, on_fake), "knows_its_own": above(on_real, held_out)}
        if (dead := dead_share(alive)) is not None:
            signs["dead_discriminator"] = dead
        return signs

    @cached_property
    def _aims(self) -> dict[str, float]:
        """Which way the losses of the two move D's logits where D is undecided; empty where that is not in the hands of a loss.

        d_aim: reals and fakes, 1 is apart; g_aim: fakes, 1 is up, towards real; -1 is the wrong way round.
        """
        objective = self.trainer.recipe.objective
        if type(objective) is not Adversarial:
            return {}
        loss, undecided = objective.loss, torch.full((1, 1), objective.loss.undecided)
        with torch.enable_grad():
            by = torch.zeros(1, 1, requires_grad=True)
            of_real, of_fake = loss.discriminator(undecided + by, undecided - by)
            of_g = loss.generator(undecided, undecided + by)
            costs = {"d_aim": (of_real + of_fake).sum(), "g_aim": of_g.sum()}
            slopes = {name: torch.autograd.grad(cost, by)[0] for name, cost in costs.items() if cost.requires_grad}
        return {name: -float(slope.sign()) for name, slope in slopes.items() if slope.isfinite()}

    def _judged(self, reals: Told, fakes: Told) -> tuple[Tensor, Tensor]:
        """D's logits of samples as they are stored and of as many fakes, one each or each pack; in one batch if D learns so."""
        trainer, network = self.trainer, self.trainer.networks["discriminator"]
        pack, count = pack_of(network), len(reals[0])
        count = count // pack * pack or count
        real = trainer.modality.to_model(reals[0][:count].to(trainer.device)), reals[1]
        sides = [real, (fakes[0][:count].to(trainer.device), fakes[1])]
        condition = [None if known is None else torch.from_numpy(known[:count]).to(trainer.device) for _, known in sides]
        if getattr(trainer.recipe.objective, "joint_batch", False):
            known = torch.cat([t for t in condition if t is not None]) if condition[0] is not None else None
            logits = logits_of(network(torch.cat([x for x, _ in sides]), known)).float().mean(1).cpu()
            return logits[: len(logits) // 2], logits[len(logits) // 2 :]
        asked = zip(sides, condition, strict=True)
        on_real, on_fake = (logits_of(network(x, known)).float().mean(1).cpu() for (x, _), known in asked)
        return on_real, on_fake

    def _pull(self) -> dict[str, float]:
        """How long the gradient of G's loss is, on a batch that is always the same, and which way it moves D's logits of samples:
        1 is up, -1 is down."""
        trainer = self.trainer
        player = next((p for p in trainer.players if "generator" in p.trains), None)
        weights = list(trainer.networks["generator"].parameters())
        if player is None:
            return {}
        rows = min(self.count, max(ROWS, pack_of(trainer.networks.get("discriminator", nn.Identity()))))
        drawn = trainer.inputs.rows(SEED, 0, rows).condition
        condition = None if drawn is None else torch.from_numpy(drawn).to(trainer.device)
        if self.categories is not None:  # what the real ones are, and not what was drawn
            condition = nn.functional.one_hot(self.categories[:rows], trainer.shapes.categories).float()

        def draw(count: int, at: int | None) -> Tensor:
            return torch.from_numpy(trainer.recipe.noise.rows(SEED, Stream.NOISE, Place(), 0, count)).to(trainer.device)

        states = {name: value.clone() for name, value in trainer.states.items()}
        progress = trainer.images / max(trainer.total_images, 1)
        turn = Turn(trainer.images, trainer.epoch_images, progress, draw, trainer.steps, {}, states)
        rng.seed_torch(rng.torch_seed(SEED, Stream.TURN, Place()), trainer.device)
        with torch.enable_grad(), contextlib.suppress(KeyError):  # a game whose G needs what another turn kept
            batch = Batch(trainer.modality.to_model(self.stored[:rows]), rows, condition, observed=self.categories is not None)
            with answers_of(trainer.networks.get("discriminator")) as answers:
                costs = player.loss(trainer.networks, batch, turn).costs
            on_fake = [logits for logits in answers if logits.requires_grad]
            asked = on_fake if len(on_fake) == 1 else []  # else there is no D, or reals may be among them
            found = torch.autograd.grad(costs.mean(), [*weights, *asked], allow_unused=True)
            signs = {"pull": math.sqrt(sum(float(g.float().square().sum()) for g in found[: len(weights)] if g is not None))}
            if asked and (force := found[-1]) is not None and force.any():
                signs["aim"] = -float(force.sum() / force.abs().sum())
            return signs
        return {}

    def _travel(self) -> dict[str, float]:
        """How far each side's weights are from their random start, over the start's length."""
        now = self.trainer.networks
        return {f"travel_{name}": moved(now[name], start) for name, start in self._starts.items()}

    @cached_property
    def _starts(self) -> Mapping[str, nn.Module]:
        made = build(self.trainer.recipe.networks, self.trainer.recipe.seed, self.trainer.shapes)
        return {name: made[name] for name in ("generator", "discriminator") if name in made}


# -------------------------------------------------------------------------------------------------------------- how often


def monitor_for(trainer: Trainer) -> Monitor | None:
    """Who watches a run; None where its recipe wants nobody, or G stands still by its own wish, so that nothing can go wrong."""
    return Monitor(trainer) if trainer.recipe.watch and "generator" not in trainer.recipe.frozen else None


def num_looks_without_clock(monitor: Monitor | None, images: int) -> int | None:
    """How many looks a run of so many images gets, where that needs no clock; None where it does."""
    if monitor is None:
        return 0
    recipe = monitor.trainer.recipe
    if recipe.watch is None:
        return 0
    batches = max(1, sum(player.turns for player in monitor.trainer.players if player.reads == "fresh"))  # of a step
    too_short = images < LEAST_STEPS * batches * recipe.batch_size
    return recipe.watch.times or (None if not too_short else 0 if recipe.watch.on_trouble == "warn" else RELIED_ON)


def plan_looks(monitor: Monitor, seconds: float) -> tuple[int, float]:
    """(how many looks a run of so many seconds gets, the seconds they take in all), by timing one; 0 where too few would fit.

    A game that can't be looked at is not watched: that must not keep it from being trained.
    """
    setting = monitor.trainer.recipe.watch
    assert setting is not None
    is_relied_on = setting.on_trouble != "warn"  # whatever it costs
    if seconds < LEAST_SECONDS and not setting.times and not is_relied_on:
        return 0, 0.0
    allowed = setting.time_fraction * seconds
    with contextlib.suppress(Exception):  # which the look below meets again, and tells
        monitor.load()  # off the clock: the run's end needs them whether anybody watches or not
    begun = time.perf_counter()
    if vital_signs_of(monitor) is None:  # libraries wake up, and real samples are sorted
        return 0, time.perf_counter() - begun
    ready = time.perf_counter()
    monitor.look()
    each, setup = time.perf_counter() - ready, ready - begun
    times = setting.times or min(MOST_TIMES, int(max(0.0, allowed - setup) / each) - 1)
    if is_relied_on and not setting.times:
        times = max(times, RELIED_ON)
    if not setting.times and times < LEAST_TIMES:
        return 0, setup + each
    return times, setup + (times + 1) * each


def vital_signs_of(monitor: Monitor) -> dict[str, float] | None:
    """The vital signs, or None and a word about it where the game does not let itself be looked at: no run ends by that."""
    try:
        return monitor.look()
    except Exception as error:  # whatever a network or an objective of the user's own may raise
        logger.warning(f"the doctor can't look at this game: {type(error).__name__}: {error}")
        return None
