"""Sources of samples to evaluate: a run, which generates new ones for every draw, or stored samples in a folder, file or array.

Both give samples in the layout of a data source, uint8 [N, C, H, W] or float32 [N, D].
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
from gansmith.core.limits import MAX_DRAWS, MAX_SCORED
from gansmith.core.user_input import expanded
from gansmith.data import Arrays, Folder, Source, fit_images, without_repeats
from gansmith.data.modality import to_source
from gansmith.evaluation import sizes
from gansmith.evaluation.results import SourceType
from gansmith.evaluation.scoring import CHUNK
from gansmith.runs.metadata import runs_in
from gansmith.runs.run import Run

FIRST_SEED = 1000  # of the first draw; scores during training use seeds from 2**32 on
LEAST = 100


@dataclass(frozen=True, eq=False)
class GeneratedSamples:
    """Samples that a run generates on demand, chunk by chunk."""

    run: Run
    count: int  # in each draw
    seeds: tuple[int, ...]  # one for each draw
    kind: SourceType = "run"
    side: int | None = None  # of images, if they are resized after generation
    channels: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        """Path of the run, for messages."""
        return str(self.run.path)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the classes that can be requested; None without names."""
        return self.run.condition_space.names

    @property
    def num_categories(self) -> int:
        """Number of categories of the run's condition; 0 for an unconditional run."""
        return len(self.run.condition_space.shares)

    def labels(self, draw: int) -> np.ndarray | None:
        """Requested classes of a draw's samples, int64 [count]; None if categories are not classes of the data."""
        return self.run.sampler.labels(self.seeds[draw], self.count)

    def categories(self, draw: int) -> np.ndarray | None:
        """Requested categories of a draw's samples, int64 [count]; None for an unconditional run."""
        return self.run.sampler.inputs.categories(self.seeds[draw], 0, self.count) if self.run.condition_space.shares else None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: (C, H, W) or (D,)."""
        shape = tuple(self.run.metadata["sample_shape"])
        return (self.channels or shape[0], self.side or shape[1], self.side or shape[2]) if len(shape) == 3 else shape

    def _fitted(self, saved: np.ndarray) -> np.ndarray:
        """Generated samples in the layout of a data source, at the size that is compared."""
        values = to_source(saved)
        return fit_images(values, self.side, self.channels, self.what) if values.ndim == 4 else values

    def chunks(self, draw: int) -> Iterator[np.ndarray]:
        """All samples of a draw in chunks of at most CHUNK."""
        for first in range(0, self.count, CHUNK):
            made = self.run.sample(self.seeds[draw], min(CHUNK, self.count - first), first)
            yield self._fitted(made.array)

    def rows(self, draw: int, numbers: np.ndarray) -> np.ndarray:
        """The samples of a draw with these indices."""
        return np.concatenate([self._fitted(self.run.sample(self.seeds[draw], 1, int(i)).array) for i in numbers])

    def fitted(self, side: int | None, channels: int) -> GeneratedSamples:
        """The samples at another size (None keeps it) and number of channels."""
        return dataclasses.replace(self, side=side, channels=channels)

    def metadata(self) -> dict[str, Any]:
        """Fields of an `Evaluation` about the run: recipe, checkpoint, images_seen, seed."""
        recipe = self.run.recipe
        return {
            "recipe": recipe.name,
            "checkpoint": str(self.run.checkpoint),
            "images_seen": self.run.images,
            "seed": recipe.seed,
        }


@dataclass(frozen=True, eq=False)
class StoredSamples:
    """Samples from a folder, a file or an array."""

    what: str
    kind: SourceType
    values: np.ndarray
    requested_classes: np.ndarray | None = None  # int64 [N], requested class of each sample
    classes: tuple[str, ...] | None = None
    seeds: None = None
    num_categories: int = 0
    notes: tuple[str, ...] = ()  # how they were read

    def labels(self, draw: int) -> np.ndarray | None:
        """Requested classes of the samples, int64 [N]; None if unknown."""
        return self.requested_classes

    def categories(self, draw: int) -> None:
        """None: stored samples have classes, and no other categories."""
        return

    @property
    def count(self) -> int:
        """Number of samples."""
        return len(self.values)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: (C, H, W) or (D,)."""
        return tuple(int(n) for n in self.values.shape[1:])

    def chunks(self, draw: int) -> Iterator[np.ndarray]:
        """All samples of a draw in chunks of at most CHUNK."""
        for first in range(0, self.count, CHUNK):
            yield self.values[first : first + CHUNK]

    def rows(self, draw: int, numbers: np.ndarray) -> np.ndarray:
        """The samples of a draw with these indices."""
        return np.asarray(self.values[numbers])

    def fitted(self, side: int | None, channels: int) -> StoredSamples:
        """The samples at another size (None keeps it) and number of channels."""
        return dataclasses.replace(self, values=fit_images(self.values, side, channels, self.what))

    def metadata(self) -> dict[str, Any]:
        """Fields of an `Evaluation` about the run: recipe, checkpoint, images_seen, seed."""
        return {"recipe": None, "checkpoint": None, "images_seen": None, "seed": None}


