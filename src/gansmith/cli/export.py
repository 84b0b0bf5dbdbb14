"""`gansmith export`: a run's generator as a file for another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gansmith.cli.options import Checkpoint, RunFolder, Trust, out_option
from gansmith.cli.terminal import echo
from gansmith.core.errors import unknown
from gansmith.export import FORMATS


def _check_format(format: str) -> str:
    """The format. Raises BadParameter for an unknown one."""
    if format not in FORMATS:
        raise typer.BadParameter(unknown("format", format, FORMATS), param_hint="--format")
    return format


def export(
    run: RunFolder,
    out: Annotated[Path, out_option("Output file, such as x.keras.", "a generator", ".keras")],
    format: Annotated[
        str,
        typer.Option(callback=_check_format, help=f"File format: {', '.join(FORMATS)}.", autocompletion=lambda: list(FORMATS)),
    ] = "keras",
    checkpoint: Checkpoint = "last",
    trust: Trust = None,
) -> None:
    """Write the generator as a file that another program can use without gansmith.

    It maps z to images in the run's value range, channels last, or to points.
    """
    from gansmith.runs.run import load

    opened = load(run, checkpoint=checkpoint, trust=trust)
    echo(f"the generator of {run} in {FORMATS[format](opened, out)}")
