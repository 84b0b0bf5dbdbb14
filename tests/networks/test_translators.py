"""Networks from image to image: published counts, any size, what a pixel depends on, patches, and errors."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from gansmith.core.errors import RecipeError
from gansmith.networks import (
    CompactGenerator,
    ConvGenerator,
    JoinedDiscriminator,
    MsrResnetGenerator,
    PatchDiscriminator,
    ResnetGenerator,
    RrdbGenerator,
    SrganDiscriminator,
    SrResnetGenerator,
    UnconditionalDiscriminator,
    UnetDiscriminator,
    UnetGenerator,
)
from gansmith.networks.base import Network, Shapes
from gansmith.networks.build import build, check_shapes
from gansmith.networks.conditional import build_network
from gansmith.networks.mlp import Dropout
from gansmith.networks.summary import describe_network
from gansmith.networks.translation import Translator, norms, padded
from support import TRANSLATORS, components, name_of, shapes_for, small

GENERATORS: list[Any] = [small(network) for network in components(Network) if type(network).__name__ in TRANSLATORS]
KEEPING: list[Any] = [network for network in GENERATORS if TRANSLATORS[type(network).__name__] == 1]
ENLARGING: list[Any] = [network for network in GENERATORS if network not in KEEPING]
EVERY = pytest.mark.parametrize("network", GENERATORS, ids=name_of)
VARIANTS: list[Any] = [
    *ENLARGING,
    *(dataclasses.replace(network, norm=norm) for network in KEEPING for norm in ("instance", "batch", "none")),
    *(dataclasses.replace(network, upsampling="resize", dropout=0.5) for network in KEEPING),
    UnetGenerator(8, downs=2),
]
EVERY_VARIANT = pytest.mark.parametrize("network", VARIANTS, ids=str)


def pairs(size: int, channels: int = 3, factor: int = 1) -> Shapes:
    return Shapes(0, (3, factor * size, factor * size), source=(channels, size, size))


def layers(network: nn.Module, *categories: type[nn.Module]) -> list[Any]:
    return [m for m in network.modules() if isinstance(m, categories)]


# ---------------------------------------------------------------------------------------------------- published sizes

# (network, shapes, weights): counted from the modules of the published programs
PUBLISHED: list[tuple[Network, Shapes, int]] = [
    (UnetGenerator(norm="batch"), pairs(256), 54_413_955),  # junyanz/pytorch-CycleGAN-and-pix2pix, issue 422: 54.414 M
    (UnetGenerator(norm="batch"), pairs(128), 41_828_995),
    (UnetGenerator(norm="batch"), pairs(64), 29_244_035),
    (PatchDiscriminator(norm="batch"), Shapes(0, (6, 256, 256)), 2_768_705),  # same: 2.769 M
    (PatchDiscriminator(), Shapes(0, (3, 256, 256)), 2_764_737),
    (ResnetGenerator(), pairs(256), 11_378_179),
    (ResnetGenerator(blocks=6), pairs(128), 7_837_699),
    (SrResnetGenerator(), pairs(24, factor=4), 1_549_462),
    (MsrResnetGenerator(), pairs(24, factor=4), 1_517_571),
    (SrganDiscriminator(), Shapes(0, (3, 96, 96)), 23_565_505),
    (SrganDiscriminator(), Shapes(0, (3, 64, 64)), 13_079_745),
    (RrdbGenerator(), pairs(32, factor=4), 16_697_987),
    (RrdbGenerator(blocks=6), pairs(32, factor=4), 4_467_779),
    (CompactGenerator(), pairs(32, factor=4), 621_424),
    (CompactGenerator(layers=32), pairs(32, factor=4), 1_213_296),
    (UnetDiscriminator(), Shapes(0, (3, 128, 128)), 4_376_897),
]


@pytest.mark.parametrize(("network", "shapes", "count"), PUBLISHED, ids=[f"{name_of(n)}-{c}" for n, _, c in PUBLISHED])
def test_the_published_network_has_as_many_weights(network: Network, shapes: Shapes, count: int) -> None:
    with torch.device("meta"):
        made = network.build(shapes)
    assert sum(p.numel() for p in made.parameters()) == count


def test_a_unet_with_instance_norm_has_biases_instead_of_batch_norms() -> None:
    with torch.device("meta"):
        batch, instance = (UnetGenerator(norm=norm).build(pairs(256)) for norm in ("batch", "instance"))
    widths = [64, 128, 256, 512, 512, 512, 512, 512]
    down, up = sum(widths), sum(widths[:-1])  # of each convolution, but the last, which has its bias anyway
    scales = 2 * (sum(widths[1:-1]) + up)  # a scale and a shift; none at the first map and at the innermost one
    assert sum(p.numel() for p in instance.parameters()) == 54_413_955 - scales + down + up
    assert len(layers(batch, nn.BatchNorm2d)) == len(layers(instance, nn.GroupNorm)) == 6 + 7


@pytest.mark.parametrize(("side", "dropped"), [(256, 3), (128, 3), (64, 2), (16, 0)])
def test_dropout_is_in_the_three_innermost_blocks_of_full_width(side: int, dropped: int) -> None:
    with torch.device("meta"):
        made = UnetGenerator(dropout=0.5).build(pairs(side))
    found = [i for i, up in enumerate(made.ups) if layers(up, Dropout)]  # type: ignore[union-attr, arg-type]
    assert found == list(range(dropped))
    assert not layers(UnetGenerator(8).build(pairs(64)), Dropout)


def test_weights_start_small_or_as_published() -> None:
    for network in (UnetGenerator(), ResnetGenerator(blocks=1)):
        for layer in layers(network.build(pairs(32)), nn.Conv2d, nn.ConvTranspose2d):
            assert layer.bias is None or not layer.bias.any()
            if layer.weight.numel() > 10_000:
                assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
    for layer in layers(MsrResnetGenerator(blocks=1).build(pairs(8, factor=2)), nn.Conv2d):
        if layer.weight.numel() > 10_000:
            assert layer.weight.std().item() == pytest.approx(0.1 * (2 / layer.weight[0].numel()) ** 0.5, rel=0.05)


# ---------------------------------------------------------------------------------------------------- any size, any channels


@EVERY_VARIANT
@pytest.mark.parametrize("source", [(1, 45, 30), (3, 16, 16), (2, 1, 2), (4, 3, 17)], ids=str)
def test_any_size_is_kept_or_enlarged_exactly(network: Any, source: tuple[int, ...]) -> None:
    """Also with other channels than the source's, with noise, in training, and in a batch of 1."""
    factor = TRANSLATORS[type(network).__name__]
    shapes = Shapes(2, (3, *(factor * side for side in source[1:])), source=source)
    made = build_network(network, "generator", shapes)
    check_shapes({"generator": made}, shapes)
    for training in (True, False):
        made.train(training)
        with torch.no_grad():
            fake = made(torch.randn(1, 2), torch.randn(1, *source))
        assert fake.shape == (1, *shapes.sample)
        assert fake.isfinite().all()


