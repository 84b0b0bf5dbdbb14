"""The slide command: what one of a run's sliders does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gansmith.cli.options import Checkpoint, Seed, Trust


def slide(
    run: Annotated[Path, typer.Argument(help="The folder of a run that is told sliders, such as one of infogan.")],
    out: Annotated[Path, typer.Option(help="A picture x.png: a row for each sample, a column for each value.")],
    slider: Annotated[int, typer.Option(min=0, help="Which slider, from 0.")] = 0,
    reach: Annotated[float, typer.Option(min=0.01, help="From minus this to this; runs are trained with -1 to 1.")] = 2.0,
    steps: Annotated[int, typer.Option(min=2, max=100, help="Values of the slider.")] = 9,
    rows: Annotated[int, typer.Option(min=1, max=100, help="Samples.")] = 10,
    kind: Annotated[
        str | None, typer.Option("--class", help="All of this kind [default: each of the next kind].", show_default=False)
    ] = None,
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
    trust: Trust = None,
) -> None:
    """Move one slider and leave everything else as it is."""
    from gansmith.runs.run import load
    from gansmith.sampling.sliders import save
    from gansmith.sampling.sliders import slide as slid

    opened = load(run, checkpoint=checkpoint, trust=trust)
    if kind is not None:
        opened = opened.asked(kind)
    save(slid(opened.sampler, slider, seed=seed, rows=rows, steps=steps, reach=reach), out)
    typer.echo(f"slider {slider} from {-reach:g} to {reach:g} in {steps} steps, {rows} samples of seed {seed}, in {out}")
