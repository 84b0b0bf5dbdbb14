"""DCGAN and the losses as named runs: networks counted from the papers' tables, the papers' settings, sizes that fit the data."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from gansmith.core.errors import RecipeError
from gansmith.data import FashionMnist
from gansmith.networks import BatchNorm, ConvDiscriminator, ConvGenerator, MLPGenerator, ResidualDiscriminator, ResidualGenerator
from gansmith.networks.base import Shapes
from gansmith.objectives import Adversarial
from gansmith.objectives.augmentation import Augment
from gansmith.objectives.losses import Hinge, LeastSquares, NonSaturating, Relativistic, Wasserstein
from gansmith.objectives.penalties import R1, R2, GradientPenalty
from gansmith.optim.optimizers import Adam, Clipped, RmsProp
from gansmith.recipes import make
from gansmith.recipes.base import Recipe
from gansmith.sampling.noise import Normal, Uniform
from support import tiny, trainer

LOSSES = ("wgan", "wgan-gp", "lsgan", "hinge", "r3gan")
DIGITS = Shapes(64, (1, 8, 8))
COLOUR = ("data.size=64", "data.channels=3")


def weights(recipe: Recipe, sample: tuple[int, ...]) -> dict[str, int]:
    """How many each network has; nothing is drawn."""
    with torch.device("meta"):
        made = {name: n.build(Shapes(recipe.noise.dim, sample)) for name, n in recipe.networks.items()}
    return {name: sum(p.numel() for p in n.parameters()) for name, n in made.items()}


def convolutions(*widths: int, kernel: int = 4) -> int:
    return sum(a * b * kernel**2 for a, b in pairwise(widths))


# ---------------------------------------------------------------------------------------------------- DCGAN


def test_the_published_dcgan_has_the_weights_of_its_table() -> None:
    """100 -> 512 -> 256 -> 128 -> 64 -> 3 by 4x4 convolutions without biases, D the same way back, two a normed channel."""
    recipe = make("dcgan", ["published=true", *COLOUR])
    counted = weights(recipe, (3, 64, 64))
    assert counted["generator"] == convolutions(100, 512, 256, 128, 64, 3) + 2 * (512 + 256 + 128 + 64) == 3_576_704
    assert counted["discriminator"] == convolutions(3, 64, 128, 256, 512, 1) + 2 * (128 + 256 + 512) == 2_765_568


def test_the_published_dcgan_computes_what_the_usual_code_computes() -> None:
    """The same weights in the layers as everybody writes them down."""
    recipe = make("dcgan", ["published=true", "width=4", *COLOUR])
    g, d = (recipe.networks[name].build(Shapes(100, (3, 64, 64))) for name in ("generator", "discriminator"))
    usual: list[nn.Module] = [nn.ConvTranspose2d(100, 32, 4, 1, 0, bias=False)]
    for inputs, outputs in ((32, 16), (16, 8), (8, 4), (4, 3)):
        usual += [nn.BatchNorm2d(inputs), nn.ReLU(), nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)]
    mine = [m for m in g.modules() if isinstance(m, (nn.Linear, nn.BatchNorm2d, nn.ConvTranspose2d))]
    theirs = [m for m in usual if not isinstance(m, nn.ReLU)]
    with torch.no_grad():
        for one, other in zip(mine, theirs, strict=True):
            value = one.weight
            if isinstance(one, nn.Linear):  # z as a map of one pixel; ours makes channels beside each other
                value = one.weight.view(4, 4, 32, 100).permute(3, 2, 0, 1)
            other.weight.copy_(value)
        z = torch.randn(3, 100)
        assert torch.allclose(g(z), nn.Sequential(*usual, nn.Tanh())(z[:, :, None, None]), atol=1e-5)
        convs = [m for m in d.modules() if isinstance(m, (nn.Conv2d, nn.Linear, nn.BatchNorm2d))]
        row: list[nn.Module] = [nn.Conv2d(3, 4, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
        for inputs, outputs in ((4, 8), (8, 16), (16, 32)):
            row += [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2)]
        row.append(nn.Conv2d(32, 1, 4, 1, 0, bias=False))
        for one, other in zip(convs, [m for m in row if not isinstance(m, nn.LeakyReLU)], strict=True):
            other.weight.copy_(one.weight.view(1, 4, 4, 32).permute(0, 3, 1, 2) if isinstance(one, nn.Linear) else one.weight)
        x = torch.randn(3, 3, 64, 64)
        assert torch.allclose(d(x), nn.Sequential(*row)(x).flatten(1), atol=1e-5)


def test_the_published_dcgan_starts_and_learns_as_the_usual_code() -> None:
    recipe = make("dcgan", ["published=true", *COLOUR])
    assert recipe.noise == Normal(100)
    assert recipe.batch_size == 128
    assert set(recipe.optimizers.values()) == {Adam(2e-4, (0.5, 0.999))}
    assert recipe.objective == Adversarial(loss=NonSaturating())
    assert recipe.ema is None
    assert recipe.value_range == (-1.0, 1.0)
    torch.manual_seed(0)
    for network in recipe.networks.values():
        for layer in network.build(Shapes(100, (3, 64, 64))).modules():
            if isinstance(layer, nn.BatchNorm2d):
                assert layer.weight.mean().item() == pytest.approx(1.0, abs=0.02)
                assert layer.weight.std().item() == pytest.approx(0.02, rel=0.35)
                assert not layer.bias.any()
            elif isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                assert layer.bias is None
                assert layer.weight.std().item() == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize(
    ("side", "widths"),
    [
        (8, (32,)),
        (16, (64, 32)),
        (28, (128, 64, 32)),
        (32, (128, 64, 32)),
        (64, (256, 128, 64, 32)),
        (100, (512, 256, 128, 64, 32)),
    ],
)
def test_dcgan_doubles_a_map_of_about_four_pixels_until_it_fits(side: int, widths: tuple[int, ...], tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", images=np.zeros((2, side, side), np.uint8))
    recipe = make("dcgan", data=str(tmp_path / "data.npz"))
    generator, discriminator = recipe.networks["generator"], recipe.networks["discriminator"]
    assert isinstance(generator, ConvGenerator)
    assert isinstance(discriminator, ConvDiscriminator)
    assert generator.widths == discriminator.widths[::-1] == widths
    first = next(m for m in generator.build(Shapes(3, (1, side, side))) if isinstance(m, nn.Linear))
    assert first.out_features in (widths[0] * 16, widths[0] * 9)
    made = make("dcgan", ["width=6"], data=str(tmp_path / "data.npz")).networks["generator"]
    assert made == dataclasses.replace(generator, widths=tuple(6 * w // 32 for w in widths))


@pytest.mark.parametrize("name", ["dcgan", "vae-gan", *LOSSES])
def test_points_are_refused_in_one_line(name: str) -> None:
    with pytest.raises(
        RecipeError, match=rf"^recipe {name} makes images, but the samples of ring have shape \[2\]: choose images"
    ):
        make(name, data="ring")


# ---------------------------------------------------------------------------------------------------- batch norm


def test_batch_norm_of_a_discriminator_is_from_the_layer_it_says_and_takes_the_biases_place() -> None:
    network = ConvDiscriminator((4, 6, 8), batch_norm=BatchNorm(eps=0.5, momentum=0.2, first=1)).build(Shapes(1, (1, 16, 16)))
    row = list(network)
    norms = [i for i, m in enumerate(row) if isinstance(m, nn.BatchNorm2d)]
    assert [(row[i].num_features, row[i].eps, row[i].momentum) for i in norms] == [(6, 0.5, 0.2), (8, 0.5, 0.2)]
    assert [m.bias is None for m in row if isinstance(m, nn.Conv2d)] == [False, True, True]
    assert isinstance(row[-1], nn.Linear)
    assert row[-1].bias is not None


def test_batch_norms_factors_start_where_it_says() -> None:
    torch.manual_seed(0)
    shapes = Shapes(3, (1, 16, 16))
    for norm, spread in ((BatchNorm(), 0.0), (BatchNorm(std=0.3), 0.3)):
        for network in (ConvGenerator((256, 16), batch_norm=norm), MLPGenerator((256,), batch_norm=norm)):
            layer = next(m for m in network.build(shapes).modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)))
            assert layer.weight.std().item() == pytest.approx(spread, rel=0.15)
            assert layer.weight.mean().item() == pytest.approx(1.0, abs=0.06)


# ---------------------------------------------------------------------------------------------------- the losses' own settings


SIDES = {"wgan": 64, "wgan-gp": 32, "lsgan": 112, "hinge": 32, "r3gan": 32}


def published(name: str) -> Recipe:
    side = SIDES[name]
    return make(name, ["published=true", f"data.size={side}", "data.channels=3"])


# Batches of G and budgets are those of the authors' programs: martinarjovsky/WassersteinGAN (niter),
# igul222/improved_wgan_training (GEN_BS_MULTIPLE, ITERS), xudonmao/LSGAN (batch_z, max_steps),
# pfnet-research/sngan_projection (n_gen_samples, iteration),
# brownvc/R3GAN (decay_nimg, aug_scheduler).
TABLE: dict[str, dict[str, Any]] = {
    "wgan": {
        "loss": Wasserstein(),
        "turns": 5,
        "rate": 5e-5,
        "z": Normal(100),
        "weights": (3_576_704, 2_765_568),
        "budget": "25epochs",
    },
    # Appendix F, 128 throughout. G: 128 -> 4x4x128; three blocks of two 3x3, a 1x1, two norms; norm; 3x3 to 3. D as in SNGAN's.
    "wgan-gp": {
        "loss": Wasserstein(),
        "penalties": (GradientPenalty(10.0),),
        "turns": 5,
        "fakes": 128,
        "rate": 2e-4,
        "z": Normal(128),
        "budget": f"{100_000 * 5 * 64}images",
        "weights": (129 * 2048 + 3 * (4 * 128 + 2 * (9 * 128 + 1) * 128 + 129 * 128) + 256 + 9 * 128 * 3 + 3, 1_053_825),
    },
    # Linear to 7x7x256; 3x3 to 256 four times, to 128, to 64 and to 3. D: 5x5 to 64, 128, 256, 512, linear. Two a normed channel.
    "lsgan": {
        "loss": LeastSquares(),
        "turns": 1,
        "rate": 1e-3,
        "z": Uniform(1024, -1.0, 1.0),
        "budget": f"{1_000_000 * 64}images",
        "weights": (
            1024 * 49 * 256 + 9 * (4 * 256**2 + 256 * 128 + 128 * 64 + 64 * 3) + 3 + 2 * (5 * 256 + 128 + 64),
            25 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 64 + 2 * (128 + 256 + 512) + 49 * 512 + 1,
        ),
    },
    "hinge": {
        "loss": Hinge(),
        "turns": 5,
        "fakes": 128,
        "rate": 2e-4,
        "z": Normal(128),
        "budget": f"{50_000 * 5 * 64}images",
        "weights": (4_276_739, 1_053_825),
    },
    # Eight blocks of width 768: 4 CC + 292 C each; see test_image_networks.
    "r3gan": {
        "loss": Relativistic(),
        "penalties": (R1(0.005), R2(0.005)),
        "turns": 1,
        "rate": 2e-4,
        "z": Normal(64),
        "budget": "20000000images",
        "weights": (
            768 * 16 + 64 * 768 + 8 * (4 * 768**2 + 292 * 768) + 768 * 3,
            3 * 768 + 8 * (4 * 768**2 + 292 * 768) + 768 * 16 + 768,
        ),
    },
}


@pytest.mark.parametrize("name", LOSSES)
def test_the_published_size_is_the_papers(name: str) -> None:
    recipe, row = published(name), TABLE[name]
    objective = recipe.objective
    assert isinstance(objective, Adversarial)
    assert objective.loss == row["loss"]
    assert objective.penalties == row.get("penalties", ())
    assert objective.discriminator_turns == row["turns"]
    assert {o.lr for o in recipe.optimizers.values()} == {row["rate"]}
    assert objective.generator_fakes == row.get("fakes")
    assert recipe.noise == row["z"]
    assert recipe.budget == row["budget"]
    side = SIDES[name]
    assert tuple(weights(recipe, (3, side, side)).values()) == row["weights"]


def test_what_else_the_papers_say() -> None:
    wgan, gp, hinge, r3 = (published(name) for name in ("wgan", "wgan-gp", "hinge", "r3gan"))
    assert wgan.optimizers == {"discriminator": Clipped(RmsProp(5e-5), 0.01), "generator": RmsProp(5e-5)}
    assert {wgan.batch_size, gp.batch_size, hinge.batch_size} == {64}
    assert r3.batch_size == 512
    for recipe in (gp, hinge, r3):
        for adam in recipe.optimizers.values():
            assert isinstance(adam, Adam)
            assert adam.betas == (0.0, 0.9)
    assert gp.networks["discriminator"] == ResidualDiscriminator((128,) * 4, pool="mean")
    assert hinge.networks["generator"] == ResidualGenerator((256,) * 4)
    adam, objective = r3.optimizers["generator"], r3.objective
    assert isinstance(adam, Adam)
    assert isinstance(objective, Adversarial)
    assert [adam.lr * adam.schedule.factor(p) for p in (0.0, 1.0)] == pytest.approx([2e-4, 5e-5])
    assert [adam.beta2(p) for p in (0.0, 1.0)] == pytest.approx([0.9, 0.99])
    assert [0.005 * objective.penalty_schedule.factor(p) for p in (0.0, 1.0)] == pytest.approx([0.05, 0.005])
    changed = objective.augmentation
    assert isinstance(changed, Augment)
    assert [changed.probability * changed.schedule.factor(p) for p in (0.0, 0.5, 1.0)] == pytest.approx([0.0, 0.275, 0.55])


def test_in_their_small_size_they_differ_in_the_loss_and_what_belongs_to_it_alone() -> None:
    recipes = {name: make(name) for name in LOSSES}
    for name, recipe in recipes.items():
        network = recipe.networks["discriminator"]
        assert isinstance(network, ConvDiscriminator)
        assert network.spectral_norm == (name == "hinge")
        assert (network.batch_norm is not None) == (not network.bias) == (name == "wgan")
        alike = dataclasses.replace(network, spectral_norm=False, batch_norm=None, bias=True)
        one = dataclasses.replace(
            recipe,
            name="one",
            objective=Adversarial(),
            networks={**recipe.networks, "discriminator": alike},
            optimizers=recipes["lsgan"].optimizers,
        )
        assert one == dataclasses.replace(recipes["lsgan"], name="one", objective=Adversarial())
    assert all(recipe.data == FashionMnist() for recipe in recipes.values())


def test_every_weight_of_a_wasserstein_gans_critic_stays_within_the_bound() -> None:
    game = trainer(tiny("wgan", "optimizers.discriminator.bound=0.005"))
    for _ in range(3):
        game.step()
    largest = [w.abs().max().item() for w in game.networks["discriminator"].parameters()]
    assert max(largest) == pytest.approx(0.005)
    assert max(w.abs().max().item() for w in game.networks["generator"].parameters()) > 0.02


def test_the_mean_of_places_is_their_sum_over_their_number() -> None:
    by_sum, by_mean = (ResidualDiscriminator((4,), halvings=0, pool=pool) for pool in ("sum", "mean"))
    torch.manual_seed(0)
    one = by_sum.build(Shapes(1, (1, 4, 4)))
    torch.manual_seed(0)
    other = by_mean.build(Shapes(1, (1, 4, 4)))
    x = torch.randn(3, 1, 4, 4)
    assert torch.allclose(one(x), 16 * other(x), rtol=1e-4, atol=1e-6)  # both start with no bias


def test_a_step_with_a_gradient_penalty_is_counted() -> None:
    """The penalty differentiates at D's own input, where a counter that tells modules apart fails."""
    from gansmith.training.dry_run import step_cost

    plain = step_cost(make("wgan-gp", ["objective.penalties=[]"], data="digits"), DIGITS)
    penalised = step_cost(make("wgan-gp", data="digits"), DIGITS)
    assert plain["images"] == penalised["images"] == 5 * 64
    assert penalised["flops"] > 1.2 * plain["flops"]


def test_a_large_step_is_counted_in_small_parts_with_as_many_fakes() -> None:
    """Of networks too large to try a whole batch; a step of two images had the fakes of all of it in G's turn."""
    from gansmith.training.dry_run import large_step_cost, step_cost

    recipe = make("wgan", ["batch_size=8", "objective.generator_fakes=16"], data="digits")
    assert large_step_cost(recipe, DIGITS) == step_cost(recipe, DIGITS)
