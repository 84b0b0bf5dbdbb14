"""`gansmith explore`: interpolations, sliders, directions, attributes and reconstructions of a run's generator."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from gansmith.cli import completion, json_output
from gansmith.cli.options import Checkpoint, ClassLabel, JsonOut, RunFolder, Seed, Trust, check_number, out_option
from gansmith.cli.terminal import echo
from gansmith.core import files
from gansmith.core.limits import MAX_GRID, MAX_NUMBER, MAX_SCORED

app = typer.Typer(help="Look inside a generator: interpolations, sliders, directions, attributes.", no_args_is_help=True)


@app.command()
def interpolate(
    run: RunFolder,
    out: Annotated[
        Path,
        out_option("Output: x.gif, a closed loop, or x.png, a row for each pair of seeds.", "an interpolation", ".gif", ".png"),
    ],
    seeds: Annotated[
        list[int] | None,
        typer.Option(
            min=0, max=2**63 - 1, metavar="SEEDS", help="Two or more seeds, as in --seeds 0 1 2.", show_default="0 1 2 3 4"
        ),
    ] = None,
    more: Annotated[
        list[int] | None,
        typer.Argument(min=0, max=2**63 - 1, metavar="SEEDS", help="The seeds after the first.", show_default=False),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, max=1000, help="Steps from one seed to the next.", show_default="24 for .gif, 8 for .png"),
    ] = None,
    checkpoint: Checkpoint = "last",
    trust: Trust = None,
) -> None:
    """Interpolate between the first samples of several seeds.

    Normal noise is interpolated on a sphere, other noise in a straight line.
    The picture for a seed is exactly its first sample.
    """
    from gansmith.runs.run import load
    from gansmith.sampling.interpolation import save

    chosen = [*(seeds or ()), *(more or ())] or list(range(5))
    echo(save(load(run, checkpoint=checkpoint, trust=trust).sampler, out, chosen, steps))


@app.command()
def slide(
    run: RunFolder,
    out: Annotated[
        Path, out_option("Output: a picture x.png, a row for each sample, a column for each value.", "a picture", ".png")
    ],
    slider: Annotated[int, typer.Option(min=0, max=1023, help="Which slider, counted from 0.")] = 0,
    reach: Annotated[
        float,
        typer.Option(
            min=0.01,
            max=MAX_NUMBER,
            metavar="FLOAT",
            callback=check_number,
            help="Move it from minus REACH to REACH. In training, sliders lie between -1 and 1.",
        ),
    ] = 2.0,
    steps: Annotated[int, typer.Option(min=2, max=100, help="Number of values.")] = 9,
    rows: Annotated[int, typer.Option(min=1, max=100, help="Number of samples.")] = 10,
    class_label: ClassLabel = None,
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
    trust: Trust = None,
) -> None:
    """Move one slider (continuous code) of a run and keep everything else fixed.

    For runs with continuous codes, such as those of the recipe infogan.
    Without --class, each row shows the next class.
    """
    from gansmith.runs.run import load
    from gansmith.sampling import sliders

    opened = load(run, checkpoint=checkpoint, trust=trust)
    if class_label is not None:
        opened = opened.asked(class_label)
    sliders.save(sliders.slide(opened.sampler, slider, seed=seed, rows=rows, steps=steps, reach=reach), out)
    echo(f"slider {slider} from {-reach:g} to {reach:g} in {steps} steps, {rows} samples of seed {seed}, in {out}")


@app.command("directions")
def find_directions(
    run: RunFolder,
    out: Annotated[
        Path,
        out_option(
            "Output: a picture x.png, a block for each attribute; columns move along its direction.", "directions", ".png"
        ),
    ],
    checkpoint: Checkpoint = "last",
    json_out: JsonOut = None,
    trust: Trust = None,
) -> None:
    """Find a direction in z for each attribute of the data, such as glasses.

    Moving along a direction adds or removes its attribute and changes other attributes as little as possible.
    """
    from gansmith.cli import progress, tables
    from gansmith.drawing import grids
    from gansmith.evaluation.attributes import directions
    from gansmith.runs.run import load

    opened = load(run, checkpoint=checkpoint, trust=trust)
    with progress.stages("finding directions") as stages:
        found = directions.find_directions(opened, stages)
    files.make_parent(out)
    files.write(out, grids.png(directions.sheet(opened, found)))
    if json_output.write(json_out, directions.to_json(opened, found)):
        tables.show_rows([f"{len(found)} direction{'s' * (len(found) != 1)} of {run} in {out}"], directions.rows_of(found))


@app.command()
def attributes(
    run: RunFolder,
    count: Annotated[int, typer.Option(min=100, max=MAX_SCORED, help="Number of samples.")] = 10_000,
    checkpoint: Checkpoint = "last",
    json_out: JsonOut = None,
    trust: Trust = None,
) -> None:
    """Compare how often samples and real images have each attribute.

    Attributes are glasses, beard and so on. Data with only class labels are compared by class.
    A classifier trained on the real images labels the samples.
    """
    from gansmith.cli import progress, tables
    from gansmith.evaluation.attributes import shares
    from gansmith.runs.run import load

    opened = load(run, checkpoint=checkpoint, trust=trust)
    with progress.stages("counting attributes") as stages:
        found = shares.measure_shares(opened, count, stages)
    if json_output.write(json_out, shares.to_json(opened, found)):
        about = f"{run}: {count:,} samples of seed {shares.SEED}, labelled by a classifier trained on real images"
        tables.show_rows([about], shares.rows_of(found))


@app.command()
def reconstruct(
    run: RunFolder,
    out: Annotated[
        Path, out_option("Output: a picture x.png, rows of real images above their reconstructions.", "reconstructions", ".png")
    ],
    data: Annotated[
        str | None,
        typer.Option(
            help="Images to reconstruct: a data set's name, a folder or a file.",
            show_default="the run's held-out images",
            autocompletion=completion.data_sets,
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=MAX_GRID // 2, help="Number of images.")] = 32,
    checkpoint: Checkpoint = "last",
    trust: Trust = None,
) -> None:
    """Encode real images and generate them again.

    For runs with an encoder, such as those of the recipes vae and vae-gan.
    """
    from gansmith.evaluation.real_data import source_beside
    from gansmith.runs.networks import condition_of, encoder_of
    from gansmith.runs.run import load
    from gansmith.sampling.reconstruction import save

    opened = load(run, checkpoint=checkpoint, trust=trust)
    shape = tuple(opened.metadata["sample_shape"])
    side = shape[-1] if len(shape) == 3 else None
    source, notes = (opened.data, ()) if data is None else source_beside(opened.recipe.data, shape, data, side)
    for note in notes:
        echo(note)
    echo(save(opened.sampler, encoder_of(opened), out, source, count, partial(condition_of, opened)))
