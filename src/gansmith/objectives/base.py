"""The contract of objectives: players, the networks they train, and their losses.

In each step of training the players take their turns in order. A turn reads a `Batch`, computes a loss for each sample, and
updates the networks of its player. See `gansmith.networks.base` for the shapes of networks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from gansmith.core.component import kebab
from gansmith.core.errors import RecipeError, unknown
from gansmith.networks.base import Network, Networks
from gansmith.objectives.losses import Loss
from gansmith.sampling.conditions import Condition
from gansmith.sampling.noise import Noise

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Batch:
    """Real samples and their condition. With several processes, each holds its own part."""

    real: Tensor  # [N, ...] in the range of their modality, [-1, 1] for images by default
    size: int  # N over all processes
    condition: Tensor | None = None  # [N, K + S], a one-hot category and S continuous codes in [-1, 1]
    observed: bool = True  # whether it describes the real samples; False: it was drawn for the generator alone

    def condition_for(self, count: int) -> Tensor | None:
        """The condition of `count` samples, [count, K + S]: the rows of `condition`, repeated as needed. None without one."""
        condition = self.condition
        if condition is None or count == len(condition):
            return condition
        return condition[torch.arange(count, device=condition.device) % len(condition)]

    def observed_condition_for(self, count: int) -> Tensor | None:
        """The condition for discriminator and encoder, [count, K + S]; None where the condition of real samples is not observed.

        The networks then take none, because the condition was drawn for the generator alone.
        """
        return self.condition_for(count) if self.observed else None


@dataclass(frozen=True, eq=False)
class Turn:
    """The position of a turn in the run, its noise, the values that turns share and the state across steps.

    Noise is a function of the position alone, so that a resumed run draws the same numbers.
    """

    images: int  # real images read before this step
    epoch_images: int  # real images in an epoch
    progress: float  # from 0 at the first step towards 1 at the last
    draw: Callable[[int, int | None], Tensor]  # (count, place) -> this process's part of [count, Z]
    step: int = 0  # number of steps before this one
    shared: dict[str, Any] = field(default_factory=dict)  # by name, for the turns of one step
    states: dict[str, Tensor] = field(default_factory=dict)  # by name, for all turns of the run; checkpoints hold them

    def noise(self, count: int) -> Tensor:
        """New noise [N, Z] for `count` samples over all processes, of which this process gets N."""
        return self.draw(count, None)

    def fixed_noise(self, count: int) -> Tensor:
        """Noise [N, Z] that repeats at each position of the epoch, for a fixed set of generated samples that is not stored."""
        return self.draw(count, self.images % self.epoch_images)

    def share(self, name: str, make: Callable[[], T]) -> T:
        """The value that an earlier turn of this step stored as `name`; else the value of `make()`, which is then stored."""
        if name not in self.shared:
            self.shared[name] = make()
        return self.shared[name]  # type: ignore[no-any-return]

    def state(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """A tensor that persists across steps and is part of checkpoints. `make()` creates it; change it in place.

        With several processes, change it equally in all of them, for example by a `distributed.mean`.
        """
        if name not in self.states:
            self.states[name] = make()
        return self.states[name]


@runtime_checkable
class Stateful(Protocol):
    """A part of an objective that names its state across steps. A checkpoint that lacks it is then noticed."""

    def states(self) -> dict[str, Tensor]:
        """What `Turn.state` makes in the first step, by name."""
        ...


@dataclass(frozen=True, eq=False)
class Outcome:
    """The losses of a turn and the values to log. Logs are functions, which are only called when a log is written."""

    losses: Tensor  # [N], the loss of each sample or pack; training takes the mean over all processes
    logs: dict[str, Callable[[], Tensor]] = field(default_factory=dict)


def check_values(component: object, method: str, values: object, shape: list[int], expected: str) -> None:
    """Raise RecipeError unless `values`, which a component that may be the user's own returned, are a tensor of this shape."""
    found = list(values.shape) if isinstance(values, Tensor) else type(values).__name__
    if found != shape:
        raise RecipeError(f"{kebab(type(component).__name__)}{method}: expected {expected}, shape {shape}, got {found}")


class RunSettings(Protocol):
    """The part of a recipe that `Player.fits` may read. Every recipe has these fields."""

    @property
    def noise(self) -> Noise:
        """The distribution of z."""
        ...

    @property
    def condition(self) -> Condition | None:
        """The condition of samples, if any."""
        ...

    @property
    def networks(self) -> Mapping[str, Network]:
        """The descriptions of the networks by name."""
        ...

    @property
    def value_range(self) -> tuple[float, float]:
        """The lowest and highest value of real samples as networks see them."""
        ...

    @property
    def compile(self) -> bool:
        """Whether networks are compiled with torch.compile."""
        ...


@dataclass(frozen=True)
class Player:
    """One player: the networks that it trains, its loss, and how it takes its turns.

    With `reads="fresh"` a turn reads the next real images, which count towards the budget; with "shared" it takes the batch of
    the turn before. `fits` raises RecipeError where the rest of a recipe contradicts the player. With `simultaneous=True`, all
    players compute their losses from the same weights; the updates follow in reverse order.
    """

    name: str
    trains: tuple[str, ...]  # names of the networks that it updates, and no other player
    loss: Callable[[Networks, Batch, Turn], Outcome]
    turns: int = 1  # in a row in each step
    reads: Literal["fresh", "shared"] = "fresh"
    keeps_graph: bool = False  # a later turn of the step backpropagates through the same passes again
    fits: Callable[[RunSettings], None] = lambda recipe: None
    simultaneous: bool = False


@runtime_checkable
class Objective(Protocol):
    """An objective: a frozen dataclass with the method `players`."""

    def players(self) -> tuple[Player, ...]:
        """The players in the order of their turns."""
        ...


@runtime_checkable
class Measuring(Protocol):
    """An objective that also scores held-out samples. An evaluation reports each of its measures as a score."""

    @property
    def measures(self) -> Mapping[str, tuple[str, Literal["lower", "higher"], str]]:
        """For each key: a title, which direction is better, and a description."""
        ...

    def measure(self, networks: Networks, batch: Batch, turn: Turn) -> dict[str, Tensor]:
        """Each measure as [N], one number a sample. The networks are in evaluation mode."""
        ...


@runtime_checkable
class LogitObjective(Protocol):
    """An objective of a generator and a discriminator that states how its players' losses follow from logits.

    The monitor then discriminates as in training, and checks the signs of the loss's gradients.
    """

    @property
    def logit_loss(self) -> Loss:
        """The losses of both players without penalties and auxiliary losses."""
        ...

    @property
    def joint_batch(self) -> bool:
        """Whether the discriminator gets real and generated samples in one batch."""
        ...


def check_ownership(networks: Mapping[str, object], players: tuple[Player, ...], frozen: tuple[str, ...] = ()) -> None:
    """Raise RecipeError unless each network is trained by exactly one player or declared frozen."""
    for name in frozen:
        if name not in networks:
            raise RecipeError(unknown("network in frozen", name, networks))
    for player in players:
        for name in player.trains:
            if name not in networks:
                raise RecipeError(f"player {player.name!r}: {unknown('network', name, networks)}")
    for name in networks:
        owners = [p.name for p in players if name in p.trains]
        if name in frozen and owners:
            raise RecipeError(f"network {name!r} is frozen, yet player {owners[0]!r} trains it: take it out of frozen")
        if name not in frozen and len(owners) != 1:
            trained = f"{len(owners)} players ({', '.join(owners)})" if owners else "no player"
            raise RecipeError(f"network {name!r} is trained by {trained}; expected one player, or its name in frozen")
