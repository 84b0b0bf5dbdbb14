"""InfoGAN: categories and continuous codes that are learned without labels."""

from __future__ import annotations

import dataclasses

from gansmith.data import Mnist, Source, sample_shape
from gansmith.networks import AuxiliaryDiscriminator, InfoGanDiscriminator, InfoGanGenerator
from gansmith.objectives import Adversarial, AuxiliaryLoss
from gansmith.objectives.augmentation import Affine, Augment, Translate
from gansmith.optim.optimizers import Adam
from gansmith.optim.schedules import Linear
from gansmith.recipes.base import Pictures, Recipe
from gansmith.recipes.default import default
from gansmith.recipes.lengths import Length
from gansmith.sampling.conditions import Codes
from gansmith.sampling.noise import Uniform

FAMILY = ("conditional", 2)


def infogan(data: Source = Mnist(), budget: Length | None = None, published: bool = False) -> Recipe:
    """InfoGAN: sorts images into ten categories and finds two continuous codes, all without labels.

    The generator gets one code of ten categories and two continuous codes in [-1, 1], drawn at random for each image. Q, a second
    head of D, predicts them from the image. Both players minimize its error, which maximizes a lower bound of the mutual
    information of code and image. Afterwards `gansmith sample RUN --class 3` makes images of one category,
    `gansmith explore slide RUN` moves a continuous code, and `gansmith evaluate RUN` measures how well the categories agree with
    the labels.

    By default the networks, z and the optimizer are those of `default`, with a linear Q and minibatch standard deviation in D. D
    and Q see images that are rotated, zoomed, sheared and shifted at random, less and less after a fifth of the run: at first the
    categories must not depend on these changes, later G may vary within a category. `published=true` is the paper's network for
    MNIST: z of 62 numbers and 12 for the codes, G 1024 - 7 x 7 x 128 - 64 - 1, D 64 - 128 - 1024 - 1, Q of 128 units beside D's
    last layer; Adam with beta1 .5, at 2e-4 for D and 1e-3 for G; lambda 1 for all codes. Batches of 128, 5,000 steps, images in
    [0, 1] and G's sigmoid are from the authors' program.

    Known to go wrong: the order of the categories is random, and two similar digits, such as 4 and 9, may share categories.

    Source: X. Chen et al., InfoGAN, NeurIPS 2016.
    """
    if not published:
        return _small(data, budget or "15m")
    return Recipe(
        name="infogan",
        data=data,
        condition=Codes(10, continuous=2),
        value_range=(0.0, 1.0),
        noise=Uniform(62, -1.0, 1.0),
        networks={
            "generator": InfoGanGenerator(),
            "discriminator": AuxiliaryDiscriminator(InfoGanDiscriminator(), hidden=128),
        },
        objective=Adversarial(auxiliary=AuxiliaryLoss()),
        optimizers={"discriminator": Adam(2e-4, (0.5, 0.999)), "generator": Adam(1e-3, (0.5, 0.999))},
        batch_size=128,
        budget=budget or "640000images",
        pictures=Pictures(count=80, columns=8),
    )


def _small(data: Source, budget: Length) -> Recipe:
    """`default` with codes as the condition, a linear Q and random changes of the images."""
    base = default(data, budget)
    assert isinstance(base.objective, Adversarial)
    objective = dataclasses.replace(base.objective, auxiliary=AuxiliaryLoss())
    discriminator = base.networks["discriminator"]
    if len(sample_shape(data)) == 3:
        operations = (Affine(degrees=15, zoom=0.2, shear=15), Translate())
        objective = dataclasses.replace(objective, augmentation=Augment(operations, schedule=Linear(start=0.2)))
        discriminator = dataclasses.replace(discriminator, minibatch_std=4)  # type: ignore[type-var]
    return dataclasses.replace(
        base,
        name="infogan",
        condition=Codes(10, continuous=2),
        networks={"generator": base.networks["generator"], "discriminator": AuxiliaryDiscriminator(discriminator)},
        objective=objective,
        why=(),
    )
