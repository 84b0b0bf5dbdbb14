"""Samples from a generator. Image i is made from (seed, i) alone: counts and batches change nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from gansmith.images import Kind
from gansmith.inputs import Given, Inputs

# Every pass has this many rows, starting at a multiple of it. A matrix product of another shape may round otherwise,
# and then image 7 of 10 would not be image 7 of 10,000 to the last bit.
CHUNK = 64


def chunks(generator: nn.Module, inputs: Inputs, seed: int, first: int, last: int) -> Iterator[tuple[int, torch.Tensor]]:
    """(number of the first, samples [CHUNK, ...]) for the aligned chunks that hold numbers `first` to `last` - 1."""
    with _evaluating(generator):
        for start in range(first - first % CHUNK, last, CHUNK):
            yield start, _pass(generator, inputs.rows(seed, start, CHUNK))


def _pass(generator: nn.Module, given: Given) -> torch.Tensor:
    """One pass of the generator: the input of CHUNK samples -> samples [CHUNK, ...]."""
    device = next((p.device for p in generator.parameters()), torch.device("cpu"))
    told = None if given.told is None else torch.from_numpy(given.told).to(device)
    with torch.no_grad():
        made: torch.Tensor = generator(torch.from_numpy(given.z).to(device), told)
    return made


@contextlib.contextmanager
def _evaluating(generator: nn.Module) -> Iterator[None]:
    training = generator.training
    generator.eval()
    try:
        yield
    finally:
        generator.train(training)


def sample(generator: nn.Module, inputs: Inputs, kind: Kind, seed: int = 0, count: int = 16, first: int = 0) -> np.ndarray:
    """Samples number `first` to `first + count` of `seed`, with the generator in evaluation mode.

    Returns uint8 [count, H, W, C] for images, float32 [count, D] for points.
    """
    last, kept = first + count, np.empty(0)
    for start, made in chunks(generator, inputs, seed, first, last):
        part = kind.from_model(made[max(first - start, 0) : last - start])
        if start <= first:  # the first part says what the others are; all go into one array, so that memory holds them once
            kept = np.empty((count, *part.shape[1:]), part.dtype)
        at = max(start - first, 0)
        kept[at : at + len(part)] = part
    return kept


def made_of(generator: nn.Module, kind: Kind, given: Given) -> np.ndarray:
    """The samples of any input, [N, ...]."""
    with _evaluating(generator):
        return np.concatenate(list(_made(generator, kind, given)))


def walk(generator: nn.Module, inputs: Inputs, kind: Kind, seeds: Sequence[int], steps: int) -> np.ndarray:
    """On the way from each seed's first sample to the next seed's, in `steps` steps; see `noise.between` for the way.

    Returns uint8 [len(seeds) - 1, steps + 1, H, W, C] for images, float32 [len(seeds) - 1, steps + 1, D] for points: both ends
    of a row are the samples themselves, bit for bit.
    """
    ends = [sample(generator, inputs, kind, seed, 1) for seed in seeds]
    shares = np.arange(1, steps) / steps
    rows = []
    with _evaluating(generator):
        for i, j in pairwise(range(len(seeds))):
            way = _made(generator, kind, inputs.between(seeds[i], seeds[j], shares))
            rows.append(np.concatenate([ends[i], *way, ends[j]]))
    return np.stack(rows)


def _made(generator: nn.Module, kind: Kind, given: Given) -> Iterator[np.ndarray]:
    """The samples of any input, in passes of CHUNK rows; the last pass is filled up with zeros."""
    for start in range(0, len(given), CHUNK):
        part = given[start : start + CHUNK]
        yield kind.from_model(_pass(generator, part.padded(CHUNK))[: len(part)])
