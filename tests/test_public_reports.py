"""Problems that people reported of other tools, tried here with small files. docs/reliability.md has the list and the sources."""

from __future__ import annotations

import csv
import dataclasses
import os
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import gansmith
from gansmith.core.errors import DataError
from gansmith.data import Arrays, Digits, Folder
from gansmith.data.modality import Images
from gansmith.evaluation.metrics.neighbours import prdc
from gansmith.evaluation.metrics.scores import Moments, frechet_distance, kernel_distance
from gansmith.recipes import make
from gansmith.sampling.gallery import Gallery
from support import ROOT, assert_refused, assert_same_run, quick, refused, stop_after, tiny


def flat(path: Path, colour: Any, mode: str = "RGB", size: int = 8, **options: Any) -> Path:
    """A picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (size, size), colour).save(path, **options)
    return path


def features(count: int, width: int = 16, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def fd(one: torch.Tensor, other: torch.Tensor) -> float:
    return frechet_distance(Moments.of(one), Moments.of(other))


# ---------------------------------------------------------------------------------------------------- numbering of labels


def test_numbered_folders_keep_their_numbers(tmp_path: Path) -> None:
    for number in range(12):
        flat(tmp_path / str(number) / "a.png", (number, 0, 0))
    samples = Folder(str(tmp_path), size=8).load()
    assert samples.classes == tuple(map(str, range(12)))
    assert (samples.values[:, 0, 0, 0] == samples.labels).all()


def test_a_folder_and_its_table_number_alike(tmp_path: Path) -> None:
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "label"])
        for number in (10, 9, 1, 2, 0):
            flat(tmp_path / str(number) / "a.png", (number, 0, 0))
            table.writerow([f"{number}/a.png", number])
    by_folder, by_table = Folder(str(tmp_path), size=8).load(), Folder(str(tmp_path), size=8, labels="labels.csv").load()
    assert by_folder.classes == by_table.classes == ("0", "1", "2", "9", "10")
    np.testing.assert_array_equal(by_folder.labels, by_table.labels)


def test_the_class_asked_for_is_the_class_made(here: Path, cli: Any) -> None:
    run = gansmith.train(tiny("cgan", "budget=200images"), here / "run")
    assert cli("sample", run.path, "--count", 5, "--class", 7, "--out", "x.npz").code == 0
    assert (np.load("x.npz")["labels"] == 7).all()
    every = run.sample(0, 200)
    assert set(every.labels.tolist()) == set(range(10))  # a conditional generator that is asked for no class makes all


def test_pictures_and_labels_are_listed_in_one_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        flat(tmp_path / "ab"[number % 2] / f"{number}.png", (number, 0, 0))
    wanted = Folder(str(tmp_path), size=8).load()
    walk = os.walk

    def shuffled(*args: Any, **options: Any) -> Any:
        for folder, subfolders, names in walk(*args, **options):
            random.Random(3).shuffle(subfolders)
            yield folder, subfolders, random.Random(4).sample(names, len(names))

    monkeypatch.setattr(os, "walk", shuffled)
    found = Folder(str(tmp_path), size=8).load()
    np.testing.assert_array_equal(found.values, wanted.values)
    np.testing.assert_array_equal(found.labels, wanted.labels)
    assert ["ab"[int(value) % 2] for value in found.values[:, 0, 0, 0]] == [found.classes[n] for n in found.labels]


# ------------------------------------------------------------------------------- data silently different, missing, left out


@pytest.mark.parametrize(
    "stray", [".ipynb_checkpoints/a.png", "__MACOSX/cat/._a.png", "cat/._a.png", ".DS_Store", "cat/Thumbs.db"]
)
def test_files_of_the_system_are_no_samples_and_no_class(tmp_path: Path, stray: str) -> None:
    for name in ("cat", "dog"):
        flat(tmp_path / name / "a.png", (9, 9, 9))
    (tmp_path / stray).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / stray).write_bytes(b"no image")
    samples = Folder(str(tmp_path), size=8).load()
    assert samples.classes == ("cat", "dog")
    assert len(samples) == 2


def test_an_empty_class_folder_is_passed_over(tmp_path: Path) -> None:
    for name in ("a", "c"):
        flat(tmp_path / name / "a.png", (9, 9, 9))
    (tmp_path / "b").mkdir()
    samples = Folder(str(tmp_path), size=8).load()
    assert samples.classes == ("a", "c")
    assert samples.labels.tolist() == [0, 1]


@pytest.mark.parametrize("suffix", ["PNG", "Jpg", "JPEG", "jpeg", "webp", "TIFF"])
def test_the_case_of_an_ending_leaves_no_file_out(tmp_path: Path, suffix: str) -> None:
    flat(tmp_path / "a.png", (9, 9, 9))
    flat(tmp_path / f"b.{suffix}", (9, 9, 9))
    assert len(Folder(str(tmp_path), size=8).load()) == 2


def test_a_photograph_lies_as_a_viewer_shows_it(tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 8))
    image.paste((255, 0, 0), (0, 0, 8, 4))  # red above
    exif = image.getexif()
    exif[0x0112] = 6  # the camera was held upright: rotate by 90 degrees clockwise
    image.save(tmp_path / "a.png", exif=exif)
    red = Folder(str(tmp_path), size=8).load().values[0, 0] > 128
    assert red[:, 4:].all()
    assert not red[:, :4].any()


def test_a_photograph_in_cmyk_keeps_its_colours(tmp_path: Path) -> None:
    flat(tmp_path / "a.jpg", (0, 255, 255, 0), mode="CMYK", quality=95)  # red
    red, green, blue = Folder(str(tmp_path), size=8).load().values[0].mean((1, 2))
    assert red > 200
    assert green < 60
    assert blue < 60


def test_a_palette_is_colour(tmp_path: Path) -> None:
    image = Image.new("RGB", (8, 8), (200, 30, 30))
    image.paste((30, 200, 30), (0, 0, 4, 8))
    image.convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "a.png")
    assert Folder(str(tmp_path), size=8).load().values[0, :, 0, 7].tolist() == [200, 30, 30]


def test_more_samples_in_a_batch_than_in_the_set_still_trains(tmp_path: Path) -> None:
    np.savez(tmp_path / "few.npz", images=Digits().load().values[:20, 0])
    recipe = dataclasses.replace(quick("batch_size=64", budget="640images"), data=Arrays(str(tmp_path / "few.npz")))
    run = gansmith.train(recipe, tmp_path / "run")
    assert run.images == 640


def test_an_empty_cell_is_named_not_learned(tmp_path: Path) -> None:
    rows = np.ones((30, 3), np.float32)
    rows[7, 1] = np.nan
    np.savez(tmp_path / "rows.npz", points=rows)
    with pytest.raises(DataError, match=refused("row 7", "NaN")):
        Arrays(str(tmp_path / "rows.npz")).load()


def test_a_table_of_many_columns_stays_finite(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(200, 1846)).astype(np.float32)
    np.savez(tmp_path / "rows.npz", points=rows)
    recipe = make("default", ["budget=640images", "scores=none", "watch=none"], data=str(tmp_path / "rows.npz"))
    run = gansmith.train(recipe, tmp_path / "run")
    made = np.asarray(run.sample(0, 32))
    assert made.shape == (32, 1846)
    assert np.isfinite(made).all()


@pytest.mark.parametrize("name", ["two words", "Bäume", "写真", "a'b\"c", "x[1]=2,y"])
def test_any_name_of_a_folder_will_do(here: Path, cli: Any, name: str) -> None:
    for number in range(12):
        flat(here / name / f"{number}.png", (20 * number, 0, 0))
    run = here / f"run {name}"
    answer = cli("train", "tutorial-small", "budget=64images", "scores=none", "--data", name, "--run", run)
    assert answer.code == 0, answer.err
    assert cli("sample", run, "--count", 4, "--out", f"{name}.png").code == 0
    assert (here / f"{name}.png").is_file()


# ---------------------------------------------------------------------------------------------------- transparency, views


def test_invisible_pixels_have_one_colour(tmp_path: Path) -> None:
    for number, colour in enumerate([(255, 0, 0, 0), (0, 0, 255, 0)]):
        image = Image.new("RGBA", (8, 8), colour)
        image.paste((10, 20, 30, 255), (2, 2, 6, 6))
        image.save(tmp_path / f"{number}.png")
    one, other = Folder(str(tmp_path), size=8).load().values
    np.testing.assert_array_equal(one, other)


def test_transparency_never_turns_black(tmp_path: Path) -> None:
    flat(tmp_path / "a.png", (0, 0, 0, 0), mode="RGBA")
    assert (Folder(str(tmp_path), size=8, channels=3).load().values == 255).all()


def test_values_beyond_the_range_are_clamped_not_wrapped() -> None:
    made = Images().from_model(torch.tensor([-3.0, -1.0, 1.0, 1.1, 9.0]).reshape(5, 1, 1, 1))
    assert made.flatten().tolist() == [0, 0, 255, 255, 255]


def test_a_grid_shows_the_pixels_that_are_there(tmp_path: Path) -> None:
    dark = np.full((4, 8, 8, 1), 40, np.uint8)  # stretching the contrast would show it white or black
    Gallery(dark, Images()).save(tmp_path / "x.png")
    assert 40 in np.unique(np.asarray(Image.open(tmp_path / "x.png").convert("L")))
    Gallery(dark, Images()).save(tmp_path / "each")
    assert (np.asarray(Image.open(tmp_path / "each" / "000000.png")) == 40).all()


def test_grey_samples_are_saved_as_grey(tmp_path: Path) -> None:
    run = gansmith.train(quick(budget="64images"), tmp_path / "run")
    run.sample(0, 2).save(tmp_path / "each")
    image = Image.open(tmp_path / "each" / "000001.png")
    assert image.mode == "L"
    np.testing.assert_array_equal(np.asarray(image), run.sample(0, 2).array[1, :, :, 0])


# ---------------------------------------------------------------------------------------------------- numerics of scores


def test_equal_sets_have_distance_0_and_never_less() -> None:
    for count, width in ((6, 16), (17, 16), (500, 16), (30, 200)):
        assert 0 <= fd(features(count, width), features(count, width)) < 1e-6


def test_one_sample_repeated_has_a_finite_distance() -> None:
    real, collapsed = features(400), features(1).expand(400, -1)
    expected = float((real.double().mean(0) - collapsed[0].double()).square().sum() + real.double().var(0).sum())
    assert fd(real, collapsed) == pytest.approx(expected, rel=1e-9)  # a covariance of 0 leaves the means and the real variances


def test_fewer_samples_than_features_have_a_real_distance() -> None:
    one, other = features(40, 120, seed=1).double(), features(25, 120, seed=2).double()
    a, b = ((rows - rows.mean(0)) / (len(rows) - 1) ** 0.5 for rows in (one, other))
    trace = torch.linalg.svdvals(a @ b.T).sum()
    expected = (one.mean(0) - other.mean(0)).square().sum() + a.square().sum() + b.square().sum() - 2 * trace
    assert fd(one, other) == pytest.approx(float(expected), rel=1e-9)


def test_a_collapsed_generator_has_precision_and_no_recall() -> None:
    real = features(300)
    near_one = real[:1] + 1e-3 * features(300, seed=1)
    found = prdc(real, near_one)
    assert found.precision > 0.99
    assert found.recall < 0.02


def test_a_kernel_distance_of_six_samples_is_about_0_and_may_be_less() -> None:
    value, _ = kernel_distance(features(6), features(6, seed=1), subsets=20, subset_size=6)
    assert np.isfinite(value)  # unbiased: below 0 by chance is right, and is not cut off


def test_saving_changes_no_score(tmp_path: Path) -> None:
    run = gansmith.train(quick(budget="640images"), tmp_path / "run")
    made = run.sample(0, 50)
    made.save(tmp_path / "x.npz")
    made.save(tmp_path / "x")
    from_npz = Arrays(str(tmp_path / "x.npz")).load().values
    from_files = Folder(str(tmp_path / "x"), size=None).load().values
    np.testing.assert_array_equal(from_npz, from_files)
    np.testing.assert_array_equal(from_npz[:, 0], made.array[..., 0])


# ---------------------------------------------------------------------------------------------------- paths and resuming


def test_a_resumed_run_has_its_optimizers_back(tmp_path: Path) -> None:
    recipe = quick("optimizers.generator=adam", "optimizers.discriminator=adam", budget="1280images")
    gansmith.train(recipe, tmp_path / "whole")
    stop_after(recipe, tmp_path / "pieces", 7)
    gansmith.train(recipe, tmp_path / "pieces")
    assert_same_run(tmp_path / "whole", tmp_path / "pieces")


def test_a_run_folder_works_where_it_was_moved_to(here: Path, cli: Any) -> None:
    run = gansmith.train(quick(budget="64images"), here / "first")
    before = run.sample(0, 4).array
    (here / "elsewhere").mkdir()
    (here / "first").rename(here / "elsewhere" / "second")
    np.testing.assert_array_equal(gansmith.load("elsewhere/second").sample(0, 4).array, before)


def test_a_set_without_images_is_refused_with_what_was_found(here: Path, cli: Any) -> None:
    (here / "photos").mkdir()
    (here / "photos" / "notes.txt").write_text("later")
    assert_refused(cli("train", "--data", "photos", "budget=64images"), "photos", "no images", "1 other file")
    assert list(here.iterdir()) == [here / "photos"]


# ---------------------------------------------------------------------------------------------------- the list itself


def test_every_test_in_the_list_exists() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text()
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(named) > 60
    assert [name for name in sorted(named) if f"def {name}(" not in tests] == []
    assert sum("](https://github.com/" in line for line in page.splitlines()) >= 30
