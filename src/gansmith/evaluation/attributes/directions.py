"""Which way to go in what a generator is given, so that one attribute changes and the others stay.

What it is given is z beside what it is told, if anything. A linear classifier is fitted from there to each value of each
attribute, by what the judge (`judges.py`) says of what was made of it; its weights point where the value becomes likelier.
What points along with other attributes' values is taken out, so that they stay as likely as they were (Shen et al. 2020,
InterFaceGAN). How far to go, and to which value of an attribute, is chosen on some samples, and what it does is counted on
others.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gansmith.core.errors import DataError
from gansmith.data import modality
from gansmith.evaluation.attributes import classifier
from gansmith.evaluation.attributes.classifier import AttributeClassifier, Progress
from gansmith.sampling.inputs import GeneratorInput

if TYPE_CHECKING:
    from gansmith.runs.run import Run

COUNT = 10_000  # samples to fit by
TRIED = 512  # samples to choose the length on, and as many to report
SEED = 2**32 + 1  # of those to fit by; the next two are for the length and for the report
RARE = 0.02  # of samples have a value, or it has no direction
USUAL = 0.55  # of samples have a value: then nobody asks for a way to it
LENGTHS = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # in the standard deviations of what it is given, along the direction
ENOUGH = 0.8  # flips for which one goes no further
SHOWN = 9  # columns of a picture, from as far back to as far forth


@dataclass(frozen=True, eq=False)
class Direction:
    """The way towards one value of one attribute."""

    attribute: str
    value: str
    step: np.ndarray  # float64 [Z + K], what is added to z and to what is told, in all
    length: float  # how far that is, in standard deviations
    flips: float  # the share of samples without the value that have it after the step
    stays: float  # the share of other attributes' answers that are what they were, over those samples
    count: int  # of those samples


def find(run: Run, progress: Progress = lambda *_: None) -> tuple[Direction, ...]:
    """For each attribute the unusual value that flips most and keeps the others best. Raises DataError where there is none."""
    judge = classifier.of(run.recipe.data, progress)
    walker = _Walker(run, judge)
    given = run.inputs.rows(SEED, 0, COUNT)
    said = walker.said(given, progress)
    rows = _joined(given)
    scale = rows.std(0) + 1e-8
    normals = _normals(rows / scale, said)
    found: list[tuple[float, Direction]] = []
    unusual = [(name, value) for name, value in normals if (said[name] == value).mean() <= USUAL]
    for i, (name, value) in enumerate(unusual):
        others = [normal for (other, _), normal in normals.items() if other != name]
        way = without(normals[name, value], others)
        if (length := float(np.linalg.norm(way))) > 1e-6:
            found.append(walker.tried(name, value, scale * way / length))
        progress("directions are tried", i + 1, len(unusual))
    if not found:
        raise DataError(f"no attribute of what {run.path} makes has two values that occur: train it longer")
    names = dict.fromkeys(direction.attribute for _, direction in found)
    return tuple(max((f for f in found if f[1].attribute == name), key=lambda f: f[0])[1] for name in names)


def without(way: np.ndarray, others: Sequence[np.ndarray]) -> np.ndarray:
    """The part of `way` that is at right angles to all the others."""
    if not others:
        return way
    left, sizes, _ = np.linalg.svd(np.stack(others, 1), full_matrices=False)
    basis = left[:, sizes > 1e-6 * sizes[0]]
    rest: np.ndarray = way - basis @ (basis.T @ way)
    return rest


def _normals(rows: np.ndarray, said: Mapping[str, np.ndarray]) -> dict[tuple[str, int], np.ndarray]:
    """The weights of a linear classifier of each value that occurs and fails to, by attribute and number of the value."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    normals = {}
    for name, values in said.items():
        for value in np.unique(values):
            if RARE <= (values == value).mean() <= 1 - RARE:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ConvergenceWarning)
                    fitted = LogisticRegression(C=1.0, max_iter=200).fit(rows, values == value)
                normals[name, int(value)] = fitted.coef_[0]
    return normals


