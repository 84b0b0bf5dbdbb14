"""Schedules as functions of progress, and the steps and averages of a run that follow them."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from gansmith.optim.ema import Ema
from gansmith.optim.schedules import Constant, Cosine, Linear, Schedule
from gansmith.runs.run import Run
from support import components, name_of, quick, stop_after, trainer


@pytest.mark.parametrize("schedule", components(Schedule), ids=name_of)
def test_a_schedule_starts_at_the_setting_and_stays_finite_and_positive(schedule: Schedule) -> None:
    factors = [schedule.factor(p) for p in np.linspace(0, 1, 101)]
    assert factors[0] == 1.0
    assert all(math.isfinite(f) and f >= 0 for f in factors)
    assert max(abs(a - b) for a, b in pairwise(factors)) < 0.2  # no jumps


def test_the_shapes() -> None:
    assert [Constant().factor(p) for p in (0.0, 0.5, 1.0)] == [1.0, 1.0, 1.0]
    assert [Linear().factor(p) for p in (0.0, 0.25, 1.0)] == [1.0, 0.75, 0.0]
    assert [Linear(start=0.5, end=0.5).factor(p) for p in (0.0, 0.5, 0.75, 1.0)] == [1.0, 1.0, 0.75, 0.5]
    found = [Cosine(start=0.5, end=0.2).factor(p) for p in (0.0, 0.5, 0.75, 1.0)]
    assert np.allclose(found, [1.0, 1.0, 0.6, 0.2])
    assert [Linear(first=0.0, end=2.0).factor(p) for p in (0.0, 0.25, 1.0)] == [0.0, 0.5, 2.0]
    assert np.allclose([Cosine(start=0.5, first=10.0, end=1.0).factor(p) for p in (0.2, 0.75, 1.0)], [10.0, 5.5, 1.0])
    for p in np.linspace(0, 1, 11):
        assert math.isclose(Cosine(first=0.0, end=1.0).factor(p), (1 - math.cos(math.pi * p)) / 2, abs_tol=1e-15)
    for p in np.linspace(0, 1, 11):
        assert math.isclose(Cosine().factor(p), (1 + math.cos(math.pi * p)) / 2)


def test_a_step_has_the_scheduled_lr() -> None:
    """SGD without momentum changes weights by lr times gradient, so half the lr halves the change."""
    changes = [f"optimizers.{p}=sgd(lr=0.1, schedule=linear(start=0.0))" for p in ("discriminator", "generator")]
    full, half = trainer(quick(*changes)), trainer(quick(*changes))
    start = [w.detach().clone() for w in full.trained_weights["discriminator"]]
    half.total_images = 64  # 32 images are half of the run
    full.total_images = 10**12
    for game in (full, half):
        game.images = 32
    half_changes, full_changes = [], []
    for game, found in ((full, full_changes), (half, half_changes)):
        game.step()
        found += [a.detach() - b for a, b in zip(game.trained_weights["discriminator"], start, strict=True)]
    for a, b in zip(full_changes, half_changes, strict=True):
        assert np.allclose(a.numpy(), 2 * b.numpy(), rtol=1e-3, atol=1e-7)


def test_the_half_life_of_an_average_follows_its_schedule() -> None:
    """A half-life that grows from 0 keeps nothing of the initial weights, and then 0.5^(n / half-life)."""
    ema = Ema(half_life_images=1000, ramp=None, schedule=Linear(first=0.0, end=1.0))
    network = nn.Linear(1, 1, bias=False)
    average = ema.start(network)
    expected = 7.0
    for progress in (0.0, 0.3, 0.9):
        network.weight.data.fill_(math.exp(progress))
        ema.update(average, network, 100, 64, progress)
        keep = 0.5 ** (64 / (1000 * progress)) if progress else 0.0
        expected = keep * expected + (1 - keep) * math.exp(progress)
        assert math.isclose(average.weight.item(), expected, rel_tol=1e-6)


def test_every_schedule_of_a_run_sees_the_progress_of_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []

    def factor(self: Linear, progress: float) -> float:
        seen.append(progress)
        return 1.0

    recipe = quick("optimizers.generator.schedule=linear", "optimizers.generator.beta2_schedule=linear(end=0.5)")
    game = trainer(dataclasses.replace(recipe, ema=Ema(schedule=Linear())))
    monkeypatch.setattr(Linear, "factor", factor)
    game.images, game.total_images = 320, 1600
    game.step()
    assert seen == [0.2] * 3


def test_weights_hardly_change_at_the_end_of_a_linear_schedule(tmp_path: Path) -> None:
    changes = [f"optimizers.{p}.schedule=linear" for p in ("discriminator", "generator")]
    folder = tmp_path / "run"
    changes_by_step = []
    before = None
    for step in (1, 2, 50, 51):
        stop_after(quick(*changes), folder, step)
        saved = Run.open(folder).latest()
        assert saved is not None
        weights = saved.tensors["networks/generator/0.weight"]
        changes_by_step.append(0.0 if before is None else (weights - before).abs().max().item())
        before = weights
    assert changes_by_step[3] < 0.1 * changes_by_step[1]
