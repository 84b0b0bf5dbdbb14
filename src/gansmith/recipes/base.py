"""A recipe is everything a run is. It is frozen, goes to JSON and back equal, and is checked before anything heavy starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from gansmith.core import rng
from gansmith.core.component import component
from gansmith.core.errors import RecipeError, unknown
from gansmith.data import Source
from gansmith.networks.base import Network, Shapes
from gansmith.objectives.base import Objective, check_ownership
from gansmith.optim.ema import Ema
from gansmith.optim.optimizers import Optimizer
from gansmith.recipes.lengths import Length, Until, UntimedLength, images_in
from gansmith.recipes.order import Order, Shuffled
from gansmith.sampling.conditions import Condition
from gansmith.sampling.noise import Noise


@component
class Pictures:
    """What a run draws of itself, always from the same seeds.

    `every` is a length, or "growing": 25 pictures at intervals that grow over the run.
    """

    count: Annotated[int, Field(ge=1, le=1024)] = 64
    columns: PositiveInt = 8
    every: Literal["growing"] | UntimedLength = "growing"
    arrays: bool = False  # keep the samples as .npz beside each picture

    def marks(self, total_images: int, epoch_images: int) -> list[int]:
        """The image counts at which to draw, the start and the end among them."""
        if self.every == "growing":
            return sorted({round(total_images * (i / 24) ** 2) for i in range(25)})
        return sorted({*range(0, total_images, images_in(self.every, epoch_images)), total_images})


@component
class Scores:
    """How often a run scores its generator while it trains, and what follows from it: the best checkpoint, and an early end.

    The Frechet distance of `count` samples from the validation slice, in the features of `extractor`; see `validation.py`.
    """

    count: Annotated[int, Field(ge=100, le=100_000)] = 2000  # samples a time
    extractor: Literal["efficientnet-lite0", "lenet-fashion", "lenet-mnist", "pixels", "points"] | None = None  # the data's own
    time_fraction: Annotated[float, Field(gt=0.0, le=1.0)] = 0.05  # of the run's time, at most
    times: PositiveInt | None = None  # None: as often as that share allows, up to 25
    until: Until | None = None  # end the run at this score, as in fd=5
    patience: PositiveInt | None = None  # end the run after so many scorings in a row without a better one

    @property
    def is_asked_for(self) -> bool:
        """Whether somebody relies on it: then it is a mistake where there can't be scores."""
        return any(wish is not None for wish in (self.extractor, self.times, self.until, self.patience))

    def marks(self, total_images: int, times: int) -> list[int]:
        """The image counts at which to score, at intervals that grow, the end among them."""
        return sorted({max(1, round(total_images * (i / times) ** 2)) for i in range(1, times + 1)})

    def ends(self, values: Sequence[float]) -> str | None:
        """Why a run with these scores, from its first on, has come to its end; None where it has not."""
        if not values:
            return None
        best = min(values)
        if self.until and best <= float(self.until.removeprefix("fd=")):
            return f"FD {best:.4g} reached {self.until}"
        if self.patience and len(values) - 1 - values.index(best) >= self.patience:
            return f"no FD below {best:.4g} in {self.patience} scorings"
        return None


@component
class Watch:
    """How often the doctor looks at a run while it trains, and what follows from what it sees; see `watching.py`, `doctor.py`.

    `on_trouble`: warn says it, stop ends the run, recover goes back to where it was healthy and changes a thing (`recovery.py`).
    """

    time_fraction: Annotated[float, Field(gt=0.0, le=1.0)] = 0.02  # of the run's time, at most
    times: PositiveInt | None = None  # looks; None: as many as that share allows, up to 40
    on_trouble: Literal["warn", "stop", "recover"] = "warn"
    recoveries: PositiveInt = 3  # at most

    def marks(self, total_images: int, times: int) -> list[int]:
        """The image counts at which to look, evenly spread, the end among them."""
        return sorted({max(1, round(total_images * i / times)) for i in range(1, times + 1)}) if times else []


@component
class Recipe:
    """Everything a run is.

    Raises RecipeError where the parts don't fit: a network no player moves, a player without an optimizer, an empty range.
    """

    name: str
    data: Source
    noise: Noise
    networks: Mapping[str, Network]
    objective: Objective
    optimizers: Mapping[str, Optimizer]  # one for each player
    condition: Condition | None = None  # what kind of sample it is, which G is told, and D where it is known of real samples
    batch_size: PositiveInt = 64
    budget: Length = "25epochs"
    order: Order = Shuffled()
    frozen: tuple[str, ...] = ()  # networks that stay as they started
    ema: Ema | None = None  # of the generator; samples then come from the average
    value_range: tuple[float, float] = (-1.0, 1.0)  # what 0 and 255 become
    precision: Literal["float32", "bf16", "auto"] = "float32"  # auto: bf16 where the device multiplies it in hardware
    compile: bool = False  # run the networks through torch.compile: a wait at the start, perhaps quicker steps
    pictures: Pictures = Pictures()
    scores: Scores | None = Scores()
    watch: Watch | None = Watch()
    log_every: UntimedLength | None = None  # None: 400 times a run
    log_value: Literal["mean", "last"] = "mean"  # of the steps since the last record, or the last step's own
    checkpoint_every: UntimedLength | None = None  # None: 20 times a run
    seed: Annotated[int, Field(ge=0, le=rng.MAX_SEED)] = 0
    why: tuple[str, ...] = ()  # what was chosen to fit data and budget, and for what reason, a sentence each

    def __post_init__(self) -> None:
        players = self.objective.players()
        check_ownership(self.networks, players, self.frozen)
        if "generator" not in self.networks:
            raise RecipeError(
                f"recipe {self.name!r} has no network 'generator' to sample from; it has {', '.join(self.networks)}"
            )
        names = [p.name for p in players]
        for name in names:
            if name not in self.optimizers:
                raise RecipeError(f"player {name!r} has no optimizer: add optimizers.{name}, as in Adam(lr=2e-4)")
        for name in self.optimizers:
            if name not in names:
                raise RecipeError(unknown("player in optimizers", name, names))
        low, high = self.value_range
        if low >= high:
            raise RecipeError(f"value_range: expected low < high, got [{low}, {high}]")
        for player in players:
            player.fits(self)

    @property
    def on_trouble(self) -> str | None:
        """What follows where the doctor finds a trouble: "warn", "stop" or "recover"; None where the run is not watched."""
        return self.watch.on_trouble if self.watch else None

    def shapes(self, sample: Sequence[int], num_categories: int = 0) -> Shapes:
        """What its networks are built between, for samples of this shape and so many kinds."""
        if self.condition is None:
            return Shapes(self.noise.dim, tuple(sample))
        return Shapes(self.noise.dim, tuple(sample), num_categories, self.condition.continuous, self.condition.observed)
