"""Arguments and options that more than one command takes, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gansmith.cli import completion

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
    typer.Option("--class", help="Only this class, by name or number.", show_default=False, autocompletion=completion.classes),
]
JsonOut = Annotated[
    Path | None,
    typer.Option("--json", help="Write the result as JSON to this file; - prints it instead of the text.", show_default=False),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the result: no progress, no hints.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, metavar="INTEGER", help="Random seed of the samples.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Skip images that can't be read, and report how many.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Number of CPU threads for PyTorch.", show_default="the fastest, by a short test")
]
Trust = Annotated[
    Path | None,
    typer.Option(
        help="Your own Python file that the run uses. Its code is executed. It is remembered: see gansmith trust.",
        show_default=False,
    ),
]
Use = Annotated[
    list[Path] | None,
    typer.Option(
        help="Your own Python file with components for the recipe, such as a loss. Its code is executed.", show_default=False
    ),
]
