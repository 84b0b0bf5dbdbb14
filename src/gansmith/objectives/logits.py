"""What D says, and in how many packs: asking it about both sides, and from its logits to costs and the log."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gansmith.errors import RecipeError

Judge = Callable[[Tensor], Tensor]  # samples [N, ...] -> logits [N, M], or [N // pack, M]


def pack_of(discriminator: nn.Module) -> int:
    """How many samples it judges at once (PacGAN; Lin et al. 2018): what it says as `pack`, else 1."""
    return int(getattr(discriminator, "pack", 1))


def judge_sides(judge: Judge, real: Tensor, fake: Tensor, together: bool, pack: int = 1) -> tuple[Tensor, Tensor]:
    """The logits of reals and of fakes, [N // pack, M] each (one where N < pack); asked about in one batch if `together`.

    No pack holds reals and fakes: what is left over of either side is not judged. Raises RecipeError where D says how many it
    judges at once and answers otherwise.
    """
    count = max(1, len(real) // pack)
    if together and len(real) >= pack:
        real_logits, fake_logits = judge(torch.cat([real[: count * pack], fake[: count * pack]])).chunk(2)
    else:
        real_logits, fake_logits = judge(real), judge(fake)
    if len(real_logits) != count:
        told = f"network 'discriminator' answers {len(real)} samples with {len(real_logits)} rows of logits; expected {count}"
        raise RecipeError(f"{told}: one that judges several samples at once says how many as its attribute pack")
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
