"""The game: who plays, which networks each player moves, and what each one pays.

generator(noise [N, Z], condition)          -> sample [N, ...]
discriminator(sample [N, ...], condition)   -> logits [N, M]      M places judged: 1, or h*w for patches

A discriminator that judges m samples at once says m as its attribute `pack`, and answers with logits [N // m, M]. One that also
says what a sample was told to be answers with a `DiscriminatorOutput`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from gansmith.core.errors import RecipeError, unknown
from gansmith.networks.base import Network, Networks
from gansmith.sampling.conditions import Condition
from gansmith.sampling.noise import Noise

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Batch:
    """Real samples and, perhaps, what both sides are told. With several processes each holds its own part."""

    real: Tensor  # [N, ...] in the kind's range, [-1, 1] for images unless the recipe says otherwise
    size: int  # N over all processes
    condition: Tensor | None = None  # [N, K + S] what kind each is, as 0 and 1, and S sliders
    observed: bool = True  # whether the real ones are what `condition` says; False: it was drawn for the generator alone

    def condition_for(self, count: int) -> Tensor | None:
        """What `count` samples are told: what the real ones are, from the first on and over again."""
        condition = self.condition
        if condition is None or count == len(condition):
            return condition
        return condition[torch.arange(count, device=condition.device) % len(condition)]

    def observed_condition_for(self, count: int) -> Tensor | None:
        """The condition that discriminator and encoder get for `count` samples; None where it is not observed.

        A network that cannot use a condition is built for codes, which are drawn for the generator alone.
        """
        return self.condition_for(count) if self.observed else None


@dataclass(frozen=True, eq=False)
class Turn:
    """When a player moves, and the only randomness it may use."""

    images: int  # real images read before this step
    epoch_images: int  # of which this many make an epoch
    progress: float  # 0 at the first step, towards 1 at the last
    draw: Callable[[int, int | None], Tensor]  # (count, place) -> this process's part of `count` rows of z
    step: int = 0  # steps before this one
    shared: dict[str, Any] = field(default_factory=dict)  # shared by the turns of one step
    states: dict[str, Tensor] = field(default_factory=dict)  # shared by all turns of the run, and part of its checkpoints

    def noise(self, count: int) -> Tensor:
        """Fresh z for `count` samples over all processes, [N, Z]."""
        return self.draw(count, None)

    def fixed_noise(self, count: int) -> Tensor:
        """The same z each epoch at the same place in it, [N, Z]: a data set of fakes that is never stored."""
        return self.draw(count, self.images % self.epoch_images)

    def share(self, name: str, make: Callable[[], T]) -> T:
        """What an earlier turn of this step made under `name`, or what `make` gives now."""
        if name not in self.shared:
            self.shared[name] = make()
        return self.shared[name]  # type: ignore[no-any-return]

    def state(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """A tensor that stays from step to step and is saved with the run, as `make` gives it the first time; change it in place.

        Whoever changes it sees to it that all processes change it alike, as by `processes.mean`.
        """
        if name not in self.states:
            self.states[name] = make()
        return self.states[name]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a turn costs, and what to tell. Logs are functions: nothing is computed until someone reads it."""

    costs: Tensor  # [N] one for each sample, or pack of samples judged at once; the loop takes the mean over all processes
    logs: dict[str, Callable[[], Tensor]] = field(default_factory=dict)


class RunSettings(Protocol):
    """What a player may ask of the rest of a recipe. A recipe has these fields, and an objective needs to know no more of it."""

    @property
    def noise(self) -> Noise: ...
    @property
    def condition(self) -> Condition | None: ...
    @property
    def networks(self) -> Mapping[str, Network]: ...
    @property
    def value_range(self) -> tuple[float, float]: ...
    @property
    def compile(self) -> bool: ...


@dataclass(frozen=True)
class Player:
    """One side of the game.

    `reads` says where its batch comes from: "fresh" reads the next real images (only these count), "shared" takes
    those the turn before it had. `fits` raises RecipeError where the rest of a recipe does not suit what the player pays for.
    Players that wait move when all have paid, the last to pay first: turns at once, from the same weights.
    """

    name: str
    trains: tuple[str, ...]  # networks whose weights this player owns
    loss: Callable[[Networks, Batch, Turn], Outcome]
    turns: int = 1  # in a row, in one step
    reads: Literal["fresh", "shared"] = "fresh"
    keeps_graph: bool = False  # a later turn of the step goes back through passes that this turn went back through
    fits: Callable[[RunSettings], None] = lambda recipe: None
    simultaneous: bool = False


@runtime_checkable
class Objective(Protocol):
    """A game: a frozen dataclass whose `players` take their turns in order."""

    def players(self) -> tuple[Player, ...]: ...


@runtime_checkable
class Measuring(Protocol):
    """An objective that also measures samples it did not learn from: an evaluation asks it, and makes a score of each measure."""

    @property
    def measures(self) -> Mapping[str, tuple[str, Literal["lower", "higher"], str]]:
        """Title, which way is better, and what it says, by key."""
        ...

    def measure(self, networks: Networks, batch: Batch, turn: Turn) -> dict[str, Tensor]:
        """[N] for each key, one a sample; the networks are in evaluation mode."""
        ...


def check_ownership(networks: Mapping[str, object], players: tuple[Player, ...], frozen: tuple[str, ...] = ()) -> None:
    """Every network is moved by exactly one player, or declared frozen. Raises RecipeError naming it."""
    for name in frozen:
        if name not in networks:
            raise RecipeError(unknown("network in frozen", name, networks))
    for player in players:
        for name in player.trains:
            if name not in networks:
                raise RecipeError(f"player {player.name!r}: {unknown('network', name, networks)}")
    for name in networks:
        who = [p.name for p in players if name in p.trains]
        if name in frozen and who:
            raise RecipeError(f"network {name!r} is frozen, yet player {who[0]!r} moves it: take it out of frozen")
        if name not in frozen and len(who) != 1:
            moved = f"{len(who)} players ({', '.join(who)})" if who else "nobody"
            raise RecipeError(f"network {name!r} is moved by {moved}; expected one player, or its name in frozen")
