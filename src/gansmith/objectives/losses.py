"""GAN losses. Each maps logits [N, M] to costs of the same shape, one for each place judged.

With s(x) = softplus(x) = log(1 + e^x), binary cross-entropy on a logit is s(-x) against 1 and s(x) against 0; on
logits it is the same function as sigmoid followed by cross-entropy, without the overflow.
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
    """What both players pay. `real` and `fake` are logits of the same shape; G's turn gets `real` only if it asks."""

    def discriminator(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """The costs of judging reals and of judging fakes, each like its logits. The objective adds or averages the two."""
        ...

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor: ...

    @property
    def needs_real(self) -> bool:
        """Whether G's turn compares with judged reals, a pass of D that most losses do without."""
        ...

    @property
    def undecided(self) -> float:
        """The logit at which D holds a sample for real and for fake alike; only what is shown depends on it."""
        ...


@component
class NonSaturating:
    """Goodfellow et al. 2014, eq. 1 for D; for G the maximisation of log D(G(z)) of section 3: G pays s(-D(G(z))).

    `real_label` below 1 is one-sided label smoothing (Salimans et al. 2016, section 3.4), in D's turn alone.
    """

    real_label: Label = 1.0
    needs_real: ClassVar[bool] = False
    undecided: ClassVar[float] = 0.0

    def discriminator(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        return _against(real, self.real_label), F.softplus(fake)

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        return F.softplus(-fake)


@component
class Saturating:
    """Goodfellow et al. 2014, eq. 1 as it stands: G minimises log(1 - D(G(z))) = -s(D(G(z))).

    Its gradient vanishes where D is sure, which is why section 3 recommends the non-saturating one.
    """

    real_label: Label = 1.0
    needs_real: ClassVar[bool] = False
    undecided: ClassVar[float] = 0.0

    def discriminator(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        return _against(real, self.real_label), F.softplus(fake)

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        return -F.softplus(fake)


def _against(logits: Tensor, label: float) -> Tensor:
    """Binary cross-entropy against `label`: label s(-x) + (1 - label) s(x) = s(-x) + (1 - label) x."""
    cost = F.softplus(-logits)
    return cost if label == 1.0 else cost + (1.0 - label) * logits


@component
class LeastSquares:
    """Mao et al. 2017, eq. 9: a = 0 for fakes, b = c = 1."""

    needs_real: ClassVar[bool] = False
    undecided: ClassVar[float] = 0.5

    def discriminator(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        return 0.5 * (real - 1).square(), 0.5 * fake.square()

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        return 0.5 * (fake - 1).square()


@component
class Hinge:
    """Lim and Ye 2017, eq. 5 to 7; Miyato et al. 2018, eq. 16 and 17."""

    needs_real: ClassVar[bool] = False
    undecided: ClassVar[float] = 0.0

    def discriminator(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        return F.relu(1 - real), F.relu(1 + fake)

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        return -fake


@component
class Wasserstein:
    """Arjovsky et al. 2017, algorithm 1. It holds only for a D kept near Lipschitz, by a gradient penalty for instance."""

    needs_real: ClassVar[bool] = False
    undecided: ClassVar[float] = 0.0

    def discriminator(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        return -real, fake

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        return -fake


@component
class Relativistic:
    """RpGAN: reals and fakes judged in pairs by index (Jolicoeur-Martineau 2018; Huang et al. 2024, eq. 2).

    D pays s(D(G(z)) - D(x)), which belongs to the pair: half of it is put down to either side.
    """

    needs_real: ClassVar[bool] = True
    undecided: ClassVar[float] = 0.0

    def discriminator(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        half = 0.5 * F.softplus(fake - real)
        return half, half

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        assert real is not None
        return F.softplus(real - fake)
