"""Losses and penalties: the papers' formulas written out in NumPy, theorems about their optima, contracts for every one."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gansmith.objectives import Adversarial
from gansmith.objectives import losses as loss_module
from gansmith.objectives.base import Turn
from gansmith.objectives.losses import Hinge, LeastSquares, Loss, NonSaturating, Relativistic, Saturating, Wasserstein
from gansmith.objectives.penalties import R1, R2, Dragan, GradientPenalty, Penalty, PenaltyInput
from support import components, name_of, tiny, trainer

LOSSES = components(Loss)
PENALTIES = components(Penalty)
EVERY_LOSS = pytest.mark.parametrize("loss", LOSSES, ids=name_of)
EVERY_PENALTY = pytest.mark.parametrize("penalty", PENALTIES, ids=name_of)


def logits(*shape: int, seed: int = 0, scale: float = 3.0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(0, scale, shape))  # float64


# ---------------------------------------------------------------------------------------------------- contracts: losses


@EVERY_LOSS
@pytest.mark.parametrize("shape", [(5, 1), (4, 9), (1, 1), (3, 2)])
def test_a_cost_for_each_place_judged(loss: Loss, shape: tuple[int, int]) -> None:
    real, fake = logits(*shape, seed=1), logits(*shape, seed=2)
    of_real, of_fake = loss.discriminator(real, fake)
    assert of_real.shape == of_fake.shape == shape
    assert loss.generator(real, fake).shape == shape
    assert of_real.dtype == of_fake.dtype == loss.generator(real, fake).dtype == torch.float64


@EVERY_LOSS
def test_the_cost_at_a_place_depends_on_the_logits_at_that_place_alone(loss: Loss) -> None:
    real, fake = logits(4, 3, seed=1).requires_grad_(), logits(4, 3, seed=2).requires_grad_()
    for losses in (*loss.discriminator(real, fake), loss.generator(real, fake)):
        for i in range(4):
            for j in range(3):
                found = torch.autograd.grad(losses[i, j], (real, fake), retain_graph=True, allow_unused=True)
                for gradient in found:
                    if gradient is not None:
                        elsewhere = gradient.clone()
                        elsewhere[i, j] = 0
                        assert not elsewhere.any()


@EVERY_LOSS
def test_at_zero_d_wants_reals_up_and_fakes_down_and_g_wants_fakes_up(loss: Loss) -> None:
    real, fake = torch.zeros(1, 1).requires_grad_(), torch.zeros(1, 1).requires_grad_()
    of_real, of_fake = loss.discriminator(real, fake)
    up, down = torch.autograd.grad((of_real + of_fake).sum(), (real, fake))
    assert up.item() < 0 <= down.item()  # least squares, whose fakes are to be 0, is content there
    (towards,) = torch.autograd.grad(loss.generator(real.detach(), fake).sum(), fake)
    assert towards.item() < 0
    above = torch.full((1, 1), 0.25, requires_grad=True)
    (down,) = torch.autograd.grad(loss.discriminator(torch.zeros(1, 1), above)[1].sum(), above)
    assert down.item() > 0


@EVERY_LOSS
def test_a_loss_that_needs_no_reals_in_gs_turn_does_without(loss: Loss) -> None:
    fake = logits(6, 2)
    if loss.needs_real:
        assert not torch.equal(loss.generator(logits(6, 2, seed=5), fake), loss.generator(logits(6, 2, seed=6), fake))
    else:
        assert torch.equal(loss.generator(None, fake), loss.generator(logits(6, 2, seed=5), fake))


@EVERY_LOSS
@pytest.mark.parametrize("size", [50.0, 1e4])
def test_logits_of_any_size_overflow_nothing(loss: Loss, size: float) -> None:
    for sign in (-1, 1):
        real = torch.full((2, 1), sign * size, requires_grad=True)
        fake = torch.full((2, 1), -sign * size, requires_grad=True)
        losses = torch.cat([*loss.discriminator(real, fake), loss.generator(real.detach(), fake)])
        assert torch.isfinite(losses).all()
        losses.sum().backward()
        for leaf in (real, fake):
            assert leaf.grad is None or torch.isfinite(leaf.grad).all()


@EVERY_LOSS
def test_a_d_that_can_not_tell_is_undecided(loss: Loss) -> None:
    """Where reals and fakes are alike the best D answers halfway: moving away from there gains it nothing."""
    at = torch.full((1, 1), float(loss.undecided), dtype=torch.float64, requires_grad=True)
    of_real, of_fake = loss.discriminator(at, at)
    (gradient,) = torch.autograd.grad((of_real + of_fake).sum(), at)
    assert abs(gradient.item()) < 1e-12


@EVERY_LOSS
def test_a_loss_names_its_paper_and_the_equation(loss: Loss) -> None:
    paper = r"[A-Z][a-z]+( et al\.| and [A-Z][a-z]+)? (19|20)\d\d(; [^;()]*)?, (eq\.|algorithm|section) \d"
    assert re.search(paper, inspect.getdoc(type(loss)) or "")


# ---------------------------------------------------------------------------------------------------- the papers' formulas


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def bce(x: np.ndarray, label: float) -> np.ndarray:
    """Sigmoid, then binary cross-entropy, as one learns it."""
    p = sigmoid(x)
    return -(label * np.log(p) + (1 - label) * np.log(1 - p))


Formula = Callable[[np.ndarray, np.ndarray], np.ndarray]
# (D's cost of reals, of fakes; G's cost) with r = D(x) and f = D(G(z)) before any sigmoid.
FORMULAS: dict[Any, tuple[Formula, Formula, Formula]] = {
    NonSaturating(): (lambda r, f: bce(r, 1), lambda r, f: bce(f, 0), lambda r, f: bce(f, 1)),
    NonSaturating(0.9): (lambda r, f: bce(r, 0.9), lambda r, f: bce(f, 0), lambda r, f: bce(f, 1)),
    NonSaturating(0.7): (lambda r, f: bce(r, 0.7), lambda r, f: bce(f, 0), lambda r, f: bce(f, 1)),
    Saturating(): (lambda r, f: -np.log(sigmoid(r)), lambda r, f: -np.log(1 - sigmoid(f)), lambda r, f: np.log(1 - sigmoid(f))),
    Saturating(0.9): (lambda r, f: bce(r, 0.9), lambda r, f: bce(f, 0), lambda r, f: np.log(1 - sigmoid(f))),
    LeastSquares(): (lambda r, f: (r - 1) ** 2 / 2, lambda r, f: f**2 / 2, lambda r, f: (f - 1) ** 2 / 2),
    Hinge(): (lambda r, f: np.maximum(0, 1 - r), lambda r, f: np.maximum(0, 1 + f), lambda r, f: -f),
    Wasserstein(): (lambda r, f: -r, lambda r, f: f, lambda r, f: -f),
    Relativistic(): (
        lambda r, f: -np.log(sigmoid(r - f)) / 2,
        lambda r, f: -np.log(sigmoid(r - f)) / 2,
        lambda r, f: -np.log(sigmoid(f - r)),
    ),
}


@pytest.mark.parametrize("loss", FORMULAS, ids=str)
def test_a_loss_is_its_papers_formula(loss: Any) -> None:
    real, fake = logits(50, 3, seed=3), logits(50, 3, seed=4)
    found = (*loss.discriminator(real, fake), loss.generator(real, fake))
    for losses, formula in zip(found, FORMULAS[loss], strict=True):
        assert np.allclose(losses.numpy(), formula(real.numpy(), fake.numpy()), rtol=1e-11, atol=1e-13)


def test_every_loss_of_the_package_has_its_formula_here() -> None:
    own = {
        c for c in vars(loss_module).values() if isinstance(c, type) and c.__module__ == loss_module.__name__ and c is not Loss
    }
    assert own == {type(loss) for loss in FORMULAS}


def test_cross_entropy_on_logits_is_torchs_own() -> None:
    real, fake = logits(20, 1, seed=5), logits(20, 1, seed=6)
    for label in (1.0, 0.9):
        of_real, of_fake = NonSaturating(label).discriminator(real, fake)
        entropy = nn.BCEWithLogitsLoss(reduction="none")
        assert torch.allclose(of_real, entropy(real, torch.full_like(real, label)), rtol=1e-12)
        assert torch.allclose(of_fake, entropy(fake, torch.zeros_like(fake)), rtol=1e-12)
    assert torch.allclose(NonSaturating(0.9).generator(None, fake), nn.BCEWithLogitsLoss(reduction="none")(fake, fake * 0 + 1))


# ---------------------------------------------------------------------------------------------------- theorems

P = torch.tensor([0.5, 0.2, 0.2, 0.1, 0.0001], dtype=torch.float64)
P = P / P.sum()
Q = torch.tensor([0.1, 0.2, 0.3, 0.3, 0.1], dtype=torch.float64)


def value(loss: Loss, d: Tensor) -> Tensor:
    """What D pays on average when reals come from P and fakes from Q and its logits at the five places are d."""
    of_real, of_fake = loss.discriminator(d[:, None], d[:, None])
    return P @ of_real[:, 0] + Q @ of_fake[:, 0]


def kl(p: Tensor, q: Tensor) -> Tensor:
    return (p * (p / q).log()).sum()


OPTIMA = {
    NonSaturating(): (P / Q).log(),  # proposition 1: D* = p / (p + q)
    Saturating(): (P / Q).log(),
    NonSaturating(0.9): torch.logit(0.9 * P / (P + Q)),  # Salimans et al. 2016, section 3.4
    LeastSquares(): P / (P + Q),  # Mao et al. 2017, eq. 5 with a = 0, b = 1
}


@pytest.mark.parametrize("loss", OPTIMA, ids=str)
def test_the_best_d_for_two_known_distributions_is_the_papers(loss: Any) -> None:
    best = OPTIMA[loss].clone().requires_grad_()
    at_best = value(loss, best)
    (gradient,) = torch.autograd.grad(at_best, best)
    assert gradient.abs().max() < 1e-12
    for seed in range(20):
        for step in (1e-3, 0.3):
            assert value(loss, best.detach() + step * logits(5, seed=seed, scale=1.0)) > at_best


@pytest.mark.parametrize("loss", [NonSaturating(), Saturating()], ids=str)
def test_at_the_best_d_equation_1_is_minus_log_4_and_twice_the_jensen_shannon_divergence(loss: Any) -> None:
    middle = (P + Q) / 2
    jsd = (kl(P, middle) + kl(Q, middle)) / 2
    assert np.isclose(-value(loss, (P / Q).log()).item(), -np.log(4) + 2 * jsd.item(), rtol=1e-12)


def test_at_the_best_d_least_squares_is_the_harmonic_overlap() -> None:
    expected = 0.5 * (P * Q / (P + Q)).sum()
    assert np.isclose(value(LeastSquares(), P / (P + Q)).item(), expected.item(), rtol=1e-12)


def test_the_best_hinge_d_pays_twice_the_overlap() -> None:
    assert np.isclose(value(Hinge(), (P - Q).sign()).item(), 2 * torch.minimum(P, Q).sum().item(), rtol=1e-12)


def test_wasserstein_costs_are_a_difference_of_means() -> None:
    d = logits(5, seed=7)
    assert np.isclose(value(Wasserstein(), d).item(), (Q @ d - P @ d).item(), rtol=1e-12)


def test_a_relativistic_d_sees_differences_alone() -> None:
    real, fake = logits(8, 1, seed=1), logits(8, 1, seed=2)
    for one, other in zip(
        Relativistic().discriminator(real, fake), Relativistic().discriminator(real + 7.5, fake + 7.5), strict=True
    ):
        assert torch.allclose(one, other)
    assert torch.allclose(Relativistic().generator(real, fake), Relativistic().generator(real + 7.5, fake + 7.5))
    # G's game is D's with the sides changed, and D's two losses are halves of one.
    of_real, of_fake = Relativistic().discriminator(fake, real)
    assert torch.allclose(of_real + of_fake, Relativistic().generator(real, fake))


def test_the_saturating_g_gets_no_gradient_from_a_d_that_is_sure() -> None:
    sure = torch.tensor([[-20.0]], dtype=torch.float64, requires_grad=True)
    (saturating,) = torch.autograd.grad(Saturating().generator(None, sure).sum(), sure)
    (heuristic,) = torch.autograd.grad(NonSaturating().generator(None, sure).sum(), sure)
    assert -1e-8 < saturating.item() < 0
    assert -1 <= heuristic.item() < -0.99999


@pytest.mark.parametrize("label", [0.5, 0.0, 1.01])
def test_a_label_that_is_none_is_refused(label: float) -> None:
    with pytest.raises(ValueError, match="real_label"):
        NonSaturating(real_label=label)


# ---------------------------------------------------------------------------------------------------- penalties


class Linear(nn.Module):
    """D(x) = a x + b."""

    def __init__(self, a: Tensor) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(a), nn.Parameter(torch.ones(1, dtype=a.dtype))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        return x.flatten(1) @ self.a[:, None] + self.b


class Quadratic(Linear):
    """D(x) = x A x / 2 with a diagonal A = a, so that its gradient is a * x."""

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        return (x.flatten(1).square() @ self.a[:, None]) / 2 + self.b


def turn() -> Turn:
    def draw(count: int, at: int | None) -> Tensor:
        raise AssertionError("a penalty draws no z")

    return Turn(0, 1, 0.0, draw)


def judged(penalty: Penalty, d: nn.Module, shape: tuple[int, ...] = (6, 1, 2, 2)) -> PenaltyInput:
    asked = penalty.needs_gradient
    real = logits(*shape, seed=1).float().requires_grad_("real" in asked)
    fake = logits(*shape, seed=2).float().requires_grad_("fake" in asked)
    return PenaltyInput(real, fake, d(real), d(fake), d)


@EVERY_PENALTY
@pytest.mark.parametrize("shape", [(6, 1, 2, 2), (3, 3, 4, 5), (7, 2)])
def test_a_penalty_costs_each_sample_something_that_moves_d(penalty: Penalty, shape: tuple[int, ...]) -> None:
    d = Quadratic(torch.linspace(0.5, 2.0, int(np.prod(shape[1:]))))
    losses = penalty(judged(penalty, d, shape), turn())
    assert losses.shape == (shape[0],)
    assert torch.isfinite(losses).all()
    assert (losses >= 0).all()
    losses.mean().backward()
    assert d.a.grad is not None
    assert torch.isfinite(d.a.grad).all()
    assert d.a.grad.abs().max() > 0


@EVERY_PENALTY
def test_a_penalty_of_weight_zero_is_zero_and_twice_the_weight_is_twice_the_cost(penalty: Any) -> None:
    d = Quadratic(torch.linspace(0.5, 2.0, 4))

    def cost(weight: float) -> Tensor:
        torch.manual_seed(5)
        made = type(penalty)(weight=weight)
        return made(judged(made, d), turn()).detach()

    with torch.random.fork_rng():
        assert not cost(0.0).any()
        assert torch.allclose(cost(6.0), 2 * cost(3.0))


@pytest.mark.parametrize(("penalty", "side"), [(R1(weight=7.0), "real"), (R2(weight=7.0), "fake")], ids=["r1", "r2"])
def test_r1_and_r2_are_half_the_weight_times_the_squared_gradient(penalty: Any, side: str) -> None:
    a = torch.tensor([1.0, -2.0, 0.5, 3.0])
    losses = penalty(judged(penalty, Linear(a)), turn())
    assert torch.allclose(losses, torch.full((6,), 3.5 * a.square().sum().item()))
    seen = judged(penalty, Quadratic(a))
    losses = penalty(seen, turn())
    expected = 3.5 * (a * getattr(seen, side).detach().flatten(1)).square().sum(1)
    assert torch.allclose(losses, expected, rtol=1e-5)


def test_r1s_gradient_moves_d_as_the_closed_form_says() -> None:
    d, penalty = Linear(torch.tensor([1.0, -2.0, 0.5, 3.0])), R1(weight=4.0)
    penalty(judged(penalty, d), turn()).mean().backward()
    assert torch.allclose(d.a.grad, 4.0 * d.a.detach())  # d/da of 4/2 |a|^2


@pytest.mark.parametrize("penalty_class", [GradientPenalty, Dragan])
def test_the_gradient_penalty_of_a_linear_d_is_the_square_of_its_slope_less_one(penalty_class: Any) -> None:
    a = torch.tensor([1.0, -2.0, 0.5, 3.0])
    for slope in (0.5, 1.0, 2.5):
        made = penalty_class(weight=10.0)
        losses = made(judged(made, Linear(a * slope / a.norm())), turn())
        assert torch.allclose(losses, torch.full((6,), 10.0 * (slope - 1) ** 2), atol=1e-5)


def test_the_gradient_penalty_looks_between_each_real_and_its_fake() -> None:
    made, seen = GradientPenalty(weight=1.0), []

    class Spy(Linear):
        def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
            seen.append(x.detach())
            return super().forward(x)

    d = Spy(torch.ones(4))
    given = judged(made, d)
    seen.clear()
    made(given, turn())
    real, fake, (between,) = given.real.flatten(1), given.fake.flatten(1), (s.flatten(1) for s in seen)
    share = (between - real) / (fake - real)
    assert torch.allclose(share, share[:, :1].expand_as(share), atol=1e-4)  # one number a sample, the same at each pixel
    assert ((share > 0) & (share < 1)).all()
    assert len(share[:, 0].unique()) == 6


class Spied(Quadratic):
    """Notes where it is asked."""

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        self.at = x.detach()
        return super().forward(x)


def test_dragan_looks_near_the_reals_as_its_authors_code_does() -> None:
    """x + a .5 std(x) u, then (|grad D| - 1)^2 there by finite differences; the fakes count for nothing."""
    d, made = Spied(torch.tensor([1.0, -2.0, 0.5, 3.0])), Dragan(weight=2.0)
    given = judged(made, d, (4000, 1, 2, 2))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        losses = made(given, turn())
        torch.manual_seed(0)
        again = made(dataclasses.replace(given, fake=given.fake * 9 + 1), turn())
    assert torch.equal(losses, again)
    real, at = given.real.flatten(1).double().numpy(), d.at.flatten(1).double().numpy()
    away = (at - real) / (0.5 * real.std())
    assert away.min() >= -1e-5
    assert away.max() < 1
    assert abs(away.mean() - 1 / 4) < 0.01  # of a u, both uniform
    assert abs((away**2).mean() - 1 / 9) < 0.01
    assert abs(np.corrcoef(away[:, 0], away[:, 1])[0, 1] - 3 / 7) < 0.05  # a is one number for the whole sample
    step, d64 = 1e-5, Quadratic(d.a.detach().double())
    ends = [d64(torch.from_numpy(at[:9] + s * e)).detach().numpy()[:, 0] for e in np.eye(4) for s in (step, -step)]
    slope = np.sqrt(sum(((up - down) / (2 * step)) ** 2 for up, down in zip(ends[::2], ends[1::2], strict=True)))
    assert np.allclose(losses.detach().numpy()[:9], 2 * (slope - 1) ** 2, rtol=1e-4)


def test_every_penalty_of_the_package_is_tested_against_a_closed_form() -> None:
    assert {type(p) for p in PENALTIES} == {R1, R2, GradientPenalty, Dragan}


# ------------------------------------------------------------------------------------- nobody pays for what nobody asked for


class Watching(nn.Module):
    """A discriminator that notes which of its inputs want a gradient, and whether its own weights are being asked."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.asked, self.judged = inner, [], 0

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        self.asked.append(x.requires_grad)
        self.judged += len(x)
        return self.inner(x, condition)


