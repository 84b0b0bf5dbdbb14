"""Compute a trainer's steps in TensorFlow, with Keras's layers.

Data, order, noise, initial weights and the names of saved tensors are the trainer's. Between two checkpoints, Keras's variables
hold the numbers. So a run can be read or continued without Keras.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from gansmith.core import distributed, rng
from gansmith.core.component import kebab
from gansmith.core.errors import RecipeError
from gansmith.core.formatting import listed
from gansmith.core.rng import Place, Stream
from gansmith.networks import BatchNorm, MaxoutDiscriminator, MLPDiscriminator, MLPGenerator
from gansmith.networks.keras import KerasNetwork, libraries, to_keras, to_torch
from gansmith.objectives import Adversarial, losses
from gansmith.objectives.base import Batch
from gansmith.objectives.logits import discriminator_logs
from gansmith.optim.optimizers import SGD, Adam, AdamState
from gansmith.recipes.base import Recipe
from gansmith.training.record import Values
from gansmith.training.trainer import Trainer

# The fields that TensorFlow computes as PyTorch does. Every other field of these components must hold its default.
MIRRORED: dict[type, tuple[str, ...]] = {
    MLPGenerator: ("widths", "slope", "batch_norm", "dropout", "end", "init", "activation"),
    BatchNorm: ("eps", "momentum", "first", "std"),
    MLPDiscriminator: ("widths", "slope", "dropout", "init"),
    MaxoutDiscriminator: ("widths", "pieces", "input_dropout", "dropout", "start", "init"),
    Adversarial: (
        *("loss", "reduction", "share", "joint_batch", "turns"),
        *("discriminator_turns", "discriminator_fakes", "generator_fakes"),
    ),
    losses.NonSaturating: ("real_label",),
    losses.Saturating: ("real_label",),
    losses.LeastSquares: (),
    losses.Hinge: (),
    Adam: ("lr", "betas", "eps", "schedule", "beta2_schedule"),
    SGD: ("lr", "momentum", "schedule", "momentum_schedule"),
}
NETWORKS = (MLPGenerator, MLPDiscriminator, MaxoutDiscriminator)
LOSSES = (losses.NonSaturating, losses.Saturating, losses.LeastSquares, losses.Hinge)
OPTIMIZERS = (Adam, SGD)


class TurnInput(NamedTuple):
    """The inputs of a turn, ready for TensorFlow; None for inputs that the turn does not need."""

    z: Any  # [F, Z]
    fake_condition: Any  # [F, K]
    real: Any  # [N, ...], for the discriminator's turn
    real_condition: Any  # [N, K], for the discriminator's turn
    seed: Any  # int64 [2], of dropout
    settings: Any  # of the optimizer at this step, see `_optimizer_settings`


class KerasBackend:
    """Computes steps in TensorFlow, on the CPU, in float32."""

    framework: ClassVar[str] = "tensorflow"

    def __init__(self, trainer: Trainer) -> None:
        self.keras, self.tf = libraries()
        self.trainer, self.recipe = trainer, trainer.recipe
        objective = self.recipe.objective
        assert isinstance(objective, Adversarial)
        self.objective = objective
        self.mirror()

    @classmethod
    def check_recipe(cls, recipe: Recipe, device: torch.device) -> None:
        """Raise RecipeError for a recipe with a part that TensorFlow does not compute as PyTorch does, or without TensorFlow."""
        for obstacle in obstacles(recipe, device):
            raise RecipeError(f"framework tensorflow: {obstacle}; train it with --framework torch")
        _set_threads(libraries()[1])

    def mirror(self) -> None:
        """Make Keras's counterparts of the trainer's networks and optimizers as they are, in their precision."""
        trainer = self.trainer
        self.generator, self.discriminator = (KerasNetwork(trainer.networks[n]) for n in ("generator", "discriminator"))
        self.average = KerasNetwork(trainer.average) if trainer.average is not None else None
        self.weights = {"generator": self.generator.weights, "discriminator": self.discriminator.weights}
        self.moments = {  # Adam's two, or SGD's one, for each weight
            player: {
                key: [self.tf.Variable(to_keras(v)) for v in values]
                for key, values in optimizer_state.state.items()
                if key != "step"
            }
            for player, optimizer_state in trainer.optimizer_states.items()
        }
        layers = [layer for layer in trainer.networks["generator"].modules() if isinstance(layer, nn.BatchNorm1d)]
        self.counters = [c for layer in layers if (c := layer.num_batches_tracked) is not None]
        # Each batch size is traced by itself: one trace for all may round differently from those of a resumed run.
        self.trace = self.tf.function(self._trace, autograph=False)

    # ------------------------------------------------------------------------------------------ a step

    def step(self) -> tuple[int, Values]:
        """Give the discriminator its turns and the generator one."""
        trainer, objective, images, read = self.trainer, self.objective, self.trainer.images, 0
        progress = trainer.progress
        discriminator_turns: list[TurnInput] = []
        for turn_index in range(objective.discriminator_turns):
            batch, place = trainer.read(images + read), Place(images, 0, turn_index)
            read += batch.size
            z = trainer.noise_at(place)(objective.discriminator_fakes or batch.size, None)
            discriminator_turns.append(self._turn_input(place, batch, z, progress))
        place = Place(images, 1)
        if objective.share == "nothing":
            z = trainer.noise_at(place)(objective.generator_fakes or batch.size, None)
        generator_turn = self._turn_input(place, batch, z, progress)
        keep = self.recipe.ema.decay(images + read, read, progress) if self.recipe.ema else 0.0
        results = self.trace(discriminator_turns, generator_turn, self._array(keep))
        turn_losses, real_logits, fake_logits = (torch.from_numpy(result.numpy()) for result in results)
        for player_index, loss in zip((*[0] * len(discriminator_turns), 1), turn_losses, strict=True):
            trainer.guard.admit(loss, trainer.steps, player_index)
            trainer.window[trainer.players[player_index].name] += torch.tensor([loss.item(), 1.0])
        for counter in self.counters:
            counter += 1 if objective.share == "fakes" else len(discriminator_turns) + 1
        logs = discriminator_logs(real_logits, fake_logits, objective.loss.undecided) | {"loss": lambda: turn_losses[-2]}
        return read, {f"discriminator/{k}": v for k, v in logs.items()} | {"generator/loss": lambda: turn_losses[-1]}

    def _turn_input(self, place: Place, batch: Batch, z: Tensor, progress: float) -> TurnInput:
        is_discriminator = place.player == 0
        return TurnInput(
            z=self._array(z),
            fake_condition=self._array(batch.condition_for(len(z))),
            real=self._array(batch.real) if is_discriminator else None,
            real_condition=self._array(batch.condition) if is_discriminator else None,
            seed=np.array([rng.torch_seed(self.recipe.seed, Stream.TURN, place), 0], np.int64),
            settings=self._optimizer_settings(self.trainer.players[place.player].name, progress),
        )

    def _array(self, numbers: Tensor | float | list[float] | None) -> np.ndarray | None:
        """An array in the precision of the networks."""
        return None if numbers is None else np.asarray(numbers, self.generator.dtype)

    def _optimizer_settings(self, player: str, progress: float) -> np.ndarray | None:
        """The numbers that the optimizer's kernel takes at the player's next update.

        For SGD: learning rate and momentum. For Adam: learning rate, betas and epsilon. Keras's Adam folds both bias corrections
        into the learning rate and adds epsilon to the root of the raw second moment. PyTorch adds it to the root of the
        corrected one, as in Kingma and Ba's algorithm 1. So epsilon is multiplied by the root of the second correction. The
        corrections are computed from the betas in the weights' precision, as the kernel sees them.
        """
        optimizer = self.recipe.optimizers[player]
        lr = optimizer.lr * optimizer.schedule.factor(progress)
        if isinstance(optimizer, SGD):
            return self._array([lr, optimizer.momentum * optimizer.momentum_schedule.factor(progress)])
        optimizer_state = self.trainer.optimizer_states[player]
        assert isinstance(optimizer, Adam)
        assert isinstance(optimizer_state, AdamState)
        optimizer_state.steps += 1
        steps = int(optimizer_state.steps[0])
        beta1, beta2 = self._array([optimizer.betas[0], optimizer.beta2(progress)]).astype(float)  # type: ignore[union-attr]
        root = math.sqrt(1.0 - beta2**steps)
        return self._array([lr * root / (1.0 - beta1**steps), beta1, beta2, optimizer.eps * root])

    # ------------------------------------------------------------------------------------------ what TensorFlow traces

    def _trace(self, discriminator_turns: list[TurnInput], generator_turn: TurnInput, keep: Any) -> tuple[Any, Any, Any]:
        """A whole step: (each turn's loss [T], the discriminator's logits of real and of generated samples).

        `keep` is the share of the average that stays.
        """
        tf, objective, turn_losses, waiting = self.tf, self.objective, [], []
        for turn in discriminator_turns:
            draw = _seeds(turn.seed)
            with tf.GradientTape() as generator_tape:
                fake = self.generator.train(turn.z, turn.fake_condition, draw)
            with tf.GradientTape() as discriminator_tape:
                real_logits, fake_logits = self._logits(turn, tf.stop_gradient(fake), draw)
                real_loss, fake_loss = _discriminator_losses(tf, objective.loss, real_logits, fake_logits)
                loss = tf.reduce_mean(real_loss) + tf.reduce_mean(fake_loss)
                loss = 0.5 * loss if objective.reduction == "mean" else loss
            turn_losses.append(loss)
            gradients = discriminator_tape.gradient(loss, self.discriminator.weights)
            waiting.append(("discriminator", gradients, turn.settings))
            if objective.turns == "alternating":
                self._update(*waiting.pop())
        turn, draw = generator_turn, _seeds(generator_turn.seed)
        if objective.share != "fakes":
            with tf.GradientTape() as generator_tape:
                fake = self.generator.train(turn.z, turn.fake_condition, draw)
        with tf.GradientTape() as discriminator_tape:
            discriminator_tape.watch(fake)
            logits = self.discriminator.train(fake, turn.fake_condition, draw)
            loss = tf.reduce_mean(_generator_losses(tf, objective.loss, logits))
        turn_losses.append(loss)
        fake_gradient = discriminator_tape.gradient(loss, fake)  # passes from one tape to the other
        gradients = generator_tape.gradient(fake, self.generator.weights, output_gradients=fake_gradient)
        self._update("generator", gradients, turn.settings)
        for update in waiting:
            self._update(*update)
        if self.average is not None:
            for mean, weight in zip(self.average.weights, self.generator.weights, strict=True):
                mean.assign_add((1.0 - keep) * (weight - mean))
            for mean, running in zip(self.average.statistics, self.generator.statistics, strict=True):
                mean.assign(running)
        return tf.stack(turn_losses), real_logits, fake_logits

    def _logits(self, turn: TurnInput, fake: Any, draw: Callable[[], Any]) -> tuple[Any, Any]:
        """The discriminator's logits of real and of generated samples, from one batch or from two."""
        tf, discriminate = self.tf, self.discriminator.train
        if not self.objective.joint_batch:
            return discriminate(turn.real, turn.real_condition, draw), discriminate(fake, turn.fake_condition, draw)
        condition = None if turn.real_condition is None else tf.concat([turn.real_condition, turn.fake_condition], 0)
        logits = discriminate(tf.concat([turn.real, fake], 0), condition, draw)
        return logits[: turn.real.shape[0]], logits[turn.real.shape[0] :]

    def _update(self, player: str, gradients: list[Any], settings: Any) -> None:
        """One update by the recipe's optimizer, in TensorFlow's fused kernels."""
        raw, optimizer, moments = self.tf.raw_ops, self.recipe.optimizers[player], self.moments[player]
        lr, *more = self.tf.unstack(settings)
        for i, (weight, gradient) in enumerate(zip(self.weights[player], gradients, strict=True)):
            if isinstance(optimizer, Adam):
                beta1, beta2, eps = more
                zero = self.tf.zeros_like(lr)  # the corrections are in `lr` already
                kernel = {"lr": lr, "beta1": beta1, "beta2": beta2, "epsilon": eps, "beta1_power": zero, "beta2_power": zero}
                m, v = moments["exp_avg"][i].handle, moments["exp_avg_sq"][i].handle
                raw.ResourceApplyAdam(var=weight.handle, m=m, v=v, grad=gradient, **kernel)
            elif moments["momentum_buffer"]:
                buffer = moments["momentum_buffer"][i].handle
                raw.ResourceApplyMomentum(var=weight.handle, accum=buffer, lr=lr, grad=gradient, momentum=more[0])
            else:
                raw.ResourceApplyGradientDescent(var=weight.handle, alpha=lr, delta=gradient)

    # ------------------------------------------------------------------------------------------ copying numbers

    def push(self) -> None:
        """Copy the trainer's numbers into Keras's variables."""
        for network in self._networks():
            network.push()
        for tensor, variable in self._moments():
            variable.assign(to_keras(tensor))

    def pull(self) -> None:
        """Copy the numbers of Keras's variables into the trainer's tensors."""
        trainer = self.trainer
        for network in self._networks():
            network.pull()
        for tensor, variable in self._moments():
            to_torch(variable, tensor)
        if trainer.average is not None:
            for mean, buffer in zip(trainer.average.buffers(), trainer.networks["generator"].buffers(), strict=True):
                mean.copy_(buffer)  # batch norm's counters too

    def metadata(self) -> dict[str, Any]:
        """Its precision, and the versions of TensorFlow and Keras."""
        return {"precision": "float32", "tensorflow": self.tf.__version__, "keras": self.keras.__version__}

    def _networks(self) -> list[KerasNetwork]:
        return [self.generator, self.discriminator, *([self.average] if self.average is not None else [])]

    def _moments(self) -> Iterator[tuple[Tensor, Any]]:
        for player, moments in self.moments.items():
            for key, variables in moments.items():
                yield from zip(self.trainer.optimizer_states[player].state[key], variables, strict=True)


