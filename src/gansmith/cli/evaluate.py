"""`gansmith evaluate`, `compare` and `report`: what runs are worth."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gansmith.cli.options import Checkpoint, Data, JsonOut, RunFolder, Trust

if TYPE_CHECKING:
    from gansmith.evaluation.results import Evaluation
    from gansmith.runs.run import Run

Extractor = Annotated[
    str | None,
    typer.Option(help="Features: a name, FILE.py:FUNCTION or inception:WEIGHTS; by default the data's own.", show_default=False),
]


def report(
    run: RunFolder,
    data: Data = None,
    trust: Trust = None,
) -> None:
    """One page about a run, report.html in its folder: pictures, scores, verdict, recipe, cost. Scores it first if nobody has."""
    from gansmith.cli import progress
    from gansmith.evaluation import evaluate as evaluation
    from gansmith.report.page import write
    from gansmith.runs.run import Run

    opened = Run.open(run, trust=trust)
    if data is None:
        found = _evaluation_of(opened)
    else:
        with progress.stages() as stages:
            found = evaluation.evaluate(opened, data, progress=stages)
    typer.echo(f"everything about {opened.recipe.name} on one page: {write(opened, found)}")


def evaluate(
    what: Annotated[str, typer.Argument(help="A run folder, a folder of images, an .npz or .npy file.")],
    data: Data = None,
    count: Annotated[int, typer.Option(help="Samples in each draw of a run; files and folders are taken whole.")] = 10_000,
    draws: Annotated[int, typer.Option(help="How often a run is sampled, each time with a seed of its own.")] = 4,
    extractor: Extractor = None,
    checkpoint: Checkpoint = "last",
    json_out: JsonOut = None,
    trust: Trust = None,
) -> None:
    """How good samples are, how sure that is, and the best possible value: scores with intervals and floors."""
    from gansmith.cli import progress, tables
    from gansmith.core import files
    from gansmith.evaluation import evaluate as evaluation

    if json_out:
        files.make_parent(json_out)  # before a minute of work whose result would have nowhere to go
    with progress.stages() as stages:
        found = evaluation.evaluate(
            what, data, count=count, draws=draws, extractor=extractor, checkpoint=checkpoint, trust=trust, progress=stages
        )
    if (
        found.checkpoint == "last"
        and data is None
        and extractor is None
        and (count, draws) == (evaluation.COUNT, evaluation.DRAWS)
    ):
        from gansmith.runs.run import Run

        found.keep(Run.open(what, trust=trust))
    if json_out:
        found.save(json_out)
    tables.show(found)


def compare(
    runs: Annotated[list[str], typer.Argument(help="Run folders, or files that evaluate --json wrote.")],
    out: Annotated[Path | None, typer.Option(help="Write the table as x.md or x.html.", show_default=False)] = None,
    trust: Trust = None,
) -> None:
    """Runs side by side: what was found of each, or is found now. Unlike scores are refused, with the reason."""
    from gansmith.cli import tables
    from gansmith.evaluation import comparison

    comparison.check(len(runs), out)  # before anything is evaluated
    table = comparison.compare([_evaluation_at(name, trust) for name in runs])
    if out:
        typer.echo(f"comparison of {len(runs)} in {table.save(out)}")
    else:
        tables.show_comparison(table)


def _evaluation_at(name: str, trust: Path | None) -> Evaluation:
    """What a file of evaluate --json says, or what was found of a run."""
    from gansmith.evaluation.results import Evaluation
    from gansmith.runs.run import Run

    if name.endswith(".json") or os.path.isfile(name):
        return Evaluation.load(name)
    return _evaluation_of(Run.open(name, trust=trust))


def _evaluation_of(run: Run) -> Evaluation:
    """What was found of a run, or is found now and kept with it."""
    from gansmith.evaluation.results import Evaluation

    if (known := Evaluation.of(run)) is None:
        from gansmith.cli import progress
        from gansmith.evaluation import evaluate as evaluation

        _ = run.module  # a run with nothing to sample from is refused before anything is said
        typer.echo(f"{run.path} has not been evaluated as it is now: that comes first", err=True)
        with progress.stages() as stages:
            known = evaluation.evaluate(run, progress=stages)
        known.keep(run)
    return known
