"""What D says, and in how many packs: asking it about both sides, and from its logits to costs and the log."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gansmith.errors import RecipeError
from gansmith.game import Verdict, logits_of

Answer = Tensor | Verdict
Judge = Callable[[Tensor], Answer]  # samples [N, ...] -> logits [N, M], or [N // pack, M], perhaps with a head's answer


def pack_of(discriminator: nn.Module) -> int:
    """How many samples it judges at once (PacGAN; Lin et al. 2018): what it says as `pack`, else 1."""
    return int(getattr(discriminator, "pack", 1))


def judge_sides(judge: Judge, real: Tensor, fake: Tensor, together: bool, pack: int = 1) -> tuple[Answer, Answer]:
    """What D says of reals and of fakes, [N // pack, M] each (one where N < pack); asked about in one batch if `together`.

    No pack holds reals and fakes: what is left over of either side is not judged. Raises RecipeError where D says how many it
    judges at once and answers otherwise.
    """
    count = max(1, len(real) // pack)
    if together and len(real) >= pack:
        of_real, of_fake = _halves(judge(torch.cat([real[: count * pack], fake[: count * pack]])))
    else:
        of_real, of_fake = judge(real), judge(fake)
    if (rows := len(logits_of(of_real))) != count:
        told = f"network 'discriminator' answers {len(real)} samples with {rows} rows of logits; expected {count}"
        raise RecipeError(f"{told}: one that judges several samples at once says how many as its attribute pack")
    return of_real, of_fake


def _halves(answer: Answer) -> tuple[Answer, Answer]:
    if isinstance(answer, Verdict):
        real, fake = zip(*(part.chunk(2) for part in answer), strict=True)
        return Verdict(*real), Verdict(*fake)
    real_logits, fake_logits = answer.chunk(2)
    return real_logits, fake_logits


def over_places(costs: Tensor) -> Tensor:
    """The mean over the M places judged, [N, M] -> [N]."""
    return costs.squeeze(1) if costs.shape[1] == 1 else costs.mean(1)


def over_packs(costs: Tensor, pack: int) -> Tensor:
    """The mean over the samples judged at once, [N] -> [N // pack], without those left over; [1] where N < pack."""
    if pack == 1:
        return costs
    whole = costs[: max(1, len(costs) // pack) * pack]
    return whole.view(-1, min(pack, len(whole))).mean(1)


def what_d_says(real: Tensor, fake: Tensor, undecided: float) -> dict[str, Callable[[], Tensor]]:
    """D(x) and D(G(z)) as mean probabilities, and the share of both that D puts on the right side of one half."""
    return {
        "D(x)": lambda: (real - undecided).sigmoid().mean(),
        "D(G(z))": lambda: (fake - undecided).sigmoid().mean(),
        "accuracy": lambda: torch.cat([real > undecided, fake < undecided]).float().mean(),
    }
