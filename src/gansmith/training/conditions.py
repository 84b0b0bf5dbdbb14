"""The conditions of a trainer's samples: codes from labels, clusters or chance, or source images."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gansmith.core import distributed
from gansmith.core.rng import Place, Stream
from gansmith.data import Samples
from gansmith.data.modality import Images
from gansmith.data.splits import validation_rows
from gansmith.objectives.base import Batch
from gansmith.recipes.base import Recipe
from gansmith.sampling.conditions import AssignFunction, Categorical, ImageCondition, shares_of
from gansmith.sampling.inputs import Inputs, SourceTable, one_hot


class Conditions:
    """The conditions of training samples, of other samples and of generated ones, for the recipe's condition if it has one.

    `categories` is the category of each training sample, int64 [N]; None where categories are not observed. `inputs` are the
    generator's inputs: categories as frequent as among the training samples, or the source images kept for validation.
    """

    def __init__(self, recipe: Recipe, samples: Samples, validation: Samples | None, device: torch.device) -> None:
        self.recipe, self.samples, self.validation, self.device = recipe, samples, validation, device
        self.source_modality = Images(recipe.value_range)
        self.source_shape = tuple(self.source_images(samples[:1]).shape[1:])
        self.continuous = recipe.condition.continuous if isinstance(recipe.condition, Categorical) else 0
        categories = samples.categories
        self.categories = None if categories is None else distributed.broadcast(torch.from_numpy(categories).to(device))
        self._assign: AssignFunction | None = None  # made at its first use
        self.inputs = self._make_inputs()

    def set_categories(self, categories: Tensor) -> None:
        """Take over the categories of the training samples from a checkpoint."""
        self.categories = categories.to(self.categories) if self.categories is not None else categories
        self.inputs, self._assign = self._make_inputs(), None

    # ------------------------------------------------------------------------------------------ real samples

    def at(self, rows: np.ndarray, place: Place = Place()) -> Tensor | None:
        """The condition of the training samples with these indices, [n, ...]; None where it is not observed."""
        if self.source_shape:
            return self._to_condition(self.samples[rows], place)
        if self.categories is None:
            return None
        categories = self.categories.index_select(0, torch.from_numpy(rows).to(self.device))
        return functional.one_hot(categories, self.samples.num_categories).float()

    def of(self, samples: Samples, place: Place = Place()) -> Tensor | None:
        """The condition of samples that are not the training samples, [N, ...]; None where it is not observed.

        Raises DataError where it can't be determined.
        """
        condition = self.recipe.condition
        if self.source_shape:
            return self._to_condition(samples, place)
        if not isinstance(condition, Categorical) or self.categories is None:
            return None
        if self._assign is None:
            self._assign = condition.assign_function(self.samples, self.categories.cpu().numpy())
        return torch.from_numpy(one_hot(self._assign(samples), self.samples.num_categories)).to(self.device)

    def source_images(self, samples: Samples, place: Place = Place()) -> np.ndarray:
        """The source images of samples, uint8 [N, C, H, W]; [N] without such a condition."""
        condition = self.recipe.condition
        if not isinstance(condition, ImageCondition):
            return np.empty(len(samples), np.uint8)
        return condition.source_images(samples, self.recipe.seed, place)

    def _to_condition(self, samples: Samples, place: Place) -> Tensor:
        """The source images of samples as networks get them, float32 [N, C, H, W]."""
        return self.source_modality.to_model(torch.from_numpy(self.source_images(samples, place)).to(self.device))

    # ------------------------------------------------------------------------------------------ batches and generated samples

    def batch(self, real: Tensor, images: int, count: int, observed: Tensor | None) -> Batch:
        """This process's part of the batch after `images` real images, of `count` over all processes.

        `observed` is the condition of its real samples. Without one, conditions are drawn for the generator alone.
        """
        if observed is None:
            return Batch(real, count, self._drawn(images, count), observed=False)
        return Batch(real, count, observed)

    @staticmethod
    def place_of(images: int, count: int) -> Place:
        """The place at which this process's part of a batch draws, such as the noise that is added to source images."""
        return Place(images, turn=distributed.share(count).start)

    def _drawn(self, images: int, count: int) -> Tensor | None:
        """This process's part of `count` drawn conditions [n, K + S], for unobserved categories; None without a condition."""
        if not self.samples.num_categories + self.continuous:
            return None
        own = distributed.share(count)
        drawn = self.inputs.conditions(self.recipe.seed, own.start, own.stop - own.start, Stream.CODE, Place(images))
        return torch.from_numpy(drawn).to(self.device)

    def inputs_for(self, samples: Samples) -> Inputs:
        """The generator's inputs; those of a translator start from the source images of these samples."""
        return self.inputs if self.inputs.sources is None else self.inputs.from_sources(self.source_images(samples))

    def _make_inputs(self) -> Inputs:
        if self.source_shape:
            rows = validation_rows(len(self.samples))  # what scores during training use where the source keeps nothing apart
            own = self.samples[rows] if len(rows) else self.samples
            shown = own if self.validation is None else self.validation
            truth = shown.values if shown.is_paired else None
            return Inputs(self.recipe.noise, sources=SourceTable(self.source_images(shown), self.source_modality, truth))
        categories = None if self.categories is None else self.categories.cpu().numpy()
        return Inputs(self.recipe.noise, shares_of(categories, self.samples.num_categories), continuous=self.continuous)
