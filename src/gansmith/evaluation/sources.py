"""What can be evaluated: a run, which is sampled anew in every draw, or a fixed set of images: a folder, a file, an array.

Both give samples in the layout of a source, uint8 [N, C, H, W] or float32 [N, D].
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gansmith.core.errors import DataError, RunError
from gansmith.data import Arrays, Folder, Source, once
from gansmith.data.modality import stored
from gansmith.evaluation.results import SourceType
from gansmith.evaluation.scoring import CHUNK
from gansmith.runs.run import Run

FIRST_SEED = 1000  # of reported draws; scores during training use seeds from 2**32 on
LEAST = 100


@dataclass(frozen=True, eq=False)
class GeneratedSamples:
    """A run's samples, made when they are asked for and never kept together."""

    run: Run
    count: int  # in each draw
    seeds: tuple[int, ...]  # of the draws
    kind: SourceType = "run"

    @property
    def what(self) -> str:
        return str(self.run.path)

    @property
    def classes(self) -> tuple[str, ...] | None:
        return self.run.condition_space.names

    @property
    def num_categories(self) -> int:
        return len(self.run.condition_space.shares)

    def labels(self, draw: int) -> np.ndarray | None:
        """The classes that a draw's samples are asked to be, int64 [count]; None where it is told no classes."""
        return self.run.sampler.labels(self.seeds[draw], self.count)

    def categories(self, draw: int) -> np.ndarray | None:
        """The same of any kinds it is told."""
        return self.run.inputs.categories(self.seeds[draw], 0, self.count) if self.run.condition_space.shares else None

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.run.metadata["sample_shape"])

    def chunks(self, draw: int) -> Iterator[np.ndarray]:
        for first in range(0, self.count, CHUNK):
            made = self.run.sample(self.seeds[draw], min(CHUNK, self.count - first), first)
            yield stored(made.array)

    def rows(self, draw: int, numbers: np.ndarray) -> np.ndarray:
        return np.concatenate([stored(self.run.sample(self.seeds[draw], 1, int(i)).array) for i in numbers])

    def metadata(self) -> dict[str, Any]:
        recipe = self.run.recipe
        return {
            "recipe": recipe.name,
            "checkpoint": str(self.run.checkpoint),
            "images_seen": self.run.images,
            "seed": recipe.seed,
        }


@dataclass(frozen=True, eq=False)
class StoredSamples:
    """Samples that are there already."""

    what: str
    kind: SourceType
    values: np.ndarray
    classes_asked: np.ndarray | None = None  # int64 [N]
    classes: tuple[str, ...] | None = None
    seeds: None = None
    num_categories: int = 0

    def labels(self, draw: int) -> np.ndarray | None:
        return self.classes_asked

    def categories(self, draw: int) -> None:
        return None

    @property
    def count(self) -> int:
        return len(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self.values.shape[1:])

    def chunks(self, draw: int) -> Iterator[np.ndarray]:
        for first in range(0, self.count, CHUNK):
            yield self.values[first : first + CHUNK]

    def rows(self, draw: int, numbers: np.ndarray) -> np.ndarray:
        return np.asarray(self.values[numbers])

    def metadata(self) -> dict[str, Any]:
        return {"recipe": None, "checkpoint": None, "images_seen": None, "seed": None}


SampleSource = GeneratedSamples | StoredSamples


def find(
    what: str | Path | Run | np.ndarray, count: int, draws: int, trust: str | Path | None = None, checkpoint: str | int = "last"
) -> SampleSource:
    """The subject that a user means. Raises RunError or DataError, one line, where there is none or too little of it."""
    subject = _find(what, count, draws, trust)
    if checkpoint == "last":
        return subject
    if not isinstance(subject, GeneratedSamples):
        raise RunError(f"{subject.what} is no run, and has no checkpoint {str(checkpoint)!r}: leave it out")
    return dataclasses.replace(subject, run=subject.run.at(checkpoint))


def _find(what: str | Path | Run | np.ndarray, count: int, draws: int, trust: str | Path | None) -> SampleSource:
    if isinstance(what, np.ndarray):
        return _enough(StoredSamples("array", "array", _checked(what)))
    # os.path answers no where pathlib raises: for names too long, folders that may not be entered.
    if isinstance(what, Run) or os.path.isfile(os.path.join(what, "recipe.json")):
        run = what if isinstance(what, Run) else Run.open(what, trust=trust)
        if count < LEAST:
            raise RunError(f"count {count}: scores of fewer than {LEAST} samples say nothing; the usual number is 10000")
        if draws < 1:
            raise RunError(f"draws {draws}: expected at least 1")
        return GeneratedSamples(run, count, tuple(range(FIRST_SEED, FIRST_SEED + draws)))
    path = os.path.expanduser(what)
    if os.path.isdir(path):
        samples = Folder(str(what), size=None).load()
        return _enough(StoredSamples(str(what), "folder", samples.values, samples.labels, samples.classes))
    if os.path.isfile(path) and path.endswith((".npz", ".npy")):
        samples = Arrays(str(what)).load()
        return _enough(StoredSamples(str(what), "file", samples.values, samples.labels, samples.classes))
    if os.path.exists(path):
        raise DataError(f"{what}: expected a run folder, a folder of images, an .npz or .npy file")
    raise RunError(f"{what} does not exist: expected a run folder, a folder of images, an .npz or .npy file")


def data_of(subject: SampleSource) -> Source | None:
    """The data set a run learned from, each sample once."""
    return once(subject.run.recipe.data) if isinstance(subject, GeneratedSamples) else None


def _checked(array: np.ndarray) -> np.ndarray:
    is_image = array.dtype == np.uint8 and (array.ndim == 3 or (array.ndim == 4 and array.shape[3] in (1, 3, 4)))
    if not is_image and not (array.dtype == np.float32 and array.ndim == 2):
        raise DataError(
            f"array: expected uint8 images [N, H, W] or [N, H, W, C] with C in 1, 3, 4, or float32 points [N, D], "
            f"got {array.dtype} {list(array.shape)}"
        )
    if array.ndim == 2 and not np.isfinite(array).all():
        raise DataError("array: expected finite numbers, got NaN or infinity; leave such rows out")
    return stored(array[..., None] if array.ndim == 3 else array)


def _enough(subject: StoredSamples) -> StoredSamples:
    if subject.count < LEAST:
        raise DataError(
            f"{subject.what} has {subject.count} samples: scores of fewer than {LEAST} say nothing; the usual number is 10000"
        )
    return subject
