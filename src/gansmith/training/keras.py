"""The same game in TensorFlow: a trainer whose steps Keras's layers compute.

Data, order, noise, random start and all that is saved are those of PyTorch's trainer, under its names; between two checkpoints
the numbers live in Keras's variables. So whoever looks at a run, or goes on with it, needs to know nothing of Keras.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from gansmith.core import distributed, rng
from gansmith.core.component import kebab
from gansmith.core.errors import RecipeError
from gansmith.core.formatting import listed
from gansmith.core.rng import Place, Stream
from gansmith.data import Samples
from gansmith.networks import MaxoutDiscriminator, MLPDiscriminator, MLPGenerator
from gansmith.networks.keras import KerasNetwork, libraries, to_keras, to_torch
from gansmith.objectives import Adversarial, losses
from gansmith.objectives.base import Batch
from gansmith.objectives.logits import discriminator_logs
from gansmith.optim.optimizers import SGD, Adam, AdamState
from gansmith.recipes.base import Recipe
from gansmith.runs.checkpoints import Saved
from gansmith.training.trainer import Record, Trainer

NETWORKS = (MLPGenerator, MLPDiscriminator, MaxoutDiscriminator)
LOSSES = (losses.NonSaturating, losses.Saturating, losses.LeastSquares, losses.Hinge)
OPTIMIZERS = (Adam, SGD)


class TurnInput(NamedTuple):
    """What a turn is given, ready for TensorFlow; None for what it has no need of."""

    z: Any  # [F, Z]
    told_fake: Any  # [F, K]
    real: Any  # [N, ...], in D's turn alone
    told_real: Any  # [N, K], likewise
    seed: Any  # int64 [2], what is dropped
    rates: Any  # the optimizer's settings at this step, see `_rates`


class KerasTrainer(Trainer):
    """A game set up in TensorFlow, on the CPU. Raises RecipeError for a recipe with a part that is not the same there."""

    framework = "tensorflow"

    def __init__(self, recipe: Recipe, device: torch.device, samples: Samples | None = None) -> None:
        for obstacle in _obstacles(recipe, device):
            raise RecipeError(f"framework tensorflow: {obstacle}; train it with --framework torch")
        self.keras, self.tf = libraries()
        _take_threads(self.tf)
        super().__init__(recipe, device, samples)
        assert isinstance(recipe.objective, Adversarial)
        self.objective, self.precision = recipe.objective, "float32"
        self.adopt()

    def adopt(self) -> None:
        """Make Keras's side of PyTorch's networks and optimizers as they are, in their precision."""
        self.generator, self.discriminator = (KerasNetwork(self.networks[n]) for n in ("generator", "discriminator"))
        self.mean = KerasNetwork(self.average) if self.average is not None else None
        self.weights = {"generator": self.generator.weights, "discriminator": self.discriminator.weights}
        self.moments = {  # Adam's two, or SGD's one, for each weight
            player: {
                key: [self.tf.Variable(to_keras(v)) for v in values]
                for key, values in optimizer_state.state.items()
                if key != "step"
            }
            for player, optimizer_state in self.optimizer_states.items()
        }
        layers = [layer for layer in self.networks["generator"].modules() if isinstance(layer, nn.BatchNorm1d)]
        self.counters = [c for layer in layers if (c := layer.num_batches_tracked) is not None]
        # Each size of a batch is traced for itself: one trace for all may round otherwise than those of a run that goes on.
        self.turns = self.tf.function(self._turns, autograph=False)

    # ------------------------------------------------------------------------------------------ a step

    def step(self) -> Record:
        """One turn, or more, of every player, from what the place in the run says alone."""
        objective, images, read, self.whole = self.objective, self.images, 0, False
        progress = images / self.total_images
        ds: list[TurnInput] = []
        for number in range(objective.discriminator_turns):
            batch, place = self.read(images + read), Place(images, 0, number)
            read += batch.size
            z = self._drawer(place)(objective.discriminator_fakes or batch.size, None)
            ds.append(self._given(place, batch, z, progress))
        place = Place(images, 1)
        if objective.share == "nothing":
            z = self._drawer(place)(objective.generator_fakes or batch.size, None)
        gs = self._given(place, batch, z, progress)
        keep = self.recipe.ema.decay(images + read, read, progress) if self.recipe.ema else 0.0
        paid, on_real, on_fake = (torch.from_numpy(condition.numpy()) for condition in self.turns(ds, gs, self._array(keep)))
        for who, loss in zip((*[0] * len(ds), 1), paid, strict=True):
            self._watch(loss, who)
            self.window[self.players[who].name] += torch.tensor([loss.item(), 1.0])
        for counter in self.counters:
            counter += 1 if objective.share == "fakes" else len(ds) + 1
        self.images, self.steps, self.whole = images + read, self.steps + 1, True
        values = discriminator_logs(on_real, on_fake, objective.loss.undecided) | {"loss": lambda: paid[-2]}
        named = {f"discriminator/{name}": value for name, value in values.items()} | {"generator/loss": lambda: paid[-1]}
        return Record(self.images, self.total_images, self.images / self.epoch_images, self.steps, named)

    def _given(self, place: Place, batch: Batch, z: Tensor, progress: float) -> TurnInput:
        seed = rng.torch_seed(self.recipe.seed, Stream.TURN, place)
        return TurnInput(
            z=self._array(z),
            told_fake=self._array(batch.condition_for(len(z))),
            real=self._array(batch.real) if place.player == 0 else None,
            told_real=self._array(batch.condition) if place.player == 0 else None,
            seed=np.array([seed, 0], np.int64),
            rates=self._rates(self.players[place.player].name, progress),
        )

    def _array(self, numbers: Tensor | float | list[float] | None) -> np.ndarray | None:
        """In the networks' own precision."""
        return None if numbers is None else np.asarray(numbers, self.generator.dtype)

    def _rates(self, player: str, progress: float) -> np.ndarray | None:
        """What the optimizer's kernel asks for at the player's next update.

        Keras's Adam folds both corrections into the rate and adds epsilon to the root of the raw second moment; PyTorch's adds it
        to that of the corrected one, as Kingma and Ba's algorithm 1 does. So epsilon is multiplied with the root of the second
        correction. The corrections are made of the betas as the kernel sees them, in the weights' precision.
        """
        optimizer = self.recipe.optimizers[player]
        rate = optimizer.lr * optimizer.schedule.factor(progress)
        if not isinstance(optimizer, Adam):
            return self._array([rate])
        optimizer_state = self.optimizer_states[player]
        assert isinstance(optimizer_state, AdamState)
        optimizer_state.steps += 1
        steps = int(optimizer_state.steps[0])
        beta1, beta2 = self._array([optimizer.betas[0], optimizer.beta2(progress)]).astype(float)  # type: ignore[union-attr]
        root = math.sqrt(1.0 - beta2**steps)
        return self._array([rate * root / (1.0 - beta1**steps), beta1, beta2, optimizer.eps * root])

    # ------------------------------------------------------------------------------------------ what TensorFlow traces

    def _turns(self, ds: list[TurnInput], gs: TurnInput, keep: Any) -> tuple[Any, Any, Any]:
        """A whole step: (every turn's loss [T], D's logits of reals and of fakes). `keep` is what stays of the average."""
        tf, objective, paid, waiting = self.tf, self.objective, [], []
        for turn in ds:
            draw = _draws(turn.seed)
            with tf.GradientTape() as through_g:
                fake = self.generator.train(turn.z, turn.told_fake, draw)
            with tf.GradientTape() as through_d:
                real_logits, fake_logits = self._judged(turn, tf.stop_gradient(fake), draw)
                of_real, of_fake = _costs_of_d(tf, objective.loss, real_logits, fake_logits)
                loss = tf.reduce_mean(of_real) + tf.reduce_mean(of_fake)
                loss = 0.5 * loss if objective.reduction == "mean" else loss
            paid.append(loss)
            waiting.append(("discriminator", through_d.gradient(loss, self.discriminator.weights), turn.rates))
            if objective.turns == "alternating":
                self._move(*waiting.pop())
        draw = _draws(gs.seed)
        if objective.share != "fakes":
            with tf.GradientTape() as through_g:
                fake = self.generator.train(gs.z, gs.told_fake, draw)
        with tf.GradientTape() as through_d:
            through_d.watch(fake)
            loss = tf.reduce_mean(_costs_of_g(tf, objective.loss, self.discriminator.train(fake, gs.told_fake, draw)))
        paid.append(loss)
        slope = through_d.gradient(loss, fake)  # where D's tape ends and G's begins
        self._move("generator", through_g.gradient(fake, self.generator.weights, output_gradients=slope), gs.rates)
        for move in waiting:
            self._move(*move)
        if self.mean is not None:
            for mean, weight in zip(self.mean.weights, self.generator.weights, strict=True):
                mean.assign_add((1.0 - keep) * (weight - mean))
            for mean, running in zip(self.mean.statistics, self.generator.statistics, strict=True):
                mean.assign(running)
        return tf.stack(paid), real_logits, fake_logits

    def _judged(self, turn: TurnInput, fake: Any, draw: Callable[[], Any]) -> tuple[Any, Any]:
        """D's logits of reals and of fakes, asked about in one batch or in two."""
        tf, judge = self.tf, self.discriminator.train
        if not self.objective.joint_batch:
            return judge(turn.real, turn.told_real, draw), judge(fake, turn.told_fake, draw)
        condition = None if turn.told_real is None else tf.concat([turn.told_real, turn.told_fake], 0)
        logits = judge(tf.concat([turn.real, fake], 0), condition, draw)
        return logits[: turn.real.shape[0]], logits[turn.real.shape[0] :]

    def _move(self, player: str, gradients: list[Any], rates: Any) -> None:
        """One step of the recipe's optimizer, in TensorFlow's own fused kernels."""
        raw, optimizer, moments = self.tf.raw_ops, self.recipe.optimizers[player], self.moments[player]
        rate, *more = self.tf.unstack(rates)
        for i, (weight, gradient) in enumerate(zip(self.weights[player], gradients, strict=True)):
            if isinstance(optimizer, Adam):
                beta1, beta2, eps = more
                none = self.tf.zeros_like(rate)  # the corrections are in `rate` already
                settings = {"lr": rate, "beta1": beta1, "beta2": beta2, "epsilon": eps, "beta1_power": none, "beta2_power": none}
                m, v = moments["exp_avg"][i].handle, moments["exp_avg_sq"][i].handle
                raw.ResourceApplyAdam(var=weight.handle, m=m, v=v, grad=gradient, **settings)
            elif isinstance(optimizer, SGD) and optimizer.momentum:
                momentum = self.tf.constant(optimizer.momentum, rate.dtype)
                buffer = moments["momentum_buffer"][i].handle
                raw.ResourceApplyMomentum(var=weight.handle, accum=buffer, lr=rate, grad=gradient, momentum=momentum)
            else:
                raw.ResourceApplyGradientDescent(var=weight.handle, alpha=rate, delta=gradient)

    # ------------------------------------------------------------------------------------------ its state

    @property
    def sampled(self) -> nn.Module:
        self.settle()
        return super().sampled

    def state(self) -> Saved:
        self.settle()
        return super().state()

    def restore(self, saved: Saved) -> None:
        super().restore(saved)
        for network in self._networks():
            network.push()
        for tensor, variable in self._moments():
            variable.assign(to_keras(tensor))

    def metadata(self) -> dict[str, Any]:
        return super().metadata() | {"tensorflow": self.tf.__version__, "keras": self.keras.__version__}

    def settle(self) -> None:
        """Give the numbers to PyTorch, whose names they are saved and sampled under."""
        for network in self._networks():
            network.pull()
        for tensor, variable in self._moments():
            to_torch(variable, tensor)
        if self.average is not None:
            for mean, buffer in zip(self.average.buffers(), self.networks["generator"].buffers(), strict=True):
                mean.copy_(buffer)  # batch norm's counters too

    def _networks(self) -> list[KerasNetwork]:
        return [self.generator, self.discriminator, *([self.mean] if self.mean is not None else [])]

    def _moments(self) -> Iterator[tuple[Tensor, Any]]:
        for player, moments in self.moments.items():
            for key, variables in moments.items():
                yield from zip(self.optimizer_states[player].state[key], variables, strict=True)


