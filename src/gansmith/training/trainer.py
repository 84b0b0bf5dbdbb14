"""A game set up on a device: it takes steps, and its state is all a checkpoint needs."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gansmith.core import distributed, rng
from gansmith.core.component import parts
from gansmith.core.device import choose_precision
from gansmith.core.errors import DataError, RecipeError, TrainingError
from gansmith.core.rng import Place, Stream
from gansmith.data import Endless, Samples, source
from gansmith.data.modality import modality_of
from gansmith.networks.build import build, check_shapes
from gansmith.objectives.augmentation import Augmentation
from gansmith.objectives.base import Batch, Outcome, Player, Turn
from gansmith.recipes.base import Recipe
from gansmith.runs.checkpoints import Saved
from gansmith.sampling.classes import condition_space_of, layout_of
from gansmith.sampling.conditions import Assign, shares_of, sort
from gansmith.sampling.inputs import Inputs, one_hot
from gansmith.sampling.sampler import Sampler
from gansmith.training.compiling import compiled


@dataclass(frozen=True, eq=False)
class Record:
    """One step: how far it got and what it cost. Values stay on the device until they are read."""

    images: int  # real images read so far
    total_images: int
    epoch: float
    step: int
    values: dict[str, Callable[[], Tensor]]  # "generator/loss", "discriminator/accuracy" ...
    scores: dict[str, float] = field(default_factory=dict)  # "FD" on the validation slice and the "best" so far; empty before it

    def __getitem__(self, name: str) -> float:
        return float(self.values[name]())

    def floats(self) -> dict[str, float]:
        return {name: self[name] for name in self.values}


class Trainer:
    """A game set up on a device: data, networks and optimizers, ready to take steps from any image count.

    Raises RecipeError naming a network whose shapes don't fit the data, DataError for data that are not what a source promises.
    """

    framework = "torch"  # what computes the steps

    def __init__(self, recipe: Recipe, device: torch.device, samples: Samples | None = None) -> None:
        self.recipe, self.device = recipe, device
        self.precision = choose_precision(recipe.precision, device)
        self.samples = recipe.data.load() if samples is None else samples
        source.check(self.samples, recipe.data)
        if len(self.samples) < 2:
            raise DataError(
                f"the data hold {len(self.samples)} sample; a discriminator needs at least 2 to learn what they share"
            )
        self.samples = sort(self.samples, recipe.condition)
        self.modality = modality_of(self.samples.shape, recipe.value_range)
        self.shapes = recipe.shapes(self.samples.shape, self.samples.num_categories)
        self.players = recipe.objective.players()
        self.networks = {name: net.to(device) for name, net in build(recipe.networks, recipe.seed, self.shapes).items()}
        for part in parts(recipe.objective):
            if isinstance(part, Augmentation):
                part.check_sample(self.shapes.sample)
        check_shapes(self.networks, self.shapes)
        self.stored = torch.from_numpy(self.samples.values).to(device)
        categories = self.samples.categories
        self.categories = None if categories is None else distributed.of_first(torch.from_numpy(categories).to(device))
        self.inputs = self._inputs()
        self._assign: Assign | None = None  # made when it is first asked for
        self.fresh = recipe.data.batches() if isinstance(recipe.data, Endless) else None
        if self.fresh is not None:
            made = self.fresh(recipe.seed, 0, recipe.batch_size)
            source.check_batch(made, recipe.batch_size, self.samples, recipe.data)
        self.played = compiled(self.networks, device) if recipe.compile else self.networks  # what players are given
        self.epoch_images = recipe.order.epoch_images(len(self.samples))
        self.trained_weights = {p.name: [w for n in p.trains for w in self.networks[n].parameters()] for p in self.players}
        for name in recipe.frozen:
            self.networks[name].requires_grad_(False)
        self.optimizer_states = {p.name: recipe.optimizers[p.name].init(self.trained_weights[p.name]) for p in self.players}
        self.average = recipe.ema.start(self.networks["generator"]) if recipe.ema else None
        self.images, self.steps, self.total_images = 0, 0, 1
        self.states: dict[str, Tensor] = {}  # what objectives keep across steps
        self.window = {p.name: torch.zeros(2, device=device) for p in self.players}  # sum of losses, turns since the last record
        self.window_parts = {name: window.unbind() for name, window in self.window.items()}  # views of the two
        # The first turn whose loss was not finite, as (step, player) in one number; it stays on the device, and every
        # update after it is skipped, so that nobody waits for the device only to learn that all is well.
        self.first_bad = torch.full((), -1, dtype=torch.int64, device=device)
        self.whole = True  # False within a step, and for good after a loss that was not finite: then nothing is saved

    # ------------------------------------------------------------------------------------------ a step

    def step(self) -> Record:
        """One turn, or more, of every player, from what the place in the run says alone."""
        images, read, self.whole = self.images, 0, False
        progress = images / self.total_images
        kept: dict[str, Any] = {}
        values: dict[str, Callable[[], Tensor]] = {}
        batch = None
        waiting: list[Callable[[], None]] = []
        with rng.fork(self.device):
            for who, player in enumerate(self.players):
                for number in range(player.turns):
                    if batch is None or player.reads == "fresh":
                        batch = self.read(images + read)
                        read += batch.size
                    place = Place(images, who, number)
                    turn = Turn(images, self.epoch_images, progress, self._drawer(place), self.steps, kept, self.states)
                    seed = rng.torch_seed(self.recipe.seed, Stream.TURN, place, distributed.rank())
                    rng.seed_torch(seed, self.device)
                    outcome, move = self.update(player, who, batch, turn)
                    if player.simultaneous:
                        waiting.append(move)
                    else:
                        move()
                    values |= {f"{player.name}/{name}": value for name, value in outcome.logs.items()}
            for move in reversed(waiting):
                move()
        self.images += read
        self.steps += 1
        if self.average is not None and self.recipe.ema is not None:
            self.recipe.ema.update(self.average, self.networks["generator"], self.images, read, progress)
        self.whole = True
        return Record(self.images, self.total_images, self.images / self.epoch_images, self.steps, values)

    def read(self, images: int) -> Batch:
        """The next batch when `images` have been read, this process's part of it."""
        recipe = self.recipe
        if self.fresh is not None:
            made = self.fresh(recipe.seed, images, recipe.batch_size)
            own = made[distributed.share(len(made))]
            real = self.modality.to_model(torch.from_numpy(own.values).to(self.device))
            condition = self.condition_of(own)
            if condition is None:
                return Batch(real, len(made), self._codes(images, len(made)), observed=False)
            return Batch(real, len(made), torch.from_numpy(condition).to(self.device, real.dtype))
        indices = recipe.order.indices(recipe.seed, images, recipe.batch_size, len(self.samples))
        mine = torch.from_numpy(indices[distributed.share(len(indices))].copy()).to(self.device)
        real = self.modality.to_model(self.stored.index_select(0, mine))
        if self.categories is None:
            return Batch(real, len(indices), self._codes(images, len(indices)), observed=False)
        categories = functional.one_hot(self.categories.index_select(0, mine), self.shapes.categories)
        return Batch(real, len(indices), categories.to(real.dtype))

    def _codes(self, images: int, count: int) -> Tensor | None:
        """What G is told where real samples are of no kind, this process's part of it; None where it is told nothing."""
        if not self.shapes.condition_dim:
            return None
        mine = distributed.share(count)
        first, last = mine.start, mine.stop
        condition = self.inputs.conditions(self.recipe.seed, first, last - first, Stream.CODE, Place(images))
        return torch.from_numpy(condition).to(self.device)

    def condition_of(self, others: Samples) -> np.ndarray | None:
        """What D is told of samples that were not loaded for training, float32 [N, K].

        Raises DataError where that can't be known.
        """
        condition = self.recipe.condition
        if condition is None or self.categories is None:
            return None
        if self._assign is None:
            self._assign = condition.assigner(self.samples, self.categories.cpu().numpy())
        return one_hot(self._assign(others), self.shapes.categories)

    def _inputs(self) -> Inputs:
        """What samples are made from: kinds as often as the real ones are of them."""
        categories = None if self.categories is None else self.categories.cpu().numpy()
        return Inputs(self.recipe.noise, shares_of(categories, self.shapes.categories), continuous=self.shapes.continuous)

    def _drawer(self, place: Place) -> Callable[[int, int | None], Tensor]:
        def draw(count: int, at: int | None) -> Tensor:
            mine = distributed.share(count)
            where = place if at is None else place._replace(images=at)
            rows = self.recipe.noise.rows(self.recipe.seed, Stream.NOISE, where, mine.start, mine.stop - mine.start)
            return torch.from_numpy(rows).to(self.device)

        return draw

    def update(self, player: Player, who: int, batch: Batch, turn: Turn) -> tuple[Outcome, Callable[[], None]]:
        """What a player pays, and its move. The only place that touches optimizers, precision and other processes.

        Gradients are asked for by name, so D's turn costs none of G's and G's turn none of D's weights'.
        """
        with torch.autocast(self.device.type, torch.bfloat16) if self.precision == "bf16" else contextlib.nullcontext():
            outcome = player.loss(self.played, batch, turn)
        if outcome.costs.ndim != 1:
            shape = list(outcome.costs.shape)
            raise RecipeError(
                f"player {player.name!r}: expected one cost a sample, shape [N], got {shape}; take the mean over places"
            )
        costs = outcome.costs.to(torch.promote_types(outcome.costs.dtype, torch.float32))
        weights, optimizer_state = self.trained_weights[player.name], self.optimizer_states[player.name]
        alone = distributed.world() == 1
        weight = torch.full_like(costs, 1.0 / len(costs) if alone else 1.0)  # of each cost; spares a mean its backward pass
        gradients = torch.autograd.grad(costs, weights, weight, retain_graph=player.keeps_graph, materialize_grads=True)
        loss = costs.detach().mean() if alone else distributed.average(costs, gradients)
        move = partial(optimizer_state.step, gradients, turn.progress, self._watch(loss, who))
        total, turns = self.window_parts[player.name]
        total += loss
        turns += 1.0
        outcome.logs["loss"] = lambda: loss
        return outcome, move

    def _watch(self, loss: Tensor, who: int) -> Tensor | None:
        """See a loss that is not finite before the update it would spoil: raise, or say on the device to skip the update."""
        if self.device.type == "cpu":
            if not math.isfinite(loss.item()):
                self.first_bad.fill_(self.steps * len(self.players) + who)
                self.check()
            return None
        here = self.steps * len(self.players) + who
        self.first_bad.copy_(torch.where(torch.isfinite(loss) | (self.first_bad >= 0), self.first_bad, here))
        return (self.first_bad >= 0).float()

    def check(self) -> None:
        """Read the device's flag. Raises TrainingError naming player and step."""
        bad = int(self.first_bad.item())
        if bad >= 0:
            self.whole = False
            step, who = divmod(bad, len(self.players))
            raise TrainingError(f"the loss of player {self.players[who].name!r} is not finite at step {step + 1}")

    def means(self) -> dict[str, float]:
        """Each player's mean loss since the last call (or its last one, as the recipe says)."""
        means = {}
        for name, window in self.window.items():
            total, turns = window.tolist()
            means[f"{name}/loss"] = total / max(turns, 1.0)
            window.zero_()
        return means

    # ------------------------------------------------------------------------------------------ its state

    def settle(self) -> None:
        """Bring `networks` up to date, where another framework computes the steps."""

    @property
    def sampled(self) -> nn.Module:
        """The network samples come from: the average where the recipe keeps one."""
        return self.networks["generator"] if self.average is None else self.average

    @property
    def sampler(self) -> Sampler:
        """That network and everything needed to make samples of it."""
        metadata, pictures = self.metadata(), self.recipe.pictures
        condition_space = condition_space_of(self.recipe.condition, metadata)
        layout = layout_of(pictures.count, pictures.columns, self.shapes.sample, condition_space)
        return Sampler(self.sampled, self.inputs, self.modality, self.shapes.sample, condition_space, layout)

    def metadata(self) -> dict[str, Any]:
        """What a run folder must know beside the recipe to rebuild the generator without the data."""
        return {
            "total_images": self.total_images,
            "epoch_images": self.epoch_images,
            "num_real": len(self.samples),
            "num_skipped": self.samples.num_skipped,
            "sample_shape": list(self.shapes.sample),
            "kinds": list(self.inputs.shares) or None,
            "classes": list(self.samples.classes) if self.samples.classes else None,
            "framework": self.framework,
            "device": self.device.type,
            "precision": self.precision,
            "num_processes": distributed.world(),
        }

    def state(self) -> Saved:
        """Everything the next step depends on, copied nowhere."""
        tensors = {f"networks/{n}/{k}": v for n, net in self.networks.items() for k, v in net.state_dict().items()}
        if self.average is not None:
            tensors |= {f"average/{k}": v for k, v in self.average.state_dict().items()}
        for name, optimizer_state in self.optimizer_states.items():
            tensors |= {
                f"optimizers/{name}/{i}/{k}": v for k, values in optimizer_state.state.items() for i, v in enumerate(values)
            }
        tensors |= {f"window/{name}": v for name, v in self.window.items()}
        tensors |= {f"lasting/{name}": v for name, v in self.states.items()}
        if self.categories is not None:  # k-means may round otherwise on another machine, and then the kinds would change places
            tensors["kinds"] = self.categories.to(torch.int32)
        return Saved(self.images, self.steps, tensors)

    def restore(self, saved: Saved) -> None:
        for name, network in self.networks.items():
            network.load_state_dict(saved.under(f"networks/{name}/"))
        if self.average is not None:
            self.average.load_state_dict(saved.under("average/"))
        for name, optimizer_state in self.optimizer_states.items():
            for key, values in optimizer_state.state.items():
                for i, value in enumerate(values):
                    value.copy_(saved.tensors[f"optimizers/{name}/{i}/{key}"])
        for name, window in self.window.items():
            window.copy_(saved.tensors[f"window/{name}"])
        self.states = {name: v.to(self.device, copy=True) for name, v in saved.under("lasting/").items()}
        if self.categories is not None:
            self.categories = saved.tensors["kinds"].to(self.categories)
            self.inputs, self._assign = self._inputs(), None
        self.images, self.steps = saved.images, saved.steps
