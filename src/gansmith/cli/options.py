"""Arguments and options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

RunFolder = Annotated[Path, typer.Argument(help="A run folder.")]
Overrides = Annotated[list[str] | None, typer.Argument(help="NAME=VALUE or LIST+=VALUE, such as budget=5m.", show_default=False)]
Data = Annotated[
    str | None, typer.Option(help="A data set's name, a folder of images, an .npz, .npy or idx file.", show_default=False)
]
Checkpoint = Annotated[
    str, typer.Option(help="last, best (by its scores while it trained), or the image count of one that is kept.")
]
JsonOut = Annotated[Path | None, typer.Option("--json", help="Write everything that was found there.", show_default=False)]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1)]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out images that can't be read, and say how many.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads PyTorch may use [default: the quickest number].", show_default=False)
]
Trust = Annotated[Path | None, typer.Option(help="Your own Python file, where the run uses one.", show_default=False)]