def _draws(seed: Any) -> Callable[[], Any]:
    """A new seed [2] for each dropout of a turn, told apart by their order."""
    numbers = count()
    return lambda: seed + np.array([0, next(numbers)], np.int64)


def _costs_of_d(tf: Any, loss: losses.Loss, real: Any, fake: Any) -> tuple[Any, Any]:
    """As `losses` has them, equation by equation."""
    match loss:
        case losses.NonSaturating() | losses.Saturating():
            return tf.nn.softplus(-real) + (1.0 - loss.real_label) * real, tf.nn.softplus(fake)
        case losses.LeastSquares():
            return 0.5 * (real - 1.0) ** 2, 0.5 * fake**2
    return tf.nn.relu(1.0 - real), tf.nn.relu(1.0 + fake)


def _costs_of_g(tf: Any, loss: losses.Loss, fake: Any) -> Any:
    match loss:
        case losses.NonSaturating():
            return tf.nn.softplus(-fake)
        case losses.Saturating():
            return -tf.nn.softplus(fake)
        case losses.LeastSquares():
            return 0.5 * (fake - 1.0) ** 2
    return -fake


def _take_threads(tf: Any) -> None:
    """As many as PyTorch may use. Where TensorFlow is at work in this process already, it keeps the number it began with."""
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(torch.get_num_threads())
        tf.config.threading.set_inter_op_parallelism_threads(torch.get_num_threads())


