"""Networks for images: weights counted by hand, blocks and resampling written out, any size, second derivatives."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gansmith.core.errors import RecipeError
from gansmith.core.overrides import parse_value
from gansmith.networks import (
    ConvDiscriminator,
    MaxoutDiscriminator,
    MLPDiscriminator,
    Packed,
    R3GanDiscriminator,
    R3GanGenerator,
    ResidualDiscriminator,
    ResidualGenerator,
)
from gansmith.networks.base import Network, Shapes
from gansmith.networks.minibatch import MinibatchStd
from gansmith.networks.r3gan import R3GanBlock, WholeMap
from gansmith.networks.resampling import downsampling, halvings, upsampling
from gansmith.networks.residual import DownBlock, UpBlock
from support import ROOT, TRANSLATORS, assert_same_tensors, components, name_of, shapes_for, tiny, trainer

PAGE = ROOT / "docs" / "networks.md"
PAIRS: dict[str, tuple[Network, Network]] = {
    "r3gan": (R3GanGenerator(), R3GanDiscriminator()),
    "residual": (ResidualGenerator((16, 8, 8)), ResidualDiscriminator((8, 8, 16))),
}
EVERY_PAIR = pytest.mark.parametrize("name", PAIRS)
SIZES = [(1, 28, 28), (3, 32, 32), (3, 64, 64), (1, 30, 45), (2, 5, 7)]


def weights(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def layers(network: nn.Module, *categories: type[nn.Module]) -> list[Any]:
    return [m for m in network.modules() if isinstance(m, categories)]


@EVERY_PAIR
@pytest.mark.parametrize("sample", SIZES, ids=str)
def test_a_pair_fits_any_size(name: str, sample: tuple[int, ...]) -> None:
    generator, discriminator = (n.build(Shapes(6, sample)) for n in PAIRS[name])
    with torch.no_grad():
        fake = generator(torch.randn(2, 6), None)
        assert fake.shape == (2, *sample)
        assert fake.isfinite().all()
        assert discriminator(fake, None).shape == (2, 1)


LISTED = re.findall(r"^\| `([a-z0-9-]+)` \|.*\| ([\d,]+) \| ([\d,]+) \|$", PAGE.read_text(), re.M)


def test_every_network_is_listed() -> None:
    assert sorted(name for name, _, _ in LISTED) == sorted(map(name_of, components(Network)))


@pytest.mark.parametrize(("name", "small", "large"), LISTED, ids=[name for name, _, _ in LISTED])
def test_the_page_counts_the_weights(name: str, small: str, large: str) -> None:
    around = {"class-normed-generator": "residual-generator"}
    wrappers = ("packed", "joined-discriminator", "auxiliary-discriminator", "unconditional-discriminator")
    around |= dict.fromkeys(wrappers, "conv-discriminator")
    given = f"(network={around[name]})" if name in around else "(widths=[256, 256])" if name.startswith("mlp") else ""
    network = parse_value(name + given, Network)
    for sample, listed in (((1, 28, 28), small), ((3, 32, 32), large)):
        with torch.device("meta"):
            made = network.build(shapes_for(network, 0 if type(network).__name__ in TRANSLATORS else 64, sample))
        assert weights(made) == int(listed.replace(",", ""))


# ---------------------------------------------------------------------------------------------------- resampling

SIDES = [((5, 6), (10, 12)), ((5, 6), (9, 12)), ((4, 3), (7, 5)), ((1, 1), (1, 2))]
FILTER = torch.tensor([1.0, 3.0, 3.0, 1.0])


@pytest.mark.parametrize(("small", "large"), SIDES, ids=str)
def test_resampling_is_convolution_with_1_3_3_1(small: tuple[int, int], large: tuple[int, int]) -> None:
    kernel = torch.outer(FILTER, FILTER).expand(3, 1, 4, 4)
    x, y = torch.randn(2, 3, *small), torch.randn(2, 3, *large)
    up = F.conv_transpose2d(x, kernel / 16, stride=2, padding=1, groups=3)[:, :, : large[0], : large[1]]
    assert torch.allclose(upsampling(small, large)(x), up, atol=1e-6)
    even = F.pad(y, (0, large[1] % 2, 0, large[0] % 2))
    down = F.conv2d(even, kernel / 64, stride=2, padding=1, groups=3)
    assert torch.allclose(downsampling(large, small)(y), down, atol=1e-6)


def test_an_impulse_becomes_the_filter_and_a_plane_stays_one() -> None:
    impulse = torch.zeros(1, 1, 5, 5)
    impulse[0, 0, 2, 2] = 16
    expected = torch.zeros(10, 10)
    expected[3:7, 3:7] = torch.outer(FILTER, FILTER)
    assert torch.equal(upsampling((5, 5), (10, 10))(impulse)[0, 0], expected)
    for plane in (upsampling((5, 5), (10, 10))(torch.ones(1, 1, 5, 5)), downsampling((10, 10), (5, 5))(torch.ones(1, 1, 10, 10))):
        assert torch.equal(plane[:, :, 1:-1, 1:-1], torch.ones_like(plane[:, :, 1:-1, 1:-1]))  # zeros around darken the edge


@pytest.mark.parametrize(("small", "large"), SIDES, ids=str)
def test_downsampling_is_upsamplings_adjoint_over_4(small: tuple[int, int], large: tuple[int, int]) -> None:
    x, y = torch.randn(2, 3, *small).double(), torch.randn(2, 3, *large).double()
    up, down = upsampling(small, large).double()(x), downsampling(large, small).double()(y)
    assert (up * y).sum().item() == pytest.approx(4 * (x * down).sum().item(), rel=1e-12)


def test_halves_are_rounded_up() -> None:
    assert halvings(28, 45, 3) == [(28, 45), (14, 23), (7, 12), (4, 6)]
    assert halvings(2, 5, 3) == [(2, 5), (1, 3), (1, 2), (1, 1)]


# ---------------------------------------------------------------------------------------------------- R3GAN


def test_r3gans_weights_are_those_of_its_description() -> None:
    # A block of width C: C*2C + 2C, then 3*3*16 for each of 2C + 2C, then 2C*C: 4 CC + 292 C.
    blocks = 2 * (4 * 128**2 + 292 * 128) + (4 * 64**2 + 292 * 64) + (4 * 32**2 + 292 * 32)
    between = 128 * 64 + 64 * 32
    shapes = Shapes(64, (3, 32, 32))
    assert blocks == 254_336
    assert weights(R3GanGenerator().build(shapes)) == 128 * 4 * 4 + 64 * 128 + blocks + between + 32 * 3 == 274_912
    assert weights(R3GanDiscriminator().build(shapes)) == 3 * 32 + blocks + between + 128 * 4 * 4 + 128 == 266_848
    two = weights(R3GanGenerator(blocks=2).build(shapes)) - weights(R3GanGenerator().build(shapes))
    assert two == blocks


def test_an_r3gan_discriminator_ends_in_a_convolution_over_the_whole_map() -> None:
    layer, x = WholeMap(5, 3, 4), torch.randn(2, 5, 3, 4)
    assert torch.allclose(layer(x), F.conv2d(x, layer.weight[:, None], groups=5).flatten(1), atol=1e-6)


def test_an_r3gan_block_written_out() -> None:
    block = R3GanBlock(8, 4, 1.0)
    with torch.no_grad():
        for p in block.parameters():
            p.normal_()
    wide, grouped, narrow = layers(block, nn.Conv2d)
    assert narrow.bias is None
    x = torch.randn(2, 8, 5, 6)
    h = torch.einsum("oc,nchw->nohw", wide.weight[:, :, 0, 0], x) + wide.bias[:, None, None]
    h = F.pad(torch.where(h > 0, h, 0.2 * h), (1, 1, 1, 1)).unflatten(1, (4, 4))  # 16 channels: 4 groups of 4
    patches = torch.stack([h[..., i : i + 5, j : j + 6] for i in range(3) for j in range(3)], -1)
    h = torch.einsum("goct,ngchwt->ngohw", grouped.weight.reshape(4, 4, 4, 9), patches).flatten(1, 2)
    h = h + grouped.bias[:, None, None]
    expected = x + torch.einsum("oc,nchw->nohw", narrow.weight[:, :, 0, 0], torch.where(h > 0, h, 0.2 * h))
    assert torch.allclose(block(x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("network", [R3GanGenerator(blocks=2), R3GanDiscriminator(blocks=2)], ids=["generator", "discriminator"])
def test_r3gans_start(network: R3GanGenerator | R3GanDiscriminator) -> None:
    made = network.build(Shapes(64, (3, 32, 32)))
    blocks = layers(made, R3GanBlock)
    assert len(blocks) == 8
    x = torch.randn(1, 128, 4, 4)
    wide = [b for b in blocks if b.change[0].in_channels == 128]
    assert len(wide) == 4
    assert all(torch.equal(b(x), x) for b in wide)  # a block starts as the identity
    inside = {m for b in blocks for m in layers(b, nn.Conv2d)}
    for layer in layers(made, nn.Conv2d, nn.Linear):
        gain = math.sqrt(2 / 1.04) * 8**-0.25 if layer in inside else 1.0
        w = layer.weight.detach()
        if layer not in [b.change[4] for b in blocks] and w.numel() > 2_000:
            assert w.std().item() * math.sqrt(w[0].numel()) == pytest.approx(gain, rel=0.08)
        assert layer.bias is None or not layer.bias.any()
        assert (layer.bias is not None) == (layer in [b.change[i] for b in blocks for i in (0, 2)])


def test_r3gans_first_map_is_a_basis_times_a_linear_of_z() -> None:
    basis = R3GanGenerator((16, 8)).build(Shapes(5, (1, 6, 8)))[0]
    z = torch.randn(3, 5)
    expected = torch.einsum("nz,cz,chw->nchw", z, basis.linear.weight, basis.maps[0])
    assert expected.shape == (3, 16, 3, 4)
    assert torch.allclose(basis(z), expected, atol=1e-6)


def test_groups_that_do_not_divide_a_block_are_refused() -> None:
    for family in (R3GanGenerator, R3GanDiscriminator):
        with pytest.raises(RecipeError, match=f"{family.__name__}: blocks of width 12 have 24 channels.*multiples of 8, or"):
            family(widths=(16, 12))
        assert family(widths=(16, 12), group=8).widths == (16, 12)


# ---------------------------------------------------------------------------------------------------- residual


def test_residual_networks_for_cifar_have_the_weights_of_miyatos_table() -> None:
    shapes = Shapes(128, (3, 32, 32))  # table 3 of the appendix, added up by hand: a 3x3 from 256 to 256 has 590,080
    block = 2 * 512 + 2 * 590_080 + (256 * 256 + 256)
    with torch.device("meta"):
        g = ResidualGenerator((256,) * 4).build(shapes)
        d = ResidualDiscriminator((128,) * 4).build(shapes)
    assert weights(g) == (128 * 4096 + 4096) + 3 * block + 512 + (256 * 27 + 3) == 4_276_739
    first = (27 * 128 + 128) + 147_584 + (3 * 128 + 128)
    assert weights(d) == first + (2 * 147_584 + 16_512) + 2 * (2 * 147_584) + 129 == 1_053_825


def test_a_down_block_written_out() -> None:
    x = torch.randn(2, 3, 5, 4)
    for halve, first in ((True, True), (True, False), (False, False)):
        block = DownBlock(3, 6, halve, first)
        one, two = layers(block.change, nn.Conv2d)
        (skip,) = layers(block.skip, nn.Conv2d)
        assert one.out_channels == (6 if first else 3)  # where the width changes in a block: at once in the first alone
        h = F.conv2d(x if first else x.clamp_min(0), one.weight, one.bias, padding=1).clamp_min(0)
        expected = F.conv2d(h, two.weight, two.bias, padding=1) + F.conv2d(x, skip.weight, skip.bias)
        if halve:  # by hand: means of 2x2, of the row that is left over of 1x2
            rows = [expected[:, :, i : i + 2].mean(2) for i in (0, 2, 4)]
            expected = torch.stack(rows, 2).unflatten(3, (2, 2)).mean(4)
        assert torch.allclose(block(x), expected, atol=1e-5)
    assert not layers(DownBlock(6, 6, halve=False, first=False).skip, nn.Conv2d)


def test_an_up_block_written_out() -> None:
    block, x = UpBlock(3, 6, 9, 8).eval(), torch.randn(2, 3, 5, 4)
    one, two, skip = layers(block, nn.Conv2d)

    def norm_relu(x: Tensor) -> Tensor:  # no statistics yet: mean 0, variance 1
        return (x / math.sqrt(1 + 1e-5)).clamp_min(0)

    def double(x: Tensor) -> Tensor:
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)[:, :, :9, :8]

    h = norm_relu(F.conv2d(double(norm_relu(x)), one.weight, one.bias, padding=1))
    expected = F.conv2d(h, two.weight, two.bias, padding=1) + F.conv2d(double(x), skip.weight, skip.bias)
    assert torch.allclose(block(x), expected, atol=1e-5)


def test_a_residual_discriminator_adds_up_the_places() -> None:
    network = ResidualDiscriminator((8,), halvings=0).build(Shapes(1, (1, 4, 4)))
    x = torch.randn(2, 1, 4, 4)
    linear = network[-1]
    assert torch.allclose(network(x, None), network[0](x).relu().sum((2, 3)) @ linear.weight.T + linear.bias, atol=1e-5)


# ---------------------------------------------------------------------------------------------------- spectral norm

NORMED: dict[str, Network] = {
    "mlp": MLPDiscriminator((12, 7), spectral_norm=True),
    "maxout": MaxoutDiscriminator((6,), dropout=0.0, spectral_norm=True),
    "conv": ConvDiscriminator((6, 9), spectral_norm=True),
    "residual": ResidualDiscriminator((6, 9), spectral_norm=True),
    "r3gan": R3GanDiscriminator((8, 16), spectral_norm=True),
}


@pytest.mark.parametrize("name", NORMED)
def test_spectral_norm_holds_every_layers_largest_singular_value_at_1(name: str) -> None:
    network = NORMED[name].build(Shapes(1, (1, 8, 8)))
    held = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear, WholeMap))]
    with torch.no_grad():
        for layer in held:
            layer.parametrizations.weight.original.mul_(3.0).add_(0.1 * torch.randn_like(layer.weight))
        for _ in range(100):
            network(torch.randn(2, 1, 8, 8), None)
        for layer in held:
            assert torch.linalg.svdvals(layer.weight.flatten(1))[0].item() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("name", NORMED)
def test_a_discriminator_with_spectral_norm_restored_takes_the_same_steps(name: str) -> None:
    recipe = tiny("tutorial-small", "objective.penalties=[r1]")
    recipe = dataclasses.replace(recipe, networks={**recipe.networks, "discriminator": NORMED[name]})
    one, other = trainer(recipe), trainer(recipe)
    for _ in range(2):
        one.step()
    state = dataclasses.replace(one.state(), tensors={k: v.clone() for k, v in one.state().tensors.items()})
    assert any(k.endswith("weight.0._u") for k in state.tensors)
    other.restore(state)
    assert one.step().floats() == other.step().floats()
    assert_same_tensors(one.state().tensors, other.state().tensors)


# ---------------------------------------------------------------------------------------------------- minibatch std

MINIBATCH_STD: dict[str, Network] = {
    "mlp": MLPDiscriminator((12, 7), minibatch_std=4),
    "conv": ConvDiscriminator((6, 9), minibatch_std=4),
    "residual": ResidualDiscriminator((6, 9), minibatch_std=4),
    "r3gan": R3GanDiscriminator((8, 8), minibatch_std=4),
}


@pytest.mark.parametrize(("count", "group"), [(8, 4), (4, 4), (6, 3), (5, 1), (10, 2), (1, 1)])
@pytest.mark.parametrize("features", [1, 2])
@pytest.mark.parametrize("shape", [(4, 3, 2), (6,)], ids=str)
def test_minibatch_std_by_numpy(count: int, group: int, features: int, shape: tuple[int, ...]) -> None:
    x = torch.randn(count, *shape)
    made = MinibatchStd(4, features)(x).numpy()
    assert made.shape == (count, shape[0] + features, *shape[1:])
    assert np.array_equal(made[:, : shape[0]], x.numpy())
    for i in range(count):
        first = i - i % group
        fellows = x.numpy()[first : first + group]
        assert len(fellows) == group
        for f, part in enumerate(np.split(np.sqrt(fellows.var(0) + 1e-8), features)):
            assert np.allclose(made[i, shape[0] + f], part.mean(), rtol=1e-5)


def test_minibatch_std_of_equal_samples_has_a_finite_gradient() -> None:
    x = torch.ones(4, 2, 3, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(MinibatchStd()(x)[:, 2].sum(), x, create_graph=True)
    assert gradient.isfinite().all()
    assert torch.autograd.grad(gradient.square().sum(), x)[0].isfinite().all()


@pytest.mark.parametrize("name", MINIBATCH_STD)
def test_with_minibatch_std_the_neighbours_of_a_sample_change_its_logit(name: str) -> None:
    network = MINIBATCH_STD[name].build(Shapes(1, (1, 8, 8)))
    assert len(layers(network, MinibatchStd)) == 1
    x, other = torch.randn(4, 1, 8, 8), torch.randn(4, 1, 8, 8)
    other[0] = x[0]
    with torch.no_grad():
        assert not torch.equal(network(x, None)[0], network(other, None)[0])
    assert network(torch.randn(7, 1, 8, 8), None).shape == (7, 1)


# ---------------------------------------------------------------------------------------------------- packs


def test_packing_is_joining_neighbours_along_channels() -> None:
    for sample in ((2, 6, 5), (4,)):
        network = Packed(MLPDiscriminator((7,)), count=3).build(Shapes(1, sample))
        x = torch.randn(8, *sample)  # two packs and two samples left over
        by_hand = torch.stack([torch.cat([x[0], x[1], x[2]]), torch.cat([x[3], x[4], x[5]])])
        assert torch.equal(network(x, None), network.network(by_hand, None))
        assert torch.equal(network(x[:2], None), network.network(torch.cat([x[0], x[1], x[0]])[None], None))
        assert network(x[:1], None).shape == (1, 1)
    convolutional = Packed(ConvDiscriminator((4,)), count=2).build(Shapes(1, (3, 8, 8)))
    assert layers(convolutional, nn.Conv2d)[0].in_channels == 6
    with pytest.raises(RecipeError, match=r"ConvDiscriminator.*images"):
        Packed(ConvDiscriminator((4,))).build(Shapes(1, (2,)))
    with pytest.raises(RecipeError, match=r"Packed\.count"):
        Packed(MLPDiscriminator(()), count=1)


# ---------------------------------------------------------------------------------------------------- derivatives


def gradients(network: nn.Module, x: Tensor) -> list[Tensor]:
    """Of the squared gradients of the logits with respect to the samples, by each weight: what R1 pays for."""
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(network(x, None).sum(), x, create_graph=True)
    return list(torch.autograd.grad(slope.square().sum(), list(network.parameters()), materialize_grads=True))


DISCRIMINATORS = {
    **{name: pair[1] for name, pair in PAIRS.items()},
    **{f"{name}-normed": network for name, network in NORMED.items()},
    **{f"{name}-minibatch-std": network for name, network in MINIBATCH_STD.items()},
    "packed": Packed(ConvDiscriminator((4, 8))),
}


@pytest.mark.parametrize("name", DISCRIMINATORS)
def test_gradients_of_gradients_are_finite_and_move_weights(name: str) -> None:
    network = DISCRIMINATORS[name].build(Shapes(6, (1, 9, 10)))
    found = gradients(network, torch.randn(4, 1, 9, 10))
    assert all(g.isfinite().all() for g in found)
    assert any(g.any() for g in found)


@EVERY_PAIR
def test_bfloat16_autocast_is_near_float32(name: str) -> None:
    generator, discriminator = (n.build(Shapes(6, (1, 12, 10))) for n in PAIRS[name])
    z = torch.randn(4, 6)
    exact = generator(z, None)
    with torch.autocast("cpu", torch.bfloat16):
        fake = generator(z, None)
        logits = discriminator(fake, None)
    rounding = 2.0**-8  # of one number in bfloat16; of a sum over layers a few times as much
    assert 0.0 < (fake.float() - exact).norm() / exact.norm() < 8 * rounding
    grads = torch.autograd.grad(logits.float().sum(), list(generator.parameters()), materialize_grads=True)
    assert all(g.isfinite().all() for g in grads)
