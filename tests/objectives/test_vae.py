"""Autoencoders: the ELBO against closed forms, the VAE-GAN's step written out, reconstructions, what evaluation asks of a run."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, Normal, kl_divergence

import gansmith
from gansmith.core.errors import RecipeError, RunError
from gansmith.data import Digits
from gansmith.evaluation import objective_scores
from gansmith.networks import ConvEncoder, MLPDiscriminator, MLPEncoder
from gansmith.networks.base import Shapes
from gansmith.objectives import VaeGan, Variational
from gansmith.objectives.base import Batch, Turn
from gansmith.objectives.likelihoods import Bernoulli, Gaussian, Likelihood
from gansmith.recipes import make
from gansmith.recipes.base import Recipe
from gansmith.runs import networks as networks_module
from gansmith.runs.networks import encoder_of
from gansmith.sampling import reconstruction
from gansmith.sampling.posterior import Posterior
from support import Answer, assert_refused, components, name_of, slim, tiny, trainer

Cli = Callable[..., Answer]
NUMBERS = np.random.default_rng(0)


def numbers(*shape: int) -> Tensor:
    return torch.from_numpy(NUMBERS.standard_normal(shape))


def turn(z: Tensor) -> Turn:
    return Turn(0, len(z), 0.0, lambda count, _: z[:count])


# ---------------------------------------------------------------------------------------------------- the ELBO's parts


def test_the_divergence_is_that_of_two_normals() -> None:
    posterior = Posterior(2 * numbers(50, 7), numbers(50, 7))
    theirs = kl_divergence(Normal(posterior.mean, (0.5 * posterior.log_variance).exp()), Normal(0.0, 1.0)).sum(1)
    assert torch.allclose(posterior.kl_to_prior(), theirs, rtol=1e-10)
    assert (posterior.kl_to_prior() > 0).all()
    assert not Posterior(torch.zeros(3, 7), torch.zeros(3, 7)).kl_to_prior().any()


def test_z_is_drawn_from_the_posterior() -> None:
    posterior = Posterior(torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, math.log(9.0)]]))
    drawn = posterior.sample(numbers(100_000, 2))
    assert drawn.mean(0).tolist() == pytest.approx([1.0, -2.0], abs=0.05)
    assert drawn.std(0).tolist() == pytest.approx([1.0, 3.0], rel=0.02)


def test_likelihoods_are_those_of_pytorchs_distributions() -> None:
    x, made = torch.rand(9, 1, 3, 4).double(), torch.rand(9, 1, 3, 4).double()
    gaussian = Normal(made, 0.3).log_prob(x).flatten(1).sum(1)
    assert torch.allclose(Gaussian(0.3).log_prob(x, made), gaussian, rtol=1e-10)
    binary = (x > 0.5).double()
    coins = torch.distributions.Bernoulli(made).log_prob(binary).flatten(1).sum(1)
    assert torch.allclose(Bernoulli().log_prob(binary, made), coins, rtol=1e-6)


def test_binarised_pixels_are_black_or_white_as_often_as_they_are_grey() -> None:
    grey = torch.rand(1, 1, 5, 5)
    torch.manual_seed(0)
    drawn = Bernoulli().target(grey.expand(20_000, 1, 5, 5))
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert torch.allclose(drawn.mean(0), grey[0], atol=0.015)
    assert torch.equal(Bernoulli(binarised=False).target(grey), grey)


@pytest.mark.parametrize("likelihood", components(Likelihood), ids=name_of)
def test_a_likelihood_is_highest_where_the_mean_is_what_was_seen(likelihood: Any) -> None:
    x = (torch.rand(6, 1, 4, 4) > 0.5).double()
    near, far = 0.9 * x + 0.05, 0.5 * x + 0.25
    assert likelihood.log_prob(x, near).shape == (6,)
    assert (likelihood.log_prob(x, near) > likelihood.log_prob(x, far)).all()


class Linear(nn.Module):
    """x = W z + b, and q(z|x) = N(A (x - b), V) as an encoder answers it."""

    def __init__(self, matrix: Tensor, offset: Tensor, log_variance: Tensor | None = None) -> None:
        super().__init__()
        self.matrix, self.offset, self.log_variance = matrix, offset, log_variance

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        if self.log_variance is None:
            return x @ self.matrix.T + self.offset
        return torch.cat([(x - self.offset) @ self.matrix.T, self.log_variance.expand(len(x), -1)], 1)


def test_with_the_exact_posterior_of_a_linear_model_the_elbo_is_the_log_likelihood() -> None:
    """Probabilistic PCA: where W's columns are orthogonal q(z|x) is exactly normal with a diagonal variance."""
    sigma, orthogonal = 0.7, torch.linalg.qr(numbers(5, 2))[0]
    w, b = orthogonal * torch.tensor([1.5, 0.6]), numbers(5)
    variance = 1.0 / (1.0 + (w * w).sum(0) / sigma**2)
    encoder = Linear((variance / sigma**2)[:, None] * w.T, b, variance.log())
    x = numbers(4, 5)
    exact = MultivariateNormal(b, w @ w.T + sigma**2 * torch.eye(5).double()).log_prob(x)
    many = x.repeat_interleave(20_000, 0)
    objective = Variational(Gaussian(sigma))
    found = objective.measure(
        {"encoder": encoder, "generator": Linear(w, b)}, Batch(many, len(many)), turn(numbers(len(many), 2))
    )
    elbo = found["elbo"].view(4, -1)
    assert torch.allclose(elbo.mean(1), exact, atol=4 * float(elbo.std()) / math.sqrt(20_000))
    worse = Linear(encoder.matrix, b + 0.3, variance.log())  # any other posterior lies below
    found = objective.measure({"encoder": worse, "generator": Linear(w, b)}, Batch(many, len(many)), turn(numbers(len(many), 2)))
    assert (found["elbo"].view(4, -1).mean(1) < exact - 0.02).all()


