"""`gansmith sample`: images or points from a run's generator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gansmith.cli.options import Checkpoint, ClassLabel, RunFolder, Seed, Trust, out_option
from gansmith.cli.terminal import echo
from gansmith.core import files
from gansmith.core.limits import MAX_SAMPLES


def sample(
    run: RunFolder,
    out: Annotated[
        Path,
        out_option(
            "Output: a picture x.png, an array file x.npz, or a folder of pictures.", "samples", ".png", ".npz", folder=True
        ),
    ],
    count: Annotated[int | None, typer.Option(min=1, max=MAX_SAMPLES, help="Number of samples.", show_default="64")] = None,
    seed: Seed = 0,
    class_label: ClassLabel = None,
    checkpoint: Checkpoint = "last",
    trust: Trust = None,
) -> None:
    """Generate samples from a run and write them to a file.

    Sample number i depends only on the seed and on i, not on the count.
    For a conditional run, x.png has a row for each class, unless --count or --class is given.
    """
    from gansmith.runs.run import load
    from gansmith.sampling import gallery as galleries

    galleries.check(out, count or 64)
    opened = load(run, checkpoint=checkpoint, trust=trust)
    if class_label is not None:
        opened = opened.asked(class_label)
    is_in_rows = files.ending(out) == ".png" and count is None and class_label is None and bool(opened.layout.categories)
    gallery = opened.rows(seed) if is_in_rows else opened.sample(seed, count or 64)
    of_class = "" if class_label is None else f" of class {class_label}"
    in_rows = f", a row for each of {len(opened.layout.categories)} categories," if is_in_rows else ""
    echo(f"{len(gallery):,} samples{of_class} of seed {seed}{in_rows} in {gallery.save(out)}")
