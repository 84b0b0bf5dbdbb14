"""The first GAN (Goodfellow et al. 2014), and its discriminator alone."""

from __future__ import annotations

from gansmith.core.fields import Turns
from gansmith.data import Mnist
from gansmith.networks import MaxoutDiscriminator, MLPDiscriminator, MLPGenerator
from gansmith.objectives import Adversarial, Critic
from gansmith.objectives.losses import NonSaturating
from gansmith.optim.optimizers import SGD, Adam
from gansmith.recipes.base import Pictures, Recipe
from gansmith.sampling.noise import Normal, Uniform

FAMILY = ("classics", 1)


def goodfellow_2014(k: Turns = 1) -> Recipe:
    """The first GAN, on MNIST: k turns of D for one turn of G, maxout, SGD with momentum (algorithm 1).

    From the text: G with ReLU and a sigmoid output, so images in [0, 1]; D with maxout and dropout; uniform z; a batch of its own
    for each of D's k turns; SGD with momentum. Not in the text and chosen here: z of 100 numbers in [-1, 1]; G 100-1200-1200-784
    with Glorot's initialization; D with two maxout layers of 240 units and 5 pieces, weights uniform in [-.005, .005], dropout .2
    on its input and .5 after its layers; momentum .5; learning rates of .02 for D and .2 for G; batches of 100; 50 epochs.

    G's loss is the non-saturating one of section 3; `objective.loss=saturating` is eq. 1. The budget counts real images: with
    `k=2` an epoch has half as many turns of G.

    Known to go wrong: for the first three epochs all z give one shape; different digits follow later. With learning rates of .05
    for both players it stayed collapsed for the 5 epochs that were observed. With the saturating loss G hardly changes while D is
    confident.

    Source: I. Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014, algorithm 1 and section 5.
    """
    return Recipe(
        name="goodfellow-2014",
        data=Mnist(),
        value_range=(0.0, 1.0),
        noise=Uniform(100, -1.0, 1.0),
        networks={
            "generator": MLPGenerator((1200, 1200), slope=0.0, end="sigmoid", init="glorot"),
            "discriminator": MaxoutDiscriminator((240, 240), pieces=5, input_dropout=0.2, dropout=0.5, start=0.005),
        },
        objective=Adversarial(loss=NonSaturating(), discriminator_turns=k, joint_batch=True),
        optimizers={"discriminator": SGD(0.02, momentum=0.5), "generator": SGD(0.2, momentum=0.5)},
        batch_size=100,
        budget="50epochs",
        pictures=Pictures(count=32),
        log_every="1epochs",
    )


def noise_critic() -> Recipe:
    """A discriminator alone: it learns to tell digits from the noise images of an untrained generator.

    G is 1-256-784 with ReLU and tanh, frozen at its random initialization. D is 784-256-1 with ReLU and dropout .5. It learns
    from 60,000 digits and 60,000 images of G, which are equal in each of the 3 epochs, in joined batches of 64. At the end it
    classifies 10,000 held-out digits, 10,000 other images of G, and one new image.

    Not in the source's text and chosen here: Adam at 1e-3. The source shuffles all 120,000 images together; here each batch holds
    32 real and 32 generated ones, where the source has 32 on average.

    What it teaches: it is easy to tell real images from noise. A GAN is hard because the generator adapts.

    Source: a walk through the implementation of Goodfellow et al. 2014 by Y. Mohammad.
    """
    return Recipe(
        name="noise-critic",
        data=Mnist(),
        noise=Normal(1),
        networks={
            "generator": MLPGenerator((256,), slope=0.0),
            "discriminator": MLPDiscriminator((256,), slope=0.0, dropout=0.5),
        },
        frozen=("generator",),
        objective=Critic(),
        optimizers={"discriminator": Adam(1e-3)},
        batch_size=32,
        budget="3epochs",
        pictures=Pictures(count=16, columns=4, every="3epochs"),
        log_every="1epochs",
    )
