"""The run folder, the only thing training hands on. Its files:

recipe.json     everything the run is
run.json        format, budget in images, the data's shape, machine, the user's own files with their SHA-256
log.jsonl       a record a line
events/         the same for TensorBoard, with the pictures
samples/        pictures from fixed seeds, named by image count; real.png; animation.gif
losses.png
report.html     everything on one page
evaluation.json what `gansmith evaluate RUN` found last, with its usual settings
checkpoints/    IMAGES-DIGEST.safetensors, the last few and the best; the digest is of the whole file
generator/      generator.safetensors and generator.json: what sampling needs
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from gansmith import doctor
from gansmith.core import distributed
from gansmith.core.component import differences, to_json
from gansmith.core.errors import RunError
from gansmith.core.files import disk_errors, read_json, write_json
from gansmith.core.user_code import own_files
from gansmith.data import memory
from gansmith.data.modality import Modality, modality_of
from gansmith.doctor.checkup import Checkup
from gansmith.networks.build import build
from gansmith.recipes.base import Recipe
from gansmith.runs.checkpoints import Checkpoints, Saved
from gansmith.runs.lock import FOLDERS, locked
from gansmith.runs.log import arrays_in, read_log, scores_in
from gansmith.runs.metadata import changed_metadata, new_metadata, read_metadata
from gansmith.runs.trust import named, trusted_recipe
from gansmith.sampling.classes import ConditionSpace, Layout, condition_space_of, layout_of
from gansmith.sampling.gallery import Gallery
from gansmith.sampling.inputs import Inputs
from gansmith.sampling.sampler import Sampler

KEPT_CHECKPOINTS = 3
KEPT_TO_GO_BACK = 8  # of a run that may be put right, so that one from before the trouble is among them


class Run:
    """A run folder. `sample` and `module` work on what it last saved, `log` holds arrays to plot."""

    def __init__(
        self,
        path: Path,
        recipe: Recipe,
        metadata: dict[str, Any],
        checkpoint: str | int = "last",
        category: int | None = None,  # of all its samples; None: each sample draws its own
    ) -> None:
        self.path, self.recipe, self.metadata, self.checkpoint, self.category = path, recipe, metadata, checkpoint, category
        self.checkpoints = Checkpoints(path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.recipe.name}, {self.images:,} of {self.total_images or 0:,} images)"

    # ------------------------------------------------------------------------------------------ opening

    @classmethod
    def open(cls, path: str | Path, *, trust: str | Path | None = None) -> Run:
        """Read a run folder. Nothing in it can execute code: a run that uses a file of the user's own asks for it in `trust`.

        Raises RunError where it is no run folder, of a format that is not read, or needs a file that was not named.
        """
        path = Path(path)
        if not (path / "recipe.json").is_file():
            what = "is empty or no run folder: it has no recipe.json" if path.is_dir() else "does not exist"
            raise RunError(f"run folder {path} {what}; make one with: gansmith train RECIPE --run {path}")
        metadata = read_metadata(path / "run.json")
        return cls(path, trusted_recipe(path / "recipe.json", metadata["files"], trust), metadata)

    @classmethod
    @contextlib.contextmanager
    def locked(cls, path: str | Path, recipe: Recipe, *, trust: str | Path | None = None) -> Iterator[Run]:
        """A run folder to train in, new or gone on with; held against every other process until the block ends.

        Raises RunError where the folder holds something else, another recipe (field by field), or another process is in it.
        """
        path = Path(path)
        if distributed.rank() != 0:
            yield cls(path, recipe, {})
            return
        with locked(path):
            if (path / "recipe.json").is_file():
                run = cls.open(path, trust=trust)
                run.check_same(recipe)
                yield run
            else:
                yield cls(path, recipe, {})

    def check_same(self, recipe: Recipe) -> None:
        """Raises RunError where this is a run of another recipe, field by field, or of an own file that has changed since."""
        alike = dataclasses.replace(recipe, why=self.recipe.why)  # what is said of a choice is no part of it
        changed = list(differences(to_json(self.recipe), to_json(alike)))
        if changed:
            message = "; ".join(f"{place} was {_said(old)}, now {_said(new)}" for place, old, new in changed)
            raise RunError(f"run folder {self.path} holds another recipe: {message}. Choose another folder with --run")
        files = set(own_files(recipe).values())
        if files != set(self.metadata.get("files", {}).values()):
            raise RunError(
                f"run folder {self.path} was made with {named(self.metadata['files'])}, which has changed; use another --run"
            )

    def at(self, checkpoint: str | int) -> Run:
        """The same run as it was at a checkpoint that is kept: "last", "best" or an image count.

        Raises RunError naming those there are.
        """
        if checkpoint == "last":
            return Run(self.path, self.recipe, self.metadata, category=self.category)
        kept = sorted(set(self.checkpoints.images))
        known = f"last or one of {', '.join(map(str, kept))}" if kept else "last"
        if checkpoint == "best":
            if self.best is None:
                raise RunError(f"run {self.path} was not scored while it trained, so none is its best checkpoint: choose {known}")
        elif not str(checkpoint).isdecimal() or int(checkpoint) not in kept:
            best = "best, " if self.best is not None else ""
            raise RunError(f"run {self.path} keeps no checkpoint {str(checkpoint)!r}: choose {best}{known}")
        chosen = "best" if checkpoint == "best" else int(checkpoint)
        return Run(self.path, self.recipe, self.metadata, chosen, self.category)

    def begin(self, metadata: dict[str, Any]) -> None:
        """Write what the run is, once; on later calls compare the machine and say what changed."""
        if distributed.rank() != 0:
            self.metadata = metadata
        elif (self.path / "recipe.json").exists():
            if changed := changed_metadata(self.path, self.metadata, metadata, self.images):
                self.note(**changed)
        else:
            with disk_errors(self.path):
                for name in FOLDERS:
                    (self.path / name).mkdir(exist_ok=True)
            self.note(**new_metadata(metadata, own_files(self.recipe)))
            write_json(self.path / "recipe.json", to_json(self.recipe))  # last: a folder with a recipe is a run

    def note(self, **metadata: Any) -> None:
        """Write down more facts about the run, in place of those of the same names."""
        self.metadata |= metadata
        write_json(self.path / "run.json", self.metadata)

    # ------------------------------------------------------------------------------------------ checkpoints

    def save(self, saved: Saved, sampler: dict[str, Tensor]) -> None:
        """Write a checkpoint and the generator, each whole or not at all, and drop the oldest checkpoints."""
        self.checkpoints.write(saved, sampler)
        self.checkpoints.prune(KEPT_TO_GO_BACK if self.may_go_back else KEPT_CHECKPOINTS, self.best, self.left_at)

    @property
    def may_go_back(self) -> bool:
        """Whether the doctor may put it right."""
        return self.recipe.watch is not None and self.recipe.watch.on_trouble == "recover"

    @property
    def left_at(self) -> list[int]:
        """The image counts of checkpoints that were written because somebody left the run, where it may go back."""
        return list(self.metadata.get("left_at", ()))

    @property
    def ways_back(self) -> list[int]:
        """The image counts of checkpoints that it may go back to: those that it would have had it never been left."""
        return [images for images in self.checkpoints.images if images not in self.left_at]

    def latest(self) -> Saved | None:
        """The newest checkpoint that is whole; None before the first. Raises RunError where all of them are damaged."""
        return self.checkpoints.latest()

    @property
    def kept(self) -> Iterator[Saved]:
        """The checkpoints it keeps, the oldest first; damaged ones are left out."""
        return self.checkpoints.whole()

    def _chosen(self) -> Saved:
        """The checkpoint of an `at` that is not the last. Raises RunError where it is gone or damaged."""
        if (saved := self.checkpoints.of(self.images)) is None:
            raise RunError(f"checkpoint {self.checkpoint} of {self.path} is damaged: choose another")
        return saved

    @property
    def saved(self) -> Saved:
        """Its checkpoint, the newest unless another was chosen. Raises RunError where there is none that is whole."""
        saved = self.latest() if self.checkpoint == "last" else self._chosen()
        if saved is None:
            raise RunError(f"run folder {self.path} has no checkpoint yet: train it with gansmith train {self.path}")
        return saved

    # ------------------------------------------------------------------------------------------ what it made

    @property
    def total_images(self) -> int | None:
        return self.metadata.get("total_images")

    @property
    def images(self) -> int:
        """How many real images its checkpoint, the newest unless another was chosen, has seen."""
        if isinstance(self.checkpoint, int):
            return self.checkpoint
        return (self.best or 0) if self.checkpoint == "best" else self._newest_images

    @property
    def _newest_images(self) -> int:
        return max(self.checkpoints.images, default=0)

    @property
    def finished(self) -> bool:
        """Whether its budget is spent, or its scores have ended it early."""
        return bool(self.total_images) and (self._newest_images >= (self.total_images or 0) or self.stopped is not None)

    @property
    def scored(self) -> dict[int, float]:
        """Its Frechet distance from the validation slice by image count, up to the newest checkpoint; infinity for no number.

        What the distance was measured with is `metadata["score"]`.
        """
        return {images: value for images, value in scores_in(self.records).items() if images <= self._newest_images}

    @property
    def best(self) -> int | None:
        """The image count of the checkpoint with the lowest such distance, the first of equals; None where there is none."""
        put_right = {record["images"] for record in self.records if f"{doctor.PREFIX}recovery" in record}  # with other weights
        scored, kept = self.scored, set(self.checkpoints.images) - put_right
        return min((images for images in scored if images in kept and scored[images] < math.inf), key=scored.get, default=None)  # type: ignore[arg-type]

    @property
    def stopped(self) -> str | None:
        """Why its scores, or the doctor, ended it before its budget was spent; None where they did not."""
        by_scores = self.recipe.scores.ends(list(self.scored.values())) if self.recipe.scores else None
        seen = [look for look in doctor.looks_in(self.records) if look["images"] <= self._newest_images]
        return by_scores or doctor.ends(self.recipe.on_trouble, seen, self.total_images or 1)

    @property
    def has_nothing_left(self) -> bool:
        """Whether it is finished, its last checkpoint is whole and its results are written: training it would do nothing."""
        return self.finished and bool(self.results) and (saved := self.latest()) is not None and saved.images == self.images

    @cached_property
    def module(self) -> nn.Module:
        """The generator as a plain module in evaluation mode, on the CPU: noise [N, Z], and a condition [N, K + S] where it is
        told one -> samples [N, ...]."""
        shapes = self.recipe.shapes(self.metadata["sample_shape"], len(self.condition_space.shares))
        network = build(self.recipe.networks, self.recipe.seed, shapes)["generator"]
        network.load_state_dict(self._generator_weights())
        return network.eval().requires_grad_(False)

    def _generator_weights(self) -> dict[str, Tensor]:
        if self.checkpoint != "last":
            return self._chosen().under(self._generator_prefix)
        return self.checkpoints.generator(self._generator_prefix)

    @property
    def _generator_prefix(self) -> str:
        """What the names of the generator's tensors begin with in a checkpoint."""
        return "average/" if self.recipe.ema else "networks/generator/"

    @property
    def inputs(self) -> Inputs:
        """What its samples are made from."""
        return Inputs(self.recipe.noise, self.condition_space.shares, self.category, self.condition_space.continuous)

    @property
    def condition_space(self) -> ConditionSpace:
        """What kinds its generator can be asked for."""
        return condition_space_of(self.recipe.condition, self.metadata)

    def asked(self, category: int | str) -> Run:
        """The same run, whose samples are all asked to be of one kind, given by its number or by the name of its class.

        Raises RunError where there is no such kind.
        """
        number = self.condition_space.number(category, f"run {self.path}")
        return Run(self.path, self.recipe, self.metadata, self.checkpoint, number)

    @property
    def layout(self) -> Layout:
        """How its pictures are laid out: a row for each kind, where it is told of a few."""
        pictures = self.recipe.pictures
        return layout_of(pictures.count, pictures.columns, self.metadata["sample_shape"], self.condition_space)

    @property
    def sampler(self) -> Sampler:
        """Its generator and everything needed to make samples."""
        shape = tuple(self.metadata["sample_shape"])
        return Sampler(self.module, self.inputs, self.modality, shape, self.condition_space, self.layout, f"run {self.path}")

    @property
    def modality(self) -> Modality:
        """How its samples are scaled, kept and shown."""
        return modality_of(self.metadata["sample_shape"], self.recipe.value_range)

    def sample(self, seed: int = 0, count: int = 16, first: int = 0) -> Gallery:
        """Samples number `first` to `first + count` of `seed`; sample i is made from (seed, i) alone.

        Raises RunError where they would not fit in memory.
        """
        size = 1 if self.modality.key == "images" else 4  # bytes a value
        if size * count * math.prod(self.metadata["sample_shape"]) > memory.MAX_BYTES:
            raise RunError(f"{count:,} samples don't fit in memory: ask for fewer, and for more with another seed")
        made = self.sampler.sample(seed, count, first)
        return Gallery(made, self.modality, self.classes_asked(seed, count, first))

    def classes_asked(self, seed: int, count: int, first: int = 0) -> np.ndarray | None:
        """The classes that such samples are asked to be, int64 [count]; None where it is told no classes."""
        condition = self.recipe.condition
        is_told = condition is not None and condition.are_classes and bool(self.condition_space.shares)
        return self.inputs.categories(seed, first, count) if is_told else None

    def rows(self, seed: int = 0, columns: int | None = None) -> Gallery:
        """A row for each kind: the first samples of a seed asked to be of it, with the same z in a column.

        Raises RunError where it is told no kinds, or so many that it shows no rows.
        """
        categories, columns = self.layout.categories, columns or self.layout.columns
        if not categories:
            raise RunError(f"run {self.path} shows no rows: it is told no kinds, or too many")
        made = self.sampler.in_rows(seed, categories, columns)
        return Gallery(made, self.modality, np.repeat(categories, columns), columns, self.layout.names)

    def walk(self, seeds: Sequence[int], steps: int = 8) -> np.ndarray:
        """From each seed's first sample to the next seed's, [len(seeds) - 1, steps + 1, ...]; see `Sampler.walk`."""
        return self.sampler.walk(seeds, steps)

    @property
    def pictures(self) -> dict[int, Path]:
        """What it drew of itself while it trained, always from the same seeds, by image count."""
        return {int(p.stem): p for p in sorted((self.path / "samples").glob("[0-9]*.png"))}

    @property
    def real_picture(self) -> Path:
        """The first real samples, drawn likewise."""
        return self.path / "samples" / "real.png"

    @property
    def report(self) -> Path:
        """Where its report goes."""
        return self.path / "report.html"

    @property
    def log(self) -> dict[str, np.ndarray]:
        """The log as arrays, one for each name, NaN where a record lacks it."""
        return arrays_in(self.records)

    @property
    def records(self) -> list[dict[str, Any]]:
        """The log, a record a line."""
        return read_log(self.path / "log.jsonl")

    @property
    def evaluation_path(self) -> Path:
        """Where an evaluation of it with the usual settings is kept."""
        return self.path / "evaluation.json"

    @property
    def checkup(self) -> Checkup | None:
        """What the doctor says of the looks in its log; None where it was not watched."""
        looks, recoveries = doctor.looks_in(self.records), self.metadata.get("recoveries")
        found = Checkup.of_looks(looks, self.total_images or 1, recoveries or ())
        return found if found.num_looks > 1 or recoveries is not None else None  # checkpoints may be of other networks then

    @property
    def results(self) -> dict[str, Any]:
        """What was found at the end of the budget; empty before it."""
        path = self.path / "results.json"
        return dict(read_json(path)) if path.exists() else {}


def load(run: str | Path, *, checkpoint: str | int = "last", trust: str | Path | None = None) -> Run:
    """Open a run folder: `.sample(seed, count)`, `.module`, `.log`, `.recipe`. See `Run.open` for what it raises.

    `checkpoint` is "last", "best" or the image count of one that is kept; see `Run.at`.
    """
    return Run.open(run, trust=trust).at(checkpoint)


def sample(run: str | Path | Run, seed: int = 0, count: int = 16) -> Gallery:
    """`count` samples of a run; image i is made from (seed, i) alone."""
    return (run if isinstance(run, Run) else load(run)).sample(seed, count)


def _said(value: Any) -> str:
    return json.dumps(value) if not isinstance(value, dict) else str(value.get("type", value))
