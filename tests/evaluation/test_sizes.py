"""Both sides of an evaluation have one size, by one function, and what was resized is said."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gansmith
from gansmith.data import Digits, Folder, fit_images, memory
from gansmith.evaluation.evaluate import evaluate
from gansmith.evaluation.real_data import real_source, source_beside
from gansmith.evaluation.sizes import at_one_size
from gansmith.evaluation.sources import find_samples
from gansmith.recipes import make
from support import Answer

COUNT = 120


def pictures(folder: Path, *sizes: tuple[int, int], channels: int = 1, seed: int = 0) -> Path:
    """COUNT random images, of the sizes (width, height) in turn."""
    folder.mkdir()
    random = np.random.default_rng(seed)
    for i in range(COUNT):
        width, height = sizes[i % len(sizes)]
        pixels = random.integers(0, 256, (height, width, channels), np.uint8)
        Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels).save(folder / f"{i:03d}.png")
    return folder


def opened(made: Path | np.ndarray, real: str, size: int | None = None) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """The shapes of both sides as an evaluation compares them, and the number of notes."""
    subject = find_samples(made, 100, 1, size=size)
    source, notes = real_source(subject, real, size)
    fitted, load, more = at_one_size(subject, source.load, "real", size)
    assert next(fitted.chunks(0)).shape[1:] == fitted.shape
    return fitted.shape, load("train").shape, len((*subject.notes, *notes, *more))


CASES: dict[
    str, tuple[tuple[list[tuple[int, int]], int], tuple[list[tuple[int, int]], int], int | None, tuple[int, ...], int]
] = {
    # samples (sizes, channels), real (sizes, channels), --size, the shape of both, notes
    "one size": (([(28, 28)], 1), ([(28, 28)], 1), None, (1, 28, 28), 0),
    "one size that is no square": (([(12, 20)], 1), ([(12, 20)], 1), None, (1, 20, 12), 0),
    "real are larger": (([(12, 12)], 1), ([(30, 20)], 1), None, (1, 12, 12), 1),
    "made are larger": (([(30, 20)], 1), ([(12, 12)], 1), None, (1, 12, 12), 1),
    "real have several sizes": (([(12, 12)], 1), ([(30, 20), (90, 70)], 1), None, (1, 12, 12), 1),
    "both have several sizes": (([(90, 80), (70, 71)], 1), ([(30, 20), (90, 70)], 1), None, (1, 64, 64), 2),
    "a size is given": (([(12, 12)], 1), ([(30, 20)], 1), 16, (1, 16, 16), 2),
    "grey beside colour": (([(12, 12)], 1), ([(12, 12)], 3), None, (3, 12, 12), 1),
    "colour beside transparent": (([(12, 12)], 3), ([(12, 12)], 4), None, (3, 12, 12), 1),
}


@pytest.mark.parametrize("case", CASES)
def test_both_sides_of_two_folders_have_one_size(case: str, tmp_path: Path) -> None:
    made, real, size, expected, num_notes = CASES[case]
    folders = [pictures(tmp_path / name, *sizes, channels=c) for name, (sizes, c) in (("made", made), ("real", real))]
    assert opened(folders[0], str(folders[1]), size) == (expected, expected, num_notes)


def test_which_side_is_which_makes_no_difference(tmp_path: Path) -> None:
    large, small = pictures(tmp_path / "large", (21, 34)), pictures(tmp_path / "small", (8, 8))
    for made, real in ((large, small), (small, large)):
        subject = find_samples(made, 100, 1)
        source, _ = real_source(subject, str(real), None)
        fitted, load, _ = at_one_size(subject, source.load, "real", None)
        values = {made: next(fitted.chunks(0)), real: load("train").values}
        expected = fit_images(Folder(str(large), size=None).load().values, 8, 1, "x")
        assert np.array_equal(values[large], expected)
        assert np.array_equal(values[small], Folder(str(small), size=None).load().values)


def test_an_array_and_data_with_a_name_are_brought_to_one_size_too() -> None:
    array = np.random.default_rng(0).integers(0, 256, (COUNT, 16, 16, 3), np.uint8)
    assert opened(array, "digits") == ((3, 8, 8), (3, 8, 8), 1)


def test_the_same_images_twice_are_alike_at_any_size_and_it_is_said(tmp_path: Path, cli: Callable[..., Answer]) -> None:
    real = pictures(tmp_path / "real", (28, 20))
    shutil.copytree(real, tmp_path / "made")
    answer = cli("evaluate", tmp_path / "made", "--data", real, "--size", "12", "--extractor", "pixels")
    assert answer.code == 0, answer.err
    assert answer.out.count("images of 28 x 20 are read at 12 x 12") == 2
    found = evaluate(str(tmp_path / "made"), str(real), size=12, extractor="pixels")
    assert found.scores["near_copies"].value == 1.0
    assert len(found.data["notes"]) == 2


# ---------------------------------------------------------------------------------------------- a run and its data


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run on the class folders `a`, read at 8 x 8."""
    here = tmp_path_factory.mktemp("trained")
    for name, images in zip("xy", np.split(Digits().load().values[:200, 0], 2), strict=True):
        (here / "a" / name).mkdir(parents=True)
        for i, pixels in enumerate(images):
            Image.fromarray(pixels).resize((20, 16)).save(here / "a" / name / f"{i:03d}.png")
    small = ["noise.dim=4", "batch_size=20", "scores=none", "watch=none", "budget=100images", "pictures.count=4"]
    gansmith.train(make("tutorial-small", [*small, "data.size=8", "condition=labels"], str(here / "a")), here / "run")
    return here