def _seeds(seed: Any) -> Callable[[], Any]:
    """A new seed [2] for each dropout of a turn, by their order."""
    numbers = count()
    return lambda: seed + np.array([0, next(numbers)], np.int64)


def _discriminator_losses(tf: Any, loss: losses.Loss, real: Any, fake: Any) -> tuple[Any, Any]:
    """The losses of real and of generated samples, as in `objectives.losses`."""
    match loss:
        case losses.NonSaturating() | losses.Saturating():
            return tf.nn.softplus(-real) + (1.0 - loss.real_label) * real, tf.nn.softplus(fake)
        case losses.LeastSquares():
            return 0.5 * (real - 1.0) ** 2, 0.5 * fake**2
    return tf.nn.relu(1.0 - real), tf.nn.relu(1.0 + fake)


def _generator_losses(tf: Any, loss: losses.Loss, fake: Any) -> Any:
    """The generator's losses, as in `objectives.losses`."""
    match loss:
        case losses.NonSaturating():
            return tf.nn.softplus(-fake)
        case losses.Saturating():
            return -tf.nn.softplus(fake)
        case losses.LeastSquares():
            return 0.5 * (fake - 1.0) ** 2
    return -fake


def _set_threads(tf: Any) -> None:
    """Give TensorFlow the number of threads of PyTorch. Once TensorFlow has computed in this process, its number is fixed."""
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(torch.get_num_threads())
        tf.config.threading.set_inter_op_parallelism_threads(torch.get_num_threads())


