"""Suggestions: what to change in a recipe, checked against the recipe of the run before they are made.

All advice of gansmith passes through `advise`: the doctor's remedies, the verdict's, and the warnings during training. A
suggestion that can be written as overrides is only made where the recipe accepts them and they change something. A recipe is
any component here; nothing needs PyTorch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gansmith.core.errors import RecipeError
from gansmith.core.overrides import override

MOST = 4  # suggestions made at once
MOST_WIDTH = 1024  # of a layer that is made wider
TINY_LR, HUGE_LR, USUAL_LR = 1e-7, 1.0, 2e-4  # weights in float32 do not move; weights explode; a usual learning rate
NOTHING_LEFT = "train for longer, on more data or with wider networks, as this run has the usual remedies already"


@dataclass(frozen=True)
class Suggestion:
    """One thing to do.

    text: what to do, as the middle of a sentence.
    changes: a function from a recipe to overrides, empty where the suggestion does not apply; None for what no override does.
    example: the overrides for a run whose recipe is not known.
    when: whether the suggestion applies to a recipe.
    """

    text: str
    changes: Callable[[Any], Sequence[str]] | None = None
    example: str = ""
    when: Callable[[Any], bool] = lambda recipe: True

    def words(self, recipe: Any | None) -> str | None:
        """The suggestion with its overrides; None where it does not apply to the recipe."""
        if recipe is None:
            return f"{self.text} ({self.example})" if self.example else self.text
        if not self.when(recipe):
            return None
        if self.changes is None:
            return self.text
        overrides = self.changes(recipe)
        return None if applied(recipe, overrides) is None else f"{self.text} ({' '.join(overrides)})"


def applied(recipe: Any, overrides: Iterable[str]) -> Any | None:
    """The recipe with overrides; None where it does not accept one of them, or where they change nothing."""
    changed = recipe
    try:
        for text in overrides:
            changed = override(changed, text)
    except RecipeError:
        return None
    return None if changed == recipe else changed


def advise(recipe: Any | None, suggestions: Iterable[Suggestion], most: int = MOST) -> list[str]:
    """The suggestions that apply to a recipe, in words, at most `most`; one that always applies where none does.

    Without a recipe (None) all are made, with an example of an override.
    """
    found = dict.fromkeys(words for s in suggestions if (words := s.words(recipe)) is not None)
    return [*found][:most] or [NOTHING_LEFT]


# ------------------------------------------------------------------------------------------- what a recipe can be changed to


def _optimizers(recipe: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = recipe.optimizers
    return found


def lr_times(factor: float, *names: str) -> Callable[[Any], Sequence[str]]:
    """Overrides that multiply learning rates that move weights at all, of these players or of all."""

    def changes(recipe: Any) -> list[str]:
        chosen = {name: o.lr for name, o in _optimizers(recipe).items() if not names or name in names}
        return [f"optimizers.{name}.lr={factor * lr:.3g}" for name, lr in chosen.items() if TINY_LR < factor * lr < HUGE_LR]

    return changes


def usual_lr(recipe: Any) -> list[str]:
    """Overrides that give a usual learning rate to optimizers whose own moves no weight, or throws weights far away."""
    odd = [name for name, o in _optimizers(recipe).items() if not TINY_LR <= o.lr <= HUGE_LR]
    return [f"optimizers.{name}.lr={USUAL_LR}" for name in odd]


def low_momentum(recipe: Any) -> list[str]:
    """Overrides that lower the first beta of every Adam to 0.5."""
    betas = {name: getattr(o, "betas", (0.0, 0.0)) for name, o in _optimizers(recipe).items()}
    return [f"optimizers.{name}.betas=[0.5,{second}]" for name, (first, second) in betas.items() if first > 0.5]


def falling_lr(recipe: Any) -> list[str]:
    """Overrides that let constant learning rates fall."""
    held = [name for name, o in _optimizers(recipe).items() if type(getattr(o, "schedule", None)).__name__ == "Constant"]
    return [f"optimizers.{name}.schedule=linear(start=0.5)" for name in held]


def penalty(recipe: Any) -> list[str]:
    """Overrides that add an R1 penalty where there is no penalty."""
    return [] if getattr(recipe.objective, "penalties", None) else ["objective.penalties+=r1(weight=1)"]


def heavier_penalty(recipe: Any) -> list[str]:
    """Overrides that make the first penalty five times as heavy, up to 100."""
    weights = [getattr(p, "weight", 0.0) for p in getattr(recipe.objective, "penalties", ())]
    return [f"objective.penalties.0.weight={5 * weights[0]:g}"] if weights and 0 < weights[0] <= 20 else []


def lighter_penalty(recipe: Any) -> list[str]:
    """Overrides that take a fifth of the first penalty's weight."""
    weights = [getattr(p, "weight", 0.0) for p in getattr(recipe.objective, "penalties", ())]
    return [f"objective.penalties.0.weight={weights[0] / 5:g}"] if weights and weights[0] > 0.01 else []


