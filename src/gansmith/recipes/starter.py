"""The first GAN to run."""

from __future__ import annotations

from gansmith.data import FashionMnist
from gansmith.ema import Ema
from gansmith.networks import ConvDiscriminator, ConvGenerator
from gansmith.noise import Normal
from gansmith.objectives import Adversarial
from gansmith.optimizers import Adam
from gansmith.recipe import Pictures, Recipe
from gansmith.schedules import Linear


def starter() -> Recipe:
    """The best picture you can get in three minutes on two cores, on Fashion-MNIST or any small images of yours."""
    adam = Adam(1e-3, (0.5, 0.99), schedule=Linear(start=0.5))
    return Recipe(
        name="starter",
        data=FashionMnist(),
        noise=Normal(64),
        networks={"generator": ConvGenerator((64, 32)), "discriminator": ConvDiscriminator((32, 64))},
        objective=Adversarial(judge_together=True),
        optimizers={"discriminator": adam, "generator": adam},
        batch_size=16,
        budget="3m",
        ema=Ema(half_life_images=2000),
        pictures=Pictures(count=64),
    )
