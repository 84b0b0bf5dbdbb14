"""Measure the discriminator's accuracy on held-out real samples and new generated ones."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from gansmith.core.component import parts
from gansmith.core.errors import DataError
from gansmith.networks.base import evaluating, logits_of
from gansmith.objectives.losses import Loss
from gansmith.training.trainer import Trainer

MAX_SAMPLES = 10_000  # of each side
SEED = 1


@torch.no_grad()
def held_out(trainer: Trainer) -> dict[str, float]:
    """The discriminator's accuracy in evaluation mode on real samples of the test split and on as many generated samples.

    Empty where there is no discriminator or no test split. A pack of samples counts as one.
    """
    if "discriminator" not in trainer.networks:
        return {}
    try:
        test = trainer.recipe.data.load("test")
        real_condition = trainer.conditions.of(test)
    except DataError:
        return {}
    real, inputs = test.values[:MAX_SAMPLES], trainer.conditions.inputs_for(test)
    drawn = inputs.rows(SEED, 0, len(real)).condition if trainer.shapes.observed else None
    fake_condition = None if drawn is None else torch.from_numpy(drawn).to(trainer.device)
    discriminator = trainer.networks["discriminator"]

    def logits(samples: Tensor, conditions: Tensor | None, start: int) -> Tensor:
        condition = None if conditions is None else conditions[start : start + len(samples)]
        return logits_of(discriminator(samples, condition)).mean(1)

    undecided = next((p.undecided for p in parts(trainer.recipe.objective) if isinstance(p, Loss)), 0.0)
    on_real: list[Tensor] = []  # a logit a sample or pack
    on_fake: list[Tensor] = []
    with evaluating(discriminator):
        for start in range(0, len(real), 500):
            stored = torch.from_numpy(real[start : start + 500]).to(trainer.device)
            on_real.append(logits(trainer.modality.to_model(stored), real_condition, start))
        sampler = replace(trainer.sampler, generator=trainer.networks["generator"], inputs=inputs)
        for start, made in sampler.chunks(SEED, 0, len(real)):
            on_fake.append(logits(made[: len(real) - start], fake_condition, start))
    reals, fakes = torch.cat(on_real), torch.cat(on_fake)
    right_real, right_fake = int((reals > undecided).sum()), int((fakes < undecided).sum())
    return {
        "num_judged": len(reals) + len(fakes),
        "accuracy_real": right_real / len(reals),
        "accuracy_fake": right_fake / len(fakes),
        "accuracy": (right_real + right_fake) / (len(reals) + len(fakes)),
        "D(new fake)": float((fakes[0] - undecided).sigmoid()),
    }
