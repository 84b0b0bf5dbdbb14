"""Conditions: categories from labels or k-means, given to both networks, and asked for when samples are made."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from gansmith.core.errors import DataError, RecipeError, RunError
from gansmith.data import Digits, Samples
from gansmith.networks import ConvDiscriminator, MLPDiscriminator, MLPGenerator
from gansmith.networks.base import Shapes
from gansmith.networks.conditional import Joined, Projection, build_network
from gansmith.networks.packed import Packed
from gansmith.networks.residual import ResidualDiscriminator
from gansmith.objectives import Adversarial
from gansmith.objectives.base import Batch
from gansmith.recipes import make
from gansmith.sampling.conditions import Clusters, Condition, Labels, shares_of
from gansmith.sampling.inputs import Inputs, one_hot
from gansmith.sampling.noise import Normal
from gansmith.training.loop import train
from support import quick, trainer

BLOBS = np.array([[-3.0, 0.0], [3.0, 0.0], [0.0, 5.0]])


def blobs(num: int = 300, seed: int = 0) -> Samples:
    """A third of the points around each of three far-off places, labelled."""
    draw = np.random.default_rng(seed)
    labels = np.arange(num) % 3
    return Samples((BLOBS[labels] + 0.1 * draw.standard_normal((num, 2))).astype(np.float32), labels)


def test_clusters_find_what_lies_apart() -> None:
    samples = blobs()
    categories = Clusters(3).categories_of(samples)
    assert categories.dtype == np.int64
    assert sorted(len(set(categories[samples.labels == label])) for label in range(3)) == [1, 1, 1]
    assert len(set(categories)) == 3
    assert np.array_equal(categories, Clusters(3).categories_of(samples))


def test_further_samples_are_assigned_to_the_clusters_found() -> None:
    samples, others = blobs(), blobs(60, seed=1)
    categories = Clusters(3).categories_of(samples)
    by_label = {label: categories[samples.labels == label][0] for label in range(3)}
    assert Clusters(3).assign_function(samples, categories)(others).tolist() == [by_label[label] for label in others.labels]
    assert Labels(3).assign_function(samples, categories)(others).tolist() == others.labels.tolist()


@pytest.mark.parametrize("side", [8, 28, 40])
def test_images_that_look_alike_are_in_one_cluster(side: int) -> None:
    """Forty noisy copies of each of five digits, in an order of their own: the clusters are the digits, whatever the size."""
    draw, digits = np.random.default_rng(0), Digits().load()
    chosen = [int((digits.labels == label).argmax()) for label in (0, 1, 4, 6, 7)]
    labels = draw.permutation(np.repeat(np.arange(5), 40))
    images = digits.values[chosen].repeat(-(-side // 8), 2).repeat(-(-side // 8), 3)[labels, :, :side, :side]
    noisy = (images + draw.integers(-20, 21, images.shape)).clip(0, 255).astype(np.uint8)
    categories = Clusters(5).categories_of(Samples(noisy))
    assert len({*zip(labels, categories, strict=True)}) == len(set(categories)) == 5


def test_clusters_of_digits_are_their_classes_about_as_far_as_k_means_can_tell() -> None:
    digits = Digits().load()
    categories = Clusters(10).categories_of(digits)
    commonest = [np.bincount(digits.labels[categories == category]).max() for category in range(10)]
    assert 0.65 < sum(commonest) / len(categories) < 0.85  # by chance a tenth; KMeans on all pixels, tried ten times, gets 0.81


@pytest.mark.parametrize(
    ("condition", "samples", "message"),
    [
        (Labels(3), dataclasses.replace(blobs(), labels=None), "the data carry no labels; choose condition=clusters"),
        (Labels(2), blobs(), "the data have a label 2: set condition.num=3"),
        (Clusters(301), blobs(), "the data hold 300 samples, fewer than there are clusters"),
    ],
    ids=str,
)
def test_samples_without_categories_are_refused(condition: Condition, samples: Samples, message: str) -> None:
    with pytest.raises(DataError, match=message):
        condition.categories_of(samples)


def test_generated_samples_get_each_category_as_often_as_real_ones() -> None:
    inputs = Inputs(Normal(4), shares_of(np.array([0, 2, 2, 2]), 3))
    given = inputs.rows(5, 0, 4000)
    assert given.condition is not None
    assert given.condition.sum(0)[1] == 0
    assert abs(given.condition.mean(0)[2] - 0.75) < 0.03
    part = inputs.rows(5, 70, 10)
    assert part.condition is not None
    assert np.array_equal(part.condition, given.condition[70:80])
    assert np.array_equal(part.z, given.z[70:80])
    only = dataclasses.replace(inputs, category=1).rows(5, 0, 8)
    assert only.condition is not None
    assert np.array_equal(only.condition, one_hot(np.full(8, 1), 3))
    assert np.array_equal(only.z, given.z[:8])  # the same z of another category


def test_categories_mix_on_the_way_between_samples() -> None:
    inputs = Inputs(Normal(4), (0.5, 0.5))
    ends = [inputs.rows(seed, 0, 1) for seed in (0, 1)]
    way = inputs.interpolate(0, 1, [0.0, 0.25, 1.0])
    assert way.condition is not None
    for row, end in ((0, ends[0]), (2, ends[1])):
        assert np.array_equal(way.z[row], end.z[0])
        assert np.array_equal(way.condition[row], end.condition[0])
    assert np.allclose(way.condition.sum(1), 1.0)


def test_a_projection_discriminator_starts_unconditional_and_then_adds_c_v_h() -> None:
    shapes = Shapes(2, (1, 6, 6), categories=4)
    torch.manual_seed(0)
    conditional = build_network(MLPDiscriminator((5,)), "discriminator", shapes)
    torch.manual_seed(0)
    plain = MLPDiscriminator((5,)).build(shapes)
    x, categories = torch.randn(8, 1, 6, 6), torch.eye(4).repeat(2, 1)
    assert isinstance(conditional, Projection)
    assert torch.equal(conditional(x, categories), plain(x, None))
    torch.nn.init.normal_(conditional.of_kind.weight)
    hidden = conditional.body(x)
    expected = plain(x, None)[:, 0] + (hidden * conditional.of_kind.weight[categories.argmax(1)]).sum(1)
    assert torch.allclose(conditional(x, categories)[:, 0], expected, atol=1e-6)


def test_the_generator_is_told_beside_z() -> None:
    network = build_network(MLPGenerator((7,), end="linear"), "generator", Shapes(3, (2,), categories=4))
    assert isinstance(network, Joined)
    plain = MLPGenerator((7,), end="linear").build(Shapes(7, (2,)))
    plain.load_state_dict(network.network.state_dict())
    z, condition = torch.randn(5, 3), torch.eye(4)[[0, 1, 2, 3, 0]]
    assert torch.equal(network(z, condition), plain(torch.cat([z, condition], 1), None))


@pytest.mark.parametrize("network", [Packed(ConvDiscriminator((4,))), Packed(ResidualDiscriminator((8,)))], ids=str)
def test_a_discriminator_that_ends_otherwise_is_refused(network: object) -> None:
    with pytest.raises(RecipeError, match="'discriminator' gets the condition in its last layer"):
        build_network(network, "discriminator", Shapes(2, (1, 8, 8), categories=3))  # type: ignore[arg-type]


def test_more_or_fewer_fakes_get_the_conditions_of_the_reals() -> None:
    batch = Batch(torch.zeros(3, 2), 3, torch.eye(3))
    assert batch.condition_for(3) is batch.condition
    assert torch.equal(batch.condition_for(5), torch.eye(3)[[0, 1, 2, 0, 1]])  # type: ignore[arg-type]
    assert Batch(torch.zeros(3, 2), 3).condition_for(5) is None
    recipe = quick("objective.share=nothing", "objective.generator_fakes=7", "condition=clusters(num=4)")
    assert isinstance(recipe.objective, Adversarial)
    assert all(np.isfinite(value) for value in trainer(recipe).step().floats().values())


def test_a_run_is_resumed_with_the_categories_of_its_checkpoint() -> None:
    """On another machine k-means may number them otherwise."""
    recipe = quick("condition=clusters(num=4)")
    begun, other = trainer(recipe), trainer(recipe)
    begun.step()
    other.conditions.of(other.samples)  # assigned to the clusters that it found itself
    state = begun.state()
    state.tensors["kinds"] = (state.tensors["kinds"] + 1) % 4
    other.restore(state)
    assert other.categories is not None
    assert begun.categories is not None
    assert torch.equal(other.categories, (begun.categories + 1) % 4)
    assert other.inputs.shares == begun.inputs.shares[-1:] + begun.inputs.shares[:-1]
    found, before = other.conditions.of(other.samples), begun.conditions.of(begun.samples)
    assert found is not None
    assert before is not None
    assert torch.equal(found, before.roll(1, dims=1))


def test_samples_are_of_the_category_asked_for(tmp_path: Path) -> None:
    samples = blobs(600)
    np.savez(tmp_path / "blobs.npz", images=samples.values, labels=samples.labels)
    overrides = ["condition=labels(num=3)", "budget=40000images", "scores=none", "batch_size=50"]
    run = train(make("default", overrides, data=str(tmp_path / "blobs.npz")), tmp_path / "run", device="cpu")
    for category, place in enumerate(BLOBS):
        made = run.asked(category).sample(0, 64).array
        assert np.abs(made.mean(0) - place).max() < 0.5, category
    with pytest.raises(RunError, match="has no class '3': choose one of 0, 1, 2"):
        run.asked(3)
    shares = np.bincount(np.square(run.sample(0, 600).array[:, None] - BLOBS).sum(2).argmin(1), minlength=3) / 600
    assert np.abs(shares - 1 / 3).max() < 0.1
