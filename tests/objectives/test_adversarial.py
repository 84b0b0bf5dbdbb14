"""Tricks of the adversarial game: lazy penalties, packs, what lasts, compiled networks, and all of them with each other."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from gansmith.core.component import component, kebab
from gansmith.core.errors import RecipeError
from gansmith.data import Digits, Samples
from gansmith.networks import AuxiliaryDiscriminator, ConvDiscriminator, JoinedDiscriminator, MLPDiscriminator, MLPGenerator
from gansmith.networks.base import Network, Shapes, pack_of
from gansmith.objectives import Adversarial, AuxiliaryLoss, Critic
from gansmith.objectives.augmentation import Augment
from gansmith.objectives.base import Outcome, Turn
from gansmith.objectives.logits import logits_of_both, mean_over_packs
from gansmith.objectives.losses import Loss, Relativistic, Wasserstein
from gansmith.objectives.penalties import R1, R2, GradientPenalty, Penalty
from gansmith.optim.optimizers import SGD, Adam
from gansmith.optim.schedules import Cosine, Linear
from gansmith.recipes.base import Recipe
from gansmith.sampling.conditions import Clusters, Codes, Condition, Labels
from gansmith.sampling.noise import Normal
from gansmith.training import discriminator_accuracy
from gansmith.training.trainer import Trainer
from support import CPU, assert_same_tensors, components, name_of, quick, trainer

LOSSES, PENALTIES = components(Loss), components(Penalty)
PLAIN = {"generator": MLPGenerator((8,)), "discriminator": MLPDiscriminator((8,))}


@component
class InPacks:
    """Judges `count` images at once, joined along their channels (Lin et al. 2018)."""

    network: Network
    count: PositiveInt = 2

    def build(self, shapes: Shapes) -> nn.Module:
        channels, *size = shapes.sample
        return Joined(self.network.build(Shapes(shapes.noise, (channels * self.count, *size))), self.count)


class Joined(nn.Module):
    def __init__(self, inner: nn.Module, pack: int) -> None:
        super().__init__()
        self.inner, self.pack = inner, pack

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        count = max(1, len(x) // self.pack)
        x = torch.cat([x] * self.pack)[: self.pack] if len(x) < self.pack else x[: count * self.pack]
        return self.inner(x.reshape(count, -1, *x.shape[2:]))


def synthetic() -> Samples:
    return Samples(np.random.default_rng(0).integers(0, 256, (40, 1, 4, 4), np.uint8), np.arange(40) % 4)


def game(objective: Any, networks: dict[str, Any] | None = None, **changes: Any) -> Trainer:
    """On 40 images of 4 x 4 in batches of 7, so that the sixth is a short one and packs don't come out even."""
    optimizers = {p.name: Adam(1e-2, (0.5, 0.9)) for p in objective.players()}
    recipe = Recipe("tiny", Digits(), Normal(3), networks or PLAIN, objective, optimizers, batch_size=7, **changes)
    made = Trainer(recipe, CPU, synthetic())
    made.total_images = 400
    return made


def at(step: int = 0, progress: float = 0.0) -> Turn:
    z = torch.from_numpy(np.random.default_rng(1).normal(size=(200, 3)).astype(np.float32))
    return Turn(0, 40, progress, lambda count, _: z[:count], step)


def ds_turn(made: Trainer, turn: Turn, objective: Any = None) -> Outcome:
    """What D pays for the first batch, with torch's generator as at the start of every turn of a step."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return (objective or made.recipe.objective).discriminator_loss(made.networks, made.read(0), turn)


# ---------------------------------------------------------------------------------------------------- lazy penalties


class Watching(nn.Module):
    """Notes of each pass: does the input want a gradient, how many samples, the type of the logits."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.seen = inner, []

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        logits = self.inner(x, condition)
        self.seen.append((x.requires_grad, len(x), logits.dtype))
        return logits