def test_moved_data_are_read_as_the_run_read_them_and_keep_their_classes(trained: Path, tmp_path: Path) -> None:
    own = evaluate(trained / "run", count=100, draws=1)
    shutil.copytree(trained / "a", tmp_path / "b")
    moved = evaluate(trained / "run", str(tmp_path / "b"), count=100, draws=1)
    assert own.data["sha256"] == moved.data["sha256"]
    assert moved.scores == own.scores
    assert "class_coverage" in moved.scores


def test_data_that_changed_are_refused_unless_they_are_named(trained: Path, tmp_path: Path, cli: Callable[..., Answer]) -> None:
    here = Path(shutil.copytree(trained, tmp_path / "all"))
    Image.fromarray(np.zeros((16, 20), np.uint8)).save(here / "a" / "x" / "000.png")
    run = gansmith.load(here / "run")
    assert run.recipe.data == Folder(str(trained / "a"), size=8)
    run.recipe.data.__dict__["path"] = str(here / "a")
    with pytest.raises(gansmith.DataError, match="have changed since training"):
        evaluate(run, count=100, draws=1)
    assert "class_coverage" not in evaluate(here / "run", str(here / "a"), count=100, draws=1).scores


def test_data_that_are_gone_are_named(trained: Path, tmp_path: Path) -> None:
    run = gansmith.load(trained / "run")
    run.recipe.data.__dict__["path"] = str(tmp_path / "gone")
    with pytest.raises(gansmith.DataError, match=r"no longer at .*gone.*--data"):
        evaluate(run, count=100, draws=1)


@pytest.mark.parametrize("kind", ["folder", "array"])
def test_a_size_that_does_not_fit_in_memory_is_answered_with_its_option(
    kind: str, tmp_path: Path, cli: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, real = pictures(tmp_path / "made", (12, 12)), pictures(tmp_path / "real", (12, 12))
    if kind == "array":
        made = tmp_path / "made.npz"
        np.savez(made, images=np.zeros((COUNT, 12, 12), np.uint8))
    monkeypatch.setattr(memory, "usable_bytes", lambda: COUNT * 16 * 16 - 1)
    answer = cli("evaluate", made, "--data", real, "--size", 16)
    assert answer.code == 2
    assert "compare smaller images with --size, or use fewer samples" in answer.err
    assert "data.size" not in answer.err


def test_points_that_do_not_fit_in_memory_are_not_told_of_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "made.npy", np.zeros((COUNT, 300), np.float32))
    monkeypatch.setattr(memory, "usable_bytes", lambda: COUNT * 300)
    with pytest.raises(gansmith.DataError, match=r"made.npy needs .* use fewer samples, or fewer columns of each$"):
        evaluate(str(tmp_path / "made.npy"), "ring")


def test_other_images_of_16_bits_become_the_greys_of_the_runs_own(tmp_path: Path) -> None:
    """The range that was found in the run's folder, not one of the other folder's own."""
    for name, value in (("own/a", 4000), ("own/b", 0), ("other/a", 2000), ("other/b", 0)):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 8), value, np.uint16)).save(path)
    own, other = Folder(str(tmp_path / "own"), size=8), str(tmp_path / "other")
    source, _ = source_beside(own, (1, 8, 8), other)
    assert source.load().values.max() == 128
    shutil.rmtree(tmp_path / "own")  # data that were moved have the range that training found
    assert source_beside(own, (1, 8, 8), other)[0].load().values.max() == 255
