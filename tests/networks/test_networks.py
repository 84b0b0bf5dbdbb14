"""Networks: widths and weights by hand from the tutorials, ends that adapt, starts, and the average over training."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gansmith.core.errors import RecipeError
from gansmith.networks import BatchNorm, MaxoutDiscriminator, MLPDiscriminator, MLPGenerator, Packed
from gansmith.networks.base import Network, Shapes
from gansmith.networks.build import build, check_shapes
from gansmith.networks.maxout import Maxout
from gansmith.networks.minibatch import MinibatchStd
from gansmith.networks.mlp import Dropout
from gansmith.optim.ema import Ema
from gansmith.recipes import make
from gansmith.recipes.base import Recipe
from gansmith.sampling.conditions import ImageCondition
from support import RECIPES, components, name_of, shapes_for, small

MNIST = (1, 28, 28)
FOR_POINTS_TOO = (
    *("MLPGenerator", "MLPDiscriminator", "MLPEncoder", "MaxoutDiscriminator", "MirzaGenerator", "MirzaDiscriminator", "Packed"),
    *(
        "JoinedDiscriminator",
        "AuxiliaryDiscriminator",
        "ClassNormedGenerator",
        "UnconditionalDiscriminator",
    ),  # here around such networks
)
SHAPES = [(1, 28, 28), (1, 8, 8), (3, 12, 10), (4, 5, 7), (2,)]

# From the table: the widths from end to end, and what follows a hidden layer.
G_WIDTHS = {
    "tutorial-small": (32, 128, 784),
    "tutorial-batchnorm": (100, 128, 256, 512, 1024, 784),
    "tutorial-dropout": (100, 32, 64, 128, 784),
    "tutorial-keras": (100, 256, 512, 1024, 784),
    "tutorial-paper": (100, 256, 512, 1024, 784),
    "goodfellow-2014": (100, 1200, 1200, 784),
    "noise-critic": (1, 256, 784),
}
D_WIDTHS = {
    "tutorial-small": (784, 64, 1),
    "tutorial-batchnorm": (784, 512, 256, 1),
    "tutorial-dropout": (784, 128, 64, 32, 1),
    "tutorial-keras": (784, 1024, 512, 256, 1),
    "tutorial-paper": (784, 1024, 512, 256, 1),
    "noise-critic": (784, 256, 1),
}
G_WEIGHTS = {  # added up by hand, weights and biases of each layer
    "tutorial-small": 4_224 + 101_136,
    "tutorial-batchnorm": 12_928 + 33_024 + 131_584 + 525_312 + 803_600 + 2 * (256 + 512 + 1024),
    "tutorial-dropout": 3_232 + 2_112 + 8_320 + 101_136,
    "tutorial-keras": 25_856 + 131_584 + 525_312 + 803_600,
    "tutorial-paper": 25_856 + 131_584 + 525_312 + 803_600,
    "goodfellow-2014": 121_200 + 1_441_200 + 941_584,
    "noise-critic": 512 + 201_488,
}
D_WEIGHTS = {
    "tutorial-small": 50_240 + 65,
    "tutorial-batchnorm": 401_920 + 131_328 + 257,
    "tutorial-dropout": 100_480 + 8_256 + 2_080 + 33,
    "tutorial-keras": 803_840 + 524_800 + 131_328 + 257,
    "tutorial-paper": 803_840 + 524_800 + 131_328 + 257,
    "goodfellow-2014": (784 + 1) * 240 * 5 + (240 + 1) * 240 * 5 + 241,  # two maxout layers of 240 units and 5 pieces
    "noise-critic": 200_960 + 257,
}
TUTORIALS = list(G_WIDTHS)


def networks(name: str, sample: tuple[int, ...] = MNIST) -> dict[str, nn.Module]:
    recipe = make(name)
    return build(recipe.networks, recipe.seed, shapes_of(recipe, sample))


def shapes_of(recipe: Recipe, sample: tuple[int, ...]) -> Shapes:
    """Shapes with samples of this shape and, for a translator, source images of it."""
    return Shapes(recipe.noise.dim, sample, source=sample if isinstance(recipe.condition, ImageCondition) else ())


def layers(network: nn.Module, *categories: type[nn.Module]) -> list[Any]:
    return [m for m in network.modules() if isinstance(m, categories)]


def widths(network: nn.Module) -> tuple[int, ...]:
    linear = layers(network, nn.Linear)
    assert all(a.out_features == b.in_features for a, b in pairwise(linear))
    return (linear[0].in_features, *(layer.out_features for layer in linear))


def weights(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize("name", TUTORIALS)
def test_widths_and_weight_counts_are_the_sources(name: str) -> None:
    made = networks(name)
    assert widths(made["generator"]) == G_WIDTHS[name]
    assert weights(made["generator"]) == G_WEIGHTS[name]
    assert weights(made["discriminator"]) == D_WEIGHTS[name]
    if name in D_WIDTHS:
        assert widths(made["discriminator"]) == D_WIDTHS[name]


# (activation of G, of D, slope, dropout in G, in D, end of G)
ACTIVATIONS = {
    "tutorial-small": (nn.LeakyReLU, nn.LeakyReLU, 0.01, 0.0, 0.0, nn.Tanh),
    "tutorial-batchnorm": (nn.LeakyReLU, nn.LeakyReLU, 0.2, 0.0, 0.0, nn.Tanh),
    "tutorial-dropout": (nn.LeakyReLU, nn.LeakyReLU, 0.2, 0.3, 0.3, nn.Tanh),
    "tutorial-keras": (nn.LeakyReLU, nn.LeakyReLU, 0.2, 0.0, 0.3, nn.Tanh),
    "tutorial-paper": (nn.ReLU, nn.ReLU, None, 0.0, 0.3, nn.Tanh),
    "goodfellow-2014": (nn.ReLU, None, None, 0.0, None, nn.Sigmoid),
    "noise-critic": (nn.ReLU, nn.ReLU, None, 0.0, 0.5, nn.Tanh),
}


@pytest.mark.parametrize("name", TUTORIALS)
def test_what_follows_each_layer_is_the_sources(name: str) -> None:
    made = networks(name)
    of_g, of_d, slope, in_g, in_d, end = ACTIVATIONS[name]
    for network, activation, share in ((made["generator"], of_g, in_g), (made["discriminator"], of_d, in_d)):
        if activation is None:
            continue
        row = [m for m in network.modules() if not list(m.children()) and not isinstance(m, (nn.Flatten, nn.Unflatten))]
        linear = [i for i, m in enumerate(row) if isinstance(m, nn.Linear)]
        for i, following in pairwise([*linear, len(row)]):
            after = [m for m in row[i + 1 : following] if not isinstance(m, nn.BatchNorm1d)]
            if following == len(row):  # the last layer
                assert [type(m) for m in after] == ([end] if network is made["generator"] else [])
            else:
                assert type(after[0]) is activation
                assert slope is None or after[0].negative_slope == slope
                assert [m.p for m in after[1:]] == ([share] if share else [])
    assert not layers(made["discriminator"], nn.Sigmoid)  # losses take logits


def test_the_2014_discriminator_is_maxout_with_dropout() -> None:
    d = networks("goodfellow-2014")["discriminator"]
    assert [(m.linear.in_features, m.linear.out_features, m.pieces) for m in layers(d, Maxout)] == [
        (784, 1200, 5),
        (240, 1200, 5),
    ]
    assert [m.p for m in layers(d, nn.Dropout)] == [0.2, 0.5, 0.5]


def test_batch_norm_stands_before_the_activation_on_the_256_512_and_1024_layers_with_epsilon_point_8() -> None:
    g = networks("tutorial-batchnorm")["generator"]
    row = list(g.children())
    norms = [i for i, m in enumerate(row) if isinstance(m, nn.BatchNorm1d)]
    assert [(row[i].num_features, row[i].eps, row[i].momentum) for i in norms] == [(n, 0.8, 0.1) for n in (256, 512, 1024)]
    for i in norms:
        assert isinstance(row[i - 1], nn.Linear)
        assert isinstance(row[i + 1], nn.LeakyReLU)


@pytest.mark.parametrize("name", TUTORIALS)
def test_batch_norm_is_in_one_generator_alone(name: str) -> None:
    made = networks(name)
    assert bool(layers(made["generator"], nn.BatchNorm1d)) == (name == "tutorial-batchnorm")
    assert not layers(made["discriminator"], nn.BatchNorm1d)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("sample", SHAPES[:4], ids=str)
def test_the_ends_of_every_recipes_networks_adapt_to_the_data(name: str, sample: tuple[int, ...], tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", images=np.zeros((4, *sample[1:], sample[0]), np.uint8), labels=[0, 0, 1, 1])
    recipe = make(name, data=str(tmp_path / "data.npz"))  # some choose their networks by what the data look like
    shapes = shapes_of(recipe, sample)
    made = build(recipe.networks, recipe.seed, shapes)
    check_shapes(made, shapes)
    source = torch.randn(3, *sample) if shapes.source else None
    with torch.no_grad():
        fake = made.pop("generator")(torch.randn(3, shapes.noise), source)
        assert fake.shape == (3, *sample)
        for other in made.values():
            answer = other(fake, source)
            assert answer.shape[0] == 3
            assert answer.ndim == 2


@pytest.mark.parametrize("network", components(Network), ids=name_of)
@pytest.mark.parametrize("sample", SHAPES, ids=str)
def test_every_network_is_a_generator_or_a_discriminator_of_any_shape(network: Network, sample: tuple[int, ...]) -> None:
    if len(sample) == 1 and type(network).__name__ not in FOR_POINTS_TOO:
        with pytest.raises(RecipeError, match=rf"{type(network).__name__}.*images.*\[2\]"):
            network.build(Shapes(6, sample))
        return
    shapes = shapes_for(network, 6, sample)
    made = small(network).build(shapes).eval()
    generates = "Generator" in type(network).__name__
    pack = getattr(network, "count", 1)  # samples that are judged together
    inputs = torch.randn(5, 6) if generates else torch.randn(5, *sample)
    source = torch.randn(5, *shapes.source) if shapes.source else None
    kept, kept_source = inputs.clone(), None if source is None else source.clone()
    with torch.no_grad():
        out = made(inputs, source)
        assert torch.equal(inputs, kept)  # whatever is done in place is done to its own arrays
        assert source is None or torch.equal(source, kept_source)
        assert out.shape == ((5, *shapes.sample) if generates else (5 // pack, out.shape[1]))
        rows = [slice(i, i + pack) for i in range(0, 5 - pack + 1, pack)]
        alone = torch.cat([made(inputs[row], None if source is None else source[row]) for row in rows])
        assert torch.allclose(out, alone, rtol=1e-4, atol=1e-5)  # in evaluation mode a row is judged by itself
        other = inputs.clone()
        other[pack:] += 1.0
        other_source = None if source is None else torch.cat([source[:pack], source[pack:] + 1.0])
        assert torch.equal(made(other, other_source)[0], out[0])


@pytest.mark.parametrize("name", RECIPES)
def test_in_evaluation_mode_a_row_of_a_batch_depends_on_no_other_unless_by_minibatch_std(name: str) -> None:
    for which, network in networks(name, (1, 8, 8)).items():
        network.train()
        x = torch.randn(16, make(name).noise.dim) if which == "generator" else torch.randn(16, 1, 8, 8)
        source = torch.randn(16, 1, 8, 8) if shapes_of(make(name), (1, 8, 8)).source else None
        with torch.no_grad():
            network(x, source)  # batch norm has seen something
            network.eval()
            y, other = x.clone(), None if source is None else torch.cat([source[:1], torch.randn(15, 1, 8, 8)])
            y[1:] = torch.randn_like(y[1:])
            compares = any(isinstance(part, MinibatchStd) for part in network.modules())
            assert compares == (name == "infogan" and which == "discriminator")
            assert torch.equal(network(x, source)[0], network(y, other)[0]) != compares


def test_batch_norms_rows_do_depend_on_each_other_while_training() -> None:
    g = networks("tutorial-batchnorm", (1, 8, 8))["generator"]
    x = torch.randn(16, 100)
    y = x.clone()
    y[1:] = torch.randn_like(y[1:])
    with torch.no_grad():
        assert not torch.allclose(g(x, None)[0], g(y, None)[0])


def test_the_order_of_pixels_is_kept() -> None:
    g = MLPGenerator((), end="linear").build(Shapes(2, (3, 4, 5)))
    with torch.no_grad():
        made = g(torch.randn(2, 2), None)
        flat = next(g.children())
        assert isinstance(flat, nn.Linear)
    d = MLPDiscriminator(()).build(Shapes(2, (3, 4, 5)))
    linear = layers(d, nn.Linear)[0]
    with torch.no_grad():
        assert torch.allclose(d(made, None), made.reshape(2, 60) @ linear.weight.T + linear.bias, rtol=1e-5, atol=1e-6)


def test_maxout_is_the_greatest_of_its_pieces() -> None:
    layer = Maxout(4, 3, 2)
    x = torch.randn(5, 4)
    w, b = layer.linear.weight.detach().numpy(), layer.linear.bias.detach().numpy()
    expected = np.stack([np.stack([x.numpy() @ w[2 * i + j] + b[2 * i + j] for j in range(2)]).max(0) for i in range(3)], 1)
    assert np.allclose(layer(x).detach().numpy(), expected, atol=1e-6)
    assert MaxoutDiscriminator((7,), pieces=4).build(Shapes(1, (1, 2, 2)))(torch.randn(2, 1, 2, 2), None).shape == (2, 1)


@pytest.mark.parametrize("share", [0.0, 1e-3, 0.2, 0.3, 0.5, 0.9])
def test_dropout_drops_its_share_and_keeps_the_mean(share: float) -> None:
    layer, x = Dropout(share), torch.full((400, 501), 2.0, requires_grad=True)  # an odd number: the last word is cut
    with torch.random.fork_rng():
        torch.manual_seed(0)
        y = layer(x)
        torch.manual_seed(0)
        assert torch.equal(layer(x), y)  # a function of the seed
        again = layer(x)
    dropped = (y == 0).double()
    count, spread = y.numel(), 5 * math.sqrt(share * (1 - share) / y.numel()) + 2**-17
    assert abs(dropped.mean().item() - share) <= spread
    kept = y[y != 0]
    assert torch.allclose(kept, torch.full_like(kept, 2.0 / (1.0 - share)), rtol=1e-6)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach() / 2.0)  # the gradient goes where the value went
    if 0.01 < share < 0.99:  # units, neighbours in a row and in a column, and calls know nothing of each other
        flat = dropped.numpy() - dropped.mean().item()
        for a, b in (
            (flat[:, 1:], flat[:, :-1]),
            (flat[1:], flat[:-1]),
            (flat[:, 4:], flat[:, :-4]),
            (flat, (again == 0).numpy()),
        ):
            assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / math.sqrt(count)
    layer.eval()
    assert torch.equal(layer(x), x)


def test_dropout_keeps_the_type_and_shape() -> None:
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        for shape in ((1,), (3, 5), (2, 3, 4, 5), (0, 4)):
            y = Dropout(0.5)(torch.ones(shape, dtype=dtype))
            assert y.dtype == dtype
            assert y.shape == shape


# ---------------------------------------------------------------------------------------------------- starts


def test_glorots_uniform_start_with_zero_biases() -> None:
    for network in networks("tutorial-keras").values():
        for layer in layers(network, nn.Linear):
            bound = math.sqrt(6 / (layer.in_features + layer.out_features))
            w = layer.weight.detach()
            assert w.abs().max() <= bound * (1 + 1e-6)
            if w.numel() > 10_000:
                assert w.abs().max() > 0.99 * bound
                assert abs(w.std().item() / (bound / math.sqrt(3)) - 1) < 0.02
            assert not layer.bias.any()


def test_hes_uniform_start_with_zero_biases() -> None:
    for network in networks("tutorial-batchnorm-tensorflow").values():
        for layer in layers(network, nn.Linear):
            bound = math.sqrt(6 / layer.in_features)
            w = layer.weight.detach()
            assert w.abs().max() <= bound * (1 + 1e-6)
            if w.numel() > 10_000:
                assert w.abs().max() > 0.99 * bound
                assert abs(w.std().item() / (bound / math.sqrt(3)) - 1) < 0.02
            assert not layer.bias.any()


def test_maxouts_start_is_uniform_with_zero_biases() -> None:
    for layer in layers(networks("goodfellow-2014")["discriminator"], nn.Linear):
        w = layer.weight.detach()
        assert w.abs().max() <= 0.005
        if w.numel() > 10_000:
            assert abs(w.std().item() / (0.005 / math.sqrt(3)) - 1) < 0.02
        assert not layer.bias.any()


@pytest.mark.parametrize("name", [n for n in TUTORIALS if n not in ("tutorial-keras", "goodfellow-2014")])
def test_the_others_start_as_pytorch_starts(name: str) -> None:
    for network in networks(name).values():
        for layer in layers(network, nn.Linear):
            bound = 1 / math.sqrt(layer.in_features)
            for tensor in (layer.weight.detach(), layer.bias.detach()):
                assert tensor.abs().max() <= bound * (1 + 1e-6)
                if tensor.numel() > 5_000:
                    assert abs(tensor.std().item() / (bound / math.sqrt(3)) - 1) < 0.03


def test_a_start_depends_on_the_seed_and_the_networks_place_alone() -> None:
    recipe, other_seed = make("tutorial-small"), make("tutorial-small", ["seed=1"])
    shapes = Shapes(32, MNIST)
    torch.manual_seed(1)
    one = build(recipe.networks, recipe.seed, shapes)
    torch.manual_seed(2)
    again, other = build(recipe.networks, recipe.seed, shapes), build(other_seed.networks, other_seed.seed, shapes)
    wider = build(make("tutorial-small", ["networks.generator.widths=[7]"]).networks, recipe.seed, shapes)
    for name in ("generator", "discriminator"):
        for a, b, c in zip(one[name].parameters(), again[name].parameters(), other[name].parameters(), strict=True):
            assert torch.equal(a, b)
            assert not torch.equal(a, c)
    for a, b in zip(one["discriminator"].parameters(), wider["discriminator"].parameters(), strict=True):
        assert torch.equal(a, b)  # another G takes no numbers from D


# ---------------------------------------------------------------------------------------------------- shapes that don't fit


class Wrong(nn.Module):
    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.shape, self.linear = shape, nn.Linear(4, 1)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        return x.new_zeros(len(x), *self.shape)


def test_a_network_whose_shapes_do_not_fit_is_named_with_both() -> None:
    recipe, shapes = make("tutorial-small"), Shapes(32, (1, 8, 8))
    good = build(recipe.networks, recipe.seed, shapes)
    with pytest.raises(RecipeError, match=r"'generator' makes samples of shape \(1, 9, 9\).*the data's are \(1, 8, 8\)"):
        check_shapes({**good, "generator": Wrong(1, 9, 9)}, shapes)
    with pytest.raises(RecipeError, match=r"'discriminator' returns shape \(4, 4\)"):
        check_shapes({**good, "discriminator": Wrong(4, 4)}, shapes)
    with pytest.raises(RecipeError, match=r"'discriminator' does not take samples of shape \(1, 8, 8\)"):
        check_shapes(build(recipe.networks, recipe.seed, Shapes(32, (1, 9, 9))) | {"generator": good["generator"]}, shapes)
    with pytest.raises(RecipeError, match=r"'generator' does not take noise of shape \(32,\)"):
        check_shapes(good | {"generator": build(recipe.networks, recipe.seed, Shapes(31, (1, 8, 8)))["generator"]}, shapes)
    check_shapes({**good, "discriminator": Wrong(16)}, shapes)  # sixteen places judged


# ---------------------------------------------------------------------------------------------------- conditions nobody uses


class Forgetful:
    """A description that says it handles the condition, and builds a network without it."""

    takes_condition = True

    def __init__(self, network: Network) -> None:
        self.network = network

    def build(self, shapes: Shapes) -> nn.Module:
        return self.network.build(shapes)


@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("generator", MLPGenerator((5,))),
        ("discriminator", MLPDiscriminator((5,))),
        ("discriminator", Packed(MLPDiscriminator((5,)))),
    ],
    ids=str,
)
def test_a_network_that_forgets_its_condition_is_refused_before_training(name: str, network: Network) -> None:
    descriptions: dict[str, Network] = {"generator": MLPGenerator((5,)), "discriminator": MLPDiscriminator((5,))}
    shapes = Shapes(4, (1, 8, 8), categories=3)
    check_shapes(build(descriptions, 0, shapes), shapes)
    forgets = build({**descriptions, name: Forgetful(network)}, 0, shapes)
    with pytest.raises(RecipeError, match=rf"network '{name}': .* was given a condition, and none of its layers uses one"):
        check_shapes(forgets, shapes)


@pytest.mark.parametrize("network", [MLPDiscriminator((5,)), Packed(MLPDiscriminator((5,)))], ids=str)
def test_a_discriminator_that_gets_no_codes_is_given_none(network: Network) -> None:
    """Codes are drawn for the generator alone; a discriminator without a head neither gets nor refuses them."""
    shapes = Shapes(4, (1, 8, 8), categories=3, continuous=2, observed=False)
    made = build({"generator": MLPGenerator((5,)), "discriminator": network}, 0, shapes)
    check_shapes(made, shapes)
    with pytest.raises(RecipeError, match="was given a condition"):
        made["discriminator"](torch.randn(2, 1, 8, 8), torch.randn(2, 5))


# ---------------------------------------------------------------------------------------------------- the average


def test_the_average_forgets_half_in_its_half_life() -> None:
    network, rule = nn.Linear(3, 2), Ema(half_life_images=1000, ramp=None)
    average = rule.start(network)
    start = average.weight.detach().clone()
    with torch.no_grad():
        network.weight.add_(1.0)
    for i in range(1, 11):
        rule.update(average, network, 100 * i, 100)
    assert torch.allclose(average.weight, start + 0.5, atol=1e-6)
    rule.update(average, network, 2000, 1000)
    assert torch.allclose(average.weight, start + 0.75, atol=1e-6)
    assert not average.weight.requires_grad


def test_the_average_does_not_depend_on_how_the_images_are_cut_into_steps() -> None:
    network, rule = nn.Linear(3, 2), Ema(half_life_images=1000, ramp=None)
    coarse, fine = rule.start(network), rule.start(network)
    with torch.no_grad():
        network.weight.mul_(3.0)
    rule.update(coarse, network, 640, 640)
    for i in range(1, 21):
        rule.update(fine, network, 32 * i, 32)
    assert torch.allclose(coarse.weight, fine.weight, atol=1e-6)


def test_a_ramp_forgets_the_random_start_sooner() -> None:
    network, rule = nn.Linear(3, 2), Ema(half_life_images=10_000, ramp=0.05)
    average = rule.start(network)
    start = average.weight.detach().clone()
    with torch.no_grad():
        network.weight.add_(1.0)
    rule.update(average, network, 64, 64)  # the half-life is 3.2 images now: all but 2^-20 is forgotten
    assert torch.allclose(average.weight, start + 1.0, atol=1e-5)
    settled = rule.start(network)
    with torch.no_grad():
        network.weight.add_(1.0)
    rule.update(settled, network, 10_000_000, 10_000)
    assert torch.allclose(settled.weight, network.weight - 0.5, atol=1e-6)


def test_batch_norms_statistics_are_copied_not_averaged() -> None:
    network = MLPGenerator((8,), batch_norm=BatchNorm()).build(Shapes(4, (1, 2, 2)))
    rule = Ema(half_life_images=10**6, ramp=None)
    average = rule.start(network)
    network(torch.randn(16, 4) + 5, None)
    rule.update(average, network, 16, 16)
    for (name, mine), theirs in zip(average.named_buffers(), network.buffers(), strict=True):
        assert torch.equal(mine, theirs), name
    assert not torch.equal(next(iter(average.buffers())), torch.zeros(8))
