"""Samples from a generator. Image i is made from (seed, i) alone: counts and batches change nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from gansmith.data.modality import Modality
from gansmith.sampling.classes import ConditionSpace, Layout
from gansmith.sampling.inputs import GeneratorInput, Inputs

# Every pass has this many rows, starting at a multiple of it. A matrix product of another shape may round otherwise,
# and then image 7 of 10 would not be image 7 of 10,000 to the last bit.
CHUNK = 64


@dataclass(frozen=True, eq=False)
class Sampler:
    """A generator and everything needed to make sample i of a seed. It knows nothing of run folders or training.

    Every method puts the generator into evaluation mode and leaves it as it was. Arrays of samples are uint8 [N, H, W, C] for
    images and float32 [N, D] for points.
    """

    generator: nn.Module  # noise [N, Z], condition [N, K + S] or None -> samples [N, ...]
    inputs: Inputs
    modality: Modality
    shape: tuple[int, ...]  # of one sample as data store it: (C, H, W) for images, (D,) for points
    condition_space: ConditionSpace = ConditionSpace()
    layout: Layout | None = None  # how a picture of samples is laid out; None: `sample` alone works
    name: str = "the generator"  # in error messages

    def asked(self, modality: int | str) -> Sampler:
        """The same sampler for one class only, by its number or name. Raises RunError where there is no such class."""
        return replace(self, inputs=replace(self.inputs, asked=self.condition_space.number(modality, self.name)))

    def chunks(self, seed: int, first: int, last: int) -> Iterator[tuple[int, Tensor]]:
        """(number of the first, samples [CHUNK, ...] as the generator makes them) for the aligned chunks that hold `first` to
        `last` - 1."""
        with self._evaluating():
            for start in range(first - first % CHUNK, last, CHUNK):
                yield start, self._pass(self.inputs.rows(seed, start, CHUNK))

    def sample(self, seed: int = 0, count: int = 16, first: int = 0) -> np.ndarray:
        """Samples number `first` to `first + count` of `seed`, [count, ...]."""
        last, kept = first + count, np.empty(0)
        for start, made in self.chunks(seed, first, last):
            part = self.modality.from_model(made[max(first - start, 0) : last - start])
            if start <= first:  # the first part says what the others are; all go into one array, so that memory holds them once
                kept = np.empty((count, *part.shape[1:]), part.dtype)
            at = max(start - first, 0)
            kept[at : at + len(part)] = part
        return kept

    def in_rows(self, seed: int, categories: Sequence[int], columns: int) -> np.ndarray:
        """The first `columns` samples of a seed for each of these classes in turn, [len(kinds) * columns, ...]."""
        return self.made_of(self.inputs.in_rows(seed, categories, columns))

    def laid_out(self, seed: int) -> np.ndarray:
        """The samples of a seed that a picture shows, in the order of its places."""
        assert self.layout is not None
        if self.layout.categories:
            return self.in_rows(seed, self.layout.categories, self.layout.columns)
        return self.sample(seed, self.layout.count)

    def made_of(self, given: GeneratorInput) -> np.ndarray:
        """The samples of any input, [N, ...]."""
        with self._evaluating():
            return np.concatenate(list(self._made(given)))

    def walk(self, seeds: Sequence[int], steps: int) -> np.ndarray:
        """From each seed's first sample to the next seed's, in `steps` steps; see `noise.between` for the way.

        Returns uint8 [len(seeds) - 1, steps + 1, H, W, C] for images, float32 [len(seeds) - 1, steps + 1, D] for points: both
        ends of a row are the samples themselves, bit for bit.
        """
        ends = [self.sample(seed, 1) for seed in seeds]
        shares = np.arange(1, steps) / steps
        rows = []
        with self._evaluating():
            for i, j in pairwise(range(len(seeds))):
                way = self._made(self.inputs.between(seeds[i], seeds[j], shares))
                rows.append(np.concatenate([ends[i], *way, ends[j]]))
        return np.stack(rows)

    def _made(self, given: GeneratorInput) -> Iterator[np.ndarray]:
        """The samples of any input, in passes of CHUNK rows; the last pass is filled up with zeros."""
        for start in range(0, len(given), CHUNK):
            part = given[start : start + CHUNK]
            yield self.modality.from_model(self._pass(part.padded(CHUNK))[: len(part)])

    def _pass(self, given: GeneratorInput) -> Tensor:
        """One pass of the generator: the input of CHUNK samples -> samples [CHUNK, ...]."""
        device = next((p.device for p in self.generator.parameters()), torch.device("cpu"))
        condition = None if given.condition is None else torch.from_numpy(given.condition).to(device)
        with torch.no_grad():
            made: Tensor = self.generator(torch.from_numpy(given.z).to(device), condition)
        return made

    @contextlib.contextmanager
    def _evaluating(self) -> Iterator[None]:
        training = self.generator.training
        self.generator.eval()
        try:
            yield
        finally:
            self.generator.train(training)
