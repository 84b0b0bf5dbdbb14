"""Differentiable augmentation of all samples that the discriminator sees, in both players' turns (Zhao et al. 2020, eq. 4 to 6).

An operation maps samples [N, ...] to changed samples [N, ...]. It draws a strength for each sample from torch's global
generator, which the trainer seeds for each turn. All operations can be differentiated twice, as gradient penalties need.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Annotated, ClassVar, Protocol, runtime_checkable

import torch
from pydantic import Field
from torch import Tensor

from gansmith.core import distributed
from gansmith.core.component import component, kebab
from gansmith.core.errors import RecipeError
from gansmith.core.fields import ImageCount
from gansmith.objectives.base import Turn, check_values
from gansmith.optim.schedules import Constant, Linear, Schedule

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Amount = Annotated[float, Field(ge=0.0, le=100.0)]
Degrees = Annotated[float, Field(ge=0.0, lt=90.0)]
Target = Annotated[float, Field(gt=-1.0, lt=1.0)]


@runtime_checkable
class Augmentation(Protocol):
    """A function of all samples that the discriminator sees."""

    def __call__(self, samples: Tensor, turn: Turn) -> Tensor:
        """Augmented samples, [N, ...] -> [N, ...]; differentiable twice."""
        ...

    def adapt(self, lead: Tensor, images: int, turn: Turn) -> dict[str, Callable[[], Tensor]]:
        """Adapt to a discriminator's turn and return the logs.

        `lead` [N, M] are the logits of real samples, less the undecided logit or those of generated samples; `images` is N over
        all processes.
        """
        ...

    def check_sample(self, shape: tuple[int, ...]) -> None:
        """Raise RecipeError for samples of a shape that it does not support."""
        ...


@runtime_checkable
class Operation(Protocol):
    """One random change of samples, such as a flip."""

    def __call__(self, samples: Tensor, progress: float) -> Tensor:
        """Augmented samples, [N, ...] -> [N, ...], at a progress of the run from 0 to 1."""
        ...

    @property
    def for_points(self) -> bool:
        """Whether it supports points [N, D] as well as images [N, C, H, W]."""
        ...


@component
class Flip:
    """Flip half of the samples horizontally."""

    for_points: ClassVar[bool] = False

    def __call__(self, samples: Tensor, progress: float) -> Tensor:
        """Samples [N, C, H, W], half of them flipped."""
        return torch.where(_for_each(samples) < 0.5, samples.flip(3), samples)


@component
class Translate:
    """Shift by whole pixels, up to `share` of height and width each way, filling with 0 (Zhao et al. 2020, section 3)."""

    share: Share = 0.125
    for_points: ClassVar[bool] = False

    def __call__(self, samples: Tensor, progress: float) -> Tensor:
        """Shifted samples [N, C, H, W]."""
        height, width = samples.shape[2:]
        rows, inside_rows = self._taken(samples, height)
        columns, inside_columns = self._taken(samples, width)
        inside = inside_rows[:, None, :, None] & inside_columns[:, None, None, :]
        return _pixels(samples, rows[:, :, None], columns[:, None, :]).masked_fill(~inside, 0.0)

    def _taken(self, samples: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """For each sample along an axis: the source of each pixel, and whether it lies inside the image, [N, length] both."""
        most = round(self.share * length)
        shift = torch.randint(-most, most + 1, (len(samples), 1), device=samples.device)
        taken = torch.arange(length, device=samples.device) - shift
        return taken.clamp(0, length - 1), (taken >= 0) & (taken < length)


@component
class Affine:
    """Rotate by up to `degrees`, scale by up to the factor 1 + `zoom` up or down, and shear by up to `shear` degrees.

    About the centre, with bilinear interpolation and mirrored borders. After Karras et al. 2020a, appendix B, with uniform draws.
    It gathers pixels, because grid_sample cannot be differentiated twice.
    """

    degrees: Degrees = 10.0
    zoom: Amount = 0.1
    shear: Degrees = 10.0
    for_points: ClassVar[bool] = False

    def __call__(self, samples: Tensor, progress: float) -> Tensor:
        """Transformed samples [N, C, H, W]."""
        height, width = samples.shape[2:]
        down, right = torch.meshgrid(
            torch.arange(height, device=samples.device) - (height - 1) / 2,
            torch.arange(width, device=samples.device) - (width - 1) / 2,
            indexing="ij",
        )
        angle, slant = (math.radians(most) * (2 * _for_each(samples)[:, 0] - 1) for most in (self.degrees, self.shear))
        smaller = (1 + self.zoom) ** (2 * _for_each(samples)[:, 0] - 1)
        right = right + slant.tan() * down
        rows = smaller * (angle.sin() * right + angle.cos() * down) + (height - 1) / 2
        columns = smaller * (angle.cos() * right - angle.sin() * down) + (width - 1) / 2
        top, left = rows.floor(), columns.floor()
        moved = torch.zeros_like(samples)
        for row, of_row in ((top, top + 1 - rows), (top + 1, rows - top)):
            for column, of_column in ((left, left + 1 - columns), (left + 1, columns - left)):
                pixels = _pixels(samples, _mirrored(row, height), _mirrored(column, width))
                moved = moved + pixels * (of_row * of_column)[:, None].to(samples.dtype)
        return moved


@component
class Cutout:
    """Set a rectangle of `share` of height and width to 0, centred anywhere in the image (Zhao et al. 2020, section 3)."""

    share: Share = 0.5
    for_points: ClassVar[bool] = False

    def __call__(self, samples: Tensor, progress: float) -> Tensor:
        """Samples [N, C, H, W] with a rectangle of 0."""
        rows, columns = (self._cut(samples, length) for length in samples.shape[2:])
        return samples.masked_fill(rows[:, None, :, None] & columns[:, None, None, :], 0.0)

    def _cut(self, samples: Tensor, length: int) -> Tensor:
        """For each sample along an axis: which pixels the rectangle covers, bool [N, length]."""
        size = round(self.share * length)
        first = torch.randint(0, length + 1 - size % 2, (len(samples), 1), device=samples.device) - size // 2
        place = torch.arange(length, device=samples.device)
        return (place >= first) & (place < first + size)


@component
class Brightness:
    """Add a number in [-amount, amount] to all colours of a sample (Zhao et al. 2020, section 3)."""

    amount: Amount = 0.5
    for_points: ClassVar[bool] = False

    def __call__(self, samples: Tensor, progress: float) -> Tensor:
        """Samples [N, C, H, W] of another brightness."""
        return _recoloured(samples, lambda colours: colours + self.amount * (2 * _for_each(colours) - 1))


@component
class Saturation:
    """Scale the differences of colours from their mean in each pixel by 1 - amount to 1 + amount (Zhao et al. 2020, section 3).

    Images with one channel stay unchanged.
    """

    amount: Amount = 1.0
    for_points: ClassVar[bool] = False

    def __call__(self, samples: Tensor, progress: float) -> Tensor:
        """Samples [N, C, H, W] of another saturation."""
        if samples.shape[1] == 1:
            return samples
        return _recoloured(samples, lambda colours: _from(colours.mean(1, keepdim=True), colours, self.amount))


@component
class Contrast:
    """Scale the differences from the sample's mean by 1 - amount to 1 + amount (Zhao et al. 2020, section 3)."""

    amount: Amount = 0.5
    for_points: ClassVar[bool] = False

    def __call__(self, samples: Tensor, progress: float) -> Tensor:
        """Samples [N, C, H, W] of another contrast."""
        return _recoloured(samples, lambda colours: _from(colours.mean((1, 2, 3), keepdim=True), colours, self.amount))


