"""Putting a run right: back to where it was healthy, with something changed that it names, and on from there.

A run that recovers at image count N goes on counting from N: its budget stays what it was, its log stays one story, and as
randomness is a function of the count nothing it draws comes twice. Weights, averages and optimizers are those of the last healthy
checkpoint, or new ones where there is none. What was changed stands in run.json before anything is done, and whoever goes on from
a checkpoint applies the changes up to it again; so resume stays exact.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gansmith import doctor
from gansmith.core.errors import RecipeError
from gansmith.core.overrides import override
from gansmith.core.rng import MAX_SEED
from gansmith.doctor import Diagnosis, Trouble
from gansmith.objectives import Adversarial
from gansmith.optim.optimizers import Adam
from gansmith.recipes.base import Recipe
from gansmith.runs.checkpoints import Saved
from gansmith.training.trainer import Trainer

STILL = 1e-7  # a rate below which weights in float32 do not move
USUAL_RATE = 2e-4
LATEST = 0.8  # of the budget: what is left after it is too little to begin again with


@dataclass(frozen=True)
class Recovery:
    """One time that a run was put right."""

    images: int  # when
    trouble: Trouble
    since: int
    start: int  # image count of the checkpoint whose weights it took; 0: new weights
    changes: tuple[str, ...]  # overrides of the recipe
    why: str

    @classmethod
    def read(cls, metadata: Mapping[str, Any], up_to: int) -> list[Recovery]:
        """Those that a run's facts tell of, up to an image count."""
        found = [cls(**entry | {"changes": tuple(entry["changes"])}) for entry in metadata.get("recoveries", [])]
        return [recovery for recovery in found if recovery.images <= up_to]


def changed(recipe: Recipe, recoveries: Sequence[Recovery]) -> Recipe:
    """The recipe as it is after these."""
    return overridden(recipe, [text for recovery in recoveries for text in recovery.changes])


def overridden(recipe: Recipe, changes: Iterable[str]) -> Recipe:
    for text in changes:
        recipe = override(recipe, text)
    return recipe


def choose(
    original: Recipe,
    earlier: Sequence[Recovery],
    diagnoses: Sequence[Diagnosis],
    looks: Sequence[Mapping[str, Any]],
    kept: Sequence[int],
    now: int,
    fits: Callable[[Recipe], object] = lambda recipe: None,
) -> Recovery | None:
    """How to put right what is wrong at its cause; None where nothing is or can be done about it, or no attempt is left.

    A function of what the log and the recipe say, so that a run that was interrupted does what an uninterrupted one does.
    `kept` are the image counts of checkpoints; `fits` raises RecipeError for a recipe that can't be trained on these data, or in
    this framework: what would lead there is left out.
    """
    if original.watch is None or len(earlier) >= original.watch.recoveries:
        return None
    recipe = changed(original, earlier)
    for found in diagnoses[:1]:
        start = _healthy(looks, kept, found.since)
        for remedies in REMEDIES.get(found.trouble, ()):
            changes, words = _at_once(remedies, recipe, not start, fits)
            if not changes or any(words in recovery.why for recovery in earlier):
                continue  # what did not help once
            if not start and not any(text.startswith("seed=") for text in changes):
                changes = (*changes, f"seed={(original.seed + 1000 * (len(earlier) + 1)) % (MAX_SEED + 1)}")
            where = f"back to the checkpoint of {start:,} images" if start else "new weights, as it was never healthy"
            return Recovery(now, found.trouble, found.since, start, changes, f"{found.trouble}: {where}, and {words}")
    return None


def _at_once(
    remedies: Sequence[Remedy], recipe: Recipe, is_new: bool, fits: Callable[[Recipe], object]
) -> tuple[tuple[str, ...], str]:
    """The changes of those that are of use and fit, one upon the other, and what they are in words; none where none is."""
    changes: tuple[str, ...] = ()
    words: list[str] = []
    for remedy in remedies:
        if (remedied := remedy(recipe, is_new)) is None:
            continue
        try:
            made = overridden(recipe, remedied[0])
            fits(made)
        except RecipeError:
            continue
        recipe, changes = made, (*changes, *remedied[0])
        words.append(remedied[1])
    return changes, "; ".join(words)


def _healthy(looks: Sequence[Mapping[str, Any]], kept: Sequence[int], since: int) -> int:
    """The newest checkpoint up to the last look before the trouble, after four looks at least; 0 where there is none.

    Behind that look nobody knows when the trouble began.
    """
    begun = max((look["images"] for look in looks if f"{doctor.PREFIX}recovery" in look), default=0)
    well = [look["images"] for look in looks if begun < look["images"] < since and f"{doctor.PREFIX}finite" in look]
    for images in sorted(kept, reverse=True):
        if len([at for at in well if at <= images]) >= 4 and images <= well[-1]:
            return images
    return 0


