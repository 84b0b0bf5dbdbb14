"""Samples from a generator. Image i is made from (seed, i) alone: counts and batches change nothing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from gansmith.images import Kind
from gansmith.noise import Noise
from gansmith.rng import Place, Stream

# Every pass has this many rows, starting at a multiple of it. A matrix product of another shape may round otherwise,
# and then image 7 of 10 would not be image 7 of 10,000 to the last bit.
CHUNK = 64


@torch.no_grad()
def chunks(generator: nn.Module, noise: Noise, seed: int, first: int, last: int) -> Iterator[tuple[int, torch.Tensor]]:
    """(number of the first, samples [CHUNK, ...]) for the aligned chunks that hold numbers `first` to `last` - 1."""
    device = next((p.device for p in generator.parameters()), torch.device("cpu"))
    training = generator.training
    generator.eval()
    try:
        for start in range(first - first % CHUNK, last, CHUNK):
            z = torch.from_numpy(noise.rows(seed, Stream.SAMPLE, Place(), start, CHUNK)).to(device)
            yield start, generator(z, None)
    finally:
        generator.train(training)


def sample(generator: nn.Module, noise: Noise, kind: Kind, seed: int = 0, count: int = 16, first: int = 0) -> np.ndarray:
    """Samples number `first` to `first + count` of `seed`, with the generator in evaluation mode.

    Returns uint8 [count, H, W, C] for images, float32 [count, D] for points.
    """
    last, kept = first + count, np.empty(0)
    for start, made in chunks(generator, noise, seed, first, last):
        part = kind.from_model(made[max(first - start, 0) : last - start])
        if start <= first:  # the first part says what the others are; all go into one array, so that memory holds them once
            kept = np.empty((count, *part.shape[1:]), part.dtype)
        at = max(start - first, 0)
        kept[at : at + len(part)] = part
    return kept
