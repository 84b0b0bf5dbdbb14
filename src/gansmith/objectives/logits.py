"""What D says, and in how many packs: asking it about both sides, and from its logits to costs and the log."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gansmith.core.errors import RecipeError
from gansmith.networks.base import DiscriminatorOutput, logits_of

Answer = Tensor | DiscriminatorOutput
Discriminate = Callable[[Tensor], Answer]  # samples [N, ...] -> logits [N, M], or [N // pack, M], perhaps with a head's answer


def logits_of_both(judge: Discriminate, real: Tensor, fake: Tensor, together: bool, pack: int = 1) -> tuple[Answer, Answer]:
    """What D says of R reals and F fakes, [R // pack, M] and [F // pack, M] (one where less than a pack); in one batch if
    `together`.

    No pack holds reals and fakes: what is left over of either side is not judged. Raises RecipeError where D says how many it
    judges at once and answers otherwise.
    """
    reals, fakes = (max(1, len(side) // pack) for side in (real, fake))
    if together and min(len(real), len(fake)) >= pack:
        asked = torch.cat([real[: reals * pack], fake[: fakes * pack]])
        return _parted(_answered(judge, asked, reals + fakes), [reals, fakes])
    return _answered(judge, real, reals), _answered(judge, fake, fakes)


def _answered(judge: Discriminate, samples: Tensor, rows: int) -> Answer:
    answer = judge(samples)
    if (came := len(logits_of(answer))) != rows:
        message = f"network 'discriminator' answers {len(samples)} samples with {came} rows of logits; expected {rows}"
        raise RecipeError(f"{message}: one that judges several samples at once says how many as its attribute pack")
    return answer


def _parted(answer: Answer, rows: list[int]) -> tuple[Answer, Answer]:
    if isinstance(answer, DiscriminatorOutput):
        real, fake = zip(*(torch.split(part, rows) for part in answer), strict=True)
        return DiscriminatorOutput(*real), DiscriminatorOutput(*fake)
    of_real, of_fake = torch.split(answer, rows)
    return of_real, of_fake


def added(of_real: Tensor, of_fake: Tensor) -> Tensor:
    """The costs of judging R reals and F fakes, [R, M] and [F, M], as one a pair, [R], or [R + F] where they come in other
    numbers: their mean is that of the reals plus that of the fakes."""
    reals, fakes = len(of_real), len(of_fake)
    if reals == fakes:
        return mean_over_patches(of_real + of_fake)
    both = reals + fakes
    return torch.cat([mean_over_patches(of_real) * (both / reals), mean_over_patches(of_fake) * (both / fakes)])


def mean_over_patches(costs: Tensor) -> Tensor:
    """The mean over the M places judged, [N, M] -> [N]."""
    return costs.squeeze(1) if costs.shape[1] == 1 else costs.mean(1)


def mean_over_packs(costs: Tensor, pack: int) -> Tensor:
    """The mean over the samples judged at once, [N] -> [N // pack], without those left over; [1] where N < pack."""
    if pack == 1:
        return costs
    whole = costs[: max(1, len(costs) // pack) * pack]
    return whole.view(-1, min(pack, len(whole))).mean(1)


def discriminator_logs(real: Tensor, fake: Tensor, undecided: float) -> dict[str, Callable[[], Tensor]]:
    """D(x) and D(G(z)) as mean probabilities, and the share of both that D puts on the right side of one half."""
    return {
        "D(x)": lambda: (real - undecided).sigmoid().mean(),
        "D(G(z))": lambda: (fake - undecided).sigmoid().mean(),
        "accuracy": lambda: torch.cat([real > undecided, fake < undecided]).float().mean(),
    }