def test_the_player_pays_minus_the_elbo_and_moves_both_networks() -> None:
    game = trainer(tiny("vae"))
    record = game.step()
    logged = record.floats()
    assert logged["autoencoder/loss"] == pytest.approx(-logged["autoencoder/ELBO"], rel=1e-6)
    assert logged["autoencoder/ELBO"] == pytest.approx(logged["autoencoder/log p(x|z)"] - logged["autoencoder/KL"], rel=1e-5)
    assert [p.trains for p in game.players] == [("encoder", "generator")]


def test_the_elbo_rises() -> None:
    game = trainer(tiny("vae", "hidden=64", "optimizers.autoencoder.lr=3e-3"))
    values = [game.step()["autoencoder/ELBO"] for _ in range(150)]
    assert np.mean(values[-10:]) > np.mean(values[:3]) + 8


def test_an_encoder_answers_with_means_and_variances_of_z() -> None:
    shapes = Shapes(7, (1, 12, 12))
    for network in (MLPEncoder((8,)), ConvEncoder((4, 8)), ConvEncoder((4,), hidden=9, batch_norm=None), MLPEncoder(())):
        assert network.build(shapes)(torch.randn(3, 1, 12, 12)).shape == (3, 14)


def weights(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_papers_networks_have_the_weights_of_their_tables() -> None:
    vae = make("vae")
    made = {name: weights(n.build(Shapes(20, (1, 28, 28)))) for name, n in vae.networks.items()}
    assert made == {"encoder": 785 * 500 + 501 * 40, "generator": 21 * 500 + 501 * 784}
    with torch.device("meta"):
        published = make("vae-gan", ["published=true"])
        assert published.noise.dim == 128
        networks = published.networks
        larsen = {name: weights(n.build(Shapes(128, (3, 64, 64)))) for name, n in networks.items()}
    fives = [25 * a * b for a, b in ((3, 64), (64, 128), (128, 256))]
    hidden = 8 * 8 * 256 * 2048 + 2 * 2048
    assert larsen["encoder"] == sum(fives) + 2 * (64 + 128 + 256) + hidden + 2049 * 256
    first = 128 * 8 * 8 * 256 + 2 * 8 * 8 * 256
    fives = [25 * a * b for a, b in ((256, 256), (256, 128), (128, 32))]
    assert larsen["generator"] == first + sum(fives) + 2 * (256 + 128 + 32) + 25 * 32 * 3 + 3
    fives = [25 * a * b for a, b in ((32, 128), (128, 256), (256, 256))]
    last = 8 * 8 * 256 * 512 + 2 * 512 + 513
    assert larsen["discriminator"] == 25 * 3 * 32 + 32 + sum(fives) + 2 * (128 + 256 + 256) + last


def test_the_published_vae_gan_compares_what_its_authors_compare() -> None:
    """andersbll/autoencoding_beyond_pixels, celeba_aegan.py: recon_depth 9, so D up to its fourth convolution; weight 1e-6."""
    recipe = make("vae-gan", ["published=true"])
    assert recipe.objective == VaeGan(gamma=1e-6, layer=8)
    discriminator = recipe.networks["discriminator"].build(Shapes(128, (3, 64, 64)))
    row = list(discriminator.children())
    assert sum(isinstance(layer, nn.Conv2d) for layer in row[:9]) == 4
    assert isinstance(row[8], nn.Conv2d)
    assert discriminator.reading(torch.zeros(2, 3, 64, 64), 8)[1].shape == (2, 8 * 8 * 256)
    assert make("vae-gan").objective == VaeGan()


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["noise=uniform(dim=20)"], "noise is Uniform: choose noise=normal"),
        (["value_range=[-1.0,1.0]"], "likelihood bernoulli takes pixels for probabilities, but value_range is"),
    ],
)
def test_a_recipe_that_does_not_suit_the_bound_is_refused(overrides: list[str], words: str) -> None:
    with pytest.raises(RecipeError) as error:
        make("vae", overrides, data="digits")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_points_are_drawn_from_a_normal_distribution_around_any_number() -> None:
    with pytest.raises(
        RecipeError,
        match=r"likelihood=bernoulli is for images, but the samples of ring have shape \[2\]: choose likelihood=gaussian",
    ):
        make("vae", data="ring")
    recipe = make("vae", ["likelihood=gaussian", "hidden=8"], data="ring")
    game = trainer(recipe)
    assert math.isfinite(game.step()["autoencoder/ELBO"])
    with torch.no_grad():
        made = game.networks["generator"](100 * torch.randn(50, recipe.noise.dim))
    assert made.min() < 0.0  # where the ring is, too
    with pytest.raises(RecipeError, match=r"the data hold numbers from -.*expected probabilities: choose likelihood=gaussian"):
        trainer(dataclasses.replace(recipe, objective=Variational(Bernoulli()))).step()


