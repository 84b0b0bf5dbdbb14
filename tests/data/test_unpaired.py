"""Two sets of images without pairs: each is read in an order of its own, and two folders with the same images are refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansmith.core.component import from_json, to_json
from gansmith.core.errors import DataError
from gansmith.data import Endless, RandomCrops, Samples, Unpaired, Validated, source
from support import quick, refused, trainer


def fill(root: Path, numbers: range, channels: int = 1) -> Path:
    """Images that are their number all over."""
    root.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        image = np.full((8, 8, 3), number, np.uint8)
        Image.fromarray(image if channels == 3 else image[..., 0]).save(root / f"{number:03d}.png")
    return root


@pytest.fixture
def sets(here: Path) -> Unpaired:
    """20 grey images 0 to 19 of domain A, and 30 coloured ones, 100 to 129, of domain B; all for training."""
    for split, a, b in (("train", range(20), range(100, 130)), ("val", range(20, 24), range(130, 136)),
                        ("test", range(24, 31), range(136, 141))):  # fmt: skip
        fill(here / "a" / split, a)
        fill(here / "b" / split, b, channels=3)
    return Unpaired("a", "b", size=None)


def numbers_of(samples: Samples) -> tuple[list[int], list[int]]:
    """The numbers of the source images, and those of the samples."""
    assert samples.source_images is not None
    return samples.source_images[:, 0, 0, 0].tolist(), samples.values[:, 0, 0, 0].tolist()


def test_the_smaller_set_is_repeated_to_the_length_of_the_larger(sets: Unpaired) -> None:
    assert isinstance(sets, Endless)
    assert isinstance(sets, Validated)
    assert from_json(to_json(sets)) == sets
    samples = sets.load()
    source.check(samples, sets)
    assert samples.shape == (3, 8, 8)
    assert samples.source_shape == (1, 8, 8)
    assert numbers_of(samples) == ([*range(20), *range(10)], [*range(100, 130)])
    assert numbers_of(sets.load("test")) == ([*range(24, 31)], [136, 137, 138, 139, 140, 136, 137])
    assert numbers_of(sets.validation()) == ([20, 21, 22, 23, 20, 21], [*range(130, 136)])
    assert any("20 source images and 30 samples without pairs" in note for note in samples.notes)


def test_the_direction_swaps_the_sets(sets: Unpaired) -> None:
    swapped = Unpaired("a", "b", direction="BtoA", size=None)
    assert numbers_of(swapped.load())[::-1] == numbers_of(sets.load())


def test_training_reads_each_set_in_an_order_of_its_own(sets: Unpaired) -> None:
    batch = sets.batch_maker()
    sources, values = numbers_of(batch(3, 0, 60))
    for epoch in range(3):
        assert sorted(sources[20 * epoch : 20 * epoch + 20]) == [*range(20)]
    for epoch in range(2):
        assert sorted(values[30 * epoch : 30 * epoch + 30]) == [*range(100, 130)]
    assert sources[:20] != sources[20:40]
    # Partners differ from epoch to epoch, and a batch is a function of its place.
    assert len(set(zip(sources, values, strict=True))) > 55
    assert numbers_of(batch(3, 17, 20)) == (sources[17:37], values[17:37])
    assert numbers_of(batch(4, 0, 60)) != (sources, values)


def test_sets_of_one_length_are_not_read_in_one_order(here: Path) -> None:
    for name, numbers in {"trainA": range(40), "trainB": range(100, 140)}.items():
        fill(here / "root" / name, numbers)
    made = Unpaired("root", size=None)
    num = len(made.load())
    sources, values = numbers_of(made.batch_maker()(0, 0, num))
    ranks = [np.argsort(np.argsort(numbers)).tolist() for numbers in (sources, values)]
    assert ranks[0] != ranks[1]
    parts = [numbers_of(part) for part in (made.load(), made.validation(), made.load("test"))]
    for side in (0, 1):
        together = [number for part in parts for number in set(part[side])]
        assert len(together) == len(set(together)) == 40


def test_training_reads_the_batches(sets: Unpaired) -> None:
    game = trainer(quick("data=unpaired(path=a,target=b,size=8)"))
    batch = game.read(0)
    assert batch.real.shape[1:] == (3, 8, 8)
    assert game.validation is not None
    assert numbers_of(game.validation) == numbers_of(sets.validation())


def test_crops_of_unpaired_images_keep_their_orders(sets: Unpaired) -> None:
    made = RandomCrops(sets, size=6, enlarge=1.0)
    assert numbers_of(made.batch_maker()(3, 5, 20)) == numbers_of(sets.batch_maker()(3, 5, 20))


@pytest.mark.parametrize("how", ["all", "some"])
def test_folders_with_the_same_images_are_refused(here: Path, how: str) -> None:
    fill(here / "a", range(20))
    shutil.copytree(here / "a", here / "b")
    for file in sorted((here / "b").iterdir())[: 0 if how == "all" else 8]:
        file.unlink()
    with pytest.raises(DataError, match=refused("a and b hold the same images")):
        Unpaired("a", "b").load()


def test_a_folder_of_one_set_is_refused(here: Path) -> None:
    fill(here / "a", range(20))
    with pytest.raises(DataError, match=refused("a has no two sides", "trainA and trainB", "unpaired:SOURCES,TARGETS")):
        Unpaired("a").load()
    (here / "b").mkdir()
    with pytest.raises(DataError, match=refused("b has no images")):
        Unpaired("a", "b").load()
