"""What the discriminator says of samples it never saw."""

from __future__ import annotations

import torch

from gansmith import sampling
from gansmith.errors import DataError
from gansmith.losses import Loss
from gansmith.spec import parts
from gansmith.trainer import Trainer

MAX_JUDGED = 10_000
UNSEEN_SEED = 1


@torch.no_grad()
def held_out(trainer: Trainer) -> dict[str, float]:
    """The share of held-out real samples and of as many new fakes that D puts on the right side of one half, dropout off.

    Empty where there is no discriminator, or the data have no test split.
    """
    if "discriminator" not in trainer.networks:
        return {}
    try:
        real = trainer.recipe.data.load("test").values[:MAX_JUDGED]
    except DataError:
        return {}
    discriminator = trainer.networks["discriminator"]
    training = discriminator.training
    discriminator.eval()
    undecided = next((p.undecided for p in parts(trainer.recipe.objective) if isinstance(p, Loss)), 0.0)
    right_real = right_fake = 0
    first: float | None = None
    try:
        for start in range(0, len(real), 500):
            stored = torch.from_numpy(real[start : start + 500]).to(trainer.device)
            right_real += int((discriminator(trainer.kind.to_model(stored), None).mean(1) > undecided).sum())
        generator = trainer.networks["generator"]
        for start, made in sampling.chunks(generator, trainer.recipe.noise, UNSEEN_SEED, 0, len(real)):
            logits = discriminator(made[: len(real) - start], None).mean(1)
            right_fake += int((logits < undecided).sum())
            first = float((logits[0] - undecided).sigmoid()) if first is None else first
    finally:
        discriminator.train(training)
    count = len(real)
    return {
        "num_judged": 2 * count,
        "accuracy_real": right_real / count,
        "accuracy_fake": right_fake / count,
        "accuracy": (right_real + right_fake) / (2 * count),
        "D(new fake)": first if first is not None else float("nan"),
    }
