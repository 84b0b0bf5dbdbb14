"""The GANs of five tutorials, one of them in two versions, with exactly their settings.

Common to all: images in [-1, 1]; z ~ N(0, I), drawn again for each turn; 60,000 training images, reshuffled each epoch, with a
shorter last batch; D's turn before G's; labels 1 for real and 0 for generated; binary cross-entropy on logits, which equals
sigmoid and cross-entropy; the non-saturating loss for G; PyTorch's initialization; dropout active in both turns; samples from
the current weights in evaluation mode. The docstrings state exceptions. The networks adapt to the shape of the data, so every
recipe also runs on other images: `--data digits`.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated

from pydantic import Field

from gansmith.core.fields import BatchSize, Dim, Epochs, Positive
from gansmith.data import Channels, FashionMnist, Mnist, Size
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
    """The same optimizer for both players."""
    return {"discriminator": adam, "generator": adam}


def tutorial_small() -> Recipe:
    """The smallest GAN, on MNIST: one hidden layer per network. Known to stay at speckled blobs.

    G is 32-128-784 and D 784-64-1, leaky ReLU .01. D's loss is the mean of its real and generated terms. Both turns use the same
    generated samples: D is updated, then scores them again for G. 25 epochs, batches of 32.

    Known to go wrong: with these settings (Adam's betas .9 and .999) the samples stay speckled blobs, all of one class to a
    classifier, and D wins throughout. With `optimizers.generator.betas=[0.5,0.999]` and the same for D, the networks draw rough
    digits within 10 epochs.

    Source: an introduction to GANs in PyTorch. The text available to us lacked an `else`; it is completed here as plain
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
    epochs: Epochs = 200,
    batch_size: BatchSize = 128,
    lr: Positive = 2e-4,
    beta1: Beta = 0.5,
    beta2: Beta = 0.999,
    latent_size: Dim = 100,
    image_size: Size = 28,
    channels: Channels = 1,
) -> Recipe:
    """A wider GAN with batch norm in G, on Fashion-MNIST: recognizable clothes after many epochs.

    G is 100-128-256-512-1024-784 with leaky ReLU .2 and batch norm before it on the layers of 256, 512 and 1024. D is
    784-512-256-1. Batch norm has an epsilon of .8, because the source passes .8 as an argument that it takes for the momentum.
    D's loss is the sum of its terms, and both turns use the same z. 200 epochs, batches of 128. The eight settings of the source
    are parameters of this function: `gansmith train tutorial-batchnorm epochs=20 latent_size=64`.

    G does not change between the two turns that share z, so it runs once for both: images and gradients are equal to two passes.
    Only batch norm's running statistics, which samples use, are updated once per step instead of twice.

    Known to go wrong: G's loss falls, then rises again from about epoch 80.

    Source: "Introduction to Generative Adversarial Networks (GANs)" in PyTorch and TensorFlow, from a series that continues with
    DCGAN, conditional GAN and pix2pix. The optimizer steps missing from the text available to us are restored.
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
        optimizers=_both(Adam(lr, (beta1, beta2))),
        batch_size=batch_size,
        budget=f"{epochs}epochs",
        pictures=Pictures(count=16, columns=4),
        log_every="1epochs",
    )


def tutorial_batchnorm_tensorflow(
    epochs: Epochs = 200,
    batch_size: BatchSize = 128,
    lr: Positive = 2e-4,
    beta1: Beta = 0.5,
    beta2: Beta = 0.999,
    latent_size: Dim = 100,
    image_size: Size = 28,
    channels: Channels = 1,
) -> Recipe:
    """The TensorFlow version of tutorial-batchnorm: simultaneous updates, and batch norm with a short memory.

    Differences from tutorial-batchnorm: every layer starts with He's uniform weights and zero biases; batch norm's running
    statistics keep a tenth of their value at each step (momentum .1 in Keras, .9 in PyTorch); Adam's epsilon is 1e-7; the turns
    are simultaneous: 128 generated images from one pass of G, even with the last 96 real images of an epoch, both losses from the
    same weights, then G's update, then D's. Pictures at the start, the middle and the end.

    It runs in both frameworks: `gansmith train tutorial-batchnorm-tensorflow --framework tensorflow`, or without the option.

    Known to go wrong: the running statistics, which samples use, are those of the last one or two batches.

    Source: the TensorFlow part of "Introduction to Generative Adversarial Networks (GANs)", the source of tutorial-batchnorm.
    """
    recipe = tutorial_batchnorm(epochs, batch_size, lr, beta1, beta2, latent_size, image_size, channels)
    return dataclasses.replace(
        recipe,
        name="tutorial-batchnorm-tensorflow",
        networks={
            "generator": MLPGenerator((128, 256, 512, 1024), batch_norm=BatchNorm(eps=0.8, momentum=0.9, first=1), init="he"),
            "discriminator": MLPDiscriminator((512, 256), init="he"),
        },
        objective=Adversarial(turns="simultaneous", share="fakes", discriminator_fakes=batch_size, joint_batch=True),
        optimizers=_both(Adam(lr, (beta1, beta2), eps=1e-7)),
        pictures=Pictures(count=16, columns=4, every=f"{epochs / 2:g}epochs"),
    )


def tutorial_dropout() -> Recipe:
    """A GAN with dropout in both networks, uniform z and one-sided label smoothing, on MNIST.

    G is 100-32-64-128-784 and D 784-128-64-32-1; each hidden layer has leaky ReLU .2 and dropout .3. z is uniform in [-1, 1], for
    samples too. The label of real images is .9 in D's turn. D's loss is the sum of its terms. Adam at 2e-3, ten times the usual
    learning rate; 100 epochs; batches of 64. An array of samples from fixed z is saved each epoch.

    Known to go wrong: dropout in G adds noise to its images during training. Samples are made without it, so they are smoother
    than any image that D saw.

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
    """The usual Keras GAN, on MNIST: 128 real and 128 generated images in one batch for D, then 256 z for G.

    Images are scaled to [0, 1] although G ends in tanh, so G must learn not to use half of its range. G is 100-256-512-1024-784
    with leaky ReLU .2. D is 784-1024-512-256-1 with leaky ReLU .2 and dropout .3. Both start with Glorot's uniform weights and
    zero biases. Adam's epsilon is 1e-7. Real images are drawn with replacement. 234 steps count as an epoch, which is half a pass
    over the data; 200 epochs. The generated images for D come from G in evaluation mode, which equals training mode for this G
    without batch norm and dropout.

    Known to go wrong: early on D, whose first layer is four times as wide as G's, leaves G little gradient; samples look alike
    for many epochs.

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
    """A walk-through of Goodfellow et al. 2014, on MNIST, with Adam.

    G is 100-256-512-1024-784 with ReLU. D is 784-1024-512-256-1 with ReLU and dropout .3. D's loss is one mean binary
    cross-entropy over the joined real and generated batch. The source shuffles this batch first; the mean does not depend on the
    order, so the shuffling is left out. Adam at 1e-4, 50 epochs, batches of 32.

    Known to go wrong: some runs never improve; start again with other weights (`seed=1`). G stops learning when D's accuracy is
    one half.

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
