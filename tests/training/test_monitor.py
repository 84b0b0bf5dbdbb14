"""The doctor's looks: they measure what they say, change nothing of the training, and cost what they may."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gansmith
from gansmith import doctor
from gansmith.core import distributed
from gansmith.core.errors import RecipeError, TrainingError
from gansmith.core.overrides import override
from gansmith.data import Digits, Samples
from gansmith.networks.base import evaluating
from gansmith.objectives import Adversarial, Critic, VaeGan
from gansmith.objectives.base import Objective
from gansmith.recipes import make
from gansmith.recipes.base import Recipe, Watch
from gansmith.training import budget as budget_module
from gansmith.training import vitals
from gansmith.training.look_plan import RELIED_ON, monitor_for, num_looks_by_length, plan_looks
from gansmith.training.monitor import Monitor
from gansmith.training.trainer import Trainer
from gansmith.training.validation import Measurements
from support import assert_same_run, newest_checkpoint, quick, records_of, stop_after, tiny, trainer, untimed_log, with_ema


def watched(*overrides: str, budget: str = "1600images") -> Recipe:
    """The cheapest run, looked at six times."""
    return quick("watch=watch(times=6)", *overrides, budget=budget)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("watched") / "run"
    gansmith.train(watched(), folder, device="cpu")
    return folder


def signs_of(made: Tensor) -> dict[str, float]:
    """What is said of samples in [-1, 1] beside the 8x8 digits."""
    return Monitor(trainer(watched()))._of_samples(made)


def real(count: int, first: int = 0) -> Tensor:
    return torch.from_numpy(Digits().load().values[first : first + count] / 127.5 - 1).float()


# ---------------------------------------------------------------------------------------------------- the run stays the same


def test_a_watched_run_is_the_same_run(done: Path, tmp_path: Path) -> None:
    gansmith.train(quick("watch=none"), tmp_path / "plain", device="cpu")
    assert newest_checkpoint(done).name == newest_checkpoint(tmp_path / "plain").name
    unwatched = [r for r in untimed_log(done) if not any(name.startswith(doctor.PREFIX) for name in r)]
    assert unwatched == untimed_log(tmp_path / "plain")
    assert len(untimed_log(done)) == len(unwatched) + 6


def test_left_and_gone_on_equals_uninterrupted(done: Path, tmp_path: Path) -> None:
    for step in (3, 17, 31):
        stop_after(watched(), tmp_path / "run", step)
    gansmith.train(watched(), tmp_path / "run", device="cpu")
    assert_same_run(done, tmp_path / "run")


@pytest.mark.parametrize("name", ["tutorial-dropout", "starter", "stacked-mnist-unrolled"])
def test_a_look_leaves_everything_as_it_was(name: str) -> None:
    """Dropout, batch norm, an average and what an objective keeps: none of it moves, nor does torch's generator."""
    if name == "stacked-mnist-unrolled":
        recipe = tiny("starter", "objective.augmentation=augment(target=0.6)", "condition=labels(num=10)")
    else:
        recipe = tiny(name)
    game = trainer(recipe)
    game.step()
    before = {k: v.clone() for k, v in game.state().tensors.items()}
    modes = {n: m.training for n, network in game.networks.items() for n, m in network.named_modules()}
    state = torch.get_rng_state()
    first = Monitor(game).look()
    assert Monitor(game).look() == first
    assert torch.equal(torch.get_rng_state(), state)
    assert modes == {n: m.training for n, network in game.networks.items() for n, m in network.named_modules()}
    assert before.keys() == game.state().tensors.keys()
    assert all(torch.equal(before[k], v) for k, v in game.state().tensors.items())
    assert not any(m._forward_hooks for network in game.networks.values() for m in network.modules())


# ---------------------------------------------------------------------------------------------------- what the signs mean