@pytest.mark.parametrize(
    ("recipe", "override", "words"),
    [
        ("vae", "networks.generator.end=tanh", "expected probabilities: give it end=sigmoid"),
        ("vae", "networks.encoder=mlp-discriminator(widths=[8])", "expected [40], the means and log variances of z"),
        ("vae-gan", "objective.layer=40", "got 40"),
        ("vae-gan", "networks.discriminator=packed(network=mlp-discriminator(widths=[8]))", "must be a Stack of layers"),
    ],
)
def test_networks_that_do_not_suit_are_refused_in_a_line(recipe: str, override: str, words: str) -> None:
    with pytest.raises(RecipeError) as error:
        trainer(make(recipe, [override], data="digits")).step()
    assert words in str(error.value)


# ---------------------------------------------------------------------------------------------------- VAE-GAN


def double(game: Any) -> Any:
    for network in game.networks.values():
        network.double()
    game.optimizer_states = {p.name: game.recipe.optimizers[p.name].init(game.trained_weights[p.name]) for p in game.players}
    return game


def test_a_step_of_the_vae_gan_is_algorithm_1_written_out() -> None:
    """Gradients of the three players by plain PyTorch, each from passes of its own."""
    gamma, sigma = 0.3, 2.0
    recipe = tiny("vae-gan", f"objective.gamma={gamma}", f"objective.sigma={sigma}", "precision=float32")
    networks = {**recipe.networks, "discriminator": MLPDiscriminator((12, 9))}
    rates = {
        name: f"optimizers.{name}=sgd(lr={rate})"
        for name, rate in (("discriminator", 0.1), ("encoder", 0.01), ("generator", 0.02))
    }
    recipe = dataclasses.replace(
        tiny("vae-gan", *rates.values()), networks=networks, objective=recipe.objective, precision="float32"
    )
    game, plain = double(trainer(recipe)), double(trainer(recipe))
    e, g, d = (plain.networks[name] for name in ("encoder", "generator", "discriminator"))
    x, prior, epsilon = numbers(6, 1, 8, 8), numbers(6, 32), numbers(6, 32)

    def passes() -> tuple[Tensor, Tensor, Tensor, Tensor]:
        mean, log_variance = e(x).chunk(2, 1)
        return mean, log_variance, g(mean + (0.5 * log_variance).exp() * epsilon), g(prior)

    def features(samples: Tensor) -> Tensor:
        return d[:-1](samples)

    def error(again: Tensor) -> Tensor:
        return 0.5 * ((features(x).detach() - features(again)) / sigma).square().sum(1)

    def move(network: nn.Module, cost: Tensor, rate: float) -> None:
        for w, gradient in zip(network.parameters(), torch.autograd.grad(cost.mean(), list(network.parameters())), strict=True):
            w.data.sub_(rate * gradient)

    def log_d(samples: Tensor) -> Tensor:
        return d(samples)[:, 0].sigmoid().log()

    def log_not_d(samples: Tensor) -> Tensor:
        return (1 - d(samples)[:, 0].sigmoid()).log()

    _, _, again, fake = passes()
    move(d, -(log_d(x) + log_not_d(again.detach()) + log_not_d(fake.detach())), 0.1)
    before = [w.clone() for w in e.parameters()]
    mean, log_variance, again, fake = passes()
    kl = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(1)
    of_g = torch.autograd.grad((gamma * error(again) - log_d(again) - log_d(fake)).mean(), list(g.parameters()))
    mean, log_variance, again, _ = passes()
    kl = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(1)
    move(e, kl + error(again), 0.01)
    for w, gradient in zip(g.parameters(), of_g, strict=True):
        w.data.sub_(0.02 * gradient)
    assert any(not torch.equal(a, b) for a, b in zip(before, e.parameters(), strict=True))

    batch, kept = Batch(x, 6), turn(prior)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "randn_like", lambda _: epsilon)
        for who, player in enumerate(game.players):
            game.backend.turn(player, who, batch, kept)[1]()
    for name in recipe.networks:
        for mine, theirs in zip(game.networks[name].parameters(), plain.networks[name].parameters(), strict=True):
            assert torch.allclose(mine, theirs, rtol=1e-6, atol=1e-9), name


