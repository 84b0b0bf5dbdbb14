"""Codes that are found without labels."""

from __future__ import annotations

import dataclasses

from gansmith.data import Mnist, Source, shape_of
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
    """Digits sorted without any label: G is told codes, and must make images from which D can tell them again.

    One code of ten kinds and two sliders from -1 to 1 are drawn for each image. Q, a head on D's body, says what it takes them
    for; both players pay for what it gets wrong, which is a lower bound of the mutual information of code and image. After that
    `gansmith sample RUN --class 3` makes images of one kind, `gansmith explore slide RUN` moves a slider, and
    `gansmith evaluate RUN` says how far the kinds agree with the digits.

    As it stands the networks, z and the optimizer are those of `default`, with a linear Q and a D that sees how much samples
    differ. Images are turned, zoomed, slanted and moved at random before D and Q see them, less and less from a fifth of the run
    on: at first only what outlasts that can be a kind, and later G may vary within kinds. `published=true` is the paper's network
    for MNIST: z of 62 entries and 12 of codes, G 1024 - 7 x 7 x 128 - 64 - 1, D 64 - 128 - 1024 - 1, Q 128 beside D's last
    layer; Adam with beta1 .5, 2e-4 for D and 1e-3 for G, lambda 1 for all codes. Batches of 128 and 5,000 steps are those of
    the authors' program; images in [0, 1] and G's sigmoid are, too.

    Known to go wrong: which kind becomes which digit is chance, and two digits that look alike, such as 4 and 9, may share kinds.

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
    base = default(data, budget)
    assert isinstance(base.objective, Adversarial)
    objective = dataclasses.replace(base.objective, auxiliary=AuxiliaryLoss())
    discriminator = base.networks["discriminator"]
    if len(shape_of(data)) == 3:
        changed = (Affine(degrees=15, zoom=0.2, shear=15), Translate())
        objective = dataclasses.replace(objective, augmentation=Augment(changed, schedule=Linear(start=0.2)))
        discriminator = dataclasses.replace(discriminator, minibatch_std=4)  # type: ignore[type-var]
    return dataclasses.replace(
        base,
        name="infogan",
        condition=Codes(10, continuous=2),
        networks={"generator": base.networks["generator"], "discriminator": AuxiliaryDiscriminator(discriminator)},
        objective=objective,
        why=(),
    )