def test_other_real_images_look_real() -> None:
    signs = signs_of(real(256, 700))
    assert abs(signs["distance"]) < 0.05
    assert signs["spread"] == pytest.approx(1, abs=0.1)
    assert signs["nearest"] == pytest.approx(1, abs=0.2)
    assert signs["kinds"] > 0.8
    assert signs["missed"] < 0.2


def test_one_picture_over_and_over_has_no_spread() -> None:
    signs = signs_of(real(1).expand(256, -1, -1, -1))
    assert signs["spread"] == pytest.approx(0, abs=0.01)
    assert signs["kinds"] < 0.15
    assert signs["missed"] > 0.8


def test_a_missing_part_is_seen() -> None:
    digits = Digits().load()
    assert digits.labels is not None
    few = torch.from_numpy(digits.values[digits.labels < 3][:256] / 127.5 - 1).float()
    assert 0.4 < signs_of(few)["missed"] < 0.9
    assert signs_of(few)["spread"] > 0.6


def test_copies_are_counted() -> None:
    """Half training images, half held-out ones, which are no copies."""
    held_out = torch.from_numpy(Digits().load("test").values[:128] / 127.5 - 1).float()
    assert signs_of(torch.cat([real(128), held_out]))["copied"] == pytest.approx(0.5, abs=0.05)


def test_the_reach_is_measured_on_the_scale_of_real_images() -> None:
    monitor = Monitor(trainer(watched()))
    assert monitor._reach(real(256)) == pytest.approx({"low": 0, "high": 0}, abs=0.01)
    assert monitor._reach(real(256) / 2 + 0.5)["low"] == pytest.approx(0.5, abs=0.01)


class Says(nn.Module):
    """A discriminator whose logit is a function of the sample's mean."""

    def __init__(self, sign: float) -> None:
        super().__init__()
        self.sign = nn.Parameter(torch.tensor(sign))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        return self.sign * x.flatten(1).mean(1, keepdim=True)


@pytest.mark.parametrize(("sign", "told_apart"), [(1.0, 1.0), (-1.0, 0.0), (0.0, 0.5)])
def test_how_well_d_tells_them_apart_needs_no_zero(sign: float, told_apart: float) -> None:
    game = trainer(watched())
    game.networks["discriminator"] = Says(sign)
    signs = Monitor(game)._of_discriminator(torch.full((256, 1, 8, 8), -1.0))
    assert signs["told_apart"] == signs["told_apart_unseen"] == told_apart
    assert signs["knows_its_own"] == pytest.approx(0.5, abs=0.12)


def test_units_that_never_fire_are_dead() -> None:
    layer = nn.Linear(4, 8)
    network = nn.Sequential(layer, nn.ReLU(inplace=True))
    layer.weight.data.fill_(1.0)
    layer.bias.data.copy_(torch.tensor([-100.0] * 6 + [100.0] * 2))
    with vitals.units_of(network) as alive:
        network(torch.randn(16, 4))
        network(torch.randn(16, 4))
    assert vitals.dead_share(alive) == 0.75
    assert vitals.dead_share({}) is None


def test_a_relu_that_several_layers_share_is_one_for_each() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wide, self.narrow, self.relu = nn.Linear(4, 8), nn.Linear(8, 3), nn.ReLU()
            self.narrow.bias.data.copy_(torch.tensor([-100.0, 100.0, 100.0]))
            self.wide.bias.data.fill_(10.0)

        def forward(self, x: Tensor) -> Tensor:
            return self.relu(self.narrow(self.relu(self.wide(x))))  # type: ignore[no-any-return]

    network = Shared()
    with vitals.units_of(network) as alive:
        for _ in range(2):
            network(torch.rand(16, 4))
    assert sorted(map(len, alive.values())) == [3, 8]
    assert vitals.dead_share(alive) == pytest.approx(1 / 3)


def with_samples(values: np.ndarray, *overrides: str) -> Monitor:
    """On samples that no file holds."""
    name = "tutorial-small" if values.ndim == 4 else "goodfellow-2014"
    recipe = make(name, ["scores=none", *overrides], "digits" if values.ndim == 4 else "ring")
    return Monitor(Trainer(recipe, torch.device("cpu"), Samples(values)))


