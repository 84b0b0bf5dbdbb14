"""Score real and generated samples with a discriminator, and turn its logits into losses per sample and logs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gansmith.core.component import kebab
from gansmith.core.errors import RecipeError
from gansmith.networks.base import DiscriminatorOutput, logits_of
from gansmith.objectives.base import check_values
from gansmith.objectives.losses import Loss

Output = Tensor | DiscriminatorOutput
Discriminate = Callable[[Tensor], Output]  # samples [N, ...] -> logits [N, M], or [N // pack, M], with or without a head's output


def logits_of_both(
    discriminate: Discriminate, real: Tensor, fake: Tensor, joint_batch: bool, pack: int = 1
) -> tuple[Output, Output]:
    """The discriminator's outputs for real [R, ...] and generated samples [F, ...], with R // pack and F // pack rows.

    With `joint_batch` both are scored in one pass, which matters for batch norm. No pack holds real and generated samples;
    samples that do not fill a pack are dropped, but a side smaller than one pack gets one row. Raises RecipeError where the
    discriminator returns another number of rows.
    """
    real_rows, fake_rows = (max(1, len(side) // pack) for side in (real, fake))
    if joint_batch and min(len(real), len(fake)) >= pack:
        both = torch.cat([real[: real_rows * pack], fake[: fake_rows * pack]])
        return _split(_checked(discriminate, both, real_rows + fake_rows), [real_rows, fake_rows])
    return _checked(discriminate, real, real_rows), _checked(discriminate, fake, fake_rows)


def _checked(discriminate: Discriminate, samples: Tensor, rows: int) -> Output:
    """The discriminator's output for samples. Raises RecipeError unless its logits have `rows` rows."""
    output = discriminate(samples)
    if (found := len(logits_of(output))) != rows:
        message = f"network 'discriminator' returns {found} rows of logits for {len(samples)} samples; expected {rows}"
        raise RecipeError(f"{message}: a discriminator that scores m samples at once needs the attribute pack = m")
    return output


def _split(output: Output, rows: list[int]) -> tuple[Output, Output]:
    """Split the output of a joint batch into the outputs of real and of generated samples."""
    if isinstance(output, DiscriminatorOutput):
        real, fake = zip(*(torch.split(part, rows) for part in output), strict=True)
        return DiscriminatorOutput(*real), DiscriminatorOutput(*fake)
    real_logits, fake_logits = torch.split(output, rows)
    return real_logits, fake_logits


def losses_of_both(loss: Loss, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """The discriminator's losses of real [R, M] and generated logits [F, M]. Raises RecipeError if they have other shapes."""
    both = loss.discriminator(real, fake)
    if not isinstance(both, tuple) or len(both) != 2:
        found = f"a tuple of {len(both)}" if isinstance(both, tuple) else f"a {type(both).__name__}"
        name = kebab(type(loss).__name__)
        raise RecipeError(f"{name}.discriminator: expected the losses of real and of fake logits, got {found}")
    for losses, logits in zip(both, (real, fake), strict=True):
        check_values(loss, ".discriminator", losses, list(logits.shape), "one loss for each logit")
    return both


def generator_losses(loss: Loss, real: Tensor | None, fake: Tensor) -> Tensor:
    """The generator's losses of generated logits [F, M]. Raises RecipeError if they have another shape."""
    losses = loss.generator(real, fake)
    check_values(loss, ".generator", losses, list(fake.shape), "one loss for each logit")
    return losses


def sum_of_both(real: Tensor, fake: Tensor) -> Tensor:
    """The sum of the losses of real [R, M] and generated samples [F, M], per sample.

    With R = F these are the sums of pairs, [R]. Otherwise they are [R + F], scaled so that their mean is the mean over real
    samples plus the mean over generated ones.
    """
    num_real, num_fake = len(real), len(fake)
    if num_real == num_fake:
        return mean_over_patches(real + fake)
    total = num_real + num_fake
    return torch.cat([mean_over_patches(real) * (total / num_real), mean_over_patches(fake) * (total / num_fake)])


def mean_over_patches(losses: Tensor) -> Tensor:
    """The mean over the M logits of each sample, [N, M] -> [N]."""
    return losses.squeeze(1) if losses.shape[1] == 1 else losses.mean(1)


def mean_over_packs(losses: Tensor, pack: int) -> Tensor:
    """The mean over the samples of each pack, [N] -> [N // pack], without those that fill no pack; [1] for N < pack."""
    if pack == 1:
        return losses
    whole = losses[: max(1, len(losses) // pack) * pack]
    return whole.view(-1, min(pack, len(whole))).mean(1)


def discriminator_logs(real: Tensor, fake: Tensor, undecided: float) -> dict[str, Callable[[], Tensor]]:
    """D(x) and D(G(z)) as mean probabilities, and the accuracy: the share of logits on the right side of `undecided`."""
    return {
        "D(x)": lambda: (real - undecided).sigmoid().mean(),
        "D(G(z))": lambda: (fake - undecided).sigmoid().mean(),
        "accuracy": lambda: torch.cat([real > undecided, fake < undecided]).float().mean(),
    }
