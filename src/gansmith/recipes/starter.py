"""The first GAN to run."""

from __future__ import annotations

from gansmith.data import FashionMnist
from gansmith.networks import ConvDiscriminator, ConvGenerator
from gansmith.objectives import Adversarial
from gansmith.optim.ema import Ema
from gansmith.optim.optimizers import Adam
from gansmith.optim.schedules import Linear
from gansmith.recipes.base import Pictures, Recipe
from gansmith.sampling.noise import Normal

FAMILY = ("start here", 2)


def starter() -> Recipe:
    """A good first picture in three minutes on two cores, on Fashion-MNIST or any small images of yours.

    A small DCGAN for any height, width and channels: G a linear layer and two 4x4 transposed convolutions with batch norm, D
    two 4x4 convolutions of stride 2. Non-saturating loss, no penalty. What made it quick to a good picture: a z of only 8
    entries, small batches of 32, so many steps in few images, a high rate of 1e-3 that falls to 0 over the second half, 4x4
    rather than 3x3 kernels in D, and bfloat16 where the processor has units for it. Samples come from a running mean of G's
    weights with a half-life of 2,000 images.

    Known to go wrong: in three minutes a minority of its pictures stay broken, bags and sandals above all; `budget=30m` gives it
    more time. It has been tried at 28x28 only.

    Source: ours, after Radford et al. 2016 (DCGAN); `EXPERIMENTS.md` has what was tried.
    """
    adam = Adam(1e-3, (0.5, 0.99), schedule=Linear(start=0.5))
    return Recipe(
        name="starter",
        data=FashionMnist(),
        noise=Normal(8),
        networks={"generator": ConvGenerator((64, 32)), "discriminator": ConvDiscriminator((32, 64))},
        objective=Adversarial(joint_batch=True),
        optimizers={"discriminator": adam, "generator": adam},
        batch_size=32,
        budget="3m",
        precision="auto",
        ema=Ema(half_life_images=2000),
        pictures=Pictures(count=64),
    )