SampleSource = GeneratedSamples | StoredSamples


def find_samples(
    what: str | Path | Run | np.ndarray,
    count: int,
    draws: int,
    trust: str | Path | None = None,
    checkpoint: str | int = "last",
    size: int | None = None,
) -> SampleSource:
    """Open the samples to evaluate; `size` is the side at which a folder of images is read, None for their own.

    Raises RunError or DataError if they are missing or fewer than LEAST.
    """
    subject = _open_samples(what, count, draws, trust, size)
    if checkpoint == "last":
        return subject
    if not isinstance(subject, GeneratedSamples):
        raise RunError(f"{subject.what} is not a run and has no checkpoint {str(checkpoint)!r}: leave out --checkpoint")
    return dataclasses.replace(subject, run=subject.run.at(checkpoint))


def _open_samples(
    what: str | Path | Run | np.ndarray, count: int, draws: int, trust: str | Path | None, size: int | None
) -> SampleSource:
    if isinstance(what, np.ndarray):
        return _check_count(StoredSamples("array", "array", _check_array(what)))
    # os.path returns False where pathlib raises: for names that are too long and folders without permission.
    if isinstance(what, Run) or os.path.isfile(expanded(what) / "recipe.json"):
        run = what if isinstance(what, Run) else Run.open(what, trust=trust)
        if not LEAST <= count <= MAX_SCORED:
            raise RunError(
                f"count {count}: expected at least {LEAST} samples for scores, and at most {MAX_SCORED:,}, whose features fit in "
                "memory; the usual number is 10000"
            )
        if not 1 <= draws <= MAX_DRAWS:
            raise RunError(f"draws {draws}: expected at least 1 and at most {MAX_DRAWS}")
        if run.sources is not None:  # a translator makes one sample of each source image
            count, draws = min(count, len(run.sources)), draws if run.recipe.noise.dim else 1
        return GeneratedSamples(run, count, tuple(range(FIRST_SEED, FIRST_SEED + draws)))
    path = str(expanded(what))
    if inside := runs_in(path):
        raise RunError(f"{what} is no run folder, but holds {len(inside)}: name one, such as {inside[0]}")
    if os.path.isdir(path):
        folder, notes = sizes.at_own_size(Folder(str(what), size=None), size)
        samples = folder.load()
        return _check_count(StoredSamples(str(what), "folder", samples.values, samples.labels, samples.classes, notes=notes))
    if os.path.isfile(path) and path.lower().endswith((".npz", ".npy")):
        samples = Arrays(str(what)).load()
        return _check_count(StoredSamples(str(what), "file", samples.values, samples.labels, samples.classes))
    if os.path.exists(path):
        raise DataError(f"{what}: expected a run folder, a folder of images, an .npz or .npy file")
    raise RunError(f"{what} does not exist: expected a run folder, a folder of images, an .npz or .npy file")


def data_of(subject: SampleSource) -> Source | None:
    """The data set that a run was trained on, each sample once; None for stored samples."""
    return without_repeats(subject.run.recipe.data) if isinstance(subject, GeneratedSamples) else None


def _check_array(array: np.ndarray) -> np.ndarray:
    is_image = array.dtype == np.uint8 and (array.ndim == 3 or (array.ndim == 4 and array.shape[3] in (1, 3, 4)))
    if not is_image and not (array.dtype == np.float32 and array.ndim == 2):
        raise DataError(
            f"array: expected uint8 images [N, H, W] or [N, H, W, C] with C in 1, 3, 4, or float32 points [N, D], "
            f"got {array.dtype} {list(array.shape)}"
        )
    if array.ndim == 2 and not np.isfinite(array).all():
        raise DataError("array: expected finite numbers, got NaN or infinity; leave out these rows")
    return to_source(array[..., None] if array.ndim == 3 else array)


def _check_count(subject: StoredSamples) -> StoredSamples:
    if subject.count < LEAST:
        raise DataError(
            f"{subject.what} has {subject.count} samples: expected at least {LEAST} for scores; the usual number is 10000"
        )
    return subject
