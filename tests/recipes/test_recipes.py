"""Recipes: an independent transcription of their sources' settings, and training steps against plain loops as they write them."""

from __future__ import annotations

import dataclasses
import inspect
import json
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gansmith.core import component as spec
from gansmith.core import rng
from gansmith.core.errors import RecipeError
from gansmith.core.overrides import override
from gansmith.core.rng import Place, Stream
from gansmith.data import FashionMnist, Mnist
from gansmith.objectives import Adversarial, Critic
from gansmith.objectives.losses import NonSaturating, Saturating
from gansmith.optim.optimizers import SGD, Adam
from gansmith.recipes import catalogue, find_recipe, make
from gansmith.recipes.base import Recipe
from gansmith.recipes.lengths import images_in
from gansmith.recipes.order import Shuffled, WithReplacement
from gansmith.sampling.noise import Normal, Uniform
from gansmith.training.trainer import Trainer
from support import RECIPES, data_for, in_double, trainer

EVERY = pytest.mark.parametrize("name", RECIPES)


# ---------------------------------------------------------------------------------------------------- every recipe


@EVERY
def test_a_recipe_survives_json(name: str) -> None:
    recipe = make(name)
    again = spec.from_json(json.loads(json.dumps(spec.to_json(recipe))))
    assert again == recipe
    assert list(again.networks) == list(recipe.networks)  # their order seeds their starts
    assert spec.to_json(again) == spec.to_json(recipe)


@EVERY
def test_a_recipe_is_made_without_loading_its_data(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object) -> None:
        raise AssertionError(f"making {name} loads its data")

    spec.load_all()
    for source in [cls for cls in spec.REGISTRY.values() if cls.__module__.startswith("gansmith.data") and hasattr(cls, "load")]:
        monkeypatch.setattr(source, "load", load)
    make(name)


@EVERY
def test_a_recipe_bears_its_name_and_explains_itself(name: str) -> None:
    assert make(name).name == name
    text = inspect.getdoc(find_recipe(name)) or ""
    assert catalogue()[name].about == text.splitlines()[0]
    assert catalogue()[name].about.endswith(".")
    assert len(catalogue()[name].about) < 120
    if name != "starter":
        assert "Source:" in text
        assert "go wrong" in text or "teaches" in text


@EVERY
def test_a_recipe_runs_on_other_images(name: str) -> None:
    game = trainer(make(name, data=data_for(name)))
    record = game.step()
    assert record.images == game.images > 0
    assert all(np.isfinite(v) for v in record.floats().values())


def sizes(name: str) -> Iterator[list[str]]:
    """The recipe as it stands, and each choice of size or method that its function offers."""
    yield []
    for key, kind in typing.get_type_hints(find_recipe(name)).items():
        if kind is bool:
            yield [f"{key}=true"]
        elif typing.get_origin(kind) is typing.Literal:
            yield from ([f"{key}={choice}"] for choice in typing.get_args(kind))


WITH_PUBLISHED_SIZE = [
    "acgan",
    "cgan",
    "dcgan",
    "faces",
    "hinge",
    "infogan",
    "lsgan",
    "pix2pix",
    "pix2pix-l1",
    "projection",
    "r3gan",
    "vae-gan",
    "wgan",
    "wgan-gp",
]


def test_the_published_size_has_one_spelling() -> None:
    """It was `published`, `paper`, `size` and `method` in different recipes."""
    parameters = {name: inspect.signature(find_recipe(name)).parameters for name in RECIPES}
    assert sorted(name for name in RECIPES if "published" in parameters[name]) == WITH_PUBLISHED_SIZE
    for name, ones in parameters.items():
        assert not {"paper", "size", "method", "variant"} & ones.keys(), name
        assert ("published=true" in (inspect.getdoc(find_recipe(name)) or "")) == ("published" in ones), name
        if "published" in ones:
            assert (ones["published"].annotation, ones["published"].default) == ("bool", False)


@EVERY
def test_a_budget_that_is_given_is_kept_in_every_size(name: str) -> None:
    """`published=true` had that of the paper whatever was said."""
    for size in sizes(name):
        assert make(name, [*size, "budget=300images"], data=data_for(name)).budget == "300images", size


