"""Recover a run: take the weights of its last healthy checkpoint, change something in its recipe, and go on.

A run that recovers at image count N goes on counting from N. So its budget and its log continue, and as randomness is a function
of the image count, no draw repeats. Weights, averages and optimizers come from the last healthy checkpoint, or start anew where
there is none. The changes are written to run.json before they take effect, and a run that goes on from a checkpoint applies the
changes up to it again; so resuming stays exact.
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
from gansmith.doctor.suggestions import applied
from gansmith.optim.optimizers import Adam
from gansmith.recipes.base import Recipe
from gansmith.runs.checkpoints import Checkpoint
from gansmith.training.trainer import Trainer

NO_MOTION_LR = 1e-7  # a learning rate below which weights in float32 do not change
USUAL_LR = 2e-4
LATEST = 0.8  # of the budget: later, too little is left to start again


@dataclass(frozen=True)
class Recovery:
    """One recovery of a run."""

    images: int  # the image count at which it happened
    trouble: Trouble
    since: int  # the image count at which the trouble began
    start: int  # image count of the checkpoint whose weights it took; 0: new weights
    changes: tuple[str, ...]  # overrides of the recipe
    why: str  # trouble, start and changes in words

    @classmethod
    def read(cls, metadata: Mapping[str, Any], up_to: int) -> list[Recovery]:
        """The recoveries in a run's metadata, up to an image count."""
        names = [field.name for field in dataclasses.fields(cls)]
        entries = ({name: entry[name] for name in names} for entry in metadata.get("recoveries", []))
        found = [cls(**entry | {"changes": tuple(entry["changes"])}) for entry in entries]
        return [recovery for recovery in found if recovery.images <= up_to]


def changed(recipe: Recipe, recoveries: Sequence[Recovery]) -> Recipe:
    """The recipe with the changes of all these recoveries."""
    return overridden(recipe, [text for recovery in recoveries for text in recovery.changes])


def overridden(recipe: Recipe, changes: Iterable[str]) -> Recipe:
    """The recipe with overrides applied in order. Raises RecipeError for one it does not accept."""
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
    """Choose how to recover from the first diagnosis; None where there is no diagnosis, no remedy, or no attempt left.

    `earlier` are the recoveries so far, and `kept` the image counts of checkpoints. `fits` raises RecipeError for a recipe that
    can't be trained on these data or in this framework; changes that lead to one are left out.

    The choice depends on log and recipe alone, so an interrupted run chooses as an uninterrupted one.
    """
    if original.watch is None or len(earlier) >= original.watch.recoveries:
        return None
    recipe = changed(original, earlier)
    for found in diagnoses[:1]:
        start = _last_healthy_checkpoint(looks, kept, found.since)
        for remedies in REMEDIES.get(found.trouble, ()):
            changes, words = _combined(remedies, recipe, not start, fits)
            if not changes or any(words in recovery.why for recovery in earlier):
                continue  # it did not help before
            if not start and not any(text.startswith("seed=") for text in changes):
                changes = (*changes, f"seed={(original.seed + 1000 * (len(earlier) + 1)) % (MAX_SEED + 1)}")
            where = f"back to the checkpoint of {start:,} images" if start else "new weights, as no checkpoint is healthy"
            return Recovery(now, found.trouble, found.since, start, changes, f"{found.trouble}: {where}, and {words}")
    return None


def _combined(
    remedies: Sequence[Remedy], recipe: Recipe, is_new: bool, fits: Callable[[Recipe], object]
) -> tuple[tuple[str, ...], str]:
    """The changes of all remedies that apply and fit, made one after another, and their description; empty if none does."""
    changes: tuple[str, ...] = ()
    words: list[str] = []
    for remedy in remedies:
        if (remedied := remedy(recipe, is_new)) is None:
            continue
        if (made := applied(recipe, remedied[0])) is None:
            continue
        try:
            fits(made)
        except RecipeError:
            continue
        recipe, changes = made, (*changes, *remedied[0])
        words.append(remedied[1])
    return changes, "; ".join(words)


def _last_healthy_checkpoint(looks: Sequence[Mapping[str, Any]], kept: Sequence[int], since: int) -> int:
    """Image count of the newest checkpoint up to the last look before the trouble, with four looks or more; 0 for none.

    After that look the trouble may have begun at any time.
    """
    begun = max((look["images"] for look in looks if f"{doctor.PREFIX}recovery" in look), default=0)
    healthy = [look["images"] for look in looks if begun < look["images"] < since and f"{doctor.PREFIX}finite" in look]
    for images in sorted(kept, reverse=True):
        if len([at for at in healthy if at <= images]) >= 4 and images <= healthy[-1]:
            return images
    return 0


def recovered(trainer: Trainer, original: Recipe, recoveries: Sequence[Recovery], saved: Checkpoint | None) -> Trainer:
    """The trainer that takes over from `trainer` at its image count, with the changed recipe and the weights of `saved`, or new
    ones where it is None."""
    made = Trainer(changed(original, recoveries), trainer.device, trainer.samples, type(trainer.backend), trainer.validation)
    if saved is not None:
        made.restore(saved)
        for window in made.window.values():
            window.zero_()
    made.images, made.steps, made.totals = trainer.images, trainer.steps, trainer.totals
    return made