def test_points_far_from_the_origin_are_measured_as_near_ones() -> None:
    """In float32 the squares of such numbers leave nothing of the distance between two."""
    points = (np.random.default_rng(0).normal(size=(600, 30)) + 10_000).astype(np.float32)
    monitor = with_samples(points)
    signs = monitor._of_samples(torch.from_numpy(points[300:556]))
    assert abs(signs["distance"]) < 0.02
    assert signs["nearest"] == pytest.approx(1, abs=0.1)
    one = monitor._of_samples(torch.from_numpy(points[:1]).expand(256, -1))
    assert max(one["spread"], one["nearest"]) < 1e-3


def test_along_an_axis_without_width_nothing_is_measured() -> None:
    """Of points on a line none lies beside it: a sample that does would be millions of standard deviations away."""
    line = np.stack([np.linspace(-1, 1, 500), np.zeros(500)], 1).astype(np.float32)
    signs = with_samples(line)._of_samples(torch.from_numpy(line[:256] + np.float32([0, 0.01])))
    assert "place_0" in signs
    assert "place_1" not in signs


def test_data_that_are_all_alike_are_named_and_measure_nothing() -> None:
    monitor = with_samples(np.full((300, 1, 8, 8), 7, np.uint8))
    signs = monitor.look()
    assert signs["real_apart"] == 0
    assert signs["finite"] == 1
    assert not {"distance", "spread", "nearest", "low", "place_0"} & signs.keys()
    looks = [{"images": images} | {doctor.PREFIX + name: value for name, value in signs.items()} for images in (100, 200)]
    assert [found.trouble for found in doctor.diagnose(looks, 1000)] == ["data all alike"]
    assert Monitor(trainer(watched())).look()["real_apart"] > 1


def test_a_few_bright_dots_on_black_are_no_narrow_range() -> None:
    dots = np.zeros((300, 1, 16, 16), np.uint8)
    dots[np.arange(300), 0, np.arange(300) % 16, np.arange(300) % 13] = 255
    reach = with_samples(dots)._reach(torch.full((256, 1, 16, 16), -0.98))
    assert reach == pytest.approx({"low": 0.1, "high": 0.1}, abs=1e-3)


@pytest.mark.parametrize("loss", ["non-saturating", "saturating", "least-squares", "hinge", "wasserstein", "relativistic"])
def test_g_aims_up_and_down_where_its_loss_is_turned(loss: str) -> None:
    game = trainer(quick("objective.share=nothing", f"objective.loss={loss}"))
    (player,) = (p for p in game.players if p.name == "generator")
    assert Monitor(game)._pull()["aim"] == pytest.approx(1, abs=1e-5)

    def turned(*args: Any) -> Any:
        outcome = player.loss(*args)
        return dataclasses.replace(outcome, losses=-outcome.losses)

    game.players = (dataclasses.replace(player, loss=turned),)
    assert Monitor(game)._pull()["aim"] == pytest.approx(-1, abs=1e-5)


