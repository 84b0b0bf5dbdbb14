"""`gansmith sample`, `export` and `interpolate`: what a run's generator makes, and the generator itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gansmith.cli.options import Checkpoint, RunFolder, Seed, Trust
from gansmith.core.errors import SettingError, unknown


def sample(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="x.npz, a picture x.png, or a folder of pictures.")],
    count: Annotated[int | None, typer.Option(min=1, help="How many [default: 64].", show_default=False)] = None,
    seed: Seed = 0,
    kind: Annotated[
        str | None, typer.Option("--class", help="Of this class alone, by name or number.", show_default=False)
    ] = None,
    checkpoint: Checkpoint = "last",
    trust: Trust = None,
) -> None:
    """Make samples. Image i depends on the seed and i alone: counts and batches change nothing.

    A picture of a run that was told classes has a row for each, unless --count or --class says otherwise.
    """
    from gansmith.runs.run import load

    opened = load(run, checkpoint=checkpoint, trust=trust)
    if kind is not None:
        opened = opened.asked(kind)
    is_in_rows = out.suffix == ".png" and count is None and kind is None and bool(opened.layout.categories)
    gallery = opened.rows(seed) if is_in_rows else opened.sample(seed, count or 64)
    of_class = "" if kind is None else f" of class {kind}"
    in_rows = f", a row for each of {len(opened.layout.categories)} kinds," if is_in_rows else ""
    typer.echo(f"{len(gallery):,} samples{of_class} of seed {seed}{in_rows} in {gallery.save(out)}")


def export(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="The file, x.keras.")],
    format: Annotated[str, typer.Option(help="keras: what Keras loads without gansmith.")] = "keras",
    checkpoint: Checkpoint = "last",
    trust: Trust = None,
) -> None:
    """The generator as a file for another program: from z to images in the run's value range, channels last, or to points."""
    if format != "keras":
        raise SettingError(unknown("format", format, ["keras"]))
    from gansmith.export import keras
    from gansmith.runs.run import load

    typer.echo(f"the generator of {run} in {keras.export(load(run, checkpoint=checkpoint, trust=trust), out)}")


def interpolate(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="x.gif, a smooth walk that ends where it began, or x.png, a row from seed to seed.")],
    seeds: Annotated[
        list[int] | None, typer.Option(min=0, max=2**63 - 1, help="Two or more: --seeds 0 1 2 [default: 0 to 4].")
    ] = None,
    more: Annotated[list[int] | None, typer.Argument(min=0, max=2**63 - 1, metavar="[SEEDS]...", help="More seeds.")] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, max=1000, help="From one seed to the next [default: 24 in a .gif, 8 in a .png].")
    ] = None,
    checkpoint: Checkpoint = "last",
    trust: Trust = None,
) -> None:
    """Walk from seed to seed: round the sphere for normal noise, in a straight line for any other, which may have bounds.

    Both ends of each way are the seeds' own first samples, bit for bit.
    """
    from gansmith.runs.run import load
    from gansmith.sampling.interpolation import save

    chosen = [*(seeds or ()), *(more or ())] or list(range(5))
    typer.echo(save(load(run, checkpoint=checkpoint, trust=trust).sampler, out, chosen, steps))
