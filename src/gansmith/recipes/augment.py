"""Data for rare classes: a generator that makes images of a class there are few of."""

from __future__ import annotations

import dataclasses

from gansmith.data import Balanced, Rare, Source, shape_of
from gansmith.data.rare import Share
from gansmith.objectives import Adversarial
from gansmith.objectives.augmentation import Augment, Flip, Translate
from gansmith.recipes.base import Recipe
from gansmith.recipes.default import default
from gansmith.recipes.lengths import Length
from gansmith.sampling.conditions import Labels

FAMILY = ("uses", 2)


def augment(data: Source = Rare(), budget: Length = "10m", least: Share = 0.5) -> Recipe:
    """Images of rare classes to add to a training set, from all the classes of labelled data.

    `default`'s networks are told the class. What the classes share, such as cloth and outlines, G learns from the frequent ones.
    The images of a rare class are repeated until it has `least` times as many as the most frequent one, and D sees all moved
    and mirrored at random, so that it doesn't know the few by heart. `benchmarks/rare_class.py` measures what its images
    are worth to a classifier, beside class weights and classic augmentation.

    Known to go wrong: 60 images do not say what else a class may look like, so the new ones vary less than real ones.

    Source: ours, after Mirza and Osindero 2014, Miyato and Koyama 2018 (classes), Zhao et al. 2020 (augmentation for few images).
    """
    recipe = default(Balanced(data, least), budget)
    reasons = ["both are told the class; samples of rare ones are repeated"]
    changed = None
    if len(shape_of(data)) == 3:
        changed = Augment(operations=(Flip(), Translate()))
        reasons.append("D sees them moved and mirrored at random, which keeps it from knowing the few by heart")
    return dataclasses.replace(
        recipe,
        name="augment",
        condition=Labels(),
        objective=Adversarial(joint_batch=True, augmentation=changed),
        why=(recipe.why[0], *reasons),
    )