@pytest.mark.parametrize("loss", ["non-saturating", "saturating", "least-squares", "hinge", "wasserstein", "relativistic"])
def test_the_losses_aim_as_they_should_unless_they_are_turned(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    game = trainer(quick("objective.share=nothing", f"objective.loss={loss}"))
    signs = Monitor(game)._of_discriminator(real(256))
    assert (signs["d_aim"], signs["g_aim"]) == (1, 1)
    kind = type(game.recipe.objective.loss)  # type: ignore[attr-defined]
    right = kind.discriminator
    monkeypatch.setattr(kind, "discriminator", lambda self, on_real, on_fake: right(self, on_fake, on_real))
    paid = kind.generator
    monkeypatch.setattr(kind, "generator", lambda self, on_real, on_fake: -paid(self, on_real, on_fake))
    signs = Monitor(game)._of_discriminator(real(256))
    assert (signs["d_aim"], signs["g_aim"]) == (-1, -1)


@pytest.mark.parametrize(("objective", "states"), [(Adversarial(), True), (Critic(), False), (VaeGan(), False)])
def test_only_an_objective_that_states_its_loss_of_logits_has_aims(objective: Objective, states: bool) -> None:
    """The others' losses have further terms of the logits, so that a sign of theirs would prove nothing."""
    monitor = Monitor(trainer(watched()))
    monitor.trainer = SimpleNamespace(recipe=SimpleNamespace(objective=objective))  # type: ignore[assignment]
    assert bool(monitor._aims) is states


def test_how_often_one_is_above_the_other() -> None:
    assert vitals.rank_probability(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 1.0])) == (3 + 0.5) / 4


def test_travel_is_the_distance_from_the_start() -> None:
    game = trainer(watched())
    assert Monitor(game)._travel() == {"travel_generator": 0, "travel_discriminator": 0}
    for weight in game.networks["generator"].parameters():
        weight.data.mul_(3)
    assert Monitor(game)._travel() == pytest.approx({"travel_generator": 2, "travel_discriminator": 0})


def test_the_pull_is_the_gradient_of_gs_loss() -> None:
    """Twice the loss pulls twice as hard."""
    game = trainer(watched())
    (player,) = (p for p in game.players if p.name == "generator")
    once = Monitor(game)._pull()["pull"]
    assert once > 0

    def twice(*args: Any) -> Any:
        outcome = player.loss(*args)
        return dataclasses.replace(outcome, losses=2 * outcome.losses)

    game.players = (dataclasses.replace(player, loss=twice),)
    assert Monitor(game)._pull()["pull"] == pytest.approx(2 * once, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "data", "missing"),
    [
        ("noise-critic", "digits", None),
        ("goodfellow-2014", "ring", {"copied"}),
        ("starter", "digits", {"dead_discriminator"}),
        ("pacgan-mixture", "ring", {"copied"}),
        ("acgan", "digits", set()),  # D says more than a logit
        ("infogan", "digits", set()),  # and is not told what G is
        ("cgan", "digits", set()),
    ],
)
def test_signs_that_make_no_sense_are_left_out(name: str, data: str, missing: set[str] | None) -> None:
    recipe = make(name, ["data.num=400"] if data == "ring" else [], data)
    monitor = monitor_for(trainer(recipe))
    assert (monitor is None) == (missing is None)
    if monitor is not None and missing is not None:
        signs = monitor.look()
        assert not missing & signs.keys()
        assert {"distance", "spread", "told_apart", "told_apart_unseen", "pull", "travel_generator"} <= signs.keys()
        assert signs["finite"] == 1
        assert all(math.isfinite(value) for value in signs.values())


def test_samples_come_from_the_average_and_the_pull_from_the_raw_weights() -> None:
    game = trainer(with_ema(watched()))
    for _ in range(5):
        game.step()
    assert game.average is not None
    for weight in game.average.parameters():
        weight.data.fill_(0)
    signs = Monitor(game).look()
    assert signs["spread"] == pytest.approx(0, abs=0.01)
    assert signs["raw_spread"] > 0.01


def test_weights_that_are_no_numbers_are_said_to_be_none() -> None:
    game = trainer(watched())
    for weight in game.networks["generator"].parameters():
        weight.data.fill_(math.nan)
    signs = Monitor(game).look()
    assert signs["finite"] == 0
    assert all(math.isfinite(value) for value in signs.values())


def test_of_a_sorted_folder_not_the_first_images_alone_are_looked_at() -> None:
    digits = Digits().load()
    assert digits.labels is not None
    order = np.argsort(digits.labels, kind="stable")
    game = Trainer(watched(), torch.device("cpu"), Samples(digits.values[order], digits.labels[order]))
    assert len(set(digits.labels[order][Monitor(game).few])) == 10


