"""A translator that is cheap to train: it turns inverted digits in three channels into digits."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from gansmith.core.component import component
from gansmith.data import Digits, Samples, Split
from gansmith.networks import ConvDiscriminator, JoinedDiscriminator
from gansmith.networks.base import Shapes
from gansmith.objectives import Adversarial
from gansmith.objectives.terms import L1
from gansmith.optim.optimizers import Adam
from gansmith.recipes.base import Pictures, Recipe
from gansmith.sampling.conditions import SourceImage
from gansmith.sampling.noise import Normal


@component
class InvertedDigits:
    """Digits, and as their source images the inverted digits in three channels."""

    def load(self, split: Split = "train") -> Samples:
        """Every fifth digit is held out; half of these are for validation."""
        return self._rows(lambda n: np.arange(n) % 10 == 0 if split == "test" else np.arange(n) % 5 != 0)

    def validation(self) -> Samples:
        """Every tenth digit, from the fifth on."""
        return self._rows(lambda n: np.arange(n) % 10 == 5)

    def _rows(self, choose: Any) -> Samples:
        digits = Digits().load("train")
        kept = digits[np.flatnonzero(choose(len(digits)))]
        return dataclasses.replace(kept, source_images=np.repeat(255 - kept.values, 3, axis=1))


@component
class TinyTranslator:
    """Two convolutions from the source image to the sample; noise, where there is any, is added to all pixels."""

    width: int = 8
    takes_condition: ClassVar[bool] = True

    def build(self, shapes: Shapes) -> nn.Module:
        """[N, Z], [N, C, H, W] -> [N, C', H, W]."""
        return _Translator(shapes.source[0], shapes.sample[0], self.width)


class _Translator(nn.Module):
    def __init__(self, inputs: int, outputs: int, width: int) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(inputs, width, 3, padding=1), nn.Conv2d(width, outputs, 3, padding=1)

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        made: Tensor = self.last(self.first(condition).relu()).tanh()
        return made + 0.1 * z.sum(1)[:, None, None, None] if z.shape[1] else made


def inverter(**changes: Any) -> Recipe:
    """The recipe, with other fields in place of its own."""
    recipe = Recipe(
        name="inverter",
        data=InvertedDigits(),
        noise=Normal(0),
        networks={"generator": TinyTranslator(), "discriminator": JoinedDiscriminator(ConvDiscriminator((8, 16)))},
        objective=Adversarial(reduction="mean", generator_terms=(L1(100.0),)),
        optimizers={"discriminator": Adam(2e-4, (0.5, 0.999)), "generator": Adam(5e-3, (0.5, 0.999))},
        condition=SourceImage(),
        batch_size=16,
        budget="1600images",
        checkpoint_every="350images",
        log_every="300images",
        pictures=Pictures(count=6, columns=2, every="700images"),
        scores=None,
    )
    return dataclasses.replace(recipe, **changes)
