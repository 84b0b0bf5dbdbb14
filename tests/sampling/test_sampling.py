"""Sampling: image i of a seed is made from the two alone. And what becomes of it: arrays, pictures, files."""

from __future__ import annotations

import dataclasses
import io
import itertools
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import gansmith
from gansmith.core.errors import RunError
from gansmith.data.modality import Images, Points, modality_of
from gansmith.drawing import animation as animation_module
from gansmith.drawing import grids
from gansmith.drawing.captions import name_rows
from gansmith.drawing.grids import image_grid
from gansmith.recipes import make
from gansmith.recipes.base import Recipe
from gansmith.sampling import gallery as gallery_module
from gansmith.sampling.gallery import Gallery
from gansmith.sampling.noise import Noise
from gansmith.training.trainer import Trainer
from support import RECIPES, Answer, assert_refused, components, name_of, quick, slim, stop_after, tiny, trainer, tree, with_ema

Cli = Callable[..., Answer]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sampling") / "run"
    gansmith.train(quick(budget="320images"), path, device="cpu")
    return path


def stepped(recipe: Recipe, steps: int = 3) -> Trainer:
    game = trainer(recipe)
    for _ in range(steps):
        game.step()
    return game


# ---------------------------------------------------------------------------------------------------- from (seed, i) alone


@pytest.mark.parametrize("name", RECIPES)
def test_image_i_depends_on_the_seed_and_i_alone(name: str) -> None:
    game = stepped(with_ema(tiny(name)))
    modality = game.modality

    def sample(seed: int, count: int, first: int = 0) -> np.ndarray:
        return dataclasses.replace(game.sampler, modality=modality).sample(seed, count, first)

    hundred = sample(0, 100)
    assert hundred.shape == (100, 8, 8, 1)
    assert hundred.dtype == np.uint8
    for first, count in ((0, 1), (0, 10), (0, 63), (0, 64), (0, 65), (7, 3), (60, 10), (64, 36), (99, 1)):
        assert np.array_equal(sample(0, count, first), hundred[first : first + count])
    assert len(np.unique(hundred.reshape(100, -1), axis=0)) > 1
    # The floats behind them, too, are the same to the last bit.
    whole = torch.cat([made for _, made in game.sampler.chunks(0, 0, 128)])
    (start, part), *_ = game.sampler.chunks(0, 70, 71)
    assert torch.equal(part, whole[start : start + len(part)])


def test_samples_are_held_once_however_many_parts_they_are_made_in() -> None:
    """A part is gone when the next but one is made: all that stays is the array that is handed over."""
    game = stepped(quick())
    parts: list[weakref.ref[np.ndarray]] = []

    class Watched(Images):
        def from_model(self, samples: torch.Tensor) -> np.ndarray:
            assert sum(part() is not None for part in parts) <= 1
            part = super().from_model(samples)
            parts.append(weakref.ref(part))
            return part

    many = dataclasses.replace(game.sampler, modality=Watched()).sample(0, 500, 30)
    assert len(parts) == 9
    assert np.array_equal(many, game.sampler.sample(0, 530)[30:])


def test_two_seeds_share_no_image() -> None:
    game = stepped(quick())
    made = [game.sampler.sample(seed, 64) for seed in (0, 1, 2, 2**63 - 1)]
    assert len(np.unique(np.concatenate(made).reshape(4 * 64, -1), axis=0)) == 4 * 64


@pytest.mark.parametrize("noise", components(Noise), ids=name_of)
def test_samples_and_training_share_no_z(noise: Noise) -> None:
    from gansmith.core.rng import Place, Stream

    sampled = noise.rows(0, Stream.SAMPLE, Place(), 0, 500)
    trained = noise.rows(0, Stream.NOISE, Place(), 0, 500)
    assert len(np.unique(np.concatenate([sampled, trained]), axis=0)) == 1000


@pytest.mark.parametrize("name", ["tutorial-batchnorm", "tutorial-dropout"])
def test_samples_are_made_in_evaluation_mode_and_training_goes_on_in_its_own(name: str) -> None:
    game = stepped(tiny(name))
    generator = game.networks["generator"]
    before = {k: v.clone() for k, v in generator.state_dict().items()}
    one = game.sampler.sample(0, 10)
    assert np.array_equal(one, game.sampler.sample(0, 10))  # no dropout
    assert generator.training
    assert all(torch.equal(v, before[k]) for k, v in generator.state_dict().items())  # no statistics moved
    generator.eval()
    game.sampler.sample(0, 10)
    assert not generator.training