@EVERY_VARIANT
def test_a_network_takes_another_size_than_it_was_built_for(network: Any) -> None:
    factor = TRANSLATORS[type(network).__name__]
    made = network.build(shapes_for(network, 0, (3, 16, 16))).eval()
    for side in ((33, 20), (7, 5)):
        assert made(torch.empty(2, 0), torch.randn(2, 3, *side)).shape == (2, 3, *(factor * n for n in side))


@pytest.mark.parametrize("network", ENLARGING, ids=name_of)
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_the_factor_follows_from_the_shapes(network: Any, factor: int) -> None:
    made = network.build(Shapes(0, (1, 5 * factor, 3 * factor), source=(1, 5, 3)))
    assert made(torch.empty(2, 0), torch.randn(2, 1, 5, 3)).shape == (2, 1, 5 * factor, 3 * factor)


def test_padding_mirrors_the_image_as_often_as_need_be() -> None:
    row = torch.tensor([0.0, 1.0, 2.0]).view(1, 1, 1, 3)
    assert padded(row, 8)[0, 0].tolist() == [[0, 1, 2, 1, 0, 1, 2, 1]] * 8
    assert padded(row.mT, 4)[0, 0].tolist() == [[v] * 4 for v in (0, 1, 2, 1)]
    assert padded(torch.ones(1, 1, 1, 1), 4, least=8).shape == (1, 1, 8, 8)
    image = torch.randn(1, 1, 8, 12)
    assert padded(image, 4) is image


