"""`gansmith train`: start a new run or continue one."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gansmith.cli import completion
from gansmith.cli.options import Data, Overrides, Quiet, SkipBad, Threads, Trust, Use, with_home
from gansmith.cli.recipes import recipe_and_overrides, recipe_with, run_folder, unchanged_run
from gansmith.cli.terminal import echo, keeps_quiet
from gansmith.core import files
from gansmith.core.errors import RecipeError, cut

if TYPE_CHECKING:
    from gansmith.recipes.base import Recipe
    from gansmith.runs.run import Run


@keeps_quiet
def train(
    recipe: Annotated[
        str,
        typer.Argument(
            help="A recipe's name, FILE.py:FUNCTION, or a run folder to continue.",
            autocompletion=completion.recipes_and_runs,
        ),
    ] = "default",
    overrides: Overrides = None,
    data: Data = None,
    use: Use = None,
    run: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the run. An existing run is continued.",
            show_default="runs/RECIPE, or runs/RECIPE-DATA with --data",
            callback=with_home,
            autocompletion=completion.run_folders,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Take one step and report shapes, peak memory and the time for all. Write nothing.")
    ] = False,
    device: Annotated[
        str,
        typer.Option(help="auto, cpu, cuda, cuda:1 or mps.", autocompletion=completion.one_of("auto", "cpu", "cuda", "mps")),
    ] = "auto",
    threads: Threads = None,
    framework: Annotated[
        str | None,
        typer.Option(
            help="torch or tensorflow.",
            show_default="torch, or the run's own",
            autocompletion=completion.one_of("torch", "tensorflow"),
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Stop at this score on the validation slice, such as fd=5.", show_default=False)
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10_000,
            metavar="INTEGER",
            help="Stop after this many scores in a row without a better one.",
            show_default=False,
        ),
    ] = None,
    on_trouble: Annotated[
        str | None,
        typer.Option(
            help="What to do when the doctor finds trouble: warn, stop or recover.",
            show_default="warn",
            autocompletion=completion.one_of("warn", "stop", "recover"),
        ),
    ] = None,
    skip_bad: SkipBad = False,
    trust: Trust = None,
    quiet: Quiet = False,
) -> None:
    """Train a recipe, or continue a run.

    Ctrl-C saves and stops. The same command continues the run, bit for bit.
    With --quiet, only the run folder is printed, and warnings and errors.
    """
    early = (("scores.until", until), ("scores.patience", patience), ("watch.on_trouble", on_trouble))
    recipe, overrides = recipe_and_overrides(recipe, overrides)
    _check(recipe, data, skip_bad, None if dry_run else run)
    from gansmith.training.arguments import check_settings

    check_settings(device, threads, framework)
    overrides += [f"{name}={value}" for name, value in early if value is not None]
    chosen, folder = _recipe_and_folder(recipe, overrides, data, use, run, skip_bad, trust)
    if dry_run:
        import torch

        torch.set_num_threads(threads or torch.get_num_threads())
        from gansmith.training.dry_run import dry_run_lines

        echo("\n".join(dry_run_lines(chosen, device, framework or "torch")))
        return
    from gansmith.cli import progress
    from gansmith.core import distributed
    from gansmith.core.device import choose_device
    from gansmith.core.formatting import noun_of
    from gansmith.runs.run import Run
    from gansmith.training.loop import take_steps
    from gansmith.training.session import open_session

    with distributed.joined(choose_device(device)):  # until the end: only the first process prints
        with (
            _said_when_stopped(folder),
            open_session(chosen, folder, device=device, threads=threads or "auto", framework=framework, trust=trust) as session,
        ):
            if session is not None:
                title = f"{chosen.name} -> {folder}   {progress.HOW_TO_STOP}"
                with contextlib.closing(take_steps(session)) as records:
                    said = dict.fromkeys([*chosen.why, *session.trainer.samples.notes])
                    progress.follow(records, "\n".join([*said, title]), quiet, noun_of(session.trainer.samples.shape))
        if distributed.rank() == 0:
            if quiet:
                echo(folder)
            elif session is None:
                echo(_nothing_left(Run.open(folder, trust=trust)))
            else:
                _print_results(Run.open(folder, trust=trust))


def _check(recipe: str, data: str | None, skip_bad: bool, run: Path | None) -> None:
    """Check what can be checked before anything slow is imported: the names of the recipe and the data, and the run's folder."""
    from gansmith.data import find_source
    from gansmith.recipes import find_recipe, names_recipe

    if not run_folder(recipe) and not names_recipe(recipe):
        find_recipe(recipe)  # raises
    if data is not None:
        find_source(data, skip_bad=skip_bad)
    if run is not None:
        files.check_writable(run, folder=True)


