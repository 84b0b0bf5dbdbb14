"""The trainer: data, networks and optimizers on a device. It takes steps, and its state is all that a checkpoint holds."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from gansmith.core import distributed, rng
from gansmith.core.component import kebab, parts
from gansmith.core.device import choose_precision
from gansmith.core.errors import DataError, RecipeError, TrainingError
from gansmith.core.rng import Place, Stream
from gansmith.data import Endless, Samples, Validated, source
from gansmith.data.modality import modality_for
from gansmith.drawing.strips import strip_shape
from gansmith.networks.build import build, check_shapes
from gansmith.objectives.augmentation import Augmentation
from gansmith.objectives.base import Batch, Outcome, Player, Stateful, Turn
from gansmith.objectives.terms import Term
from gansmith.recipes.base import Recipe
from gansmith.recipes.memory import batch_sizes, must_fit
from gansmith.runs.checkpoints import Checkpoint, DamageError, check_tensors
from gansmith.sampling.classes import condition_space_of, layout_of
from gansmith.sampling.conditions import with_categories
from gansmith.sampling.inputs import Inputs
from gansmith.sampling.sampler import Sampler
from gansmith.training.compiling import compiled
from gansmith.training.conditions import Conditions
from gansmith.training.loss_guard import LossGuard
from gansmith.training.record import Record, Values
from gansmith.training.totals import Totals


class Backend(Protocol):
    """Computes a trainer's steps, in PyTorch on the trainer's own networks, or in another framework that mirrors them."""

    framework: ClassVar[str]  # its name on the command line and in run.json

    def __init__(self, trainer: Trainer) -> None:
        """Set up beside a trainer whose networks and optimizers are ready."""
        ...

    @classmethod
    def check_recipe(cls, recipe: Recipe, device: torch.device) -> None:
        """Raise RecipeError for a recipe or device it can't compute, before any data are loaded."""
        ...

    def step(self) -> tuple[int, Values]:
        """Take one step from the trainer's image count. Returns the number of real images read, and the values to log."""
        ...

    def push(self) -> None:
        """Take over the numbers of the trainer's networks, averages and optimizers, after they were set."""
        ...

    def pull(self) -> None:
        """Bring the trainer's networks, averages and optimizers up to date, before they are read."""
        ...

    def metadata(self) -> dict[str, Any]:
        """The backend's fields of run.json, beside `framework`."""
        ...


