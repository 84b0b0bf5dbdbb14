"""The recipe that is taken where none is named: it looks at the data's shape, and says what it chose."""

from __future__ import annotations

import dataclasses
import math

from gansmith.core.formatting import listed
from gansmith.data import FashionMnist, Source, size_of
from gansmith.networks import ConvDiscriminator, ConvGenerator, MLPDiscriminator, MLPGenerator
from gansmith.objectives import Adversarial
from gansmith.objectives.penalties import R1
from gansmith.optim.ema import Ema
from gansmith.optim.optimizers import Adam
from gansmith.optim.schedules import Cosine, Linear
from gansmith.recipes.base import Pictures, Recipe
from gansmith.recipes.lengths import Length, seconds_in
from gansmith.sampling.conditions import Clusters
from gansmith.sampling.noise import Normal

FAMILY = ("start here", 1)

MOST_KINDS = 50
SAMPLES_A_KIND = 50
FEW = 5000  # images, below which D would soon know them by heart
LARGE = 32  # pixels, above which D has enough to see to leave G no slope; in several channels it has in any size
SHORT = 120.0  # seconds of training, in which many small steps come further than fewer large ones


def default(data: Source = FashionMnist(), budget: Length = "5m") -> Recipe:
    """A GAN that fits itself to any data, and says what it chose.

    Images get convolutions whose smallest map is at most 8 x 8, with a layer in D that sees the whole image at once. Where
    there are samples enough, k-means sorts them into kinds of which both players are told: no labels are looked at. For few
    images, and for large or coloured ones, D pays R1's penalty. Few images, and two minutes or less, go in smaller batches.
    Points, and images too narrow for convolutions, get fully connected networks. `why` says what was chosen.

    Known to go wrong: a few of its pictures are of no kind in particular, and of 500 colour images half an hour makes clean
    ones of some sorts alone. It has been measured on MNIST, Fashion-MNIST, those, drawn faces and stacked MNIST alone.

    Source: ours, after Radford et al. 2016 (DCGAN), Sage et al. 2018 and Liu et al. 2020 (clusters), Miyato and Koyama 2018
    (projection), Mescheder et al. 2018 (R1); `EXPERIMENTS.md` has what was tried.
    """
    count, *shape = size_of(data)
    categories = min(MOST_KINDS, count // SAMPLES_A_KIND)
    condition = Clusters(categories) if categories > 1 else None
    reasons = [f"{categories} kinds found among them by k-means, so that none is forgotten"] if condition else []
    stages = max(1, math.ceil(math.log2(max(shape[1:]) / 8))) if len(shape) == 3 else 0
    convolutional = len(shape) == 3 and min(shape[1:]) >= 2**stages
    recipe = _convolutional(data, budget, count, shape, stages) if convolutional else _fully_connected(data, budget, count, shape)
    return dataclasses.replace(recipe, condition=condition, why=(*recipe.why, *reasons))


def _convolutional(data: Source, budget: Length, count: int, shape: list[int], stages: int) -> Recipe:
    channels, height, width = shape
    widths = tuple(32 * 2**i for i in range(stages))
    colours = "grey" if channels == 1 else f"{channels} channels"
    doublings = f"{stages} {'time' if stages == 1 else 'times'}, with {listed(widths[::-1])} channels"
    why = [f"{count:,} images of {width} x {height}, {colours}: convolutions that double the size {doublings}"]
    is_few, is_short = count < FEW, (seconds_in(budget) or math.inf) <= SHORT
    much_to_see = [f"larger than {LARGE} pixels"] if max(height, width) > LARGE else []
    much_to_see += ["in several channels"] if channels > 1 else []
    if much_to_see and not is_few:
        why.append(f"{listed(much_to_see)}: D's slope at real ones is penalised (R1), or it would soon tell all apart")
    if is_few:
        why.append("so few that D's slope at them is penalised (R1), which keeps it from knowing them by heart")
        why.append("batches of 16, for more steps")
    elif is_short:
        why.append(f"{budget} is short: batches of 32, for more steps")
    penalties = (R1(),) if is_few or much_to_see else ()
    adam = Adam(1e-3, (0.5, 0.99), schedule=Linear(start=0.5))
    return Recipe(
        name="default",
        data=data,
        noise=Normal(16),
        networks={
            "generator": ConvGenerator(widths[::-1], blocks=1),
            "discriminator": ConvDiscriminator(widths, hidden=256),
        },
        objective=Adversarial(joint_batch=True, penalties=penalties, penalty_every=4 if penalties else 1),
        optimizers={"discriminator": adam, "generator": adam},
        batch_size=16 if is_few else 32 if is_short else 64,
        budget=budget,
        precision="auto",
        ema=Ema(half_life_images=4000),
        pictures=Pictures(count=64),
        why=tuple(why),
    )


def _fully_connected(data: Source, budget: Length, count: int, shape: list[int]) -> Recipe:
    is_few = count < FEW
    # Without momentum, and with a quicker D, finer shapes are seen and kept to.
    d_adam, g_adam = (Adam(rate, (0.0, 0.99), schedule=Cosine()) for rate in (1e-3 if is_few else 3e-3, 1e-3))
    slower = ["so few that D learns no quicker than G, or it would know them by heart"] if is_few else []
    return Recipe(
        name="default",
        data=data,
        noise=Normal(min(16, math.prod(shape))),  # more than the samples have only folds them
        networks={
            "generator": MLPGenerator((128, 128, 128), end="linear" if len(shape) == 1 else "tanh"),
            "discriminator": MLPDiscriminator((128, 128, 128)),
        },
        objective=Adversarial(joint_batch=True),
        optimizers={"discriminator": d_adam, "generator": g_adam},
        batch_size=100,
        budget=budget,
        ema=Ema(half_life_images=20_000),
        pictures=Pictures(count=1024),
        why=(f"{count:,} samples of {' x '.join(map(str, shape))} numbers: fully connected networks", *slower),
    )
