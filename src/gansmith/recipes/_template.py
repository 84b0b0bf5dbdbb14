"""A GAN of your own in one file. Copy it anywhere, change it, and train it with nothing else touched:

    gansmith train my_gan.py:my_run --data digits budget=2epochs

It adds one loss. A penalty, a network, noise or a whole objective is added the same way: a frozen `@component` whose
fields are its settings, with the methods that `gansmith.Loss`, `Penalty`, `Network`, `Noise` or `Objective` ask of it. The run
folder then records this file's path and SHA-256; opening the run elsewhere asks for it with `--trust my_gan.py`.
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
    """Least squares (Mao et al. 2017, eq. 2 with a = low, b = c = high) between two labels of your choice."""

    low: float = 0.1
    high: float = 0.9
    needs_real: ClassVar[bool] = False  # G's turn needs no judged reals
    undecided: ClassVar[float] = 0.5  # the logit halfway, for D(x) and D's accuracy in the log

    def discriminator(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        return 0.5 * (real - self.high).square(), 0.5 * (fake - self.low).square()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        return 0.5 * (fake - self.high).square()


def my_run() -> Recipe:
    """A small GAN with my own loss."""
    return Recipe(
        name="my-run",
        data=Mnist(),
        noise=Normal(64),
        networks={"generator": MLPGenerator((256, 512)), "discriminator": MLPDiscriminator((512, 256))},
        objective=Adversarial(loss=SoftLeastSquares(), joint_batch=True),
        optimizers={"discriminator": Adam(2e-4, (0.5, 0.999)), "generator": Adam(2e-4, (0.5, 0.999))},
        budget="10epochs",
    )
