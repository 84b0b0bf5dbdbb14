"""Autoencoders whose decoder is a generator: the VAE, and VAE-GAN, which compares images by a discriminator's features."""

from __future__ import annotations

from typing import Literal

from gansmith.core.errors import RecipeError
from gansmith.core.fields import Dim, Width
from gansmith.data import Mnist, Source, display_name, sample_shape
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
    latent_size: Dim = 20,
    hidden: Width = 500,
    budget: Length = "5m",
) -> Recipe:
    """A variational autoencoder (VAE): an encoder maps images to z, and a decoder maps z to images.

    The paper's network: one hidden layer of 500 units with tanh in encoder and decoder, batches of 100, one z per sample. On
    MNIST with z of 20 the encoder has 412,540 weights and the decoder 403,284. `likelihood=bernoulli` draws each pixel as black
    or white with its grey value as the probability, again at every read, so the ELBO is that of binary images.
    `likelihood=gaussian` uses the pixels as they are, with a sigma of .1. Points need it; their decoder has no sigmoid.

    Adam at 1e-3, falling to 0 over the second half, replaces the paper's Adagrad.

    Known to go wrong: samples are blurred. A pixel that could be black or white becomes grey, because the mean minimizes the
    error.

    Source: D. P. Kingma, M. Welling, Auto-encoding variational Bayes, ICLR 2014, eq. 10, section 5 and appendix C.
    """
    shape = sample_shape(data)
    if len(shape) != 3 and likelihood == "bernoulli":
        message = f"likelihood=bernoulli is for images, but the samples of {display_name(data)} have shape {list(shape)}"
        raise RecipeError(f"recipe vae: {message}: choose likelihood=gaussian")
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
    data: Source = Mnist(), published: bool = False, latent_size: Dim | None = None, budget: Length | None = None
) -> Recipe:
    """VAE-GAN: a VAE that compares images by a discriminator's features, and a GAN that reconstructs.

    `published=true` is the paper's network for 64 x 64, with 5x5 convolutions (table 1), RMSprop at 3e-4 and batches of 64; add
    `data.size=64`. For three channels and z of 128, as in the table, it has 35,112,768 weights in the encoder, 4,693,155 in the
    generator and 10,953,857 in D. From the authors' program for faces: images are compared by the output of D's fourth
    convolution, 16,384 numbers before its batch norm, with a gamma of 1e-6, over 4 million images.

    The default size is for two processor cores: DCGAN's networks of width 32, an encoder like D, z of 32, Adam at 5e-4.

    Known to go wrong: reconstruction and the GAN loss conflict. With a large gamma reconstructions are good and samples from
    random z are poor; with a small gamma it is a GAN whose reconstructions are poor.

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
