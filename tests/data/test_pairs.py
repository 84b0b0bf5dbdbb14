"""Pairs of one's own: which images belong together, which part each pair is in, and what is refused before work begins."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansmith.core.component import from_json, to_json
from gansmith.core.errors import DataError
from gansmith.data import (
    Folder,
    Pairs,
    RandomCrops,
    Ring,
    Samples,
    Unpaired,
    Validated,
    display_name,
    find_source,
    sample_shape,
    sides,
    source,
)
from gansmith.data.location import digest_of_samples, located, moved, path_of
from gansmith.recipes import make
from support import Answer, refused

SIZE = 12


def picture(number: int, *, is_source: bool, width: int = SIZE, height: int = SIZE) -> np.ndarray:
    """An image that tells its number and side: a grey source image, or a coloured target with the number in red."""
    if is_source:
        return np.full((height, width), number, np.uint8)
    return np.stack([np.full((height, width), value, np.uint8) for value in (number, 255 - number, 7)], axis=2)


def fill(root: Path, numbers: range, *, is_source: bool, ending: str = ".png", **size: int) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        Image.fromarray(picture(number, is_source=is_source, **size)).save(root / f"{number:03d}{ending}")
    return root


def beside(root: Path, numbers: range, width: int = SIZE) -> Path:
    """Images with the source on the left and the target on the right."""
    root.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        left = np.repeat(picture(number, is_source=True, width=width)[..., None], 3, axis=2)
        Image.fromarray(np.concatenate([left, picture(number, is_source=False, width=width)], axis=1)).save(
            root / f"{number:03d}.png"
        )
    return root


@pytest.fixture
def two(here: Path) -> tuple[str, str]:
    """Two folders with forty pairs."""
    fill(here / "grey", range(40), is_source=True)
    fill(here / "colour", range(40), is_source=False, ending=".bmp")
    return "grey", "colour"


def numbers_of(samples: Samples) -> list[int]:
    """The numbers of the pairs; both sides of each agree on theirs."""
    assert samples.source_images is not None
    first, second = samples.source_images[:, 0, 0, 0], samples.values[:, 0, 0, 0]
    assert np.array_equal(first, second)
    return [int(number) for number in first]


def parts_of(made: Pairs) -> dict[str, list[int]]:
    return {"train": numbers_of(made.load()), "validation": numbers_of(made.validation()), "test": numbers_of(made.load("test"))}


def test_images_of_two_folders_belong_together_by_name(two: tuple[str, str]) -> None:
    made = Pairs(*two, size=None)
    assert isinstance(made, Validated)
    samples = made.load()
    source.check(samples, made)
    assert samples.shape == (3, SIZE, SIZE)
    assert samples.source_shape == (1, SIZE, SIZE)  # grey stays grey
    parts = parts_of(made)
    assert sorted(itertools.chain(*parts.values())) == list(range(40))
    assert all(1 <= len(parts[part]) <= 10 for part in ("validation", "test"))
    assert any("chosen by a hash of their names" in note for note in samples.notes)
    assert from_json(to_json(made)) == made


def test_more_pairs_leave_the_others_in_their_part(two: tuple[str, str], here: Path) -> None:
    before = parts_of(Pairs(*two))
    fill(here / "grey", range(40, 80), is_source=True)
    fill(here / "colour", range(40, 80), is_source=False, ending=".bmp")
    after = parts_of(Pairs(*two))
    for part, numbers in before.items():
        assert set(numbers) == {number for number in after[part] if number < 40}


@pytest.mark.parametrize("count", range(4, 12))
def test_each_part_gets_a_pair_and_most_are_for_training(count: int) -> None:
    for start in range(50):
        rows = sides.rows_by_name([f"{start}-{i}" for i in range(count)], ("validation", "test"), "x")
        assert sorted(np.concatenate(list(rows.values())).tolist()) == list(range(count))
        assert len(rows["validation"]) >= 1
        assert len(rows["test"]) >= 1
        assert len(rows["train"]) >= count / 2


def test_the_shares_of_the_parts_are_tenths() -> None:
    rows = sides.rows_by_name([f"photograph {i}" for i in range(5000)], ("validation", "test"), "x")
    assert all(400 < len(rows[part]) < 600 for part in ("validation", "test"))


def test_the_direction_swaps_the_sides(two: tuple[str, str]) -> None:
    there, back = Pairs(*two).load(), Pairs(*two, direction="BtoA").load()
    assert there.source_images is not None
    assert back.source_images is not None
    assert np.array_equal(there.values, back.source_images)
    assert np.array_equal(there.source_images, back.values)
    assert digest_of_samples(there) != digest_of_samples(back)


def test_images_side_by_side_are_cut_in_the_middle(here: Path, two: tuple[str, str]) -> None:
    beside(here / "both", range(40))
    made = Pairs("both", size=None, source_channels=1)
    assert parts_of(made) == parts_of(Pairs(*two))
    apart, cut = Pairs(*two, size=None).load(), made.load()
    assert np.array_equal(apart.values, cut.values)
    assert cut.source_images is not None
    assert cut.source_shape == (1, SIZE, SIZE)
    assert any("the left half of each image is the source image" in note for note in cut.notes)
    swapped = Pairs("both", size=None, direction="BtoA").load()
    assert np.array_equal(swapped.source_images, cut.values)


def test_both_sides_are_cropped_and_resized_alike(here: Path) -> None:
    """A white column wanders: where it is in the source image it is in the target too, after any fit."""
    for name in ("a", "b"):
        (here / name).mkdir()
        for i in range(8):
            image = np.zeros((16, 32), np.uint8)
            image[:, 8 + 2 * i : 12 + 2 * i] = 255
            image = image if name == "a" else 255 - image
            Image.fromarray(image).save(here / name / f"{i}.png")
    for fit in ("crop", "stretch"):
        samples = Pairs("a", "b", size=8, fit=fit).load()  # type: ignore[arg-type]
        assert samples.source_images is not None
        assert samples.shape == (1, 8, 8)
        assert np.abs(255 - samples.source_images.astype(int) - samples.values).max() <= 1


@pytest.mark.parametrize("layout", ["in each side", "side by side", "letters", "A and B"])
def test_folders_are_the_splits(here: Path, layout: str) -> None:
    numbers = {"train": range(10), "val": range(10, 14), "test": range(14, 20)}
    made = Pairs("root")
    for split, some in numbers.items():
        if layout == "side by side":
            beside(here / "root" / split, some)
            continue
        first, second = {
            "in each side": (f"grey/{split}", f"colour/{split}"),
            "letters": (f"root/{split}A", f"root/{split}B"),
            "A and B": (f"root/A/{split}", f"root/B/{split}"),
        }[layout]
        fill(here / first, some, is_source=True)
        fill(here / second, some, is_source=False)
        made = Pairs("grey", "colour") if layout == "in each side" else made
    assert parts_of(made) == {"train": list(range(10)), "validation": list(range(10, 14)), "test": list(range(14, 20))}
    ending = "A" * (layout == "letters")
    found = f"train{ending} is the training split, val{ending} is the validation split and test{ending} is the test split"
    assert found in made.load().notes


def test_a_part_without_a_folder_comes_out_of_the_training_pairs(here: Path) -> None:
    beside(here / "root" / "train", range(20))
    alone = parts_of(Pairs("root"))
    assert sorted(itertools.chain(*alone.values())) == list(range(20))
    beside(here / "root" / "val", range(20, 25))  # as in a folder of images, it is the test split where there is no other
    parts = parts_of(Pairs("root"))
    assert parts["test"] == list(range(20, 25))
    assert parts["validation"] == alone["validation"]
    assert sorted(parts["train"] + parts["validation"]) == list(range(20))


def test_pairs_that_cant_be_used_are_left_out_and_counted(two: tuple[str, str], here: Path) -> None:
    (here / "grey" / "003.png").unlink()
    (here / "colour" / "005.bmp").write_bytes(b"no image")
    (here / "grey" / "007.png").write_bytes((here / "grey" / "007.png").read_bytes()[:50])
    with pytest.raises(DataError, match=refused("1 image without a partner in grey and colour: colour/003.bmp", "data.skip_bad")):
        Pairs(*two).load()
    made = Pairs(*two, skip_bad=True)
    assert sorted(itertools.chain(*parts_of(made).values())) == [number for number in range(40) if number not in (3, 5, 7)]
    samples = made.load()
    assert samples.num_skipped == 3
    assert any("no partner: colour/003.bmp" in note for note in samples.notes)
    assert any("2 pairs are left out" in note for note in samples.notes)


def test_values_of_16_bits_keep_their_range_on_each_side(here: Path) -> None:
    for name, scale in (("a", 100), ("b", 16)):
        (here / name).mkdir()
        for i in range(8):
            Image.fromarray((np.arange(64, dtype=np.uint16) * scale + i).reshape(8, 8)).save(here / name / f"{i}.png")
    samples = Pairs("a", "b", size=None, source_range=(0.0, 6400.0)).load()
    assert samples.source_images is not None
    assert samples.source_images.max() in range(250, 255)
    assert any("data.source_range says" in note for note in samples.notes)
    assert any("data.range=LOW,HIGH" in note for note in samples.notes)


# ---------------------------------------------------------------------------------------------------- what is refused


def spoiled(here: Path, how: str) -> Pairs:
    """Pairs with a fault."""
    grey, colour = here / "grey", here / "colour"
    fill(grey, range(8), is_source=True)
    fill(colour, range(8), is_source=False)
    match how:
        case "empty":
            (here / "empty").mkdir()
            return Pairs("grey", "empty")
        case "no partner at all":
            fill(here / "others", range(20, 30), is_source=False)
            return Pairs("grey", "others")
        case "sizes":
            Image.new("RGB", (10, 12)).save(colour / "004.png")
        case "sizes of all":
            shutil.rmtree(colour)
            fill(colour, range(8), is_source=False, width=24, height=24)
            return Pairs("grey", "colour", size=None)
        case "same":
            shutil.copytree(grey, here / "copy")
            return Pairs("grey", "copy")
        case "same, saved anew":
            fill(here / "copy", range(8), is_source=True, ending=".bmp")
            return Pairs("grey", "copy")
        case "one folder":
            return Pairs("grey", "./grey")
        case "odd":
            fill(here / "odd", range(8), is_source=True, width=13)
            return Pairs("odd")
        case "halves":
            return Pairs("grey")
        case "few":
            fill(here / "few", range(3), is_source=True)
            fill(here / "fewer", range(3), is_source=False)
            return Pairs("few", "fewer")
        case "two names":
            Image.new("L", (SIZE, SIZE)).save(grey / "004.bmp")
        case "which":
            shutil.move(grey, here / "root" / "grey")
            shutil.move(colour, here / "root" / "colour")
            return Pairs("root")
        case "splits":
            fill(grey / "train", range(8), is_source=True)
            fill(grey / "test", range(8), is_source=True)
        case "half a split":
            for name in ("trainA", "trainB", "testA"):
                fill(here / "root" / name, range(8), is_source=name[-1] == "A")
            return Pairs("root")
        case "channels":
            Image.new("RGB", (SIZE, SIZE)).save(grey / "004.png")
        case "file":
            return Pairs("grey/001.png")
    return Pairs("grey", "colour")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("empty", ("empty has no images",)),
        ("no partner at all", ("no image of grey and others has a partner", "found 000.png and 020.png", "unpaired:")),
        ("sizes", ("the pair 004 differs in size: 12 x 12 in grey and 10 x 12 in colour",)),
        ("sizes of all", ("the pair 000 differs in size: 12 x 12 in grey and 24 x 24 in colour",)),
        ("same", ("grey and copy hold the same images",)),
        ("same, saved anew", ("grey and copy hold the same images",)),
        ("one folder", ("grey is given as both sides",)),
        ("odd", ("odd/000.png is 13 pixels wide, an odd number", "pairs:SOURCES,TARGETS")),
        ("halves", ("grey: both halves of every image are the same",)),
        ("few", ("has 3: expected at least 4",)),
        ("two names", ("two images of one name", "004.bmp", "004.png")),
        ("which", ("root holds two folders, colour and grey", "name the source first")),
        ("splits", ("the splits differ", "grey has test and train", "colour has none")),
        ("half a split", ("testA has no folder of the other side",)),
        ("channels", ("mixed channels", "data.source_channels=3")),
        ("file", ("grey/001.png is a file",)),
    ],
)
def test_what_is_no_pairs_is_refused_with_what_to_do(here: Path, how: str, words: tuple[str, ...]) -> None:
    made = spoiled(here, how)
    with pytest.raises(DataError, match=refused(*words)) as error:
        made.load()
    assert len(str(error.value)) <= 290


def test_a_size_makes_pairs_of_one_shape_fit(here: Path) -> None:
    fill(here / "small", range(8), is_source=True)
    fill(here / "large", range(8), is_source=False, width=24, height=24)
    samples = Pairs("small", "large", size=SIZE).load()
    assert samples.shape[1:] == samples.source_shape[1:] == (SIZE, SIZE)


# ---------------------------------------------------------------------------------------------------- finding


def test_a_prefix_says_how_images_belong_together(two: tuple[str, str], here: Path) -> None:
    assert find_source("pairs:grey,colour") == Pairs("grey", "colour")
    assert find_source("pairs:grey") == Pairs("grey")
    assert find_source("unpaired:grey,colour", skip_bad=True) == Unpaired("grey", "colour", skip_bad=True)
    assert find_source("folder:grey") == Folder("grey")
    shutil.copytree("grey", "grey,old")
    assert find_source("pairs:grey,old,colour") == Pairs("grey,old", "colour")
    assert find_source("pairs:grey,old") == Pairs("grey,old")
    assert display_name(find_source("pairs:grey,colour")) == "grey-colour"
    for text, words in {
        "pairs:": ("names no folder", "pairs:SOURCES,TARGETS"),
        "pairs:grey,nowhere": ("no such folder: nowhere",),
        "pairs:a,b,c": ("which comma",),
        "folder:nowhere": ("no such folder: nowhere",),
    }.items():
        with pytest.raises(DataError, match=refused(*words)):
            find_source(text)


def test_a_folder_of_sides_is_taken_where_it_can_mean_one_thing_alone(here: Path) -> None:
    fill(here / "ab" / "A", range(8), is_source=True)
    fill(here / "ab" / "B", range(8), is_source=False)
    with pytest.raises(DataError, match=refused("ab has A and B", "pairs:ab", "folder:ab for two classes")):
        find_source("ab")
    fill(here / "ab" / "C", range(8), is_source=False)
    assert find_source("ab") == Folder("ab")  # three classes
    for name, numbers in {"trainA": range(8), "trainB": range(4, 12)}.items():
        fill(here / "horses" / name, numbers, is_source=name == "trainA")
    assert find_source("horses") == Unpaired("horses")
    fill(here / "maps" / "trainA", range(8), is_source=True)
    fill(here / "maps" / "trainB", range(8), is_source=False)
    with pytest.raises(DataError, match=refused("maps has trainA and trainB", "pairs:maps", "unpaired:maps")):
        find_source("maps")


def test_a_folder_that_looks_like_pairs_gets_a_note(here: Path) -> None:
    fill(here / "both", range(4), is_source=False, width=64, height=32)
    assert any("--data pairs:both" in note for note in Folder("both").load().notes)
    fill(here / "both", range(4, 5), is_source=False, width=62, height=32)
    assert not any("pairs:" in note for note in Folder("both").load().notes)


def test_both_folders_are_found_from_elsewhere(two: tuple[str, str], here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = RandomCrops(Pairs(*two))
    assert path_of(made) == "grey"
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    found = located(made, here, "grey")
    assert isinstance(found, RandomCrops)
    assert len(found.load()) == 40 - len(found.validation()) - len(found.load("test"))
    monkeypatch.chdir(here)
    (here / "new").mkdir()
    for name in two:
        shutil.copytree(name, here / "new" / name)
    assert moved(made, "pairs:new/grey,new/colour") == RandomCrops(Pairs("new/grey", "new/colour"))
    assert os.path.realpath(moved(Pairs(*two), "new/grey").target or "") == str(here / "new" / "colour")  # type: ignore[attr-defined]


def test_pairs_are_made_on_the_command_line(two: tuple[str, str], cli: Callable[..., Answer]) -> None:
    answer = cli("data", "show", "pairs:grey,colour", "data.size=8", "data.direction=BtoA")
    assert answer.code == 0, answer.err
    assert "shape   [1, 8, 8]" in answer.out
    assert "source  [3, 8, 8]" in answer.out
    recipe = make("tutorial-small", ["data=pairs(path=grey,target=colour,size=none)"])
    assert recipe.data == Pairs("grey", "colour", size=None)
    cropped = make("tutorial-small", ["data=random-crops(of=pairs(path=grey,target=colour),size=8)"])
    assert cropped.data == RandomCrops(Pairs("grey", "colour"), size=8)


# ---------------------------------------------------------------------------------------------------- crops


@pytest.fixture
def ramps(here: Path) -> Pairs:
    """Forty pairs of 16 x 16 whose target is the source image in negative, so that any crop of both can be compared."""
    rng = np.random.default_rng(3)
    for name in ("a", "b"):
        (here / name).mkdir()
    for i in range(40):
        image = np.kron(rng.integers(0, 256, (4, 4)), np.ones((4, 4))).astype(np.uint8)
        Image.fromarray(image).save(here / "a" / f"{i}.png")
        Image.fromarray(255 - image).save(here / "b" / f"{i}.png")
    return Pairs("a", "b", size=None)


@pytest.mark.parametrize("enlarge", [1.0, 1.25])
def test_a_sample_and_its_source_image_are_cropped_alike(ramps: Pairs, enlarge: float) -> None:
    made = RandomCrops(ramps, size=12, enlarge=enlarge)
    assert isinstance(made, Validated)
    batch = made.batch_maker()(1, 0, 64)
    source.check_batch(batch, 64, made.load(), made)
    assert batch.source_images is not None
    assert np.abs(255 - batch.source_images.astype(int) - batch.values).max() <= 1
    assert sample_shape(made) == (1, 12, 12) == made.load("test").shape == made.validation().shape


def test_each_crop_is_a_function_of_its_place(ramps: Pairs) -> None:
    made = RandomCrops(ramps, size=12, enlarge=1.25)
    batch = made.batch_maker()
    whole = batch(7, 0, 60).values
    assert np.array_equal(whole[:25], batch(7, 0, 25).values)
    assert np.array_equal(whole[25:], batch(7, 25, 35).values)
    assert not np.array_equal(whole, batch(8, 0, 60).values)


def test_an_epoch_reads_each_sample_once(two: tuple[str, str]) -> None:
    made = RandomCrops(Pairs(*two, size=None), enlarge=1.2)
    num = len(made.load())
    read = made.batch_maker()(0, 0, 2 * num)
    epochs = [numbers_of(read[rows]) for rows in (slice(num), slice(num, None))]
    assert [sorted(epoch) for epoch in epochs] == [sorted(numbers_of(made.load()))] * 2
    assert epochs[0] != epochs[1]


def test_crops_reach_every_place_and_half_are_mirrored(ramps: Pairs) -> None:
    base = ramps.load()
    made = RandomCrops(ramps, size=14, enlarge=1.0)
    batch = made.batch_maker()(0, 0, 400)
    seen: dict[tuple[int, int, int], int] = {}
    pieces = {
        image[:, y : y + 14, x : x + 14][:, :, ::step].tobytes(): (y, x, step)
        for image in base.values
        for y in range(3)
        for x in range(3)
        for step in (1, -1)
    }
    for crop in batch.values:
        place = pieces[crop.tobytes()]
        seen[place] = seen.get(place, 0) + 1
    assert len(seen) == 18
    assert 150 < sum(count for (_, _, step), count in seen.items() if step == -1) < 250
    still = RandomCrops(ramps, size=14, enlarge=1.0, flip=False).batch_maker()(0, 0, 100)
    assert all(pieces[crop.tobytes()][2] == 1 for crop in still.values)


def test_crops_that_cant_be_made_are_refused(ramps: Pairs, two: tuple[str, str]) -> None:
    with pytest.raises(DataError, match=refused("the images are 16 x 16, smaller than a crop of 20 x 20")):
        RandomCrops(ramps, size=20).load()
    with pytest.raises(DataError, match=refused("random-crops: expected images, got points")):
        RandomCrops(Ring()).batch_maker()


def test_crops_of_data_without_validation_samples_keep_the_usual_slice(here: Path) -> None:
    fill(here / "grey", range(40), is_source=True)
    made = RandomCrops(Folder("grey", size=None), size=8)
    assert len(made.validation()) == 40 // 6
    assert made.batch_maker()(0, 0, 4).source_images is None
