"""Per-class metrics: coverage of each class, and the accuracy of requested classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gansmith.evaluation.metrics import scores as metrics
from gansmith.evaluation.results import PerClassResult

K_DENSITY = 5  # nearest neighbours of coverage, as for all samples


@dataclass(frozen=True, eq=False)
class PerClass:
    """Metrics of each of K classes; NaN for a class with too few samples."""

    coverage: Tensor  # float64 [K], share of the class's real images with a sample of that class near them
    accuracy: Tensor | None  # float64 [K], share of the samples requested as the class that the classifier recognises

    def values(self) -> dict[str, float]:
        """Mean and worst coverage over the classes that have one, by key of the score."""
        known = self.coverage[~self.coverage.isnan()]
        return {"class_coverage": float(known.mean()), "worst_class_coverage": float(known.min())} if len(known) else {}

    def tensors(self) -> dict[str, Tensor]:
        """The metrics as tensors for a cache file; `from_tensors` reads them."""
        found = {"within.coverage": self.coverage}
        return found if self.accuracy is None else {**found, "within.accuracy": self.accuracy}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> PerClass | None:
        """Read what `tensors` returned; None if it is not in the file."""
        coverage = tensors.get("within.coverage")
        return None if coverage is None else cls(coverage, tensors.get("within.accuracy"))


def compute_per_class(
    real: metrics.Labelled, fake: metrics.Labelled, probabilities: Tensor | None = None, asked: Tensor | None = None
) -> PerClass:
    """Compute the coverage of each class, and the accuracy of requested classes.

    Args:
        real: features [M, F] and true classes.
        fake: features [M', F] and requested classes, or else the classifier's.
        probabilities: of the classifier for all N samples, [N, C]; None leaves out the accuracy.
        asked: requested class of all N samples, int64 [N]; None leaves out the accuracy.
    """
    num = int(real.classes.max()) + 1
    coverage = [metrics.coverage(real.rows[real.classes == c], fake.rows[fake.classes == c], K_DENSITY) for c in range(num)]
    accuracy = None
    if probabilities is not None and asked is not None:
        right = (probabilities.argmax(1) == asked).double()
        accuracy = torch.stack([right[asked == c].mean() for c in range(num)])  # NaN for a class that was not requested
    return PerClass(torch.tensor(coverage, dtype=torch.float64), accuracy)


def per_class_result(found: list[PerClass], floor: PerClass | None, names: tuple[str, ...]) -> PerClassResult:
    """Means over draws, JSON-ready."""

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
    """Agreement of unlabelled categories with the classifier's classes, under the best one-to-one matching (Kuhn 1955).

    Args:
        categories: int64 [N] in 0..K-1, the requested category of each sample.
        probabilities: of the classifier, [N, K].

    Returns:
        The share of samples whose class is matched with their category, and the class of each category.
    """
    from scipy.optimize import linear_sum_assignment

    num = probabilities.shape[1]
    table = np.zeros((num, num), np.int64)
    np.add.at(table, (categories, probabilities.argmax(1).numpy()), 1)
    rows, classes = linear_sum_assignment(table, maximize=True)
    return float(table[rows, classes].sum() / len(categories)), tuple(classes.tolist())
