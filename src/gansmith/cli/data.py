"""`gansmith data`: list, fetch and look at data sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gansmith.cli import completion, json_output
from gansmith.cli.options import JsonOut, SkipBad, out_option
from gansmith.cli.terminal import echo
from gansmith.core import files
from gansmith.core.errors import DataError, unknown

if TYPE_CHECKING:
    from gansmith.data import NamedData

app = typer.Typer(help="List, fetch and look at data sets.", no_args_is_help=True)

MAX_NAMED = 100  # classes that are listed; more are only counted


@app.command("list")
def data_list(json_out: JsonOut = None) -> None:
    """List the named data sets with their licences."""
    from gansmith.data import NAMES

    states = {name: _state(name, known) for name, known in NAMES.items()}
    entries = [
        {"name": name, "purpose": known.purpose, "licence": known.licence, "homepage": known.homepage, "state": states[name][0]}
        for name, known in NAMES.items()
    ]
    if not json_output.write(json_out, entries):
        return
    width = max(map(len, NAMES)) + 2
    for name, known in NAMES.items():
        state, fault = states[name]
        echo(f"{name:<{width}}{known.purpose}" + (f"  [{state}]" if known.is_fetched else ""))
        echo(f"{'':<{width}}licence: {known.licence}; {known.homepage}")
        if fault:
            echo(f"{'':<{width}}{fault}")


def _state(name: str, known: NamedData) -> tuple[str, str]:
    """The state of a data set on this machine in one or two words, and the error message of a damaged one."""
    from gansmith.data.fetch import cached

    if not known.is_fetched:
        return "built in", ""
    try:
        return ("fetched" if cached(name) else "not fetched"), ""
    except DataError as error:  # the other data sets are still listed
        return "damaged", str(error)


@app.command("fetch")
def data_fetch(
    name: Annotated[str, typer.Argument(help="The data set's name.", show_default=False, autocompletion=completion.data_sets)],
) -> None:
    """Download a data set, check it, and keep it in the cache."""
    from gansmith.data import NAMES
    from gansmith.data.fetch import fetch

    if name not in NAMES:
        raise DataError(unknown("data set", name, NAMES))
    if not NAMES[name].is_fetched:
        echo(f"{name} needs no fetching")
        return
    echo(f"{name} is in {fetch(name)}")


@app.command("show")
def data_show(
    data: Annotated[
        str,
        typer.Argument(
            help="A data set's name, a folder of images, or an .npz, .npy or idx file.",
            show_default=False,
            autocompletion=completion.data_sets,
        ),
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Settings of the data, NAME=VALUE, such as data.size=32.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, out_option("Output: the picture.", "samples", ".png", ".npz", folder=True, show_default="NAME.png")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=1024, help="Number of samples in the picture.")] = 64,
    skip_bad: SkipBad = False,
) -> None:
    """Show size, shape, values and classes of a data set, and draw samples."""
    from gansmith.core.formatting import file_name, skipped
    from gansmith.core.overrides import override
    from gansmith.data import display_name, find_source

    source = find_source(data, skip_bad=skip_bad)
    for text in overrides or []:
        source = override(source, text.removeprefix("data."))  # the name in a recipe, so that error messages fit both
    out = out or Path(f"{file_name(display_name(source))}.png")
    files.check_writable(out)
    samples = source.load()
    echo(f"{display_name(source)}: {len(samples):,} samples{skipped(samples.num_skipped)}")
    for note in samples.notes:
        echo(f"  note    {note}")
    echo(f"  shape   {list(samples.shape)}, {samples.values.dtype}")
    if samples.source_images is not None:
        echo(f"  source  {list(samples.source_shape)}, {samples.source_images.dtype}: the source image of each sample")
    mean = samples.values.mean(dtype="float64")  # sums of float32 overflow
    echo(f"  range   {samples.values.min():.4g} to {samples.values.max():.4g}, mean {mean:{'.2f' if abs(mean) < 1e6 else '.4g'}}")
    if samples.labels is not None:
        import numpy as np

        classes, counts = np.unique(samples.labels, return_counts=True)
        names = samples.classes or range(samples.num_classes)
        if len(classes) > MAX_NAMED:
            echo(f"  classes {len(classes):,}, {counts.min():,} to {counts.max():,} samples each")
        else:
            echo("  classes " + ", ".join(f"{names[c]} {n:,}" for c, n in zip(classes, counts, strict=True)))
    for name, attribute in samples.attributes.items():
        shares = zip(attribute.names, attribute.shares, strict=True)
        echo(f"  {name:<8}" + ", ".join(f"{value} {100 * share:.1f} %" for value, share in shares))
    import torch

    from gansmith.data.modality import modality_for
    from gansmith.data.pixels import side_by_side
    from gansmith.sampling.gallery import Gallery

    modality, shown = modality_for(samples), samples.values[:count]
    if samples.source_images is not None and files.ending(out) == ".png":
        shown = side_by_side(samples.source_images[:count], shown)
    values = torch.from_numpy(shown)
    path = Gallery(modality.from_model(modality.to_model(values)), modality).save(out)
    echo(f"  picture {path}")


@app.command("extractor")
def data_extractor(
    name: Annotated[
        str,
        typer.Argument(
            help="mnist or fashion-mnist.",
            show_default=False,
            autocompletion=completion.one_of("mnist", "fashion-mnist"),
        ),
    ],
    out: Annotated[
        Path | None,
        out_option("Output: the weights.", "weights", ".safetensors", show_default="lenet-NAME.safetensors"),
    ] = None,
) -> None:
    """Retrain the feature extractor that gansmith ships for a data set."""
    from gansmith.cli import progress
    from gansmith.evaluation.extractors import training

    with progress.stages("training an extractor") as stages:
        made = training.make(name, out, stages)
    echo(
        f"{made['name']}: {100 * made['test_accuracy']:.2f} % accuracy on the test split, "
        f"{100 * made['validation_accuracy']:.2f} % on the validation slice; SHA-256 {made['sha256'][:8]}...; "
        f"it is in {made['path']}"
    )
