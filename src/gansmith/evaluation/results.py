"""What an evaluation found: scores with their intervals and floors, as frozen records that go to JSON and back equal.

Nothing here needs PyTorch, so tables and comparisons of stored evaluations start at once.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gansmith.core import files
from gansmith.core.errors import RunError

if TYPE_CHECKING:
    from gansmith.runs.run import Run

FORMAT = 1

Better = Literal["lower", "higher"]
SourceType = Literal["run", "folder", "file", "array"]


ABOUT: dict[str, tuple[str, Better, str]] = {
    "fd": ("Frechet distance", "lower", "how far the samples' features lie from the real ones', as two Gaussians"),
    "kid": ("kernel distance", "lower", "the same without assuming Gaussians, and unbiased at every number of samples"),
    "precision": ("precision", "higher", "the share of samples that look like some real image"),
    "recall": ("recall", "higher", "the share of real images that look like some sample"),
    "density": ("density", "higher", "how many real images a sample looks like, 1 being usual"),
    "coverage": ("coverage", "higher", "the share of real images with a sample near them"),
    "classifier_score": (
        "classifier score",
        "higher",
        "how sure the classifier is of each sample and how varied its answers are",
    ),
    "top_probability": ("top probability", "higher", "how sure the classifier is of its first choice, on average"),
    "class_kl": ("class histogram, KL", "lower", "how far the samples' classes are from the real shares, in nats"),
    "smallest_class": ("smallest class", "higher", "the share of the class that is seen least"),
    "class_accuracy": ("accuracy of the asked class", "higher", "the share of samples that are of the class asked for"),
    "kind_agreement": (
        "agreement of kinds and classes",
        "higher",
        "the share of samples of the class that their kind is matched with, one class to a kind",
    ),
    "class_coverage": ("coverage within classes", "higher", "the share of a class's real images with a sample of it near them"),
    "worst_class_coverage": ("coverage of the worst class", "higher", "the same of the class that is covered least"),
    "class_fd": ("Frechet distance within classes", "lower", "the Frechet distance class by class, on average"),
    "gan_train": ("GAN-train", "higher", "the accuracy on real images of a classifier that learned from samples"),
    "gan_test": ("GAN-test", "higher", "the accuracy on samples of a classifier that learned from real images"),
    "near_copies": ("near copies", "lower", "the share of samples as near to a training image as 1 % of held-out images are"),
}
"""Title, which way is better, and what it says, by key, in the order they are shown."""


def name_of(key: str, tag: str, num_real: int, num_fake: int) -> str:
    """`fd[lenet-mnist:ab12cd34]@50k/10k`."""
    return f"{key}[{tag}]@{brief_count(num_real)}/{brief_count(num_fake)}"


def brief_count(count: int) -> str:
    return f"{count // 1000}k" if count and count % 1000 == 0 else str(count)


@dataclass(frozen=True)
class Score:
    """One number, how sure it is, and what real images in the generator's place get.

    Scores are comparable where their names are equal: the name says what was measured with what on how much.
    """

    name: str  # fd[lenet-mnist:ab12cd34]@50k/10k: key, extractor and the start of its SHA-256, numbers of real and of fake images
    title: str  # Frechet distance
    value: float
    low: float | None  # the ends of a 95 % interval; None where there is nothing to take one from
    high: float | None
    draws: tuple[float, ...]  # the value of each draw; of one fixed set, its one value
    floor: float | None  # of held-out real images in the generator's place
    better: Better
    about: str  # what it says, in one plain sentence
    subset_sd: float | None = None  # of the kernel distance: the standard deviation over its subsets

    def to_json(self) -> dict[str, Any]:
        facts = {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}
        return facts if self.subset_sd is not None else {k: v for k, v in facts.items() if k != "subset_sd"}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Score:
        read = {**facts, "draws": tuple(map(_number, facts["draws"])), "value": _number(facts["value"])}
        return cls(**read)


@dataclass(frozen=True)
class Classes:
    """The share of each class, by the extractor's classifier, among real, fake and held-out real images; each sums to 1."""

    names: tuple[str, ...]
    real: tuple[float, ...]
    fake: tuple[float, ...]
    floor: tuple[float, ...]


@dataclass(frozen=True)
class PerClassResult:
    """What was found class by class; None where there is too little of one, or nothing to tell it by."""

    names: tuple[str, ...]
    coverage: tuple[float | None, ...]  # the share of its real images with a sample of that class near them
    accuracy: tuple[float | None, ...] | None  # of the samples asked for, the share that the classifier takes for it
    coverage_floor: tuple[float | None, ...] | None  # what held-out real images get
    accuracy_floor: tuple[float | None, ...] | None


@dataclass(frozen=True)
class Pair:
    """A sample and the training image nearest to it, in the extractor's features."""

    fake: int  # its number in the first draw
    train: int  # its number in the training split
    distance: float


@dataclass(frozen=True)
class Memorisation:
    """How near samples lie to training images, beside how near held-out real images do. The share is `scores["near_copies"]`."""

    quantiles: tuple[float, ...]  # the probabilities of the two rows below
    fake_distances: tuple[float, ...]
    held_out_distances: tuple[float, ...]
    pairs: tuple[Pair, ...]  # the nearest first, at most 16


@dataclass(frozen=True)
class Finding:
    """A sentence of the verdict, and the numbers it rests on."""

    good: bool
    text: str
    source: tuple[str, ...]  # "from" in JSON: keys of scores (fd), paths to other numbers (diagnostics.statistics.brightness)


