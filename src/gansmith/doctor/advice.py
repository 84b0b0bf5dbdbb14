"""The advice for each trouble: its usual cause, its remedy and a paper about it."""

from __future__ import annotations

from dataclasses import dataclass

from gansmith.doctor.history import Trouble

PAGE = "docs/doctor.md"  # in the source repository; an installed package holds no documentation


@dataclass(frozen=True)
class Advice:
    """Cause and remedy of a trouble, in whole sentences, and the paper to read about it (empty where there is none)."""

    cause: str
    remedy: str
    paper: str = ""

    def read_on(self, trouble: Trouble) -> str:
        """Where to read more: the paper, and the section of the documentation in the source repository."""
        page = f"{PAGE}#{trouble.lower().replace(' ', '-')} in gansmith's source repository"
        return f"{self.paper}; {page}" if self.paper else page


ADVICE: dict[Trouble, Advice] = {
    "divergence": Advice(
        "The learning rates are too high: each network overshoots, the other reacts more strongly, and weights or logits grow "
        "without bound. The Wasserstein loss without a penalty diverges at any learning rate.",
        "Return to a good checkpoint or start again with a third of the learning rates (optimizers.generator.lr=..., "
        "optimizers.discriminator.lr=...), or regularise the discriminator with objective.penalties+=r1(weight=1) or "
        "gradient-penalty.",
        "Gulrajani et al. 2017, section 4",
    ),
    "stands still": Advice(
        "The weights of a network do not change: its learning rate is so small that updates vanish in float32, the network is "
        "frozen, or no gradient reaches it. An average of the generator's weights hardly changes if its half-life is longer than "
        "the run.",
        "Check the learning rate, its schedule, the frozen networks and the half-life of the average (ema.half_life_images=...) "
        "with gansmith show RUN. A usual learning rate is 2e-4.",
    ),
    "wrong range": Advice(
        "The generator's last layer cannot produce the pixel values of real images: value_range and the layer's end contradict "
        "each other (tanh gives -1 to 1, sigmoid 0 to 1). The discriminator needs to look at nothing else.",
        "Make the two agree: value_range=[-1,1] with end=tanh, or value_range=[0,1] with end=sigmoid.",
        "Radford et al. 2016, section 4",
    ),
    "collapse": Advice(
        "Mode collapse: the generator has found one image that the discriminator accepts, and all gradients point to it. The "
        "loss does not ask for variety within a batch. High momentum (Adam's first beta at .9) and high learning rates cause it.",
        "Start again, because a collapsed generator rarely recovers. Use optimizers.generator.betas=[0.5,0.999] and "
        "optimizers.discriminator.betas=[0.5,0.999], a penalty (objective.penalties+=r1(weight=1)), a discriminator that sees "
        "variety (networks.discriminator.minibatch_std=4, or packed), or a lower learning rate.",
        "Goodfellow 2016, section 5.1.1",
    ),
    "partial collapse": Advice(
        "Partial mode collapse: the generator makes some categories well and has dropped others. The discriminator accepts the "
        "ones it sees, and no gradient leads to the others.",
        "Give both networks the category as a condition (condition=clusters or condition=labels(num=...)), add "
        "objective.penalties+=r1(weight=1), or let the discriminator score several samples at once (packed). Longer training may "
        "also help.",
        "Lin et al. 2018 (PacGAN), section 3",
    ),
    "D too strong": Advice(
        "The discriminator has won: it is right whatever the generator makes, so its gradient no longer shows the generator "
        "how to improve. It learns faster than the generator, or it has found one artefact that the generator does not lose.",
        "Slow the discriminator down (half its learning rate, fewer discriminator_turns), regularise it "
        "(objective.penalties+=r1(weight=1)), augment its input (objective.augmentation=augment), or give both players' Adam "
        "betas of [0.5,0.999].",
        "Arjovsky and Bottou 2017, section 2",
    ),
    "G starved": Advice(
        "Vanishing gradients: the discriminator is so sure that its output is flat around the generated samples, and the "
        "generator's gradient has vanished. The saturating loss does this by its formula.",
        "Use objective.loss=non-saturating, give the discriminator fewer turns or a lower learning rate, or add "
        "objective.penalties+=r1(weight=1).",
        "Goodfellow et al. 2014, section 3",
    ),
    "D too weak": Advice(
        "The generator learns only from the discriminator, and the discriminator misses a plain difference. It is too small, "
        "learns too slowly, or is regularised too much (dropout, a large penalty, a tiny learning rate).",
        "Give the discriminator more width, a higher learning rate, more turns (objective.discriminator_turns=2), or a smaller "
        "penalty.",
    ),
    "D the wrong way round": Advice(
        "The discriminator is rewarded for calling generated samples real: its loss has a wrong sign, or the two labels are "
        "swapped.",
        "Check the loss's discriminator method: it must push the logits of real samples up and those of generated samples down.",
        "Goodfellow et al. 2014, eq. 1",
    ),
    "G the wrong way round": Advice(
        "The generator is rewarded for being recognised: its loss has a wrong sign, or uses the label of generated samples.",
        "Check the loss's generator method: it must fall as the logits of generated samples rise.",
        "Goodfellow et al. 2014, section 3",
    ),
    "oscillation": Advice(
        "The players chase each other in a circle: the generator moves to where the discriminator does not look, the "
        "discriminator follows, and the generator moves on. Learning rates or momentum are too high to converge.",
        "Lower both learning rates to a third, give both players' Adam betas of [0.5,0.999] or [0,0.99], add "
        "objective.penalties+=r1(weight=1), and sample from an average of the weights (ema=ema(half_life_images=2000)).",
        "Mescheder et al. 2018, section 2",
    ),
    "dead units": Advice(
        "A ReLU unit that is 0 for every input gets no gradient and never recovers. A learning rate that is too high, or an "
        "unlucky initialisation, has pushed its bias far below 0.",
        "Start again with new weights (seed=1) and a lower learning rate, or use leaky ReLU (slope=0.2), which cannot die.",
        "Lu et al. 2019 (Dying ReLU and initialization)",
    ),
    "plateau": Advice(
        "Neither player wins and samples do not improve. A network may be too small for the task, or the learning rate too high "
        "to converge or too low to make progress.",
        "Try a third of the learning rate, or a learning rate that falls (optimizers.generator.schedule=linear(start=0.5)), then "
        "wider networks.",
    ),
    "D over-fits": Advice(
        "The discriminator overfits: it has memorised the training images and no longer learns what makes an image real. There "
        "are too few images for its size.",
        "Augment its input with objective.augmentation=augment. More images, a smaller discriminator, dropout or an earlier end "
        "also help.",
        "Karras et al. 2020 (limited data), section 2",
    ),
    "memorisation": Advice(
        "The generator reproduces training images: with so few of them this is the easiest way to fool the discriminator.",
        "Use more images, objective.augmentation=augment, a smaller generator, or an earlier checkpoint.",
    ),
    "data all alike": Advice(
        "All training samples are identical, so there is no variety to learn. The usual reason is a wrong path, a wrong column "
        "or a faulty conversion.",
        "Look at the data: samples/real.png in the run folder shows the first samples as gansmith reads them.",
    ),
}

# Advice for runs without a discriminator, such as a variational autoencoder.
WITHOUT_DISCRIMINATOR: dict[Trouble, Advice] = {
    "collapse": Advice(
        "The generator ignores z: the encoder no longer passes any information through z, because this would raise the KL "
        "divergence by more than it lowers the reconstruction error (posterior collapse), or learning rates that are "
        "too high have led there.",
        "Start again with a lower learning rate (optimizers.autoencoder.lr=...) or another seed, use a smaller generator, or "
        "train longer.",
        "Bowman et al. 2016, section 3.1",
    ),
    "partial collapse": Advice(
        "The generator makes the common categories, and z holds too little information about the rare ones.",
        "Train longer, give z more entries (noise.dim=...), or give the generator the category as a condition "
        "(condition=clusters).",
    ),
    "divergence": Advice(
        "The learning rate is too high: weights overshoot and grow without bound.",
        "Return to a good checkpoint or start again with a third of the learning rate (optimizers.autoencoder.lr=...).",
    ),
}