@component
class InstanceNoise:
    """Add noise N(0, sigma^2); sigma falls to 0 over the run (Sonderby et al. 2017; Arjovsky and Bottou 2017, section 3)."""

    sigma: Amount = 0.1
    schedule: Schedule = Linear()
    for_points: ClassVar[bool] = True

    def __call__(self, samples: Tensor, progress: float) -> Tensor:
        """Samples [N, ...] plus noise."""
        return samples + self.sigma * self.schedule.factor(progress) * torch.randn_like(samples)


def _pixels(samples: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """The pixels of samples [N, C, H, W] at these rows and columns, int64 that broadcast to [N, H, W]."""
    at = (rows * samples.shape[3] + columns).flatten(1)
    return samples.flatten(2).gather(2, at[:, None].expand(-1, samples.shape[1], -1)).view(samples.shape)


def _mirrored(at: Tensor, length: int) -> Tensor:
    """Positions along an axis of so many pixels as int64, with those outside reflected at its ends."""
    last = length - 1
    return (last - (last - at.abs()).abs()).clamp(0, last).long()


def _for_each(samples: Tensor) -> Tensor:
    """A uniform random number in [0, 1) for each sample, [N, 1, ...]."""
    return torch.rand(len(samples), *[1] * (samples.ndim - 1), device=samples.device)


def _recoloured(samples: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """`change` applied to the colours; a fourth channel is transparency and stays unchanged."""
    if samples.shape[1] != 4:
        return change(samples)
    return torch.cat([change(samples[:, :3]), samples[:, 3:]], 1)


def _from(middle: Tensor, samples: Tensor, amount: float) -> Tensor:
    """Samples with their differences from `middle` scaled by a random factor in [1 - amount, 1 + amount]."""
    return middle + (samples - middle) * (1 + amount * (2 * _for_each(samples) - 1))


@component
class Augment:
    """Apply each operation to each sample with a probability of `probability` times `schedule`.

    By default it is DiffAugment with colour, translation and cutout (Zhao et al. 2020, section 3).

    With a `target` such as .6 it is adaptive (ADA; Karras et al. 2020a, section 3): the probability p starts at 0, and each turn
    of the discriminator changes it by batch / speed_images, up where r_t = E[sign D(x)] is above the target and down where it is
    below, within [0, probability]. The paper keeps p below .8, above which operations may show in the samples, and updates it
    every 4 batches.
    """

    operations: tuple[Operation, ...] = (Brightness(), Saturation(), Contrast(), Translate(), Cutout())
    probability: Share = 1.0
    schedule: Schedule = Constant()
    target: Target | None = None
    speed_images: ImageCount = 500_000  # real images in which p can rise from 0 to 1

    def __call__(self, samples: Tensor, turn: Turn) -> Tensor:
        """Augmented samples, [N, ...] -> [N, ...]."""
        factor = self.schedule.factor(turn.progress)
        p = self.probability * factor if self.target is None else self._p(turn, samples.device) * factor
        if isinstance(p, float) and p == 0.0:
            return samples
        for operation in self.operations:
            changed = operation(samples, turn.progress)
            check_values(operation, "", changed, list(samples.shape), "a sample for each sample")
            always = isinstance(p, float) and p >= 1.0
            samples = changed if always else torch.where(_for_each(samples) < p, changed, samples)
        return samples

    def adapt(self, lead: Tensor, images: int, turn: Turn) -> dict[str, Callable[[], Tensor]]:
        """Change p if there is a target, and return p and r_t as logs."""
        if self.target is None:
            return {}
        p, r_t = self._p(turn, lead.device), distributed.mean(lead.sign().float())
        p.add_((r_t - self.target).sign(), alpha=images / self.speed_images).clamp_(0.0, self.probability)
        now = p.clone()
        return {"augmentation": lambda: now, "r_t": lambda: r_t}

    def _p(self, turn: Turn, device: torch.device) -> Tensor:
        """The adaptive probability p, a number that persists across steps."""
        return turn.state("augmentation", lambda: self.states()["augmentation"].to(device))

    def states(self) -> dict[str, Tensor]:
        """The probability p at the start of a run, where it is adaptive."""
        return {} if self.target is None else {"augmentation": torch.zeros(())}

    def check_sample(self, shape: tuple[int, ...]) -> None:
        """Raise RecipeError where an operation does not support samples of this shape."""
        for operation in self.operations:
            if len(shape) != 3 and not operation.for_points:
                message = f"augmentation {kebab(type(operation).__name__)} is for images [C, H, W], but the data's samples are"
                todo = "leave it out, as in objective.augmentation=augment(operations=[instance-noise])"
                raise RecipeError(f"{message} {list(shape)}: {todo}")