@dataclass(frozen=True)
class Evaluation:
    """How good a set of samples is. `scores` holds what was found by key: fd, kid, precision ...

    Arrays are for the report: they are no part of the JSON, nor of equality.
    """

    what: str  # runs/x
    kind: SourceType
    recipe: str | None
    checkpoint: str | None  # of a run: "last", "best" or its image count
    images_seen: int | None
    seed: int | None  # of the training
    data: dict[str, Any]  # label, spec (the source as JSON), split, sha256, num_real; floor: what stood in for it, num_floor
    extractor: dict[str, Any]  # name, sha256, width, resizing
    num_fake: int  # in each draw
    seeds: tuple[int, ...] | None  # of the draws; None for a fixed set
    seconds: float
    gansmith: str  # version
    scores: dict[str, Score]
    classes: Classes | None = None
    of_classes: PerClassResult | None = None
    matched: tuple[str, ...] | None = None  # the class that each kind found without labels is matched with
    memorisation: Memorisation | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)  # plain numbers the verdict rests on
    verdict: tuple[Finding, ...] = ()

    samples: np.ndarray | None = field(default=None, compare=False, repr=False)  # the first 64, as a Gallery keeps them
    pair_fakes: np.ndarray | None = field(default=None, compare=False, repr=False)  # of memorisation.pairs, likewise
    pair_reals: np.ndarray | None = field(default=None, compare=False, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers; numbers that are not finite become null."""
        facts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ARRAYS}
        facts["scores"] = {key: score.to_json() for key, score in self.scores.items()}
        facts["verdict"] = [{"good": v.good, "text": v.text, "from": list(v.source)} for v in self.verdict]
        return {"format": FORMAT} | {name: _plain(value) for name, value in facts.items()}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Evaluation:
        """Raises RunError where it is no evaluation, or of a format that is not read."""
        if facts.get("format") != FORMAT:
            raise RunError(f"an evaluation of format {facts.get('format')!r}: this gansmith reads {FORMAT}; evaluate it again")
        try:
            read = {k: v for k, v in facts.items() if k != "format"}
            read["seeds"] = None if facts["seeds"] is None else tuple(facts["seeds"])
            read["scores"] = {key: Score.from_json(score) for key, score in facts["scores"].items()}
            read["classes"] = _classes(facts["classes"])
            read["of_classes"] = _of_classes(facts.get("of_classes"))
            read["matched"] = None if facts.get("matched") is None else tuple(facts["matched"])
            read["memorisation"] = _memorisation(facts["memorisation"])
            read["verdict"] = tuple(Finding(v["good"], v["text"], tuple(v["from"])) for v in facts["verdict"])
            return cls(**read)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(f"a damaged evaluation ({type(error).__name__}: {error}): evaluate it again") from None

    def save(self, path: str | Path) -> Path:
        """Write the JSON, whole or not at all."""
        files.write(Path(path), (json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())
        return Path(path)

    @classmethod
    def of(cls, run: Run) -> Evaluation | None:
        """What was found when the run, as it is now, was evaluated with the usual settings; None where it was not."""
        try:
            found = cls.load(run.evaluation_path)
        except RunError:
            return None
        return found if found.images_seen == run.images else None

    def keep(self, run: Run) -> None:
        """Write it into the run's folder, as what was found of the run as it is now."""
        self.save(run.evaluation_path)

    @classmethod
    def load(cls, path: str | Path) -> Evaluation:
        """Raises RunError naming the file where it can't be read."""
        try:
            facts = json.loads(Path(path).read_text())
        except OSError as error:
            raise RunError(f"can't read {path}: {error.strerror}") from None
        except ValueError as error:
            raise RunError(f"{path} is no file of gansmith evaluate ... --json: {error}") from None
        if not isinstance(facts, dict):
            raise RunError(f"{path} holds no evaluation: make one with gansmith evaluate ... --json {path}")
        try:
            return cls.from_json(facts)
        except RunError as error:
            raise RunError(f"{path} holds {error}") from None


def class_columns(found: PerClassResult) -> list[tuple[str, tuple[float | None, ...]]]:
    """What there is to show of each class: titles and values."""
    columns = {
        "asked class right": found.accuracy,
        "right of real": found.accuracy_floor if found.accuracy else None,
        "coverage": found.coverage,
        "coverage by real": found.coverage_floor,
    }
    return [(title, row) for title, row in columns.items() if row]


ARRAYS = ("samples", "pair_fakes", "pair_reals")


def _classes(facts: Mapping[str, Sequence[Any]] | None) -> Classes | None:
    return None if facts is None else Classes(*(tuple(facts[f.name]) for f in dataclasses.fields(Classes)))


def _of_classes(facts: Mapping[str, Sequence[Any] | None] | None) -> PerClassResult | None:
    if facts is None:
        return None
    rows = {f.name: facts[f.name] for f in dataclasses.fields(PerClassResult)}
    return PerClassResult(**{name: None if row is None else tuple(row) for name, row in rows.items()})  # type: ignore[arg-type]


def _memorisation(facts: Mapping[str, Any] | None) -> Memorisation | None:
    if facts is None:
        return None
    quantiles, fake, held_out = (tuple(facts[name]) for name in ("quantiles", "fake_distances", "held_out_distances"))
    return Memorisation(quantiles, fake, held_out, tuple(Pair(**pair) for pair in facts["pairs"]))


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _plain(value: Any) -> Any:
    """What json.dumps writes as standard JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
