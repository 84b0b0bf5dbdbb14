"""The record of one step, which `gansmith.steps` yields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

Values = dict[str, Callable[[], Tensor]]  # the values of a step by name; each is read from the device when called


@dataclass(frozen=True, eq=False)
class Record:
    """The result of one step. Values stay on the device until they are read, by name: `record["generator/loss"]`."""

    images: int  # real images read so far
    total_images: int  # the budget
    epoch: float
    step: int
    values: Values  # "generator/loss", "discriminator/accuracy" ...
    scores: dict[str, float] = field(default_factory=dict)  # "FD" on the validation slice and the "best"; empty before the first

    @property
    def progress(self) -> float:
        """The share of the budget that is spent, at most 1: the last batch may read more images than were left."""
        return min(1.0, self.images / self.total_images)

    def __getitem__(self, name: str) -> float:
        """Read one value from the device."""
        return float(self.values[name]())

    def floats(self) -> dict[str, float]:
        """All values by name, read from the device."""
        return {name: self[name] for name in self.values}
