"""Attribute shares: how often samples have each value of an attribute, such as glasses or a digit, beside real images.

A classifier trained on real images predicts the attributes (see `classifier`). Its errors shift the shares, so they are corrected
by its confusion matrix C on held-out real images: C_ij is the share of images with value i that are predicted as j. From the
predicted shares q, the maximum-likelihood shares p are found by expectation maximisation, p_i <- p_i sum_j q_j C_ij / (p C)_j.
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
ROUNDS = 2000  # of expectation maximisation, at most
RESAMPLED = 200  # bootstrap draws for an interval
CHUNK = 1024
_KEY = 1979  # of NumPy's Philox, for the bootstrap


@dataclass(frozen=True)
class Shares:
    """The shares of one attribute's values among samples and among real images. K values; shares sum to 1."""

    name: str
    values: tuple[str, ...]
    real: tuple[float, ...]  # share of each value in the training split, by its true labels
    judged: tuple[float, ...]  # share of each value among samples, as predicted
    made: tuple[float, ...]  # share of each value among samples, corrected for the classifier's errors
    distance: float  # total variation distance, half the sum of |made - real|
    low: float  # lower end of its 95 % interval, by a bootstrap over samples
    high: float  # upper end
    judged_distance: float  # total variation distance without the correction
    floor: float  # the distance that held-out real images get in place of samples
    accuracy: float  # of the classifier, on held-out real images
    count: int  # number of samples


def measure_shares(run: Run, count: int = COUNT, progress: Progress = lambda *_: None) -> tuple[Shares, ...]:
    """Measure the shares of every attribute of the run's data among `count` samples. Raises DataError without attributes."""
    model = classifier.load_classifier(run.recipe.data, progress)
    found: dict[str, list[np.ndarray]] = {}
    for first in range(0, count, CHUNK):
        made = run.sample(SEED, min(CHUNK, count - first), first)
        for name, values in model(modality.to_source(made.array)).items():
            found.setdefault(name, []).append(values)
        progress("attributes of samples", min(first + CHUNK, count), count)
    return compare_shares(model, {name: np.concatenate(parts) for name, parts in found.items()})


def compare_shares(model: AttributeClassifier, predictions: Mapping[str, np.ndarray]) -> tuple[Shares, ...]:
    """Compare predicted values of samples, int64 [N] for each attribute, with the classifier's training images."""
    return tuple(_shares(model, name, values) for name, values in predictions.items())


def _shares(model: AttributeClassifier, name: str, predictions: np.ndarray) -> Shares:
    attribute, truth, on_held_out = (
        model.train[name],
        model.held_out[name],
        model.predicted[name],
    )
    num, half = len(attribute.names), len(truth.values) // 2
    confusion = confusion_of(truth.values, on_held_out, num)
    real, predicted = attribute.shares, np.bincount(predictions, minlength=num) / len(predictions)
    made = corrected(predicted, confusion)
    resample = np.random.Generator(np.random.Philox(key=_KEY))
    draws = resample.multinomial(len(predictions), predicted, RESAMPLED) / len(predictions)
    low, high = np.quantile([distance(corrected(draw, confusion), real) for draw in draws], (0.025, 0.975))
    # One half of the held-out images gives the confusion matrix, the other stands in for samples.
    of_half, rest = confusion_of(truth.values[:half], on_held_out[:half], num), on_held_out[half:]
    floor = corrected(np.bincount(rest, minlength=num) / len(rest), of_half)
    return Shares(
        name,
        attribute.names,
        tuple(real.tolist()),
        tuple(predicted.tolist()),
        tuple(made.tolist()),
        distance(made, real),
        float(low),
        float(high),
        distance(predicted, real),
        distance(floor, real),
        model.accuracy(name),
        len(predictions),
    )


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """Total variation distance of two distributions [K]: half the sum of |p - q|, from 0 to 1."""
    return 0.5 * float(np.abs(first - second).sum())


def confusion_of(truth: np.ndarray, predicted: np.ndarray, num: int) -> np.ndarray:
    """Confusion matrix, float64 [num, num]: rows are true values, columns predicted ones; each row sums to 1.

    A value that never occurs is taken to be predicted without error.
    """
    counts = np.zeros((num, num))
    np.add.at(counts, (truth, predicted), 1)
    met = counts.sum(1) > 0
    counts[~met] = np.eye(num)[~met]
    shares: np.ndarray = counts / counts.sum(1, keepdims=True)
    return shares


def corrected(predicted: np.ndarray, confusion: np.ndarray) -> np.ndarray:
    """Maximum-likelihood shares of the true values given predicted shares [num] and a confusion matrix: float64 [num]."""
    shares = np.full(len(predicted), 1 / len(predicted))
    for _ in range(ROUNDS):
        before, likely = shares, shares @ confusion
        shares = shares * (confusion @ np.divide(predicted, likely, out=np.zeros_like(predicted), where=likely > 0))
        if not shares.sum() > 0:  # a value that is predicted of samples and never of held-out images: nothing to correct by
            return predicted
        shares = shares / shares.sum()
        if np.abs(shares - before).max() < 1e-9:
            break
    return shares


def rows_of(found: Sequence[Shares]) -> list[list[str]]:
    """The shares as a table: a header row, then one row for each attribute."""
    head = [
        "attribute",
        "total variation",
        "95 % interval",
        "real images",
        "classifier accuracy",
        "% of samples (real images) with each value",
    ]
    return [head, *map(_row, found)]


def _row(shares: Shares) -> list[str]:
    both = zip(shares.values, shares.made, shares.real, strict=True)
    each = ", ".join(f"{value} {100 * made:.1f} ({100 * real:.1f})" for value, made, real in both)
    interval = f"{shares.low:.3f} to {shares.high:.3f}"
    return [shares.name, f"{shares.distance:.3f}", interval, f"{shares.floor:.3f}", f"{100 * shares.accuracy:.2f} %", each]


def to_json(run: Run, found: Sequence[Shares]) -> dict[str, Any]:
    """All shares as JSON-ready values."""
    return {"run": run.recipe.name, "images": run.images, "seed": SEED, "attributes": [asdict(shares) for shares in found]}
