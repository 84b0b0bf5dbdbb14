"""The coverage command: how many modes a recipe finds, by the published protocols."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gansmith.cli.options import Threads
from gansmith.core import files
from gansmith.core.errors import RecipeError, TrainingError

if TYPE_CHECKING:
    from gansmith.evaluation.coverage.protocols import Protocol
    from gansmith.evaluation.coverage.results import Result
    from gansmith.recipes.base import Recipe


def coverage(
    protocol: Annotated[str, typer.Argument(help="ring, grid or stacked-mnist.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="NAME=VALUE of the recipe, such as pack=2.", show_default=False)
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="A recipe's name or FILE.py:FUNCTION [default: the papers' own].", show_default=False)
    ] = None,
    seeds: Annotated[int, typer.Option(help="How many runs: seeds 0, 1, ...")] = 2,
    full: Annotated[bool, typer.Option("--full", help="The protocol to the letter, not a tenth of its steps.")] = False,
    runs: Annotated[Path, typer.Option(help="Where the runs go.")] = Path("runs/coverage"),
    results: Annotated[
        Path | None, typer.Option(help="Where what is found goes, a file a run [default: beside the runs].", show_default=False)
    ] = None,
    threads: Threads = None,
) -> None:
    """Modes, share of high quality, reverse KL and spread over seeds, beside what was published and the best possible.

    The same command again goes on where it was: what is there is not done again. A seed whose training breaks down is left out of
    the table, and named above it.
    """
    if seeds < 1:
        raise RecipeError(f"--seeds: expected 1 or more runs, got {seeds}")
    from gansmith.cli import progress, tables
    from gansmith.evaluation.coverage import counting, protocols, table
    from gansmith.evaluation.coverage import results as kept

    chosen, overrides = protocols.find_protocol(protocol), overrides or []
    recipes = [kept.make_recipe(chosen, recipe, overrides, seed, full) for seed in range(seeds)]
    found, broken = [], []
    for made in recipes:
        try:
            found.append(_found(chosen, made, overrides, runs, results or runs, threads))
        except TrainingError as error:  # one seed that diverges is a finding about a recipe, and no reason to drop the others
            broken.append((made.seed, error))
            if len(broken) == len(recipes):
                raise
    with progress.stages() as stages:
        rows = table.rows(chosen, found, counting.floors(chosen, stages))
    tables.show_rows([*table.about(chosen, found), *(f"  left out: seed {seed}, {error}" for seed, error in broken)], rows)


def _found(protocol: Protocol, recipe: Recipe, overrides: list[str], runs: Path, results: Path, threads: int | None) -> Result:
    """What the file of a run says; where there is none the run is trained, or gone on with, and counted first."""
    from gansmith.cli import progress
    from gansmith.evaluation.coverage import results as kept
    from gansmith.runs.run import Run
    from gansmith.training.loop import steps

    key = kept.key_of(protocol, recipe)
    path, folder = results / f"{key}.json", runs / key
    if path.exists():
        return kept.load(path)
    files.make_parent(path)  # before hours of work whose result would have nowhere to go
    with contextlib.closing(steps(recipe, folder, threads=threads or "auto")) as records:
        progress.follow(
            records, f"{protocol.name}, seed {recipe.seed} -> {folder}   Ctrl-C saves and leaves; the same command goes on."
        )
    with progress.stages() as stages:
        return kept.measure(protocol, Run.open(folder), path, overrides, stages)
