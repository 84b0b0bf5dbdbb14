"""The run folder, the result of training:

recipe.json     the complete recipe
run.json        metadata: format, budget in images, shape of the data, machine, the user's own files with their SHA-256
log.jsonl       one record a line
events/         the log and the pictures for TensorBoard
samples/        pictures of samples of fixed seeds, named by image count; real.png; animation.gif
losses.png      the learning curves
results.json    results at the end of the budget
report.html     everything on one page
evaluation.json the latest evaluation with default settings
checkpoints/    IMAGES-DIGEST.safetensors, the newest few and the best; the digest is of the whole file
generator/      generator.safetensors and generator.json, the weights that sampling needs
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from torch import nn

from gansmith import doctor
from gansmith.core.component import short
from gansmith.core.errors import DataError, RunError, some
from gansmith.core.files import read_as
from gansmith.core.formatting import noun_of, shell_word
from gansmith.core.rng import Place
from gansmith.core.user_input import expanded
from gansmith.data import Source
from gansmith.data.modality import Images, Modality, modality_of
from gansmith.doctor.checkup import Checkup
from gansmith.networks.base import Shapes
from gansmith.networks.build import build
from gansmith.recipes.base import Recipe
from gansmith.runs.checkpoints import Checkpoint, Checkpoints, DamageError, load_weights
from gansmith.runs.data_place import check_data_place, with_located_data
from gansmith.runs.log import SCORE, arrays_in, read_log, records_in, scores_in
from gansmith.runs.metadata import Results, read_metadata, runs_in
from gansmith.runs.trust import trusted_recipe
from gansmith.sampling.classes import ConditionSpace, Layout, condition_space_of, layout_of
from gansmith.sampling.conditions import ImageCondition
from gansmith.sampling.gallery import Gallery
from gansmith.sampling.inputs import Inputs, SourceTable
from gansmith.sampling.sampler import Sampler
from gansmith.sampling.translation import ImageTranslator

if TYPE_CHECKING:
    from PIL.Image import Image

RECOVERY = f"{doctor.PREFIX}recovery"  # in a log record: the number of the recovery that began there
T = TypeVar("T")


class Run:
    """A run folder, opened by `gansmith.load`.

    `sample` draws samples from the checkpoint, the newest unless `at` chose another. `module` is the generator as a PyTorch
    module, `log` holds arrays to plot, `recipe` is the complete recipe.
    """

    def __init__(
        self,
        path: Path,
        recipe: Recipe,
        metadata: dict[str, Any],
        checkpoint: str | int = "last",
        category: int | None = None,  # of all samples; None: random categories
    ) -> None:
        self.path, self.recipe, self.metadata, self.checkpoint, self.category = path, recipe, metadata, checkpoint, category
        self.checkpoints = Checkpoints(path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.recipe.name}, {self.seen})"

    # ------------------------------------------------------------------------------------------ opening

    @classmethod
    def open(cls, path: str | Path, *, trust: str | Path | None = None) -> Self:
        """Open a run folder. No file in it can execute code: if a run uses a Python file of your own, name that file in `trust`.

        Raises RunError if the folder is no run folder, has an unknown format, or needs a file that `trust` does not name.
        """
        if not isinstance(path, (str, os.PathLike)):
            raise RunError(f"expected the path of a run folder, got {short(path)}: write it as a text, as in 'runs/default'")
        path = expanded(path)
        # os.path returns False where pathlib raises: names that are too long, forbidden folders.
        if not os.path.isfile(path / "recipe.json"):
            if inside := runs_in(path):
                raise RunError(f"{path} is no run folder, but holds {len(inside)}: name one, such as {inside[0]}")
            what = "is empty or no run folder: it has no recipe.json" if os.path.isdir(path) else "does not exist"
            raise RunError(f"run folder {path} {what}; make one with: gansmith train RECIPE --run {shell_word(path)}")
        metadata = read_metadata(path / "run.json")
        recipe = trusted_recipe(path / "recipe.json", metadata["files"], trust)
        return cls(path, with_located_data(recipe, path, metadata), metadata)

    @property
    def data(self) -> Source:
        """The data that the run was trained on. Raises DataError if nothing is at their path any more."""
        check_data_place(self.path, self.recipe)
        return self.recipe.data

    def at(self, checkpoint: str | int) -> Run:
        """The run at another checkpoint: "last", "best", or the image count of a kept checkpoint.

        Raises RunError, which lists the kept checkpoints, if there is no such checkpoint.
        """
        if checkpoint == "last":
            return Run(self.path, self.recipe, self.metadata, category=self.category)
        kept = sorted(set(self.checkpoints.images))
        known = f"last or one of {some(reversed(kept))}" if kept else "last"
        if checkpoint == "best":
            if self.best is None:
                raise RunError(f"run {self.path} was not scored while it trained, so it has no best checkpoint: choose {known}")
        elif not str(checkpoint).isdecimal() or int(checkpoint) not in kept:
            best = "best, " if self.best is not None else ""
            raise RunError(f"run {self.path} keeps no checkpoint {str(checkpoint)!r}: choose {best}{known}")
        chosen = "best" if checkpoint == "best" else int(checkpoint)
        return Run(self.path, self.recipe, self.metadata, chosen, self.category)

    # ------------------------------------------------------------------------------------------ checkpoints

    def latest(self) -> Checkpoint | None:
        """The newest undamaged checkpoint; None before the first. Raises RunError if all are damaged."""
        return self.checkpoints.latest()

    def using(self, use: Callable[[Checkpoint], T]) -> T:
        """The result of `use` for the chosen checkpoint. Of damaged ones, `use` raises DamageError.

        Where the newest is chosen and damaged, the one before is used. Raises RunError if there is none, or it is damaged.
        """
        if self.checkpoint == "last":
            found = self.checkpoints.first(lambda saved: (use(saved),))
            if found is None:
                raise RunError(
                    f"run folder {self.path} has no checkpoint yet: train it with gansmith train {shell_word(self.path)}"
                )
            return found[0]
        try:
            if (saved := self.checkpoints.at(self.images)) is not None:
                return use(saved)
        except DamageError as error:
            reason = f" ({error})"
        else:
            reason = ""
        raise RunError(f"checkpoint {self.checkpoint} of run {self.path} is damaged{reason}: choose another checkpoint")

    @property
    def saved(self) -> Checkpoint:
        """The chosen checkpoint, the newest by default. Raises RunError if there is none, or it is damaged."""
        return self.using(lambda saved: saved)

    # ------------------------------------------------------------------------------------------ progress

    @property
    def total_images(self) -> int | None:
        """The budget in real images; None before training has begun."""
        return self.metadata.get("total_images")

    @property
    def seen(self) -> str:
        """The images seen, and of how many: `320 of 1,000 images`. The last batch may pass the end of the budget."""
        total = self.total_images or 0
        if self.images > total > 0:
            return f"{self.images:,} {self.noun}, its budget of {total:,} spent"
        return f"{self.images:,} of {total:,} {self.noun}"

    @property
    def noun(self) -> str:
        """What the run's samples are called beside a count: images, or samples for points."""
        return noun_of(self.metadata.get("sample_shape", (1, 1, 1)))

    @property
    def images(self) -> int:
        """The number of real images seen at the chosen checkpoint, the newest by default."""
        if isinstance(self.checkpoint, int):
            return self.checkpoint
        return (self.best or 0) if self.checkpoint == "best" else self._newest_images

    @property
    def _newest_images(self) -> int:
        """The image count of the newest checkpoint; 0 before the first."""
        return max(self.checkpoints.images, default=0)

    @property
    def finished(self) -> bool:
        """Whether the budget is spent, or the run was stopped early."""
        return bool(self.total_images) and (self._newest_images >= (self.total_images or 0) or self.stopped is not None)

    @property
    def scored(self) -> dict[int, float]:
        """The Frechet distance from the validation slice by image count, up to the newest checkpoint.

        Infinity if samples were not finite. `metadata["score"]` names the feature extractor.
        """
        return {images: value for images, value in scores_in(self._holding(SCORE)).items() if images <= self._newest_images}

    @property
    def best(self) -> int | None:
        """The image count of the checkpoint with the lowest Frechet distance, the earliest in a tie; None if there is none."""
        # A recovery replaces the weights, so a score at its image count is of other weights than the checkpoint.
        recovered = {record["images"] for record in self._holding(RECOVERY)}
        scored, kept = self.scored, set(self.checkpoints.images) - recovered
        return min((images for images in scored if images in kept and scored[images] < math.inf), key=scored.get, default=None)  # type: ignore[arg-type]

    @property
    def stopped(self) -> str | None:
        """The reason why scores or the doctor stopped the run before its budget was spent; None if they did not."""
        by_scores = self.recipe.scores.stop_reason(list(self.scored.values())) if self.recipe.scores else None
        looks = [look for look in doctor.looks_in(self._holding(doctor.PREFIX)) if look["images"] <= self._newest_images]
        return by_scores or doctor.stop_reason(self.recipe.on_trouble, looks, self.total_images or 1)

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing left to do: training is finished, the last checkpoint is undamaged, results are written."""
        return self.finished and bool(self.results) and (saved := self.latest()) is not None and saved.images == self.images

    @property
    def is_reported(self) -> bool:
        """Whether the report is there, and not older than the results: a kill may come between the two."""
        times = [path.stat().st_mtime_ns for path in (self.path / "results.json", self.report) if path.exists()]
        return len(times) == 2 and times[0] <= times[1]

    # ------------------------------------------------------------------------------------------ samples

    @cached_property
    def module(self) -> nn.Module:
        """The generator as a module in evaluation mode on the CPU: z [N, Z] and condition [N, K + S] or None -> samples [N, ...].

        Images are in the recipe's value range. Points are standardised where the data's columns have units of their own;
        `modality.from_model` undoes it.
        """
        network = build(self.recipe.networks, self.recipe.seed, self.shapes)["generator"]
        prefix = "average/" if self.recipe.ema else "networks/generator/"  # of tensor names in a checkpoint
        if self.checkpoint == "last":
            self.checkpoints.generator(prefix, lambda weights: load_weights(network, weights))
        else:
            self.using(lambda saved: load_weights(network, saved.with_prefix(prefix)))
        return network.eval().requires_grad_(False)

    @property
    def shapes(self) -> Shapes:
        """The shapes of the networks' inputs and outputs."""
        metadata = self.metadata
        return self.recipe.shapes(metadata["sample_shape"], len(self.condition_space.shares), metadata.get("source_shape") or ())

    @property
    def condition_space(self) -> ConditionSpace:
        """The categories and continuous codes that the generator was trained with."""
        return condition_space_of(self.recipe.condition, self.metadata)

    def asked(self, category: int | str) -> Run:
        """A copy of the run that samples a single category, given by class name or position: `run.asked("boot").sample()`.

        Raises RunError if the category is unknown, or the run is unconditional.
        """
        number = self.condition_space.category_index(category, f"run {self.path}")
        return Run(self.path, self.recipe, self.metadata, self.checkpoint, number)

    @property
    def layout(self) -> Layout:
        """The layout of the run's pictures: one row for each category if there are 2 to 26, else a plain grid."""
        pictures = self.recipe.pictures
        return layout_of(pictures.count, pictures.columns, self.metadata["sample_shape"], self.condition_space)

    @property
    def modality(self) -> Modality:
        """How the run's samples are scaled for its networks, saved and drawn. It needs no data."""
        return modality_of(self.metadata["sample_shape"], self.recipe.value_range, self.metadata)

    @property
    def sampler(self) -> Sampler:
        """The generator with everything needed to make samples. A translator starts from the source images of the test split."""
        shape, space = tuple(self.metadata["sample_shape"]), self.condition_space
        inputs = Inputs(self.recipe.noise, space.shares, self.category, space.continuous, self.sources)
        return Sampler(self.module, inputs, self.modality, shape, space, self.layout, f"run {self.path}")

    @cached_property
    def sources(self) -> SourceTable | None:
        """The source images of the test split and what they should become; None unless the run is a translator.

        Of the training split where there is no test split. Raises DataError if the data can't be loaded.
        """
        condition = self.recipe.condition
        if not isinstance(condition, ImageCondition):
            return None
        data = self.data
        try:
            shown = data.load("test")
        except DataError:
            shown = data.load()
        images = condition.source_images(shown, 0, Place())
        return SourceTable(images, Images(self.recipe.value_range), shown.values if shown.is_paired else None)

    @property
    def translator(self) -> ImageTranslator:
        """The generator as a function of one image of any size. Raises RunError unless the run is a translator."""
        shapes = self.shapes
        if not shapes.source:
            raise RunError(f"run {self.path} makes images from noise, not from an image: choose a translator, such as pix2pix")
        channels, height, width = shapes.source
        return ImageTranslator(
            self.module, (channels, height, width), self.recipe.noise, self.recipe.value_range, f"run {self.path}"
        )

    def translate(self, image: np.ndarray | Image, seed: int = 0) -> np.ndarray:
        """Translate an image of any size: a Pillow image, or uint8 or uint16 [H, W] or [H, W, C], without alpha.

        Returns an array [H', W', C'] of the same type. Raises RunError unless the run is a translator, DataError for an image of
        another number of channels than it was trained on.
        """
        pixels = np.asarray(image)
        return self.translator(pixels[..., None] if pixels.ndim == 2 else pixels, seed)

    @property
    def picture_shape(self) -> tuple[int, ...]:
        """Shape of one cell of the pictures drawn during training: of a sample, or of a sample beside its source image."""
        return tuple(self.metadata.get("picture_shape") or self.metadata["sample_shape"])

    def sample(self, seed: int = 0, count: int = 16, first: int = 0) -> Gallery:
        """Samples `first` to `first + count - 1` of a seed. Sample i depends on the seed and i alone.

        Raises RunError if they do not fit in memory.
        """
        return self.sampler.gallery(seed, count, first)

    def rows(self, seed: int = 0, columns: int | None = None) -> Gallery:
        """One row of samples for each category. Samples in a column share their noise z.

        Raises RunError if the run is unconditional, makes points, or has more than 26 categories.
        """
        return self.sampler.rows(seed, columns)

    def walk(self, seeds: Sequence[int], steps: int = 8) -> np.ndarray:
        """Interpolate from each seed's first sample to the next seed's, [len(seeds) - 1, steps + 1, ...]; see `Sampler.walk`."""
        return self.sampler.walk(seeds, steps)

    # ------------------------------------------------------------------------------------------ files

    @property
    def pictures(self) -> dict[int, Path]:
        """The pictures of samples drawn during training, by image count. All show samples of equal seeds."""
        found = [p for p in (self.path / "samples").glob("*.png") if re.fullmatch(r"\d{12,}\.png", p.name) and p.is_file()]
        return {int(path.stem): path for path in sorted(found)}

    @property
    def real_picture(self) -> Path:
        """The path of the picture of the first real samples, in the layout of the sample pictures."""
        return self.path / "samples" / "real.png"

    @property
    def report(self) -> Path:
        """The path of the report."""
        return self.path / "report.html"

    @property
    def log(self) -> dict[str, np.ndarray]:
        """The log as one float64 array for each name, "images" among them; NaN where a record has no such entry."""
        return arrays_in(records_in(self.path / "log.jsonl"))

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records of the log, in order."""
        return read_log(self.path / "log.jsonl")

    def _holding(self, name: str) -> list[dict[str, Any]]:
        """The log's records in which a name begins with `name`."""
        return read_log(self.path / "log.jsonl", holding=(name,))

    @property
    def evaluation_path(self) -> Path:
        """The path of the latest evaluation with default settings."""
        return self.path / "evaluation.json"

    @property
    def checkup(self) -> Checkup | None:
        """The doctor's checkup from the looks in the log; None if training was not monitored."""
        looks, recoveries = doctor.looks_in(self._holding(doctor.PREFIX)), self.metadata.get("recoveries")
        found = Checkup.of_looks(looks, self.total_images or 1, recoveries or (), recipe=self.recipe)
        # After a recovery the checkpoints may be of a changed recipe, so they can't replace the looks in the log.
        return found if found.num_looks > 1 or recoveries is not None else None

    @property
    def results(self) -> dict[str, Any]:
        """The results at the end of the budget: held-out accuracy, the best score and so on; empty before."""
        path = self.path / "results.json"
        return read_as(path, Results, "delete it, and train this folder again to have it written anew") if path.exists() else {}


def load(run: str | Path, *, checkpoint: str | int = "last", trust: str | Path | None = None) -> Run:
    """Open a run folder; the result has `.sample(seed, count)`, `.module`, `.log` and `.recipe`.

    `checkpoint` is "last", "best" or the image count of a kept checkpoint. If the run uses a Python file of your own,
    name that file in `trust`. Raises RunError if the folder is no run, or has no such checkpoint.
    """
    return Run.open(run, trust=trust).at(checkpoint)


def sample(run: str | Path | Run, seed: int = 0, count: int = 16) -> Gallery:
    """Draw `count` samples of a seed from a run or a run folder. Sample i depends on the seed and i alone."""
    return (run if isinstance(run, Run) else load(run)).sample(seed, count)
