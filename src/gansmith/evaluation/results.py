"""Results of an evaluation as frozen records: scores with confidence intervals and floors, converted to JSON and back.

Nothing here needs PyTorch, so that tables and comparisons of stored evaluations start at once.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from gansmith.core import files
from gansmith.core.component import short
from gansmith.core.errors import RunError
from gansmith.core.user_input import expanded

if TYPE_CHECKING:
    from gansmith.runs.run import Run

FORMAT = 1
COUNT, DRAWS = 10_000, 4  # samples in a draw and draws of a full evaluation of a run
AGAIN = "evaluate again, with gansmith evaluate ... --json FILE"

# A number in JSON: null for one that is not finite.
Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]
Better = Literal["lower", "higher"]
SourceType = Literal["run", "folder", "file", "array"]


ABOUT: dict[str, tuple[str, Better, str]] = {
    "fd": ("Frechet distance", "lower", "distance between samples and real images, as Gaussians in feature space"),
    "kid": ("kernel distance", "lower", "distance between samples and real images; unbiased, and without assuming Gaussians"),
    "precision": ("precision", "higher", "share of the samples that look like real images"),
    "recall": ("recall", "higher", "share of the real images that the generator could make"),
    "density": ("density", "higher", "how densely real images lie around the samples; 1 for equal distributions"),
    "coverage": ("coverage", "higher", "share of the real images with a sample near them"),
    "classifier_score": ("classifier score", "higher", "certainty of the classifier on each sample, and variety of its answers"),
    "top_probability": ("top probability", "higher", "mean probability of the classifier's likeliest class"),
    "class_kl": ("class histogram, KL", "lower", "KL divergence of the samples' class shares from real ones, in nats"),
    "smallest_class": ("smallest class", "higher", "share of the rarest class among the samples"),
    "class_accuracy": ("accuracy of requested classes", "higher", "share of the samples that show the requested class"),
    "kind_agreement": (
        "agreement of categories and classes",
        "higher",
        "share of the samples whose class is the one matched with their category",
    ),
    "class_coverage": ("coverage within classes", "higher", "coverage of each class by its own samples, averaged over classes"),
    "worst_class_coverage": ("coverage of the worst class", "higher", "lowest coverage of any class by its own samples"),
    "class_fd": ("Frechet distance within classes", "lower", "Frechet distance of each class, averaged over classes"),
    "gan_train": ("GAN-train", "higher", "accuracy on real images of a classifier trained on samples"),
    "gan_test": ("GAN-test", "higher", "accuracy on samples of a classifier trained on real images"),
    "near_copies": ("near copies", "lower", "share of the samples as near to a training image as 1 % of held-out images"),
}
"""Title, better direction and explanation of each score by key, in the order of tables."""


UNBOUNDED = ("kid",)  # scores that may be below 0
SHARES = (
    *("precision", "recall", "coverage", "top_probability", "smallest_class", "class_accuracy", "kind_agreement"),
    *("class_coverage", "worst_class_coverage", "gan_train", "gan_test", "near_copies"),
)  # scores between 0 and 1


def within_range(key: str, low: float, high: float) -> tuple[float, float]:
    """An interval of a score, without the part that the score can't reach: no share is below 0 or above 1."""
    least, most = -math.inf if key in UNBOUNDED else 0.0, 1.0 if key in SHARES else math.inf
    return max(low, least), min(high, most)


def name_of(key: str, tag: str, num_real: int, num_fake: int) -> str:
    """Full name of a score, such as `fd[lenet-mnist:ab12cd34]@50k/10k`."""
    return f"{key}[{tag}]@{brief_count(num_real)}/{brief_count(num_fake)}"


def brief_count(count: int) -> str:
    """A count in short: `50k`, or all digits if it is not a multiple of 1,000."""
    return f"{count // 1000}k" if count and count % 1000 == 0 else str(count)