def test_the_three_players_share_their_passes() -> None:
    game = trainer(tiny("vae-gan"))
    seen: list[str] = []
    for which in ("encoder", "generator"):
        game.networks[which].register_forward_hook(lambda *_, which=which: seen.append(which))
    game.step()
    assert sorted(seen) == ["encoder", "generator", "generator"]
    assert [p.name for p in game.players] == ["discriminator", "encoder", "generator"]


def test_what_the_last_layer_sees_is_read_by_default() -> None:
    network = MLPDiscriminator((5, 3)).build(Shapes(1, (1, 2, 2)))
    x = torch.randn(4, 1, 2, 2)
    answer, read = network.reading(x, VaeGan().layer)
    assert torch.equal(answer, network(x))
    assert torch.equal(answer, network[-1](read))
    first = network[1](x.flatten(1))
    assert torch.equal(network.reading(x, 1)[1], first)  # the activation after it works in place


# ---------------------------------------------------------------------------------------------------- reconstructions


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    for name in ("vae", "vae-gan", "tutorial-small"):
        gansmith.train(slim(tiny(name, budget="600images")), folder / name, device="cpu")
    return {name: folder / name for name in ("vae", "vae-gan", "tutorial-small")}


@pytest.mark.parametrize("name", ["vae", "vae-gan"])
def test_a_reconstruction_is_the_decoded_mean_of_what_was_encoded(name: str, runs: dict[str, Path]) -> None:
    run = gansmith.load(runs[name])
    found = reconstruction.reconstruct(run.sampler, encoder_of(run), run.recipe.data, count=11)
    test = Digits().load("test").values[:11]
    assert np.array_equal(found.real, test.transpose(0, 2, 3, 1))
    networks = networks_module.networks_of(run)
    low, high = run.recipe.value_range
    with torch.no_grad():
        mean = networks["encoder"](torch.from_numpy(test).float() / 255 * (high - low) + low).chunk(2, 1)[0]
        made = run.module(mean).permute(0, 2, 3, 1)
    again = (((made - low) / (high - low)) * 255).round().clamp(0, 255)
    assert np.abs(found.reconstructed.astype(float) - again.numpy()).max() <= 1
    assert found.error == pytest.approx(float(np.sqrt(((found.real / 255.0 - found.reconstructed / 255.0) ** 2).mean())))


