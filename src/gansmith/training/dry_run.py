"""Describe a recipe without training it: fields, layers, shapes, weights, operations a step and, in a dry run, seconds."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from gansmith.core.component import to_json
from gansmith.core.device import choose_device
from gansmith.core.formatting import duration, skipped
from gansmith.data import Samples
from gansmith.drawing import grids, plots
from gansmith.networks.base import Shapes
from gansmith.networks.build import build
from gansmith.networks.summary import describe_network
from gansmith.recipes.base import Recipe
from gansmith.recipes.lengths import images_in, seconds_in
from gansmith.recipes.memory import must_fit
from gansmith.training.backends import backend_of
from gansmith.training.budget import planned_scores
from gansmith.training.events import import_tensorboard
from gansmith.training.files_plan import PICTURE_SEED
from gansmith.training.process_settings import process_settings
from gansmith.training.speed import measure_speed
from gansmith.training.trainer import Trainer
from gansmith.training.validation import Validation, validation_for

LARGE = 20_000_000  # weights of all networks


def describe_recipe(recipe: Recipe, shapes: Shapes) -> dict[str, Any]:
    """A recipe's fields, networks for these shapes and cost of a step, as `gansmith show --json -` prints them."""
    must_fit(recipe, shapes)
    networks = build(recipe.networks, recipe.seed, shapes)
    inputs = {"generator": (shapes.noise,)}
    weights = sum(w.numel() for network in networks.values() for w in network.parameters())
    return {
        "recipe": to_json(recipe),
        "sample_shape": list(shapes.sample),
        "networks": {
            name: describe_network(net, inputs.get(name, shapes.sample), shapes.condition_for(name))
            for name, net in networks.items()
        },
        "step": step_cost(recipe, shapes) if weights < LARGE else large_step_cost(recipe, shapes),
    }


def large_step_cost(recipe: Recipe, shapes: Shapes) -> dict[str, Any]:
    """Images and operations of a step of large networks, scaled up from a step of two images to save memory."""
    few = step_cost(_in_twos(recipe), shapes)
    return {"images": recipe.batch_size // 2 * few["images"], "flops": recipe.batch_size // 2 * few["flops"]}


def _in_twos(recipe: Recipe) -> Recipe:
    """The recipe with batches of two, and numbers of generated samples that the objective sets scaled down by the same factor."""
    objective: Any = recipe.objective
    counts = {f.name: getattr(objective, f.name) for f in dataclasses.fields(objective) if f.name.endswith("_fakes")}
    fewer = {name: max(1, 2 * count // recipe.batch_size) for name, count in counts.items() if count is not None}
    return dataclasses.replace(recipe, batch_size=2, objective=dataclasses.replace(objective, **fewer))


def step_cost(recipe: Recipe, shapes: Shapes) -> dict[str, Any]:
    """Real images and floating-point operations of a step, counted during a step on made-up data."""
    from torch.utils.flop_counter import FlopCounterMode

    count = recipe.batch_size * max(p.turns for p in recipe.objective.players())
    values = np.zeros((2 * count, *shapes.sample), np.uint8 if len(shapes.sample) == 3 else np.float32)
    made_up = Samples(
        values,
        categories=np.zeros(len(values), np.int64) if shapes.categories and shapes.observed else None,
        num_categories=shapes.categories,
        source_images=np.zeros((len(values), *shapes.source), np.uint8) if shapes.source else None,
    )
    trainer = Trainer(recipe, torch.device("cpu"), made_up)
    counter = FlopCounterMode(display=False)
    # The counter's hooks that tell modules apart raise an error where a gradient at the input is taken, as penalties do.
    counter.mod_tracker = _NoModules()  # type: ignore[assignment]
    with counter:
        trainer.step()
    return {"images": trainer.images, "flops": counter.get_total_flops()}


class _NoModules:
    """Makes the counter count all modules as one."""

    parents = ("Global",)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def budget_text(recipe: Recipe, epoch_images: int) -> str:
    """The budget in words: `25epochs, 1,500,000 images`."""
    if seconds_in(recipe.budget) is not None:
        return f"{recipe.budget} of training, counted in images once the speed is known"
    return f"{recipe.budget}, {images_in(recipe.budget, epoch_images):,} images"


def dry_run_lines(recipe: Recipe, device: str, framework: str = "torch") -> Iterator[str]:
    """Take a step, then two seconds of steps, and describe data, weights, peak memory, speed and time. Nothing is written.

    Raises what training would raise before its first step.
    """
    begun = time.perf_counter()
    with process_settings(compiles=recipe.compile):
        trainer = Trainer(recipe, choose_device(device), backend=backend_of(framework))
        scorer = validation_for(recipe, trainer.samples, trainer.validation)
        record = trainer.step()
        trainer.check()
        start = time.perf_counter() - begun
        peak = _peak_memory()
        speed, _ = measure_speed(recipe, trainer.device, trainer.samples, 2.0, type(trainer.backend))
        seconds = seconds_in(recipe.budget) or images_in(recipe.budget, trainer.epoch_images) / speed
        if isinstance(scorer, Validation) and scorer.setting.is_required:
            planned_scores(scorer, seconds, trainer)
        around = start + seconds_of_the_end(trainer)
    samples = trainer.samples
    yield f"{recipe.name}, one step of {record.images} real images on {trainer.device}, in {trainer.backend.framework}"
    yield f"  data           {len(samples):,} samples of {list(samples.shape)}{skipped(samples.num_skipped)}"
    yield from (f"                 {note}" for note in samples.notes)
    yield f"  noise          {[recipe.noise.dim]}"
    for network, module in trainer.networks.items():
        yield f"  {network:<14} {sum(p.numel() for p in module.parameters()):,} weights"
    yield "  after a step   " + ", ".join(f"{k} {v:.3f}" for k, v in record.floats().items())
    if peak is not None:
        yield f"  peak memory    {peak:,.0f} MB"
    yield f"  speed          {speed:,.0f} images/s"
    yield f"  budget         {budget_text(recipe, trainer.epoch_images)}"
    yield f"  that takes     {duration(seconds + around)}, {duration(around)} of it to start and to write plots and report"
    if isinstance(scorer, str):
        yield f"  not scored     {scorer}"


def seconds_of_the_end(trainer: Trainer) -> float:
    """The seconds that TensorBoard's import, pictures, plots and the report of a run take, by drawing some of them."""
    begun = time.perf_counter()
    import_tensorboard()
    picture = trainer.modality.picture(trainer.sampler.layout_samples(PICTURE_SEED), trainer.recipe.pictures.columns)
    grids.png(picture)
    images = np.arange(100.0)
    losses = {f"{player.name}/loss": images for player in trainer.players}
    for _ in range(2):  # the loss plot, and the curves of the report
        plots.loss_plot({"images": images, **losses}, trainer.recipe.name)
    return time.perf_counter() - begun


def _peak_memory() -> float | None:
    """The most memory this process has used so far, in MB; None on Windows, where Python can't tell."""
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