@contextlib.contextmanager
def _said_when_stopped(folder: Path) -> Iterator[None]:
    """Print what is saved when Ctrl-C or SIGTERM ends the block."""
    from gansmith.core import distributed
    from gansmith.runs.checkpoints import Checkpoints
    from gansmith.training.signals import Ended

    try:
        yield
    except (KeyboardInterrupt, Ended) as error:
        if distributed.rank() == 0:
            saved = max(Checkpoints(folder).images, default=0)
            then = "the same command goes on" if saved else "the same command begins anew"
            echo(f"gansmith: stopped; {folder} is saved at {saved:,} {_noun_in(folder)}; {then}", err=True)
        raise error if isinstance(error, Ended) else Ended(signal.SIGINT) from None


def _noun_in(folder: Path) -> str:
    """What the samples of the run in a folder are called, also where the run has just begun or can't be read."""
    from gansmith.core.errors import GansmithError
    from gansmith.core.formatting import noun_of
    from gansmith.runs.metadata import read_metadata

    with contextlib.suppress(GansmithError):
        return noun_of(read_metadata(folder / "run.json").get("sample_shape", (1, 1, 1)))
    return "images"


def _nothing_left(run: Run) -> str:
    """A message: why there is nothing left to train in a run."""
    if run.stopped:
        return f"{run.path} ended early, at {run.images:,} {run.noun}: {run.stopped}. To train longer, choose another --run"
    return (
        f"{run.path} is finished: its budget of {run.recipe.budget} is spent, {run.images:,} {run.noun}. "
        "To train longer, give a bigger budget=... and another --run"
    )


def _recipe_and_folder(
    name: str,
    overrides: list[str],
    data: str | None,
    use: list[Path] | None,
    run: Path | None,
    skip_bad: bool,
    trust: Path | None,
) -> tuple[Recipe, Path]:
    """The recipe to train and the folder of its run."""
    from gansmith.core.formatting import file_name
    from gansmith.data import display_name
    from gansmith.data.location import moved, path_of

    if folder := run_folder(name):
        kept = unchanged_run(folder, trust, changed=bool(overrides or use or run)).recipe
        if data is None:
            return kept, folder
        if path_of(kept.data) is None:
            unchanged_run(folder, trust, changed=True)
        return dataclasses.replace(kept, data=moved(kept.data, data)), folder
    recipe = recipe_with(use, name, overrides, data, skip_bad)
    if run is None:
        _check_name(recipe.name)
    # Other data make another recipe, which does not fit a run in the recipe's own folder.
    return recipe, run or Path("runs") / file_name(f"{recipe.name}-{display_name(recipe.data)}" if data else recipe.name)


def _check_name(name: str) -> None:
    """Raise RecipeError unless the name of a recipe can name its run folder."""
    if not name.strip(". ") or len(name) > 100 or any(c in "/\\" or not c.isprintable() for c in name):
        expected = "a folder's name of at most 100 letters, without / and \\"
        raise RecipeError(f"name={cut(name)}: expected {expected}; or choose the folder with --run")


def _print_results(run: Run) -> None:
    """Print the results of training and the next commands."""
    from gansmith.core.formatting import duration, shell_word, skipped

    results, folder = run.results, shell_word(run.path)
    if "accuracy" in results:
        real, fake = 100 * results["accuracy_real"], 100 * results["accuracy_fake"]
        echo(
            f"discriminator accuracy on {results['num_judged'] // 2:,} held-out real samples: {real:.2f} %, "
            f"on as many generated samples: {fake:.2f} %; D(new fake) = {results['D(new fake)']:.4f}"
        )
    if "stopped" in results:
        echo(f"ended early: {results['stopped']}")
    if "best" in results:
        best = results["best"]
        echo(f"best on the validation slice: FD {best['value']:.4g} at {best['images']:,} {run.noun} (--checkpoint best)")
    if run.metadata.get("looks") and (found := run.checkup) is not None:
        echo(f"doctor: {found.word}; details: gansmith doctor {folder}")
    took = duration(results.get("seconds", 0))
    echo(f"done: {run.images:,} {run.noun} in {took}{skipped(run.metadata['num_skipped'])}. In {run.path}:")
    echo(f"  report.html: everything on one page; with scores: gansmith report {folder}")
    echo(f"  samples/{run.images:012d}.png, samples/animation.gif, losses.png")
    echo(f"  gansmith sample {folder} --count 1000 --seed 1 --out samples.npz")
    echo(f"  tensorboard --logdir {folder}")
