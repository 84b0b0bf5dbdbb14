"""The recipe of a run by a protocol, and the file that says what was found; where that is there nothing is done again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gansmith.core import component as spec
from gansmith.core import files, user_code
from gansmith.core.device import environment
from gansmith.core.errors import RecipeError, RunError
from gansmith.data import Grid, Ring, shape_of
from gansmith.evaluation.coverage import counting
from gansmith.evaluation.coverage.counting import Counted
from gansmith.evaluation.coverage.protocols import Protocol
from gansmith.evaluation.reference import Progress
from gansmith.networks.base import pack_of
from gansmith.networks.build import build
from gansmith.networks.conditional import build_network
from gansmith.recipes import make
from gansmith.recipes.base import Recipe
from gansmith.runs.run import Run
from gansmith.sampling.conditions import num_categories

FORMAT = 1
SAMPLE_SEED = 1000  # the first of those that reported scores use
TENTH = 0.1  # of a protocol's steps, where the whole is not asked for


@dataclass(frozen=True)
class Result:
    """What one run found, and of what it was."""

    protocol: str
    recipe: str
    overrides: tuple[str, ...]
    seed: int
    images: int  # real ones read
    share: float  # of the protocol's steps, in samples judged
    weights: dict[str, int]  # of each network
    seconds: float  # of training
    counted: tuple[Counted, ...]
    sample_seed: int
    environment: dict[str, Any]
    spec: dict[str, Any]  # the whole recipe

    @property
    def label(self) -> str:
        return " ".join([self.recipe, *self.overrides])


def make_recipe(
    protocol: Protocol, name: str | None = None, overrides: Sequence[str] = (), seed: int = 0, full: bool = False
) -> Recipe:
    """A recipe for a protocol's data and budget; the papers' own where none is named.

    The budget is the tenth of the protocol, or with `full` all of it, in samples judged: 100 a step on the mixtures, 128 on
    stacks, a pack counting as one. An override of the budget takes its place.

    Raises RecipeError where an override changes what the protocol says, or the generator can't reach the data.
    """
    name = name or protocol.recipe
    keys = [text.split("=")[0].strip().rstrip("+") for text in overrides]
    for key, text in zip(keys, overrides, strict=True):
        if key.split(".")[0] in ("data", "seed"):
            raise RecipeError(f"override {text}: the protocol {protocol.name} says what is learned from and with which seeds")
    if full and "budget" in keys:
        raise RecipeError("--full is the budget of the protocol to the letter: leave out budget=..., or --full")
    given = [*overrides, "scores=none", f"seed={seed}"]
    if "scores" in {key.split(".")[0] for key in keys}:
        given.remove("scores=none")
    recipe = make(name, given, protocol.name)
    if "budget" not in keys:
        # Handed to the recipe's function, which may choose by it; a pack is known only when the networks are.
        images = round(protocol.images * (1.0 if full else TENTH)) * samples_per_pack(recipe)
        recipe = make(name, [*given, f"budget={images}images"], protocol.name)
    _check_reach(recipe, protocol)
    return recipe


def samples_per_pack(recipe: Recipe) -> int:
    """Number of samples that the discriminator of a recipe judges at once; 1 without a discriminator."""
    description = recipe.networks.get("discriminator")
    if description is None:
        return 1
    shapes = recipe.shapes(shape_of(recipe.data), num_categories(recipe.condition, recipe.data))
    with torch.device("meta"):  # only the module knows, whatever wraps it; its weights are not needed
        return pack_of(build_network(description, "discriminator", shapes))


def _check_reach(recipe: Recipe, protocol: Protocol) -> None:
    end = getattr(recipe.networks["generator"], "end", "linear")
    if isinstance(protocol.data, (Ring, Grid)) and end != "linear":
        raise RecipeError(
            f"the generator of {recipe.name} ends in {end}, which can't reach all points of {protocol.name}: "
            "add networks.generator.end=linear"
        )


def key_of(protocol: Protocol, recipe: Recipe) -> str:
    """`ring-pacgan-mixture-1a2b3c4d-s0`: the digits are of the recipe but for its seed, of own files, and of the machine."""
    here, whole = environment(), spec.to_json(dataclasses.replace(recipe, seed=0, why=()))
    identity = json.dumps([whole, sorted(user_code.own_files(recipe).values()), here["processor"], here["torch"]])
    digest, name = hashlib.sha256(identity.encode()).hexdigest()[:8], re.sub(r"[^\w.-]", "_", recipe.name)
    return f"{protocol.name}-{name}-{digest}-s{recipe.seed}"


def measure(
    protocol: Protocol, run: Run, path: Path, overrides: Sequence[str] = (), progress: Progress = lambda *_: None
) -> Result:
    """Sample a run that is at its end, count, and write what was found to `path`."""
    progress("samples", 0, 1)
    samples = run.sample(SAMPLE_SEED, max(protocol.counts)).array
    progress("counting", 0, 1)
    result = Result(
        protocol=protocol.name,
        recipe=run.recipe.name,
        overrides=tuple(overrides),
        seed=run.recipe.seed,
        images=run.images,
        share=run.images / (protocol.images * samples_per_pack(run.recipe)),
        weights=_weights(run),
        seconds=float(run.results["seconds"]),
        counted=counting.of_samples(samples, protocol),
        sample_seed=SAMPLE_SEED,
        environment=run.metadata["environment"],
        spec=spec.to_json(run.recipe),
    )
    files.make_parent(path)
    files.write_json(path, {"format": FORMAT} | dataclasses.asdict(result))
    return result


def _weights(run: Run) -> dict[str, int]:
    networks = build(
        run.recipe.networks, run.recipe.seed, run.recipe.shapes(run.metadata["sample_shape"], len(run.condition_space.shares))
    )
    return {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()}


def load(path: Path) -> Result:
    """What a file says. Raises RunError where it is damaged."""
    names = [field.name for field in dataclasses.fields(Result)]
    said = files.read_json(path, "format", *names)
    try:
        if said["format"] != FORMAT:
            raise ValueError(f"format {said['format']!r}")
        counted = tuple(_counted(one) for one in said["counted"])
        return Result(**{name: said[name] for name in names} | {"counted": counted, "overrides": tuple(said["overrides"])})
    except (TypeError, ValueError) as error:
        raise RunError(f"{path} is damaged ({error}): delete it, and it is made again from its run") from None


def _counted(said: dict[str, Any]) -> Counted:
    counted = Counted(**said)
    for name, value in dataclasses.asdict(counted).items():
        if not isinstance(value, (int, float)) and not (value is None and name in ("high_quality", "sd_ratio")):
            raise ValueError(f"{name} is {value!r}")
    return counted
