"""Class by class: whether samples are what they were asked to be, and how much of each class they cover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gansmith.evaluation.metrics import scores as metrics
from gansmith.evaluation.results import PerClassResult

K_DENSITY = 5  # as coverage of all samples has it


@dataclass(frozen=True, eq=False)
class PerClass:
    """What was found of each of K classes, NaN where there is too little of one."""

    coverage: Tensor  # float64 [K], the share of its real images with a sample of that class near them
    accuracy: Tensor | None  # float64 [K], the share of the samples asked for that the classifier takes for it

    def values(self) -> dict[str, float]:
        """The scores that come of it."""
        known = self.coverage[~self.coverage.isnan()]
        return {"class_coverage": float(known.mean()), "worst_class_coverage": float(known.min())} if len(known) else {}

    def tensors(self) -> dict[str, Tensor]:
        """For a file; see `read`."""
        found = {"within.coverage": self.coverage}
        return found if self.accuracy is None else {**found, "within.accuracy": self.accuracy}

    @classmethod
    def read(cls, tensors: dict[str, Tensor]) -> PerClass | None:
        coverage = tensors.get("within.coverage")
        return None if coverage is None else cls(coverage, tensors.get("within.accuracy"))


def within(
    real: metrics.Labelled, fake: metrics.Labelled, probabilities: Tensor | None = None, asked: Tensor | None = None
) -> PerClass:
    """Coverage within classes, and accuracy where samples [N] with the classifier's probabilities [N, C] were asked for by class.

    Args:
        real: features [M, F] and true classes; fake: features [M', F] and the classes asked for, or else the classifier's.
    """
    num = int(real.classes.max()) + 1
    coverage = [metrics.coverage(real.rows[real.classes == c], fake.rows[fake.classes == c], K_DENSITY) for c in range(num)]
    accuracy = None
    if probabilities is not None and asked is not None:
        right = (probabilities.argmax(1) == asked).double()
        accuracy = torch.stack([right[asked == c].mean() for c in range(num)])  # NaN for a class nobody asked for
    return PerClass(torch.tensor(coverage, dtype=torch.float64), accuracy)


def per_class_result(found: list[PerClass], floor: PerClass | None, names: tuple[str, ...]) -> PerClassResult:
    """The means over draws, ready for JSON."""

    def row(parts: list[Tensor | None]) -> tuple[float | None, ...] | None:
        known = [part for part in parts if part is not None]
        if len(known) < len(parts) or not parts:
            return None
        return tuple(None if np.isnan(value) else value for value in torch.stack(known).mean(0).tolist())

    floors = [floor] if floor else []
    return PerClassResult(
        names=names,
        coverage=row([one.coverage for one in found]) or (),
        accuracy=row([one.accuracy for one in found]),
        coverage_floor=row([one.coverage for one in floors]),
        accuracy_floor=row([one.accuracy for one in floors]),
    )


def agreement(categories: np.ndarray, probabilities: Tensor) -> tuple[float, tuple[int, ...]]:
    """How well kinds found without labels are the classifier's classes, under the best one-to-one matching (Kuhn 1955).

    Args:
        kinds: int64 [N] in 0..K-1, what samples were asked to be; probabilities: [N, K].

    Returns:
        The share of samples of the class that their kind is matched with, and the class of each kind.
    """
    from scipy.optimize import linear_sum_assignment

    num = probabilities.shape[1]
    table = np.zeros((num, num), np.int64)
    np.add.at(table, (categories, probabilities.argmax(1).numpy()), 1)
    rows, classes = linear_sum_assignment(table, maximize=True)
    return float(table[rows, classes].sum() / len(categories)), tuple(classes.tolist())
