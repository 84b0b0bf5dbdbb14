"""DCGAN: the convolutional GAN that most others are built on, as published and in a size for two processor cores."""

from __future__ import annotations

import math

from pydantic import PositiveInt

from gansmith.core.errors import RecipeError
from gansmith.data import FashionMnist, Source, label, size_of
from gansmith.networks import BatchNorm, ConvDiscriminator, ConvGenerator
from gansmith.objectives import Adversarial
from gansmith.optim.ema import Ema
from gansmith.optim.optimizers import Adam
from gansmith.optim.schedules import Linear
from gansmith.recipes.base import Pictures, Recipe
from gansmith.recipes.lengths import Length
from gansmith.sampling.noise import Normal

FAMILY = ("classics", 2)

SMALLEST = 4  # pixels a side of the smallest map, as in the paper's figure 1
PUBLISHED, SMALL = 64, 32  # channels of the finest map


def dcgan(
    data: Source = FashionMnist(), published: bool = False, width: PositiveInt | None = None, budget: Length | None = None
) -> Recipe:
    """DCGAN, fitted to the size of the images; published=true is the network that everyone uses for 64 x 64.

    G doubles a map of 4 x 4 by 4x4 transposed convolutions with batch norm and ReLU until it has the images' size, D mirrors it
    with leaky ReLU .2; no pooling, no hidden layers; tanh; weights N(0, .02^2), batch norm's factors N(1, .02^2), no biases; z
    of 100; Adam with beta1 .5. Each doubling halves the channels, down to `width` at the finest map.

    `published=true`: width 64, batches of 128, Adam at 2e-4, 25 epochs, samples from the last weights. At 64 x 64 in three
    channels that is 512-256-128-64 with 3,576,704 weights in G and 2,765,568 in D: `published=true data.size=64`. z is normal,
    as in the usual code; the paper's is uniform.

    Otherwise sized for two processor cores: width 32, batches of 64, a rate of 1e-3 that falls to 0 over the second half, samples
    from a running mean of G's weights, bfloat16 where the processor multiplies it.

    Known to go wrong: the published rate and width learn slowly on a processor. D without a layer that sees the whole image,
    which `default` has, judges strokes and patches better than shapes.

    Source: A. Radford, L. Metz, S. Chintala, Unsupervised representation learning with deep convolutional generative adversarial
    networks, ICLR 2016; sizes as in the PyTorch project's example.
    """
    widths = doublings(data, width or (PUBLISHED if published else SMALL), "dcgan")
    adam = Adam(2e-4, (0.5, 0.999)) if published else Adam(1e-3, (0.5, 0.999), schedule=Linear(start=0.5))
    return Recipe(
        name="dcgan",
        data=data,
        noise=Normal(100),
        networks={"generator": generator(widths), "discriminator": discriminator(widths)},
        objective=Adversarial(),
        optimizers={"discriminator": adam, "generator": adam},
        batch_size=128 if published else 64,
        budget=budget or ("25epochs" if published else "10m"),
        precision="float32" if published else "auto",
        ema=None if published else Ema(half_life_images=4000),
        pictures=Pictures(count=64),
        why=(f"{len(widths)} doublings from {SMALLEST} pixels a side make the size of the images of {label(data)}",),
    )


def doublings(data: Source, width: int, recipe: str) -> tuple[int, ...]:
    """The channels of each map that is doubled, from the smallest on: `width` at the finest, twice as many before each doubling.

    As many doublings as lead from about 4 pixels to the images' longer side, fewer where the shorter one does not bear them.
    Raises RecipeError where the data are no images.
    """
    shape = size_of(data)[1:]
    if len(shape) != 3:
        message = f"recipe {recipe} makes images, but the samples of {label(data)} are {list(shape)}"
        raise RecipeError(f"{message}: choose data that are images, or the recipe default")
    most = int(math.log2(min(shape[1:])))  # or D's last map would vanish
    count = max(1, min(math.ceil(math.log2(max(shape[1:]) / SMALLEST)), most))
    return tuple(width * 2**i for i in reversed(range(count)))


def generator(widths: tuple[int, ...]) -> ConvGenerator:
    """DCGAN's, with the start of the usual code."""
    return ConvGenerator(widths, batch_norm=BatchNorm(std=0.02), bias=False)


def discriminator(widths: tuple[int, ...]) -> ConvDiscriminator:
    """Its mirror: batch norm on all convolutions but the first (section 3 of the paper)."""
    return ConvDiscriminator(widths[::-1], batch_norm=BatchNorm(first=1, std=0.02), bias=False)