class Trainer:
    """Data, networks and optimizers on a device, ready to take steps from any image count.

    Every step is a function of the state, the recipe and the image count alone. The `backend` computes it. `samples` and
    `validation` take the place of those that the recipe's data load.

    Raises RecipeError naming a network whose shapes don't fit the data, DataError for data that break the contract of sources.
    """

    def __init__(
        self,
        recipe: Recipe,
        device: torch.device,
        samples: Samples | None = None,
        backend: type[Backend] | None = None,
        validation: Samples | None = None,
    ) -> None:
        backend = backend or TorchBackend
        backend.check_recipe(recipe, device)
        self.recipe, self.device = recipe, device
        self.precision = choose_precision(recipe.precision, device)
        self.samples = recipe.data.load() if samples is None else samples
        source.check(self.samples, recipe.data)
        if len(self.samples) < 2:
            raise DataError(f"the data hold {len(self.samples)} sample; expected at least 2: add some")
        self.samples = with_categories(self.samples, recipe.condition)
        if not self.samples.is_paired and (term := next((p for p in parts(recipe.objective) if isinstance(p, Term)), None)):
            raise DataError(f"{kebab(type(term).__name__)} needs pairs, and the data's two sets are unpaired: choose pairs")
        self.validation = recipe.data.validation() if samples is None and isinstance(recipe.data, Validated) else validation
        self.modality = modality_for(self.samples, recipe.value_range)
        self.conditions = Conditions(recipe, self.samples, self.validation, device)
        self.shapes = recipe.shapes(self.samples.shape, self.samples.num_categories, self.conditions.source_shape)
        self.players = recipe.objective.players()
        must_fit(recipe, self.shapes, device.type == "cpu")
        self.networks = {name: net.to(device) for name, net in build(recipe.networks, recipe.seed, self.shapes).items()}
        for part in parts(recipe.objective):
            if isinstance(part, Augmentation):
                part.check_sample(self.shapes.sample)
        check_shapes(self.networks, self.shapes)
        if self._smallest_batch() == 1:
            check_shapes(self.networks, self.shapes, rows=1)
        self.stored = torch.from_numpy(self.samples.values).to(device)  # [N, ...] as the source stores them
        self.fresh = recipe.data.batch_maker() if isinstance(recipe.data, Endless) else None
        if self.fresh is not None:
            made = self.fresh(recipe.seed, 0, recipe.batch_size)
            source.check_batch(made, recipe.batch_size, self.samples, recipe.data)
        self.epoch_images = recipe.order.epoch_images(len(self.samples))
        self.trained_weights = {p.name: [w for n in p.trains for w in self.networks[n].parameters()] for p in self.players}
        for name in recipe.frozen:
            self.networks[name].requires_grad_(False)
        self.optimizer_states = {p.name: recipe.optimizers[p.name].init(self.trained_weights[p.name]) for p in self.players}
        self.average = recipe.ema.start(self.networks["generator"]) if recipe.ema else None
        self.images, self.steps, self.totals = 0, 0, Totals.of(1)
        self.states: dict[str, Tensor] = {}  # state of objectives across steps, by name
        self.window = {p.name: torch.zeros(2, device=device) for p in self.players}  # sum of losses, turns since the last record
        self.window_parts = {name: window.unbind() for name, window in self.window.items()}  # views of the two
        self.guard = LossGuard([p.name for p in self.players], device)
        self.whole = True  # False within a step and once the state is broken: then nothing is saved
        self.backend = backend(self)

    def _smallest_batch(self) -> int:
        """The smallest number of samples that a network gets in training, on this process."""
        return max(1, min(batch_sizes(self.recipe)) // distributed.world_size())

    # ------------------------------------------------------------------------------------------ a step

    def step(self) -> Record:
        """Give every player its turns. Raises TrainingError for a loss that is not finite, on accelerators in `check`."""
        self.whole = False
        read, values = self.backend.step()
        self.images += read
        self.steps += 1
        self.whole = True
        return Record(self.images, self.total_images, self.images / self.epoch_images, self.steps, values)

    @property
    def total_images(self) -> int:
        """The budget in images, as it is planned now."""
        return self.totals.images

    @total_images.setter
    def total_images(self, images: int) -> None:
        self.totals = Totals.of(images)

    @property
    def progress(self) -> float:
        """The share of the run that is done, at most 1; schedules follow it."""
        return self.totals.progress(self.images)

    def read(self, images: int) -> Batch:
        """This process's part of the batch that follows after `images` real images."""
        recipe, conditions = self.recipe, self.conditions
        if self.fresh is not None:
            made = self.fresh(recipe.seed, images, recipe.batch_size)
            own = made[distributed.share(len(made))]
            real = self.modality.to_model(torch.from_numpy(own.values).to(self.device))
            observed = conditions.of(own, conditions.place_of(images, len(made)))
            return conditions.batch(real, images, len(made), observed)
        indices = recipe.order.indices(recipe.seed, images, recipe.batch_size, len(self.samples))
        rows = indices[distributed.share(len(indices))].copy()
        real = self.modality.to_model(self.stored.index_select(0, torch.from_numpy(rows).to(self.device)))
        observed = conditions.at(rows, conditions.place_of(images, len(indices)))
        return conditions.batch(real, images, len(indices), observed)

    @property
    def categories(self) -> Tensor | None:
        """The category of each training sample, int64 [N]; None where categories are not observed."""
        return self.conditions.categories

    @property
    def inputs(self) -> Inputs:
        """The inputs of the generator."""
        return self.conditions.inputs

    def noise_at(self, place: Place) -> Callable[[int, int | None], Tensor]:
        """A function (count, image count or None for the place's own) -> this process's part of the noise there, [n, Z]."""

        def draw(count: int, at: int | None) -> Tensor:
            own = distributed.share(count)
            where = place if at is None else place._replace(images=at)
            rows = self.recipe.noise.rows(self.recipe.seed, Stream.NOISE, where, own.start, own.stop - own.start)
            return torch.from_numpy(rows).to(self.device)

        return draw

    def check(self) -> None:
        """Wait for the device and raise TrainingError if a loss was not finite; nothing is saved from then on."""
        try:
            self.guard.check()
        except TrainingError:
            self.whole = False
            raise

    def means(self) -> dict[str, float]:
        """Each player's mean loss since the last call, by "PLAYER/loss"."""
        means = {}
        for name, window in self.window.items():
            total, turns = window.tolist()
            means[f"{name}/loss"] = total / max(turns, 1.0)
            window.zero_()
        return means

    # ------------------------------------------------------------------------------------------ its state

    @property
    def sampled(self) -> nn.Module:
        """The network that samples come from: the average, where the recipe keeps one, else the generator."""
        self.backend.pull()
        return self.networks["generator"] if self.average is None else self.average

    @property
    def sampler(self) -> Sampler:
        """A sampler of the network that samples come from."""
        metadata, pictures = self.metadata(), self.recipe.pictures
        condition_space = condition_space_of(self.recipe.condition, metadata)
        layout = layout_of(pictures.count, pictures.columns, self.shapes.sample, condition_space)
        return Sampler(self.sampled, self.inputs, self.modality, self.shapes.sample, condition_space, layout)

    def metadata(self) -> dict[str, Any]:
        """The fields of run.json that a generator is rebuilt from without the data, and the device, precision and processes."""
        return (
            {
                "total_images": self.total_images,
                "epoch_images": self.epoch_images,
                "num_real": len(self.samples),
                "num_skipped": self.samples.num_skipped,
                "sample_shape": list(self.shapes.sample),
                **self._source_metadata(),
                "kinds": list(self.inputs.shares) or None,
                "classes": list(self.samples.classes) if self.samples.classes else None,
                "framework": self.backend.framework,
                "device": self.device.type,
                "precision": self.precision,
                "num_processes": distributed.world_size(),
            }
            | self.modality.metadata()
            | self.backend.metadata()
        )

    def _source_metadata(self) -> dict[str, Any]:
        """The shapes of source images and of their strips in pictures; empty without source images."""
        table = self.inputs.sources
        if table is None:
            return {}
        parts = [self.shapes.source, self.shapes.sample, *([] if table.truth is None else [self.shapes.sample])]
        return {"source_shape": list(self.shapes.source), "picture_shape": list(strip_shape(parts))}

    def state(self) -> Checkpoint:
        """Everything the next step depends on. The tensors are not copied."""
        self.backend.pull()
        tensors = {f"networks/{n}/{k}": v for n, net in self.networks.items() for k, v in net.state_dict().items()}
        if self.average is not None:
            tensors |= {f"average/{k}": v for k, v in self.average.state_dict().items()}
        for name, optimizer_state in self.optimizer_states.items():
            tensors |= {
                f"optimizers/{name}/{i}/{k}": v for k, values in optimizer_state.state.items() for i, v in enumerate(values)
            }
        tensors |= {f"window/{name}": v for name, v in self.window.items()}
        tensors |= {f"lasting/{name}": v for name, v in self.states.items()}
        if self.categories is not None:  # k-means may round differently on another machine, and clusters would then swap numbers
            tensors["kinds"] = self.categories.to(torch.int32)
        return Checkpoint(self.images, self.steps, tensors)

    def check_fits(self, saved: Checkpoint) -> None:
        """Raise DamageError if a saved state lacks a tensor of this trainer, or has one of another shape or type."""
        own = {name: tensor for name, tensor in self.state().tensors.items() if not name.startswith("lasting/")}
        if saved.steps:
            stateful = [part for part in parts(self.recipe.objective) if isinstance(part, Stateful)]
            own |= {f"lasting/{name}": tensor for part in stateful for name, tensor in part.states().items()}
        check_tensors(saved.tensors, own, complete=("networks/", "average/", "optimizers/"))
        if "kinds" in own and not 0 <= saved.tensors["kinds"].min() <= saved.tensors["kinds"].max() < self.shapes.categories:
            raise DamageError("tensor kinds holds numbers of no category")

    def restore(self, saved: Checkpoint) -> None:
        """Copy a saved state into this trainer. Raises DamageError, and copies nothing, if it does not fit."""
        self.check_fits(saved)
        for name, network in self.networks.items():
            network.load_state_dict(saved.with_prefix(f"networks/{name}/"))
        if self.average is not None:
            self.average.load_state_dict(saved.with_prefix("average/"))
        for name, optimizer_state in self.optimizer_states.items():
            for key, values in optimizer_state.state.items():
                for i, value in enumerate(values):
                    value.copy_(saved.tensors[f"optimizers/{name}/{i}/{key}"])
        for name, window in self.window.items():
            window.copy_(saved.tensors[f"window/{name}"])
        self.states = {name: v.to(self.device, copy=True) for name, v in saved.with_prefix("lasting/").items()}
        if self.categories is not None:
            self.conditions.set_categories(saved.tensors["kinds"])
        self.images, self.steps = saved.images, saved.steps
        self.backend.push()


class TorchBackend:
    """Computes steps in PyTorch, on the trainer's own networks."""

    framework: ClassVar[str] = "torch"

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        # The networks that players get: the trainer's, or their compiled counterparts, which share the weights.
        self.networks = compiled(trainer.networks, trainer.device) if trainer.recipe.compile else trainer.networks

    @classmethod
    def check_recipe(cls, recipe: Recipe, device: torch.device) -> None:
        """PyTorch computes every recipe."""

    def step(self) -> tuple[int, Values]:
        """Give every player its turns. Players of simultaneous turns update their weights once all have computed their loss."""
        trainer, recipe = self.trainer, self.trainer.recipe
        images, read = trainer.images, 0
        progress = trainer.progress
        shared: dict[str, Any] = {}  # within this step
        values: Values = {}
        batch = None
        updates: list[Callable[[], None]] = []  # of simultaneous players, until all losses are computed
        with rng.fork(trainer.device):
            for player_index, player in enumerate(trainer.players):
                for turn_index in range(player.turns):
                    if batch is None or player.reads == "fresh":
                        batch = trainer.read(images + read)
                        read += batch.size
                    place = Place(images, player_index, turn_index)
                    noise = trainer.noise_at(place)
                    turn = Turn(images, trainer.epoch_images, progress, noise, trainer.steps, shared, trainer.states)
                    seed = rng.torch_seed(recipe.seed, Stream.TURN, place, distributed.rank())
                    rng.seed_torch(seed, trainer.device)
                    outcome, update = self.turn(player, player_index, batch, turn)
                    if player.simultaneous:
                        updates.append(update)
                    else:
                        update()
                    values |= {f"{player.name}/{name}": value for name, value in outcome.logs.items()}
            for update in reversed(updates):
                update()
        if trainer.average is not None and recipe.ema is not None:
            recipe.ema.update(trainer.average, trainer.networks["generator"], images + read, read, progress)
        return read, values

    def turn(self, player: Player, player_index: int, batch: Batch, turn: Turn) -> tuple[Outcome, Callable[[], None]]:
        """Compute a player's loss and gradients. Returns the outcome and the update of its weights, to be called.

        The only place that deals with optimizers, precision and other processes. Gradients are taken with respect to the player's
        own weights alone.
        """
        trainer = self.trainer
        with torch.autocast(trainer.device.type, torch.bfloat16) if trainer.precision == "bf16" else contextlib.nullcontext():
            outcome = player.loss(self.networks, batch, turn)
        if outcome.losses.ndim != 1:
            expected = f"expected one loss a sample, shape [N], got {list(outcome.losses.shape)}"
            raise RecipeError(f"player {player.name!r}: {expected}; take the mean over the other axes")
        losses = outcome.losses.to(torch.promote_types(outcome.losses.dtype, torch.float32))
        weights, optimizer_state = trainer.trained_weights[player.name], trainer.optimizer_states[player.name]
        alone = distributed.world_size() == 1
        # The gradient of the mean with respect to each sample's loss, which spares a backward pass through the mean.
        scale = torch.full_like(losses, 1.0 / len(losses) if alone else 1.0)
        gradients = torch.autograd.grad(losses, weights, scale, retain_graph=player.keeps_graph, materialize_grads=True)
        loss = losses.detach().mean() if alone else distributed.average(losses, gradients)
        update = partial(optimizer_state.step, gradients, turn.progress, trainer.guard.admit(loss, trainer.steps, player_index))
        total, turns = trainer.window_parts[player.name]
        total += loss
        turns += 1.0
        outcome.logs["loss"] = lambda: loss
        return outcome, update

    def push(self) -> None:
        """Nothing to do: the trainer's networks are its own."""

    def pull(self) -> None:
        """Nothing to do: the trainer's networks are its own."""

    def metadata(self) -> dict[str, Any]:
        """Nothing beside the framework."""
        return {}
