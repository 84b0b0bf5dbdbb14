"""Sampling from a generator. Sample i of a seed does not depend on how many samples are drawn, or in which batches."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from numbers import Integral

import numpy as np
import torch
from torch import Tensor, nn

from gansmith.core import rng
from gansmith.core.errors import RunError, cut
from gansmith.data import memory
from gansmith.data.modality import Modality
from gansmith.networks.base import evaluating
from gansmith.sampling.classes import ConditionSpace, Layout
from gansmith.sampling.gallery import Gallery
from gansmith.sampling.inputs import GeneratorInput, Inputs

# The rows of every forward pass. Passes start at a multiple of CHUNK: a matrix product of another shape may round differently,
# and then image 7 of 10 would not equal image 7 of 10,000 to the last bit.
CHUNK = 64


@dataclass(frozen=True, eq=False)
class Sampler:
    """A generator and everything needed to make sample i of a seed. Independent of run folders and of training.

    Every method puts the generator into evaluation mode and restores its mode. Arrays of samples are uint8 [N, H, W, C] for
    images and float32 [N, D] for points.
    """

    generator: nn.Module  # noise [N, Z], condition [N, K + S] or None -> samples [N, ...]
    inputs: Inputs
    modality: Modality
    shape: tuple[int, ...]  # of one sample in a data set: (C, H, W) for images, (D,) for points
    condition_space: ConditionSpace = ConditionSpace()
    layout: Layout | None = None  # of a picture of samples; `layout_samples` and `rows` need it
    name: str = "the generator"  # in error messages

    def with_category(self, category: int | str) -> Sampler:
        """A copy that samples a single category, given by class name or position. Raises RunError if the category is unknown."""
        return replace(self, inputs=replace(self.inputs, category=self.condition_space.category_index(category, self.name)))

    def chunks(self, seed: int, first: int, last: int) -> Iterator[tuple[int, Tensor]]:
        """The aligned chunks that contain samples `first` to `last - 1` of a seed.

        Yields the number of a chunk's first sample and the generator's output, [CHUNK, ...].
        """
        with evaluating(self.generator):
            for start in range(first - first % CHUNK, last, CHUNK):
                yield start, self._forward(self.inputs.rows(seed, start, CHUNK))

    def sample(self, seed: int = 0, count: int = 16, first: int = 0) -> np.ndarray:
        """Samples `first` to `first + count - 1` of a seed, [count, ...]."""
        last, samples = first + count, np.empty(0)
        for start, output in self.chunks(seed, first, last):
            part = self.modality.from_model(output[max(first - start, 0) : last - start])
            if start <= first:  # the first part has the shape and dtype; one array for all holds them in memory only once
                samples = np.empty((count, *part.shape[1:]), part.dtype)
            at = max(start - first, 0)
            samples[at : at + len(part)] = part
        return samples

    def gallery(self, seed: int = 0, count: int = 16, first: int = 0) -> Gallery:
        """Samples `first` to `first + count - 1` of a seed, with their class labels if the categories are classes.

        Raises RunError if they do not fit in memory.
        """
        if any(isinstance(n, bool) or not isinstance(n, Integral) for n in (seed, count, first)):
            raise RunError(f"expected whole numbers as count, first and seed, got {cut(count)}, {cut(first)}, {cut(seed)}")
        if count < 1 or first < 0 or not 0 <= seed <= rng.MAX_SEED:
            raise RunError(
                f"expected a count of at least 1, a first of at least 0 and a seed from 0 to 2**63 - 1, "
                f"got {cut(f'{count}, {first} and {seed}')}"
            )
        value_size = 1 if self.modality.key == "images" else 4  # bytes
        if value_size * count * math.prod(self.shape) > memory.usable_bytes():
            raise RunError(f"{count:,} samples don't fit in memory: choose a smaller count, and draw the rest with other seeds")
        labels = self.labels(seed, count, first)
        samples = self.sample(seed, count, first)
        view = None if self.inputs.sources is None else self.view(samples, first)
        return Gallery(samples, self.modality, labels, classes=self.condition_space.names, view=view)

    def view(self, samples: np.ndarray, first: int = 0) -> np.ndarray:
        """What a picture shows of samples from number `first` on: a translator's stand between source image and true image."""
        return samples if self.inputs.sources is None else self.inputs.sources.strips(samples, first)

    def labels(self, seed: int, count: int, first: int = 0) -> np.ndarray | None:
        """The classes of samples `first` to `first + count - 1` of a seed, int64 [count]; None if categories are not classes."""
        is_labelled = self.condition_space.are_classes and bool(self.condition_space.shares)
        return self.inputs.categories(seed, first, count) if is_labelled else None

    def rows(self, seed: int = 0, columns: int | None = None) -> Gallery:
        """One row of samples for each category of the layout. Samples in a column share z.

        Raises RunError if the layout has no rows of categories: unconditional generators, points, more than 26 categories.
        """
        if self.layout is None or not self.layout.categories:
            raise RunError(
                f"{self.name} has no picture of one row for each class: not conditional, or too many classes; use sample"
            )
        categories, columns = self.layout.categories, columns or self.layout.columns
        samples = self.generate(self.inputs.category_rows(seed, categories, columns))
        labels, names = np.repeat(categories, columns), self.condition_space.names
        return Gallery(samples, self.modality, labels, columns, self.layout.names, names)

    def layout_samples(self, seed: int) -> np.ndarray:
        """The samples of a seed in the order of the layout, [layout.count, ...]."""
        assert self.layout is not None
        return self.rows(seed).array if self.layout.categories else self.sample(seed, self.layout.count)

    def generate(self, inputs: GeneratorInput) -> np.ndarray:
        """The samples of N generator inputs, [N, ...]."""
        with evaluating(self.generator):
            return np.concatenate(list(self._generate(inputs)))

    def walk(self, seeds: Sequence[int], steps: int) -> np.ndarray:
        """Interpolate from each seed's first sample to the next seed's in `steps` steps; see `noise.interpolate`.

        Returns uint8 [len(seeds) - 1, steps + 1, H, W, C] for images, float32 [len(seeds) - 1, steps + 1, D] for points. Both
        ends of a row equal the seeds' own samples, bit for bit.
        """
        if not self.inputs.noise.dim:
            raise RunError(f"{self.name} has no noise to interpolate: its samples depend on their source images alone")
        ends = [self.sample(seed, 1) for seed in seeds]
        weights = np.arange(1, steps) / steps
        rows = []
        with evaluating(self.generator):
            for i, j in pairwise(range(len(seeds))):
                between = self._generate(self.inputs.interpolate(seeds[i], seeds[j], weights))
                rows.append(np.concatenate([ends[i], *between, ends[j]]))
        return np.stack(rows)

    def _generate(self, inputs: GeneratorInput) -> Iterator[np.ndarray]:
        """The samples of N generator inputs in passes of CHUNK rows. The last pass is padded with zeros."""
        for start in range(0, len(inputs), CHUNK):
            part = inputs[start : start + CHUNK]
            yield self.modality.from_model(self._forward(part.padded(CHUNK))[: len(part)])

    def _forward(self, inputs: GeneratorInput) -> Tensor:
        """The generator's output for CHUNK inputs, [CHUNK, ...], on the generator's device."""
        device = next((p.device for p in self.generator.parameters()), torch.device("cpu"))
        condition = None if inputs.condition is None else torch.from_numpy(inputs.condition).to(device)
        with torch.no_grad():
            output: Tensor = self.generator(torch.from_numpy(inputs.z).to(device), condition)
        return output
