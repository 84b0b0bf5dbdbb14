"""The advice for each trouble: its usual cause, its remedy and a paper about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gansmith.doctor import suggestions as do
from gansmith.doctor.history import Trouble
from gansmith.doctor.suggestions import Suggestion, advise

PAGE = "docs/doctor.md"  # in the source repository; an installed package holds no documentation


@dataclass(frozen=True)
class Advice:
    """Usual cause and remedies of a trouble, and the paper to read about it (empty where there is none)."""

    usual_cause: str  # whole sentences
    suggestions: tuple[Suggestion, ...]  # the most helpful first
    paper: str = ""
    first: str = ""  # a sentence before the suggestions
    causes: tuple[tuple[Callable[[Any], bool], str], ...] = ()  # causes that a recipe shows, which replace the usual one

    def cause(self, recipe: Any | None = None) -> str:
        """The cause: one that the recipe shows, or the usual one."""
        shown = (text for shows, text in self.causes if recipe is not None and shows(recipe))
        return next(shown, self.usual_cause)

    def remedy(self, recipe: Any | None = None) -> str:
        """What to do, in a sentence, as far as it changes something in the recipe."""
        found = "; or ".join(advise(recipe, self.suggestions))
        return f"{self.first} {found[0].upper()}{found[1:]}.".strip()

    def read_on(self, trouble: Trouble) -> str:
        """Where to read more: the paper, and the section of the documentation in the source repository."""
        page = f"{PAGE}#{trouble.lower().replace(' ', '-')} in gansmith's source repository"
        return f"{self.paper}; {page}" if self.paper else page


def _lr(recipe: Any) -> list[float]:
    return [o.lr for o in recipe.optimizers.values()]


def _half_as_fast(recipe: Any) -> list[str]:
    return list(do.lr_times(0.5, "discriminator")(recipe))


def _has_discriminator_variety(recipe: Any) -> list[str]:
    seen = getattr(recipe.networks.get("discriminator"), "minibatch_std", ())
    return ["networks.discriminator.minibatch_std=4"] if seen is None else []


VARIETY = Suggestion(
    "let the discriminator see the variety of a batch", _has_discriminator_variety, "networks.discriminator.minibatch_std=4"
)
SLOWER_D = Suggestion("halve the discriminator's learning rate", _half_as_fast, "optimizers.discriminator.lr=...")
FASTER_D = Suggestion(
    "triple the discriminator's learning rate", do.lr_times(3, "discriminator"), "optimizers.discriminator.lr=..."
)
FEWER_TURNS = Suggestion("give the discriminator fewer turns", do.turns(-1), "objective.discriminator_turns=1")
MORE_TURNS = Suggestion("give the discriminator more turns", do.turns(1), "objective.discriminator_turns=2")


def _saturates(recipe: Any) -> bool:
    return type(getattr(recipe.objective, "loss", None)).__name__ == "Saturating"


ADVICE: dict[Trouble, Advice] = {
    "divergence": Advice(
        "The learning rates are too high: each network overshoots, the other reacts more strongly, and weights or logits grow "
        "without bound. The Wasserstein loss without a penalty diverges at any learning rate.",
        (do.USUAL_RATE, do.SLOWER, do.PENALTY, do.HEAVIER_PENALTY),
        "Gulrajani et al. 2017, section 4",
        first="Return to a good checkpoint or start again.",
    ),
    "stands still": Advice(
        "The weights of a network do not change: its learning rate is so small that updates vanish in float32, the network is "
        "frozen, or no gradient reaches it. An average of the generator's weights hardly changes if its half-life is longer than "
        "the run.",
        (
            do.USUAL_RATE,
            Suggestion("train all networks", do.thawed, "frozen=[]"),
            Suggestion("shorten the half-life of the average", do.quicker_average, "ema.half_life_images=..."),
            Suggestion("check the learning rates, their schedules and the frozen networks with gansmith show RUN"),
        ),
        causes=(
            (
                lambda recipe: max(_lr(recipe)) > do.HUGE_LR,
                "A learning rate is so large that its first updates threw the weights to where no gradient reaches them.",
            ),
            (
                lambda recipe: min(_lr(recipe)) < do.TINY_LR,
                "A learning rate is so small that updates vanish in float32.",
            ),
            (lambda recipe: bool(recipe.frozen), "A network is frozen."),
            (
                lambda recipe: recipe.ema is None,
                "The learning rates are large enough to move weights, so no gradient reaches the network, or its schedule has "
                "brought the rate to 0.",
            ),
            (
                lambda recipe: True,
                "The learning rates are large enough to move weights. No gradient reaches the network, its schedule has brought "
                "the rate to 0, or the half-life of the average of the weights is longer than the run.",
            ),
        ),
    ),
    "wrong range": Advice(
        "The generator's last layer cannot produce the pixel values of real images: value_range and the layer's end contradict "
        "each other (tanh gives -1 to 1, sigmoid 0 to 1). The discriminator needs to look at nothing else.",
        (
            Suggestion("make the range agree with the end of the generator", do.fitting_range, "value_range=[-1,1]"),
            Suggestion("give the generator an end that reaches value_range: tanh for [-1,1], sigmoid for [0,1]"),
        ),
        "Radford et al. 2016, section 4",
    ),
    "collapse": Advice(
        "Mode collapse: the generator has found one image that the discriminator accepts, and all gradients point to it. The "
        "loss does not ask for variety within a batch. High momentum (Adam's first beta at .9) and high learning rates cause it.",
        (do.USUAL_RATE, do.MOMENTUM, do.PENALTY, VARIETY, do.HEAVIER_PENALTY, do.SLOWER, do.SEED),
        "Goodfellow 2016, section 5.1.1",
        first="Start again, because a collapsed generator rarely recovers.",
    ),
    "partial collapse": Advice(
        "Partial mode collapse: the generator makes some categories well and has dropped others. The discriminator accepts the "
        "ones it sees, and no gradient leads to the others.",
        (do.CONDITION, do.PENALTY, do.MOMENTUM, VARIETY, do.HEAVIER_PENALTY, do.LONGER),
        "Lin et al. 2018 (PacGAN), section 3",
    ),
    "D too strong": Advice(
        "The discriminator has won: it is right whatever the generator makes, so its gradient no longer shows the generator "
        "how to improve. It learns faster than the generator, or it has found one artefact that the generator does not lose.",
        (do.USUAL_RATE, do.PENALTY, do.MOMENTUM, do.AUGMENT, do.HEAVIER_PENALTY, SLOWER_D, FEWER_TURNS),
        "Arjovsky and Bottou 2017, section 2",
    ),
    "G starved": Advice(
        "Vanishing gradients: the discriminator is so sure that its output is flat around the generated samples, and the "
        "generator's gradient has vanished. The saturating loss does this by its formula.",
        (
            Suggestion(
                "take the non-saturating loss",
                lambda recipe: ["objective.loss=non-saturating"] if _saturates(recipe) else [],
                "objective.loss=non-saturating",
            ),
            do.PENALTY,
            SLOWER_D,
            FEWER_TURNS,
            do.HEAVIER_PENALTY,
        ),
        "Goodfellow et al. 2014, section 3",
        causes=(
            (
                lambda recipe: not _saturates(recipe),
                "Vanishing gradients: the discriminator is so sure that its output is flat around the generated samples, and the "
                "generator's gradient has vanished. It learns faster than the generator.",
            ),
        ),
    ),
    "D too weak": Advice(
        "The generator learns only from the discriminator, and the discriminator misses a plain difference. It is too small, "
        "learns too slowly, or is regularised too much (dropout, a large penalty, a tiny learning rate).",
        (
            do.USUAL_RATE,
            FASTER_D,
            MORE_TURNS,
            Suggestion("weigh the penalty less", do.lighter_penalty, "a smaller penalty"),
            Suggestion("give the discriminator more width", do.wider("discriminator"), "networks.discriminator.widths=[...]"),
        ),
    ),
    "D the wrong way round": Advice(
        "The discriminator is rewarded for calling generated samples real: its loss has a wrong sign, or the two labels are "
        "swapped.",
        (Suggestion("check the loss's discriminator method: it must push the logits of real samples up and the others down"),),
        "Goodfellow et al. 2014, eq. 1",
    ),
    "G the wrong way round": Advice(
        "The generator is rewarded for being recognised: its loss has a wrong sign, or uses the label of generated samples.",
        (Suggestion("check the loss's generator method: it must fall as the logits of generated samples rise"),),
        "Goodfellow et al. 2014, section 3",
    ),
    "oscillation": Advice(
        "The players chase each other in a circle: the generator moves to where the discriminator does not look, the "
        "discriminator follows, and the generator moves on. Learning rates or momentum are too high to converge.",
        (do.USUAL_RATE, do.MOMENTUM, do.PENALTY, do.AVERAGE, do.SLOWER, do.FALLING),
        "Mescheder et al. 2018, section 2",
    ),
    "dead units": Advice(
        "A ReLU unit that is 0 for every input gets no gradient and never recovers. A learning rate that is too high, or an "
        "unlucky initialisation, has pushed its bias far below 0.",
        (
            Suggestion("take leaky ReLU, which cannot die", do.leaky, "networks.generator.slope=0.2"),
            do.USUAL_RATE,
            do.SLOWER,
            do.SEED,
        ),
        "Lu et al. 2019 (Dying ReLU and initialization)",
        first="Start again.",
    ),
    "plateau": Advice(
        "Neither player wins and samples do not improve. A network may be too small for the task, or the learning rate too high "
        "to converge or too low to make progress.",
        (do.USUAL_RATE, do.MOMENTUM, do.FALLING, do.SLOWER, Suggestion("widen the networks")),
    ),
    "D over-fits": Advice(
        "The discriminator overfits: it has memorised the training images and no longer learns what makes an image real. There "
        "are too few images for its size.",
        (do.AUGMENT, do.PENALTY, do.HEAVIER_PENALTY, do.SHORTER, Suggestion("add images, or take a smaller discriminator")),
        "Karras et al. 2020 (limited data), section 2",
    ),
    "memorisation": Advice(
        "The generator reproduces training images: with so few of them this is the easiest way to fool the discriminator.",
        (do.AUGMENT, do.SHORTER, Suggestion("add images, or take a smaller generator or an earlier checkpoint")),
    ),
    "data all alike": Advice(
        "All training samples are identical, so there is no variety to learn. The usual reason is a wrong path, a wrong column "
        "or a faulty conversion.",
        (Suggestion("look at the data: samples/real.png in the run folder shows the first samples as gansmith reads them"),),
    ),
}

# Advice for runs without a discriminator, such as a variational autoencoder.
WITHOUT_DISCRIMINATOR: dict[Trouble, Advice] = {
    "collapse": Advice(
        "The generator ignores z: the encoder no longer passes any information through z, because this would raise the KL "
        "divergence by more than it lowers the reconstruction error (posterior collapse), or learning rates that are "
        "too high have led there.",
        (do.USUAL_RATE, do.SLOWER, do.LONGER, Suggestion("take a smaller generator"), do.SEED),
        "Bowman et al. 2016, section 3.1",
        first="Start again.",
    ),
    "partial collapse": Advice(
        "The generator makes the common categories, and z holds too little information about the rare ones.",
        (
            do.LONGER,
            Suggestion("give z more entries", do.more_noise, "noise.dim=..."),
            Suggestion("give the generator the category as a condition", do.CONDITION.changes, "condition=clusters"),
        ),
    ),
    "divergence": Advice(
        "The learning rate is too high: weights overshoot and grow without bound.",
        (do.USUAL_RATE, do.SLOWER),
        first="Start again.",
    ),
}