@pytest.mark.parametrize("given", [(), (R1(),), (R2(),), (R1(), R2())], ids=lambda p: "+".join(map(name_of, p)) or "none")
def test_the_gradient_with_respect_to_a_side_is_made_only_where_a_penalty_asks(given: tuple[Penalty, ...]) -> None:
    recipe = tiny("tutorial-paper", "networks.discriminator.dropout=0.0")
    game = trainer(recipe)
    objective = Adversarial(penalties=given)
    d = game.networks["discriminator"] = Watching(game.networks["discriminator"])
    batch = game.read(0)
    objective.discriminator_loss(game.networks, batch, Turn(0, 1, 0.0, lambda count, at: torch.randn(count, 100)))
    asked = {side for p in given for side in p.needs_gradient}
    assert d.asked == ["real" in asked, "fake" in asked]


def test_ds_turn_builds_no_graph_of_g_and_gs_turn_costs_no_gradients_of_d() -> None:
    game = trainer(tiny("tutorial-paper"))
    batch, z = game.read(0), torch.randn(32, 100)
    outcome = game.recipe.objective.players()[0].loss(game.networks, batch, Turn(0, 1, 0.0, lambda count, at: z))
    assert torch.autograd.grad(outcome.losses.sum(), game.trained_weights["generator"], allow_unused=True) == (None,) * len(
        game.trained_weights["generator"]
    )
    game.step()
    for weights in game.trained_weights.values():
        assert all(w.grad is None for w in weights)


