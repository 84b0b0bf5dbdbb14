"""Recipes and results of a protocol. A stored result is read instead of training again."""

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
from pydantic import ConfigDict

from gansmith.core import component as spec
from gansmith.core import files, user_code
from gansmith.core.device import environment
from gansmith.core.errors import RecipeError, RunError
from gansmith.data import Grid, Ring
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

FORMAT = 1
SAMPLE_SEED = 1000  # the first seed of evaluations
TENTH = 0.1  # share of a protocol's steps without `full`


@dataclass(frozen=True)
class Result:
    """The mode coverage of one run, and its settings."""

    __pydantic_config__ = ConfigDict(strict=True)  # of `load`; unknown fields are ignored

    protocol: str
    recipe: str
    overrides: tuple[str, ...]
    seed: int
    images: int  # real samples read
    share: float  # of the protocol's steps, by samples that the discriminator got
    weights: dict[str, int]  # number of weights of each network
    seconds: float  # of training
    counted: tuple[Counted, ...]
    sample_seed: int
    environment: dict[str, Any]
    spec: dict[str, Any]  # the whole recipe

    @property
    def label(self) -> str:
        """Recipe and overrides, as on the command line."""
        return " ".join([self.recipe, *self.overrides])


def make_recipe(
    protocol: Protocol, name: str | None = None, overrides: Sequence[str] = (), seed: int = 0, full: bool = False
) -> Recipe:
    """A recipe with the data and the budget of a protocol; the protocol's own recipe by default.

    The budget is a tenth of the protocol's, or with `full` all of it, in samples that the discriminator gets: 100 a step on
    mixtures, 128 on stacks; a pack counts as one. An override of the budget replaces it.

    Raises RecipeError for an override of data or seed, or for a generator that can't reach all data.
    """
    name = name or protocol.recipe
    keys = [text.split("=")[0].strip().rstrip("+") for text in overrides]
    for key, text in zip(keys, overrides, strict=True):
        if key.split(".")[0] in ("data", "seed"):
            raise RecipeError(f"override {text}: the protocol {protocol.name} sets data and seeds; leave it out")
    if full and "budget" in keys:
        raise RecipeError("--full sets the budget of the protocol: leave out budget=... or --full")
    given = [*overrides, "scores=none", f"seed={seed}"]
    if "scores" in {key.split(".")[0] for key in keys}:
        given.remove("scores=none")
    recipe = make(name, given, protocol.name)
    if "budget" not in keys:
        # The recipe's function may depend on the budget, but the size of a pack is known only from the networks.
        images = round(protocol.images * (1.0 if full else TENTH)) * samples_per_pack(recipe)
        recipe = make(name, [*given, f"budget={images}images"], protocol.name)
    _check_reach(recipe, protocol)
    return recipe


def samples_per_pack(recipe: Recipe) -> int:
    """Number of samples that the discriminator of a recipe scores at once; 1 without a discriminator."""
    description = recipe.networks.get("discriminator")
    if description is None:
        return 1
    with torch.device("meta"):  # only the built module has `pack`; its weights are not needed
        return pack_of(build_network(description, "discriminator", recipe.shapes_of_data()))


def _check_reach(recipe: Recipe, protocol: Protocol) -> None:
    end = getattr(recipe.networks["generator"], "end", "linear")
    if isinstance(protocol.data, (Ring, Grid)) and end != "linear":
        raise RecipeError(
            f"the generator of {recipe.name} ends in {end}, which can't reach all points of {protocol.name}: "
            "add networks.generator.end=linear"
        )


def key_of(protocol: Protocol, recipe: Recipe) -> str:
    """Name of a stored result, `ring-pacgan-mixture-1a2b3c4d-s0`, with a digest of recipe without seed, user code and machine."""
    here, whole = environment(), spec.to_json(dataclasses.replace(recipe, seed=0, why=()))
    identity = json.dumps([whole, sorted(user_code.hashes_of_own_files(recipe).values()), here["processor"], here["torch"]])
    digest, name = hashlib.sha256(identity.encode()).hexdigest()[:8], re.sub(r"[^\w.-]", "_", recipe.name)
    return f"{protocol.name}-{name}-{digest}-s{recipe.seed}"


def measure(
    protocol: Protocol, run: Run, path: Path, overrides: Sequence[str] = (), progress: Progress = lambda *_: None
) -> Result:
    """Sample a finished run, count its modes, and write the result to `path`."""
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
        counted=counting.count_samples(samples, protocol),
        sample_seed=SAMPLE_SEED,
        environment=run.metadata["environment"],
        spec=spec.to_json(run.recipe),
    )
    files.make_parent(path)
    files.write_json(path, {"format": FORMAT} | dataclasses.asdict(result))
    return result


def _weights(run: Run) -> dict[str, int]:
    networks = build(run.recipe.networks, run.recipe.seed, run.shapes)
    return {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()}


def load(path: Path, protocol: Protocol) -> Result:
    """Read a stored result of a protocol. Raises RunError where the file is damaged."""
    todo = "delete it to make it again from its run"
    content = files.read_bytes(path, todo)
    if (found := files.parse_json(content, dict[str, Any], str(path), todo).get("format")) != FORMAT:
        raise RunError(f"{path} is damaged: it has format {spec.short(found)}, expected {FORMAT}; {todo}")
    result: Result = files.parse_json(content, Result, str(path), todo)
    found, expected = [counted.count for counted in result.counted], list(protocol.counts)
    if found != expected:
        raise RunError(f"{path} is damaged: counted: expected sets of {expected} samples, got {spec.short(found)}; {todo}")
    return result
