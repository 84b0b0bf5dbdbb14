"""Randomness is a function of place: every row can be made by itself, and no two places share one."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

import gansmith
from gansmith.core import rng
from gansmith.core.rng import Place, Stream
from gansmith.recipes.order import ReadingOrder, Shuffled, WithReplacement
from gansmith.sampling.noise import Noise, Normal, Uniform
from support import components, name_of, quick, stop_after, tiny, with_ema

DIMS = [1, 2, 3, 7, 8, 9, 16, 31, 100, 128]
ROWS = {"normal": rng.normal_rows, "uniform": rng.uniform_rows}
EITHER = pytest.mark.parametrize("distribution", ROWS)


@EITHER
@pytest.mark.parametrize("dim", DIMS)
def test_any_row_is_made_without_the_rows_before_it(distribution: str, dim: int) -> None:
    rows = ROWS[distribution]
    whole = rows(3, Stream.NOISE, Place(640, 1, 0), 0, 20, dim)
    assert whole.shape == (20, dim)
    assert whole.dtype == np.float32
    assert np.array_equal(rows(3, Stream.NOISE, Place(640, 1, 0), 7, 3, dim), whole[7:10])
    one_by_one = [rows(3, Stream.NOISE, Place(640, 1, 0), i, 1, dim) for i in range(20)]
    assert np.array_equal(np.concatenate(one_by_one), whole)
    assert rows(3, Stream.NOISE, Place(), 5, 0, dim).shape == (0, dim)


@EITHER
@pytest.mark.parametrize("dim", [1, 5, 64])
def test_no_two_places_share_a_row(distribution: str, dim: int) -> None:
    # Seeds and image counts that a careless packing of the counter would confuse are among them.
    seeds = [0, 1, 2, 2**32, 2**32 + 1, 2**62, rng.MAX_SEED]
    places = [Place(i, p, t) for i, p, t in itertools.product([0, 1, 32, 2**32, 2**32 + 1, 2**40], [0, 1, 2], [0, 1, 5, 2**16])]
    everywhere = [(s, st, pl) for s in seeds for st in (Stream.NOISE, Stream.SAMPLE) for pl in places]
    table = np.concatenate([ROWS[distribution](s, st, pl, 0, 4, max(dim, 4)) for s, st, pl in everywhere])
    # Four numbers of 24 bits each: two of some 2,000 rows agree by chance once in 10^22 tries.
    assert len(np.unique(table[:, :4], axis=0)) == len(table)


@EITHER
def test_far_rows_of_one_place_are_not_near_rows_of_the_next(distribution: str) -> None:
    rows = ROWS[distribution]
    far = rows(0, Stream.SAMPLE, Place(), 10**9, 50, 8)
    near = [rows(0, Stream.SAMPLE, Place(i), 0, 50, 8) for i in range(4)]
    assert len(np.unique(np.concatenate([far, *near]), axis=0)) == 250


@pytest.mark.parametrize("noise", components(Noise), ids=name_of)
def test_noise_is_a_table_by_place(noise: Noise) -> None:
    whole = noise.rows(5, Stream.NOISE, Place(32), 0, 64)
    assert whole.shape == (64, noise.dim)
    assert whole.dtype == np.float32
    assert np.isfinite(whole).all()
    assert np.array_equal(noise.rows(5, Stream.NOISE, Place(32), 40, 24), whole[40:])
    others = [noise.rows(5, Stream.NOISE, Place(33), 0, 64), noise.rows(6, Stream.NOISE, Place(32), 0, 64)]
    others += [noise.rows(5, Stream.SAMPLE, Place(32), 0, 64), noise.rows(5, Stream.NOISE, Place(32, 1), 0, 64)]
    others += [noise.rows(5, Stream.NOISE, Place(32, 0, 1), 0, 64)]
    assert len(np.unique(np.concatenate([whole, *others]), axis=0)) == 6 * 64


def test_normal_rows_are_normal_and_independent() -> None:
    x = rng.normal_rows(11, Stream.NOISE, Place(), 0, 20_000, 10).astype(np.float64)
    n = x.size
    assert abs(x.mean()) < 4.5 / np.sqrt(n)
    assert abs(x.var() - 1) < 4.5 * np.sqrt(2 / n)
    assert abs((x**3).mean()) < 4.5 * np.sqrt(15 / n)
    assert abs((x**4).mean() - 3) < 4.5 * np.sqrt(96 / n)
    assert stats.kstest(x.ravel(), "norm").pvalue > 1e-4
    for column in x.T:
        assert stats.kstest(column, "norm").pvalue > 1e-4
    # Columns, squares of columns (Box and Muller's pairs share a radius) and neighbouring rows know nothing of each other.
    for y in (x, x**2, np.abs(x)):
        correlations = np.corrcoef(y.T) - np.eye(10)
        assert np.abs(correlations).max() < 5 / np.sqrt(len(x))
    assert abs(np.corrcoef(x[:-1].ravel(), x[1:].ravel())[0, 1]) < 5 / np.sqrt(n)
    assert np.abs(x).max() < 6.1  # 24 bits reach no further than sqrt(2 ln 2^25) = 5.89
    assert np.abs(x).max() > 4.0


def test_the_same_place_gives_other_normals_than_a_place_at_chance_level() -> None:
    x = rng.normal_rows(0, Stream.NOISE, Place(0), 0, 2_000, 16).ravel()
    y = rng.normal_rows(0, Stream.NOISE, Place(1), 0, 2_000, 16).ravel()
    assert abs(np.corrcoef(x, y)[0, 1]) < 5 / np.sqrt(x.size)


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.0, 1.0), (-3.0, 0.5)])
def test_uniform_noise_fills_its_range_evenly_and_keeps_inside(low: float, high: float) -> None:
    x = Uniform(5, low, high).rows(2, Stream.NOISE, Place(), 0, 20_000).astype(np.float64)
    assert x.min() >= low
    assert x.max() <= high
    assert x.min() < low + (high - low) * 1e-3
    assert x.max() > high - (high - low) * 1e-3
    assert stats.kstest(x.ravel(), stats.uniform(low, high - low).cdf).pvalue > 1e-4
    assert abs(x.mean() - (low + high) / 2) < 4.5 * (high - low) / np.sqrt(12 * x.size)


def test_uniform_rows_never_reach_their_ends() -> None:
    x = rng.uniform_rows(0, Stream.NOISE, Place(), 0, 200_000, 8)
    assert x.min() > 0
    assert x.max() < 1
    assert np.isfinite(np.log(x)).all()


def test_numbers_are_those_of_philox_as_written_down() -> None:
    """A second framework will draw the same numbers: the table is NumPy's Philox at a stated key and counter, nothing else."""
    seed, place, row = 5, Place(images=640, player=1, turn=2), 3
    counter = [row * 2, place.images, 0, place.player << 32 | place.turn]  # 64-bit words, least first; 12 numbers are 2 blocks
    raw = np.random.Philox(key=[seed, int(Stream.NOISE)], counter=counter).random_raw(8)
    words = np.array([part for word in raw for part in (int(word) & 0xFFFFFFFF, int(word) >> 32)], dtype=np.uint64)
    unit = ((words >> 8).astype(np.float64) + 0.5) / 2**24
    assert np.allclose(rng.uniform_rows(seed, Stream.NOISE, place, row, 1, 12)[0], unit[:12], rtol=0, atol=2**-24)
    radius, angle = np.sqrt(-2 * np.log(unit[:8])), 2 * np.pi * unit[8:]
    normal = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])[:12]
    assert np.allclose(rng.normal_rows(seed, Stream.NOISE, place, row, 1, 12)[0], normal, rtol=1e-4, atol=1e-5)


