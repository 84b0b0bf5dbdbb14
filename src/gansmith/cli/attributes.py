"""`gansmith attributes` and `gansmith directions`: what is known of real images, asked of a run's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gansmith.cli.options import Checkpoint, JsonOut, RunFolder, Trust
from gansmith.core import files
from gansmith.core.errors import RunError


def attributes(
    run: RunFolder,
    count: Annotated[int, typer.Option(min=100)] = 10_000,
    checkpoint: Checkpoint = "last",
    json_out: JsonOut = None,
    trust: Trust = None,
) -> None:
    """How often samples wear glasses, beards and whatever else is known of the data, beside how often real images do.

    Of data with labels and nothing else, how often they are of each class.
    """
    from gansmith.cli import progress, tables
    from gansmith.evaluation.attributes import shares
    from gansmith.runs.run import load

    if json_out:
        files.make_parent(json_out)  # before minutes of work whose result would have nowhere to go
    opened = load(run, checkpoint=checkpoint, trust=trust)
    with progress.stages() as stages:
        found = shares.measure_shares(opened, count, stages)
    if json_out:
        files.write_json(json_out, shares.to_json(opened, found))
    about = f"{run}: {count:,} samples of seed {shares.SEED}, judged by a classifier that was trained on real images"
    tables.show_rows([about], shares.rows_of(found))


def directions(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="x.png: a block for each attribute, rows are samples, columns the way.")],
    checkpoint: Checkpoint = "last",
    json_out: JsonOut = None,
    trust: Trust = None,
) -> None:
    """Find a way in z for each attribute: along it glasses, beards and so on come and go, and the rest stays."""
    from gansmith.cli import progress, tables
    from gansmith.drawing import grids
    from gansmith.evaluation.attributes import directions
    from gansmith.runs.run import load

    if out.suffix != ".png":
        raise RunError(f"can't write directions as {out.suffix!r} ({out}): use x.png")
    for path in filter(None, (out, json_out)):
        files.make_parent(path)
    opened = load(run, checkpoint=checkpoint, trust=trust)
    with progress.stages() as stages:
        found = directions.find_directions(opened, stages)
    files.write(out, grids.png(directions.sheet(opened, found)))
    if json_out:
        files.write_json(json_out, directions.to_json(opened, found))
    tables.show_rows([f"{len(found)} directions of {run} in {out}"], directions.rows_of(found))
