"""DCGAN: the convolutional GAN that most later ones build on, as published and in a size for two processor cores."""

from __future__ import annotations

import math

from gansmith.core.errors import RecipeError
from gansmith.core.fields import Width
from gansmith.data import FashionMnist, Source, display_name, train_shape
from gansmith.networks import BatchNorm, ConvDiscriminator, ConvGenerator
from gansmith.objectives import Adversarial
from gansmith.optim.ema import Ema
from gansmith.optim.optimizers import Adam
from gansmith.optim.schedules import Linear
from gansmith.recipes.base import Pictures, Recipe
from gansmith.recipes.lengths import Length
from gansmith.sampling.noise import Normal

FAMILY = ("classics", 2)

SMALLEST = 4  # side of the smallest feature map in pixels, as in figure 1 of the paper
PUBLISHED, SMALL = 64, 32  # channels of the largest feature map


def dcgan(
    data: Source = FashionMnist(), published: bool = False, width: Width | None = None, budget: Length | None = None
) -> Recipe:
    """DCGAN, adapted to the size of the images; published=true is the well-known network for 64 x 64.

    G doubles a 4 x 4 feature map with 4x4 transposed convolutions, batch norm and ReLU until it has the size of the images; D is
    its mirror image with leaky ReLU .2. There is no pooling and no hidden linear layer. G ends in tanh. Weights start at
    N(0, .02^2), the factors of batch norm at N(1, .02^2); no biases; z of 100; Adam with beta1 .5. Each doubling halves the
    channels, down to `width` at the largest map.

    `published=true`: width 64, batches of 128, Adam at 2e-4, 25 epochs, samples from the last weights. For 64 x 64 in three
    channels (`published=true data.size=64`) these are channels of 512-256-128-64, with 3,576,704 weights in G and 2,765,568 in D.
    z is normal, as in the usual code; the paper's is uniform.

    The default size is for two processor cores: width 32, batches of 64, a learning rate of 1e-3 that falls to 0 over the second
    half, samples from a running mean of G's weights, bfloat16 on processors that multiply it in hardware.

    Known to go wrong: the published learning rate and width learn slowly on a processor. No layer of D sees the whole image,
    unlike in `default`, so D is better at strokes and patches than at shapes.

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
        why=(f"{len(widths)} doublings from {SMALLEST} x {SMALLEST} reach the size of the images of {display_name(data)}",),
    )


def doublings(data: Source, width: int, recipe: str) -> tuple[int, ...]:
    """Channels of G's feature maps, from the smallest map to the largest: `width` at the largest, twice as many at each before.

    There are as many doublings as lead from about 4 pixels to the longer side of the images, fewer if the shorter side is too
    small.

    Raises:
        RecipeError: the data are no images. `recipe` is the name in the message.
    """
    shape = train_shape(data)[1:]
    if len(shape) != 3:
        message = f"recipe {recipe} makes images, but the samples of {display_name(data)} have shape {list(shape)}"
        raise RecipeError(f"{message}: choose images, or the recipe default")
    most = int(math.log2(min(shape[1:])))  # more would leave D's last map without a pixel
    count = max(1, min(math.ceil(math.log2(max(shape[1:]) / SMALLEST)), most))
    return tuple(width * 2**i for i in reversed(range(count)))


def generator(widths: tuple[int, ...]) -> ConvGenerator:
    """DCGAN's generator, with the initialization of the usual code."""
    return ConvGenerator(widths, batch_norm=BatchNorm(std=0.02), bias=False)


def discriminator(widths: tuple[int, ...]) -> ConvDiscriminator:
    """DCGAN's discriminator: batch norm on all convolutions except the first (section 3 of the paper)."""
    return ConvDiscriminator(widths[::-1], batch_norm=BatchNorm(first=1, std=0.02), bias=False)
