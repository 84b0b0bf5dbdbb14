"""The loss of a discriminator's head that predicts the condition: auxiliary classifiers and InfoGAN's codes."""

from __future__ import annotations

from torch import Tensor

from gansmith.core.component import component
from gansmith.core.errors import RecipeError
from gansmith.core.fields import NotNegative
from gansmith.networks.base import DiscriminatorOutput

Weight = NotNegative


@component
class AuxiliaryLoss:
    """The loss of predicting the condition of samples, which both players minimise with these weights.

    It is -log Q(c|x) for the category and (c - E[c|x])^2 / 2 for each continuous code, which is -log Q(c|x) + const of a normal Q
    with variance 1. The discriminator minimises it on generated samples and, where the condition is observed, on real ones; the
    generator on its samples. With labels it is L_C of Odena et al. 2017, section 3. With codes it is -L_I, the lower bound of the
    mutual information of code and sample, up to the entropy of the code (Chen et al. 2016, eq. 5 and 6, with lambda 1).
    """

    discriminator: Weight = 1.0
    generator: Weight = 1.0

    def per_sample(self, output: DiscriminatorOutput, condition: Tensor) -> Tensor:
        """The unweighted loss [N] of the predicted condition, given the true one [N, K + S]."""
        num = output.categories.shape[1]
        categories, continuous = condition[:, :num], condition[:, num:]
        cross_entropy: Tensor = -(categories * output.categories.log_softmax(1)).sum(1)
        return cross_entropy + 0.5 * (continuous - output.continuous).square().sum(1)


def category_accuracy(output: DiscriminatorOutput, condition: Tensor) -> Tensor:
    """The share of samples whose category the head predicts, given their condition [N, K + S]."""
    num = output.categories.shape[1]
    return (output.categories.argmax(1) == condition[:, :num].argmax(1)).float().mean()


def require_head(output: Tensor | DiscriminatorOutput) -> DiscriminatorOutput:
    """The output itself. Raises RecipeError where the discriminator does not predict the condition."""
    if isinstance(output, DiscriminatorOutput):
        return output
    raise RecipeError(
        "objective.auxiliary needs a discriminator that predicts the condition, and network 'discriminator' returns logits "
        "alone: wrap it, as in networks.discriminator=auxiliary-discriminator(network=...), or set objective.auxiliary=none"
    )
