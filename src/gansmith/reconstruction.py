"""Real samples made again from what an encoder says of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from gansmith import files, images
from gansmith.data import Source
from gansmith.errors import DataError, RunError
from gansmith.held_out import networks_of
from gansmith.objectives.latent import encoded
from gansmith.run import Run

COLUMNS = 8


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Real samples and the same made again, as a Gallery keeps them: uint8 [N, H, W, C], float32 [N, D] for points."""

    real: np.ndarray
    again: np.ndarray

    @property
    def error(self) -> float:
        """The root of the mean squared difference, images in [0, 1]."""
        scale = 255.0 if self.real.dtype == np.uint8 else 1.0
        return float(np.sqrt(np.square((self.real.astype(np.float64) - self.again) / scale).mean()))


def reconstruct(run: Run, data: Source | None = None, count: int = 32) -> Reconstruction:
    """The first `count` held-out samples of `data` (None: what the run learned from), or training ones where there are none.

    z is the mean that the encoder gives. Raises RunError where the run has no network called encoder, or the data's shape is
    another.
    """
    if "encoder" not in run.recipe.networks:
        known = ", ".join(run.recipe.networks)
        raise RunError(
            f"{run.path} has no network 'encoder' ({known}), so it can't say what z an image has: train vae or vae-gan"
        )
    if run.recipe.condition is not None:
        raise RunError(f"{run.path} was told kinds, which its encoder is not asked about here: choose a run with condition=none")
    source = data or run.recipe.data
    try:
        samples = source.load("test")
    except DataError:
        samples = source.load()
    shape = tuple(run.facts["sample_shape"])
    if samples.shape != shape:
        told = f"{run.path} knows samples of {list(shape)}, the data's are {list(samples.shape)}"
        raise RunError(f"{told}: make them alike, or name other data with --data")
    networks = networks_of(run)
    real = run.kind.to_model(torch.from_numpy(samples.values[:count].copy()))
    with torch.no_grad():
        posterior = encoded(networks["encoder"], real, None, run.recipe.noise.dim)
        again = networks["generator"](posterior.mean, None)
    return Reconstruction(run.kind.from_model(real), run.kind.from_model(again))


def save(run: Run, path: Path, data: Source | None = None, count: int = 32) -> str:
    """Write a picture, each row of real samples above the same made again, and say what was written.

    Raises RunError likewise, for another ending than .png, for points, or for more than a picture holds.
    """
    if path.suffix != ".png":
        raise RunError(f"can't write reconstructions as {path.suffix!r} ({path}): use x.png")
    if len(run.facts["sample_shape"]) != 3:
        raise RunError(f"{run.path} makes points, which make no picture beside each other; use reconstruct from Python")
    if 2 * count > images.MAX_GRID:
        raise RunError(f"a picture holds at most {images.MAX_GRID // 2:,} reconstructions, got {count:,}: ask for fewer")
    found = reconstruct(run, data, count)
    columns = min(COLUMNS, len(found.real))
    files.make_parent(path)
    files.write(path, images.png(run.kind.picture(in_rows(found.real, found.again, columns), columns)))
    return (
        f"{len(found.real)} real images above what was made of them in {path}; they differ by {found.error:.3g} (rms, of 0 to 1)"
    )


def in_rows(above: np.ndarray, below: np.ndarray, columns: int) -> np.ndarray:
    """A row of the one, then a row of the other; what does not fill a row is white."""
    missing = -len(above) % columns
    blank = np.full((missing, *above.shape[1:]), 255, above.dtype)
    rows = [np.concatenate([part, blank]).reshape(-1, columns, *above.shape[1:]) for part in (above, below)]
    return np.stack(rows, 1).reshape(-1, *above.shape[1:])
