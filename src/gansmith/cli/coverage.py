"""`gansmith coverage`: how many modes a recipe finds, by the published protocols."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gansmith.cli import completion
from gansmith.cli.options import Quiet, Threads, Use, with_home
from gansmith.cli.terminal import keeps_quiet
from gansmith.core import files
from gansmith.core.errors import TrainingError

if TYPE_CHECKING:
    from gansmith.evaluation.coverage.protocols import Protocol
    from gansmith.evaluation.coverage.results import Result
    from gansmith.recipes.base import Recipe


@keeps_quiet
def coverage(
    protocol: Annotated[
        str,
        typer.Argument(
            help="The published protocol: ring, grid or stacked-mnist.",
            show_default=False,
            autocompletion=completion.one_of("ring", "grid", "stacked-mnist"),
        ),
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Settings to change, NAME=VALUE, such as pack=2.", show_default=False)
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="A recipe's name or FILE.py:FUNCTION.", show_default="the protocol's own", autocompletion=completion.recipes
        ),
    ] = None,
    use: Use = None,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Number of runs, with seeds 0, 1, ...")] = 2,
    full: Annotated[
        bool, typer.Option("--full", help="Train for all steps of the protocol. Without this, for a tenth of them.")
    ] = False,
    runs: Annotated[Path, typer.Option(help="Folder for the runs.", callback=with_home)] = Path("runs/coverage"),
    results: Annotated[
        Path | None,
        typer.Option(help="Folder for the results, one file per run.", show_default="the folder of the runs", callback=with_home),
    ] = None,
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Count the modes that a recipe finds, and compare with published results.

    Reports modes, high-quality samples, reverse KL and spread over seeds.
    The same command again continues where it stopped.
    A seed whose training diverges is left out of the table and named above it.
    """
    from gansmith.cli import progress, tables
    from gansmith.core.overrides import check_once
    from gansmith.core.user_code import load_file, require_use
    from gansmith.evaluation.coverage import counting, protocols, table
    from gansmith.evaluation.coverage import results as kept

    for folder in {runs, results or runs}:
        files.check_writable(folder, folder=True)
    chosen, overrides = protocols.find_protocol(protocol), overrides or []
    check_once(overrides)
    for path in use or ():
        load_file(path)
    recipes = [kept.make_recipe(chosen, recipe, overrides, seed, full) for seed in range(seeds)]
    require_use(recipes[0], use or ())
    found, broken = [], []
    for made in recipes:
        try:
            found.append(_result(chosen, made, overrides, runs, results or runs, threads, quiet))
        except TrainingError as error:  # a seed that diverges is a result, too
            broken.append((made.seed, error))
            if len(broken) == len(recipes):
                raise
    with progress.stages("counting modes", quiet) as stages:
        rows = table.rows(chosen, found, counting.floors(chosen, stages))
    tables.show_rows([*table.about(chosen, found), *(f"  left out: seed {seed}, {error}" for seed, error in broken)], rows)


def _result(
    protocol: Protocol, recipe: Recipe, overrides: list[str], runs: Path, results: Path, threads: int | None, quiet: bool
) -> Result:
    """Read the stored result of a run; without one, train or continue the run and count its modes."""
    from gansmith.cli import progress
    from gansmith.core.formatting import noun_of
    from gansmith.data.named import sample_shape
    from gansmith.evaluation.coverage import results as kept
    from gansmith.runs.run import Run
    from gansmith.training.loop import steps

    key = kept.key_of(protocol, recipe)
    path, folder = results / f"{key}.json", runs / key
    if path.exists():
        return kept.load(path, protocol)
    files.make_parent(path)  # a bad path fails here, before hours of work
    with contextlib.closing(steps(recipe, folder, threads=threads or "auto")) as records:
        progress.follow(
            records,
            f"{protocol.name}, seed {recipe.seed} -> {folder}   {progress.HOW_TO_STOP}",
            quiet,
            noun_of(sample_shape(recipe.data)),
        )
    with progress.stages("counting modes", quiet) as stages:
        return kept.measure(protocol, Run.open(folder), path, overrides, stages)
