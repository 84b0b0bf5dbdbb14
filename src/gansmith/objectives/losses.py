"""GAN losses: functions from logits [N, M] to losses [N, M], one for each logit.

With s(x) = softplus(x) = log(1 + e^x), binary cross-entropy on a logit is s(-x) for label 1 and s(x) for label 0. This equals
sigmoid followed by cross-entropy, without its overflow.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Protocol, runtime_checkable

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from gansmith.core.component import component

Label = Annotated[float, Field(gt=0.5, le=1.0)]


@runtime_checkable
class Loss(Protocol):
    """The losses of both players, from the logits [N, M] of real and generated samples."""

    def discriminator(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """The discriminator's losses of real and of generated samples, [N, M] each. The objective adds or averages them."""
        ...

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """The generator's loss, [N, M]. `real` is None unless `needs_real`."""
        ...

    @property
    def needs_real(self) -> bool:
        """Whether the generator's loss needs the logits of real samples, which takes another pass of the discriminator."""
        ...

    @property
    def undecided(self) -> float:
        """The logit at which a sample is as likely real as generated. Logs depend on it, training does not."""
        ...


@component
class NonSaturating:
    """The non-saturating loss: the discriminator's of Goodfellow et al. 2014, eq. 1; for the generator s(-D(G(z))), section 3.

    The generator maximises log D(G(z)). `real_label` below 1 is one-sided label smoothing (Salimans et al. 2016, section 3.4) in
    the discriminator's loss.
    """

    real_label: Label = 1.0
    needs_real: ClassVar[bool] = False
    undecided: ClassVar[float] = 0.0

    def discriminator(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Losses of real and of generated samples from their logits, [N, M] each."""
        return _cross_entropy(real, self.real_label), F.softplus(fake)

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """The generator's loss from the logits of generated samples, [N, M]."""
        return F.softplus(-fake)


@component
class Saturating:
    """The minimax loss of Goodfellow et al. 2014, eq. 1: the generator minimises log(1 - D(G(z))) = -s(D(G(z))).

    Its gradient vanishes where the discriminator is sure, so section 3 recommends the non-saturating loss. `real_label` below 1
    is one-sided label smoothing (Salimans et al. 2016, section 3.4) in the discriminator's loss.
    """

    real_label: Label = 1.0
    needs_real: ClassVar[bool] = False
    undecided: ClassVar[float] = 0.0

    def discriminator(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Losses of real and of generated samples from their logits, [N, M] each."""
        return _cross_entropy(real, self.real_label), F.softplus(fake)

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """The generator's loss from the logits of generated samples, [N, M]."""
        return -F.softplus(fake)


def _cross_entropy(logits: Tensor, label: float) -> Tensor:
    """Binary cross-entropy against `label`: label s(-x) + (1 - label) s(x) = s(-x) + (1 - label) x."""
    loss = F.softplus(-logits)
    return loss if label == 1.0 else loss + (1.0 - label) * logits


@component
class LeastSquares:
    """The least squares loss of LSGAN (Mao et al. 2017, eq. 9): a = 0 for generated samples, b = c = 1."""

    needs_real: ClassVar[bool] = False
    undecided: ClassVar[float] = 0.5

    def discriminator(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Losses of real and of generated samples from their logits, [N, M] each."""
        return 0.5 * (real - 1).square(), 0.5 * fake.square()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """The generator's loss from the logits of generated samples, [N, M]."""
        return 0.5 * (fake - 1).square()


@component
class Hinge:
    """The hinge loss (Lim and Ye 2017, eq. 5 to 7; Miyato et al. 2018, eq. 16 and 17)."""

    needs_real: ClassVar[bool] = False
    undecided: ClassVar[float] = 0.0

    def discriminator(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Losses of real and of generated samples from their logits, [N, M] each."""
        return F.relu(1 - real), F.relu(1 + fake)

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """The generator's loss from the logits of generated samples, [N, M]."""
        return -fake


@component
class Wasserstein:
    """The Wasserstein loss (Arjovsky et al. 2017, algorithm 1).

    It needs a discriminator that is nearly 1-Lipschitz, for example by a gradient penalty.
    """

    needs_real: ClassVar[bool] = False
    undecided: ClassVar[float] = 0.0

    def discriminator(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Losses of real and of generated samples from their logits, [N, M] each."""
        return -real, fake

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """The generator's loss from the logits of generated samples, [N, M]."""
        return -fake


@component
class Relativistic:
    """The relativistic pairing loss, RpGAN (Jolicoeur-Martineau 2018; Huang et al. 2024, eq. 2).

    Real and generated samples are compared in pairs by index. The discriminator's loss of a pair is s(D(G(z)) - D(x)): one
    half is returned as the loss of the real sample, one half as that of the generated one. The generator's is s(D(x) - D(G(z))).
    """

    needs_real: ClassVar[bool] = True
    undecided: ClassVar[float] = 0.0

    def discriminator(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Losses of real and of generated samples from their logits, [N, M] each."""
        half = 0.5 * F.softplus(fake - real)
        return half, half

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        """The generator's loss from the logits of generated samples, [N, M]."""
        assert real is not None
        return F.softplus(real - fake)