def obstacles(recipe: Recipe, device: torch.device) -> Iterator[str]:
    """Why TensorFlow can't train a recipe as PyTorch does, one phrase for each reason; none if it can."""
    objective = recipe.objective
    yield from _not_mirrored("objective", objective, (Adversarial,))
    if not isinstance(objective, Adversarial):
        return
    yield from _not_mirrored("objective.loss", objective.loss, LOSSES)
    for name, network in recipe.networks.items():
        yield from _not_mirrored(f"networks.{name}", network, NETWORKS)
    for player, optimizer in recipe.optimizers.items():
        yield from _not_mirrored(f"optimizers.{player}", optimizer, OPTIMIZERS)
    if recipe.condition is not None and not recipe.condition.observed:
        yield f"condition is {_text(recipe.condition)}, which only the generator gets; expected an observed one"
    if set(recipe.networks) != {"generator", "discriminator"} or recipe.frozen:
        yield "expected the networks generator and discriminator, none of them frozen"
    if recipe.precision == "bf16" or recipe.compile:
        yield "expected precision=float32 and compile=false"
    if device.type != "cpu" or distributed.world_size() > 1:
        yield "expected the CPU and one process: give --device cpu"


def _not_mirrored(place: str, component: Any, known: tuple[type, ...]) -> Iterator[str]:
    """Whether a component is of a type, and its fields have values, that TensorFlow computes."""
    if type(component) not in known:
        names = listed([kebab(type_.__name__) for type_ in known])
        yield f"{place} is {_text(component)}, and only {names} {'is' if len(known) == 1 else 'are'} computed there"
        return
    for field in dataclasses.fields(component):
        value = getattr(component, field.name)
        if field.name not in MIRRORED[type(component)] and value != field.default:
            yield f"{place}.{field.name} is {_text(value)}, which is not computed there: leave it at {_text(field.default)}"


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_text, value))}]"
    if dataclasses.is_dataclass(value):
        return kebab(type(value).__name__)
    return str(value).lower() if isinstance(value, bool | None) else str(value)
