"""What the doctor says of each trouble: where it comes from, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from gansmith.doctor.history import Trouble

PAGE = "docs/doctor.md"


@dataclass(frozen=True)
class Advice:
    cause: str
    remedy: str

    @staticmethod
    def read_on(trouble: Trouble) -> str:
        """The place in the documentation."""
        return f"{PAGE}#{trouble.lower().replace(' ', '-')}"


ADVICE: dict[Trouble, Advice] = {
    "divergence": Advice(
        "Steps are too large for the game as it stands: each player overshoots, the other answers with more, and weights "
        "or logits grow without end. Wasserstein's loss without a penalty does so at any rate.",
        "Go back to a good checkpoint or start again with a third of the rates (optimizers.generator.lr=..., "
        "optimizers.discriminator.lr=...), or hold D back with objective.penalties+=r1(weight=1) or gradient-penalty.",
    ),
    "stands still": Advice(
        "A player that does not move does not learn: its rate is so small that the steps vanish in float32, or its "
        "network is frozen, or no gradient reaches it. An average of G's weights stands still if its half-life is longer than "
        "the run.",
        "Look at its rate, its schedule, what is frozen, and the average's half-life (ema.half_life_images=...): gansmith show "
        "RUN. A usual rate is 2e-4.",
    ),
    "wrong range": Advice(
        "The generator's last layer can't make what real images hold: value_range and its end (tanh gives -1 to 1, a "
        "sigmoid 0 to 1) contradict each other. D needs to look at nothing else.",
        "Let them agree: value_range=[-1,1] with end=tanh, or [0,1] with end=sigmoid.",
    ),
    "collapse": Advice(
        "G has found one picture that D lets pass, and all gradients point there: nothing in the loss asks for variety "
        "within a batch. Momentum that is too high (Adam's first beta at .9) and rates that are too high drive it there.",
        "Start again, as a collapsed G seldom comes back: with optimizers.generator.betas=[0.5,0.999] and the same for the "
        "discriminator, a penalty (objective.penalties+=r1(weight=1)), a D that sees variety "
        "(networks.discriminator.minibatch_std=4, or packed), or a lower rate.",
    ),
    "partial collapse": Advice(
        "G makes some kinds well and has given up on others: D is satisfied by those it sees, and G has no reason to go "
        "where it gets no gradient.",
        "Tell both which kind is asked for (condition=clusters or condition=labels(num=...)), add "
        "objective.penalties+=r1(weight=1), or let D judge several at once (packed). More time may do, too.",
    ),
    "D too strong": Advice(
        "D has won: it is right whatever G does, so what it says no longer tells G which way is better. D learns faster "
        "than G, or finds one giveaway that G does not get rid of.",
        "Slow D down (half its rate, fewer discriminator_turns), make it smooth (objective.penalties+=r1(weight=1)), "
        "change what it sees (objective.augmentation=augment), or give both players' Adam betas of [0.5,0.999].",
    ),
    "G starved": Advice(
        "D is so sure that its answer is flat about the samples, and the gradient that G learns by has vanished. The "
        "saturating loss does this by its very formula (Goodfellow et al. 2014, section 3).",
        "Take objective.loss=non-saturating, give D fewer turns or a lower rate, or add objective.penalties+=r1(weight=1).",
    ),
    "D too weak": Advice(
        "G learns from D alone, and D sees no difference where there is a plain one: it is too small, too slow, or held "
        "back too much (dropout, a heavy penalty, a tiny rate).",
        "Give D more width, a higher rate, more turns (objective.discriminator_turns=2), or a lighter penalty.",
    ),
    "D the wrong way round": Advice(
        "D is rewarded for calling samples real: in its loss a sign is turned, or the two labels have changed places.",
        "Look at the loss's discriminator method: real logits must be pushed up, those of samples down. See docs/losses.md.",
    ),
    "G the wrong way round": Advice(
        "G is rewarded for being found out: in its loss a sign is turned, or its label is that of a fake.",
        "Look at the loss's generator method: it must fall as logits of samples rise. See docs/losses.md.",
    ),
    "oscillation": Advice(
        "The players chase each other in a circle: G moves to where D does not look, D follows, and G moves on. Rates or "
        "momentum are too high for them to meet.",
        "Lower both rates to a third, give both players' Adam betas of [0.5,0.999] or [0,0.99], add "
        "objective.penalties+=r1(weight=1), and sample from an average of the weights (ema=ema(half_life_images=2000)).",
    ),
    "dead units": Advice(
        "A ReLU that is 0 for every input gets no gradient and stays so for ever: a step too large or a start too far "
        "below has pushed its bias down.",
        "Start again with new weights (seed=1) and a lower rate, or with leaky ReLU (slope=0.2), which can't die.",
    ),
    "plateau": Advice(
        "Neither player wins and nothing improves: a network may be too small for the task, the rate too high to settle "
        "or too low to move on.",
        "Try a third of the rate, or one that falls (optimizers.generator.schedule=linear(start=0.5)), then wider networks.",
    ),
    "D over-fits": Advice(
        "D knows its images by heart, so what it tells G is which images they were and no longer what makes an image "
        "real. There are too few of them for so large a D (Karras et al. 2020).",
        "Change what D sees at random: objective.augmentation=augment; more images, a smaller D, dropout, or an earlier "
        "end also help.",
    ),
    "memorisation": Advice(
        "G gives back training images: with so few of them that is the surest way past D.",
        "More images, objective.augmentation=augment, a smaller G, or an earlier checkpoint.",
    ),
    "data all alike": Advice(
        "There is one sample to learn over and over, and no variety to hold G's against. As a rule a path, a column or a "
        "conversion is wrong.",
        "Look at the data: samples/real.png in the run's folder shows the first ones, as they are read.",
    ),
}

# Where there is no discriminator.
ALONE: dict[Trouble, Advice] = {
    "collapse": Advice(
        "G does not hear z: the encoder has given up on telling it anything, as z costs more than it helps (posterior collapse), "
        "or rates that are too high have driven it there.",
        "Start again with a lower rate (optimizers.autoencoder.lr=...) or another seed, a smaller G, or more training.",
    ),
    "partial collapse": Advice(
        "G makes the usual kinds, and z says too little of the rare ones.",
        "Train for longer, give z more numbers (noise.dim=...), or tell G which kind is asked for (condition=clusters).",
    ),
    "divergence": Advice(
        "Steps are too large: weights overshoot and grow without end.",
        "Go back to a good checkpoint or start again with a third of the rate (optimizers.autoencoder.lr=...).",
    ),
}
