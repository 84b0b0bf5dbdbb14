"""The networks of a run at a checkpoint."""

from __future__ import annotations

from torch import nn

from gansmith.core.errors import RunError
from gansmith.networks.build import build
from gansmith.runs.run import Run


def networks_of(run: Run) -> dict[str, nn.Module]:
    """All networks of a run at its checkpoint, in evaluation mode on the CPU; the generator is `run.module`."""
    saved, recipe = run.saved, run.recipe
    networks = build(recipe.networks, recipe.seed, recipe.shapes(run.metadata["sample_shape"]))
    for name, network in networks.items():
        network.load_state_dict(saved.under(f"networks/{name}/"))
    networks["generator"] = run.module
    return {name: network.eval().requires_grad_(False) for name, network in networks.items()}


def encoder_of(run: Run) -> nn.Module:
    """The encoder of a run: samples [N, ...] -> means and log variances of z, [N, 2 Z].

    Raises RunError if the run has no network "encoder", or is conditional, as its encoder would need the condition too.
    """
    if "encoder" not in run.recipe.networks:
        known = ", ".join(run.recipe.networks)
        raise RunError(
            f"{run.path} has no network 'encoder' ({known}), so it can't say what z an image has: train vae or vae-gan"
        )
    if run.recipe.condition is not None:
        raise RunError(f"{run.path} is conditional, and its encoder needs the condition too: choose a run with condition=none")
    return networks_of(run)["encoder"]
