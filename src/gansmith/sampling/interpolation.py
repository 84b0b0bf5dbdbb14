"""Interpolation between seeds as a file: rows of pictures, or an animation that returns to its start."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gansmith.core import files
from gansmith.core.errors import RunError
from gansmith.core.limits import MAX_GRID
from gansmith.drawing import animation, grids
from gansmith.sampling.sampler import Sampler

STEPS = {".gif": 24, ".png": 8}  # from one seed to the next, by the ending of the file
FRAME_MILLISECONDS = 60
LONGEST_FRAME = 256  # pixels: smaller frames are enlarged by the largest whole factor that stays below


def save(sampler: Sampler, path: Path, seeds: Sequence[int], steps: int | None = None) -> str:
    """Write the interpolation from each seed's first sample to the next seed's, and return a message about it.

    x.png: one row of `steps` + 1 pictures for each pair of seeds, both ends included; for points, one scatter plot.
    x.gif: an animation of `steps` pictures for each pair of seeds, the last of them back to the first seed; images only.

    Raises RunError for another ending, fewer than two seeds, points as x.gif, or more than 10,000 pictures.
    """
    files.check_output(path, "an interpolation", tuple(STEPS))
    if len(seeds) < 2:
        raise RunError(f"an interpolation needs two seeds or more, got {len(seeds)}: give them as --seeds 0 1 2")
    steps = steps or STEPS[files.ending(path)]
    if len(seeds) * (steps + 1) > MAX_GRID:
        raise RunError(f"{path}: {len(seeds)} seeds in {steps} steps make more than {MAX_GRID:,} pictures; use fewer")
    is_loop = files.ending(path) == ".gif"
    has_images = len(sampler.shape) == 3
    if is_loop and not has_images:
        raise RunError(f"{path}: {sampler.name} makes points, which are not animated; use x.png")
    rows = sampler.walk([*seeds, seeds[0]] if is_loop else seeds, steps)
    files.make_parent(path)
    if is_loop:
        frames = [grids.to_image(image) for row in rows for image in row[:-1]]
        scale = max(1, LONGEST_FRAME // max(frames[0].size))
        files.write(path, animation.animate([grids.enlarge(frame, scale) for frame in frames], FRAME_MILLISECONDS, greys=256))
        return f"{len(frames)} pictures through seeds {_named(seeds)} and back in {path}"
    files.write(path, grids.png(sampler.modality.picture(rows.reshape(-1, *rows.shape[2:]), steps + 1)))
    return f"{len(rows)} rows of {steps + 1} pictures through seeds {_named(seeds)} in {path}"


def _named(seeds: Sequence[int]) -> str:
    """Seeds in a message: `0, 1, 2`."""
    return ", ".join(map(str, seeds))
