"""`gansmith doctor RUN`: problems in a run, their causes and what to do."""

from __future__ import annotations

import sys

from gansmith.cli import json_output
from gansmith.cli.options import JsonOut, RunFolder, Trust
from gansmith.cli.terminal import echo, width_of


def doctor(run: RunFolder, json_out: JsonOut = None, trust: Trust = None) -> None:
    """Diagnose a run: symptoms, causes, and what to do about them.

    The run may still be training.
    """
    from gansmith.runs.run import Run
    from gansmith.training.checkup import checkup

    found = checkup(Run.open(run, trust=trust))
    if json_output.write(json_out, found.to_json()):
        echo(found.text(str(run), width_of(sys.stdout, 110)))
