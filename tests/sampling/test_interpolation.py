"""The way between seeds: which z lie on it, that its ends are the seeds' own samples, and what files it becomes."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gansmith
from gansmith.core.overrides import override
from gansmith.core.rng import Place, Stream
from gansmith.data import Ring
from gansmith.drawing import grids
from gansmith.recipes.base import Recipe
from gansmith.runs.run import Run
from gansmith.sampling.noise import Normal, Uniform, interpolate
from support import Answer, assert_refused, quick, slim, tiny, with_ema

Cli = Callable[..., Answer]
RNG = np.random.default_rng(0)


def drawn(dim: int) -> tuple[np.ndarray, np.ndarray]:
    one, other = RNG.standard_normal((2, dim)).astype(np.float32)
    return one, other


# ---------------------------------------------------------------------------------------------------- z


@pytest.mark.parametrize("noise", [Normal(7), Uniform(7), Normal(1), Normal(100)])
def test_both_ends_are_the_z_themselves(noise: Normal | Uniform) -> None:
    one, other = drawn(noise.dim)
    way = interpolate(noise, one, other, np.linspace(0, 1, 9))
    assert way.dtype == np.float32
    assert way.shape == (9, noise.dim)
    assert np.array_equal(way[0], one)
    assert np.array_equal(way[-1], other)


def test_normal_z_go_round_a_quarter_circle() -> None:
    way = interpolate(Normal(2), np.float32([2, 0]), np.float32([0, 2]), [0, 0.25, 1 / 3, 0.5, 1])
    angle = np.pi / 2 * np.array([0, 0.25, 1 / 3, 0.5, 1])
    np.testing.assert_allclose(way, 2 * np.stack([np.cos(angle), np.sin(angle)], 1), atol=1e-6)


def test_normal_z_stay_as_far_out_as_their_ends_where_a_line_would_not() -> None:
    one, other = (z / np.linalg.norm(z) * 10 for z in drawn(100))
    np.testing.assert_allclose(np.linalg.norm(interpolate(Normal(100), one, other, np.linspace(0, 1, 20)), axis=1), 10, rtol=1e-5)
    assert np.linalg.norm(interpolate(Uniform(100), one, other, [0.5])) < 9


def test_uniform_z_go_straight_and_stay_in_their_range() -> None:
    noise = Uniform(50, low=-0.3, high=0.7)
    one, other = noise.rows(0, Stream.SAMPLE, Place(), 0, 2)
    one[:10], other[:10] = 0.7, -0.3
    one[10:20] = other[10:20] = 0.7
    way = interpolate(noise, one, other, np.linspace(0, 1, 101))
    np.testing.assert_allclose(way[25], 0.75 * one + 0.25 * other, atol=1e-6)
    assert way.min() >= np.float32(-0.3)
    assert way.max() <= np.float32(0.7)


@pytest.mark.parametrize("factor", [-1.0, 1.0, 2.0])
def test_z_that_a_circle_does_not_tell_apart_go_straight(factor: float) -> None:
    one, _ = drawn(5)
    other = (factor * one).astype(np.float32)
    np.testing.assert_allclose(interpolate(Normal(5), one, other, [0.25])[0], 0.75 * one + 0.25 * other, atol=1e-6)


# ---------------------------------------------------------------------------------------------------- samples

KINDS = {
    "normal": quick(),
    "uniform": tiny("goodfellow-2014"),
    "convolutions": slim(tiny("starter")),
    "average": with_ema(quick()),
    "points": dataclasses.replace(quick(), data=Ring(num=500)),
}


@pytest.fixture(scope="module", params=KINDS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    recipe: Recipe = override(KINDS[request.param], "budget=128images")
    return gansmith.train(recipe, tmp_path_factory.mktemp("walk") / "run", device="cpu")


@pytest.mark.parametrize("steps", [1, 2, 7, 70])
def test_each_row_goes_from_a_seeds_sample_to_the_nexts_bit_for_bit(run: Run, steps: int) -> None:
    seeds = (3, 0, 2**62, 0)
    rows = run.walk(seeds, steps)
    own = {seed: run.sample(seed, 10)[0] for seed in seeds}
    assert rows.shape == (3, steps + 1, *own[0].shape)
    assert rows.dtype == own[0].dtype
    for row, (first, last) in zip(rows, itertools.pairwise(seeds), strict=True):
        assert np.array_equal(row[0], own[first])
        assert np.array_equal(row[-1], own[last])


def test_what_lies_between_is_what_the_generator_makes_of_the_z_between(run: Run) -> None:
    noise = run.recipe.noise
    one, other = (noise.rows(seed, Stream.SAMPLE, Place(), 0, 1)[0] for seed in (5, 6))
    z = torch.from_numpy(interpolate(noise, one, other, [0.25, 0.5, 0.75]))
    made = run.sampler.modality.from_model(run.module(z, None))
    is_image = made.dtype == np.uint8
    np.testing.assert_allclose(run.walk([5, 6], 4)[0, 1:-1].astype(float), made.astype(float), atol=1.01 if is_image else 1e-5)


def test_a_module_in_training_is_put_back_as_it_was(run: Run) -> None:
    run.module.train()
    own = gansmith.load(run.path).walk([0, 1], 3)
    assert np.array_equal(run.walk([0, 1], 3), own)
    assert run.module.training
    run.module.eval()


# ---------------------------------------------------------------------------------------------------- files


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    recipe = override(quick(), "budget=128images")
    return gansmith.train(recipe, tmp_path_factory.mktemp("digits") / "run", device="cpu")


def test_a_gif_walks_round_and_shows_the_seeds_own_samples(digits: Run, here: Path, cli: Cli) -> None:
    answer = cli("explore", "interpolate", digits.path, "--out", "walk.gif", "--seeds", 4, 2, 9, "--steps", 5)
    assert answer.code == 0, answer.err
    assert "seeds 4, 2, 9" in answer.out
    assert "15 pictures" in answer.out
    with Image.open("walk.gif") as walk:
        assert (walk.n_frames, walk.size, walk.info["loop"]) == (15, (256, 256), 0)
        for frame, seed in ((0, 4), (5, 2), (10, 9)):
            walk.seek(frame)
            shown = np.asarray(walk.convert("L"))[::32, ::32]
            assert np.array_equal(shown, digits.sample(seed, 1)[0, :, :, 0])


def test_a_png_has_a_row_for_each_way(digits: Run, here: Path, cli: Cli) -> None:
    answer = cli(
        "explore", "interpolate", digits.path, "--out", "walk.png", "--steps", 3, "--seeds", 0, "--seeds", 1, "--seeds", 5
    )
    assert answer.code == 0, answer.err
    shown = grids.split_grid(Path("walk.png"), (1, 8, 8), 8)
    assert np.array_equal(shown, digits.walk([0, 1, 5], 3).reshape(-1, 8, 8, 1))


def test_seeds_and_steps_need_not_be_given(digits: Run, here: Path, cli: Cli) -> None:
    assert cli("explore", "interpolate", digits.path, "--out", "walk.png").code == 0
    with Image.open("walk.png") as walk:
        assert walk.size == (4 * (9 * 10 + 2), 4 * (4 * 10 + 2))  # nine pictures a row, four rows


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (("--out", "walk.jpg"), (".jpg", "x.gif", "x.png")),
        (("--out", "walk"), ("x.gif",)),
        (("--out", "walk.gif", "--seeds", 3), ("two seeds", "got 1")),
        (("--out", "walk.gif", "--steps", 0), ("--steps", "equal to 1")),
        (("--out", "walk.gif", "--seeds", "one", 2), ("--seeds", "a whole number, got one")),
        (("--out", "walk.gif", "--seeds", 1, -2), ("-2",)),
        (("--out", "walk.png", "--steps", 1000, *itertools.chain(*(("--seeds", i) for i in range(11)))), ("10,000", "fewer")),
        (("--out", "/dev/null/walk.png"), ("/dev/null/walk.png",)),
        ((), ("--out",)),
    ],
)
def test_what_makes_no_walk_is_one_line(
    digits: Run, here: Path, cli: Cli, wrong: tuple[object, ...], words: tuple[str, ...]
) -> None:
    assert_refused(cli("explore", "interpolate", digits.path, *wrong), *words)
    assert not list(here.iterdir())


def test_points_fit_one_picture_and_no_animation(here: Path, cli: Cli, tmp_path: Path) -> None:
    run = gansmith.train(dataclasses.replace(KINDS["points"], budget="64images"), tmp_path / "ring", device="cpu")
    assert cli("explore", "interpolate", run.path, "--out", "walk.png").code == 0
    with Image.open("walk.png") as walk:
        assert walk.size == (600, 600)
    assert_refused(cli("explore", "interpolate", run.path, "--out", "walk.gif"), "points", "x.png")


def test_no_run_no_walk(here: Path, cli: Cli) -> None:
    assert_refused(cli("explore", "interpolate", "runs/none", "--out", "walk.png"), "runs/none", "does not exist")
