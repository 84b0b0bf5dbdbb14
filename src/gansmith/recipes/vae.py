"""Autoencoders whose decoder is a generator: the VAE, and one that compares by what a discriminator sees."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveInt

from gansmith.core.errors import RecipeError
from gansmith.data import Mnist, Source, label, shape_of
from gansmith.networks import (
    BatchNorm,
    ConvDiscriminator,
    ConvEncoder,
    ConvGenerator,
    LarsenDiscriminator,
    LarsenGenerator,
    MLPEncoder,
    MLPGenerator,
)
from gansmith.networks.base import Network
from gansmith.objectives import VaeGan, Variational
from gansmith.objectives.likelihoods import Bernoulli, Gaussian
from gansmith.optim.ema import Ema
from gansmith.optim.optimizers import Adam, RmsProp
from gansmith.optim.schedules import Linear
from gansmith.recipes.base import Pictures, Recipe
from gansmith.recipes.dcgan import doublings
from gansmith.recipes.lengths import Length
from gansmith.sampling.noise import Normal

FAMILY = ("autoencoders", 1)


def vae(
    data: Source = Mnist(),
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli",
    latent_size: PositiveInt = 20,
    hidden: PositiveInt = 500,
    budget: Length = "5m",
) -> Recipe:
    """A variational autoencoder: an encoder says where in z an image lies, a decoder draws it, and new ones.

    The paper's network: one hidden layer of 500 units with tanh in encoder and decoder, batches of 100, one z a sample. On
    MNIST with z of 20 that is 412,540 and 403,284 weights. `likelihood=bernoulli` draws black or white from each grey pixel,
    afresh each time it is read, so the ELBO is that of binary images; `likelihood=gaussian` takes pixels as they are, with a
    sigma of .1; it is the one for points, of which the decoder has no sigmoid.

    Adam at 1e-3, falling to 0 over the second half, in place of Adagrad.

    Known to go wrong: its pictures are blurred. A pixel that could be black or white is drawn grey, as the mean is what costs
    least.

    Source: D. P. Kingma, M. Welling, Auto-encoding variational Bayes, ICLR 2014, eq. 10, section 5 and appendix C.
    """
    shape = shape_of(data)
    if len(shape) != 3 and likelihood == "bernoulli":
        message = f"likelihood=bernoulli takes pixels for probabilities, but the samples of {label(data)} are {list(shape)}"
        raise RecipeError(f"recipe vae: {message}: say likelihood=gaussian")
    return Recipe(
        name="vae",
        data=data,
        value_range=(0.0, 1.0),
        noise=Normal(latent_size),
        networks={
            "encoder": MLPEncoder((hidden,), activation="tanh"),
            "generator": MLPGenerator((hidden,), activation="tanh", end="sigmoid" if len(shape) == 3 else "linear"),
        },
        objective=Variational(Bernoulli() if likelihood == "bernoulli" else Gaussian()),
        optimizers={"autoencoder": Adam(1e-3, schedule=Linear(start=0.5))},
        batch_size=100,
        budget=budget,
        pictures=Pictures(count=64),
    )


def vae_gan(
    data: Source = Mnist(), published: bool = False, latent_size: PositiveInt | None = None, budget: Length | None = None
) -> Recipe:
    """A VAE that compares by a discriminator's features, and a GAN that can draw what it is shown.

    `published=true` is the paper's network for 64 x 64, with 5x5 convolutions (table 1), RMSprop at 3e-4 and batches of 64;
    give it `data.size=64`. Its weights are counted for three channels and z of 128 as the table has them: 35,112,768 in the
    encoder, 4,693,155 in the generator, 10,953,857 in D. From the authors' program for faces: images are compared
    by D's fourth convolution, 16,384 numbers before their batch norm, with a gamma of 1e-6, over 4 million images.

    Otherwise sized for two processor cores: DCGAN's networks of width 32 with an encoder like D, z of 32, Adam at 5e-4.

    Known to go wrong: the two aims pull at G. With a large gamma it draws what it is shown and its samples from random z are
    poor, with a small one it is a GAN that forgets what it was shown.

    Source: A. B. L. Larsen et al., Autoencoding beyond pixels using a learned similarity metric, ICML 2016, algorithm 1 and
    table 1.
    """
    widths = doublings(data, 32, "vae-gan")
    networks: dict[str, Network] = {
        "encoder": ConvEncoder(widths[::-1]),
        "generator": ConvGenerator(widths),
        "discriminator": ConvDiscriminator(widths[::-1], batch_norm=BatchNorm(first=1)),
    }
    if published:
        networks = {
            "encoder": ConvEncoder((64, 128, 256), kernel=5, slope=0.0, hidden=2048),
            "generator": LarsenGenerator(),
            "discriminator": LarsenDiscriminator(),
        }
    optimizer = RmsProp(3e-4, 0.9) if published else Adam(5e-4, (0.5, 0.999), schedule=Linear(start=0.5))
    return Recipe(
        name="vae-gan",
        data=data,
        noise=Normal(latent_size or (128 if published else 32)),
        networks=networks,
        objective=VaeGan(gamma=1e-6, layer=8) if published else VaeGan(),
        optimizers=dict.fromkeys(("discriminator", "encoder", "generator"), optimizer),
        batch_size=64,
        budget=budget or ("4000000images" if published else "10m"),
        precision="float32" if published else "auto",
        ema=None if published else Ema(half_life_images=4000),
        pictures=Pictures(count=64),
    )