def test_a_sample_is_what_the_module_makes_of_its_z(folder: Path) -> None:
    from gansmith.core.rng import Place, Stream

    run = gansmith.load(folder)
    z = torch.from_numpy(run.recipe.noise.rows(5, Stream.SAMPLE, Place(), 0, 64))
    made = run.module(z, None).permute(0, 2, 3, 1).numpy()
    expected = np.clip(np.rint((made + 1) * 127.5), 0, 255)
    assert np.abs(np.asarray(run.sample(seed=5, count=64)) - expected).max() <= 1  # a half may be rounded either way
    assert (np.asarray(run.sample(seed=5, count=64)) == expected).mean() > 0.999


def test_from_python_in_few_words(folder: Path) -> None:
    run = gansmith.load(folder)
    gallery = run.sample(seed=1, count=10)
    assert len(gallery) == 10
    assert gallery[3].shape == (8, 8, 1)
    assert np.array_equal(np.asarray(gallery), gallery.array)
    assert np.array_equal(gansmith.sample(folder, seed=1, count=3).array, gallery.array[:3])
    assert np.array_equal(gansmith.sample(run, seed=1, count=3).array, gallery.array[:3])
    assert np.array_equal(run.sample(seed=1, count=4, first=6).array, gallery.array[6:])
    shown = gallery._repr_png_()
    with Image.open(io.BytesIO(shown)) as picture:
        assert picture.format == "PNG"


def test_points_are_sampled_as_points(tmp_path: Path) -> None:
    recipe = make("tutorial-small", ["budget=320images", "data.num=500", "networks.generator.end=linear"], data="ring")
    run = gansmith.train(recipe, tmp_path / "run", device="cpu")
    gallery = run.sample(count=100)
    assert gallery.array.shape == (100, 2)
    assert gallery.array.dtype == np.float32
    gallery.save(tmp_path / "x.npz")
    assert np.array_equal(np.load(tmp_path / "x.npz")["points"], gallery.array)
    gallery.save(tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as picture:
        assert picture.size[0] > 100


# ---------------------------------------------------------------------------------------------------- value ranges


@pytest.mark.parametrize("value_range", [(-1.0, 1.0), (0.0, 1.0), (-2.0, 5.0)])
def test_bytes_to_the_models_range_and_back_are_themselves(value_range: tuple[float, float]) -> None:
    low, high = value_range
    modality, stored = Images(value_range), torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    scaled = modality.to_model(stored)
    assert scaled.dtype == torch.float32
    expected = low + (high - low) * np.arange(256) / 255
    assert np.allclose(scaled.numpy().ravel(), expected, rtol=0, atol=1e-6)
    assert np.array_equal(modality.from_model(scaled).ravel(), np.arange(256))
    assert torch.equal(stored, torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16))
    beyond = torch.tensor([low - 1, high + 1]).view(1, 1, 1, 2)
    assert modality.from_model(beyond).ravel().tolist() == [0, 255]


