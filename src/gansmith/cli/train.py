"""`gansmith train`: a new run, or one that goes on."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gansmith.cli.options import Data, Overrides, SkipBad, Threads, Trust
from gansmith.cli.recipes import recipe_and_overrides, run_as_it_is, run_folder

if TYPE_CHECKING:
    from gansmith.recipes.base import Recipe
    from gansmith.runs.run import Run


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe's name, FILE.py:FUNCTION, or a run folder to go on with.")] = "default",
    overrides: Overrides = None,
    data: Data = None,
    run: Annotated[
        Path | None,
        typer.Option(
            help="The run folder [default: runs/RECIPE, or runs/RECIPE-DATA]. One that exists goes on.", show_default=False
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Take one step; say shapes, peak memory and minutes.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    threads: Threads = None,
    framework: Annotated[
        str | None,
        typer.Option(help="torch or tensorflow [default: the run's own, torch for a new one].", show_default=False),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="End the run at a score on the validation slice, as in fd=5.", show_default=False)
    ] = None,
    patience: Annotated[
        int | None, typer.Option(help="End the run after so many scorings without a better one.", show_default=False)
    ] = None,
    on_trouble: Annotated[
        str | None,
        typer.Option(
            help="What follows when the doctor sees trouble: warn, stop or recover [default: warn].", show_default=False
        ),
    ] = None,
    skip_bad: SkipBad = False,
    trust: Trust = None,
) -> None:
    """Train a recipe, or go on with a run: the same command again continues where it was, bit for bit."""
    wishes = (("scores.until", until), ("scores.patience", patience), ("watch.on_trouble", on_trouble))
    ends = [f"{name}={value}" for name, value in wishes if value is not None]
    recipe, overrides = recipe_and_overrides(recipe, overrides)
    chosen, folder = _what_to_train(recipe, [*overrides, *ends], data, run, skip_bad, trust)
    if dry_run:
        import torch

        torch.set_num_threads(threads or torch.get_num_threads())
        from gansmith.training.dry_run import dry_run_lines

        typer.echo("\n".join(dry_run_lines(chosen, device, framework or "torch")))
        return
    from gansmith.cli import progress
    from gansmith.core import distributed
    from gansmith.runs.run import Run
    from gansmith.training.loop import take_steps
    from gansmith.training.session import open_session

    with open_session(chosen, folder, device=device, threads=threads or "auto", framework=framework, trust=trust) as session:
        if session is not None:
            title = f"{chosen.name} -> {folder}   Ctrl-C saves and leaves; the same command goes on."
            with contextlib.closing(take_steps(session)) as records:
                progress.follow(records, "\n".join([*chosen.why, title]))
    if distributed.rank() == 0:
        (_say_finished if session is None else _afterwards)(Run.open(folder, trust=trust))


def _say_finished(run: Run) -> None:
    """Say that there is nothing left to train in a run, and why."""
    folder, recipe = run.path, run.recipe
    if run.stopped:
        typer.echo(f"{folder} has ended early, at {run.images:,} images: {run.stopped}. To train longer, give another --run")
    else:
        typer.echo(
            f"{folder} is finished: its budget of {recipe.budget} is spent, {run.images:,} images. "
            "To train longer, give a bigger budget=... and another --run"
        )


def _what_to_train(
    name: str, overrides: list[str], data: str | None, run: Path | None, skip_bad: bool, trust: Path | None
) -> tuple[Recipe, Path]:
    from gansmith.data import label
    from gansmith.recipes import make

    if folder := run_folder(name):
        return run_as_it_is(folder, trust, changed=bool(overrides or data or run)).recipe, folder
    recipe = make(name, overrides, data, skip_bad)
    # With other data it is another recipe, which would find another run in its folder.
    return recipe, run or Path("runs") / (f"{recipe.name}-{label(recipe.data)}" if data else recipe.name)


def _afterwards(run: Run) -> None:
    from gansmith.core.formatting import duration, skipped

    results = run.results
    if "accuracy" in results:
        real, fake = 100 * results["accuracy_real"], 100 * results["accuracy_fake"]
        typer.echo(
            f"held out: D is right about {real:.2f} % of {results['num_judged'] // 2:,} real samples it never saw "
            f"and {fake:.2f} % of as many new fakes; D(new fake) = {results['D(new fake)']:.4f}"
        )
    if "stopped" in results:
        typer.echo(f"ended early: {results['stopped']}")
    if "best" in results:
        best = results["best"]
        typer.echo(
            f"best on the validation slice: FD {best['value']:.4g} at {best['images']:,} images; take it with --checkpoint best"
        )
    if run.metadata.get("looks") and (found := run.checkup) is not None:
        typer.echo(f"the doctor says: {found.word}; more by: gansmith doctor {run.path}")
    took = duration(results.get("seconds", 0))
    typer.echo(f"done: {run.images:,} images in {took}{skipped(run.metadata['num_skipped'])}. In {run.path}:")
    typer.echo(f"  report.html: everything on one page; scored and judged by: gansmith report {run.path}")
    typer.echo(f"  samples/{run.images:012d}.png, samples/animation.gif, losses.png")
    typer.echo(f"  gansmith sample {run.path} --count 1000 --seed 1 --out samples.npz")
    typer.echo(f"  tensorboard --logdir {run.path}")