def test_instance_norm_is_pytorchs() -> None:
    (norm,), x = norms("instance", 5), torch.randn(3, 5, 4, 6)
    assert torch.allclose(norm(x), F.instance_norm(x), atol=1e-5)
    assert norms("none", 5) == []


# ---------------------------------------------------------------------------------------------------- what a sample depends on


@EVERY_VARIANT
def test_gradients_reach_every_weight_and_the_source(network: Any) -> None:
    made = network.build(dataclasses.replace(shapes_for(network, 2, (3, 16, 16))))
    z, source = torch.randn(2, 2, requires_grad=True), torch.randn(2, 3, 16, 16, requires_grad=True)
    # Not the plain sum: instance norm keeps that of its input's constants from the result.
    fake = made(z, source)
    (fake * torch.randn_like(fake)).sum().backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name
        # Instance or batch norm takes away what a bias before it adds.
        assert parameter.grad.any() or name.endswith("bias"), name
    assert source.grad is not None
    assert source.grad.flatten(2).any(2).all()


@EVERY_VARIANT
def test_source_and_noise_change_the_sample(network: Any) -> None:
    torch.manual_seed(0)
    made = network.build(shapes_for(network, 2, (3, 16, 16))).eval()
    for layer in layers(made, nn.Conv2d, nn.ConvTranspose2d):  # published starts are too small to see much through
        nn.init.kaiming_normal_(layer.weight)
    z, source = torch.randn(2, 2), torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        fake = made(z, source)
        assert (made(z, source + torch.randn_like(source)) - fake).abs().mean() > 0.01
        assert (made(z + 1.0, source) - fake).abs().mean() > 0.01  # also with instance norm, which removes constants
        assert torch.equal(made(z, source), fake)