@pytest.mark.parametrize(("loss", "judged_in_gs_turn"), [(NonSaturating(), 32), (Relativistic(), 64)], ids=["without", "with"])
def test_reals_are_judged_in_gs_turn_only_where_the_loss_needs_them(loss: Loss, judged_in_gs_turn: int) -> None:
    game = trainer(tiny("tutorial-paper"))
    d = game.networks["discriminator"] = Watching(game.networks["discriminator"])
    batch = game.read(0)
    Adversarial(loss=loss).generator_loss(
        game.networks, batch, Turn(0, 1, 0.0, lambda count, at: torch.from_numpy(np.zeros((count, 100), np.float32)))
    )
    assert d.judged == judged_in_gs_turn


COMBINED = [(name_of(p), loss) for p in PENALTIES for loss in LOSSES]


@pytest.mark.parametrize(("penalty", "loss"), COMBINED, ids=[f"{p}-{name_of(loss)}" for p, loss in COMBINED])
@pytest.mark.parametrize("together", ["true", "false"])
def test_every_loss_trains_with_every_penalty(penalty: str, loss: Any, together: str) -> None:
    changes = [f"objective.loss={name_of(loss)}", f"objective.penalties+={penalty}", f"objective.joint_batch={together}"]
    game = trainer(tiny("tutorial-dropout", *changes))
    before = {k: v.clone() for k, v in game.state().tensors.items() if k.startswith("networks")}
    record = game.step()
    assert all(np.isfinite(v) for v in record.floats().values())
    for name, tensor in game.state().tensors.items():
        if name.endswith("weight") and name in before:
            assert not torch.equal(tensor, before[name]), name


