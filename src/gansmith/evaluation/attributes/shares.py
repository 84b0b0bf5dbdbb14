"""How often samples have each value of an attribute, beside how often real images do: glasses, beards, digits.

A classifier that was trained on real images judges (`judges.py`). It is wrong now and then, which shifts shares, so what it
says is corrected by how it errs on held-out real images: the shares p under which its answers q are likeliest, where it says j of
what is i with frequency C_ij; found by expectation and maximisation, p_i <- p_i sum_j q_j C_ij / (p C)_j.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gansmith.data import modality
from gansmith.evaluation.attributes import classifier
from gansmith.evaluation.attributes.classifier import AttributeClassifier, Progress

if TYPE_CHECKING:
    from gansmith.runs.run import Run

COUNT = 10_000
SEED = 0
ROUNDS = 2000  # of expectation and maximisation
RESAMPLED = 200  # times, for an interval
CHUNK = 1024
_KEY = 1979  # of NumPy's Philox, for the bootstrap


@dataclass(frozen=True)
class Shares:
    """One attribute of samples beside that of real images."""

    name: str
    values: tuple[str, ...]
    real: tuple[float, ...]  # of the training split, the truth
    judged: tuple[float, ...]  # of the samples, as the classifier says
    made: tuple[float, ...]  # the same, corrected
    distance: float  # total variation, half the sum of |made - real|
    low: float  # 95 % interval of it, by a bootstrap over samples
    high: float
    judged_distance: float  # without the correction
    floor: float  # the distance of held-out real images that stand in for samples, those that did not say how it errs
    accuracy: float  # of the classifier, on the test split
    count: int  # samples


def measure(run: Run, count: int = COUNT, progress: Progress = lambda *_: None) -> tuple[Shares, ...]:
    """Every attribute that the run's data carry. Raises DataError where they carry none."""
    judge = classifier.of(run.recipe.data, progress)
    found: dict[str, list[np.ndarray]] = {}
    for first in range(0, count, CHUNK):
        made = run.sample(SEED, min(CHUNK, count - first), first)
        for name, values in judge(modality.stored(made.array)).items():
            found.setdefault(name, []).append(values)
        progress("samples are judged", min(first + CHUNK, count), count)
    return compared(judge, {name: np.concatenate(parts) for name, parts in found.items()})


def compared(judge: AttributeClassifier, said: Mapping[str, np.ndarray]) -> tuple[Shares, ...]:
    """What a judge said of samples, int64 [N] for each attribute, beside the truth of its training images."""
    return tuple(_shares(judge, name, values) for name, values in said.items())


def _shares(judge: AttributeClassifier, name: str, said: np.ndarray) -> Shares:
    attribute, truth, predicted = judge.train[name], judge.held_out[name], judge.said[name]
    num, half = len(attribute.names), len(truth.values) // 2
    confusion = confusion_of(truth.values, predicted, num)
    real, judged = attribute.shares, np.bincount(said, minlength=num) / len(said)
    made = corrected(judged, confusion)
    draws = np.random.Generator(np.random.Philox(key=_KEY)).multinomial(len(said), judged, RESAMPLED) / len(said)
    low, high = np.quantile([distance(corrected(draw, confusion), real) for draw in draws], (0.025, 0.975))
    # One half of the test split says how it errs, the other stands in for samples.
    errs, rest = confusion_of(truth.values[:half], predicted[:half], num), predicted[half:]
    other = corrected(np.bincount(rest, minlength=num) / len(rest), errs)
    return Shares(
        name,
        attribute.names,
        tuple(real.tolist()),
        tuple(judged.tolist()),
        tuple(made.tolist()),
        distance(made, real),
        float(low),
        float(high),
        distance(judged, real),
        distance(other, real),
        judge.accuracy(name),
        len(said),
    )


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Total variation of two distributions over K values, 0 to 1: half the sum of |p - q|."""
    return 0.5 * float(np.abs(one - other).sum())


def confusion_of(truth: np.ndarray, said: np.ndarray, num: int) -> np.ndarray:
    """How often each value (row) is said to be each (column), float64 [num, num]; one that was never met is never missed."""
    counts = np.zeros((num, num))
    np.add.at(counts, (truth, said), 1)
    met = counts.sum(1) > 0
    counts[~met] = np.eye(num)[~met]
    shares: np.ndarray = counts / counts.sum(1, keepdims=True)
    return shares


def corrected(judged: np.ndarray, confusion: np.ndarray) -> np.ndarray:
    """The shares under which what was judged is likeliest, float64 [num], summing to 1."""
    shares = np.full(len(judged), 1 / len(judged))
    for _ in range(ROUNDS):
        before, likely = shares, shares @ confusion
        shares = shares * (confusion @ np.divide(judged, likely, out=np.zeros_like(judged), where=likely > 0))
        shares = shares / shares.sum()
        if np.abs(shares - before).max() < 1e-9:
            break
    return shares


def rows_of(found: Sequence[Shares]) -> list[list[str]]:
    """A table: its head, then a row for each attribute."""
    head = ["attribute", "total variation", "95 % interval", "real images", "classifier right", "samples (real) of each value"]
    return [head, *map(_row, found)]


def _row(shares: Shares) -> list[str]:
    both = zip(shares.values, shares.made, shares.real, strict=True)
    each = ", ".join(f"{value} {100 * made:.1f} ({100 * real:.1f})" for value, made, real in both)
    interval = f"{shares.low:.3f} to {shares.high:.3f}"
    return [shares.name, f"{shares.distance:.3f}", interval, f"{shares.floor:.3f}", f"{100 * shares.accuracy:.2f} %", each]


def to_json(run: Run, found: Sequence[Shares]) -> dict[str, Any]:
    """Everything that was found, ready for JSON."""
    return {"run": run.recipe.name, "images": run.images, "seed": SEED, "attributes": [asdict(shares) for shares in found]}
