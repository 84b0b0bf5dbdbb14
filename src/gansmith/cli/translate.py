"""`gansmith translate`: apply a translator to image files."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from gansmith.cli.options import Checkpoint, Quiet, RunFolder, Seed, SkipBad, Trust, out_option, with_home
from gansmith.cli.terminal import echo, keeps_quiet


@keeps_quiet
def translate(
    run: RunFolder,
    source: Annotated[
        Path, typer.Option("--input", help="An image file, or a folder of images.", show_default=False, callback=with_home)
    ],
    out: Annotated[
        Path,
        out_option("Output: a new or empty folder, or one to go on with.", "translations", folder=True, goes_on=True),
    ],
    seed: Seed = 0,
    checkpoint: Checkpoint = "last",
    skip_bad: SkipBad = False,
    quiet: Quiet = False,
    trust: Trust = None,
) -> None:
    """Translate images by a run of pix2pix or another translator.

    Images may have any size, and results keep the names and formats of their files.
    Bit depth, transparency and colour profile stay too.
    After an interruption, the same command goes on.
    """
    from gansmith.cli import progress
    from gansmith.runs.run import load
    from gansmith.sampling.translated_files import translate_files

    translator = load(run, checkpoint=checkpoint, trust=trust).translator
    with progress.stages("translating", quiet) as tell:
        found = translate_files(translator, source, out, seed, skip_bad=skip_bad, progress=partial(tell, "images"))
    kept = f", {found.num_kept:,} were there already" if found.num_kept else ""
    echo(f"{found.num_made:,} image{'' if found.num_made == 1 else 's'} translated in {out}{kept}")
    if found.bad:
        echo(f"files left out: {len(found.bad):,}, first {found.bad[0]}")
