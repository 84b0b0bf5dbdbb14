"""Conditional networks: by input, by batch norm, by projection and by a head, and the families that are made of them."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from gansmith.core.errors import RecipeError, RunError
from gansmith.data import FashionMnist, Mnist
from gansmith.networks import (
    AuxiliaryDiscriminator,
    ClassNormedGenerator,
    ConvDiscriminator,
    ConvGenerator,
    JoinedDiscriminator,
    MirzaDiscriminator,
    MLPDiscriminator,
    MLPEncoder,
    MLPGenerator,
    Packed,
    ResidualGenerator,
    Stack,
)
from gansmith.networks.base import DiscriminatorOutput, Network, Shapes, logits_of, pack_of
from gansmith.networks.conditional import ClassNormed, JoinedToSample, WithHead, build_network
from gansmith.objectives import Adversarial, AuxiliaryLoss
from gansmith.objectives.augmentation import Augment
from gansmith.optim.optimizers import SGD
from gansmith.optim.schedules import Exponential, Linear
from gansmith.recipes import make
from gansmith.runs.run import Run
from gansmith.sampling.conditions import Clusters, Codes, Labels
from gansmith.sampling.sliders import slide
from gansmith.training.loop import train
from support import Answer, assert_refused, quick, trainer

Cli = Callable[..., Answer]


# ---------------------------------------------------------------------------------------------------- published sizes


def linear(inputs: int, outputs: int) -> int:
    return (inputs + 1) * outputs


def conv(inputs: int, outputs: int, side: int) -> int:
    return (inputs * side**2 + 1) * outputs


def residual(inputs: int, outputs: int, between: int, skip: bool = True) -> int:
    """Two 3x3 convolutions and, where the ends differ or the map changes its size, a 1x1 beside them."""
    return conv(inputs, between, 3) + conv(between, outputs, 3) + skip * conv(inputs, outputs, 1)


ACGAN_WIDTHS = (3, 16, 32, 64, 128, 256, 512)
PROJECTION_G, PROJECTION_D = (1024, 1024, 512, 256, 128, 64), (64, 128, 256, 512, 1024, 1024)
UP = list(pairwise(PROJECTION_G))
DOWN = list(pairwise(PROJECTION_D))

# (recipe, shape of a sample, classes, weights of G, of D), from what the papers' texts and tables say
PUBLISHED = [
    (
        "cgan",
        (1, 28, 28),
        10,
        linear(100, 200) + linear(10, 1000) + linear(1200, 1200) + linear(1200, 784),
        5 * linear(784, 240) + 5 * linear(10, 50) + 4 * linear(290, 240) + linear(240, 1),
    ),
    (
        "acgan",  # 110: z of 100 and 10 classes; 11: a logit and 10 classes
        (3, 32, 32),
        10,
        linear(110, 4 * 4 * 384) + conv(384, 192, 5) + 2 * 192 + conv(192, 96, 5) + 2 * 96 + conv(96, 3, 5),
        sum(conv(a, b, 3) + 2 * b * (a > 3) for a, b in pairwise(ACGAN_WIDTHS)) + linear(4 * 4 * 512, 11),
    ),
    (
        "projection",  # a scale and a shift for each class in the norms of the blocks, one of each in the last
        (3, 128, 128),
        1000,
        linear(128, 4 * 4 * 1024) + sum(residual(a, b, b) + 1000 * 2 * (a + b) for a, b in UP) + 2 * 64 + conv(64, 3, 3),
        residual(3, 64, 64) + sum(residual(a, b, a, skip=a != b) for a, b in DOWN) + linear(1024, 1) + 1000 * 1024,
    ),
    (
        "infogan",  # 74: z of 62, 10 categories, 2 continuous codes; Q is a part of D here
        (1, 28, 28),
        10,
        linear(74, 1024) + 2 * 1024 + linear(1024, 6272) + 2 * 6272 + conv(128, 64, 4) + 2 * 64 + conv(64, 1, 4),
        conv(1, 64, 4)
        + (conv(64, 128, 4) + 2 * 128)
        + (linear(6272, 1024) + 2 * 1024 + linear(1024, 1))
        + (linear(1024, 128) + 2 * 128 + linear(128, 12)),
    ),
]


@pytest.mark.parametrize(("name", "sample", "classes", "of_g", "of_d"), PUBLISHED, ids=[row[0] for row in PUBLISHED])
def test_a_published_network_has_as_many_weights_as_its_table(
    name: str, sample: tuple[int, ...], classes: int, of_g: int, of_d: int
) -> None:
    recipe = make(name, ["published=true"])
    shapes = recipe.shapes(sample, classes)
    with torch.device("meta"):
        counted = {n: sum(p.numel() for p in build_network(net, n, shapes).parameters()) for n, net in recipe.networks.items()}
    assert counted == {"generator": of_g, "discriminator": of_d}


def test_show_counts_them_too(cli: Cli) -> None:
    shown = json.loads(cli("show", "cgan", "published=true", "--json", "-").out)["networks"]
    assert (shown["generator"]["weights"], shown["discriminator"]["weights"]) == PUBLISHED[0][3:]
    for network in shown.values():
        assert sum(layer["weights"] for layer in network["layers"]) == network["weights"]


def test_cgans_settings_are_the_papers() -> None:
    recipe = make("cgan", ["published=true"])
    assert (recipe.batch_size, recipe.value_range, recipe.noise.dim) == (100, (0.0, 1.0), 100)
    for sgd in recipe.optimizers.values():
        assert isinstance(sgd, SGD)
        assert sgd.lr * sgd.schedule.factor(0.0) == 0.1
        assert sgd.lr * sgd.schedule.factor(1.0) == pytest.approx(1e-6)
        assert sgd.momentum * sgd.momentum_schedule.factor(0.0) == 0.5
        assert sgd.momentum * sgd.momentum_schedule.factor(1.0) == pytest.approx(0.7)
        steps = 480 * 600
        assert sgd.schedule.factor(0.5) / sgd.schedule.factor(0.5 + 1 / steps) == pytest.approx(1.00004, abs=1e-7)


def test_projections_batches_are_those_of_the_authors_program() -> None:
    """pfnet-research/sngan_projection, configs/sn_projection.yml on four GPUs: 16 reals and 32 samples of G on each."""
    recipe = make("projection", ["published=true"])
    assert isinstance(recipe.objective, Adversarial)
    assert (recipe.batch_size, recipe.objective.generator_fakes, recipe.objective.discriminator_turns) == (64, 128, 5)
    assert recipe.budget == f"{450_000 * 5 * 64}images"
    adam = recipe.optimizers["generator"]
    assert [adam.schedule.factor(steps / 450_000) for steps in (400_000, 425_000)] == pytest.approx([1.0, 0.5])


def test_a_momentum_beyond_one_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"momentum_schedule makes momentum 1\.2"):
        SGD(0.1, momentum=0.6, momentum_schedule=Linear(first=2.0))
    assert Exponential(end=0.01).factor(0.5) == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["cgan", "acgan", "projection"])
def test_the_small_variant_is_default_with_another_condition(name: str) -> None:
    default, recipe = make("default", ["budget=15m"], data="fashion-mnist"), make(name, data="fashion-mnist")
    for field in dataclasses.fields(default):
        if field.name not in ("name", "condition", "networks", "objective", "why"):
            assert getattr(recipe, field.name) == getattr(default, field.name), field.name
    assert recipe.networks["generator"] == default.networks["generator"]
    assert recipe.data == FashionMnist()
    assert make(name).data == Mnist()
    assert recipe.condition == Labels()
    assert default.condition == Clusters(50)
    assert recipe.why == default.why[:-2]  # clusters are the condition; labels are not used


def test_infogan_is_default_with_codes_and_changes_that_fade() -> None:
    paper, recipe, plain = make("infogan", ["published=true"]), make("infogan"), make("default", data="mnist")
    assert paper.condition == recipe.condition == Codes(10, continuous=2)
    assert isinstance(paper.objective, Adversarial)
    assert isinstance(recipe.objective, Adversarial)
    assert isinstance(recipe.objective.augmentation, Augment)
    assert [recipe.objective.augmentation.schedule.factor(part) for part in (0.2, 0.6, 1.0)] == pytest.approx([1.0, 0.5, 0.0])
    assert paper.objective == dataclasses.replace(recipe.objective, joint_batch=False, augmentation=None)
    assert recipe.networks["generator"] == plain.networks["generator"]
    points = make("infogan", data="ring").objective
    assert isinstance(points, Adversarial)
    assert points.augmentation is None


# ---------------------------------------------------------------------------------------------------- ways of conditioning

SHAPES = Shapes(3, (2, 8, 8), categories=4)
CONDITION = torch.eye(4)[[0, 1, 2, 3, 0, 1]]


@pytest.mark.parametrize("network", [MLPDiscriminator((5,)), ConvDiscriminator((4,)), Packed(MLPDiscriminator((5,)))], ids=str)
def test_any_discriminator_can_take_the_condition_in_its_input(network: Network) -> None:
    d = build_network(JoinedDiscriminator(network), "discriminator", SHAPES)
    assert isinstance(d, JoinedToSample)
    x = torch.randn(6, 2, 8, 8)
    maps = CONDITION[:, :, None, None].expand(6, 4, 8, 8)
    assert torch.equal(d(x, CONDITION), d.network(torch.cat([x, maps], 1), None))
    assert not torch.equal(d(x, CONDITION), d(x, CONDITION.roll(1, 0)))
    assert pack_of(d) == (2 if isinstance(network, Packed) else 1)
    points = build_network(JoinedDiscriminator(MLPDiscriminator((5,))), "discriminator", Shapes(3, (2,), categories=4))
    assert points(torch.randn(6, 2), CONDITION).shape == (6, 1)


@pytest.mark.parametrize("wrapped", [JoinedDiscriminator, AuxiliaryDiscriminator], ids=str)
def test_without_a_condition_the_network_is_the_one_inside(wrapped: Callable[[Network], Network]) -> None:
    for shapes in (Shapes(3, (2, 8, 8)), Shapes(3, (2, 8, 8), 4, 1, observed=False)):
        if wrapped is AuxiliaryDiscriminator and shapes.condition_dim:
            continue
        torch.manual_seed(0)
        inside = MLPDiscriminator((5,)).build(Shapes(3, (2, 8, 8)))
        torch.manual_seed(0)
        d = wrapped(MLPDiscriminator((5,))).build(shapes)
        assert list(d.state_dict()) == list(inside.state_dict())


def test_a_discriminator_gets_no_codes() -> None:
    shapes = Shapes(3, (2, 8, 8), categories=4, continuous=2, observed=False)
    plain = build_network(MLPDiscriminator((5,)), "discriminator", shapes)
    assert list(plain.state_dict()) == list(MLPDiscriminator((5,)).build(Shapes(3, (2, 8, 8))).state_dict())
    generator = build_network(MLPGenerator((5,)), "generator", shapes)
    assert generator(torch.randn(6, 3), torch.randn(6, 6)).shape == (6, 2, 8, 8)


def test_an_encoder_is_refused_a_condition_as_what_it_is() -> None:
    """Not as a discriminator, whose ways out are no use to it."""
    with pytest.raises(
        RecipeError, match=r"network 'encoder' gets the condition in its last layer.*mlp-encoder has another"
    ) as refused:
        build_network(MLPEncoder((5,)), "encoder", SHAPES)
    assert "discriminator" not in str(refused.value)
    with pytest.raises(RecipeError, match=r"network 'discriminator' .*joined-discriminator\(network=\.\.\.\)"):
        build_network(Packed(MLPDiscriminator((5,))), "discriminator", SHAPES)
    codes = dataclasses.replace(SHAPES, continuous=2, observed=False)  # are the generator's alone
    assert build_network(MLPEncoder((5,)), "encoder", codes)(torch.randn(6, 2, 8, 8), None).shape == (6, 6)


def test_a_head_predicts_the_condition_beside_the_logit() -> None:
    d = build_network(
        AuxiliaryDiscriminator(MLPDiscriminator((5,)), hidden=7), "discriminator", Shapes(3, (2, 8, 8), 4, 2, observed=False)
    )
    assert isinstance(d, WithHead)
    x = torch.randn(6, 2, 8, 8)
    output = d(x, None)
    assert isinstance(output, DiscriminatorOutput)
    assert (output.categories.shape, output.continuous.shape) == ((6, 4), (6, 2))
    assert torch.equal(logits_of(output), d.last(d.body(x)))
    with pytest.raises(RecipeError, match="has a head beside its last layer"):
        build_network(AuxiliaryDiscriminator(Packed(MLPDiscriminator((5,)))), "discriminator", SHAPES)


def test_batch_norms_give_a_generator_the_category() -> None:
    g = build_network(ClassNormedGenerator(ResidualGenerator((4, 4))), "generator", SHAPES)
    assert isinstance(g, ClassNormed)
    z = torch.randn(1, 3).expand(6, 3)
    g.train()
    assert torch.equal(g(z, CONDITION)[0], g(z, CONDITION)[1])  # all categories start alike
    scales = [p for name, p in g.named_parameters() if name.endswith("scale")]
    assert [tuple(p.shape) for p in scales] == [(4, 4), (4, 4)]
    for scale in scales:
        torch.nn.init.normal_(scale)
    g.eval()
    made = g(z, CONDITION)
    assert torch.equal(made[0], made[4])  # both of category 0
    assert not torch.allclose(made[0], made[1])
    with pytest.raises(RecipeError, match="gets the condition in its batch norms, and has fewer than two"):
        build_network(ClassNormedGenerator(MLPGenerator((5,))), "generator", SHAPES)


NAMES_OF_A_BLOCK = ("scale", "shift", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked")


def test_a_class_normed_generators_tensors_keep_their_names() -> None:
    """Checkpoints hold them by name."""
    names = list(ClassNormedGenerator(ResidualGenerator((4, 4))).build(SHAPES).state_dict())
    conditional = [f"network.2.change.0.{name}" for name in NAMES_OF_A_BLOCK]
    plain = [f"network.2.change.5.{name}" for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")]
    block = [f"network.2.{name}.{part}" for name in ("change.4", "change.7", "skip.0") for part in ("weight", "bias")]
    last = [f"network.3.{name}" for name in NAMES_OF_A_BLOCK]
    ends = [f"network.{i}.{part}" for i in (0, 5) for part in ("weight", "bias")]
    assert sorted(names) == sorted([*conditional, *plain, *block, *last, *ends])


NORMED = [ResidualGenerator((4, 4)), ConvGenerator((4, 4), blocks=1)]


def class_normed(network: Network) -> nn.Module:
    """With scales and shifts that differ from category to category, as after training."""
    torch.manual_seed(0)
    generator = build_network(ClassNormedGenerator(network), "generator", SHAPES).eval()
    for name, weights in generator.named_parameters():
        if name.endswith(("scale", "shift")):
            nn.init.normal_(weights)
    return generator


@pytest.mark.parametrize("network", NORMED, ids=str)
def test_two_threads_with_two_conditions_do_not_disturb_each_other(network: Network) -> None:
    """Each pass stops in the middle until the other has begun, and then goes on with its own condition."""
    generator, z = class_normed(network), torch.randn(6, 3)
    conditions = CONDITION, CONDITION.roll(1, 0)
    alone = [generator(z, condition) for condition in conditions]
    assert not torch.allclose(*alone)
    barrier = threading.Barrier(2, timeout=30)

    def wait(*_: object) -> None:
        barrier.wait()

    generator.network[0].register_forward_hook(wait)  # type: ignore[index, operator]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda condition: generator(z, condition), conditions))
    assert all(torch.equal(one, other) for one, other in zip(alone, together, strict=True))


@pytest.mark.parametrize("network", NORMED, ids=str)
def test_a_class_normed_generator_can_be_exported(network: Network) -> None:
    """The condition is an input of the exported graph, not a number that was there when it was made."""
    generator, z = class_normed(network), torch.randn(6, 3)
    exported = torch.export.export(generator, (z, CONDITION)).module()
    condition = CONDITION.roll(1, 0)
    assert torch.allclose(exported(z, condition), generator(z, condition), atol=1e-6)


def test_a_batch_norm_that_a_condition_can_not_reach_is_refused() -> None:
    class Inside:
        def build(self, shapes: Shapes) -> nn.Module:
            return Stack(*(nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)) for _ in range(2)))

    with pytest.raises(RecipeError, match=r"and Sequential, which holds one, takes none"):
        ClassNormedGenerator(Inside()).build(SHAPES)


def test_the_first_conditional_networks_keep_the_label_apart() -> None:
    d = build_network(MirzaDiscriminator(dropout=0.0), "discriminator", SHAPES)
    x = torch.randn(6, 2, 8, 8)
    both = torch.cat([d.of_given(x), d.of_label(CONDITION)], 1)  # type: ignore[operator]
    assert both.shape == (6, 290)
    assert torch.equal(d(x, CONDITION), d.together(both))  # type: ignore[operator]
    with pytest.raises(RecipeError, match="was called without one: choose condition=labels"):
        d(x, None)


# ---------------------------------------------------------------------------------------------------- the auxiliary loss


def test_the_auxiliary_loss_is_the_negative_log_probability_of_the_condition() -> None:
    output = DiscriminatorOutput(torch.zeros(6, 1), torch.randn(6, 4), torch.randn(6, 2))
    condition = torch.cat([CONDITION, torch.rand(6, 2)], 1)
    normal = torch.distributions.Normal(output.continuous, 1.0)
    expected = functional.cross_entropy(output.categories, CONDITION.argmax(1), reduction="none") - normal.log_prob(
        condition[:, 4:]
    ).sum(1)
    cost = AuxiliaryLoss().per_sample(output, condition)
    assert torch.allclose(cost, expected - np.log(2 * np.pi), atol=1e-5)  # 2 sliders, each with a constant of log(2 pi) / 2


def losses_of(condition: str, **weights: float) -> tuple[float, float, dict[str, float]]:
    """A step without dropout, with the head's weights so."""
    wrapped = "networks.discriminator=auxiliary-discriminator(network=mlp-discriminator(widths=[8]))"
    given = ", ".join(f"{name}={value}" for name, value in weights.items())
    auxiliary = f"objective.auxiliary=auxiliary-loss({given})"
    floats = trainer(quick(wrapped, f"condition={condition}", auxiliary)).step().floats()
    return floats["discriminator/loss"], floats["generator/loss"], floats