BOUNDED: list[Any] = [
    SrResnetGenerator(4, blocks=1),
    MsrResnetGenerator(4, blocks=1),
    RrdbGenerator(4, blocks=1, growth=4),
    RrdbGenerator(4, growth=4, blocks=0),
    CompactGenerator(4, layers=2),
    ResnetGenerator(4, blocks=1, norm="batch"),
    ResnetGenerator(4, blocks=0, norm="none", upsampling="resize"),
    UnetGenerator(4, downs=1, norm="batch"),
    UnetGenerator(4, downs=2, norm="none"),
    UnetGenerator(4, downs=2, norm="none", upsampling="resize"),
]


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("network", BOUNDED, ids=str)
def test_a_pixel_depends_on_its_receptive_field_alone(network: Any, factor: int) -> None:
    """The gradient reaches just as far as the network says: nothing is cut off by a dead unit, as all weights are above 0."""
    factor = factor if TRANSLATORS[type(network).__name__] > 1 else 1
    side = 96
    made = network.build(Shapes(0, (1, factor * side, factor * 8), source=(1, side, 8))).double().eval()
    assert isinstance(made, Translator)
    assert made.receptive_field is not None
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.abs_().add_(1e-3)
            if parameter.ndim > 1:  # sums to 1 at most, so that nothing saturates
                parameter.div_(parameter.flatten(1).sum(1).max())
    source = torch.rand(1, 1, side, 8, dtype=torch.double, requires_grad=True)
    fake = made(torch.empty(1, 0, dtype=torch.double), source)
    middle, reached = factor * side // 2, 0
    for pixel in range(middle, middle + factor * made.stride):
        (gradient,) = torch.autograd.grad(fake[0, 0, pixel, 4 * factor], source, retain_graph=True)
        seen = gradient[0, 0].any(1).nonzero().flatten()
        reached = max(reached, pixel // factor - int(seen[0]), int(seen[-1]) - pixel // factor)
    assert 2 * reached + 1 == made.receptive_field < side


def test_a_network_that_sees_the_whole_image_says_so() -> None:
    fields = [
        network.build(pairs(64)).receptive_field  # type: ignore[union-attr]
        for network in (
            UnetGenerator(8, norm="batch"),
            UnetGenerator(8, downs=2),
            ResnetGenerator(8, blocks=1),
            ResnetGenerator(8, norm="batch"),
        )
    ]
    assert fields == [None, None, None, 169]  # instance norm takes its statistics from the whole image


@pytest.mark.parametrize("network", [ResnetGenerator(4, blocks=1, norm="batch"), UnetGenerator(4, downs=2, norm="none")], ids=str)
def test_tiles_that_overlap_are_the_whole(network: Any) -> None:
    torch.manual_seed(0)
    made = network.build(pairs(64)).eval()
    source, z = torch.randn(1, 3, 128, 128), torch.empty(1, 0)
    margin = made.receptive_field // 2
    start = -(-margin // made.stride) * made.stride
    with torch.no_grad():
        whole = made(z, source)
        tile = made(z, source[:, :, 32 : 32 + 88, 32 : 32 + 88])
    inside = slice(start, 88 - start)
    assert torch.allclose(tile[:, :, inside, inside], whole[:, :, 32:120, 32:120][:, :, inside, inside], atol=1e-5)


# ---------------------------------------------------------------------------------------------------- ranges


@pytest.mark.parametrize("network", KEEPING, ids=name_of)
def test_the_end_gives_the_range(network: Any) -> None:
    source = torch.randn(2, 3, 16, 16)
    for end, low, high in (("tanh", -1.0, 1.0), ("sigmoid", 0.0, 1.0), ("linear", -100.0, 100.0)):
        torch.manual_seed(0)
        made = dataclasses.replace(network, end=end).build(pairs(16))
        fake = made(torch.empty(2, 0), source)
        assert low <= fake.min()
        assert fake.max() <= high


@pytest.mark.parametrize("network", ENLARGING, ids=name_of)
def test_clamp_clips_in_evaluation_alone(network: Any) -> None:
    source, z = 20.0 * torch.randn(2, 3, 8, 8), torch.empty(2, 0)
    made = []
    for end in ("linear", "clamp"):
        torch.manual_seed(0)
        made.append(dataclasses.replace(network, end=end).build(pairs(8, factor=2)))
    linear, clamp = made
    for one in made:  # so that the result is far from 0
        one.last.apply(lambda m: nn.init.normal_(m.weight) if isinstance(m, nn.Conv2d) else None)
        clamp.load_state_dict(linear.state_dict())
    with torch.no_grad():
        assert torch.equal(linear(z, source), clamp(z, source))
        free = linear.eval()(z, source)
        assert free.abs().max() > 1.0
        assert torch.equal(clamp.eval()(z, source), free.clamp(-1.0, 1.0))


@pytest.mark.parametrize(("network", "mode"), [(MsrResnetGenerator(4), "bilinear"), (CompactGenerator(4), "nearest")], ids=str)
def test_the_network_adds_to_the_enlarged_source(network: Any, mode: str) -> None:
    for channels in (3, 1):  # a grey source has no colours to add to
        made = network.build(pairs(8, channels, factor=4))
        for parameter in made.last.parameters():
            nn.init.zeros_(parameter)
        source = torch.randn(2, channels, 8, 8)
        expected = F.interpolate(source, scale_factor=4, mode=mode) if channels == 3 else torch.zeros(2, 3, 32, 32)
        assert torch.equal(made(torch.empty(2, 0), source), expected)


# ---------------------------------------------------------------------------------------------------- discriminators


@pytest.mark.parametrize(("side", "patches"), [(256, 30), (64, 6), (24, 1), (23, 3), (16, 2), (12, 1), (8, 2), (6, 1), (3, 1)])
def test_patches_are_counted(side: int, patches: int) -> None:
    made = PatchDiscriminator(4).build(Shapes(0, (3, side, side)))
    assert made(torch.randn(2, 3, side, side), None).shape == (2, patches**2)


@pytest.mark.parametrize(("count", "side"), [(3, 70), (2, 34), (1, 16), (0, 7)])
def test_a_logit_sees_its_patch_alone(count: int, side: int) -> None:
    made: Any = PatchDiscriminator(4, layers=count, norm="none").build(Shapes(0, (1, 120, 120))).double()
    assert made.patch_size == side
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.abs_().add_(1e-3)
    x = torch.rand(1, 1, 120, 120, dtype=torch.double, requires_grad=True)
    logits = made(x, None)
    rows = round(logits.shape[1] ** 0.5)
    (gradient,) = torch.autograd.grad(logits[0, rows // 2 * rows + rows // 2], x)
    for axis in (0, 1):
        seen = gradient[0, 0].any(axis).nonzero().flatten()
        assert len(seen) == int(seen[-1]) - int(seen[0]) + 1 == side


@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
def test_a_patch_discriminator_with_spectral_norm_has_singular_values_of_1(norm: Any) -> None:
    made = PatchDiscriminator(4, norm=norm, spectral_norm=True).build(Shapes(0, (3, 32, 32)))
    with torch.no_grad():
        for _ in range(100):
            made(torch.randn(2, 3, 32, 32), None)
        for layer in layers(made, nn.Conv2d):
            assert torch.linalg.svdvals(layer.weight.flatten(1))[0].item() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("side", [(32, 32), (45, 30), (3, 5)], ids=str)
def test_a_unet_discriminator_scores_every_pixel(side: tuple[int, int]) -> None:
    made = UnetDiscriminator(4).build(Shapes(0, (3, *side)))
    assert made(torch.randn(2, 3, *side), None).shape == (2, side[0] * side[1])
    normed = [layer for layer in layers(made, nn.Conv2d) if nn.utils.parametrize.is_parametrized(layer)]
    assert len(normed) == len(layers(made, nn.Conv2d)) - 2  # the first and the last are free
    assert not layers(
        UnetDiscriminator(4, spectral_norm=False).build(Shapes(0, (3, *side))), nn.utils.parametrize.ParametrizationList
    )


SCORING: list[Any] = [
    PatchDiscriminator(4),
    PatchDiscriminator(4, norm="batch", spectral_norm=True),
    SrganDiscriminator((4, 8), hidden=6),
    UnetDiscriminator(4),
]


@pytest.mark.parametrize("network", SCORING, ids=str)
@pytest.mark.parametrize("around", [JoinedDiscriminator, UnconditionalDiscriminator])
def test_a_discriminator_is_joined_to_the_source_or_not(network: Any, around: Any) -> None:
    shapes = Shapes(0, (3, 24, 16), source=(1, 24, 16))
    networks = build({"generator": UnetGenerator(4), "discriminator": around(network)}, 0, shapes)
    check_shapes(networks, shapes)
    check_shapes(networks, shapes, rows=1)
    x, source = torch.randn(2, 3, 24, 16), torch.randn(2, 1, 24, 16)
    made = networks["discriminator"].eval()
    same = torch.equal(made(x, source), made(x, source.roll(1, 0)))
    assert same == (around is UnconditionalDiscriminator)


@pytest.mark.parametrize("network", SCORING, ids=str)
def test_gradients_of_gradients_are_finite_and_move_weights(network: Any) -> None:
    """As R1 and gradient penalties need them, also through instance norm."""
    made = network.build(Shapes(0, (3, 16, 16)))
    x = torch.randn(3, 3, 16, 16, requires_grad=True)
    (slope,) = torch.autograd.grad(made(x, None).sum(), x, create_graph=True)
    found = torch.autograd.grad(slope.square().sum(), list(made.parameters()), materialize_grads=True)
    assert all(g.isfinite().all() for g in found)
    assert any(g.any() for g in found)


# ---------------------------------------------------------------------------------------------------- beside other parts


@EVERY
def test_bfloat16_autocast_is_near_float32(network: Any) -> None:
    torch.manual_seed(0)
    made = network.build(shapes_for(network, 0, (3, 16, 16))).eval()
    z, source = torch.empty(2, 0), torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        exact = made(z, source)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = made(z, source).float()
    assert 0.0 < (rounded - exact).norm() / exact.norm() < 0.1


@EVERY
def test_a_translator_can_be_described_layer_by_layer(network: Any) -> None:
    shapes = shapes_for(network, 2, (3, 16, 16))
    made = network.build(shapes)
    about = describe_network(made, (2,), shapes.source)
    assert sum(layer["weights"] for layer in about["layers"]) == about["weights"] == sum(p.numel() for p in made.parameters())


@EVERY
def test_a_translator_can_be_exported(network: Any) -> None:
    made = network.build(shapes_for(network, 2, (3, 16, 16))).eval()
    z, source = torch.randn(2, 2), torch.randn(2, 3, 16, 16)
    program = torch.export.export(made, (z, source))
    assert torch.allclose(program.module()(z, source), made(z, source), atol=1e-5)


# ---------------------------------------------------------------------------------------------------- errors


@EVERY
def test_a_translator_without_a_source_is_refused_by_name(network: Any) -> None:
    wanted = rf"{name_of(network)} starts from an image: choose condition=source-image and data that are pairs"
    for shapes in (Shapes(6, (3, 16, 16)), Shapes(6, (3, 16, 16), categories=4)):
        with pytest.raises(RecipeError, match=wanted):
            build_network(network, "generator", shapes)
    made = network.build(shapes_for(network, 2, (3, 16, 16)))
    with pytest.raises(RecipeError, match="was given no source image"):
        made(torch.randn(2, 2), None)


@pytest.mark.parametrize("network", KEEPING, ids=name_of)
def test_another_size_than_the_sources_is_refused(network: Any) -> None:
    with pytest.raises(
        RecipeError, match=rf"{name_of(network)} keeps.*samples of 16 x 16 pixels, got 64 x 64 pixels: choose sr-"
    ):
        network.build(Shapes(0, (3, 64, 64), source=(3, 16, 16)))


@pytest.mark.parametrize("network", ENLARGING, ids=name_of)
@pytest.mark.parametrize("sample", [(3, 16, 16), (3, 48, 48), (3, 64, 32), (3, 256, 256), (3, 63, 64)], ids=str)
def test_a_factor_that_is_no_2_4_or_8_is_refused(network: Any, sample: tuple[int, ...]) -> None:
    with pytest.raises(RecipeError, match=rf"{name_of(network)} makes images 2, 4 or 8 times larger.*source of 16 x 16 pixels"):
        network.build(Shapes(0, sample, source=(3, 16, 16)))


def test_images_without_a_patch_are_refused() -> None:
    with pytest.raises(RecipeError, match="patch-discriminator: expected images of 3 x 3 pixels or more, got 2 x 9"):
        PatchDiscriminator().build(Shapes(0, (1, 2, 9)))


def test_other_generators_point_to_a_translator() -> None:
    with pytest.raises(RecipeError, match="such as unet-generator"):
        build_network(ConvGenerator(), "generator", pairs(16))
