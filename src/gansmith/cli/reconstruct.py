"""The reconstruct command: real images above what a run's encoder and generator make of them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from gansmith.cli.options import Trust


def reconstruct(
    run: Annotated[Path, typer.Argument(help="A run folder with an encoder, as of vae or vae-gan.")],
    out: Annotated[Path, typer.Option(help="A picture x.png.")],
    data: Annotated[
        str | None,
        typer.Option(help="Other images than the run's own held-out ones: a name, folder or file.", show_default=False),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many images.")] = 32,
    checkpoint: Annotated[str, typer.Option(help="last, best, or the image count of one that is kept.")] = "last",
    trust: Trust = None,
) -> None:
    """Encode real images and draw them again: each row of real ones stands above the row made of them."""
    from gansmith.data import named
    from gansmith.runs.networks import condition_of, encoder_of
    from gansmith.runs.run import load
    from gansmith.sampling.reconstruction import save

    source, opened = None if data is None else named.find_source(data), load(run, checkpoint=checkpoint, trust=trust)
    typer.echo(save(opened.sampler, encoder_of(opened), out, source or opened.recipe.data, count, partial(condition_of, opened)))