def test_a_discriminator_with_batch_norm_is_asked_as_it_is_trained() -> None:
    """By running statistics, a mean of reals and fakes, its logits would be others than those that both players pay for."""
    game = trainer(tiny("stacked-mnist-unrolled"))
    network = game.networks["discriminator"]
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    for norm in norms:
        assert norm.running_mean is not None
        norm.running_mean.fill_(100.0)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    Monitor(game).look()
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    with evaluating(*game.networks.values()), torch.no_grad(), vitals.as_trained(network):
        real = game.modality.to_model(game.stored[:64])
        judged = network(real)
    for norm in norms:
        norm.reset_running_stats()
    with torch.no_grad():
        assert torch.equal(judged, network.train()(real))


def test_the_kinds_are_those_the_run_goes_on_with() -> None:
    game = trainer(tiny("tutorial-small", "condition=clusters(num=5)"))
    monitor = Monitor(game)
    saved = game.state()
    other = (saved.tensors["kinds"] + 1) % 5
    game.restore(dataclasses.replace(saved, tensors=saved.tensors | {"kinds": other}))
    condition = game.conditions.at(monitor.few)
    assert condition is not None
    assert torch.equal(condition.argmax(1), other[monitor.indices].long())


def test_what_can_not_be_looked_at_is_trained_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: Monitor) -> dict[str, float]:
        raise RuntimeError("no room for 256 samples")

    monkeypatch.setattr(Monitor, "look", fail)
    with caplog.at_level("WARNING"):
        assert gansmith.train(watched(), tmp_path / "run", device="cpu").finished
    assert "no room for 256 samples" in caplog.text
    assert plan_looks(Monitor(trainer(watched())), 100.0)[0] == 0


# ---------------------------------------------------------------------------------------------------- how often, what it costs


def test_looks_are_evenly_spread_and_end_with_the_run(done: Path) -> None:
    assert Watch().marks(1000, 4) == [250, 500, 750, 1000]
    assert Watch().marks(1000, 0) == []
    images = [look["images"] for look in doctor.looks_in(untimed_log(done))]
    assert len(images) == 6
    assert images[-1] >= 1600


@pytest.mark.parametrize(("each", "seconds", "looks"), [(0.01, 1000, 40), (0.05, 100, 38), (0.05, 20, 4), (9.0, 100, 0)])
def test_the_cost_is_at_most_the_share(monkeypatch: pytest.MonkeyPatch, each: float, seconds: float, looks: int) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def look(self: Monitor) -> dict[str, float]:
        clock[0] += each
        return {}

    monkeypatch.setattr(Monitor, "look", look)
    times, cost, _ = plan_looks(Monitor(trainer(quick("watch=watch"))), seconds)
    assert abs(times - looks) <= 1
    if times:
        assert cost <= 0.02 * seconds + 2 * each


def planned(recipe: Recipe, game: Trainer, scorer: None, monitor: Monitor) -> tuple[int, int, int]:
    plan = budget_module.plan_run(recipe, game, scorer, monitor)
    return plan.totals.images, plan.scorings, plan.looks


def test_a_run_of_few_steps_is_not_timed_for_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget_module, "measure_speed", lambda *_: pytest.fail("timed"))
    game = trainer(quick())
    assert planned(quick(), game, None, Monitor(game)) == (1600, 0, 0)
    asked = trainer(watched())
    assert planned(watched(), asked, None, Monitor(asked)) == (1600, 0, 6)


def test_steps_are_counted_and_not_batches() -> None:
    """Five turns of D read five batches a step."""
    for turns, looks in ((1, None), (5, 0)):
        recipe = quick("objective.share=nothing", f"objective.discriminator_turns={turns}")
        assert num_looks_by_length(Monitor(trainer(recipe)), 500 * recipe.batch_size) == looks