def test_channels_go_last_and_nothing_is_turned() -> None:
    stored = torch.randint(0, 256, (2, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    kept = Images().from_model(Images().to_model(stored))
    assert kept.shape == (2, 4, 5, 3)
    for i, c, y, x in itertools.product(range(2), range(3), range(4), range(5)):
        assert kept[i, y, x, c] == stored[i, c, y, x]


def test_bfloat16_samples_are_kept_as_bytes_too() -> None:
    assert Images().from_model(torch.zeros(1, 1, 2, 2, dtype=torch.bfloat16)).ravel().tolist() == [128] * 4


def test_kinds_by_shape() -> None:
    assert modality_of((1, 8, 8), (0.0, 1.0)) == Images((0.0, 1.0))
    assert modality_of((2,), (-1.0, 1.0)) == Points()


# ---------------------------------------------------------------------------------------------------- pictures


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("count", "columns"), [(1, None), (5, None), (6, 3), (10, 10), (3, 8)])
def test_a_grid_shows_every_image_once_row_by_row(channels: int, count: int, columns: int | None) -> None:
    made = np.random.default_rng(0).integers(0, 255, (count, 8, 6, channels), dtype=np.uint8)
    picture = np.asarray(image_grid(made, columns)).reshape(-1, 0 or np.asarray(image_grid(made, columns)).shape[1], channels)
    across = min(columns or int(np.ceil(np.sqrt(count))), count)
    scale = 4
    assert picture.shape[0] == scale * (-(-count // across) * 10 + 2)
    assert picture.shape[1] == scale * (across * 8 + 2)
    for i in range(count):
        y, x = (scale * (2 + 10 * (i // across)), scale * (2 + 8 * (i % across)))
        cut = picture[y : y + scale * 8 : scale, x : x + scale * 6 : scale]
        assert np.array_equal(cut, made[i])
    assert (picture[0] == 255).all()


def test_a_gif_holds_every_picture(tmp_path: Path) -> None:
    paths = []
    for i in range(4):
        path = tmp_path / f"{i}.png"
        Image.new("L", (40, 30), 60 * i).save(path)
        paths.append(path)
    with Image.open(io.BytesIO(animation_module.animate_files(paths))) as animation:
        assert animation.n_frames == 4
        assert animation.size == (40, 30)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_gif_and_a_png_show_the_same_picture(tmp_path: Path, mode: str) -> None:
    """Colours under transparent pixels are random, and neither may show them."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (24, 24, len(mode)), dtype=np.uint8)
    pixels[..., :-1] = 40  # one visible colour, so that a palette holds it
    pixels[..., -1] = 255
    pixels[4:20, 4:20] = rng.integers(0, 256, (16, 16, len(mode)), dtype=np.uint8)
    pixels[4:20, 4:20, -1] = 0
    Image.fromarray(pixels, mode).save(tmp_path / "a.png")
    visible = np.full((24, 24, 3), 40)
    visible[4:20, 4:20] = 255
    with Image.open(io.BytesIO(animation_module.animate_files([tmp_path / "a.png"]))) as animation:
        assert np.abs(np.asarray(animation.convert("RGB")).astype(int) - visible).max() <= 4
    with Image.open(tmp_path / "a.png") as picture:
        assert np.array_equal(np.asarray(grids.on_white(picture).convert("RGB")), visible)
        named = np.asarray(name_rows(picture.resize((240, 240), Image.Resampling.NEAREST), ["a"]).convert("RGB"))
        assert np.array_equal(named[:, -240:][5::10, 5::10], visible)


# ---------------------------------------------------------------------------------------------------- files


def test_an_npz_of_samples(folder: Path, here: Path, cli: Cli) -> None:
    answer = cli("sample", folder, "--count", 70, "--seed", 3, "--out", "x.npz")
    assert answer.code == 0
    assert "70 samples of seed 3 in x.npz" in answer.out
    with np.load(here / "x.npz") as file:
        assert set(file) == {"images"}
        assert file["images"].shape == (70, 8, 8, 1)
        assert file["images"].dtype == np.uint8
        assert np.array_equal(file["images"], gansmith.load(folder).sample(3, 70).array)
    assert cli("sample", folder, "--count", 2, "--seed", 4, "--out", "x.npz").code == 0  # a file is written anew
    assert list(tree(here)) == ["x.npz"]


def test_a_picture_of_samples(folder: Path, here: Path, cli: Cli) -> None:
    assert cli("sample", folder, "--count", 9, "--out", "grid.png").code == 0
    with Image.open(here / "grid.png") as picture:
        assert np.array_equal(np.asarray(picture), np.asarray(gansmith.load(folder).sample(0, 9).picture()))


def test_a_folder_of_samples(folder: Path, here: Path, cli: Cli) -> None:
    assert cli("sample", folder, "--count", 12, "--seed", 1, "--out", "deep/samples").code == 0
    made = gansmith.load(folder).sample(1, 12)
    names = sorted(p.name for p in (here / "deep" / "samples").iterdir())
    assert names == [f"{i:06d}.png" for i in range(12)]
    for i, name in enumerate(names):
        with Image.open(here / "deep" / "samples" / name) as picture:
            assert np.array_equal(np.asarray(picture), made[i][:, :, 0])
    (here / "empty").mkdir()
    assert cli("sample", folder, "--count", 2, "--out", "empty").code == 0
    assert len(list((here / "empty").iterdir())) == 2


@pytest.mark.parametrize("out", ["new/x.png", "new/deep/x.npz"])
def test_the_folder_of_a_file_of_samples_is_made(out: str, folder: Path, here: Path, cli: Cli) -> None:
    assert cli("sample", folder, "--count", 2, "--out", out).code == 0
    assert [p for p, content in tree(here).items() if content is not None] == [out]
    assert_refused(cli("sample", folder, "--out", "other/x.jpg"), "x.jpg")
    assert not (here / "other").exists()


def test_what_was_sampled_is_data_again(folder: Path, here: Path, cli: Cli) -> None:
    from gansmith.data import Folder, find_source

    for out in ("x.npz", "folder"):
        assert cli("sample", folder, "--count", 12, "--out", out).code == 0
        source = find_source(out)
        samples = (dataclasses.replace(source, size=8) if isinstance(source, Folder) else source).load()
        assert np.array_equal(samples.values.transpose(0, 2, 3, 1), gansmith.load(folder).sample(0, 12).array)


@pytest.mark.parametrize("out", ["x.jpg", "x.npy", "x.txt", "x.tar.gz"])
def test_an_ending_that_is_not_written_is_refused(out: str, folder: Path, here: Path, cli: Cli) -> None:
    assert_refused(cli("sample", folder, "--out", out), out, "x.npz", "x.png", "folder")
    assert tree(here) == {}


def test_a_folder_that_is_not_empty_is_refused_and_left_alone(folder: Path, here: Path, cli: Cli) -> None:
    (here / "full").mkdir()
    (here / "full" / "a").write_text("a")
    (here / "file").write_text("b")
    before = tree(here)
    assert_refused(cli("sample", folder, "--out", "full"), "full", "not an empty folder", "choose another --out")
    assert_refused(cli("sample", folder, "--out", "file"), "file", "choose another --out")
    assert_refused(cli("sample", folder, "--out", "file/x.npz"), "file/x.npz", "Not a directory")
    assert_refused(cli("sample", folder, "--out", "file/deep/x.png"), "file/deep/x.png", "Not a directory")
    assert_refused(cli("sample", folder, "--out", "file/folder"), "file/folder", "choose another")
    assert tree(here) == before


def test_a_picture_of_too_many_samples_is_refused(folder: Path, tmp_path: Path) -> None:
    gallery = gansmith.load(folder).sample(count=1)
    many = Gallery(np.broadcast_to(gallery.array, (gallery_module.MAX_GRID + 1, 8, 8, 1)), gallery.modality)
    with pytest.raises(RunError, match="at most"):
        many.save(tmp_path / "x.png")
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--count", 0), "--count"),
        (("--count", "many"), "--count"),
        (("--count", "1e4"), "--count"),
        (("--count", 10**13), "expected at most 1,000,000,000, got 10000000000000"),
        (("--count", 10**9), "1,000,000,000 samples don't fit in memory: choose a smaller count"),
        (("--seed", -1), "--seed"),
        (("--seed", 2**63), "--seed"),
    ],
)
def test_a_count_or_seed_out_of_range_is_refused(
    arguments: tuple[object, ...], words: str, folder: Path, here: Path, cli: Cli
) -> None:
    assert_refused(cli("sample", folder, "--out", "x.npz", *arguments), words)
    assert tree(here) == {}


def test_the_greatest_seed_is_a_seed(folder: Path, here: Path, cli: Cli) -> None:
    assert cli("sample", folder, "--out", "x.npz", "--count", 1, "--seed", 2**63 - 1).code == 0


def test_killed_while_it_samples_nothing_is_there(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    gallery = gansmith.load(folder).sample(count=3)
    for out, where in (("x.npz", "numpy.savez"), ("folder", "gansmith.sampling.gallery.png")):
        with monkeypatch.context() as patch:
            patch.setattr(where, interrupt)
            with pytest.raises(KeyboardInterrupt):
                gallery.save(tmp_path / out)
        assert tree(tmp_path) == {}


def test_a_run_without_a_checkpoint_has_no_samples_and_says_so(tmp_path: Path) -> None:
    recipe = slim(quick())
    stop_after(recipe, tmp_path / "run", 1)
    assert len(gansmith.load(tmp_path / "run").sample(count=2)) == 2  # leaving saved


@pytest.mark.parametrize(("seed", "count", "first"), [(0, 0, 0), (0, -1, 0), (-1, 1, 0), (2**63, 1, 0), (0, 1, -1)])
def test_a_count_or_seed_out_of_range_is_refused_in_python(seed: int, count: int, first: int, folder: Path) -> None:
    with pytest.raises(RunError, match="expected a count of at least 1"):
        gansmith.load(folder).sample(seed, count, first)


@pytest.mark.parametrize(("seed", "count"), [(1.5, 1), (0, "3"), (True, 1), (0, 2.0)])
def test_a_count_or_seed_that_is_no_whole_number_is_refused(seed: object, count: object, folder: Path) -> None:
    with pytest.raises(RunError, match="expected whole numbers"):
        gansmith.load(folder).sample(seed, count)  # type: ignore[arg-type]
    assert len(gansmith.load(folder).sample(np.int64(0), np.int32(2))) == 2  # type: ignore[arg-type]
