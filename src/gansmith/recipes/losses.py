"""One recipe per loss: Wasserstein with clipping, Wasserstein with a gradient penalty, least squares, hinge, relativistic.

By default all five have DCGAN's small generator and a similar discriminator, with batch norm in D for `wgan` only, so that
equal training times compare the losses: `benchmarks/losses_at_equal_time.py`. `published=true` gives the networks of each paper.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from gansmith.data import FashionMnist, Source
from gansmith.networks import (
    BatchNorm,
    ConvDiscriminator,
    LsganGenerator,
    R3GanDiscriminator,
    R3GanGenerator,
    ResidualDiscriminator,
    ResidualGenerator,
)
from gansmith.networks.base import Network
from gansmith.objectives import Adversarial
from gansmith.objectives.augmentation import Augment
from gansmith.objectives.losses import Hinge, LeastSquares, Relativistic, Wasserstein
from gansmith.objectives.penalties import R1, R2, GradientPenalty
from gansmith.optim.ema import Ema
from gansmith.optim.optimizers import Adam, Clipped, Optimizer, RmsProp
from gansmith.optim.schedules import Cosine, Linear
from gansmith.recipes.base import Pictures, Recipe
from gansmith.recipes.dcgan import PUBLISHED as DCGAN_WIDTH
from gansmith.recipes.dcgan import SMALL, discriminator, doublings, generator
from gansmith.recipes.lengths import Length
from gansmith.sampling.noise import Noise, Normal, Uniform

FAMILY = ("losses", 1)

FALLING = Linear(start=0.5)  # a learning rate that falls to 0 over the second half, so that a run of minutes converges


def wgan(data: Source = FashionMnist(), published: bool = False, budget: Length | None = None) -> Recipe:
    """The Wasserstein GAN: a critic with clipped weights; five critic updates per step.

    The paper: clipping at .01, RMSprop at 5e-5 for both players, batches of 64, five turns of the critic with a batch each,
    DCGAN's networks for 64 x 64 with batch norm in both. `published=true` is this; add `data.size=64`. The authors' code
    sometimes gives the critic a hundred turns; here it always has five. The 25 epochs are from that code.

    The default size has a learning rate of 5e-4 and keeps batch norm in the critic, which hardly learned without it. The budget
    counts real images, and G's turn reads none: for the same number of images G has a fifth of the steps.

    Known to go wrong: clipping limits the critic to simple functions, and its gradient is small or large with the bound. The
    paper itself calls clipping a terrible way. `wgan-gp` is the answer to it.

    Source: M. Arjovsky, S. Chintala, L. Bottou, Wasserstein GAN, ICML 2017, algorithm 1.
    """
    objective = Adversarial(loss=Wasserstein(), discriminator_turns=5)
    if published:
        networks = _dcgans(data, "wgan")
        slow = RmsProp(5e-5)
        optimizers: dict[str, Optimizer] = {"discriminator": Clipped(slow, 0.01), "generator": slow}
        return _run("wgan", data, budget or "25epochs", objective, networks, optimizers)
    fast = RmsProp(5e-4, schedule=FALLING)
    made = _small("wgan", data, budget, objective, {"discriminator": Clipped(fast, 0.01), "generator": fast})
    return dataclasses.replace(made, networks=_dcgans(data, "wgan", SMALL))


def wgan_gp(data: Source = FashionMnist(), published: bool = False, budget: Length | None = None) -> Recipe:
    """The Wasserstein GAN with a gradient penalty instead of clipping; five critic updates per step.

    The paper: lambda 10, Adam at 1e-4 with betas 0 and .9, batches of 64, five turns of the critic, no batch norm in the critic,
    because the penalty is per sample. `published=true` is its residual network for CIFAR-10 (appendix F: 1,204,483 weights in G,
    1,053,825 in D, z of 128), with a learning rate of 2e-4 that falls to 0 over 100,000 steps of G; the 128 generated images in
    G's turn are from the authors' code. Add `data.size=32 data.channels=3`, or use images of that size.

    The default size has a learning rate of 5e-4.

    Known to go wrong: a step is slow, with five turns of a critic that is differentiated twice.

    Source: I. Gulrajani et al., Improved training of Wasserstein GANs, NeurIPS 2017, algorithm 1 and appendix F.
    """
    objective = Adversarial(loss=Wasserstein(), penalties=(GradientPenalty(10.0),), discriminator_turns=5)
    if published:
        objective = dataclasses.replace(objective, generator_fakes=128)
        networks: dict[str, Network] = {
            "generator": ResidualGenerator((128,) * 4),
            "discriminator": ResidualDiscriminator((128,) * 4, pool="mean"),
        }
        adam = Adam(2e-4, (0.0, 0.9), schedule=Linear())
        return _run("wgan-gp", data, budget or "32000000images", objective, networks, _both(adam), Normal(128))
    return _small("wgan-gp", data, budget, objective, _both(Adam(5e-4, (0.0, 0.9), schedule=FALLING)))


def lsgan(data: Source = FashionMnist(), published: bool = False, budget: Length | None = None) -> Recipe:
    """The least-squares GAN: squared errors train D's output towards 1 for real and 0 for generated samples.

    G's loss is the squared distance of D's output from 1, so G still learns from samples that D takes for real. The paper: Adam
    with beta1 .5, batches of 64, learning rates of 1e-3 for rooms and 2e-4 for characters. `published=true` is its network for
    rooms of 112 x 112, with z of 1024 (15,577,667 weights in G, 4,332,545 in D), at 1e-3; add `data.size=112`. From the authors'
    code: z uniform in [-1, 1], a million steps.

    The default size has a learning rate of 1e-3 and no batch norm in D.

    Known to go wrong: D's output is unbounded, and if D is far ahead, the worst samples dominate the gradient.

    Source: X. Mao et al., Least squares generative adversarial networks, ICCV 2017, eq. 9 and section 4.
    """
    objective = Adversarial(loss=LeastSquares())
    if published:
        networks: dict[str, Network] = {
            "generator": LsganGenerator(),
            "discriminator": ConvDiscriminator((64, 128, 256, 512), kernel=5, batch_norm=BatchNorm(first=1)),
        }
        adam = Adam(1e-3, (0.5, 0.999))
        return _run("lsgan", data, budget or "64000000images", objective, networks, _both(adam), Uniform(1024, -1.0, 1.0))
    return _small("lsgan", data, budget, objective, _both(Adam(1e-3, (0.5, 0.999), schedule=FALLING)))


def hinge(data: Source = FashionMnist(), published: bool = False, budget: Length | None = None) -> Recipe:
    """SNGAN: the hinge loss with spectral norm on all layers of D.

    The paper: spectral norm by one power iteration per pass, Adam at 2e-4 with betas 0 and .9 falling to 0, five turns of D,
    batches of 64. `published=true` is its residual network for CIFAR-10 (4,276,739 weights in G, 1,053,825 in D, z of 128); from
    the authors' code, 128 generated images in G's turn and 50,000 steps of G. Add `data.size=32 data.channels=3`, or use images
    of that size.

    The default size has one turn of D per step, a learning rate of 1e-3 and beta1 .5.

    Known to go wrong: spectral norm bounds D's slope layer by layer, so a small D learns slowly.

    Source: T. Miyato et al., Spectral normalization for generative adversarial networks, ICLR 2018, eq. 16 and 17, appendix B;
    the loss first in J. H. Lim, J. C. Ye, Geometric GAN, 2017.
    """
    if published:
        networks: dict[str, Network] = {
            "generator": ResidualGenerator((256,) * 4),
            "discriminator": ResidualDiscriminator((128,) * 4, spectral_norm=True),
        }
        objective = Adversarial(loss=Hinge(), discriminator_turns=5, generator_fakes=128)
        adam = Adam(2e-4, (0.0, 0.9), schedule=Linear())
        return _run("hinge", data, budget or "16000000images", objective, networks, _both(adam), Normal(128))
    made = _small("hinge", data, budget, Adversarial(loss=Hinge()), _both(Adam(1e-3, (0.5, 0.999), schedule=FALLING)))
    normed = {name: n if name == "generator" else dataclasses.replace(n, spectral_norm=True) for name, n in made.networks.items()}  # type: ignore[type-var]
    return dataclasses.replace(made, networks=normed)


def r3gan(
    data: Source = FashionMnist(), published: bool = False, own_networks: bool = False, budget: Length | None = None
) -> Recipe:
    """R3GAN: a relativistic loss on pairs of real and generated samples, with the penalties R1 and R2.

    The paper: relativistic pairing; R1 and R2 at every step with one gamma that falls from ten times its end value; learning rate
    2e-4 to 5e-5, beta2 .9 to .99, beta1 0, all along half a cosine; z of 64; residual blocks of grouped convolutions without
    normalization; samples from a running mean whose half-life grows. `published=true` is its network for CIFAR-10: four stages of
    two blocks of width 768 (20,732,160 weights in G, 20,683,776 in D), gamma .05 to .005, batches of 512, all schedules over 20
    million images, and augmentation with the published probabilities, up to .55; the published augmentation has more operations
    than ours. Add `data.size=32 data.channels=3`. The published model is conditional; add `condition=labels` for that.

    By default it has the same networks as the other losses, gamma .5 to .05, batches of 64, learning rates of 1e-3 to 5e-5.
    `own_networks=true` has R3GAN's networks in a small size: three stages of one block (64, 64, 32).

    Known to go wrong: grouped convolutions are slow on a processor, and each of the two penalties needs two passes through D. In
    five minutes its own networks see too few images.

    Source: Y. Huang et al., The GAN is dead; long live the GAN! A modern baseline GAN, NeurIPS 2024, eq. 2 and section 3, and the
    settings of its code.
    """
    falling = Cosine(end=0.25 if published else 0.05)
    adam = Adam(2e-4 if published else 1e-3, (0.0, 0.9), schedule=falling, beta2_schedule=Cosine(end=0.1))
    gamma = 0.005 if published else 0.05
    objective = Adversarial(loss=Relativistic(), penalties=(R1(gamma), R2(gamma)), penalty_schedule=Cosine(first=10.0, end=1.0))
    if not published:
        made = _small("r3gan", data, budget, objective, _both(adam))
        if not own_networks:
            return made
        return dataclasses.replace(
            made, networks={"generator": R3GanGenerator((64, 64, 32)), "discriminator": R3GanDiscriminator((32, 64, 64))}
        )
    networks: dict[str, Network] = {
        "generator": R3GanGenerator((768,) * 4, blocks=2),
        "discriminator": R3GanDiscriminator((768,) * 4, blocks=2),
    }
    augmentation = Augment(probability=0.55, schedule=Cosine(first=0.0, end=1.0))
    objective = dataclasses.replace(objective, augmentation=augmentation)
    made = _run("r3gan", data, budget or "20000000images", objective, networks, _both(adam), Normal(64))
    growing = Ema(half_life_images=5_000_000, ramp=None, schedule=Cosine(first=0.0, end=1.0))
    return dataclasses.replace(made, batch_size=512, ema=growing)


def _both(adam: Adam) -> dict[str, Optimizer]:
    """The same optimizer for both players."""
    return {"discriminator": adam, "generator": adam}


def _dcgans(data: Source, name: str, width: int = DCGAN_WIDTH) -> dict[str, Network]:
    """DCGAN's generator and discriminator for these data. Raises RecipeError for points; `name` is the recipe in the message."""
    widths = doublings(data, width, name)
    return {"generator": generator(widths), "discriminator": discriminator(widths)}


def _run(
    name: str,
    data: Source,
    budget: Length,
    objective: Adversarial,
    networks: Mapping[str, Network],
    optimizers: Mapping[str, Optimizer],
    noise: Noise = Normal(100),
) -> Recipe:
    """A recipe with the settings that the papers share: batches of 64, samples from the last weights."""
    return Recipe(
        name=name,
        data=data,
        noise=noise,
        networks=networks,
        objective=objective,
        optimizers=optimizers,
        batch_size=64,
        budget=budget,
        pictures=Pictures(count=64),
    )


def _small(name: str, data: Source, budget: Length | None, objective: Adversarial, optimizers: Mapping[str, Optimizer]) -> Recipe:
    """A recipe with the settings that the default sizes share, so that they differ only in loss, penalties and optimizer."""
    widths = doublings(data, SMALL, name)
    networks: dict[str, Network] = {"generator": generator(widths), "discriminator": ConvDiscriminator(widths[::-1])}
    made = _run(name, data, budget or "5m", objective, networks, optimizers)
    return dataclasses.replace(made, precision="auto", ema=Ema(half_life_images=4000))
