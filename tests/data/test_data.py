"""Data: names and paths, points whose truth is known, the small digits, and the real MNIST and Fashion-MNIST."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gansmith.core.component import from_json, to_json
from gansmith.core.errors import DataError, RecipeError
from gansmith.core.overrides import override
from gansmith.data import (
    NAMES,
    Arrays,
    Digits,
    Faces,
    FashionMnist,
    Folder,
    Grid,
    Idx,
    KnownClasses,
    KnownShape,
    Mnist,
    Rare,
    Ring,
    Samples,
    Source,
    Split,
    StackedMnist,
    display_name,
    find_source,
    memory,
    num_classes,
    own_extractor,
    sample_shape,
    source,
    train_shape,
)
from gansmith.data.source import Batches
from gansmith.recipes import make
from support import refused, trainer

# ---------------------------------------------------------------------------------------------------- the room as a whole


def test_importing_the_room_imports_nothing_heavy() -> None:
    heavy = {"torch", "PIL", "sklearn", "urllib.request", "matplotlib"}
    code = f"import sys, gansmith.data; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", NAMES)
def test_a_named_set_is_a_source_that_survives_json_and_bears_its_name(name: str) -> None:
    made = find_source(name)
    assert isinstance(made, Source)
    assert from_json(to_json(made)) == made
    assert display_name(made) == name
    assert "\n" not in NAMES[name].purpose
    assert NAMES[name].licence
    assert NAMES[name].homepage.startswith("http")


@pytest.mark.parametrize("made", [Idx("a"), Arrays("a", size=8), Folder("a", fit="pad", channels=3, skip_bad=True)])
def test_a_source_with_a_path_survives_json(made: Source) -> None:
    assert from_json(to_json(made)) == made


def test_fields_are_checked_and_can_be_overridden() -> None:
    assert override(Mnist(), "size=32") == Mnist(size=32)
    assert override(Folder("a"), "size=none") == Folder("a", size=None)
    assert override(Folder("a"), "channels=3") == Folder("a", channels=3)
    for wrong in ({"size": 0}, {"size": 4097}, {"size": 1.5}, {"channels": 2}):
        with pytest.raises(RecipeError, match=refused("Mnist", *wrong)):
            Mnist(**wrong)
    for wrong in ({"num": 0}, {"modes": 0}, {"std": 0.0}, {"radius": -1.0}):
        with pytest.raises(RecipeError, match=refused("Ring", *wrong)):
            Ring(**wrong)


def test_samples_have_a_length_and_the_shape_of_one() -> None:
    samples = Samples(np.zeros((5, 3, 4, 6), np.uint8))
    assert len(samples) == 5
    assert samples.shape == (3, 4, 6)


# ---------------------------------------------------------------------------------------------------- finding


BYTES, POINTS = np.zeros((4, 3, 8, 6), np.uint8), np.zeros((4, 2), np.float32)


@pytest.mark.parametrize("samples", [Samples(BYTES), Samples(POINTS), Samples(BYTES, np.arange(4)), Digits().load()])
def test_what_a_source_promises_is_let_through(samples: Samples) -> None:
    source.check(samples, Digits())


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (BYTES, ("expected load to return Samples(values)", "got ndarray of uint8 [4, 3, 8, 6]")),
        (None, ("expected load to return Samples(values)", "got NoneType")),
        (Samples(BYTES.astype(np.float32)), ("expected a NumPy array of uint8 images", "got ndarray of float32 [4, 3, 8, 6]")),
        (Samples(BYTES.transpose(0, 2, 3, 1)), ("C in 1, 3, 4", "got ndarray of uint8 [4, 8, 6, 3]")),
        (Samples(BYTES[:, 0]), ("got ndarray of uint8 [4, 8, 6]",)),
        (Samples(POINTS.astype(np.float64)), ("float32 points [N, D]", "got ndarray of float64 [4, 2]")),
        (Samples(POINTS.astype(np.uint8)), ("got ndarray of uint8 [4, 2]",)),
        (Samples(BYTES.tolist()), ("got list",)),
        (Samples(np.array([[0, 1], [2, np.nan]], np.float32)), ("expected finite points", "row 1")),
        (Samples(np.array([[-np.inf, 1], [2, 3]], np.float32)), ("expected finite points", "row 0")),
        (Samples(BYTES, np.arange(3)), ("expected labels int64 [4]", "got ndarray of int64 [3]")),
        (Samples(BYTES, np.zeros((4, 1), np.int64)), ("expected labels int64 [4]", "got ndarray of int64 [4, 1]")),
        (Samples(BYTES, np.arange(4, dtype=np.int32)), ("expected labels int64 [4]", "got ndarray of int32 [4]")),
        (Samples(BYTES, [0, 1, 2, 3]), ("expected labels int64 [4]", "got list")),  # type: ignore[arg-type]
    ],
)
def test_what_no_source_may_give_is_refused_with_what_came(samples: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=refused("data source Ring", *words)):
        source.check(samples, Ring())


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (BYTES, ("expected batch_maker to return Samples(values)",)),
        (Samples(BYTES.astype(np.float32)), ("uint8 images", "convert it in batch_maker")),
        (Samples(BYTES, np.arange(3)), ("expected labels int64 [4]", "convert them in batch_maker")),
        (Samples(BYTES[:3]), ("expected batch_maker to make uint8 [4, 3, 8, 6]", "got ndarray of uint8 [3, 3, 8, 6]")),
        (Samples(BYTES[:, :, :6]), ("expected batch_maker to make uint8 [4, 3, 8, 6]", "got ndarray of uint8 [4, 3, 6, 6]")),
        (Samples(POINTS), ("expected batch_maker to make uint8 [4, 3, 8, 6]", "got ndarray of float32 [4, 2]")),
    ],
)
def test_what_is_made_on_the_fly_must_be_like_what_is_loaded(made: Any, words: tuple[str, ...]) -> None:
    class Wrong(StackedMnist):
        def load(self, split: Split = "train") -> Samples:
            return Samples(BYTES)

        def batch_maker(self) -> Batches:
            return lambda seed, images, count: made

    recipe = dataclasses.replace(make("tutorial-small", ["batch_size=4"], "digits"), data=Wrong())
    with pytest.raises(DataError, match=refused("data source Wrong", *words)):
        trainer(recipe)


def test_find_tells_paths_apart(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits/train-images-idx3-ubyte.gz").touch()
    for name in ("a.npy", "a.npz", "faces-idx3-ubyte.gz", "notes.txt", "a.png"):
        (tmp_path / name).touch()
    assert find_source(f"{tmp_path}/photos") == Folder(f"{tmp_path}/photos")
    assert find_source(f"{tmp_path}/photos", skip_bad=True) == Folder(f"{tmp_path}/photos", skip_bad=True)
    assert find_source(f"{tmp_path}/digits") == Idx(f"{tmp_path}/digits")
    assert find_source(f"{tmp_path}/a.npy") == Arrays(f"{tmp_path}/a.npy")
    assert find_source(f"{tmp_path}/a.npz") == Arrays(f"{tmp_path}/a.npz")
    assert find_source(f"{tmp_path}/faces-idx3-ubyte.gz") == Idx(f"{tmp_path}/faces-idx3-ubyte.gz")
    for name in ("notes.txt", "a.png"):
        with pytest.raises(DataError, match=refused(name, "expected a folder of images")):
            find_source(f"{tmp_path}/{name}")


@pytest.mark.parametrize("is_folder", [True, False])
def test_a_name_that_is_also_a_path_is_refused_with_both_ways_to_say_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_folder: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_source("mnist") == find_source("builtin:mnist") == Mnist()
    (tmp_path / "mnist").mkdir() if is_folder else (tmp_path / "mnist").touch()
    with pytest.raises(DataError, match=refused("mnist is both", "--data ./mnist", "--data builtin:mnist")):
        find_source("mnist")
    assert find_source("builtin:mnist") == Mnist()
    if is_folder:
        assert find_source("./mnist") == Folder("./mnist")
    with pytest.raises(DataError, match=refused("unknown data set 'minst'", "did you mean 'mnist'")):
        find_source("builtin:minst")


@pytest.mark.parametrize(
    ("typo", "meant"), [("minst", "mnist"), ("MNIST", "mnist"), ("fashion_mnist", "fashion-mnist"), ("rings", "ring")]
)
def test_a_typo_gets_the_nearest_name(typo: str, meant: str) -> None:
    with pytest.raises(DataError, match=refused(f"unknown data set '{typo}'; did you mean '{meant}'?")):
        find_source(typo)


@pytest.mark.parametrize(
    "path",
    ["photos/", "no/such/place", "faces.npz", "x.idx3-ubyte.gz", "me.JPG", "~/nowhere-at-all", "~nobody-at-all/x", "x/" * 3000],
)
def test_a_path_that_is_not_there_is_not_taken_for_a_typo(path: str) -> None:
    with pytest.raises(DataError, match=refused(f"no such file or folder: {path[:100]}")):
        find_source(path)


@pytest.mark.parametrize("text", ["", "zzzzzzzz"])
def test_nonsense_gets_the_first_names(text: str) -> None:
    with pytest.raises(DataError, match=refused("known: digit-pairs, digits, emoji-pairs, faces, fashion-mnist and")):
        find_source(text)


def test_skip_bad_is_refused_where_it_would_do_nothing() -> None:
    with pytest.raises(DataError, match=refused("skip_bad is for folders of images", "mnist")):
        find_source("mnist", skip_bad=True)


def test_labels_are_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert display_name(Folder("some/where/cats/")) == "cats"
    assert display_name(Arrays("x/faces.npz")) == "faces.npz"
    assert display_name(Folder(".")) == tmp_path.name
    assert display_name(FashionMnist(size=32)) == "fashion-mnist"


@pytest.mark.parametrize(
    "made",
    [Digits(), Digits(size=9, channels=3), Ring(num=50, modes=3), Grid(num=500, side=2), Mnist(), FashionMnist(size=8)],
    ids=str,
)
def test_what_a_source_knows_of_itself_is_what_it_loads(made: Source) -> None:
    assert isinstance(made, KnownShape)
    assert isinstance(made, KnownClasses)
    samples = made.load()
    assert train_shape(made) == made.train_shape == samples.values.shape
    assert num_classes(made) == made.num_classes == samples.num_classes


def test_what_a_source_of_ones_own_knows_is_believed_without_loading_it() -> None:
    class Mine:
        train_shape, num_classes, extractor = (7, 3, 8, 8), 4, "pixels"

        def load(self, split: Split = "train") -> Samples:
            raise AssertionError("loaded")

    made = Rare(Mine())
    assert (sample_shape(made), num_classes(made), own_extractor(made)) == ((3, 8, 8), 4, "pixels")
    assert train_shape(Mine()) == (7, 3, 8, 8)


def test_data_that_are_known_to_have_no_classes_are_refused_without_loading_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path))
    with pytest.raises(DataError, match=refused("faces has no labels", "condition=clusters")):
        num_classes(Faces())
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize(
    ("made", "advice"),
    [
        (Ring(), "use fewer samples, or fewer columns"),
        (Grid(), "use fewer samples, or fewer columns"),
        (Digits(size=64), "make the images smaller with data.size=..."),
    ],
)
def test_what_does_not_fit_in_memory_is_refused_before_it_is_made(
    made: Source, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "usable_bytes", lambda: 1_000_000)
    with pytest.raises(DataError, match=refused("GiB of memory", "60% of the usable memory", advice)) as refusal:
        made.load()
    assert ("image" in str(refusal.value)) == isinstance(made, Digits)


def test_the_limit_is_60_percent_of_the_memory_and_read_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 2**28 < memory.usable_bytes() < 2**46
    monkeypatch.setattr(memory, "_usable_memory", lambda: 1000)
    memory.usable_bytes.cache_clear()
    try:
        assert memory.usable_bytes() == 600
    finally:
        memory.usable_bytes.cache_clear()


def test_importing_the_room_does_not_look_at_the_memory() -> None:
    code = "from gansmith.data import memory; assert memory.usable_bytes.cache_info().currsize == 0"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (("536870912\n", None), 2**29),  # cgroup v2
        ((None, "268435456\n"), 2**28),  # v1
        (("max\n", None), 2**33),
        ((None, "9223372036854771712\n"), 2**33),  # what v1 says where there is no limit
        (("", None), 2**33),
        ((None, None), 2**33),
    ],
)
def test_a_containers_limit_counts_where_it_is_less_than_the_machines_memory(
    said: tuple[str | None, str | None], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_physical_memory", lambda: 2**33)
    paths = (tmp_path / "memory.max", tmp_path / "memory.limit_in_bytes")
    for path, text in zip(paths, said, strict=True):
        if text is not None:
            path.write_text(text)
    assert memory._usable_memory(paths) == expected
    monkeypatch.setattr(memory, "usable_bytes", lambda: 2**30)
    with pytest.raises(DataError, match=refused("ring", "1.49 GiB", "the limit is 1 GiB")):
        Ring(num=10**8).load()


# ---------------------------------------------------------------------------------------------------- points


@pytest.mark.parametrize(
    ("made", "means"),
    [
        (Ring(), [(np.cos(a), np.sin(a)) for a in np.arange(8) * np.pi / 4]),
        (Grid(), [(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)]),
    ],
)
def test_points_follow_the_published_mixtures(made: Ring | Grid, means: list[tuple[float, float]]) -> None:
    samples = made.load()
    assert samples.values.dtype == np.float32
    assert samples.values.shape == (100_000, 2)
    assert samples.labels is not None
    assert samples.labels.dtype == np.int64
    assert samples.classes is not None
    assert len(samples.classes) == len(means)
    np.testing.assert_allclose(made.means(), means, atol=1e-12)
    error = (samples.values - np.array(means)[samples.labels]) / made.std
    # Of 200,000 standard normal numbers: mean, spread, and the 98.89% of points within three standard deviations.
    assert abs(error.mean()) < 5 / np.sqrt(error.size)
    assert abs(error.std() - 1) < 5 / np.sqrt(2 * error.size)
    assert abs((np.hypot(*error.T) < 3).mean() - 0.98889) < 0.0017
    # Each mode is equally likely: within five standard deviations of a binomial.
    share = 1 / len(means)
    counts = np.bincount(samples.labels, minlength=len(means))
    assert np.abs(counts - share * 100_000).max() < 5 * np.sqrt(100_000 * share * (1 - share))


@pytest.mark.parametrize("kind", [Ring, Grid])
def test_points_are_fixed_and_fewer_are_the_first_of_more(kind: type[Ring] | type[Grid]) -> None:
    many, few = kind(num=5_000).load(), kind(num=7).load()
    assert many.labels is not None
    assert few.labels is not None
    np.testing.assert_array_equal(few.values, many.values[:7])
    np.testing.assert_array_equal(few.labels, many.labels[:7])
    test = kind(num=5_000).load("test")
    assert not np.isin(test.values, many.values).all(axis=1).any()


def test_points_stay_what_they_were_in_the_first_release() -> None:
    points = Ring(num=3).load().values
    np.testing.assert_allclose(points, [[0.00575709, -1.0026246], [0.6826845, 0.7230276], [-0.69852704, 0.6974526]], atol=1e-6)


def test_a_ring_and_a_grid_of_another_size() -> None:
    assert Ring(modes=3, radius=2.0).means().shape == (3, 2)
    np.testing.assert_allclose(np.hypot(*Ring(modes=3, radius=2.0).means().T), 2)
    np.testing.assert_allclose(Grid(side=2, spacing=3.0).means(), [(-1.5, -1.5), (-1.5, 1.5), (1.5, -1.5), (1.5, 1.5)])


# ---------------------------------------------------------------------------------------------------- real data


def test_digits_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    train, test = Digits().load(), Digits().load("test")
    assert train.values.shape == (1497, 1, 8, 8)
    assert test.values.shape == (300, 1, 8, 8)
    both = np.concatenate([train.values, test.values])[:, 0]
    assert both.dtype == np.uint8
    assert (both.min(), both.max()) == (0, 255)
    np.testing.assert_array_equal(np.rint(both * (16 / 255)), load_digits().images)
    assert train.labels is not None
    assert test.labels is not None
    np.testing.assert_array_equal(np.concatenate([train.labels, test.labels]), load_digits().target)
    assert Digits(size=16, channels=3).load().shape == (3, 16, 16)


_MNIST_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


@pytest.mark.parametrize(
    ("made", "counts", "means"),
    [(Mnist(), _MNIST_COUNTS, (33.318421, 33.791224)), (FashionMnist(), [6000] * 10, (72.940352, 73.146569))],
    ids=display_name,
)
def test_mnist_and_its_kin_are_the_real_ones(made: Source, counts: list[int], means: tuple[float, float]) -> None:
    train, test = made.load(), made.load("test")
    assert train.values.shape == (60_000, 1, 28, 28)
    assert test.values.shape == (10_000, 1, 28, 28)
    assert train.labels is not None
    assert test.labels is not None
    assert np.bincount(train.labels).tolist() == counts
    assert len(test.labels) == 10_000
    assert train.classes is not None
    assert len(train.classes) == 10
    assert train.values.mean() == pytest.approx(means[0], abs=1e-5)
    assert test.values.mean() == pytest.approx(means[1], abs=1e-5)


def test_mnist_can_be_resized_and_coloured() -> None:
    plain, made = Mnist().load("test"), Mnist(size=32, channels=3).load("test")
    assert made.shape == (3, 32, 32)
    np.testing.assert_array_equal(made.values[:, 0], made.values[:, 2])
    # Resampling keeps the brightness, but for the clipped ringing of Lanczos.
    assert made.values.mean() == pytest.approx(plain.values.mean(), rel=0.02)
