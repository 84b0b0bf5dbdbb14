"""`gansmith doctor RUN`: what is going wrong in a run, and what to do about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from gansmith.cli.options import Trust


def doctor(
    run: Annotated[Path, typer.Argument(help="A run folder, of a run that goes on or has ended.")],
    json_out: Annotated[Path | None, typer.Option("--json", help="Write what was found there.", show_default=False)] = None,
    trust: Trust = None,
) -> None:
    """What is going wrong in a run: the sign, the cause, what to do, where to read on."""
    from gansmith.core import files
    from gansmith.runs.run import Run
    from gansmith.training.checkup import checkup

    if json_out:
        files.make_parent(json_out)
    found = checkup(Run.open(run, trust=trust))
    if json_out:
        files.write(json_out, (json.dumps(found.to_json(), indent=1) + "\n").encode())
    typer.echo(found.text(str(run)))