@EVERY
def test_a_field_of_a_recipe_can_be_changed_by_its_text(name: str) -> None:
    recipe = make(name)
    for field in dataclasses.fields(Recipe):
        value = getattr(recipe, field.name)
        if isinstance(value, dict):
            for key, part in value.items():
                assert override(recipe, f"{field.name}.{key}={spec.to_text(part)}") == recipe
        else:
            assert override(recipe, f"{field.name}={spec.to_text(value)}") == recipe, field.name


# ---------------------------------------------------------------------------------------------------- the table

# What the table says, row by row; what it does not say is true of all five tutorials, as its heading says.
MINUS_ONE_TO_ONE, ZERO_TO_ONE = (-1.0, 1.0), (0.0, 1.0)
BOTH = NonSaturating()
TABLE: dict[str, dict[str, Any]] = {
    "tutorial-small": {
        "data": Mnist(),
        "noise": Normal(32),
        "batch_size": 32,
        "budget": "25epochs",
        "adam": Adam(2e-4, (0.9, 0.999), 1e-8),
        "terms": "mean",
        "share": "fakes",
        "value_range": MINUS_ONE_TO_ONE,
        "grid": 32,
        "log_every": "1epochs",
    },
    "tutorial-batchnorm": {
        "data": FashionMnist(),
        "noise": Normal(100),
        "batch_size": 128,
        "budget": "200epochs",
        "adam": Adam(2e-4, (0.5, 0.999), 1e-8),
        "terms": "sum",
        "share": "fakes",  # the same z for both turns of a G that has not moved in between gives the same fakes
        "value_range": MINUS_ONE_TO_ONE,
        "grid": 16,
        "log_every": "1epochs",
    },
    "tutorial-batchnorm-tensorflow": {
        "data": FashionMnist(),
        "noise": Normal(100),
        "batch_size": 128,
        "budget": "200epochs",
        "adam": Adam(2e-4, (0.5, 0.999), 1e-7),
        "terms": "sum",
        "share": "fakes",  # one noise batch, one pass of G
        "turns": "simultaneous",
        "discriminator_fakes": 128,  # against the last 96 reals of an epoch too
        "value_range": MINUS_ONE_TO_ONE,
        "grid": 16,
        "log_every": "1epochs",
    },
    "tutorial-dropout": {
        "data": Mnist(),
        "noise": Uniform(100, -1.0, 1.0),
        "batch_size": 64,
        "budget": "100epochs",
        "adam": Adam(2e-3, (0.9, 0.999), 1e-8),
        "terms": "sum",
        "share": "nothing",
        "value_range": MINUS_ONE_TO_ONE,
        "loss": NonSaturating(real_label=0.9),
        "grid": 16,
        "log_every": "25600images",  # 400 batches of 64
    },
    "tutorial-keras": {
        "data": Mnist(),
        "noise": Normal(100),
        "batch_size": 128,
        "budget": "200epochs",
        "adam": Adam(2e-4, (0.5, 0.999), 1e-7),
        "terms": "mean",
        "share": "nothing",
        "value_range": ZERO_TO_ONE,
        "order": WithReplacement(epoch=234 * 128),
        "generator_fakes": 256,
        "grid": 10,
        "log_every": "1epochs",
    },
    "tutorial-paper": {
        "data": Mnist(),
        "noise": Normal(100),
        "batch_size": 32,
        "budget": "50epochs",
        "adam": Adam(1e-4, (0.9, 0.999), 1e-8),
        "terms": "mean",
        "share": "nothing",
        "value_range": MINUS_ONE_TO_ONE,
        "grid": 32,
        "log_every": "1epochs",
    },
}