# ---------------------------------------------------------------------------------------------------- order


@pytest.mark.parametrize("length", [1, 2, 10, 1497])
def test_an_epochs_order_is_a_permutation_and_differs_by_epoch_and_seed(length: int) -> None:
    orders = [rng.permutation(s, e, length) for s in (0, 1) for e in (0, 1, 2)]
    for order in orders:
        assert sorted(order) == list(range(length))
    if length > 100:
        for one, other in itertools.combinations(orders, 2):
            assert (one == other).sum() < 20  # by chance one place in an order agrees on average


@pytest.mark.parametrize("length", [1, 2, 33, 64, 65, 97, 1497])
@pytest.mark.parametrize("batch_size", [1, 2, 32, 64, 100])
def test_shuffled_reads_every_sample_once_an_epoch_and_no_lone_one(length: int, batch_size: int) -> None:
    images, batches = 0, []
    while images < 2 * length:
        batches.append(Shuffled().indices(7, images, batch_size, length))
        images += len(batches[-1])
    read = np.concatenate(batches)
    assert len(read) == 2 * length
    for epoch in (read[:length], read[length:]):
        assert sorted(epoch) == list(range(length))
    sizes = [len(b) for b in batches]
    per_epoch = sizes[: len(sizes) // 2]
    assert all(s == min(batch_size, length) for s in per_epoch[:-1])
    if batch_size > 1 and length > 1:
        assert min(sizes) > 1  # batch norm has nothing to say about one
        expected = length % batch_size or batch_size
        assert per_epoch[-1] == (min(length, batch_size) + 1 if expected == 1 and length > batch_size else min(expected, length))
    assert sum(per_epoch) == length


def test_draws_with_replacement_cover_the_whole_set_evenly() -> None:
    order = WithReplacement(epoch=234 * 128)
    assert order.epoch_images(60_000) == 234 * 128
    draws = np.concatenate([order.indices(0, i * 128, 128, 50) for i in range(400)])
    assert draws.min() == 0
    assert draws.max() == 49
    assert stats.chisquare(np.bincount(draws, minlength=50)).pvalue > 1e-4
    first = order.indices(0, 0, 128, 10**9)
    assert not np.array_equal(first, order.indices(0, 128, 128, 10**9))
    assert not np.array_equal(first, order.indices(1, 0, 128, 10**9))
    assert np.array_equal(first, order.indices(0, 0, 128, 10**9))


@pytest.mark.parametrize("order", components(ReadingOrder), ids=name_of)
def test_an_order_is_a_function_of_place(order: ReadingOrder) -> None:
    assert order.epoch_images(1000) >= 1
    images = 0
    for _ in range(60):
        batch = order.indices(3, images, 32, 1000)
        assert 1 <= len(batch) <= 33
        assert batch.min() >= 0
        assert batch.max() < 1000
        assert batch.dtype == np.int64
        assert np.array_equal(batch, order.indices(3, images, 32, 1000))
        images += len(batch)


# ---------------------------------------------------------------------------------------------------- other people's state


def test_a_fork_leaves_torchs_generator_as_it_was() -> None:
    before = torch.get_rng_state()
    with rng.fork():
        rng.seed_torch(17)
        inside = torch.rand(5)
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(ZeroDivisionError), rng.fork():  # noqa: PT012
        torch.rand(5)
        raise ZeroDivisionError
    assert torch.equal(torch.get_rng_state(), before)
    with rng.fork():
        rng.seed_torch(17)
        assert torch.equal(torch.rand(5), inside)
        rng.seed_torch(18)
        assert not torch.equal(torch.rand(5), inside)


def test_torch_seeds_differ_by_place_and_rank() -> None:
    places = [Place(i, p, t) for i in range(50) for p in range(3) for t in range(3)]
    seeds = {rng.torch_seed(s, Stream.TURN, p, r) for s in range(3) for p in places for r in range(2)}
    assert len(seeds) == 3 * len(places) * 2
    assert all(0 <= s < 2**63 for s in seeds)


@pytest.mark.parametrize("name", ["tutorial-dropout", "tutorial-batchnorm"])
def test_training_and_sampling_touch_nobodys_random_state(name: str, tmp_path: Path) -> None:
    torch.manual_seed(123)
    np.random.seed(123)  # noqa: NPY002
    random.seed(123)
    before = (torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate())  # type: ignore[index]  # noqa: NPY002
    recipe = with_ema(tiny(name, "objective.penalties+=gradient-penalty", budget="400images"))
    stop_after(recipe, tmp_path / "run", 2)
    run = gansmith.train(recipe, tmp_path / "run", device="cpu")
    run.sample(seed=1, count=3)
    gansmith.load(tmp_path / "run").module(torch.zeros(2, 100))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # type: ignore[index]  # noqa: NPY002
    assert random.getstate() == before[2]


def test_the_global_seed_changes_no_run(tmp_path: Path) -> None:
    from support import assert_same_run

    recipe = tiny("tutorial-dropout", budget="400images")
    for seed in (1, 2):
        torch.manual_seed(seed)
        gansmith.train(recipe, tmp_path / str(seed), device="cpu")
    assert_same_run(tmp_path / "1", tmp_path / "2")


def test_another_seed_is_another_run() -> None:
    from support import trainer

    one, other = trainer(quick()), trainer(quick("seed=1"))
    for a, b in zip(one.trained_weights["generator"], other.trained_weights["generator"], strict=True):
        assert not torch.equal(a, b)
    assert not np.array_equal(
        one.recipe.order.indices(0, 0, 32, 1497), other.recipe.order.indices(other.recipe.seed, 0, 32, 1497)
    )
    assert Normal(3).dim == 3
