"""The networks of a run at a checkpoint."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gansmith.core.component import kebab
from gansmith.core.errors import DataError, RunError
from gansmith.core.rng import Place
from gansmith.data import Samples
from gansmith.data.modality import Images
from gansmith.networks.build import build
from gansmith.runs.checkpoints import Checkpoint, check_tensors, load_weights
from gansmith.runs.run import Run
from gansmith.sampling.conditions import Categorical, ImageCondition
from gansmith.sampling.inputs import one_hot


def networks_of(run: Run) -> dict[str, nn.Module]:
    """All networks of a run at its checkpoint, in evaluation mode on the CPU; the generator is `run.module`."""
    recipe = run.recipe
    networks = build(recipe.networks, recipe.seed, run.shapes)

    def load(saved: Checkpoint) -> None:
        for name, network in networks.items():
            load_weights(network, saved.with_prefix(f"networks/{name}/"))

    run.using(load)
    networks["generator"] = run.module
    return {name: network.eval().requires_grad_(False) for name, network in networks.items()}


def encoder_of(run: Run) -> nn.Module:
    """The encoder of a run: samples [N, ...] -> means and log variances of z, [N, 2 Z].

    Raises RunError if the run has no network `encoder`.
    """
    if "encoder" not in run.recipe.networks:
        known = ", ".join(run.recipe.networks)
        raise RunError(f"run {run.path} has no network 'encoder', only {known}: train vae or vae-gan")
    return networks_of(run)["encoder"]


def condition_of(run: Run, samples: Samples) -> Tensor | None:
    """The condition of real samples: float32 [N, K] by their labels or the run's clusters, or their source images [N, C, H, W].

    None for an unconditional run.

    Raises DataError if the category of real samples is not observed (condition=codes), or if labels are missing.
    """
    condition = run.recipe.condition
    if condition is None:
        return None
    if isinstance(condition, ImageCondition):
        images = torch.from_numpy(condition.source_images(samples, 0, Place()))
        return Images(run.recipe.value_range).to_model(images)
    if not condition.observed or not isinstance(condition, Categorical):
        name = kebab(type(condition).__name__)
        raise DataError(
            f"run {run.path} has condition={name}, but real samples have no {name}: choose a run with labels or clusters"
        )
    real = run.data.load()

    def categories_in(saved: Checkpoint) -> Tensor:
        check_tensors(saved.tensors, {"kinds": torch.empty(len(real), dtype=torch.int32)})
        return saved.tensors["kinds"]

    assign = condition.assign_function(real, run.using(categories_in).numpy())
    return torch.from_numpy(one_hot(assign(samples), len(run.condition_space.shares)))
