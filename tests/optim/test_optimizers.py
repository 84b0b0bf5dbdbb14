"""Optimizers against the papers' algorithms in NumPy and PyTorch's classes; memory layouts, checkpoints and skipped steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gansmith.core.errors import RecipeError
from gansmith.optim.optimizers import SGD, Adam, Clipped, Optimizer, RmsProp
from gansmith.optim.schedules import Constant, Cosine, Linear
from support import assert_same_tensors, components, name_of

EVERY = pytest.mark.parametrize("optimizer", components(Optimizer), ids=name_of)
SHAPES = [(7, 5), (5,), (1,), (2, 3, 4)]


def weights(seed: int = 0, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    rng = np.random.default_rng(seed)
    return [torch.from_numpy(rng.normal(size=s)).to(dtype) for s in SHAPES]


def gradients(step: int) -> list[Tensor]:
    """Gradients of very different magnitudes, one of them zero, so that epsilon matters."""
    made = weights(100 + step)
    return [made[0] * 10.0 ** -(step % 9), made[1] * 0, made[2] * 1e3, made[3] * 1e-9]


FALLING = Linear(start=0.5)


def beta2(adam: Adam, progress: float) -> float:
    """Constant, or from 0.9 to 0.99 by half a cosine, as in Huang et al. 2024."""
    if adam.beta2_schedule == Constant():
        return adam.betas[1]
    return 0.99 - 0.09 * (1 + math.cos(math.pi * progress)) / 2


CASES = [
    (Adam(1e-3, (0.9, 0.999), schedule=FALLING), lambda p: torch.optim.Adam(p, lr=1e-3)),
    (Adam(1e-3, (0.0, 0.9), schedule=FALLING, beta2_schedule=Cosine(end=0.1)), lambda p: torch.optim.Adam(p, lr=1e-3)),
    (Adam(2e-4, (0.5, 0.999), eps=1e-7, schedule=FALLING), lambda p: torch.optim.Adam(p, lr=2e-4, betas=(0.5, 0.999), eps=1e-7)),
    (Adam(1e-2, (0.0, 0.9), schedule=FALLING), lambda p: torch.optim.Adam(p, lr=1e-2, betas=(0.0, 0.9))),
    (SGD(0.1, schedule=FALLING), lambda p: torch.optim.SGD(p, lr=0.1)),
    (SGD(0.05, momentum=0.5, schedule=FALLING), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.5)),
    (RmsProp(1e-2, schedule=FALLING), lambda p: torch.optim.RMSprop(p, lr=1e-2)),
    (RmsProp(1e-3, 0.9, eps=1e-6, schedule=FALLING), lambda p: torch.optim.RMSprop(p, lr=1e-3, alpha=0.9, eps=1e-6)),
]


@pytest.mark.parametrize(("optimizer", "make_reference"), CASES, ids=[str(c[0]) for c in CASES])
def test_the_steps_are_pytorchs(optimizer: Any, make_reference: Any) -> None:
    mine, theirs = weights(), [w.requires_grad_() for w in weights()]
    optimizer_state, reference = optimizer.init(mine), make_reference(theirs)
    for step in range(40):
        progress = step / 40  # schedules change the settings on the way
        for group in reference.param_groups:
            group["lr"] = optimizer.lr * (1.0 if step < 20 else 2.0 - 2 * progress)
            if "betas" in group:
                group["betas"] = (optimizer.betas[0], beta2(optimizer, progress))
        for w, g in zip(theirs, gradients(step), strict=True):
            w.grad = g
        reference.step()
        optimizer_state.step(gradients(step), progress)
        for a, b in zip(mine, theirs, strict=True):
            assert torch.allclose(a, b, rtol=1e-11, atol=1e-13)


def test_adam_is_algorithm_1() -> None:
    (w,), rng = [np.random.default_rng(0).normal(size=6)], np.random.default_rng(1)
    m, v, lr, (b1, b2), eps = np.zeros(6), np.zeros(6), 0.01, (0.7, 0.95), 1e-3
    mine = [torch.from_numpy(w.copy())]
    optimizer_state = Adam(lr, (b1, b2), eps).init(mine)
    for t in range(1, 30):
        g = rng.normal(size=6)
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        w = w - lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
        optimizer_state.step([torch.from_numpy(g)], 0.0)
        assert np.allclose(mine[0].numpy(), w, rtol=1e-10)


@pytest.mark.parametrize("schedule", [Constant(), Linear(first=0.0, end=1.0)], ids=str)
def test_sgd_is_polyaks_heavy_ball(schedule: Any) -> None:
    """A momentum of 0 in the first step still leaves its gradient in the buffer for the second."""
    w, v, rng = np.zeros(6), np.zeros(6), np.random.default_rng(1)
    mine = [torch.from_numpy(w.copy())]
    optimizer_state = SGD(0.1, momentum=0.8, momentum_schedule=schedule).init(mine)
    for step in range(10):
        g = rng.normal(size=6)
        v = 0.8 * schedule.factor(step / 10) * v + g
        w = w - 0.1 * v
        optimizer_state.step([torch.from_numpy(g)], step / 10)
        assert np.allclose(mine[0].numpy(), w, rtol=1e-12)


def test_clipping_is_algorithm_1_of_the_wasserstein_gan() -> None:
    """Lines 6 and 7: w <- clip(w + lr RMSProp(w, g), -c, c), where g is the gradient of an objective to maximize."""
    w, v, rng = np.random.default_rng(0).normal(size=6), np.zeros(6), np.random.default_rng(1)
    mine = [torch.from_numpy(w.copy())]
    optimizer_state = Clipped(RmsProp(0.05, 0.9, eps=1e-3), bound=0.3).init(mine)
    at_the_bound = 0
    for _ in range(30):
        g = rng.normal(size=6)
        v = 0.9 * v + 0.1 * g**2
        w = np.minimum(np.maximum(w + 0.05 * g / (np.sqrt(v) + 1e-3), -0.3), 0.3)
        optimizer_state.step([torch.from_numpy(-g)], 0.0)
        assert np.allclose(mine[0].numpy(), w, rtol=1e-10)
        at_the_bound += int((np.abs(w) == 0.3).sum())
    assert 10 < at_the_bound < 170  # some are clipped, some are not


def test_a_clipped_optimizer_has_the_lr_schedule_and_state_of_the_optimizer_inside() -> None:
    inside = Adam(3e-4, schedule=FALLING)
    clipped = Clipped(inside, bound=0.5)
    assert (clipped.lr, clipped.schedule) == (inside.lr, FALLING)
    assert clipped.init(weights()).state.keys() == inside.init(weights()).state.keys()
    with pytest.raises(RecipeError, match=r"Clipped\.bound"):
        Clipped(bound=0.0)


@EVERY
def test_a_step_goes_downhill_and_in_place(optimizer: Any) -> None:
    mine = weights()
    places = [w.data_ptr() for w in mine]
    before = [w.clone() for w in mine]
    optimizer.init(mine).step([w.clone() for w in mine], 0.0)  # the gradient of |w|^2 / 2
    assert [w.data_ptr() for w in mine] == places
    for a, b in zip(mine, before, strict=True):
        assert (a - b).sign().eq(-b.sign()).all()


LAYOUTS = {
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "transposed": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
    "contiguous": lambda x: x.contiguous(),
}


@EVERY
@pytest.mark.parametrize("weight_layout", LAYOUTS)
@pytest.mark.parametrize("gradient_layout", [*LAYOUTS, "expanded from one number"])
def test_memory_layouts_change_nothing(optimizer: Any, weight_layout: str, gradient_layout: str) -> None:
    start, gradient = torch.randn(2, 6, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    plain = start.clone()
    if gradient_layout in LAYOUTS:
        other = LAYOUTS[gradient_layout](gradient)
    else:
        other = gradient[0, 0, 0, 0].expand_as(gradient)
        gradient = other.contiguous()
    mine = LAYOUTS[weight_layout](start.clone())
    expected, found = optimizer.init([plain]), optimizer.init([mine])
    for _ in range(3):
        expected.step([gradient], 0.0)
        found.step([other], 0.0)
    assert torch.equal(mine, plain)


@EVERY
def test_the_next_step_depends_on_the_state_alone(optimizer: Any) -> None:
    mine = weights()
    optimizer_state = optimizer.init(mine)
    for step in range(3):
        optimizer_state.step(gradients(step), 0.0)
    copies = [w.clone() for w in mine]
    restored = optimizer.init(copies)
    assert restored.state.keys() == optimizer_state.state.keys()
    for name, values in restored.state.items():
        for new, saved in zip(values, optimizer_state.state[name], strict=True):
            new.copy_(saved)
    for step in range(3, 6):
        optimizer_state.step(gradients(step), 0.0)
        restored.step(gradients(step), 0.0)
    assert all(torch.equal(a, b) for a, b in zip(mine, copies, strict=True))


@pytest.mark.parametrize("optimizer", [*components(Optimizer), SGD(0.1, momentum=0.9)], ids=str)
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1.0])
def test_skip_of_1_changes_nothing_for_any_gradient_and_skip_of_0_takes_the_step(optimizer: Any, bad: float) -> None:
    mine = weights(dtype=torch.float32)
    optimizer_state = optimizer.init(mine)

    def everything() -> dict[str, Tensor]:
        state = {f"{k}{i}": v.clone() for k, values in optimizer_state.state.items() for i, v in enumerate(values)}
        return {f"w{i}": w.clone() for i, w in enumerate(mine)} | state

    optimizer_state.step([g.float() for g in gradients(0)], 0.0)
    before = everything()
    optimizer_state.step([w * bad for w in mine], 0.0, torch.tensor(1.0))
    assert_same_tensors(everything(), before)
    twin = [w.clone() for w in mine]
    other = optimizer.init(twin)
    for name, values in other.state.items():
        for a, b in zip(values, optimizer_state.state[name], strict=True):
            a.copy_(b)
    optimizer_state.step([g.float() for g in gradients(1)], 0.0, torch.tensor(0.0))
    other.step([g.float() for g in gradients(1)], 0.0)
    assert all(torch.equal(a, b) for a, b in zip(mine, twin, strict=True))


@pytest.mark.parametrize("schedule", [Linear(end=0.0), Cosine(end=1001.0), Linear(first=0.0, end=1.0)], ids=str)
def test_a_schedule_that_takes_beta2_out_of_its_range_is_refused(schedule: Any) -> None:
    with pytest.raises(RecipeError, match=r"^Adam: beta2_schedule makes beta2 .* expected 0 <= beta2 < 1: choose"):
        Adam(beta2_schedule=schedule)


@pytest.mark.parametrize("schedule", [Linear(end=2.5), Cosine(end=2.0), Linear(first=3.0)], ids=str)
def test_a_schedule_that_takes_the_momentum_out_of_its_range_is_refused(schedule: Any) -> None:
    with pytest.raises(
        RecipeError, match=r"^SGD: momentum_schedule makes momentum .* expected 0 <= momentum < 1: choose .* below 2$"
    ):
        SGD(momentum=0.5, momentum_schedule=schedule)
    SGD(momentum=0.0, momentum_schedule=schedule)