@pytest.mark.parametrize("condition", ["labels", "codes(num=4, continuous=2)"])
def test_both_players_have_an_auxiliary_loss_and_reals_only_where_it_is_observed(condition: str) -> None:
    free_d, free_g, said = losses_of(condition, discriminator=0.0, generator=0.0)
    d, g, _ = losses_of(condition, discriminator=0.0, generator=1.0)
    assert d == pytest.approx(free_d)
    assert g > free_g + 1.0  # about log K at first
    d, _, _ = losses_of(condition, discriminator=1.0, generator=0.0)
    sides = 2 if condition == "labels" else 1
    logs = np.log(10 if condition == "labels" else 4)
    assert sides * logs * 0.7 < d - free_d < sides * logs * 1.4 + 1.0
    assert ("discriminator/kind of reals" in said) == (condition == "labels")
    assert 0.0 <= said["discriminator/kind of fakes"] <= 1.0


def test_an_auxiliary_loss_without_condition_or_head_is_refused() -> None:
    with pytest.raises(RecipeError, match="condition is none: choose condition=labels or condition=codes"):
        quick("objective.auxiliary=auxiliary-loss")
    with pytest.raises(RecipeError, match=r"wrap it, as in networks\.discriminator=auxiliary-discriminator"):
        trainer(quick("condition=labels", "objective.auxiliary=auxiliary-loss")).step()


