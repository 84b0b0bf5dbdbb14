"""Directions in the generator's input that change one attribute and keep the others (InterFaceGAN, Shen et al. 2020).

The input is the noise z and, for a conditional generator, the condition. For each value of each attribute, a linear classifier is
fitted from the input to the attributes that a classifier predicts for the samples (see `classifier`); its weights point to where
the value becomes likelier. The direction is made orthogonal to those of the other attributes, so that they stay as they are. The
value and the length of the step are chosen on one set of samples and reported on another.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gansmith.core.errors import DataError
from gansmith.core.formatting import plain
from gansmith.data import modality
from gansmith.drawing.grids import on_white
from gansmith.evaluation.attributes import classifier
from gansmith.evaluation.attributes.classifier import AttributeClassifier, Progress
from gansmith.sampling.inputs import GeneratorInput

if TYPE_CHECKING:
    from gansmith.runs.run import Run

COUNT = 10_000  # samples to fit the linear classifiers on
TRIED = 512  # samples to choose the length on, and as many to report on
SEED = 2**32 + 1  # of the samples to fit on; the next two seeds choose the length and report
RARE = 0.02  # a value needs at least this share of the samples
USUAL = 0.55  # values with a larger share of the samples get no direction
LENGTHS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # of a step, in standard deviations of the input along the direction
ENOUGH = 0.8  # share of flips at which the step gets no longer
SHOWN = 9  # columns of a picture, from one step backwards to one step forwards


@dataclass(frozen=True, eq=False)
class Direction:
    """A direction in the generator's input towards one value of one attribute."""

    attribute: str
    value: str
    step: np.ndarray  # float64 [Z + K], the whole step, to add to noise and condition
    length: float  # of the step, in standard deviations of the input
    flips: float  # share of the samples without the value that have it after the step
    stays: float  # share of the other attributes of these samples that the step leaves unchanged
    count: int  # number of these samples


def find_directions(run: Run, progress: Progress = lambda *_: None) -> tuple[Direction, ...]:
    """Find one direction for each attribute: towards the value that flips most samples and best keeps the other attributes.

    Raises DataError if no attribute of the samples has two values that occur.
    """
    model = classifier.load_classifier(run.recipe.data, progress)
    walker = _Walker(run, model)
    given = run.sampler.inputs.rows(SEED, 0, COUNT)
    predicted = walker.predict(given, progress)
    rows = _concatenated(given)
    scale = rows.std(0) + 1e-8
    normals = _normals(rows / scale, predicted)
    found: list[tuple[float, Direction]] = []
    unusual = [(name, value) for name, value in normals if (predicted[name] == value).mean() <= USUAL]
    for i, (name, value) in enumerate(unusual):
        others = [normal for (other, _), normal in normals.items() if other != name]
        way = orthogonal_part(normals[name, value], others)
        if (length := float(np.linalg.norm(way))) > 1e-6:
            found.append(walker.choose_length(name, value, scale * way / length))
        progress("directions", i + 1, len(unusual))
    if not found:
        raise DataError(f"no attribute has two values among the samples of {run.path}: train it longer")
    names = dict.fromkeys(direction.attribute for _, direction in found)
    return tuple(max((f for f in found if f[1].attribute == name), key=lambda f: f[0])[1] for name in names)


