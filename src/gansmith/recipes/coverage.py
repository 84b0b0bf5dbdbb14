"""Published networks for counting modes, on mixtures of Gaussians and on stacked MNIST, with or without packing."""

from __future__ import annotations

from typing import Literal

from gansmith.core.fields import Pieces
from gansmith.data import Ring, Source, StackedMnist
from gansmith.networks import BatchNorm, MaxoutDiscriminator, MLPGenerator, Packed, UnrolledDiscriminator, UnrolledGenerator
from gansmith.networks.base import Network
from gansmith.objectives import Adversarial
from gansmith.optim.optimizers import Adam
from gansmith.recipes.base import Pictures, Recipe
from gansmith.sampling.noise import Normal

FAMILY = ("mode coverage", 1)


def pacgan_mixture(data: Source = Ring(), pack: Pieces = 1) -> Recipe:
    """The GAN of PacGAN's table 1, on a ring or a grid of Gaussians; `pack=2` is PacGAN2.

    z ~ N(0, I_2). G has four hidden layers of 400 units with batch norm and ReLU and a linear output. D has three maxout layers
    of 200 units and 5 pieces. Weights start at N(0, .02^2), biases at 0. Both turns use the same generated samples. Adam at 1e-4
    with beta1 .8; batches of 100 packs; 400 passes over 100,000 points, which are 400,000 steps. Batch norm has an epsilon of
    1e-4 and a momentum of .05, as in the authors' library.

    The authors update both networks simultaneously, with gradients at the same weights. Here G's turn uses the updated D.

    Known to go wrong: it is meant to show mode collapse. In the published runs it misses 1.7 of 8 modes on the ring and 7.7 of 25
    on the grid.

    Source: Z. Lin et al., PacGAN: the power of two samples in generative adversarial networks, NeurIPS 2018, section 4.1, and
    the authors' code; protocol after A. Srivastava et al., VEEGAN, NeurIPS 2017.
    """
    adam = Adam(1e-4, (0.8, 0.999))
    return Recipe(
        name="pacgan-mixture",
        data=data,
        noise=Normal(2),
        networks={
            "generator": MLPGenerator(
                (400, 400, 400, 400), slope=0.0, batch_norm=BatchNorm(eps=1e-4, momentum=0.05), end="linear", init="small"
            ),
            "discriminator": _packed(MaxoutDiscriminator((200, 200, 200), pieces=5, dropout=0.0, init="small"), pack),
        },
        objective=Adversarial(share="fakes", joint_batch=True),
        optimizers={"discriminator": adam, "generator": adam},
        batch_size=100 * pack,
        budget=f"{40_000_000 * pack}images",
        pictures=Pictures(count=1024),
    )


def stacked_mnist_unrolled(data: Source = StackedMnist(), pack: Pieces = 1, d_size: Literal["1/4", "1/2"] = "1/4") -> Recipe:
    """Unrolled GAN's tiny GAN for stacked MNIST; `pack=4` is PacDCGAN4, `d_size=1/2` the larger D.

    z ~ N(0, I_256). G has 0.29 million weights: a linear layer, three 3x3 transposed convolutions with batch norm and ReLU, a 3x3
    convolution, tanh. D has 571 weights (`1/4`: a quarter of G's channels) or 1,861 (`1/2`): three 3x3 convolutions of stride 2
    with batch norm and leaky ReLU .3, then a linear layer. Weights start at N(0, .02^2). Both turns use the same generated
    samples. Adam with betas .5 and .99, at 2e-4 for D and 1e-4 for G; batches of 128 packs of images generated on the fly;
    500,000 steps.

    Known to go wrong: D is small on purpose, so that G fools it. In the published runs the GAN without packing finds 78.5 of
    1,000 modes, or 487.7 with the larger D.

    Source: L. Metz et al., Unrolled generative adversarial networks, ICLR 2017, as repeated with packing by Z. Lin et al.,
    PacGAN, NeurIPS 2018, section 4.2.
    """
    widths = {"1/4": (2, 4, 8), "1/2": (4, 8, 16)}[d_size]
    return Recipe(
        name="stacked-mnist-unrolled",
        data=data,
        noise=Normal(256),
        networks={"generator": UnrolledGenerator(), "discriminator": _packed(UnrolledDiscriminator(widths), pack)},
        objective=Adversarial(share="fakes"),
        optimizers={"discriminator": Adam(2e-4, (0.5, 0.99)), "generator": Adam(1e-4, (0.5, 0.99))},
        batch_size=128 * pack,
        budget=f"{64_000_000 * pack}images",
        pictures=Pictures(count=64),
    )


def _packed(discriminator: Network, pack: int) -> Network:
    """The discriminator on packs of `pack` samples (PacGAN); unchanged for `pack=1`."""
    return Packed(discriminator, pack) if pack > 1 else discriminator
