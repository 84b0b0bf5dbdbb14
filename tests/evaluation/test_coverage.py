"""Mode coverage: counting on samples made by hand, floors, the papers' networks, stacks made on the fly, and the command."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gansmith.cli import tables
from gansmith.core.errors import RecipeError, RunError, SettingError, TrainingError
from gansmith.data import Endless, Grid, Mnist, Ring, Samples, Split, StackedMnist, stacked
from gansmith.data.fetch import cached
from gansmith.evaluation.coverage import counting, protocols, table
from gansmith.evaluation.coverage import results as coverage_results
from gansmith.evaluation.coverage.counting import Counted
from gansmith.evaluation.coverage.protocols import PROTOCOLS
from gansmith.networks.base import Shapes
from gansmith.networks.build import build
from gansmith.recipes import make
from gansmith.recipes.base import Pictures, Recipe
from gansmith.runs.run import Run
from gansmith.training import loop
from gansmith.training.loop import train
from support import Answer, assert_refused, assert_same_run, stop_after, trainer

Cli = Callable[..., Answer]
MEANS = np.array([[0.0, 0.0], [10.0, 0.0]])
TINY = (
    "networks.generator=mlp-generator(widths=[8], end='linear')",
    "networks.discriminator=mlp-discriminator(widths=[8])",
    "pictures.count=1",
    "pictures.every=100000images",
    "checkpoint_every=100images",
)

# ---------------------------------------------------------------------------------------------------- counting


def test_points_are_counted_by_hand() -> None:
    points = np.array([[0.0, 0.0], [0.0, 0.29], [10.0, -0.29], [0.31, 0.0]], np.float32)  # the last is 3.1 sd away
    counted = counting.count_points(points, MEANS, 0.1)
    assert counted.count == 4
    assert counted.modes == 2
    assert counted.high_quality == 0.75
    assert counted.kl == pytest.approx(2 / 3 * math.log(4 / 3) + 1 / 3 * math.log(2 / 3))  # two thirds in one mode, of the good
    assert counted.sd_ratio == pytest.approx(math.sqrt((0.29**2 + 0.29**2) / 3 / 2) / 0.1)


def test_points_one_sd_away_along_each_axis_have_the_ratio_one() -> None:
    assert counting.count_points(MEANS + 0.1, MEANS, 0.1).sd_ratio == pytest.approx(1.0)


def test_one_sample_makes_a_mode_and_none_makes_the_worst_divergence() -> None:
    assert counting.count_modes(np.array([3, 3, 7]), 1000).modes == 2
    assert counting.count_modes(np.repeat(5, 9), 1000) == Counted(9, 1.0, pytest.approx(math.log(1000)))
    assert counting.count_modes(np.arange(1000), 1000).kl == 0.0
    far = counting.count_points(np.full((7, 2), 99.0), MEANS, 0.1)
    assert far == Counted(7, 0.0, math.log(2), 0.0, None)


def test_the_floors_are_those_that_theory_gives() -> None:
    for name, modes in (("ring", 8), ("grid", 25)):
        (floor,) = counting.floors(PROTOCOLS[name])["a perfect generator"]
        within = 1 - math.exp(-4.5)  # of three sd in the plane
        assert floor.modes == modes
        assert floor.high_quality == pytest.approx(within, abs=4e-4)
        assert floor.kl == pytest.approx((modes - 1) / (2 * 2500 * within), rel=0.1)  # of a chi-squared variable
        assert floor.sd_ratio == pytest.approx(math.sqrt((1 - 5.5 * math.exp(-4.5)) / within), abs=2e-3)


def test_a_perfect_generator_of_stacks_has_the_published_floor() -> None:
    floor = counting._count_true_stacks(np.arange(10), 26_000)
    assert floor.modes == 1000
    assert floor.kl == pytest.approx(0.0194, abs=0.0005)


def test_stacks_of_real_digits_are_read_as_they_are_labelled() -> None:
    if not cached("mnist"):
        pytest.skip("mnist is not fetched")
    samples = StackedMnist(num=200).load("test")
    assert samples.labels is not None
    read = counting.stack_modes(np.ascontiguousarray(samples.values.transpose(0, 2, 3, 1)))
    assert (read == samples.labels).mean() > 0.96
    (one, two) = counting.count_samples(samples.values.transpose(0, 2, 3, 1), PROTOCOLS["stacked-mnist"])
    assert one == two == counting.count_modes(read, 1000)


# ---------------------------------------------------------------------------------------------------- stacks


@pytest.fixture
def small_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty images without a hand in them, each of one grey that says its number; training ones are even, test ones odd."""

    class Small(Mnist):
        def load(self, split: Split = "train") -> Samples:
            greys = np.arange(0, 40, 2, dtype=np.uint8) + (split == "test")
            return Samples(np.broadcast_to(greys[:, None, None, None], (20, 1, 28, 28)).copy(), np.arange(20) // 2)

    monkeypatch.setattr(stacked, "Mnist", Small)


@pytest.mark.usefixtures("small_mnist")
def test_a_stack_has_three_digits_and_their_number() -> None:
    for split, odd in (("train", 0), ("test", 1)):
        samples = StackedMnist(num=50).load(split)  # type: ignore[arg-type]
        assert samples.values.shape == (50, 3, 28, 28)
        assert samples.labels is not None
        digits = samples.values[:, :, 0, 0].astype(int)
        assert (samples.values == digits[:, :, None, None]).all()
        assert (digits % 2 == odd).all()
        assert (samples.labels == digits // 4 @ [100, 10, 1]).all()
        assert len(np.unique(samples.labels)) > 40


@pytest.mark.usefixtures("small_mnist")
def test_fixed_stacks_are_always_the_same_and_fewer_are_the_first_of_more() -> None:
    more, fewer = StackedMnist(num=40).load(), StackedMnist(num=7).load()
    assert np.array_equal(more.values[:7], fewer.values)
    assert np.array_equal(more.values, StackedMnist(num=40).load().values)


@pytest.mark.usefixtures("small_mnist")
def test_stacks_made_on_the_fly_depend_on_seed_and_place_alone() -> None:
    source = StackedMnist()
    assert isinstance(source, Endless)
    assert not isinstance(Ring(), Endless)
    batch = source.batch_maker()
    one = batch(3, 128, 64)
    assert one.values.shape == (64, 3, 28, 28)
    batch(3, 0, 64)
    assert np.array_equal(one.values, source.batch_maker()(3, 128, 64).values)
    for other in (batch(3, 192, 64), batch(4, 128, 64)):
        assert not np.array_equal(one.values, other.values)
    many = batch(0, 0, 3000)
    digits = many.values[:, :, 0, 0]
    assert many.labels is not None
    assert (many.labels == digits // 4 @ [100, 10, 1]).all()
    assert (np.bincount(digits.ravel() // 2, minlength=20) > 350).all()  # each of 20 in 450 of 9,000
    assert abs(np.corrcoef(digits.T.astype(float)) - np.eye(3)).max() < 0.06  # colours know nothing of each other


@pytest.mark.usefixtures("small_mnist")
def test_a_run_on_stacks_reads_them_on_the_fly_and_goes_on_bit_for_bit(tmp_path: Path) -> None:
    recipe = make("tutorial-small", ["data.num=60", "budget=320images", "scores=none", "batch_size=32"], "stacked-mnist")
    recipe = dataclasses.replace(recipe, pictures=Pictures(count=2, every="200images"))
    game = trainer(recipe)
    assert game.epoch_images == 60
    expected = recipe.data.batch_maker()(0, 320, 32)  # type: ignore[attr-defined]
    assert np.array_equal(game.read(320).real.numpy(), game.modality.to_model(game.stored.new_tensor(expected.values)).numpy())
    train(recipe, tmp_path / "whole", device="cpu")
    stop_after(recipe, tmp_path / "parts", 4)
    train(recipe, tmp_path / "parts", device="cpu")
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.usefixtures("small_mnist")
def test_d_is_told_the_kinds_of_stacks_made_on_the_fly_and_the_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    given = ["data.num=600", "condition=clusters(num=4)", "budget=320images", "scores=none", "batch_size=32", "watch=none"]
    given += ["log_every=64images", "checkpoint_every=160images"]  # else two runs may plan them unlike
    recipe = dataclasses.replace(make("default", given, "stacked-mnist"), pictures=Pictures(count=2, every="200images"))
    game = trainer(recipe)
    batch = game.read(320)
    made = recipe.data.batch_maker()(0, 320, 32)  # type: ignore[attr-defined]
    assert np.array_equal(batch.real.numpy(), game.modality.to_model(game.stored.new_tensor(made.values)).numpy())
    assert batch.observed
    assert batch.condition is not None
    assert game.categories is not None
    categories = game.categories.numpy()
    centres = np.stack(
        [game.samples.values[categories == modality].mean((0, 2, 3)) for modality in range(4)]
    )  # each colour is of one grey
    nearest = np.square(made.values.mean((2, 3))[:, None] - centres).sum(2).argmin(1)
    assert batch.condition.numpy().argmax(1).tolist() == nearest.tolist()
    assert len(set(nearest)) == 4
    train(recipe, tmp_path / "whole", device="cpu")
    stop_after(recipe, tmp_path / "parts", 4)
    train(recipe, tmp_path / "parts", device="cpu")
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


# ---------------------------------------------------------------------------------------------------- the papers' networks


def weights_of(name: str, *overrides: str, data: str) -> dict[str, int]:
    recipe = make(name, overrides, data)
    networks = build(recipe.networks, recipe.seed, Shapes(recipe.noise.dim, {"ring": (2,), "stacked-mnist": (3, 28, 28)}[data]))
    return {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()}


def test_the_unrolled_settings_networks_have_the_stated_weights() -> None:
    generator = 256 * 4 * 4 * 64 + 9 * (64 * 32 + 32 * 16 + 16 * 8) + 2 * (64 + 32 + 16 + 8) + 9 * 8 * 3 + 3
    assert generator == pytest.approx(0.29e6, rel=0.02)

    def discriminator(a: int, b: int, c: int, channels: int = 3) -> int:
        return 9 * (channels * a + a * b + b * c) + 2 * (a + b + c) + 4 * 4 * c + 1

    assert discriminator(2, 4, 8) == pytest.approx(550, rel=0.05)
    name, data = "stacked-mnist-unrolled", "stacked-mnist"
    assert weights_of(name, data=data) == {"generator": generator, "discriminator": discriminator(2, 4, 8)}
    assert weights_of(name, "d_size=1/2", data=data)["discriminator"] == discriminator(4, 8, 16)
    assert weights_of(name, "pack=4", data=data)["discriminator"] == discriminator(2, 4, 8, channels=12)


def test_the_mixtures_networks_have_the_stated_layers() -> None:
    generator = 2 * 400 + 400 + 3 * (400 * 400 + 400) + 4 * 2 * 400 + 400 * 2 + 2
    discriminator = 5 * (2 * 200 + 200) + 2 * 5 * (200 * 200 + 200) + 200 + 1
    assert weights_of("pacgan-mixture", data="ring") == {"generator": generator, "discriminator": discriminator}
    assert weights_of("pacgan-mixture", "pack=2", data="ring")["discriminator"] == discriminator + 5 * 2 * 200


@pytest.mark.parametrize(("name", "judged"), [("pacgan-mixture", 100), ("stacked-mnist-unrolled", 128)])
def test_packs_and_not_samples_make_a_batch(name: str, judged: int) -> None:
    for pack in (1, 2, 4):
        recipe = make(name, [f"pack={pack}"])
        assert recipe.batch_size == judged * pack
        assert coverage_results.samples_per_pack(recipe) == pack


def test_a_pack_inside_another_network_counts_too() -> None:
    """The budget of a protocol is in packs, whichever description holds them."""
    inside = "networks.discriminator=joined-discriminator(network=packed(network=mlp-discriminator(widths=[8]), count=4))"
    for condition in ("labels", "codes(num=3)", "none"):
        recipe = make("pacgan-mixture", [inside, f"condition={condition}"], data="ring")
        assert coverage_results.samples_per_pack(recipe) == 4
    protocol = PROTOCOLS["ring"]
    one = coverage_results.make_recipe(protocol, "pacgan-mixture")
    packed = coverage_results.make_recipe(protocol, "pacgan-mixture", [inside])
    assert int(packed.budget.removesuffix("images")) == 4 * int(one.budget.removesuffix("images"))


def test_weights_start_small() -> None:
    game = trainer(make("pacgan-mixture", data="ring"))
    for network in game.networks.values():
        for key, value in network.named_parameters():
            if value.ndim == 2 and value.numel() > 100:
                assert value.std().item() == pytest.approx(0.02, rel=0.15), key
            if key.endswith("bias"):
                assert not value.any(), key


def test_the_paper_s_recipes_take_the_papers_budgets() -> None:
    for protocol in PROTOCOLS.values():
        whole = coverage_results.make_recipe(protocol, full=True)
        assert whole.budget == make(protocol.recipe, data=protocol.name).budget == f"{protocol.images}images"
        assert whole.data == protocol.data


# ---------------------------------------------------------------------------------------------------- recipes and files


def test_any_recipe_gets_the_protocols_data_and_a_tenth_of_its_budget() -> None:
    assert coverage_results.make_recipe(PROTOCOLS["grid"], "default", seed=3).budget == "4000000images"
    recipe = coverage_results.make_recipe(PROTOCOLS["grid"], "default", ["batch_size=50"], 3)
    assert (recipe.data, recipe.seed, recipe.batch_size, recipe.scores) == (Grid(), 3, 50, None)
    assert coverage_results.make_recipe(PROTOCOLS["ring"], None, ["pack=2"]).budget == "8000000images"
    assert coverage_results.make_recipe(PROTOCOLS["ring"], None, ["pack=2"], full=True).budget == "80000000images"
    assert coverage_results.make_recipe(PROTOCOLS["ring"], None, ["budget=5m"]).budget == "5m"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["data=grid"], "override data=grid: the protocol ring sets"),
        (["data.std=0.5"], "override data.std=0.5"),
        (["seed=3"], "override seed=3"),
        (["networks.generator.end=tanh"], "ends in tanh, which can't reach all points of ring"),
        (["no.such=1"], "unknown setting"),
    ],
)
def test_what_a_protocol_says_is_not_changed(overrides: list[str], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        coverage_results.make_recipe(PROTOCOLS["ring"], None, overrides)


def test_a_key_is_of_the_recipe_and_not_of_what_is_said_of_it() -> None:
    ring = PROTOCOLS["ring"]
    one, other = (coverage_results.make_recipe(ring, seed=seed) for seed in (0, 1))
    keys = [coverage_results.key_of(ring, recipe) for recipe in (one, other, dataclasses.replace(one, why=("so",)))]
    assert keys[0] == keys[2]
    assert keys[0].removesuffix("-s0") == keys[1].removesuffix("-s1")
    assert coverage_results.key_of(ring, coverage_results.make_recipe(ring, None, ["pack=2"])) != keys[0]


def test_every_published_row_is_of_a_count_that_is_measured() -> None:
    for protocol in PROTOCOLS.values():
        for row in protocol.published:
            assert row.count in protocol.counts
            assert 0 < row.modes <= protocol.modes
            assert row.kl is None or 0 < row.kl < math.log(protocol.modes)
    with pytest.raises(SettingError, match="did you mean 'grid'"):
        protocols.find_protocol("grit")


def test_the_table_has_median_and_range_beside_published_rows_and_floors() -> None:
    counted = [(Counted(2500, m, k, q, s),) for m, k, q, s in ((8, 0.01, 0.98, 1.0), (6, 0.3, 0.9, None), (7, 0.02, 0.97, 1.2))]
    found = [
        coverage_results.Result("ring", "mine", ("a=1",), i, 9, 0.1, {}, 60.0, c, 1000, {}, {}) for i, c in enumerate(counted)
    ]
    head, ours, gan, *_, floor = table.rows(PROTOCOLS["ring"], found, {"best": (Counted(2500, 8, 0.0015, 0.9889, 0.974),)})
    assert head == ["", "modes of 8", "high quality, %", "reverse KL", "sd ratio"]
    assert ours == ["mine a=1", "7 [6, 8]", "97 [90, 98]", "0.02 [0.01, 0.3]", "1.1 [1, 1.2]"]
    assert gan == ["GAN (PacGAN, table 1)", "6.3", "98.2", "0.45", ""]
    assert floor == ["best", "8", "98.9", "0.0015", "0.974"]
    assert (
        "10 % of the protocol's 400,000 steps of 100, seeds 0, 1, 2, 1 minutes each" in table.about(PROTOCOLS["ring"], found)[1]
    )
    shares = [dataclasses.replace(result, share=share) for result, share in zip(found, (0.1, 0.095, 0.0999), strict=True)]
    assert "9.5 % to 10 % of" in table.about(PROTOCOLS["ring"], shares)[1]
    stacks = table.rows(PROTOCOLS["stacked-mnist"], [dataclasses.replace(found[0], counted=(Counted(25_600, 9, 1.0),) * 2)], {})
    assert stacks[0] == ["", *(f"{what} at {n}" for n in ("25,600", "26,000") for what in ("modes of 1,000", "reverse KL"))]
    assert stacks[2] == ["DCGAN (Unrolled setting, D 1/4)", "78.5", "5.21", "", ""]
    assert stacks[5] == ["DCGAN (Unrolled setting, D 1/2)", "487.7", "2.24", "", ""]


# ---------------------------------------------------------------------------------------------------- the command


def test_the_command_trains_counts_and_goes_on(cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("coverage", "ring", "budget=400images", *TINY, "--results", "found", "--threads", 1)
    answer = cli(*command, "--seeds", 1)
    assert answer.code == 0, answer.err
    (path,) = (here / "found").glob("*.json")
    (run,) = (here / "runs" / "coverage").iterdir()
    assert path.stem == run.name
    assert Run.open(run).images == 400
    said = json.loads(path.read_text())
    assert (said["images"], said["share"], said["seed"]) == (400, 1e-5, 0)
    again = counting.count_samples(Run.open(run).sample(1000, 2500).array, PROTOCOLS["ring"])
    assert coverage_results.load(path).counted == again
    assert "0.001 % of the protocol's 400,000 steps of 100, seed 0," in answer.out
    for words in ("GAN (PacGAN, table 1)", "PacGAN4 (PacGAN, table 1)", "a perfect generator", "pacgan-mixture budget=400images"):
        assert words in answer.out

    written = path.stat().st_mtime_ns
    answer = cli(*command, "--seeds", 2)  # the first is there
    assert answer.code == 0, answer.err
    assert path.stat().st_mtime_ns == written
    assert len(list((here / "found").glob("*.json"))) == 2
    assert "seeds 0, 1" in answer.out

    def never(*_: object, **__: object) -> None:
        raise AssertionError("everything is there")

    monkeypatch.setattr("gansmith.training.loop.steps", never)
    assert cli(*command, "--seeds", 2).out == answer.out


def test_a_seed_that_diverges_is_named_and_left_out(cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained = loop.steps

    def steps(recipe: Recipe, *args: Any, **kwargs: Any) -> Any:
        if recipe.seed in diverging:
            raise TrainingError(f"generator's loss is not finite at step {recipe.seed + 3}")
        return trained(recipe, *args, **kwargs)

    monkeypatch.setattr("gansmith.training.loop.steps", steps)
    command, diverging = ("coverage", "ring", "budget=400images", *TINY, "--seeds", 2, "--threads", 1), {1}
    answer = cli(*command)
    assert answer.code == 0, answer.err
    assert "left out: seed 1, generator's loss is not finite at step 4" in answer.out
    assert "seed 0," in answer.out
    assert len(list((here / "runs" / "coverage").glob("*.json"))) == 1
    diverging = {0, 1}
    (written,) = (here / "runs" / "coverage").glob("*.json")
    written.unlink()
    assert_refused(cli(*command), "generator's loss is not finite at step 4")


def test_a_run_that_was_stopped_goes_on(cli: Cli, here: Path) -> None:
    overrides = ["budget=400images", *TINY]
    recipe = coverage_results.make_recipe(PROTOCOLS["grid"], None, overrides)
    folder = Path("runs/coverage") / coverage_results.key_of(PROTOCOLS["grid"], recipe)
    stop_after(recipe, folder, 2)
    stopped = Run.open(folder).images
    answer = cli("coverage", "grid", *overrides, "--seeds", 1, "--threads", 1)
    assert answer.code == 0, answer.err
    assert 0 < stopped < Run.open(folder).images == 400
    assert (here / f"{folder}.json").is_file()


def test_a_recipe_of_ones_own_is_measured(cli: Cli, here: Path) -> None:
    (here / "mine.py").write_text(
        "import dataclasses\n"
        "from gansmith.networks import MLPDiscriminator, MLPGenerator\n"
        "from gansmith import Recipe\n"
        "from gansmith.recipes.default import default\n\n\n"
        "def mine(data) -> Recipe:\n"
        '    networks = {"generator": MLPGenerator((8,), end="linear"), "discriminator": MLPDiscriminator((8,))}\n'
        '    return dataclasses.replace(default(data), name="mine/of mine", networks=networks)\n'
    )
    answer = cli("coverage", "ring", "--recipe", "mine.py:mine", "budget=256images", *TINY[2:], "--seeds", 1, "--threads", 1)
    assert answer.code == 0, answer.err
    (path,) = (here / "runs" / "coverage").glob("*.json")
    assert path.name.startswith("ring-mine_of_mine-")
    assert coverage_results.load(path).weights == {
        "generator": (2 + 50) * 8 + 8 + 8 * 2 + 2,
        "discriminator": 2 * 8 + 8 + 8 + 1 + 50 * 8,
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rng"], ("unknown protocol 'rng'", "did you mean 'ring'")),
        (["ring", "--seeds", 0], ("--seeds",)),
        (["ring", "--recipe", "starter"], ("ConvDiscriminator", "images")),
        (["ring", "--recipe", "tutorial-small"], ("ends in tanh", "networks.generator.end=linear")),
        (["ring", "--recipe", "default", "budget=5m", "--full"], ("--full", "leave out budget")),
        (["ring", "--recipe", "nosuch"], ("unknown recipe 'nosuch'",)),
        (["grid", "data=ring"], ("the protocol grid sets",)),
    ],
)
def test_mistakes_are_answered_in_a_line_and_leave_nothing_behind(
    words: list[object], message: tuple[str, ...], cli: Cli, here: Path
) -> None:
    assert_refused(cli("coverage", *words, "--threads", 1), *message)
    assert not list(here.glob("runs/coverage/*"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda said: "{",
        lambda said: json.dumps([]),
        lambda said: json.dumps({k: v for k, v in said.items() if k != "counted"}),
        lambda said: json.dumps(said | {"counted": [{"count": 2500}]}),
        lambda said: json.dumps(said | {"counted": [said["counted"][0] | {"kl": "much"}]}),
        lambda said: json.dumps(said | {"counted": 3}),
        lambda said: json.dumps(said | {"format": 99}),
    ],
)
def test_a_damaged_file_is_named(spoil: Callable[[dict[str, object]], str], cli: Cli, here: Path) -> None:
    counted = {"count": 2500, "modes": 8.0, "kl": 0.1, "high_quality": None, "sd_ratio": None}
    said: dict[str, object] = {
        "format": 1,
        "protocol": "ring",
        "recipe": "pacgan-mixture",
        "overrides": [],
        "seed": 0,
        "images": 400,
    }
    said |= {"share": 0.1, "weights": {"generator": 9}, "seconds": 1, "counted": [counted], "sample_seed": 1000}
    said |= {"environment": {}, "spec": {}}
    overrides = ["budget=400images", *TINY]
    path = (
        here
        / f"{coverage_results.key_of(PROTOCOLS['ring'], coverage_results.make_recipe(PROTOCOLS['ring'], None, overrides))}.json"
    )
    path.write_text(json.dumps(said))
    assert coverage_results.load(path).counted == (Counted(**counted),)  # type: ignore[arg-type]
    path.write_text(spoil(said))
    with pytest.raises(RunError, match=r"s0\.json"):
        coverage_results.load(path)
    assert_refused(cli("coverage", "ring", *overrides, "--seeds", 1, "--results", here), path.name)


def test_what_stands_in_brackets_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show_rows(["objective.penalties=[r1] :dog:"], [["", "x[r1]"], ["objective.penalties=[r1] :dog:", "1"]])
    out = capsys.readouterr().out
    assert out.count("objective.penalties=[r1] :dog:") == 2
    assert "x[r1]" in out
