"""Arguments and options that more than one command takes, each written once."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from gansmith.cli import completion
from gansmith.core import files
from gansmith.core.limits import max_threads


def with_home(path: Path | None) -> Path | None:
    """A path to write to, with `~` as the home folder: a shell leaves it as it is in `--out=~/x`."""
    return None if path is None else Path(os.path.expanduser(path))


def out_option(help: str, what: str, *endings: str, folder: bool = False, goes_on: bool = False, **settings: Any) -> Any:
    """An option for the file, or the `folder`, that a command writes `what` to. It is checked before the command begins."""

    def check(path: Path | None) -> Path | None:
        path = with_home(path)
        if path is not None:
            files.check_output(path, what, endings, folder=folder, goes_on=goes_on)
        return path

    return typer.Option(help=help, callback=check, **settings)


def _check_json(path: Path | None) -> Path | None:
    """The path of `--json`. Raises RunError before the command begins if it can't be written."""
    path = with_home(path)
    if path is not None and str(path) != "-":
        files.check_writable(path)
    return path


def _check_trust(path: Path | None) -> Path | None:
    """The path of `--trust`. Raises RecipeError before the command begins if there is no such file."""
    if path is not None:
        from gansmith.core.user_code import read_code

        read_code(path)
    return path


def check_number(number: float) -> float:
    """A number that is finite: click takes `nan` for any range."""
    if not math.isfinite(number):
        raise typer.BadParameter(f"{number} is no number")
    return number


RunFolder = Annotated[
    Path, typer.Argument(help="A run folder, such as runs/default.", show_default=False, autocompletion=completion.run_folders)
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        help="Settings to change: NAME=VALUE, or LIST+=VALUE to extend a list. Example: budget=5m.",
        show_default=False,
        autocompletion=completion.overrides,
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        help="Data to train on: a data set's name, a folder of images, or an .npz, .npy or idx file.",
        show_default="the recipe's own",
        autocompletion=completion.data_sets,
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="Real data to compare with: a data set's name, a folder of images, or an .npz, .npy or idx file.",
        show_default="the run's own",
        autocompletion=completion.data_sets,
    ),
]
Checkpoint = Annotated[
    str,
    typer.Option(
        help="Which checkpoint to use: last, best (lowest FD during training), or the image count of a stored one.",
        autocompletion=completion.checkpoints,
    ),
]
ClassLabel = Annotated[
    str | None,
    typer.Option(
        "--class",
        help="Only this class, by name, or by position from 0 where no name is a number.",
        show_default=False,
        autocompletion=completion.classes,
    ),
]
JsonOut = Annotated[
    Path | None,
    typer.Option(
        "--json",
        help="Write the result as JSON to this file; - prints it instead of the text.",
        show_default=False,
        callback=_check_json,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the result, warnings and errors: no progress, no notes.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, metavar="INTEGER", help="Random seed of the samples.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Skip images that can't be read, and report how many.")]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=max_threads(),
        metavar="INTEGER",
        help="Number of CPU threads for PyTorch.",
        show_default="the fastest, by a short test",
    ),
]
Trust = Annotated[
    Path | None,
    typer.Option(
        help="Your own Python file that the run uses. Its code is executed. It is remembered: see gansmith trust.",
        show_default=False,
        callback=_check_trust,
    ),
]
Use = Annotated[
    list[Path] | None,
    typer.Option(
        help="Your own Python file with components for the recipe, such as a loss. Its code is executed.", show_default=False
    ),
]