def test_the_command_draws_reals_above_what_was_made_of_them(runs: dict[str, Path], here: Path, cli: Cli) -> None:
    answer = cli("explore", "reconstruct", runs["vae"], "--out", "new/x.png", "--count", "11")
    assert answer.code == 0, answer.err
    assert "11 real images above their reconstructions in new/x.png" in answer.out
    with Image.open("new/x.png") as picture:
        sheet = np.asarray(picture)[::4, ::4]
    run = gansmith.load(runs["vae"])
    found = reconstruction.reconstruct(run.sampler, encoder_of(run), run.recipe.data, count=11)
    cells = [[sheet[2 + 10 * row : 10 + 10 * row, 2 + 10 * column : 10 + 10 * column] for column in range(8)] for row in range(4)]
    for i in range(11):
        row, column = 2 * (i // 8), i % 8
        assert np.array_equal(cells[row][column], found.real[i, :, :, 0])
        assert np.array_equal(cells[row + 1][column], found.reconstructed[i, :, :, 0])
    assert all((cells[row][column] == 255).all() for row in (2, 3) for column in range(3, 8))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("tutorial-small", "--out", "x.png"), ("no network 'encoder'", "train vae or vae-gan")),
        (("vae", "--out", "x.gif"), ("'.gif'", "use x.png")),
        (("vae", "--out", "x.png", "--count", "5001"), ("at most 5,000",)),
        (("vae", "--out", "x.png", "--data", "ring"), ("[1, 8, 8]", "[2]", "--data")),
        (("vae", "--out", "x.png", "--data", "no-such"), ("no-such",)),
        (("vae", "--out", "x.png", "--checkpoint", "7"), ("'7'",)),
    ],
)
def test_what_cannot_be_reconstructed_is_refused_in_a_line(
    arguments: tuple[str, ...], words: tuple[str, ...], runs: dict[str, Path], here: Path, cli: Cli
) -> None:
    assert_refused(cli("explore", "reconstruct", runs[arguments[0]], *arguments[1:]), *words)
    assert not list(here.iterdir())


# ---------------------------------------------------------------------------------------------------- what evaluation asks


def test_an_evaluation_holds_the_elbo_of_held_out_images(runs: dict[str, Path]) -> None:
    run = gansmith.load(runs["vae"])
    test = Digits().load("test")
    found = objective_scores.scores(run, test)
    assert list(found) == ["elbo", "log_likelihood", "kl"]
    elbo = found["elbo"]
    assert elbo.value == pytest.approx(found["log_likelihood"].value - found["kl"].value, rel=1e-6)
    assert elbo.low is not None
    assert elbo.high is not None
    assert elbo.low < elbo.value < elbo.high
    assert elbo.name == f"elbo[variational(likelihood=bernoulli(binarised=True))]@{len(test)}"
    torch.manual_seed(5)
    assert objective_scores.scores(run, test)["elbo"].value == elbo.value  # the same draws each time
    networks = networks_module.networks_of(run)
    real = torch.from_numpy(test.values).float() / 255
    again = [
        Variational().measure(networks, Batch(real, len(real)), turn(numbers(len(real), 20).float()))["elbo"] for _ in range(5)
    ]
    assert elbo.value == pytest.approx(float(torch.cat(again).mean()), abs=0.6)


def test_a_gan_has_nothing_to_say_there_nor_has_anyone_without_held_out_images(runs: dict[str, Path]) -> None:
    test = Digits().load("test")
    assert objective_scores.scores(gansmith.load(runs["tutorial-small"]), test) == {}
    assert objective_scores.scores(gansmith.load(runs["vae-gan"]), test) == {}
    assert objective_scores.scores(gansmith.load(runs["vae"]), None) == {}


def test_evaluate_shows_it_and_it_survives_json(runs: dict[str, Path], tmp_path: Path) -> None:
    found = gansmith.evaluate(runs["vae"], count=100, draws=2)
    assert found.scores["elbo"].title == "ELBO"
    assert next(iter(found.scores)) == "fd"
    again = type(found).load(found.save(tmp_path / "x.json"))
    assert again.scores == found.scores


def test_networks_of_a_run_without_a_checkpoint_are_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    recipe: Recipe = gansmith.load(runs["vae"]).recipe
    run = gansmith.Run(tmp_path, recipe, gansmith.load(runs["vae"]).metadata)
    with pytest.raises(RunError, match="no checkpoint yet"):
        networks_module.networks_of(run)