def test_codes_are_drawn_anew_for_each_step_and_by_place_alone() -> None:
    game = trainer(quick("condition=codes(num=4, continuous=2)"))
    one, other = game.read(0), game.read(64)
    assert one.condition is not None
    assert other.condition is not None
    assert not one.observed
    assert one.condition.shape == (len(one.real), 6)
    assert torch.equal(one.condition[:, :4].sum(1), torch.ones(len(one.real)))
    assert one.condition[:, 4:].abs().max() <= 1.0
    assert not torch.equal(one.condition, other.condition)
    assert torch.equal(game.read(64).condition, other.condition)  # type: ignore[arg-type]
    many = torch.cat([game.read(64 * i).condition for i in range(100)])  # type: ignore[misc]
    assert (many[:, :4].mean(0) - 0.25).abs().max() < 0.03
    assert many[:, 4:].mean(0).abs().max() < 0.05


# ---------------------------------------------------------------------------------------------------- sliders


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(
        quick("condition=codes(num=3, continuous=2)", budget="640images"), tmp_path_factory.mktemp("coded") / "run", device="cpu"
    )


def test_a_continuous_code_moves_and_all_else_stays(coded: Run) -> None:
    gallery = slide(coded.sampler, 1, rows=4, steps=5, reach=1.5)
    assert (len(gallery), gallery.columns, gallery.names) == (20, 5, ("0", "1", "2", "0"))
    given = coded.asked(1).sampler.inputs.code_sweep(0, 1, 1, [-1.5, 0.0, 1.5])
    plain = coded.asked(1).sampler.inputs.rows(0, 1, 1)
    assert given.condition is not None
    assert plain.condition is not None
    assert given.condition[:, 4].tolist() == [-1.5, 0.0, 1.5]
    assert np.array_equal(given.condition[:, :4], np.repeat(plain.condition[:, :4], 3, 0))
    assert np.array_equal(given.z, np.repeat(plain.z, 3, 0))
    rows = gallery.array.reshape(4, 5, 8, 8)
    assert any(not np.array_equal(row[0], row[-1]) for row in rows)
    asked = slide(coded.asked(2).sampler, 0, rows=2, steps=2)
    assert asked.names == ("2", "2")


def test_the_slide_command_and_what_it_refuses(coded: Run, tmp_path: Path, cli: Cli) -> None:
    answer = cli("explore", "slide", coded.path, "--out", tmp_path / "new" / "x.png", "--rows", 3, "--steps", 4, "--slider", 1)
    assert answer.code == 0, answer.err
    assert "slider 1 from -2 to 2 in 4 steps, 3 samples of seed 0" in answer.out
    with Image.open(tmp_path / "new" / "x.png") as picture:
        assert picture.width > picture.height  # four columns, three rows and their names
    slide_to = ("explore", "slide", coded.path, "--out")
    assert_refused(cli(*slide_to, tmp_path / "x.png", "--slider", 2), "has sliders 0 to 1, got 2: choose one of them")
    assert_refused(cli(*slide_to, tmp_path / "x.gif"), "use x.png")
    assert_refused(cli(*slide_to, tmp_path / "x.png", "--class", 3), "has categories 0 to 2")
    plain = train(quick("condition=labels", budget="64images"), tmp_path / "run", device="cpu")
    with pytest.raises(RunError, match="has no sliders: train it with condition=codes"):
        slide(plain.sampler, 0)
