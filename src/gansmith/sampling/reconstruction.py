"""Reconstruction: real samples through the encoder and the generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from gansmith.core import files
from gansmith.core.errors import DataError, RunError
from gansmith.core.limits import MAX_GRID
from gansmith.data import Samples, Source
from gansmith.drawing import grids
from gansmith.sampling.posterior import encode
from gansmith.sampling.sampler import Sampler

COLUMNS = 8


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Real samples and their reconstructions, uint8 [N, H, W, C] for images, float32 [N, D] for points."""

    real: np.ndarray
    reconstructed: np.ndarray

    @property
    def error(self) -> float:
        """The root mean squared difference per value. Images count as in [0, 1]."""
        scale = 255.0 if self.real.dtype == np.uint8 else 1.0
        return float(np.sqrt(np.square((self.real.astype(np.float64) - self.reconstructed) / scale).mean()))


ConditionOf = Callable[[Samples], Tensor | None]
"""Samples -> their condition [N, K], None without one."""


def reconstruct(
    sampler: Sampler, encoder: nn.Module, data: Source, count: int = 32, condition_of: ConditionOf = lambda _: None
) -> Reconstruction:
    """Encode the first `count` test samples of `data` and generate them again; training samples if there is no test split.

    z is the mean of the posterior. Raises RunError if the data and the generator differ in shape.
    """
    try:
        samples = data.load("test")
    except DataError:
        samples = data.load()
    if samples.shape != sampler.shape:
        message = f"{sampler.name} makes samples of {list(sampler.shape)}, the data's are {list(samples.shape)}"
        raise RunError(f"{message}: set data.size or data.channels of the data, or choose other data with --data")
    samples = samples[:count]
    real, condition = sampler.modality.to_model(torch.from_numpy(samples.values.copy())), condition_of(samples)
    with torch.no_grad():
        posterior = encode(encoder, real, condition, sampler.inputs.noise.dim)
        output = sampler.generator(posterior.mean, condition)
    return Reconstruction(sampler.modality.from_model(real), sampler.modality.from_model(output))


def save(
    sampler: Sampler, encoder: nn.Module, path: Path, data: Source, count: int = 32, condition_of: ConditionOf = lambda _: None
) -> str:
    """Write a picture with each row of real samples above its reconstructions, and return a message about it.

    Raises RunError for an ending other than .png, for points, for more than 5,000 samples, and for data of another shape.
    """
    files.check_output(path, "reconstructions", (".png",))
    if len(sampler.shape) != 3:
        raise RunError(
            f"{sampler.name} makes points, and only images can be drawn beside their reconstructions; use reconstruct from Python"
        )
    if 2 * count > MAX_GRID:
        raise RunError(f"a picture holds at most {MAX_GRID // 2:,} reconstructions, got {count:,}: choose a smaller count")
    found = reconstruct(sampler, encoder, data, count, condition_of)
    columns = min(COLUMNS, len(found.real))
    files.make_parent(path)
    files.write(path, grids.png(sampler.modality.picture(alternate_rows(found.real, found.reconstructed, columns), columns)))
    return (
        f"{len(found.real)} real images above their reconstructions in {path}; they differ by {found.error:.3g} (rms, of 0 to 1)"
    )


def alternate_rows(above: np.ndarray, below: np.ndarray, columns: int) -> np.ndarray:
    """Interleave images [N, H, W, C] row by row, `columns` a row. An incomplete last row is filled with white images."""
    missing = -len(above) % columns
    blank = np.full((missing, *above.shape[1:]), 255, above.dtype)
    rows = [np.concatenate([part, blank]).reshape(-1, columns, *above.shape[1:]) for part in (above, below)]
    return np.stack(rows, 1).reshape(-1, *above.shape[1:])
