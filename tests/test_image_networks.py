"""Networks for images: weights counted by hand, blocks and resampling written out, any size, second derivatives."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gansmith.errors import RecipeError
from gansmith.game import Shapes
from gansmith.networks import R3GanDiscriminator, R3GanGenerator
from gansmith.networks.r3gan import R3GanBlock, WholeMap
from gansmith.networks.resampling import downsampling, halvings, upsampling

PAIRS = {"r3gan": (R3GanGenerator(), R3GanDiscriminator())}
EVERY_PAIR = pytest.mark.parametrize("name", PAIRS)
SIZES = [(1, 28, 28), (3, 32, 32), (3, 64, 64), (1, 30, 45), (2, 5, 7)]


def weights(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def layers(network: nn.Module, *kinds: type[nn.Module]) -> list[nn.Module]:
    return [m for m in network.modules() if isinstance(m, kinds)]


@EVERY_PAIR
@pytest.mark.parametrize("sample", SIZES, ids=str)
def test_a_pair_fits_any_size(name: str, sample: tuple[int, ...]) -> None:
    generator, discriminator = (n.build(Shapes(6, sample)) for n in PAIRS[name])
    with torch.no_grad():
        fake = generator(torch.randn(2, 6), None)
        assert fake.shape == (2, *sample)
        assert fake.isfinite().all()
        assert discriminator(fake, None).shape == (2, 1)


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
    for kind in (R3GanGenerator, R3GanDiscriminator):
        with pytest.raises(RecipeError, match=f"{kind.__name__}: blocks of width 12 have 24 channels.*multiples of 8, or"):
            kind(widths=(16, 12))
        assert kind(widths=(16, 12), group=8).widths == (16, 12)


# ---------------------------------------------------------------------------------------------------- derivatives


def gradients(network: nn.Module, x: Tensor) -> list[Tensor]:
    """Of the squared gradients of the logits with respect to the samples, by each weight: what R1 pays for."""
    x = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(network(x, None).sum(), x, create_graph=True)
    return list(torch.autograd.grad(slope.square().sum(), list(network.parameters()), materialize_grads=True))


@EVERY_PAIR
def test_gradients_of_gradients_are_finite_and_move_weights(name: str) -> None:
    network = PAIRS[name][1].build(Shapes(6, (1, 9, 10)))
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
    assert (fake.float() - exact).abs().max() < 0.1 * exact.abs().max()
    grads = torch.autograd.grad(logits.float().sum(), list(generator.parameters()), materialize_grads=True)
    assert all(g.isfinite().all() for g in grads)
