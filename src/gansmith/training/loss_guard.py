"""Keep a loss that is not finite from reaching the weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from gansmith.core.errors import TrainingError


class LossGuard:
    """Watches every player's losses.

    On an accelerator the finding stays on the device, and every update after it is skipped, so that no step waits for the device;
    `check` waits.
    """

    def __init__(self, players: Sequence[str], device: torch.device) -> None:
        self.players, self.device = players, device
        # The first turn whose loss was not finite, as (step, player) in one number; -1 for none.
        self.first_bad = torch.full((), -1, dtype=torch.int64, device=device)

    def admit(self, loss: Tensor, steps: int, player_index: int) -> Tensor | None:
        """Look at a player's loss after `steps` finished steps, before its update.

        On the CPU raises TrainingError. Elsewhere returns a scalar on the device: 1.0 for an update to be skipped, else 0.0.
        """
        here = steps * len(self.players) + player_index
        if self.device.type == "cpu":
            if not math.isfinite(loss.item()):
                self.first_bad.fill_(here)
                self.check()
            return None
        self.first_bad.copy_(torch.where(torch.isfinite(loss) | (self.first_bad >= 0), self.first_bad, here))
        return (self.first_bad >= 0).float()

    def check(self) -> None:
        """Raise TrainingError, naming player and step, if a loss was not finite."""
        bad = int(self.first_bad.item())
        if bad >= 0:
            step, player_index = divmod(bad, len(self.players))
            raise TrainingError(f"the loss of player {self.players[player_index]!r} is not finite at step {step + 1}")
