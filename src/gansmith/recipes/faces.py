"""Faces of people who do not exist."""

from __future__ import annotations

import dataclasses
import math

from gansmith.core.errors import RecipeError
from gansmith.data import Faces, Source, sample_shape
from gansmith.networks import R3GanDiscriminator, R3GanGenerator
from gansmith.objectives import Adversarial
from gansmith.objectives.augmentation import Augment
from gansmith.objectives.losses import Relativistic
from gansmith.objectives.penalties import R1, R2
from gansmith.optim.ema import Ema
from gansmith.optim.optimizers import Adam
from gansmith.optim.schedules import Cosine
from gansmith.recipes.base import Pictures, Recipe
from gansmith.recipes.default import default
from gansmith.recipes.lengths import Length
from gansmith.sampling.noise import Normal

FAMILY = ("uses", 1)

WIDE, LAST_WIDE = 768, 384  # channels of R3GAN's stages for faces of 64 pixels, and of the last stage


def faces(data: Source = Faces(), budget: Length = "30m", published: bool = False) -> Recipe:
    """Faces: drawn ones with known attributes, or any folder of photographs.

    Networks and settings are those of `default`, which adapts them to the data. `published=true` uses R3GAN with the size and
    settings published for photographs of faces at 64 pixels; it needs a GPU. `gansmith explore attributes RUN` compares how often
    generated and real faces wear glasses, beards and so on. `gansmith explore directions RUN --out x.png` finds the direction of
    each attribute in the generator's input.

    Known to go wrong: `published=true` is too large for a CPU.

    Source: ours (`default`); Huang et al. 2024, "The GAN is dead; long live the GAN!", FFHQ-64, for R3GAN.
    """
    recipe = _r3gan(data, budget) if published else default(data, budget)
    return dataclasses.replace(recipe, name="faces")


def _r3gan(data: Source, budget: Length) -> Recipe:
    """R3GAN for faces of 64 pixels, with the published size and settings.

    The published augmentation has more operations; ours are applied with the same probability, .3. Raises RecipeError for points.
    """
    if len(shape := sample_shape(data)) != 3:
        raise RecipeError(f"published=true is for images, but the samples have shape {list(shape)}: leave it out")
    stages = max(1, round(math.log2(min(shape[1:]) / 4))) + 1
    widths = (*[WIDE] * (stages - 1), LAST_WIDE)
    adam = Adam(2e-4, (0.0, 0.9), schedule=Cosine(end=0.25), beta2_schedule=Cosine(end=0.1))
    return Recipe(
        name="faces",
        data=data,
        noise=Normal(64),
        networks={
            "generator": R3GanGenerator(widths, blocks=2),
            "discriminator": R3GanDiscriminator(widths[::-1], blocks=2),
        },
        objective=Adversarial(
            loss=Relativistic(),
            penalties=(R1(0.2), R2(0.2)),
            penalty_schedule=Cosine(first=10.0, end=1.0),
            augmentation=Augment(probability=0.3, schedule=Cosine(first=0.0, end=1.0)),
        ),
        optimizers={"discriminator": adam, "generator": adam},
        batch_size=256,
        budget=budget,
        precision="auto",
        ema=Ema(half_life_images=500_000, schedule=Cosine(first=0.0, end=1.0)),
        pictures=Pictures(count=64),
        why=("R3GAN with the size and settings published for faces of 64 pixels",),
    )