@dataclass(frozen=True)
class Score:
    """One score with its confidence interval and its floor.

    Scores are comparable if their names are equal: the name holds metric, extractor and numbers of images.
    """

    name: str  # fd[lenet-mnist:ab12cd34]@50k/10k: key, extractor and the start of its SHA-256, numbers of real and of fake images
    title: str  # Frechet distance
    value: Number
    low: float | None  # lower end of its 95 % interval; None without one
    high: float | None  # upper end
    draws: tuple[Number, ...]  # value of each draw; one value for stored samples
    floor: float | None  # value of held-out real images in place of the samples
    better: Better
    about: str  # explanation
    subset_sd: float | None = None  # standard deviation of the kernel distance over its subsets

    def to_json(self) -> dict[str, Any]:
        """The score as JSON-ready values; numbers that are not finite become null."""
        fields = {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}
        return fields if self.subset_sd is not None else {k: v for k, v in fields.items() if k != "subset_sd"}


@dataclass(frozen=True)
class Classes:
    """Share of each class, by the extractor's classifier, among real images, samples and held-out real images; each sums to 1."""

    names: tuple[str, ...]
    real: tuple[float, ...]
    fake: tuple[float, ...]
    floor: tuple[float, ...]


@dataclass(frozen=True)
class PerClassResult:
    """Per-class metrics, one value for each class; None for a class with too few images, or for a metric without a value."""

    names: tuple[str, ...]
    coverage: tuple[float | None, ...]  # share of the class's real images with a sample of that class near them
    accuracy: tuple[float | None, ...] | None  # share of the samples requested as the class that the classifier recognises
    coverage_floor: tuple[float | None, ...] | None  # value of held-out real images
    accuracy_floor: tuple[float | None, ...] | None  # value of held-out real images


@dataclass(frozen=True)
class Pair:
    """A sample and the training image nearest to it, in the extractor's features."""

    fake: int  # index of the sample in the first draw
    train: int  # index of the image in the training split
    distance: float


@dataclass(frozen=True)
class Memorisation:
    """Distances of samples and of held-out real images to their nearest training images, as quantiles."""

    quantiles: tuple[float, ...]  # probabilities of the quantiles below
    fake_distances: tuple[float, ...]
    held_out_distances: tuple[float, ...]
    pairs: tuple[Pair, ...]  # the nearest first, at most 16


@dataclass(frozen=True)
class Finding:
    """A sentence of the verdict, and the paths of the numbers behind it."""

    good: bool
    text: str
    source: Annotated[
        tuple[str, ...], Field(validation_alias="from")
    ]  # "from" in JSON: keys of scores (fd), paths to other numbers (diagnostics.statistics.brightness)