def orthogonal_part(way: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """The component of the vector `way` [D] that is orthogonal to all vectors in `others`."""
    if not others:
        return way
    left, sizes, _ = np.linalg.svd(np.stack(others, 1), full_matrices=False)
    basis = left[:, sizes > 1e-6 * sizes[0]]
    rest: np.ndarray = way - basis @ (basis.T @ way)
    return rest


def _normals(rows: np.ndarray, predicted: Mapping[str, np.ndarray]) -> dict[tuple[str, int], np.ndarray]:
    """Weights of a linear classifier for each value, by attribute and index of the value, without rare values."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    normals = {}
    for name, values in predicted.items():
        for value in np.unique(values):
            if RARE <= (values == value).mean() <= 1 - RARE:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ConvergenceWarning)
                    fitted = LogisticRegression(C=1.0, max_iter=200).fit(rows, values == value)
                normals[name, int(value)] = fitted.coef_[0]
    return normals


class _Walker:
    """Generates samples from given inputs and predicts their attributes."""

    def __init__(self, run: Run, model: AttributeClassifier) -> None:
        self.run, self.model = run, model
        self.choice, self.report = (run.sampler.inputs.rows(SEED + i, 0, TRIED) for i in (1, 2))
        self.before = {id(given): self.predict(given) for given in (self.choice, self.report)}

    def generate(self, given: GeneratorInput) -> np.ndarray:
        """Samples of given inputs."""
        return self.run.sampler.generate(given)

    def predict(self, given: GeneratorInput, progress: Progress = lambda *_: None) -> dict[str, np.ndarray]:
        """Predicted value of each attribute, int64 [N], for the samples of given inputs."""
        parts = []
        for first in range(0, len(given), 1024):
            parts.append(self.model(modality.to_source(self.generate(given[first : first + 1024]))))
            progress("attributes of samples", min(first + 1024, len(given)), len(given))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def choose_length(self, name: str, value: int, unit: np.ndarray) -> tuple[float, Direction]:
        """Choose the shortest step that flips most samples, or else the one with the best product of `flips` and `stays`.

        Returns that product on the samples that the length was chosen on, and the direction with its results on other samples.
        """
        outcomes = []
        for length in LENGTHS:
            outcomes.append((length, *self._outcome(self.choice, name, value, length * unit)[:2]))
            if outcomes[-1][1] >= ENOUGH:
                break
        chosen = max(outcomes, key=lambda o: o[1] * o[2]) if outcomes[-1][1] < ENOUGH else outcomes[-1]
        length, worth = chosen[0], chosen[1] * chosen[2]
        flips, stays, count = self._outcome(self.report, name, value, length * unit)
        return worth, Direction(name, self.model.train[name].names[value], length * unit, length, flips, stays, count)

    def _outcome(self, given: GeneratorInput, name: str, value: int, step: np.ndarray) -> tuple[float, float, int]:
        before, after = self.before[id(given)], self.predict(add_step(given, step))
        lacking = before[name] != value
        flips = float((after[name][lacking] == value).mean()) if lacking.any() else 0.0
        others = [other for other in before if other != name]
        same = [float((after[other] == before[other])[lacking].mean()) for other in others if lacking.any()]
        return flips, float(np.mean(same)) if same else 1.0, int(lacking.sum())


def _concatenated(given: GeneratorInput) -> np.ndarray:
    """Noise and condition side by side, float64 [N, Z + K]."""
    return np.concatenate([given.z, *([] if given.condition is None else [given.condition])], 1).astype(np.float64)


def add_step(given: GeneratorInput, step: np.ndarray) -> GeneratorInput:
    """Add a step [Z + K] to noise and condition of each row of a generator input."""
    dim, step = given.z.shape[1], step.astype(np.float32)
    return replace(given, z=given.z + step[:dim], condition=None if given.condition is None else given.condition + step[dim:])


def picture(run: Run, direction: Direction, count: int = 6, columns: int = SHOWN) -> np.ndarray:
    """Move the first `count` samples of seed 0 along a direction: a row for each, uint8 [count * columns, H, W, C].

    The middle column shows the sample itself, the left end a whole step backwards and the right end a whole step forwards.
    """
    given = run.sampler.inputs.rows(0, 0, count)
    ways = [add_step(given, share * direction.step) for share in np.linspace(-1, 1, columns)]
    z = np.stack([way.z for way in ways], 1).reshape(count * columns, -1)
    condition = None
    if given.condition is not None:
        condition = np.stack([way.condition for way in ways if way.condition is not None], 1).reshape(count * columns, -1)
    return run.sampler.generate(replace(given, z=z, condition=condition))


def sheet(run: Run, found: Sequence[Direction], count: int = 4) -> Any:
    """One picture of all directions: a titled block of `count` rows for each."""
    from PIL import Image, ImageDraw, ImageFont

    modality = run.sampler.modality
    pictures = (modality.picture(picture(run, d, count), SHOWN) for d in found)
    blocks = [(f"{d.attribute}: {d.value}", on_white(drawn).convert("RGB")) for d, drawn in zip(found, pictures, strict=True)]
    font, head = ImageFont.load_default(20), 28
    width, height = max(b.width for _, b in blocks), sum(b.height + head for _, b in blocks)
    page = Image.new("RGB", (width, height), "white")
    draw, top = ImageDraw.Draw(page), 0
    for name, block in blocks:
        draw.text((8, top + 2), f"{plain(name)} (to the right)", fill="black", font=font)
        page.paste(block, (0, top + head))
        top += head + block.height
    return page


def rows_of(found: Sequence[Direction]) -> list[list[str]]:
    """The directions as a table: a header row, then one row for each direction."""
    return [["attribute", "towards", "flips", "others stay", "length, sd", "samples"], *map(_row, found)]


def _row(found: Direction) -> list[str]:
    shares = [f"{100 * share:.1f} %" for share in (found.flips, found.stays)]
    return [found.attribute, found.value, *shares, f"{found.length:g}", f"{found.count}"]


def to_json(run: Run, found: Sequence[Direction]) -> dict[str, Any]:
    """All directions as JSON-ready values; `step` is what to add to noise and condition."""
    each = [{**vars(direction), "step": direction.step.tolist()} for direction in found]
    return {"run": run.recipe.name, "images": run.images, "seeds": [SEED, SEED + 1, SEED + 2], "directions": each}