# ------------------------------------------------------------------------------------------------------------- remedies

Changes = tuple[tuple[str, ...], str]  # overrides, and their description
# (recipe, whether it starts with new weights) -> None where it does not apply. A recipe need not accept the overrides.
Remedy = Callable[[Recipe, bool], Changes | None]


def variety(recipe: Recipe, is_new: bool) -> Changes | None:
    """Give the discriminator a minibatch standard deviation layer, where it can have one. For new weights alone."""
    current = getattr(recipe.networks.get("discriminator"), "minibatch_std", ())
    if not is_new or current is not None:
        return None
    return ("networks.discriminator.minibatch_std=4",), "a discriminator that sees how much the samples of a batch differ"


def calmer_momentum(recipe: Recipe, is_new: bool) -> Changes | None:
    """Lower the first beta of every Adam to 0.5."""
    high = {name: o for name, o in recipe.optimizers.items() if isinstance(o, Adam) and o.betas[0] > 0.5}
    changes = tuple(f"optimizers.{name}.betas=[0.5,{adam.betas[1]}]" for name, adam in high.items())
    return (changes, "Adam's first beta at 0.5, so that momentum from earlier steps fades sooner") if changes else None


def penalty(recipe: Recipe, is_new: bool) -> Changes | None:
    """Add an R1 penalty to a discriminator that has no penalty."""
    if getattr(recipe.objective, "penalties", ()):
        return None
    return ("objective.penalties+=r1(weight=1.0)",), "an R1 penalty, which keeps the discriminator smooth around real samples"


def all_learning_rates_times(factor: float) -> Remedy:
    """Multiply the learning rate of every optimizer."""

    def remedy(recipe: Recipe, is_new: bool) -> Changes | None:
        changes = tuple(f"optimizers.{name}.lr={factor * o.lr:.3g}" for name, o in recipe.optimizers.items())
        return changes, f"all learning rates times {factor}"

    return remedy


slower, far_slower = all_learning_rates_times(0.3), all_learning_rates_times(0.03)


def slower_discriminator(recipe: Recipe, is_new: bool) -> Changes | None:
    """Halve the discriminator's learning rate."""
    optimizer = recipe.optimizers.get("discriminator")
    changes = (f"optimizers.discriminator.lr={0.5 * optimizer.lr:.3g}",) if optimizer else ()
    return (changes, "the discriminator's learning rate halved") if changes else None


def stronger_discriminator(recipe: Recipe, is_new: bool) -> Changes | None:
    """Triple the discriminator's learning rate."""
    optimizer = recipe.optimizers.get("discriminator")
    if optimizer is None or optimizer.lr < NO_MOTION_LR:
        return None
    return (f"optimizers.discriminator.lr={3 * optimizer.lr:.3g}",), "the discriminator's learning rate tripled"


def raise_motionless_learning_rate(recipe: Recipe, is_new: bool) -> Changes | None:
    """Give optimizers whose learning rate moves no weight a usual one."""
    changes = tuple(f"optimizers.{name}.lr={USUAL_LR}" for name, o in recipe.optimizers.items() if o.lr < NO_MOTION_LR)
    return (changes, f"a learning rate of {USUAL_LR}, as the one given moved no weight") if changes else None


def augmentation(recipe: Recipe, is_new: bool) -> Changes | None:
    """Augment the discriminator's inputs, where they are not augmented."""
    if getattr(recipe.objective, "augmentation", None) is not None:
        return None
    return ("objective.augmentation=augment",), "random changes to the discriminator's inputs, so that it can't memorise images"


def new_weights(recipe: Recipe, is_new: bool) -> Changes | None:
    """Take another seed."""
    return (f"seed={recipe.seed + 1}",), "another seed"


# Each entry is one attempt, of remedies applied together. The attempt that helps most often comes first, because each
# attempt uses some of the budget.
REMEDIES: dict[Trouble, tuple[tuple[Remedy, ...], ...]] = {
    "collapse": ((raise_motionless_learning_rate,), (calmer_momentum, penalty, variety), (slower,), (new_weights,)),
    "partial collapse": ((calmer_momentum, penalty, variety), (slower,)),
    "D too strong": ((raise_motionless_learning_rate,), (calmer_momentum, penalty), (slower_discriminator,)),
    "G starved": ((raise_motionless_learning_rate,), (calmer_momentum, penalty), (slower_discriminator,)),
    "D too weak": ((raise_motionless_learning_rate,), (stronger_discriminator,)),
    "stands still": ((raise_motionless_learning_rate,),),
    "oscillation": ((calmer_momentum, penalty), (slower,)),
    "divergence": ((slower, penalty), (far_slower,), (calmer_momentum,)),
    "dead units": ((slower, new_weights), (new_weights,)),
    "plateau": ((calmer_momentum,), (slower,)),
    "D over-fits": ((augmentation,), (penalty,)),
    "memorisation": ((augmentation,),),
}


def to_json(recoveries: Sequence[Recovery]) -> list[dict[str, Any]]:
    """The recoveries as run.json and results.json hold them."""
    return [dataclasses.asdict(recovery) for recovery in recoveries]
