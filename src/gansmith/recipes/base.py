"""`Recipe`: the complete configuration of a run, with its settings for pictures, scores and monitoring.

A recipe is frozen, survives a round trip through JSON, and is checked when it is created, before training starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from gansmith.core import rng
from gansmith.core.component import component
from gansmith.core.errors import RecipeError, unknown
from gansmith.core.fields import BatchSize, Number, Times
from gansmith.data import Source, sample_shape
from gansmith.networks.base import Network, Shapes
from gansmith.objectives.base import Objective, check_ownership
from gansmith.optim.ema import Ema
from gansmith.optim.optimizers import Optimizer
from gansmith.recipes.lengths import Length, Until, UntimedLength, images_in
from gansmith.recipes.order import ReadingOrder, Shuffled
from gansmith.sampling.conditions import Categorical, Condition, ImageCondition, num_categories
from gansmith.sampling.noise import Noise

MAX_PICTURES = 10_000


@component
class Pictures:
    """Pictures of samples that a run draws during training, always from the same seeds."""

    count: Annotated[int, Field(ge=1, le=1024)] = 64  # samples in a picture
    columns: Annotated[int, Field(gt=0, le=1024)] = 8  # samples in a row of the picture
    every: Literal["growing"] | UntimedLength = "growing"  # the interval; "growing": up to 25 pictures at growing intervals
    arrays: bool = False  # also save the samples as .npz

    def marks(self, total_images: int, epoch_images: int, times: int = 25) -> list[int]:
        """The image counts at which pictures are drawn, including 0 and `total_images`. An epoch has `epoch_images` images.

        `times`, 2 or more, is the number of pictures at growing intervals.
        """
        if self.every == "growing":
            return sorted({round(total_images * (i / (times - 1)) ** 2) for i in range(times)})
        every = images_in(self.every, epoch_images)
        if total_images // every > MAX_PICTURES:
            raise RecipeError(
                f"pictures.every={self.every} makes {total_images // every:,} pictures: expected at most {MAX_PICTURES:,}"
            )
        return sorted({*range(0, total_images, every), total_images})


@component
class Scores:
    """How often a run scores its generator during training. The scores choose the best checkpoint and can end the run.

    The score is the Frechet distance between `count` samples and the validation images, in the features of `extractor`.
    """

    count: Annotated[int, Field(ge=100, le=100_000)] = 2000  # samples per scoring
    # Feature extractor; None: the one that fits the data.
    extractor: Literal["efficientnet-lite0", "lenet-fashion", "lenet-mnist", "mobilenet-v2", "pixels", "points"] | None = None
    time_fraction: Annotated[float, Field(gt=0.0, le=1.0)] = 0.05  # largest share of the run's time for scoring
    times: Times | None = None  # number of scorings; None: as many as `time_fraction` allows, up to 25
    until: Until | None = None  # end the run at this score: fd=5
    patience: Times | None = None  # end the run after this number of scorings without a better score

    @property
    def is_required(self) -> bool:
        """Whether the user relies on scores. Then data that cannot be scored are an error."""
        return any(setting is not None for setting in (self.extractor, self.times, self.until, self.patience))

    def marks(self, total_images: int, times: int) -> list[int]:
        """The image counts of `times` scorings, at growing intervals; the last is `total_images`."""
        return sorted({max(1, round(total_images * (i / times) ** 2)) for i in range(1, times + 1)})

    def stop_reason(self, values: Sequence[float]) -> str | None:
        """The reason why the run ends after these scores, given in order; None if it continues."""
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
    """How often the doctor measures the vital signs of a run during training, and what happens when it finds a problem."""

    # Largest share of the run's time for looks. Three looks may take twice as much, as fewer say nothing.
    time_fraction: Annotated[float, Field(gt=0.0, le=1.0)] = 0.02
    times: Times | None = None  # number of looks; None: as many as `time_fraction` allows, up to 40
    # After a problem: log a warning, end the run, or return to a healthy checkpoint and change a setting.
    on_trouble: Literal["warn", "stop", "recover"] = "warn"
    recoveries: Times = 3  # largest number of recoveries in a run

    def marks(self, total_images: int, times: int) -> list[int]:
        """The image counts of `times` looks, evenly spaced; the last is `total_images`."""
        return sorted({max(1, round(total_images * i / times)) for i in range(1, times + 1)}) if times else []


@component
class Recipe:
    """The complete configuration of a run: data, networks, objective, optimizers, budget and everything else.

    Raises:
        RecipeError: the parts do not fit together, such as a network that no player trains, or a player without an optimizer.
    """

    name: str  # also names the run folder
    data: Source  # the real samples
    noise: Noise  # the distribution of z
    networks: Mapping[str, Network]  # by name; "generator" makes the samples
    objective: Objective  # the players, their losses and the order of their turns
    optimizers: Mapping[str, Optimizer]  # one for each player, by its name
    # Input of the networks beside noise or sample: class labels, clusters, codes or a source image. The discriminator gets it
    # only if the condition of real samples is observed. None: an unconditional GAN.
    condition: Condition | None = None
    batch_size: BatchSize = 64  # real samples in a batch
    budget: Length = "25epochs"  # length of the run
    order: ReadingOrder = Shuffled()  # in which training reads the real samples
    frozen: tuple[str, ...] = ()  # networks that are not trained
    ema: Ema | None = None  # running mean of the generator's weights, used for samples
    value_range: tuple[Number, Number] = (-1.0, 1.0)  # pixel values 0 and 255 as the networks see them
    precision: Literal["float32", "bf16", "auto"] = "float32"  # auto: bf16 if the device multiplies it in hardware
    compile: bool = False  # torch.compile the networks: a delay at the start, possibly faster steps
    pictures: Pictures = Pictures()  # of samples, during training
    scores: Scores | None = Scores()  # during training; None: no scores
    watch: Watch | None = Watch()  # monitoring by the doctor; None: no monitoring
    log_every: UntimedLength | None = None  # interval of the log's records; None: up to 400 records per run
    log_value: Literal["mean", "last"] = "mean"  # a record holds the mean of the steps since the last one, or the last step
    checkpoint_every: UntimedLength | None = None  # None: up to 20 checkpoints per run
    seed: Annotated[int, Field(ge=0, le=rng.MAX_SEED)] = 0
    why: tuple[str, ...] = ()  # choices made for the data and the budget, with their reasons, one sentence each

    def __post_init__(self) -> None:
        """Check that the parts fit together. Raises RecipeError."""
        players = self.objective.players()
        check_ownership(self.networks, players, self.frozen)
        if "generator" not in self.networks:
            raise RecipeError(
                f"recipe {self.name!r} has no network 'generator' to sample from; it has {', '.join(self.networks)}"
            )
        names = [p.name for p in players]
        for name in names:
            if name not in self.optimizers:
                raise RecipeError(f"player {name!r} has no optimizer: add one, as in optimizers={{{name!r}: Adam(2e-4)}}")
        for name in self.optimizers:
            if name not in names:
                raise RecipeError(unknown("player in optimizers", name, names))
        low, high = self.value_range
        if low >= high:
            raise RecipeError(f"value_range: expected low < high, got [{low}, {high}]")
        if not self.noise.dim and not isinstance(self.condition, ImageCondition):
            raise RecipeError(
                "noise.dim=0 makes all samples equal: expected at least 1, or condition=source-image for a translator"
            )
        for player in players:
            player.fits(self)

    @property
    def on_trouble(self) -> str | None:
        """What happens when the doctor finds a problem: "warn", "stop" or "recover"; None if the run is not monitored."""
        return self.watch.on_trouble if self.watch else None

    def shapes(self, sample: Sequence[int], num_categories: int = 0, source: Sequence[int] = ()) -> Shapes:
        """The shapes of the networks' inputs and outputs.

        Args:
            sample: of one sample, (C, H, W) or (D,).
            num_categories: K, the number of categories of the condition.
            source: of one source image, (C, H, W), where the condition is one.
        """
        shapes = Shapes(self.noise.dim, tuple(sample))
        if self.condition is None:
            return shapes
        if isinstance(self.condition, ImageCondition):
            return replace(shapes, source=tuple(source), observed=self.condition.observed)
        continuous = self.condition.continuous if isinstance(self.condition, Categorical) else 0
        return replace(shapes, categories=num_categories, continuous=continuous, observed=self.condition.observed)

    def shapes_of_data(self) -> Shapes:
        """The shapes on the recipe's own data, which are loaded only if needed."""
        condition, source = self.condition, ()
        if isinstance(condition, ImageCondition):
            few = self.data.load()[:1]
            source = tuple(condition.source_images(few, 0, rng.Place()).shape[1:])
        return self.shapes(sample_shape(self.data), num_categories(condition, self.data), source)
