"""Five tutorials' GANs, one of them in two versions, with their settings to the letter.

All: images in [-1, 1], z ~ N(0, I) drawn afresh for each turn, 60,000 training images reshuffled each epoch with the
last short batch kept, D's turn before G's, labels 1 for real and 0 for fake, binary cross-entropy on logits (the same as
sigmoid and cross-entropy), G's loss non-saturating, PyTorch's start, dropout on in both players' turns, samples from the
raw weights in evaluation mode. Where one differs, its docstring says so. The networks' ends adapt to the data, so each
also runs on other images: `--data digits`.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt

from gansmith.data import Channels, FashionMnist, Mnist
from gansmith.networks import BatchNorm, MLPDiscriminator, MLPGenerator
from gansmith.objectives import Adversarial
from gansmith.objectives.losses import NonSaturating
from gansmith.optim.optimizers import Adam, Optimizer
from gansmith.recipes.base import Pictures, Recipe
from gansmith.recipes.order import WithReplacement
from gansmith.sampling.noise import Normal, Uniform

FAMILY = ("tutorials", 1)

Beta = Annotated[float, Field(ge=0.0, lt=1.0)]


def _both(adam: Adam) -> dict[str, Optimizer]:
    return {"discriminator": adam, "generator": adam}


def tutorial_small() -> Recipe:
    """The smallest GAN on MNIST: one hidden layer a player. Known to stay at speckled blobs.

    G is 32-128-784 and D 784-64-1, leaky ReLU .01. D's loss is the mean of its real and fake terms, and the same fakes
    serve both turns: D is updated, then judges them again for G. 25 epochs, batches of 32.

    Known to go wrong: at these settings (Adam's betas .9 and .999) its samples stay speckled blobs, all one class to a
    classifier, with D winning throughout. With `optimizers.generator.betas=[0.5,0.999]` and the same for D, the same
    networks draw rough digits within 10 epochs.

    Source: an introduction to GANs in PyTorch. The text that reached us lacked an `else`; it is completed here as the plain
    alternation of both players.
    """
    return Recipe(
        name="tutorial-small",
        data=Mnist(),
        noise=Normal(32),
        networks={
            "generator": MLPGenerator((128,), slope=0.01),
            "discriminator": MLPDiscriminator((64,), slope=0.01),
        },
        objective=Adversarial(reduction="mean", share="fakes", joint_batch=True),
        optimizers=_both(Adam(2e-4)),
        batch_size=32,
        budget="25epochs",
        pictures=Pictures(count=32),
        log_every="1epochs",
    )


def tutorial_batchnorm(
    epochs: PositiveInt = 200,
    batch_size: PositiveInt = 128,
    rate: PositiveFloat = 2e-4,
    beta1: Beta = 0.5,
    beta2: Beta = 0.999,
    latent_size: PositiveInt = 100,
    image_size: PositiveInt = 28,
    channels: Channels = 1,
) -> Recipe:
    """A wider G with batch norm on Fashion-MNIST: recognisable clothes, after many epochs.

    G is 100-128-256-512-1024-784 with leaky ReLU .2, and batch norm before it on the 256, 512 and 1024 layers; D is
    784-512-256-1. Batch norm's epsilon is .8: the source hands .8 to an argument it takes for the momentum. D's loss is the
    sum of its terms, and both turns use the same z. 200 epochs, batches of 128. Its eight settings are this function's
    parameters, so `gansmith train tutorial-batchnorm epochs=20 latent_size=64` changes them by name.

    As G does not change between the two turns that share z, it is run once for both: the same images and the same gradients
    as running it twice. Only batch norm's running statistics, used for samples, then move once a step instead of twice.

    Known to go wrong: G's loss falls, then rises again from about epoch 80.

    Source: "Introduction to Generative Adversarial Networks (GANs)" in PyTorch and TensorFlow, from a series that goes on to
    DCGAN, conditional GAN and pix2pix. The optimizer steps missing from the text that reached us are put back.
    """
    return Recipe(
        name="tutorial-batchnorm",
        data=FashionMnist(size=None if image_size == 28 else image_size, channels=None if channels == 1 else channels),
        noise=Normal(latent_size),
        networks={
            "generator": MLPGenerator((128, 256, 512, 1024), batch_norm=BatchNorm(eps=0.8, first=1)),
            "discriminator": MLPDiscriminator((512, 256)),
        },
        objective=Adversarial(share="fakes", joint_batch=True),
        optimizers=_both(Adam(rate, (beta1, beta2))),
        batch_size=batch_size,
        budget=f"{epochs}epochs",
        pictures=Pictures(count=16, columns=4),
        log_every="1epochs",
    )


def tutorial_batchnorm_tensorflow(
    epochs: PositiveInt = 200,
    batch_size: PositiveInt = 128,
    rate: PositiveFloat = 2e-4,
    beta1: Beta = 0.5,
    beta2: Beta = 0.999,
    latent_size: PositiveInt = 100,
    image_size: PositiveInt = 28,
    channels: Channels = 1,
) -> Recipe:
    """The same tutorial's TensorFlow version: both players move at once, and batch norm hardly remembers.

    As tutorial-batchnorm but for this: every layer starts from He's uniform weights and zero biases, batch norm's running
    statistics keep a tenth of what they were at each step (momentum .1 as Keras counts it, .9 as PyTorch does), Adam's epsilon is
    1e-7, and the turns are simultaneous: 128 fakes from one pass of G, even against the last 96 reals of an epoch, both losses
    from the same weights, then G's update, then D's. Pictures at the start, half-way and at the end.

    Runs in either framework: `gansmith train tutorial-batchnorm-tensorflow --framework tensorflow`, or without the option.

    Known to go wrong: with so little memory batch norm's running statistics, which samples are made with, are those of the last
    one or two batches.

    Source: the TensorFlow part of "Introduction to Generative Adversarial Networks (GANs)", as tutorial-batchnorm's.
    """
    recipe = tutorial_batchnorm(epochs, batch_size, rate, beta1, beta2, latent_size, image_size, channels)
    return dataclasses.replace(
        recipe,
        name="tutorial-batchnorm-tensorflow",
        networks={
            "generator": MLPGenerator((128, 256, 512, 1024), batch_norm=BatchNorm(eps=0.8, momentum=0.9, first=1), init="he"),
            "discriminator": MLPDiscriminator((512, 256), init="he"),
        },
        objective=Adversarial(turns="simultaneous", share="fakes", discriminator_fakes=batch_size, joint_batch=True),
        optimizers=_both(Adam(rate, (beta1, beta2), eps=1e-7)),
        pictures=Pictures(count=16, columns=4, every=f"{epochs / 2:g}epochs"),
    )


def tutorial_dropout() -> Recipe:
    """Dropout in both players on MNIST, uniform z and one-sided label smoothing.

    G is 100-32-64-128-784 and D 784-128-64-32-1, each hidden layer with leaky ReLU .2 and dropout .3. z is uniform in
    [-1, 1], for samples too. Reals are labelled .9 in D's turn. D's loss is the sum of its terms. Adam at 2e-3, ten times
    the usual rate, 100 epochs, batches of 64; an array of samples from fixed z is kept each epoch.

    Known to go wrong: dropout in G is noise on its images while it trains, so its samples, made without it, are smoother
    than anything D was shown.

    Source: G. Singh, Analytics Vidhya, May 2021, on training a first GAN model.
    """
    return Recipe(
        name="tutorial-dropout",
        data=Mnist(),
        noise=Uniform(100, -1.0, 1.0),
        networks={
            "generator": MLPGenerator((32, 64, 128), dropout=0.3),
            "discriminator": MLPDiscriminator((128, 64, 32), dropout=0.3),
        },
        objective=Adversarial(loss=NonSaturating(real_label=0.9), joint_batch=True),
        optimizers=_both(Adam(2e-3)),
        batch_size=64,
        budget="100epochs",
        pictures=Pictures(count=16, columns=4, every="1epochs", arrays=True),
        log_every="25600images",  # 400 batches
    )


def tutorial_keras() -> Recipe:
    """The Keras way on MNIST: 128 real and 128 fake joined in one batch for D, then 256 z for G.

    Images are scaled to [0, 1] although G ends in tanh, so G must learn never to use half of its range. G is
    100-256-512-1024-784 with leaky ReLU .2, D 784-1024-512-256-1 with leaky ReLU .2 and dropout .3, both from Glorot's
    uniform start with zero biases; Adam's epsilon is 1e-7. Reals are drawn with replacement; 234 steps are called an epoch,
    which is half a pass over the data; 200 of them. The fakes for D come from G in evaluation mode, which for this G, with
    neither batch norm nor dropout, is the same as training mode.

    Known to go wrong: a D with twice G's width early on leaves G little gradient; samples of one kind for many epochs.

    Source: "Introduction to Generative Adversarial Networks (GANs)", Great Learning, in Keras.
    """
    return Recipe(
        name="tutorial-keras",
        data=Mnist(),
        value_range=(0.0, 1.0),
        noise=Normal(100),
        networks={
            "generator": MLPGenerator((256, 512, 1024), init="glorot"),
            "discriminator": MLPDiscriminator((1024, 512, 256), dropout=0.3, init="glorot"),
        },
        objective=Adversarial(reduction="mean", joint_batch=True, generator_fakes=256),
        optimizers=_both(Adam(2e-4, (0.5, 0.999), eps=1e-7)),
        batch_size=128,
        order=WithReplacement(epoch=234 * 128),
        budget="200epochs",
        pictures=Pictures(count=10, columns=10, every="1epochs"),
        log_every="1epochs",
        log_value="last",
    )


def tutorial_paper() -> Recipe:
    """Goodfellow et al. 2014 as a walk-through implements it, on MNIST, with Adam.

    G is 100-256-512-1024-784 with ReLU, D 784-1024-512-256-1 with ReLU and dropout .3. D pays one mean binary cross-entropy
    over the joined real and fake batch; the source shuffles that batch first, which changes no mean and is left out. Adam
    at 1e-4, 50 epochs, batches of 32.

    Known to go wrong: a run whose samples never improve is to be started again with new weights (`seed=1`), and G stops
    learning when D's accuracy is one half.

    Source: a walk through the implementation of Goodfellow et al. 2014 by Y. Mohammad.
    """
    return Recipe(
        name="tutorial-paper",
        data=Mnist(),
        noise=Normal(100),
        networks={
            "generator": MLPGenerator((256, 512, 1024), slope=0.0),
            "discriminator": MLPDiscriminator((1024, 512, 256), slope=0.0, dropout=0.3),
        },
        objective=Adversarial(reduction="mean", joint_batch=True),
        optimizers=_both(Adam(1e-4)),
        batch_size=32,
        budget="50epochs",
        pictures=Pictures(count=32, every="1epochs"),
        log_every="1epochs",
    )