@pytest.mark.parametrize("penalty", PENALTIES, ids=name_of)
def test_lazy_penalties_cost_in_all_what_they_would_at_every_step(penalty: Any) -> None:
    without, every = Adversarial(), Adversarial(penalties=(penalty,))
    lazy = Adversarial(penalties=(penalty,), penalty_every=4)
    made = game(every)
    base, full = (ds_turn(made, at(), o).losses.detach() for o in (without, every))
    paid = [ds_turn(made, at(step), lazy).losses.detach() - base for step in range(12)]
    for step, cost in enumerate(paid):
        assert torch.allclose(cost, 4 * (full - base) if step % 4 == 0 else 0 * cost, rtol=1e-4, atol=1e-6)
    assert torch.allclose(torch.stack(paid).mean(0), full - base, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("penalty", PENALTIES, ids=name_of)
def test_where_no_penalty_is_due_nobody_pays_for_one(penalty: Any) -> None:
    made = game(Adversarial(penalties=(penalty,), penalty_every=3))
    d = made.networks["discriminator"] = Watching(made.networks["discriminator"])
    with torch.autocast("cpu", torch.bfloat16):
        on = ds_turn(made, at(3))
        due, d.seen = d.seen, []
        off = ds_turn(made, at(4))
    assert {dtype for _, _, dtype in due} == {torch.float32}  # bfloat16 would spoil the second derivative
    assert on.losses.dtype == torch.float32
    assert d.seen == [(False, 7, torch.bfloat16)] * 2
    assert name_of(penalty) in on.logs
    assert name_of(penalty) not in off.logs


def test_penalties_follow_their_schedule_and_their_unscaled_means_are_logged() -> None:
    rule = Adversarial(penalties=(R1(2.0), R2(3.0)), penalty_every=2, penalty_schedule=Cosine(first=10.0, end=1.0))
    made = game(rule)
    base = ds_turn(made, at(), Adversarial()).losses.mean()
    for progress in (0.0, 0.25, 1.0):
        outcome = ds_turn(made, at(6, progress))
        condition = outcome.logs["r1"]() + outcome.logs["r2"]()
        factor = 2 * (1 + 9 * (1 + np.cos(np.pi * progress)) / 2)
        assert np.isclose((outcome.losses.mean() - base).item(), factor * condition.item(), rtol=1e-4)
        assert np.isclose(
            condition.item(), sum(ds_turn(made, at(), Adversarial(penalties=(p,))).logs[name_of(p)]() for p in (R1(2.0), R2(3.0)))
        )
    faded = dataclasses.replace(rule, penalty_schedule=Linear())
    assert "r1" not in ds_turn(made, at(6, 1.0), faded).logs  # a factor of 0 spares the work


def test_the_trainer_counts_the_steps() -> None:
    made = game(Adversarial(penalties=(R1(),), penalty_every=3))
    condition = [["discriminator/r1" in made.step().values for _ in range(7)]]
    assert condition == [[True, False, False, True, False, False, True]]


# ---------------------------------------------------------------------------------------------------- packs


def test_the_mean_over_a_pack_leaves_out_what_is_left_over() -> None:
    losses = torch.tensor([1.0, 3.0, 5.0, 9.0, 100.0])
    assert mean_over_packs(losses, 1).tolist() == losses.tolist()
    assert mean_over_packs(losses, 2).tolist() == [2.0, 7.0]
    assert mean_over_packs(losses, 4).tolist() == [4.5]
    assert mean_over_packs(losses[:3], 4).tolist() == [3.0]  # filled up by repeating


@pytest.mark.parametrize("count", [1, 2, 3, 5, 6, 7, 12])
@pytest.mark.parametrize("pack", [1, 2, 3, 4])
def test_no_pack_holds_reals_and_fakes(count: int, pack: int) -> None:
    d = Joined(nn.Identity(), pack)
    real, fake = torch.arange(1.0, count + 1).view(-1, 1, 1, 1), -torch.arange(1.0, count + 1).view(-1, 1, 1, 1)

    def judge(samples: Tensor) -> Tensor:
        return d(samples).flatten(1)

    apart, together = (logits_of_both(judge, real, fake, together, pack) for together in (False, True))
    for one, other, sign in zip(apart, together, (1, -1), strict=True):
        assert torch.equal(one, other)
        assert one.shape == (max(1, count // pack), pack)
        assert (one.sign() == sign).all()


def test_a_d_that_hides_that_it_packs_is_refused() -> None:
    made = game(Adversarial(), {**PLAIN, "discriminator": InPacks(PLAIN["discriminator"])})
    made.networks["discriminator"].pack = 1
    made.networks["discriminator"].forward = lambda x, _: torch.zeros(len(x) // 2, 1)  # type: ignore[method-assign]
    message = r"network 'discriminator' returns 3 rows of logits for 7 samples; expected 7: .* the attribute pack"
    with pytest.raises(RecipeError, match=message):
        ds_turn(made, at())


@pytest.mark.parametrize("pack", [2, 3])
def test_penalties_of_packs_are_means_over_the_samples_judged(pack: int) -> None:
    """R1 written out: the gradient of a pack's logit at each of its samples."""
    made = game(Adversarial(penalties=(R1(2.0),)), {**PLAIN, "discriminator": InPacks(MLPDiscriminator((8,)), pack)})
    d, real = made.networks["discriminator"], made.read(0).real.requires_grad_()
    outcome = ds_turn(made, at())
    packs = 7 // pack
    assert outcome.losses.shape == (packs,)
    squares = []
    for i in range(packs):
        (gradient,) = torch.autograd.grad(d(real[i * pack : (i + 1) * pack]).sum(), real)
        squares += gradient[i * pack : (i + 1) * pack].square().sum((1, 2, 3)).tolist()
    assert len(squares) == packs * pack
    assert np.isclose(outcome.logs["r1"]().item(), np.mean(squares), rtol=1e-5)
    base = ds_turn(made, at(), Adversarial()).losses.mean()
    assert np.isclose((outcome.losses.mean() - base).item(), np.mean(squares), rtol=1e-4)


def test_a_relativistic_d_compares_packs() -> None:
    made = game(Adversarial(loss=Relativistic()), {**PLAIN, "discriminator": InPacks(MLPDiscriminator((8,)), 3)})
    d, real = made.networks["discriminator"], made.read(0).real
    with torch.no_grad():
        fake = made.networks["generator"](at().noise(7))
        expected = nn.functional.softplus(d(fake) - d(real))[:, 0]
    assert torch.allclose(ds_turn(made, at()).losses, expected)
    of_g = made.recipe.objective.generator_loss(made.networks, made.read(0), at())
    assert torch.allclose(of_g.losses, nn.functional.softplus(d(real) - d(fake))[:, 0])


def test_d_alone_may_judge_packs_too() -> None:
    networks = {**PLAIN, "discriminator": InPacks(MLPDiscriminator((8,)))}
    made = game(Critic(), networks, frozen=("generator",))
    assert ds_turn(made, at()).losses.shape == (3,)


def test_held_out_packs_are_counted_as_packs() -> None:
    recipe = quick()
    packed = {**recipe.networks, "discriminator": InPacks(recipe.networks["discriminator"], 3)}
    found = discriminator_accuracy.held_out(trainer(dataclasses.replace(recipe, networks=packed)))
    real = len(Digits().load("test")) // 3
    fakes = sum(len(range(i, min(i + 64, len(Digits().load("test"))))) // 3 for i in range(0, len(Digits().load("test")), 64))
    assert found["num_judged"] == real + fakes
    assert 0 <= found["accuracy"] <= 1


# ---------------------------------------------------------------------------------------------------- what lasts


def test_what_lasts_is_made_once_and_changed_in_place() -> None:
    states: dict[str, Tensor] = {}
    for step in range(3):
        turn = Turn(0, 1, 0.0, lambda count, _: torch.zeros(count, 1), step, states=states)
        turn.state("sum", lambda: torch.zeros(2)).add_(step)
    assert states["sum"].tolist() == [3.0, 3.0]


def test_a_restored_trainer_has_what_lasted_and_leaves_the_checkpoint_alone() -> None:
    made, other = (game(Adversarial(augmentation=Augment(target=-0.99, speed_images=700))) for _ in range(2))
    for _ in range(3):
        made.step()
    state = copied(made)
    other.restore(state)
    other.step()
    assert np.isclose(state.tensors["lasting/augmentation"].item(), 0.03)
    assert np.isclose(other.states["augmentation"].item(), 0.04)


def copied(made: Trainer) -> Any:
    return dataclasses.replace(made.state(), tensors={k: v.clone() for k, v in made.state().tensors.items()})


# ---------------------------------------------------------------------------------------------------- all with each other

AUGMENTATIONS = (None, Augment(), Augment(target=0.3, speed_images=70))
SPECTRAL = {**PLAIN, "discriminator": ConvDiscriminator((4,), spectral_norm=True)}
RECOVERING = {**PLAIN, "discriminator": AuxiliaryDiscriminator(MLPDiscriminator((8,)))}
WAYS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # (changes of the objective, networks)
    "plain": ({}, PLAIN),
    "lazy": ({"penalty_every": 2, "penalty_schedule": Cosine(first=10.0, end=1.0)}, PLAIN),
    "packed": ({}, {**PLAIN, "discriminator": InPacks(MLPDiscriminator((8,)), 2)}),
    "packed-together": ({"joint_batch": True}, {**PLAIN, "discriminator": InPacks(MLPDiscriminator((8,)), 3)}),
    "spectral": ({}, SPECTRAL),
    "shared-together": ({"share": "fakes", "joint_batch": True, "reduction": "mean"}, SPECTRAL),
    "two-turns": ({"discriminator_turns": 2, "penalty_every": 3}, PLAIN),
    "clusters": ({"joint_batch": True}, SPECTRAL),
    "clusters-joined": ({}, {**PLAIN, "discriminator": JoinedDiscriminator(InPacks(MLPDiscriminator((8,)), 2))}),
    "labels-recovered": ({"joint_batch": True, "auxiliary": AuxiliaryLoss()}, RECOVERING),
    "codes-recovered": ({"share": "fakes", "auxiliary": AuxiliaryLoss()}, RECOVERING),
}
CONDITIONS: dict[str, Condition] = {  # by way of playing
    "clusters": Clusters(3),
    "clusters-joined": Clusters(3),
    "labels-recovered": Labels(),
    "codes-recovered": Codes(3, continuous=1),
}
EACH_PENALTY = [(), *((p,) for p in PENALTIES), (R1(), R2(), GradientPenalty())]


def pairs_of(loss: int, way: int) -> list[tuple[tuple[Penalty, ...], Augment | None]]:
    """A part of all pairs of penalties and augmentation, another for each way and each loss."""
    return list(itertools.product(EACH_PENALTY, AUGMENTATIONS))[(loss + way) % len(WAYS) :: len(WAYS)]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("loss", LOSSES, ids=name_of)
def test_everything_trains_and_goes_on_with_everything(loss: Any, way: str) -> None:
    """Each penalty and each augmentation in turn, so that every loss meets every pair of them in one of the ways."""
    changes, networks = WAYS[way]
    for penalties, augmentation in pairs_of(LOSSES.index(loss), list(WAYS).index(way)):

        def objective(penalties: tuple[Penalty, ...] = penalties, augmentation: Augment | None = augmentation) -> Adversarial:
            return Adversarial(loss, penalties, augmentation=augmentation, **changes)

        if isinstance(loss, Wasserstein) and augmentation is not None and augmentation.target is not None:
            with pytest.raises(RecipeError, match=r"augment.*wasserstein"):
                objective()
            continue
        trains_and_goes_on(objective, networks, condition=CONDITIONS.get(way))


def trains_and_goes_on(objective: Callable[[], Adversarial], networks: dict[str, Any], **changes: Any) -> None:
    one, other = (game(objective(), networks, **changes) for _ in range(2))
    before = copied(one).tensors
    for _ in range(2):
        assert all(np.isfinite(v) for v in one.step().floats().values())
    for name, tensor in one.state().tensors.items():
        if name.startswith("networks/") and name.endswith(("weight", "original")):
            assert not torch.equal(tensor, before[name]), name
    other.restore(copied(one))
    for _ in range(2):
        assert one.step().floats() == other.step().floats()
    assert_same_tensors(one.state().tensors, other.state().tensors)


def test_every_loss_meets_every_pair_of_a_penalty_and_an_augmentation() -> None:
    for loss in range(len(LOSSES)):
        met = [pair for way in range(len(WAYS)) for pair in pairs_of(loss, way)]
        assert sorted(map(repr, met)) == sorted(map(repr, itertools.product(EACH_PENALTY, AUGMENTATIONS)))


def test_penalties_in_bf16_are_those_in_float32() -> None:
    """G's turn is in bfloat16; where a penalty is due D's is not."""
    records = [game(Adversarial(penalties=(R1(5.0),)), precision=p).step() for p in ("float32", "bf16")]
    a, b = (r["discriminator/r1"] for r in records)
    assert a == b
    assert records[0]["generator/loss"] != records[1]["generator/loss"]


# ---------------------------------------------------------------------------------------------------- compiled


@pytest.mark.parametrize("penalty", PENALTIES, ids=name_of)
def test_compiled_networks_and_second_derivatives_are_refused_together(penalty: Penalty) -> None:
    message = (
        rf"compile: penalty {kebab(type(penalty).__name__)} differentiates the discriminator twice.*: leave compile at false"
    )
    with pytest.raises(RecipeError, match=message):
        quick(f"objective.penalties+={name_of(penalty)}", "compile=true")


def test_without_a_compiler_compiling_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(
        RecipeError, match="compile needs a C\\+\\+ compiler, and there is no no-such-compiler here: install it, or"
    ):
        trainer(quick("compile=true"))


@pytest.mark.filterwarnings("ignore")  # torch's own, of its compiler's parts
def test_a_compiled_game_takes_the_steps_of_a_plain_one_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last stage of the compiler, which would take a minute here, is left out."""
    from torch._dynamo.utils import counters

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    rule = Adversarial(loss=Relativistic(), augmentation=Augment())
    plain, quick, other = game(rule), game(rule, compile=True), game(rule, compile=True)
    before = counters["stats"]["unique_graphs"]
    for _ in range(2):
        one, two = plain.step().floats(), quick.step().floats()
        assert all(np.isclose(one[k], two[k], rtol=1e-4, atol=1e-6) for k in one)
    assert counters["stats"]["unique_graphs"] >= before + 3  # G with and without gradients, and D
    assert list(quick.state().tensors) == list(plain.state().tensors)
    assert type(quick.sampled) is type(plain.sampled)  # samples come from what any process has
    other.restore(copied(quick))
    assert quick.step().floats() == other.step().floats()
    assert_same_tensors(quick.state().tensors, other.state().tensors)


def test_a_d_says_how_many_it_judges_through_its_compiled_self() -> None:
    assert pack_of(torch.compile(Joined(nn.Identity(), 3), backend="eager")) == 3  # type: ignore[arg-type]
    assert pack_of(nn.Identity()) == 1


# ---------------------------------------------------------------------------------------------------- turns at once


@component
class OnePoint:
    """G of the Dirac-GAN (Mescheder et al. 2018, definition 2.1): every z becomes the point that it learns, at first 1."""

    def build(self, shapes: Shapes) -> nn.Module:
        return Learned(lambda x, w: w.expand(len(x), 1), 1.0)


@component
class OneSlope:
    """Its D: a line through 0 whose slope it learns, at first 0."""

    def build(self, shapes: Shapes) -> nn.Module:
        return Learned(lambda x, w: x * w, 0.0)


class Learned(nn.Module):
    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], start: float) -> None:
        super().__init__()
        self.function, self.weight = function, nn.Parameter(torch.tensor([start]))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.function(x, self.weight)


@pytest.mark.parametrize("turns", ["simultaneous", "alternating"])
@pytest.mark.parametrize("share", ["nothing", "noise", "fakes"])
def test_turns_at_once_spiral_out_and_turns_in_a_row_stay_on_their_curve(turns: Any, share: Any) -> None:
    """The truth is the point 0; D pays w t, G pays -w t, so that a step turns (w, t). At once its square grows by 1 + rate^2 at
    each step; in a row w^2 + t^2 - rate w t stays (Gidel et al. 2019 on alternating and simultaneous updates)."""
    rate, steps, zeros = 0.125, 40, Samples(np.zeros((64, 1), np.float32))
    networks = {"generator": OnePoint(), "discriminator": OneSlope()}
    objective = Adversarial(loss=Wasserstein(), turns=turns, share=share)
    optimizers = {"discriminator": SGD(rate), "generator": SGD(rate)}
    made = Trainer(Recipe("dirac", Digits(), Normal(1), networks, objective, optimizers, batch_size=16), CPU, zeros)
    made.total_images = 16 * steps
    for _ in range(steps):
        made.step()
    w, t = (made.networks[name].weight.item() for name in ("discriminator", "generator"))  # type: ignore[union-attr,operator]
    if turns == "simultaneous":
        assert np.isclose(w**2 + t**2, (1 + rate**2) ** steps, rtol=1e-4)
    else:
        assert np.isclose(w**2 + t**2 - rate * w * t, 1.0, rtol=1e-4)


def test_both_pay_before_either_moves_and_g_moves_first(monkeypatch: pytest.MonkeyPatch) -> None:
    condition: list[str] = []
    made = game(Adversarial(turns="simultaneous", share="fakes", discriminator_fakes=5))
    for name, optimizer_state in made.optimizer_states.items():
        step = optimizer_state.step
        monkeypatch.setattr(optimizer_state, "step", lambda *given, name=name, step=step: (condition.append(name), step(*given)))
    for name, network in made.networks.items():
        network.register_forward_hook(lambda _, given, made, name=name: condition.append(f"{name} of {len(given[0])}"))
    made.step()
    assert condition == [
        "generator of 5",
        "discriminator of 7",
        "discriminator of 5",
        "discriminator of 5",
        "generator",
        "discriminator",
    ]


def test_of_unequal_numbers_each_side_counts_as_a_whole() -> None:
    """D pays the mean over its reals plus the mean over its fakes, however many there are of either."""
    made = game(Adversarial(discriminator_fakes=20, joint_batch=True))
    record = made.step()
    alone = game(Adversarial(discriminator_fakes=20))
    assert np.isclose(record["discriminator/loss"], alone.step()["discriminator/loss"], rtol=1e-6)
    d, batch = game(Adversarial()).networks["discriminator"], game(Adversarial()).read(0)
    assert len(batch.real) == 7
    loss, of_real = Adversarial().loss, torch.nn.functional.softplus(-d(batch.real)).mean().item()
    found = []
    for count in (20, 2000):
        taken: list[Tensor] = []
        made = game(Adversarial(discriminator_fakes=count, loss=loss))
        hook = made.networks["discriminator"].register_forward_hook(lambda m, g, out, taken=taken: taken.append(out.detach()))
        found.append(made.step()["discriminator/loss"])
        hook.remove()
        assert np.isclose(found[-1], of_real + torch.nn.functional.softplus(taken[1]).mean().item(), rtol=1e-5)
    assert found[0] != found[1]
