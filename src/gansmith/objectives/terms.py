"""Terms: losses that a generator minimises beside the adversarial one, where each sample has a true image.

A term is a component with a `weight` and the method `term`. The field `generator_terms` of an objective takes any number of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from gansmith.core.component import component, kebab
from gansmith.core.errors import RecipeError
from gansmith.core.fields import NotNegative
from gansmith.objectives.base import Batch, RunSettings, Turn, check_values
from gansmith.sampling.conditions import ImageCondition


@runtime_checkable
class Term(Protocol):
    """A difference between generated samples and the true ones."""

    @property
    def weight(self) -> float:
        """The factor of the term in the generator's loss."""
        ...

    def term(self, fake: Tensor, batch: Batch, turn: Turn) -> Tensor:
        """The difference of each generated sample [N, ...] from its true one, `batch.real`, without the weight: [N]."""
        ...


@component
class L1:
    """The mean absolute difference of all values of a sample (Isola et al. 2017, eq. 3), in the recipe's value range."""

    weight: NotNegative = 100.0

    def term(self, fake: Tensor, batch: Batch, turn: Turn) -> Tensor:
        """mean |fake - real| over all values but those of the first axis, [N]."""
        return (fake - batch.real).abs().flatten(1).mean(1)


@component
class L2:
    """The mean squared difference of all values of a sample, which warms up SRGAN (Ledig et al. 2017, eq. 4)."""

    weight: NotNegative = 1.0

    def term(self, fake: Tensor, batch: Batch, turn: Turn) -> Tensor:
        """mean (fake - real)^2 over all values but those of the first axis, [N]."""
        return (fake - batch.real).square().flatten(1).mean(1)


def sum_of_terms(
    terms: tuple[Term, ...], fake: Tensor, batch: Batch, turn: Turn
) -> tuple[Tensor, dict[str, Callable[[], Tensor]]]:
    """The sum of the weighted terms for each sample, [N], and the mean of each term without its weight, to be logged.

    Raises RecipeError for a term that returns another shape.
    """
    losses = fake.new_zeros(len(fake), dtype=torch.float32)
    logs: dict[str, Callable[[], Tensor]] = {}
    with torch.autocast(fake.device.type, enabled=False):
        for term in terms:
            values = term.term(fake.float(), batch, turn)
            check_values(term, ".term", values, [len(fake)], "one value for each sample")
            losses = losses + term.weight * values
            logs[kebab(type(term).__name__)] = partial(torch.mean, values.detach())
    return losses, logs


def check_terms(terms: tuple[Term, ...], recipe: RunSettings) -> None:
    """Raise RecipeError if there are terms, and samples have no true image to be compared with."""
    if terms and not isinstance(recipe.condition, ImageCondition):
        name = kebab(type(terms[0]).__name__)
        raise RecipeError(
            f"term {name} compares a generated sample with its true image: expected condition=source-image and data that are "
            "pairs, or no objective.generator_terms"
        )
