"""The recipe that is taken where none is named: it fits any data, and hears of the data's settings before it chooses."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansmith.core.errors import DataError, RecipeError, RunError
from gansmith.data import Arrays, Digits, Mnist, Ring, sample_shape, train_shape
from gansmith.objectives import Adversarial
from gansmith.objectives.penalties import R1
from gansmith.recipes import make
from gansmith.recipes.default import default
from gansmith.runs.training_run import TrainingRun
from gansmith.sampling.conditions import Clusters
from gansmith.training.loop import train
from support import trainer


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 64, 64), (1, 8, 8), (3, 5, 40), (4, 32, 32), (1, 1, 1)])
def test_it_takes_a_step_on_images_of_any_size(shape: tuple[int, ...], tmp_path: Path) -> None:
    channels, height, width = shape
    images = np.random.default_rng(0).integers(0, 256, (130, height, width, channels), np.uint8)
    np.save(tmp_path / "x.npy", images[..., 0] if channels == 1 else images)
    recipe = default(Arrays(str(tmp_path / "x.npy")))
    record = trainer(recipe).step()
    assert all(np.isfinite(value) for value in record.floats().values())
    assert recipe.why[0].startswith("130 ")


def test_it_takes_a_step_on_points() -> None:
    recipe = default(Ring(num=1000))
    assert all(np.isfinite(value) for value in trainer(recipe).step().floats().values())
    assert recipe.why[0] == "1,000 samples of 2 numbers: fully connected networks"


def test_few_points_get_a_slower_discriminator() -> None:
    rates = [
        {who: optimizer_state.lr for who, optimizer_state in default(Ring(num=num)).optimizers.items()} for num in (4999, 5000)
    ]  # type: ignore[attr-defined]
    assert rates == [{"discriminator": 1e-3, "generator": 1e-3}, {"discriminator": 3e-3, "generator": 1e-3}]
    assert [default(Ring(num=num)).why[1][:6] for num in (4999, 5000)] == ["fewer ", "50 clu"]


def test_kinds_are_looked_for_where_there_are_samples_enough() -> None:
    assert default(Ring(num=80)).condition is None
    assert default(Ring(num=500)).condition == Clusters(10)
    assert default(Mnist()).condition == Clusters(50)
    assert "50 clusters" in default(Mnist()).why[1]


def test_for_few_images_d_pays_a_penalty() -> None:
    few, many = default(Digits()), default(Mnist())  # 1,797 and 60,000
    assert isinstance(few.objective, Adversarial)
    assert isinstance(many.objective, Adversarial)
    assert (few.objective.penalties, few.objective.penalty_every) == ((R1(),), 4)
    assert many.objective.penalties == ()
    assert "memorizing" in few.why[1]


@pytest.mark.parametrize(
    ("much", "reason"),
    [
        (Mnist(size=33), "larger than 32 pixels:"),
        (Mnist(channels=3), "in several channels:"),
        (Mnist(size=64, channels=3), "larger than 32 pixels and in several channels:"),
    ],
)
def test_for_large_or_coloured_images_d_pays_it_too(much: Mnist, reason: str) -> None:
    small, large = default(Mnist(size=32)), default(much)
    assert isinstance(small.objective, Adversarial)
    assert isinstance(large.objective, Adversarial)
    assert small.objective.penalties == ()
    assert (large.objective.penalties, large.objective.penalty_every) == ((R1(),), 4)
    assert large.why[1].startswith(reason)
    assert large.batch_size == 64


@pytest.mark.parametrize(("budget", "batch"), [("2m", 32), ("90s", 32), ("121s", 64), ("1h", 64), ("1epochs", 64)])
def test_a_short_budget_takes_smaller_steps(budget: str, batch: int) -> None:
    assert default(Mnist(), budget).batch_size == batch
    assert default(Digits(), budget).batch_size == 16


def test_more_pixels_get_more_layers() -> None:
    layers = [len(dataclasses.asdict(default(Mnist(size=size)).networks["generator"])["widths"]) for size in (28, 32, 64, 128)]
    assert layers == [2, 2, 3, 4]


def test_settings_of_the_data_come_before_the_choice() -> None:
    assert make("default", ["data.size=64"], "mnist") == dataclasses.replace(default(Mnist(size=64)))
    assert make("default", ["data.size=64", "batch_size=8"], "mnist").batch_size == 8
    assert make("default", ["data=digits"]).data == Digits()
    assert make("default", ["budget=30m"], "mnist") == default(Mnist(), "30m")


def test_a_wrong_setting_of_the_data_is_named() -> None:
    with pytest.raises(RecipeError, match=r"^override data\.size=0"):
        make("default", ["data.size=0"], "mnist")
    with pytest.raises(DataError, match="no such file or folder"):
        make("default", data="nowhere/")


def test_sizes_that_are_known_need_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path / "empty"))
    assert train_shape(Mnist(size=32, channels=3)) == (60_000, 3, 32, 32)
    assert train_shape(Ring(num=500)) == (500, 2) == Ring(num=500).load().values.shape
    assert list((tmp_path).iterdir()) == []


def test_sizes_of_other_data_are_those_of_what_is_loaded(tmp_path: Path) -> None:
    for i in range(3):
        Image.new("RGB", (6, 5)).save(tmp_path / f"{i}.png")
    recipe = make("default", data=str(tmp_path))
    assert train_shape(recipe.data) == (3, *sample_shape(recipe.data)) == recipe.data.load().values.shape
    assert train_shape(Digits()) == Digits().load().values.shape


def test_a_run_goes_on_whatever_is_said_of_the_choice(tmp_path: Path) -> None:
    recipe = make("default", ["budget=128images", "scores=none"], "digits")
    train(recipe, tmp_path / "run", device="cpu")
    TrainingRun.open(tmp_path / "run").check_same(dataclasses.replace(recipe, why=("put in other words",)))
    with pytest.raises(RunError, match="batch_size was 16"):
        TrainingRun.open(tmp_path / "run").check_same(dataclasses.replace(recipe, batch_size=8))


def test_a_recipe_of_ones_own_may_ask_for_the_data(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "import dataclasses\n"
        "from gansmith import Recipe\n"
        "from gansmith.recipes.default import default\n\n\n"
        "def mine(data) -> Recipe:\n"
        '    return dataclasses.replace(default(data), name="mine")\n'
    )
    assert make(f"{path}:mine", ["data.size=16"], "digits").data == Digits(size=16)
    with pytest.raises(RecipeError, match="missing a required argument: 'data'"):
        make(f"{path}:mine")


def test_the_reasons_say_what_an_override_changed() -> None:
    """The reasons are those of the recipe's function; an override may contradict them."""
    changed = make("default", ["condition=labels", "budget=1m"], data="digits").why
    assert changed[:-1] == make("default", ["budget=1m"], data="digits").why
    assert changed[-1] == "changed by you: condition=labels"
