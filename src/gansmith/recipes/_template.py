"""A GAN of your own in one file. Copy this file anywhere, change it, and train it; the package needs no change:

    gansmith train my_gan.py:my_run --data digits budget=2epochs

A frozen `@component` class adds a part, and a function that returns a `Recipe` makes a run of it. This example adds a loss. A
penalty, a network, a noise or a whole objective is added in the same way: the protocols `gansmith.Penalty`, `Network`, `Noise`
and `Objective` list the methods that are needed.

The run folder records the path and the SHA-256 of this file. The file is executed again when the run is opened, so opening the
run on another machine requires `--trust my_gan.py`.
"""

from typing import ClassVar

from torch import Tensor

from gansmith import Recipe, component
from gansmith.data import Mnist
from gansmith.networks import MLPDiscriminator, MLPGenerator
from gansmith.objectives import Adversarial
from gansmith.optim import Adam
from gansmith.sampling.noise import Normal


@component
class SoftLeastSquares:
    """The least-squares loss (Mao et al. 2017, eq. 2, with a = low and b = c = high) with targets of your choice.

    Fields are settings: `gansmith train my_gan.py:my_run objective.loss.high=0.8` changes one.

    Fields:
        low: the target of D for generated samples.
        high: the target of D for real samples, and of G for its own.
    """

    low: float = 0.1
    high: float = 0.9
    needs_real: ClassVar[bool] = False  # whether `generator` below uses the logits of real samples
    undecided: ClassVar[float] = 0.5  # the logit between real and generated, for D(x) and D's accuracy in the log

    def discriminator(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """The losses of D per sample: (on real samples, on generated samples), each of the shape of its logits."""
        return 0.5 * (real - self.high).square(), 0.5 * (fake - self.low).square()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """The loss of G per sample, of the shape of the logits `fake`."""
        return 0.5 * (fake - self.high).square()


def my_run() -> Recipe:
    """A small GAN on MNIST with my own loss."""
    return Recipe(
        name="my-run",
        data=Mnist(),
        noise=Normal(64),
        networks={"generator": MLPGenerator((256, 512)), "discriminator": MLPDiscriminator((512, 256))},
        objective=Adversarial(loss=SoftLeastSquares(), joint_batch=True),
        optimizers={"discriminator": Adam(2e-4, (0.5, 0.999)), "generator": Adam(2e-4, (0.5, 0.999))},
        budget="10epochs",
    )
