"""Conditional GANs: the class label is joined to the inputs (cGAN), classified (AC-GAN), or projected (projection D)."""

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
from gansmith.recipes.default import _adapted
from gansmith.recipes.lengths import Length
from gansmith.sampling.conditions import Labels
from gansmith.sampling.noise import Normal, Uniform

FAMILY = ("conditional", 1)


def cgan(data: Source = Mnist(), budget: Length | None = None, published: bool = False) -> Recipe:
    """A conditional GAN: the class label is joined to the inputs of both networks.

    By default the networks and the optimizer are those of `default`, which adapts them to the data. The label is joined to z for
    G and to the samples for D; an image gets one more channel per class.

    `published=true` is the paper's network for MNIST. G: z of 100 numbers, uniform in [0, 1), to 200 units, the label to 1,000
    units, together to 1,200, ReLU, then 784 sigmoids. D with maxout: the image to 240 units of 5 pieces, the label to 50 of 5,
    together to 240 of 4. Dropout .5 in both. SGD with batches of 100, a learning rate that falls by a factor of 1.00004 per step
    from .1 to 1e-6, which takes 480 epochs, and a momentum that rises from .5 to .7. Not in the text and chosen here: the
    momentum rises linearly over the whole run, PyTorch's initialization, and the non-saturating loss for G.

    Known to go wrong: with `published=true` nothing keeps G from making a single image per class.

    Source: M. Mirza and S. Osindero, Conditional Generative Adversarial Nets, 2014.
    """
    if not published:
        return _conditional("cgan", data, budget, JoinedDiscriminator)
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
    """AC-GAN: a conditional GAN whose discriminator also classifies its input.

    By default the networks and the optimizer are those of `default`, with a linear classifier beside D's logit. The label is a
    condition of G only. Both players minimize the classifier's error.

    `published=true` is the paper's network for CIFAR-10, for images of 32 x 32. G: z of 100 numbers, a linear layer to 4 x 4 x
    384, 5x5 transposed convolutions to 192 and 96 channels. D: six 3x3 convolutions of 16 to 512 channels with dropout .5. Adam
    at 2e-4 with beta1 .5, batches of 100, 50,000 steps. The paper tried learning rates from 1e-4 to 3e-4 and noise of standard
    deviation 0 to .2 in D's layers; chosen here are the middle rate, no noise, and z uniform in [-1, 1]. For other data use
    `--data` and `data.size=32`.

    Known to go wrong: G is rewarded for samples that are easy to classify, so samples of a class vary less than real ones.

    Source: A. Odena, C. Olah and J. Shlens, Conditional Image Synthesis with Auxiliary Classifier GANs, ICML 2017.
    """
    if not published:
        return _conditional("acgan", data, budget, AuxiliaryDiscriminator, auxiliary=AuxiliaryLoss())
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
    """A conditional GAN with a projection discriminator: an inner product of label and features in its logit.

    By default the networks and the optimizer are those of `default`. The label is joined to z for G. D's logit is the sum of a
    linear function of the last features and their inner product with a vector of the label.

    `published=true` is the paper's network for ImageNet at 128 x 128. G: residual, 1,024 to 64 channels, with a scale and a shift
    for each class in its batch norms. D: residual, 64 to 1,024 channels, with spectral norm. Hinge loss, Adam at 2e-4 with betas
    0 and .9, five turns of D with batches of 64, 128 generated images in G's turn, 450,000 steps of G with a learning rate that
    falls to 0 over the last 50,000. The batch sizes are the totals over the four GPUs of the authors' program. Differences: here
    the label vectors start at 0 and have no spectral norm, and generated images have the classes of the real batch. It is meant
    for colour images with `data.size=128` on a GPU.

    Known to go wrong: samples of a class can take on features of a similar class.

    Source: T. Miyato and M. Koyama, cGANs with Projection Discriminator, ICLR 2018.
    """
    if not published:
        return _conditional("projection", data, budget)
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


def _conditional(
    name: str,
    data: Source,
    budget: Length | None,
    wrap: Callable[[Network], Network] = lambda network: network,
    **changes: Any,
) -> Recipe:
    """`default` with class labels as the condition, in place of clusters.

    Args:
        wrap: gives D its condition, or an auxiliary classifier.
        changes: fields of the objective.
    """
    base = _adapted(data, budget or "15m", Labels())
    return dataclasses.replace(
        base,
        name=name,
        networks={**base.networks, "discriminator": wrap(base.networks["discriminator"])},
        objective=dataclasses.replace(base.objective, **changes),  # type: ignore[type-var]
    )
