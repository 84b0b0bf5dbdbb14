"""The effect of one continuous code, which the command line calls a slider, as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gansmith.core import files
from gansmith.core.errors import RunError
from gansmith.core.limits import MAX_GRID
from gansmith.sampling.gallery import Gallery
from gansmith.sampling.sampler import Sampler


def slide(sampler: Sampler, code: int = 0, *, seed: int = 0, rows: int = 10, steps: int = 9, reach: float = 2.0) -> Gallery:
    """Samples 0 to `rows - 1` of a seed, one row each, with one continuous code at `steps` even values from -reach to reach.

    The codes of training lie in [-1, 1]. Row i is of category i modulo K, unless the sampler makes a single category.
    Raises RunError if there is no such code, fewer than 1 row or 2 steps, or more than 10,000 pictures.
    """
    sampler.condition_space.check_code(code, sampler.name)
    if rows < 1 or steps < 2 or rows * steps > MAX_GRID:
        raise RunError(f"a slider needs at least 1 row and 2 steps, and at most {MAX_GRID:,} pictures, got {rows} x {steps}")
    num, chosen = len(sampler.condition_space.shares), sampler.inputs.category
    categories = [i % num if chosen is None else chosen for i in range(rows)]
    values = np.linspace(-reach, reach, steps, dtype=np.float32).tolist()
    inputs = [sampler.with_category(category).inputs.code_sweep(seed, i, code, values) for i, category in enumerate(categories)]
    samples = [sampler.generate(row) for row in inputs]
    names = tuple(sampler.condition_space.titles[category] for category in categories)
    return Gallery(np.concatenate(samples), sampler.modality, columns=steps, names=names)


def save(gallery: Gallery, path: Path) -> None:
    """Write the gallery as a picture x.png. Raises RunError for any other ending."""
    files.check_output(path, "a picture", (".png",))
    gallery.save(path)