def _obstacles(recipe: Recipe, device: torch.device) -> Iterator[str]:
    """Why a recipe can't be trained here, the same as in PyTorch."""
    objective = recipe.objective
    if not isinstance(objective, Adversarial):
        yield f"it plays the objective adversarial, and this one is {kebab(type(objective).__name__)}"
        return
    for name, network in recipe.networks.items():
        if type(network) not in NETWORKS:
            yield f"network {name!r} is a {kebab(type(network).__name__)}, and only {_listed(NETWORKS)} are known there"
        if isinstance(network, MLPDiscriminator) and network.minibatch_std:
            yield f"network {name!r} has minibatch_std, which is not known there"
        if isinstance(network, MLPDiscriminator | MaxoutDiscriminator) and network.spectral_norm:
            yield f"network {name!r} has spectral_norm, which is not known there"
    for player, optimizer in recipe.optimizers.items():
        if type(optimizer) not in OPTIMIZERS:
            yield f"optimizer {kebab(type(optimizer).__name__)} of {player!r} is none of {_listed(OPTIMIZERS)}"
    if type(objective.loss) not in LOSSES:
        yield f"loss {kebab(type(objective.loss).__name__)} is none of {_listed(LOSSES)}"
    for part in (*objective.penalties, *filter(None, [objective.augmentation, objective.auxiliary])):
        yield f"{kebab(type(part).__name__)} is not known there: penalties, augmentation and recovered codes are PyTorch's alone"
    if recipe.condition is not None and not recipe.condition.observed:
        yield f"condition {kebab(type(recipe.condition).__name__)} tells the generator alone, which is not known there"
    if set(recipe.networks) != {"generator", "discriminator"} or recipe.frozen:
        yield "it trains a generator and a discriminator, with nothing beside them and nothing frozen"
    if recipe.precision == "bf16" or recipe.compile:
        yield "precision is float32 there, and compile is PyTorch's: leave both as they are"
    if device.type != "cpu" or distributed.world() > 1:
        yield "it trains on the CPU, in one process: give --device cpu"


def _listed(categories: tuple[type, ...]) -> str:
    return listed([kebab(kind.__name__) for kind in categories])