def _with(**types: type) -> AfterValidator:
    """The check that a mapping has these fields, of these types."""

    def check(found: dict[str, Any]) -> dict[str, Any]:
        for name, type_ in types.items():
            if not isinstance(found.get(name), type_):
                raise ValueError(f"{'a text' if type_ is str else 'a whole number'} as {name}")
        return found

    return AfterValidator(check)


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation. `scores` holds the scores by key: fd, kid, precision ...

    Arrays are for the report: JSON and equality ignore them.
    """

    __pydantic_config__ = ConfigDict(arbitrary_types_allowed=True, strict=True)  # of `from_json`; unknown fields are ignored

    what: str  # runs/x
    kind: SourceType
    recipe: str | None
    checkpoint: str | None  # of a run: "last", "best" or its image count
    images_seen: int | None
    seed: int | None  # of the run
    # label, spec (the source as JSON), split, sha256, num_real; floor (images behind the floors), num_floor; shape (of both
    # sides), notes (what was resized for it)
    data: Annotated[dict[str, Any], _with(label=str, split=str, sha256=str, num_real=int, floor=str, num_floor=int)]
    extractor: Annotated[dict[str, Any], _with(name=str, sha256=str, resizing=str)]  # and width
    num_fake: int  # samples in each draw
    seeds: tuple[int, ...] | None  # one for each draw; None for stored samples
    seconds: float
    gansmith: str  # version
    scores: dict[str, Score]
    classes: Classes | None = None
    of_classes: PerClassResult | None = None
    matched: tuple[str, ...] | None = None  # class matched with each unlabelled category
    memorisation: Memorisation | None = None
    diagnostics: dict[str, Any] = field(default_factory=dict)  # numbers behind the verdict
    verdict: tuple[Finding, ...] = ()
    rivals: dict[str, dict[str, float]] = field(default_factory=dict)  # of a translator: scores of classical methods

    # In the layout of a Gallery: the first 64 samples, and the samples and training images of memorisation.pairs.
    samples: np.ndarray | None = field(default=None, compare=False, repr=False)
    pair_fakes: np.ndarray | None = field(default=None, compare=False, repr=False)
    pair_reals: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def rival_keys(self) -> list[str]:
        """The keys of the scores that classical rivals have too; none unless the run is a translator."""
        return list(next(iter(self.rivals.values()), {}))

    @property
    def beside_rivals(self) -> dict[str, dict[str, float]]:
        """The scores of the run, as "this run", and those of its classical rivals, by name and key."""
        own = {key: self.scores[key].value for key in self.rival_keys}
        return {"this run": own} | self.rivals if own else {}

    @property
    def is_full(self) -> bool:
        """Whether a run was evaluated with the usual number of samples and draws against all of its real samples."""
        return self.num_fake == COUNT and len(self.seeds or ()) == DRAWS and "full_seconds" not in self.data

    @property
    def sample_shape(self) -> tuple[int, ...] | None:
        """Shape of one sample as it was compared, (C, H, W) or (D,); None for the first evaluations, which did not keep it."""
        shape = self.data.get("shape")
        return tuple(shape) if isinstance(shape, list) and shape and all(isinstance(n, int) for n in shape) else None

    def to_json(self) -> dict[str, Any]:
        """The evaluation as dictionaries, lists and numbers; numbers that are not finite become null."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in ARRAYS}
        fields["scores"] = {key: score.to_json() for key, score in self.scores.items()}
        fields["verdict"] = [{"good": v.good, "text": v.text, "from": list(v.source)} for v in self.verdict]
        return {"format": FORMAT} | {name: _plain(value) for name, value in fields.items()}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Evaluation:
        """Read what `to_json` returned. Raises RunError for anything else, or for another format."""
        return cls._read(json.dumps(fields).encode(), "an evaluation")

    @classmethod
    def _read(cls, content: bytes, place: str) -> Evaluation:
        found = files.parse_json(content, dict[str, Any], place, AGAIN).get("format")
        if found != FORMAT:
            raise RunError(f"{place}: expected an evaluation of format {FORMAT}, got format {short(found)}; {AGAIN}")
        read: Evaluation = files.parse_json(content, cls, place, AGAIN)
        return read

    def save(self, path: str | Path) -> Path:
        """Write the JSON to a file atomically, and return its path."""
        path = expanded(path)
        files.write(path, (json.dumps(self.to_json(), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())
        return path

    @classmethod
    def of(cls, run: Run) -> Evaluation | None:
        """The evaluation stored in a run's folder; None if there is none of the run's newest checkpoint."""
        try:
            found = cls.load(run.evaluation_path)
        except RunError:
            return None
        return found if found.images_seen == run.images else None

    def keep(self, run: Run) -> None:
        """Store this evaluation in a run's folder."""
        self.save(run.evaluation_path)

    @classmethod
    def load(cls, path: str | Path) -> Evaluation:
        """Load an evaluation from a JSON file. Raises RunError naming the file if it can't be read."""
        return cls._read(files.read_bytes(expanded(path), AGAIN), str(path))


def class_columns(found: PerClassResult) -> list[tuple[str, tuple[float | None, ...]]]:
    """Columns of a table of per-class metrics: titles and values."""
    columns = {
        "accuracy": found.accuracy,
        "accuracy, real": found.accuracy_floor if found.accuracy else None,
        "coverage": found.coverage,
        "coverage, real": found.coverage_floor,
    }
    return [(title, row) for title, row in columns.items() if row]


ARRAYS = ("samples", "pair_fakes", "pair_reals")


def _plain(value: Any) -> Any:
    """Convert a value to what json.dumps writes as standard JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