@pytest.mark.parametrize("name", TABLE)
def test_a_tutorials_settings_are_its_sources_to_the_letter(name: str) -> None:
    recipe, row = make(name), TABLE[name]
    assert recipe.data == row["data"]
    assert recipe.noise == row["noise"]
    assert recipe.batch_size == row["batch_size"]
    assert recipe.budget == row["budget"]
    assert recipe.optimizers == {"discriminator": row["adam"], "generator": row["adam"]}
    assert recipe.value_range == row["value_range"]
    assert recipe.order == row.get("order", Shuffled())
    assert recipe.ema is None
    assert recipe.frozen == ()
    assert recipe.precision == "float32"
    objective = recipe.objective
    assert isinstance(objective, Adversarial)
    assert objective.loss == row.get("loss", NonSaturating())
    assert (objective.reduction, objective.share) == (row["terms"], row["share"])
    assert objective.generator_fakes == row.get("generator_fakes")
    assert objective.discriminator_fakes == row.get("discriminator_fakes")
    assert objective.turns == row.get("turns", "alternating")
    assert objective.discriminator_turns == 1
    assert objective.penalties == ()
    assert [p.name for p in objective.players()] == ["discriminator", "generator"]
    assert recipe.pictures.count == row["grid"]
    assert recipe.log_every == row["log_every"]


def test_what_each_tutorial_shows() -> None:
    for name in ("tutorial-dropout", "tutorial-keras", "tutorial-paper"):
        assert make(name).pictures.every == "1epochs"
    assert make("tutorial-dropout").pictures.arrays  # an array of samples from fixed z kept each epoch
    assert make("tutorial-keras").pictures.columns == 10  # a row of ten
    assert make("tutorial-keras").log_value == "last"  # the last batch's losses


def test_the_tensorflow_version_differs_in_what_its_source_says_and_in_nothing_else() -> None:
    one, other = make("tutorial-batchnorm"), make("tutorial-batchnorm-tensorflow")
    assert other.pictures.marks(200 * 60_000, 60_000) == [0, 100 * 60_000, 200 * 60_000]  # three stages
    for network in other.networks.values():
        assert network.init == "he"  # type: ignore[attr-defined]
    kept = other.networks["generator"].batch_norm  # type: ignore[attr-defined]
    assert kept == dataclasses.replace(one.networks["generator"].batch_norm, momentum=0.9)  # type: ignore[attr-defined]
    same = {"networks": {n: dataclasses.replace(d, init="torch") for n, d in other.networks.items()}}  # type: ignore[type-var]
    same["networks"]["generator"] = one.networks["generator"]
    changed = ("name", "objective", "optimizers", "pictures")
    assert dataclasses.replace(other, **same, **{name: getattr(one, name) for name in changed}) == one
    assert make("tutorial-batchnorm-tensorflow", ["batch_size=64"]).objective.discriminator_fakes == 64
    assert make("tutorial-batchnorm-tensorflow", ["epochs=3"]).pictures.every == "1.5epochs"


def test_goodfellow_2014_is_the_paper_where_the_paper_speaks() -> None:
    recipe = make("goodfellow-2014")
    assert recipe.data == Mnist()
    assert recipe.value_range == ZERO_TO_ONE
    assert isinstance(recipe.noise, Uniform)
    for optimizer in recipe.optimizers.values():
        assert isinstance(optimizer, SGD)
        assert optimizer.momentum > 0
    assert isinstance(recipe.objective, Adversarial)
    assert recipe.objective.loss == NonSaturating()
    assert make("goodfellow-2014", ["k=3"]).objective.players()[0].turns == 3
    assert make("goodfellow-2014", ["k=3"]).objective.players()[0].reads == "fresh"
    assert make("goodfellow-2014", ["objective.loss=saturating"]).objective == dataclasses.replace(
        recipe.objective, loss=Saturating()
    )


def test_the_noise_critic_is_a_discriminator_alone() -> None:
    recipe = make("noise-critic")
    assert recipe.data == Mnist()
    assert recipe.noise == Normal(1)
    assert recipe.frozen == ("generator",)
    assert isinstance(recipe.objective, Critic)
    assert [p.name for p in recipe.objective.players()] == ["discriminator"]
    assert recipe.batch_size == 32  # of either kind: 64 joined
    assert recipe.budget == "3epochs"
    assert recipe.log_every == "1epochs"


def test_epochs_are_counted_in_real_images() -> None:
    assert images_in(make("tutorial-small").budget, 60_000) == 25 * 60_000
    keras = make("tutorial-keras")
    assert images_in(keras.budget, keras.order.epoch_images(60_000)) == 200 * 234 * 128


