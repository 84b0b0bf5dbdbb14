"""What a slider does, as a picture: a row a seed, a column a value."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gansmith.core import files
from gansmith.core.errors import RunError
from gansmith.drawing import grids
from gansmith.sampling.gallery import MAX_GRID, Gallery
from gansmith.sampling.sampler import Sampler


def slide(sampler: Sampler, slider: int = 0, *, seed: int = 0, rows: int = 10, steps: int = 9, reach: float = 2.0) -> Gallery:
    """Samples 0 to `rows` - 1 of a seed, each with one slider at `steps` even values from -reach to reach.

    While training sliders lie in [-1, 1]. Where the run is told kinds, and none is asked for, row i is asked to be of kind i,
    over again. Raises RunError where there is no such slider, or nothing to show.
    """
    number = sampler.condition_space.slider(slider, sampler.name)
    if rows < 1 or steps < 2 or rows * steps > MAX_GRID:
        raise RunError(f"a slider needs 1 row or more, 2 steps or more, and at most {MAX_GRID:,} pictures in all")
    categories = [
        i % len(sampler.condition_space.shares) if sampler.inputs.asked is None else sampler.inputs.asked for i in range(rows)
    ]
    values = np.linspace(-reach, reach, steps, dtype=np.float32).tolist()
    given = [sampler.asked(category).inputs.sliding(seed, i, number, values) for i, category in enumerate(categories)]
    made = [sampler.made_of(one) for one in given]
    names = tuple(sampler.condition_space.titles[category] for category in categories)
    return Gallery(np.concatenate(made), sampler.modality, columns=steps, names=names)


def save(gallery: Gallery, path: Path) -> None:
    """Write the picture as x.png. Raises RunError for another ending."""
    if path.suffix != ".png":
        raise RunError(f"can't write a picture as {path.suffix!r} ({path}): use x.png")
    files.make_parent(path)
    files.write(path, grids.png(gallery.picture()))