def test_a_short_run_that_is_to_stop_or_recover_is_watched() -> None:
    for wish in ("stop", "recover"):
        recipe = quick(f"watch.on_trouble={wish}")
        game = trainer(recipe)
        assert planned(recipe, game, None, Monitor(game)) == (1600, 0, RELIED_ON)


def test_a_run_that_is_to_recover_is_watched_where_its_speed_can_not_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As its loss is no number from the first steps on."""

    def fail(*_: object) -> None:
        raise TrainingError("the loss is not finite")

    monkeypatch.setattr(budget_module, "measure_speed", fail)
    for wish, looks in (("recover", RELIED_ON), ("warn", 0)):
        recipe = quick(f"watch.on_trouble={wish}", budget="64000images")
        game = trainer(recipe)
        assert planned(recipe, game, None, Monitor(game)) == (64_000, 0, looks)


def test_a_longer_run_is_planned_by_its_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget_module, "measure_speed", lambda *_: (1000.0, 0.3))
    monkeypatch.setattr(budget_module, "plan_looks", lambda _, seconds: Measurements(int(seconds), 5.0, 256))
    recipe = quick(budget="64000images")
    game = trainer(recipe)
    assert planned(recipe, game, None, Monitor(game)) == (64_000, 0, 64)
    timed = quick(budget="100s")
    monkeypatch.setattr(budget_module, "images_for", lambda *_: 10_000)
    game = trainer(timed)
    assert planned(timed, game, None, Monitor(game)) == (9500, 0, 100)


def test_held_out_samples_that_have_to_be_drawn_first_cost_no_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    monitor = Monitor(trainer(quick("watch=watch")))
    load, look = type(monitor.trainer.recipe.data).load, Monitor.look

    def slow(self: Any, split: str = "train") -> Any:
        clock[0] += 50.0 if split == "test" else 0.0
        return load(self, split)

    def timed(self: Monitor) -> dict[str, float]:
        clock[0] += 0.05
        return look(self)

    monkeypatch.setattr(type(monitor.trainer.recipe.data), "load", slow)
    monkeypatch.setattr(Monitor, "look", timed)
    times = plan_looks(monitor, 100.0).times
    assert clock[0] > 50
    assert times > 30


def test_held_out_samples_that_can_not_be_loaded_keep_nobody_from_training(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = Monitor(trainer(quick("watch=watch")))

    def fail(self: Any, split: str = "train") -> Any:
        raise RuntimeError(f"the {split} split is not there")

    monkeypatch.setattr(type(monitor.trainer.recipe.data), "load", fail)
    with caplog.at_level("WARNING"):
        assert plan_looks(monitor, 100.0)[0] == 0
    assert "the test split is not there" in caplog.text


# ---------------------------------------------------------------------------------------------------- in the log


def test_a_loss_that_is_not_finite_is_written_down(tmp_path: Path) -> None:
    recipe = override(watched(), "optimizers.generator=sgd(lr=1e6)")
    recipe = override(recipe, "optimizers.discriminator=sgd(lr=1e6)")
    with pytest.raises(TrainingError):
        gansmith.train(recipe, tmp_path / "run", device="cpu")
    last = json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[-1])
    assert last["doctor/finite"] == 0


def test_the_curves_of_the_log_go_on_over_looks(done: Path) -> None:
    """A look is a record of its own: where it stands the losses are NaN, and a plot must leave that out."""
    from gansmith.drawing import plots
    from support import REAL_LOSS_PLOT

    log = gansmith.load(done).log
    assert np.isnan(log["generator/loss"]).any()
    picture = REAL_LOSS_PLOT(log, "title")
    keep = np.isfinite(log["generator/loss"])
    assert picture.tobytes() == REAL_LOSS_PLOT({name: values[keep] for name, values in log.items()}, "title").tobytes()
    assert plots.loss_plot is not REAL_LOSS_PLOT


def test_recovery_is_for_one_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    with pytest.raises(RecipeError, match="recover"), records_of(quick("watch.on_trouble=recover"), tmp_path / "run") as records:
        next(records)