def turns(step: int) -> Callable[[Any], Sequence[str]]:
    """Overrides that give the discriminator more or fewer turns."""

    def changes(recipe: Any) -> list[str]:
        now = getattr(recipe.objective, "discriminator_turns", 0)
        return [f"objective.discriminator_turns={now + step}"] if 1 <= now + step <= 5 and now else []

    return changes


def longer(recipe: Any) -> list[str]:
    """Overrides for a budget four times as large."""
    match = re.fullmatch(r"([\d.]+)\s*(\w+)", recipe.budget)
    return [f"budget={4 * float(match[1]):g}{match[2]}"] if match and float(match[1]) < 2.5e8 else []


def shorter(recipe: Any) -> list[str]:
    """Overrides for a quarter of the budget."""
    match = re.fullmatch(r"([\d.]+)\s*(\w+)", recipe.budget)
    return [f"budget={max(1, int(float(match[1]) / 4))}{match[2]}"] if match and float(match[1]) > 1 else []


def fitting_range(recipe: Any) -> list[str]:
    """Overrides for the value range that the end of the generator can reach."""
    ends = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}
    low, high = ends.get(getattr(recipe.networks["generator"], "end", ""), recipe.value_range)
    return [] if (low, high) == tuple(recipe.value_range) else [f"value_range=[{low:g},{high:g}]"]


def leaky(recipe: Any) -> list[str]:
    """Overrides that give networks without a slope leaky ReLU."""
    return [f"networks.{name}.slope=0.2" for name, network in recipe.networks.items() if getattr(network, "slope", None) == 0]


def wider(*names: str) -> Callable[[Any], Sequence[str]]:
    """Overrides that double the widths of these networks, or of all that have `widths`, up to 1,024."""

    def changes(recipe: Any) -> list[str]:
        networks = {name: network for name, network in recipe.networks.items() if not names or name in names}
        widths = {name: tuple(getattr(network, "widths", None) or ()) for name, network in networks.items()}
        return [
            f"networks.{name}.widths=[{','.join(str(2 * width) for width in found)}]"
            for name, found in widths.items()
            if found and 2 * max(found) <= MOST_WIDTH
        ]

    return changes


def quicker_average(recipe: Any) -> list[str]:
    """Overrides for a tenth of the half-life of the average of the weights."""
    half_life = getattr(recipe.ema, "half_life_images", 0)
    return [f"ema.half_life_images={half_life // 10}"] if half_life >= 1000 else []


def more_noise(recipe: Any) -> list[str]:
    """Overrides for twice as many entries of z, up to 512."""
    dim = getattr(recipe.noise, "dim", 0)
    return [f"noise.dim={2 * dim}"] if 0 < dim <= 256 else []


def thawed(recipe: Any) -> list[str]:
    """Overrides that train all networks."""
    return ["frozen=[]"] if recipe.frozen else []


PENALTY = Suggestion("regularise the discriminator", penalty, "objective.penalties+=r1(weight=1)")
HEAVIER_PENALTY = Suggestion("weigh the penalty more", heavier_penalty, when=lambda recipe: bool(heavier_penalty(recipe)))
MOMENTUM = Suggestion("lower Adam's first beta", low_momentum, "optimizers.generator.betas=[0.5,0.999]")
SLOWER = Suggestion("take a third of the learning rates", lr_times(0.33), "optimizers.generator.lr=...")
USUAL_RATE = Suggestion(f"take a usual learning rate, {USUAL_LR:g}", usual_lr, f"optimizers.generator.lr={USUAL_LR}")
FALLING = Suggestion("let the learning rates fall", falling_lr, "optimizers.generator.schedule=linear(start=0.5)")
AUGMENT = Suggestion(
    "augment the discriminator's input",
    lambda recipe: [] if getattr(recipe.objective, "augmentation", None) else ["objective.augmentation=augment"],
    "objective.augmentation=augment",
)
AVERAGE = Suggestion(
    "sample from an average of the weights",
    lambda recipe: [] if recipe.ema else ["ema=ema(half_life_images=2000)"],
    "ema=ema(half_life_images=2000)",
)
WIDER = Suggestion("give the networks more width", wider(), "networks.generator.widths=[...]")
LONGER = Suggestion("train for longer", longer, "budget=20m")
SHORTER = Suggestion("train for a shorter time", shorter, "a smaller budget=...")
BATCH = Suggestion(
    "take larger batches",
    lambda recipe: [f"batch_size={2 * recipe.batch_size}"] if recipe.batch_size <= 256 else [],
    "a larger batch_size=...",
)
SEED = Suggestion("start again with other weights", lambda recipe: [f"seed={(recipe.seed + 1) % 2**31}"], "seed=1")
CONDITION = Suggestion(
    "give both networks the category as a condition",
    lambda recipe: [] if recipe.condition else ["condition=clusters"],
    "condition=clusters",
)