SETTINGS = [
    ("epochs=20", lambda r: r.budget, "20epochs"),
    ("batch_size=64", lambda r: r.batch_size, 64),
    ("lr=1e-3", lambda r: {o.lr for o in r.optimizers.values()}, {1e-3}),
    ("beta1=0.9", lambda r: {o.betas for o in r.optimizers.values()}, {(0.9, 0.999)}),
    ("beta2=0.99", lambda r: {o.betas for o in r.optimizers.values()}, {(0.5, 0.99)}),
    ("latent_size=64", lambda r: r.noise, Normal(64)),
    ("image_size=32", lambda r: r.data.size, 32),
    ("channels=3", lambda r: r.data.channels, 3),
]


@pytest.mark.parametrize(("text", "look", "expected"), SETTINGS, ids=[s[0] for s in SETTINGS])
def test_tutorial_batchnorms_eight_settings_are_overrides(text: str, look: Callable[[Recipe], Any], expected: Any) -> None:
    before = make("tutorial-batchnorm")
    assert look(make("tutorial-batchnorm", [text])) == expected
    assert look(before) != expected
    assert len(inspect.signature(find_recipe("tutorial-batchnorm")).parameters) == len(SETTINGS) == 8


@pytest.mark.parametrize(
    ("recipe", "text", "words"),
    [
        ("tutorial-batchnorm", "epochs=1e-4", "whole number"),
        ("tutorial-batchnorm", "epochs=0", "greater than 0"),
        ("tutorial-batchnorm", "beta1=1.0", "less than 1"),
        ("tutorial-batchnorm", "channels=2", "channels"),
        ("tutorial-batchnorm", "epoch=3", "did you mean 'epochs'"),
        ("goodfellow-2014", "k=0", "greater than 0"),
    ],
)
def test_a_setting_that_does_not_hold_is_refused(recipe: str, text: str, words: str) -> None:
    with pytest.raises(RecipeError) as error:
        make(recipe, [text])
    assert words in str(error.value)
    assert text in str(error.value)


def test_an_unknown_recipe_gets_the_nearest_name() -> None:
    with pytest.raises(RecipeError, match="unknown recipe 'tutorial-smal'; did you mean 'tutorial-small'"):
        make("tutorial-smal")
    assert make("tutorial_small") == make("tutorial-small")


# ------------------------------------------------------------------------ plain loops, as the tutorials write them
#
# One step of gansmith's trainer is compared with the same step in plain PyTorch: label tensors, BCEWithLogitsLoss, two
# calls of D, zero_grad, backward, step, torch's default Adam. Both begin with the same weights and get the same batch and z.
# With dropout off the calls are literally the tutorials'. With it on D judges the joined batch, and both sides seed torch alike.
# Both sides compute in float64: Adam's first step is the sign of the gradient, and where that is zero but for rounding
# (a bias before batch norm), float32 would compare nothing but noise.

NO_DROPOUT = {
    "tutorial-dropout": ("networks.generator.dropout=0.0", "networks.discriminator.dropout=0.0"),
    "tutorial-keras": ("networks.discriminator.dropout=0.0",),
    "tutorial-paper": ("networks.discriminator.dropout=0.0",),
    "goodfellow-2014": ("networks.discriminator.dropout=0.0", "networks.discriminator.input_dropout=0.0"),
    "noise-critic": ("networks.discriminator.dropout=0.0",),
}
bce = nn.BCEWithLogitsLoss()


