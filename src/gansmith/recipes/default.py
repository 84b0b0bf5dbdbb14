"""The default recipe: `gansmith train` without a name."""

from __future__ import annotations

import dataclasses
import math

from gansmith.core.formatting import listed, plain
from gansmith.data import FashionMnist, Source
from gansmith.data.named import facts_of
from gansmith.networks import ConvDiscriminator, ConvGenerator, MLPDiscriminator, MLPGenerator
from gansmith.objectives import Adversarial
from gansmith.objectives.penalties import R1
from gansmith.optim.ema import Ema
from gansmith.optim.optimizers import Adam
from gansmith.optim.schedules import Cosine, Linear
from gansmith.recipes.base import Pictures, Recipe
from gansmith.recipes.lengths import Length, seconds_in
from gansmith.sampling.conditions import Clusters, Condition
from gansmith.sampling.noise import Normal

FAMILY = ("start here", 1)

MAX_CLUSTERS = 50
SAMPLES_PER_CLUSTER = 50
MOST_NAMED = 5  # classes named in a reason
FEW = 5000  # images; with fewer, D soon memorizes them
LARGE = 32  # pixels a side; above, and for colour images of any size, D learns too fast to leave G a gradient
SHORT = 120.0  # seconds; in a shorter run many small steps reach more than fewer large ones


def default(data: Source = FashionMnist(), budget: Length = "5m") -> Recipe:
    """The default recipe. It adapts the networks and settings to the data and reports its choices.

    Images get convolutional networks. Their smallest feature map is at most 8 x 8, and one layer of D sees the whole image. With
    enough samples, k-means sorts them into clusters, and the cluster is a condition for both networks; labels are not used. D has
    an R1 penalty if there are few images, or if they are large or in colour. Few images, or a budget of two minutes or less, get
    smaller batches. Points, and images too narrow for convolutions, get fully connected networks. `why` lists the choices.

    Known to go wrong: a few samples show no clear object. On 500 colour images, half an hour of training gives clean images of
    some objects only. The recipe was measured on MNIST, Fashion-MNIST, these 500 images, drawn faces and stacked MNIST only.

    Source: ours, after Radford et al. 2016 (DCGAN), Sage et al. 2018 and Liu et al. 2020 (clusters), Miyato and Koyama 2018
    (projection), Mescheder et al. 2018 (R1). `EXPERIMENTS.md` lists what was tried.
    """
    return _adapted(data, budget)


def _adapted(data: Source, budget: Length, condition: Condition | None = None) -> Recipe:
    """`default` with a condition of one's own; None: clusters, if there are enough samples for them."""
    known = facts_of(data)
    count, *shape = known.shape
    reasons = []
    if condition is None:
        categories = min(MAX_CLUSTERS, count // SAMPLES_PER_CLUSTER)
        if categories > 1:
            condition = Clusters(categories)
            reasons.append(f"{categories} clusters found by k-means are the condition, so that no part of the data is lost")
        if known.num_classes:
            names = f" ({listed([plain(name, 24) for name in known.classes], MOST_NAMED)})" if known.classes else ""
            labels = f"the labels of {known.num_classes:,} classes{names}"
            reasons.append(f"{labels} are not used; cgan, acgan and projection use them")
    stages = max(1, math.ceil(math.log2(max(shape[1:]) / 8))) if len(shape) == 3 else 0
    convolutional = len(shape) == 3 and min(shape[1:]) >= 2**stages
    recipe = _convolutional(data, budget, count, shape, stages) if convolutional else _fully_connected(data, budget, count, shape)
    return dataclasses.replace(recipe, condition=condition, why=(*recipe.why, *reasons, *known.notes))


def _convolutional(data: Source, budget: Length, count: int, shape: list[int], stages: int) -> Recipe:
    """DCGAN-like networks with `stages` doublings, for images of shape (C, H, W)."""
    channels, height, width = shape
    widths = tuple(32 * 2**i for i in range(stages))
    colours = "grey" if channels == 1 else f"{channels} channels"
    doublings = f"{stages} {'time' if stages == 1 else 'times'}, with {listed(widths[::-1])} channels"
    why = [f"{count:,} images of {width} x {height}, {colours}: convolutional networks that double the size {doublings}"]
    is_few, is_short = count < FEW, (seconds_in(budget) or math.inf) <= SHORT
    is_hard = [f"larger than {LARGE} pixels"] if max(height, width) > LARGE else []
    is_hard += ["in several channels"] if channels > 1 else []
    if is_hard and not is_few:
        why.append(f"{listed(is_hard)}: an R1 penalty on D, which would otherwise soon tell all real and generated images apart")
    if is_few:
        why.append(f"fewer than {FEW:,} images: an R1 penalty on D, which keeps it from memorizing them")
        why.append(f"fewer than {FEW:,} images: batches of 16, for more steps")
    elif is_short:
        why.append(f"a short budget ({budget}): batches of 32, for more steps")
    penalties = (R1(),) if is_few or is_hard else ()
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
    """Networks of three layers of 128 units, for points and for images too narrow for convolutions."""
    is_few = count < FEW
    # Without momentum and with a faster D, the samples follow finer shapes.
    d_adam, g_adam = (Adam(lr, (0.0, 0.99), schedule=Cosine()) for lr in (1e-3 if is_few else 3e-3, 1e-3))
    slower = [f"fewer than {FEW:,} samples: D learns at the rate of G, which keeps it from memorizing them"] if is_few else []
    return Recipe(
        name="default",
        data=data,
        noise=Normal(min(16, math.prod(shape))),  # a z with more numbers than a sample gives no better samples
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
