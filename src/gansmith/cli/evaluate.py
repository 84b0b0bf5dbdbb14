"""`gansmith evaluate`, `compare` and `report`: scores of runs, side by side, and on a page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gansmith.cli import completion, json_output
from gansmith.cli.options import Checkpoint, JsonOut, Reference, RunFolder, Trust, out_option
from gansmith.cli.terminal import echo
from gansmith.core import files
from gansmith.core.limits import MAX_DRAWS, MAX_SCORED

if TYPE_CHECKING:
    from gansmith.evaluation.comparison import Known
    from gansmith.evaluation.results import Evaluation
    from gansmith.runs.run import Run


REPORT_SECONDS = 120.0  # that the scores of a report may take where no counts are given


def report(
    run: RunFolder,
    data: Reference = None,
    count: Annotated[
        int | None,
        typer.Option(
            min=100,
            max=1_000_000,
            help="Samples per draw for the scores.",
            show_default="what fits into two minutes",
        ),
    ] = None,
    draws: Annotated[
        int | None, typer.Option(min=1, max=100, help="Number of draws, each with its own seed.", show_default="4, or what fits")
    ] = None,
    trust: Trust = None,
) -> None:
    """Write one page about a run: pictures, scores, verdict, recipe and cost.

    The page is report.html in the run folder.
    A run without scores is evaluated first, with as many samples as fit into two minutes.
    `gansmith evaluate RUN` measures the full scores, and the page then shows these.
    """
    from gansmith.report.page import write
    from gansmith.runs.run import Run

    opened = Run.open(run, trust=trust)
    files.check_writable(opened.report)
    found = _evaluation_for_report(opened, data, count, draws)
    echo(f"everything about {opened.recipe.name} on one page: {write(opened, found)}")


def _evaluation_for_report(run: Run, data: str | None, count: int | None, draws: int | None) -> Evaluation:
    """The evaluation stored in a run folder, where no other is asked for; else a new one with these counts, or those that fit."""
    from gansmith.cli import progress
    from gansmith.evaluation import evaluate as evaluation
    from gansmith.evaluation.planning import Allowance
    from gansmith.evaluation.results import Evaluation

    known, is_asked = Evaluation.of(run), (data, count, draws) != (None, None, None)
    if known is not None and not is_asked:
        return known
    _ = run.module  # a run without a generator is refused before anything is printed
    within = Allowance(REPORT_SECONDS, _tell) if count is None and draws is None else None
    with progress.stages("evaluating") as stages:
        found = evaluation.evaluate(
            run,
            data,
            count=count or evaluation.COUNT,
            draws=draws or evaluation.DRAWS,
            progress=stages,
            within=within,
        )
    if data is None and (known is None or not known.is_full):
        found.keep(run)
    for note in found.data.get("notes", ()):
        echo(note)
    return found


def _tell(text: str) -> None:
    echo(text, err=True)


def evaluate(
    what: Annotated[
        str,
        typer.Argument(
            help="A run folder, a folder of images, or an .npz or .npy file.",
            show_default=False,
            autocompletion=completion.run_folders,
        ),
    ],
    data: Reference = None,
    count: Annotated[
        int,
        typer.Option(min=1, max=MAX_SCORED, help="Samples per draw from a run. Files and folders are used whole."),
    ] = 10_000,
    draws: Annotated[int, typer.Option(min=1, max=MAX_DRAWS, help="Number of draws from a run, each with its own seed.")] = 4,
    extractor: Annotated[
        str | None,
        typer.Option(
            help="Feature extractor: a name, FILE.py:FUNCTION or inception:WEIGHTS.",
            show_default="chosen by the data",
            autocompletion=completion.one_of(
                "efficientnet-lite0", "lenet-fashion", "lenet-mnist", "mobilenet-v2", "pixels", "points"
            ),
        ),
    ] = None,
    checkpoint: Checkpoint = "last",
    size: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=4096,
            help="Side in pixels at which generated and real images are compared.",
            show_default="the smaller of the two",
        ),
    ] = None,
    json_out: JsonOut = None,
    trust: Trust = None,
) -> None:
    """Score samples: each score with its confidence interval.

    Each score stands beside its floor, the value that real images get.
    """
    from gansmith.cli import progress, tables
    from gansmith.evaluation import evaluate as evaluation

    is_usual = data is None and extractor is None and size is None and (count, draws) == (evaluation.COUNT, evaluation.DRAWS)
    is_kept = is_usual and checkpoint == "last" and os.path.isfile(os.path.join(what, "recipe.json"))
    if is_kept:
        files.check_writable(Path(what) / "evaluation.json")
    with progress.stages("evaluating") as stages:
        found = evaluation.evaluate(
            what,
            data,
            count=count,
            draws=draws,
            extractor=extractor,
            checkpoint=checkpoint,
            trust=trust,
            size=size,
            progress=stages,
        )
    if is_kept and found.is_full:
        from gansmith.runs.run import Run

        found.keep(Run.open(what, trust=trust))
    if json_output.write(json_out, found.to_json()):
        tables.show(found)


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Two or more run folders, or files written by gansmith evaluate --json.",
            show_default=False,
            autocompletion=completion.run_folders,
        ),
    ],
    out: Annotated[
        Path | None,
        out_option(
            "Write the table to x.md or x.html instead of printing it.", "a comparison", ".md", ".html", show_default=False
        ),
    ] = None,
    json_out: JsonOut = None,
    trust: Trust = None,
) -> None:
    """Compare the scores of several runs in one table.

    A run without scores is evaluated first.
    Scores that were measured in different ways are refused, with the reason.
    """
    from gansmith.cli import tables
    from gansmith.evaluation import comparison
    from gansmith.evaluation.results import Evaluation

    comparison.check(len(runs), out)  # before anything is evaluated
    opened = [_open(name, trust) for name in runs]  # all of them, before any is evaluated
    comparison.check_alike([_known(found) for found in opened])
    table = comparison.compare([found if isinstance(found, Evaluation) else _evaluation_of(found) for found in opened])
    is_text = json_output.write(
        json_out, {"scores": list(table.keys), "evaluations": [found.to_json() for found in table.evaluations]}
    )
    if out:
        saved = table.save(out)
        if is_text:
            echo(f"comparison of {len(runs)} in {saved}")
    elif is_text:
        tables.show_comparison(table)


def _open(name: str, trust: Path | None) -> Evaluation | Run:
    """Read an evaluation from a file of `evaluate --json`, or open a run folder and check that it has a generator."""
    from gansmith.evaluation.results import Evaluation
    from gansmith.runs.run import Run

    if name.endswith(".json") or os.path.isfile(name):
        return Evaluation.load(name)
    run = Run.open(name, trust=trust)
    if Evaluation.of(run) is None:
        _ = run.module
    return run


def _known(found: Evaluation | Run) -> Known:
    """What is known of an evaluation before it is made."""
    from gansmith.data import display_name
    from gansmith.evaluation.comparison import Known
    from gansmith.evaluation.results import Evaluation

    if isinstance(found, Evaluation):
        return Known.of(found)
    return Known(str(found.path), display_name(found.recipe.data), tuple(found.metadata["sample_shape"]))


def _evaluation_of(run: Run) -> Evaluation:
    """Read the full evaluation stored in a run folder; without one, evaluate the run and store the result."""
    from gansmith.evaluation.results import Evaluation

    if (known := Evaluation.of(run)) is None or not known.is_full:
        from gansmith.cli import progress
        from gansmith.evaluation import evaluate as evaluation

        _ = run.module  # a run without a generator is refused before anything is printed
        echo(f"{run.path} has no full evaluation of its present state: evaluating it first, which takes minutes", err=True)
        with progress.stages("evaluating") as stages:
            known = evaluation.evaluate(run, progress=stages)
        known.keep(run)
    return known