class Plain:
    """The other side: its own networks with the trainer's first weights, its own data, and the trainer's numbers."""

    def __init__(self, game: Trainer, with_dropout: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        self.recipe, self.seed, self.with_dropout = game.recipe, game.recipe.seed, with_dropout
        twin = in_double(trainer(game.recipe), monkeypatch)  # networks of its own, from the same seed
        self.g, self.d = twin.networks["generator"], twin.networks["discriminator"]
        self.pixels = torch.from_numpy(game.samples.values.astype(np.float64)) / 255
        self.images = 0

    def x(self, offset: int = 0) -> Tensor:
        """The next batch, scaled as the tutorials do: to [0, 1] by ToTensor, to [-1, 1] by Normalize((0.5,), (0.5,))."""
        at = self.recipe.order.indices(self.seed, self.images + offset, self.recipe.batch_size, len(self.pixels))
        batch = self.pixels[torch.from_numpy(at.copy())]
        return batch if self.recipe.value_range == ZERO_TO_ONE else (batch - 0.5) / 0.5

    def z(self, count: int, player: int = 0, turn: int = 0, images: int | None = None) -> Tensor:
        place = Place(self.images if images is None else images, player, turn)
        return torch.from_numpy(self.recipe.noise.rows(self.seed, Stream.NOISE, place, 0, count))

    @contextmanager
    def turn(self, player: int, turn: int = 0) -> Iterator[None]:
        with torch.random.fork_rng():
            torch.manual_seed(rng.torch_seed(self.seed, Stream.TURN, Place(self.images, player, turn)))
            yield

    def judge(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        if self.with_dropout:
            joined = self.d(torch.cat([real, fake]))
            return joined[: len(real)], joined[len(real) :]
        return self.d(real), self.d(fake)


def ones(x: Tensor) -> Tensor:
    return torch.ones(len(x), 1, dtype=x.dtype)


def zeros(x: Tensor) -> Tensor:
    return torch.zeros(len(x), 1, dtype=x.dtype)


def small(p: Plain) -> Iterator[None]:
    of_d, of_g = (torch.optim.Adam(n.parameters(), lr=0.0002) for n in (p.d, p.g))
    while True:
        real = p.x()
        fake = p.g(p.z(len(real)))
        of_d.zero_grad()
        on_real, on_fake = p.judge(real, fake.detach())
        loss = (bce(on_real, ones(real)) + bce(on_fake, zeros(fake))) / 2
        loss.backward()
        of_d.step()
        of_g.zero_grad()
        loss = bce(p.d(fake), ones(fake))
        loss.backward()
        of_g.step()
        p.images += len(real)
        yield


def batchnorm(p: Plain) -> Iterator[None]:
    of_d, of_g = (torch.optim.Adam(n.parameters(), lr=0.0002, betas=(0.5, 0.999)) for n in (p.d, p.g))
    while True:
        real = p.x()
        z = p.z(len(real))
        of_d.zero_grad()
        on_real, on_fake = p.judge(real, p.g(z).detach())
        loss = bce(on_real, ones(real)) + bce(on_fake, zeros(real))
        loss.backward()
        of_d.step()
        of_g.zero_grad()
        loss = bce(p.d(p.g(z)), ones(real))  # G runs again on the same z
        loss.backward()
        of_g.step()
        p.images += len(real)
        yield


def batchnorm_tensorflow(p: Plain) -> Iterator[None]:
    of_d, of_g = (torch.optim.Adam(n.parameters(), lr=0.0002, betas=(0.5, 0.999), eps=1e-7) for n in (p.d, p.g))
    while True:
        real = p.x()
        fake = p.g(p.z(128))
        on_real, on_fake = p.d(real), p.d(fake)
        of_g.zero_grad()
        bce(on_fake, torch.ones_like(on_fake)).backward(retain_graph=True)
        of_d.zero_grad()
        loss = bce(on_real, ones(real)) + bce(on_fake, torch.zeros_like(on_fake))
        gradients = torch.autograd.grad(loss, list(p.d.parameters()))
        for weight, gradient in zip(p.d.parameters(), gradients, strict=True):
            weight.grad = gradient
        of_g.step()
        of_d.step()
        p.images += len(real)
        yield


def dropout(p: Plain) -> Iterator[None]:
    of_d, of_g = (torch.optim.Adam(n.parameters(), lr=0.002) for n in (p.d, p.g))
    while True:
        real = p.x()
        with p.turn(0):
            of_d.zero_grad()
            fake = p.g(p.z(len(real)))
            on_real, on_fake = p.judge(real, fake.detach())
            loss = bce(on_real, 0.9 * ones(real)) + bce(on_fake, zeros(fake))
            loss.backward()
            of_d.step()
        with p.turn(1):
            of_g.zero_grad()
            fake = p.g(p.z(len(real), player=1))
            loss = bce(p.d(fake), ones(fake))
            loss.backward()
            of_g.step()
        p.images += len(real)
        yield


def keras(p: Plain) -> Iterator[None]:
    of_d, of_g = (torch.optim.Adam(n.parameters(), lr=0.0002, betas=(0.5, 0.999), eps=1e-7) for n in (p.d, p.g))
    while True:
        real = p.x()
        assert len(real) == 128
        with p.turn(0), torch.no_grad():
            p.g.eval()
            fake = p.g(p.z(128))
            p.g.train()
        with p.turn(0):
            of_d.zero_grad()
            loss = bce(p.d(torch.cat([real, fake])), torch.cat([ones(real), zeros(fake)]))
            loss.backward()
            of_d.step()
        with p.turn(1):
            of_g.zero_grad()
            loss = bce(p.d(p.g(p.z(256, player=1))), torch.ones(256, 1).double())
            loss.backward()
            of_g.step()
        p.images += len(real)
        yield


def paper(p: Plain) -> Iterator[None]:
    of_d, of_g = (torch.optim.Adam(n.parameters(), lr=0.0001) for n in (p.d, p.g))
    while True:
        real = p.x()
        with p.turn(0):
            fake = p.g(p.z(len(real))).detach()
            x, y = torch.cat([real, fake]), torch.cat([ones(real), zeros(fake)])
            if not p.with_dropout:  # the source shuffles the joined batch
                order = torch.randperm(len(x))
                x, y = x[order], y[order]
            of_d.zero_grad()
            bce(p.d(x), y).backward()
            of_d.step()
        with p.turn(1):
            of_g.zero_grad()
            bce(p.d(p.g(p.z(len(real), player=1))), ones(real)).backward()
            of_g.step()
        p.images += len(real)
        yield


def algorithm_1(p: Plain, k: int = 1, saturating: bool = False) -> Iterator[None]:
    of_d, of_g = (torch.optim.SGD(n.parameters(), lr=rate, momentum=0.5) for n, rate in ((p.d, 0.02), (p.g, 0.2)))
    while True:
        read = 0
        for i in range(k):
            with p.turn(0, i):
                real = p.x(read)
                fake = p.g(p.z(len(real), turn=i)).detach()
                of_d.zero_grad()
                on_real, on_fake = p.judge(real, fake)
                value = torch.log(on_real.sigmoid()).mean() + torch.log(1 - on_fake.sigmoid()).mean()
                (-value).backward()  # ascending
                of_d.step()
            read += len(real)
        with p.turn(1):
            of_g.zero_grad()
            says = p.d(p.g(p.z(len(real), player=1))).sigmoid()
            loss = torch.log(1 - says).mean() if saturating else -torch.log(says).mean()
            loss.backward()
            of_g.step()
        p.images += read
        yield


def critic(p: Plain) -> Iterator[None]:
    of_d = torch.optim.Adam(p.d.parameters(), lr=0.001)
    while True:
        real = p.x()
        with torch.no_grad():
            fake = p.g(p.z(len(real), images=p.images % len(p.pixels)))  # the same fakes in each epoch
        with p.turn(0):
            of_d.zero_grad()
            bce(p.d(torch.cat([real, fake])), torch.cat([ones(real), zeros(fake)])).backward()
            of_d.step()
        p.images += len(real)
        yield


LOOPS: list[tuple[str, tuple[str, ...], Callable[[Plain], Iterator[None]]]] = [
    ("tutorial-small", (), small),
    ("tutorial-batchnorm", (), batchnorm),
    ("tutorial-batchnorm-tensorflow", (), batchnorm_tensorflow),
    ("tutorial-batchnorm-tensorflow", ("batch_size=96", "objective.discriminator_fakes=128"), batchnorm_tensorflow),
    ("tutorial-dropout", (), dropout),
    ("tutorial-keras", (), keras),
    ("tutorial-paper", (), paper),
    ("goodfellow-2014", (), algorithm_1),
    ("goodfellow-2014", ("k=2",), lambda p: algorithm_1(p, k=2)),
    ("goodfellow-2014", ("objective.loss=saturating",), lambda p: algorithm_1(p, saturating=True)),
    ("noise-critic", (), critic),
]
CASES = [(n, o, f, on) for n, o, f in LOOPS for on in ((False, True) if n in NO_DROPOUT else (False,))]


@pytest.mark.parametrize(
    ("name", "overrides", "loop", "with_dropout"),
    CASES,
    ids=["-".join([n, *o, "dropout" if on else "plain"]) for n, o, _, on in CASES],
)
def test_steps_are_those_of_a_plain_loop_as_the_source_writes_it(
    name: str,
    overrides: tuple[str, ...],
    loop: Callable[[Plain], Iterator[None]],
    with_dropout: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changed = [*overrides, *(() if with_dropout else NO_DROPOUT.get(name, ()))]
    game = in_double(trainer(make(name, changed, data=data_for(name))), monkeypatch)
    plain = Plain(game, with_dropout, monkeypatch)
    theirs = {"generator": plain.g, "discriminator": plain.d}
    begun = {which: [w.detach().clone() for w in game.networks[which].parameters()] for which in theirs}
    steps = loop(plain)
    for step in range(1, 4):
        game.step()
        next(steps)
        assert game.images == plain.images
        if step == 2:
            continue
        for which, network in theirs.items():
            for (where, expected), found, first in zip(
                network.named_parameters(), game.networks[which].parameters(), begun[which], strict=True
            ):
                worst = (found - expected).abs().max().item()
                assert torch.allclose(found, expected, rtol=1e-7, atol=1e-9), f"{which}.{where} after {step} steps: {worst}"
                moved = not torch.equal(found, first)
                assert moved == (which not in game.recipe.frozen), f"{which}.{where}"


@pytest.mark.parametrize("name", RECIPES)
def test_dropout_and_batch_norm_are_in_training_mode_in_both_turns(name: str) -> None:
    game = trainer(make(name, data=data_for(name)))
    seen: list[bool] = []
    for network in game.networks.values():
        for layer in network.modules():
            layer.register_forward_hook(lambda module, *_: seen.append(module.training))
    game.step()
    assert seen
    assert all(seen)


@pytest.mark.parametrize("name", ["tutorial-small", "tutorial-batchnorm"])
def test_shared_fakes_are_made_once_and_judged_again_after_d_has_moved(name: str) -> None:
    game = trainer(make(name, data=data_for(name)))
    runs: list[str] = []
    for which, network in game.networks.items():
        network.register_forward_hook(lambda *_, which=which: runs.append(which))
    game.step()
    assert runs == ["generator", "discriminator", "discriminator"]


@pytest.mark.parametrize(
    ("name", "shared"), [("tutorial-small", True), ("tutorial-batchnorm", True), ("tutorial-dropout", False)]
)
def test_each_turn_has_fresh_noise_unless_the_source_shares_it(name: str, shared: bool) -> None:
    game = trainer(make(name, data=data_for(name)))
    seen: list[Tensor] = []
    game.networks["generator"].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    game.step()
    game.step()
    assert len(seen) == (2 if shared else 4)
    assert len(torch.cat(seen).unique(dim=0)) == sum(map(len, seen))


def test_k_turns_of_d_read_k_batches_and_an_epoch_has_fewer_of_gs() -> None:
    one, three = (trainer(make("goodfellow-2014", [f"k={k}"], data="digits")) for k in (1, 3))
    assert one.step().images == 100
    assert three.step().images == 300


def test_the_critics_fakes_are_the_same_in_every_epoch() -> None:
    game = trainer(make("noise-critic", data="digits"))
    seen: list[Tensor] = []
    game.networks["generator"].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].clone()))
    while game.images < 2 * 1497:
        game.step()
    half = len(seen) // 2
    assert torch.equal(torch.cat(seen[:half]), torch.cat(seen[half:]))
    assert len(torch.cat(seen[:half]).unique(dim=0)) > 1490  # one number of 24 bits a row: a few may meet


def test_a_data_sets_name_in_a_recipes_place_is_answered() -> None:
    with pytest.raises(RecipeError, match="digits is a data set, not a recipe: write --data digits"):
        make("digits")