def test_a_penalty_adds_its_mean_to_ds_loss_and_nothing_to_gs() -> None:
    plain, with_r1 = (trainer(tiny("tutorial-dropout", *o)) for o in ((), ("objective.penalties+=r1(weight=3)",)))
    plain_record, record = plain.step(), with_r1.step()
    d = trainer(tiny("tutorial-dropout")).networks["discriminator"]
    assert d is not None
    assert record["discriminator/loss"] > plain_record["discriminator/loss"]
    # What G pays changes only through D's one update, of which Adam makes a step of the same size.
    assert abs(record["generator/loss"] - plain_record["generator/loss"]) < 0.1


@pytest.mark.parametrize(("reduction", "factor"), [("sum", 1.0), ("mean", 0.5)])
@pytest.mark.parametrize("together", ["true", "false"])
def test_terms_are_added_or_averaged(reduction: str, factor: float, together: str) -> None:
    overrides = (f"objective.reduction={reduction}", f"objective.joint_batch={together}", "objective.share=nothing")
    game = trainer(tiny("tutorial-small", *overrides))
    d, g = game.networks["discriminator"], game.networks["generator"]
    batch, z = game.read(0), logits(32, 32, scale=1.0).float()
    expected = factor * (nn.functional.softplus(-d(batch.real)).mean() + nn.functional.softplus(d(g(z))).mean())
    outcome = game.recipe.objective.players()[0].loss(game.networks, batch, Turn(0, 1, 0.0, lambda count, at: z))
    assert outcome.losses.shape == (32,)
    assert torch.allclose(outcome.losses.mean(), expected, rtol=1e-6)


def test_the_discriminators_probabilities_are_logged() -> None:
    game = trainer(tiny("tutorial-small", "objective.share=nothing"))
    d, g = game.networks["discriminator"], game.networks["generator"]
    batch, z = game.read(0), logits(32, 32, scale=1.0).float()
    outcome = game.recipe.objective.players()[0].loss(game.networks, batch, Turn(0, 1, 0.0, lambda count, at: z))
    real, fake = d(batch.real), d(g(z))
    assert np.isclose(outcome.logs["D(x)"]().item(), real.sigmoid().mean().item(), rtol=1e-5)
    assert np.isclose(outcome.logs["D(G(z))"]().item(), fake.sigmoid().mean().item(), rtol=1e-5)
    right = ((real > 0).float().mean() + (fake < 0).float().mean()) / 2
    assert np.isclose(outcome.logs["accuracy"]().item(), right.item(), rtol=1e-6)
