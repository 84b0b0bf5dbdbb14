"""What players pay where D also says what a sample was told to be: auxiliary classifiers, and codes found without labels."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor

from gansmith.core.component import component
from gansmith.core.errors import RecipeError
from gansmith.networks.base import DiscriminatorOutput

Weight = Annotated[float, Field(ge=0.0)]


@component
class AuxiliaryLoss:
    """D's head is to say what each sample was told to be, and G is to make samples of which that can be said.

    For the kind -log Q(c|x), for each slider (c - E[c|x])^2 / 2, which is -log Q(c|x) + const of a normal Q with variance 1. D
    pays for fakes and, where their kind is known, for reals; G for its fakes. With labels that is L_C of Odena et al. 2017,
    section 3; with codes -L_I, the lower bound of the mutual information of code and sample, up to the code's entropy (Chen et
    al. 2016, eq. 5 and 6, with lambda 1).
    """

    discriminator: Weight = 1.0
    generator: Weight = 1.0

    def cost(self, verdict: DiscriminatorOutput, condition: Tensor) -> Tensor:
        """[N] of a head's answer to samples that were told [N, K + S]."""
        num = verdict.categories.shape[1]
        categories, continuous = condition[:, :num], condition[:, num:]
        of_kind: Tensor = -(categories * verdict.categories.log_softmax(1)).sum(1)
        return of_kind + 0.5 * (continuous - verdict.continuous).square().sum(1)


def right(verdict: DiscriminatorOutput, condition: Tensor) -> Tensor:
    """The share of samples whose kind the head names."""
    num = verdict.categories.shape[1]
    return (verdict.categories.argmax(1) == condition[:, :num].argmax(1)).float().mean()


def require_head(answer: Tensor | DiscriminatorOutput) -> DiscriminatorOutput:
    """Raises RecipeError where D's answer has no head."""
    if isinstance(answer, DiscriminatorOutput):
        return answer
    raise RecipeError(
        "objective.auxiliary needs a discriminator that predicts the condition, and network 'discriminator' returns logits "
        "alone: wrap it, as in networks.discriminator=auxiliary-discriminator(network=...), or set objective.auxiliary=none"
    )
