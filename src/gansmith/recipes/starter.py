"""A small first GAN."""

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
    """A small convolutional GAN: a good picture on Fashion-MNIST after three minutes on two cores.

    A small DCGAN for images of any height, width and number of channels. G is a linear layer and two 4x4 transposed convolutions
    with batch norm; D is two 4x4 convolutions of stride 2. The loss is non-saturating, without a penalty. Five choices make it
    fast: a z of only 8 numbers, batches of 32 (many steps in few images), a high learning rate of 1e-3 that falls to 0 over the
    second half, kernels of 4x4 instead of 3x3 in D, and bfloat16 on processors that multiply it in hardware. Samples come from a
    running mean of G's weights with a half-life of 2,000 images.

    Known to go wrong: after three minutes some samples are broken, bags and sandals above all; `budget=30m` gives it more time.
    It was tried at 28x28 only.

    Source: ours, after Radford et al. 2016 (DCGAN). `EXPERIMENTS.md` lists what was tried.
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
