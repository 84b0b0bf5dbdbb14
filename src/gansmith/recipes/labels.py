"""GANs that are told labels: by joining them to both inputs, by a classifier beside D, by projection."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from gansmith.data import Mnist, Source
from gansmith.networks import (
    AcGanDiscriminator,
    AcGanGenerator,
    AuxiliaryDiscriminator,
    ClassNormedGenerator,
    JoinedDiscriminator,
    MirzaDiscriminator,
    MirzaGenerator,
    ResidualDiscriminator,
    ResidualGenerator,
)
from gansmith.networks.base import Network
from gansmith.objectives import Adversarial, AuxiliaryLoss
from gansmith.objectives.losses import Hinge
from gansmith.optim.optimizers import SGD, Adam
from gansmith.optim.schedules import Exponential, Linear
from gansmith.recipes.base import Pictures, Recipe
from gansmith.recipes.default import default
from gansmith.recipes.lengths import Length
from gansmith.sampling.conditions import Labels
from gansmith.sampling.noise import Normal, Uniform

FAMILY = ("conditional", 1)


def cgan(data: Source = Mnist(), budget: Length | None = None, published: bool = False) -> Recipe:
    """A GAN that is told labels, joined to the input of both networks.

    As it stands it has the networks and the optimizer of `default`, which fit themselves to the data: G's z and D's image are
    joined by the label, to an image as one channel a class.

    `published=true` is the paper's network for MNIST: z of 100 entries, uniform in [0, 1), to 200 units and y to 1,000, together
    1,200, ReLU, then 784 sigmoids; D by maxout, x to 240 units of 5 pieces, y to 50 of 5, together 240 of 4; dropout .5 in
    both; SGD in batches of 100 with a rate that falls by 1.00004 a step from .1 to 1e-6, which takes 480 epochs, and momentum
    from .5 to .7. Not in the text, so chosen here: that the momentum rises straight over the whole run, PyTorch's start, and
    that G pays the non-saturating loss.

    Known to go wrong: with `published=true` nothing keeps G from making one image a class.

    Source: M. Mirza and S. Osindero, Conditional Generative Adversarial Nets, 2014.
    """
    if not published:
        return _told("cgan", data, budget, JoinedDiscriminator)
    sgd = SGD(0.1, momentum=0.5, schedule=Exponential(end=1e-5), momentum_schedule=Linear(end=1.4))
    return Recipe(
        name="cgan",
        data=data,
        condition=Labels(),
        value_range=(0.0, 1.0),
        noise=Uniform(100, 0.0, 1.0),
        networks={"generator": MirzaGenerator(), "discriminator": MirzaDiscriminator()},
        objective=Adversarial(joint_batch=True),
        optimizers={"discriminator": sgd, "generator": sgd},
        batch_size=100,
        budget=budget or "480epochs",
        pictures=Pictures(count=80, columns=8),
    )


def acgan(data: Source = Mnist(), budget: Length | None = None, published: bool = False) -> Recipe:
    """A GAN whose D also says which class it sees; both players pay for what it gets wrong.

    As it stands it has the networks and the optimizer of `default`, with a linear classifier beside D's logit. G is told the
    label beside z, D is not.

    `published=true` is the paper's network for CIFAR-10, of 32 x 32: z of 100 entries, G a linear layer to 4 x 4 x 384 and 5x5
    transposed convolutions to 192 and 96 channels; D six 3x3 convolutions of 16 to 512 channels with dropout .5; Adam at 2e-4
    with beta1 .5, batches of 100, 50,000 steps. Of what the paper tried, rates 1e-4 to 3e-4 and noise of sd 0 to .2 in D's
    layers, the middle rate and no noise were chosen here; so was that z is uniform from -1 to 1. Any data take its place with
    `--data` and `data.size=32`.

    Known to go wrong: G is paid for samples that are easy to classify, so that each class becomes more alike than it is.

    Source: A. Odena, C. Olah and J. Shlens, Conditional Image Synthesis with Auxiliary Classifier GANs, ICML 2017.
    """
    if not published:
        return _told("acgan", data, budget, AuxiliaryDiscriminator, auxiliary=AuxiliaryLoss())
    adam = Adam(2e-4, (0.5, 0.999))
    return Recipe(
        name="acgan",
        data=Mnist(size=32) if data == Mnist() else data,
        condition=Labels(),
        noise=Uniform(100, -1.0, 1.0),
        networks={"generator": AcGanGenerator(), "discriminator": AuxiliaryDiscriminator(AcGanDiscriminator())},
        objective=Adversarial(auxiliary=AuxiliaryLoss()),
        optimizers={"discriminator": adam, "generator": adam},
        batch_size=100,
        budget=budget or "5000000images",
        pictures=Pictures(count=80, columns=8),
    )


def projection(data: Source = Mnist(), budget: Length | None = None, published: bool = False) -> Recipe:
    """A GAN whose D asks how well what it sees goes with the label, by a product of the two.

    As it stands it has the networks and the optimizer of `default`: G is told the label beside z, and D's logit has a product of
    the label's vector and what its last layer sees.

    `published=true` is the paper's network for ImageNet, of 128 x 128: residual G of 1,024 to 64 channels that is told by a scale
    and a shift for each class in its batch norms, residual D of 64 to 1,024 channels with spectral norm; hinge loss, Adam at
    2e-4 with betas 0 and .9, five turns of D with batches of 64, 128 fakes in G's, 450,000 steps of G with a rate that falls to
    0 over the last 50,000; the batches are those of the authors' program, on four GPUs together. Here the classes' vectors start
    at 0 and have no spectral norm, and fakes are asked for the classes of the batch's reals. It is meant for colour images with
    `data.size=128` on a GPU.

    Known to go wrong: a class that looks much like another one takes on some of what the other has.

    Source: T. Miyato and M. Koyama, cGANs with Projection Discriminator, ICLR 2018.
    """
    if not published:
        return _told("projection", data, budget)
    adam = Adam(2e-4, (0.0, 0.9), schedule=Linear(start=8 / 9))
    return Recipe(
        name="projection",
        data=data,
        condition=Labels(),
        noise=Normal(128),
        networks={
            "generator": ClassNormedGenerator(ResidualGenerator((1024, 1024, 512, 256, 128, 64))),
            "discriminator": ResidualDiscriminator((64, 128, 256, 512, 1024, 1024), halvings=5, spectral_norm=True),
        },
        objective=Adversarial(loss=Hinge(), discriminator_turns=5, generator_fakes=128),
        optimizers={"discriminator": adam, "generator": adam},
        batch_size=64,
        budget=budget or "144000000images",
        pictures=Pictures(count=80, columns=8),
    )


def _told(
    name: str,
    data: Source,
    budget: Length | None,
    wrapped: Callable[[Network], Network] = lambda network: network,
    **changes: Any,
) -> Recipe:
    """`default`, told labels in place of the kinds that it finds, which it speaks of last. `wrapped` says how D is told.

    `changes` are of the objective's fields.
    """
    base = default(data, budget or "15m")
    return dataclasses.replace(
        base,
        name=name,
        condition=Labels(),
        networks={**base.networks, "discriminator": wrapped(base.networks["discriminator"])},
        objective=dataclasses.replace(base.objective, **changes),  # type: ignore[type-var]
        why=base.why[:-1] if base.condition else base.why,
    )