class _Walker:
    """Makes samples of a run from anything it may be given, and has them judged."""

    def __init__(self, run: Run, judge: AttributeClassifier) -> None:
        self.run, self.judge = run, judge
        self.choice, self.report = (run.inputs.rows(SEED + i, 0, TRIED) for i in (1, 2))
        self.before = {id(given): self.said(given) for given in (self.choice, self.report)}

    def made(self, given: GeneratorInput) -> np.ndarray:
        return self.run.sampler.generate(given)

    def said(self, given: GeneratorInput, progress: Progress = lambda *_: None) -> dict[str, np.ndarray]:
        parts = []
        for first in range(0, len(given), 1024):
            parts.append(self.judge(modality.stored(self.made(given[first : first + 1024]))))
            progress("samples are judged", min(first + 1024, len(given)), len(given))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def tried(self, name: str, value: int, unit: np.ndarray) -> tuple[float, Direction]:
        """As far as it takes for most to flip; where they never do, as far as flips and what stays are worth most.

        What it is worth is of the samples that the length was chosen on: nothing is chosen by those that are reported.
        """
        outcomes = []
        for length in LENGTHS:
            outcomes.append((length, *self._outcome(self.choice, name, value, length * unit)[:2]))
            if outcomes[-1][1] >= ENOUGH:
                break
        chosen = max(outcomes, key=lambda o: o[1] * o[2]) if outcomes[-1][1] < ENOUGH else outcomes[-1]
        length, worth = chosen[0], chosen[1] * chosen[2]
        flips, stays, count = self._outcome(self.report, name, value, length * unit)
        return worth, Direction(name, self.judge.train[name].names[value], length * unit, length, flips, stays, count)

    def _outcome(self, given: GeneratorInput, name: str, value: int, step: np.ndarray) -> tuple[float, float, int]:
        before, after = self.before[id(given)], self.said(moved(given, step))
        lacking = before[name] != value
        flips = float((after[name][lacking] == value).mean()) if lacking.any() else 0.0
        others = [other for other in before if other != name]
        same = [float((after[other] == before[other])[lacking].mean()) for other in others if lacking.any()]
        return flips, float(np.mean(same)) if same else 1.0, int(lacking.sum())


def _joined(given: GeneratorInput) -> np.ndarray:
    """z beside what is told, float64 [N, Z + K]."""
    return np.concatenate([given.z, *([] if given.condition is None else [given.condition])], 1).astype(np.float64)


def moved(given: GeneratorInput, step: np.ndarray) -> GeneratorInput:
    """The same input with a step [Z + K] added to each row."""
    dim, step = given.z.shape[1], step.astype(np.float32)
    return replace(given, z=given.z + step[:dim], condition=None if given.condition is None else given.condition + step[dim:])


def picture(run: Run, direction: Direction, count: int = 6, columns: int = SHOWN) -> np.ndarray:
    """The first samples of seed 0, a row each: in the middle as they are, to the left backwards, to the right all the way forth.

    uint8 [count * columns, H, W, C].
    """
    given = run.inputs.rows(0, 0, count)
    ways = [moved(given, share * direction.step) for share in np.linspace(-1, 1, columns)]
    z = np.stack([way.z for way in ways], 1).reshape(count * columns, -1)
    condition = None
    if given.condition is not None:
        condition = np.stack([way.condition for way in ways if way.condition is not None], 1).reshape(count * columns, -1)
    return run.sampler.generate(replace(given, z=z, condition=condition))


def sheet(run: Run, found: Sequence[Direction], count: int = 4) -> Any:
    """A picture with a block for each direction, named, of `count` rows."""
    from PIL import Image, ImageDraw, ImageFont

    blocks = [(f"{d.attribute}: {d.value}", run.modality.picture(picture(run, d, count), SHOWN).convert("RGB")) for d in found]
    font, head = ImageFont.load_default(20), 28
    width, height = max(b.width for _, b in blocks), sum(b.height + head for _, b in blocks)
    page = Image.new("RGB", (width, height), "white")
    draw, top = ImageDraw.Draw(page), 0
    for name, block in blocks:
        draw.text((8, top + 2), f"{name} to the right", fill="black", font=font)
        page.paste(block, (0, top + head))
        top += head + block.height
    return page


def rows_of(found: Sequence[Direction]) -> list[list[str]]:
    """A table: its head, then a row for each direction."""
    return [["attribute", "towards", "flips", "others stay", "standard deviations", "samples"], *map(_row, found)]


def _row(found: Direction) -> list[str]:
    shares = [f"{100 * share:.1f} %" for share in (found.flips, found.stays)]
    return [found.attribute, found.value, *shares, f"{found.length:g}", f"{found.count}"]


def to_json(run: Run, found: Sequence[Direction]) -> dict[str, Any]:
    """Everything that was found, ready for JSON; `step` is what to add to z and to what G is told beside it."""
    each = [{**vars(direction), "step": direction.step.tolist()} for direction in found]
    return {"run": run.recipe.name, "images": run.images, "seeds": [SEED, SEED + 1, SEED + 2], "directions": each}
