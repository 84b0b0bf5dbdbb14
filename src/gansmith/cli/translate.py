"""`gansmith translate`: apply a translator to image files."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from gansmith.cli import progress
from gansmith.cli.options import Checkpoint, Quiet, RunFolder, Seed, SkipBad, Trust, with_home
from gansmith.cli.terminal import echo


def translate(
    run: RunFolder,
    source: Annotated[
        Path, typer.Option("--input", help="An image file, or a folder of images.", show_default=False, callback=with_home)
    ],
    out: Annotated[
        Path,
        typer.Option(help="The folder for the results: a new or empty one, or one to go on with.", callback=with_home),
    ],
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
    skip_bad: SkipBad = False,
    quiet: Quiet = False,
    trust: Trust = None,
) -> None:
    """Translate images by a run of pix2pix or another translator.

    Images may have any size. Results keep the names, formats, bit depth, transparency and colour profiles of their files. If the
    command is interrupted, the same command goes on.
    """
    from gansmith.runs.run import load
    from gansmith.sampling.translated_files import translate_files

    translator = load(run, checkpoint=checkpoint, trust=trust).translator
    with progress.stages("translating", quiet) as tell:
        found = translate_files(translator, source, out, seed, skip_bad=skip_bad, progress=partial(tell, "images"))
    kept = f", {found.num_kept:,} were there already" if found.num_kept else ""
    echo(f"{found.num_made:,} images translated in {out}{kept}")
    if found.bad:
        echo(f"{len(found.bad):,} files left out, first: {found.bad[0]}")
