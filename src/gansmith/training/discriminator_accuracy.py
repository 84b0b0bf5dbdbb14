"""What the discriminator says of samples it never saw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from gansmith.core.component import parts
from gansmith.core.errors import DataError
from gansmith.networks.base import logits_of
from gansmith.objectives.losses import Loss
from gansmith.training.trainer import Trainer

MAX_JUDGED = 10_000
UNSEEN_SEED = 1


@torch.no_grad()
def held_out(trainer: Trainer) -> dict[str, float]:
    """The share of held-out real samples and of as many new fakes that D puts on the right side of one half, dropout off.

    Where D judges several samples at once a pack counts as one. Empty where there is no discriminator, or the data have no test
    split.
    """
    if "discriminator" not in trainer.networks:
        return {}
    try:
        test = trainer.recipe.data.load("test")
        told_real = trainer.condition_of(test)
    except DataError:
        return {}
    real, told_fake = test.values[:MAX_JUDGED], None
    if trainer.shapes.observed:
        told_fake = trainer.inputs.rows(UNSEEN_SEED, 0, MAX_JUDGED).condition
    discriminator = trainer.networks["discriminator"]
    training = discriminator.training
    discriminator.eval()

    def said(samples: Tensor, conditions: np.ndarray | None, start: int) -> Tensor:
        condition = None if conditions is None else torch.from_numpy(conditions[start : start + len(samples)]).to(trainer.device)
        return logits_of(discriminator(samples, condition)).mean(1)

    undecided = next((p.undecided for p in parts(trainer.recipe.objective) if isinstance(p, Loss)), 0.0)
    on_real: list[Tensor] = []  # one number a sample judged
    on_fake: list[Tensor] = []
    try:
        for start in range(0, len(real), 500):
            stored = torch.from_numpy(real[start : start + 500]).to(trainer.device)
            on_real.append(said(trainer.modality.to_model(stored), told_real, start))
        sampler = replace(trainer.sampler, generator=trainer.networks["generator"])
        for start, made in sampler.chunks(UNSEEN_SEED, 0, len(real)):
            on_fake.append(said(made[: len(real) - start], told_fake, start))
    finally:
        discriminator.train(training)
    reals, fakes = torch.cat(on_real), torch.cat(on_fake)
    right_real, right_fake = int((reals > undecided).sum()), int((fakes < undecided).sum())
    return {
        "num_judged": len(reals) + len(fakes),
        "accuracy_real": right_real / len(reals),
        "accuracy_fake": right_fake / len(fakes),
        "accuracy": (right_real + right_fake) / (len(reals) + len(fakes)),
        "D(new fake)": float((fakes[0] - undecided).sigmoid()),
    }