def recovered(trainer: Trainer, original: Recipe, recoveries: Sequence[Recovery], saved: Saved | None) -> Trainer:
    """A trainer with the recipe as it is now, at the image count where the old one stood."""
    made = Trainer(changed(original, recoveries), trainer.device, trainer.samples, type(trainer.backend))
    if saved is not None:
        made.restore(saved)
        for window in made.window.values():
            window.zero_()
    made.images, made.steps, made.total_images = trainer.images, trainer.steps, trainer.total_images
    return made


# ------------------------------------------------------------------------------------------------------------- remedies

Changes = tuple[tuple[str, ...], str]  # overrides, and what they are in words
Remedy = Callable[[Recipe, bool], Changes | None]  # (recipe, whether it begins with new weights) -> None where it is no help


def variety(recipe: Recipe, is_new: bool) -> Changes | None:
    """A layer more, so for new weights alone."""
    asked = getattr(recipe.networks.get("discriminator"), "minibatch_std", ())
    if not is_new or asked is not None:  # a D that has it already, or can't
        return None
    return ("networks.discriminator.minibatch_std=4",), "a D that sees how much the samples of a batch differ"


def calmer_momentum(recipe: Recipe, is_new: bool) -> Changes | None:
    high = {name: o for name, o in recipe.optimizers.items() if isinstance(o, Adam) and o.betas[0] > 0.5}
    changes = tuple(f"optimizers.{name}.betas=[0.5,{adam.betas[1]}]" for name, adam in high.items())
    return (changes, "Adam's first beta at .5, so that no player runs on in a direction the other has left") if changes else None


def penalty(recipe: Recipe, is_new: bool) -> Changes | None:
    if not isinstance(recipe.objective, Adversarial) or recipe.objective.penalties or recipe.compile:
        return None
    return ("objective.penalties+=r1(weight=1.0)",), "an R1 penalty, which keeps D smooth about the real images"


def at(factor: float) -> Remedy:
    def slower(recipe: Recipe, is_new: bool) -> Changes | None:
        changes = tuple(f"optimizers.{name}.lr={factor * o.lr:.3g}" for name, o in recipe.optimizers.items())
        return changes, f"all rates at {factor} of what they were"

    return slower


slower, far_slower = at(0.3), at(0.03)


def slower_discriminator(recipe: Recipe, is_new: bool) -> Changes | None:
    optimizer = recipe.optimizers.get("discriminator")
    return ((f"optimizers.discriminator.lr={0.5 * optimizer.lr:.3g}",), "D's rate halved") if optimizer else None


def stronger_discriminator(recipe: Recipe, is_new: bool) -> Changes | None:
    optimizer = recipe.optimizers.get("discriminator")
    if optimizer is None or optimizer.lr < STILL:
        return None
    return (f"optimizers.discriminator.lr={3 * optimizer.lr:.3g}",), "D's rate tripled"


def moving(recipe: Recipe, is_new: bool) -> Changes | None:
    changes = tuple(f"optimizers.{name}.lr={USUAL_RATE}" for name, o in recipe.optimizers.items() if o.lr < STILL)
    return (changes, f"a rate of {USUAL_RATE}, as the one given moved nothing") if changes else None


def augmentation(recipe: Recipe, is_new: bool) -> Changes | None:
    if not isinstance(recipe.objective, Adversarial) or recipe.objective.augmentation is not None:
        return None
    return ("objective.augmentation=augment",), "what D sees changed at random, so that it can't know its images by heart"


def new_weights(recipe: Recipe, is_new: bool) -> Changes | None:
    return (f"seed={recipe.seed + 1}",), "another seed"


# Begun anew, a run has less of its budget left: so what most often helps is done at once, and one thing after another next.
REMEDIES: dict[Trouble, tuple[tuple[Remedy, ...], ...]] = {
    "collapse": ((moving,), (calmer_momentum, penalty, variety), (slower,), (new_weights,)),
    "partial collapse": ((calmer_momentum, penalty, variety), (slower,)),
    "D too strong": ((moving,), (calmer_momentum, penalty), (slower_discriminator,)),
    "G starved": ((moving,), (calmer_momentum, penalty), (slower_discriminator,)),
    "D too weak": ((moving,), (stronger_discriminator,)),
    "stands still": ((moving,),),
    "oscillation": ((calmer_momentum, penalty), (slower,)),
    "divergence": ((slower, penalty), (far_slower,), (calmer_momentum,)),
    "dead units": ((slower, new_weights), (new_weights,)),
    "plateau": ((calmer_momentum,), (slower,)),
    "D over-fits": ((augmentation,), (penalty,)),
    "memorisation": ((augmentation,),),
}


def to_json(recoveries: Sequence[Recovery]) -> list[dict[str, Any]]:
    return [dataclasses.asdict(recovery) for recovery in recoveries]
