"""Built-in pairs: a sample lies over its source image, variants stay on one side of the split, and counts are as promised."""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansmith.core.errors import DataError, RecipeError
from gansmith.data import EmojiPairs, Samples, SatelliteRelief, Validated, emoji_pairs, satellite_relief, source, train_shape
from gansmith.data.emoji_pairs import base_name, part_of
from gansmith.data.fetch import REMOTES, Expected, Remote, cached

SIZE = 16
SQUARE = '<path fill="{}" d="M8 8h16v16H8z"/>'
NAMES = [f"thing-{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]


class FromMemory:
    """An origin that holds its files."""

    title = "memory"

    def __init__(self, contents: dict[str, bytes]) -> None:
        self.contents = contents

    def download(self, names: Sequence[str], folder: Path) -> None:
        for name in names:
            (folder / name).write_bytes(self.contents[name])


def remote(contents: dict[str, bytes]) -> Remote:
    files = {name: Expected(len(content), hashlib.md5(content).hexdigest()) for name, content in contents.items()}
    return Remote(files, (FromMemory(contents),))


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small sets of emoji, each with a name that the other one lacks: black squares, and the same in red."""
    sets = {}
    for file, colour, own in ((emoji_pairs._SOURCE, "currentColor", "only-black"), (emoji_pairs._TARGET, "#f00", "only-red")):
        icons = {name: {"body": SQUARE.format(colour)} for name in [*NAMES, own]}
        sets[file] = json.dumps({"icons": icons}).encode()
    monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path))
    monkeypatch.setitem(REMOTES, "emoji-pairs", remote(sets))


def parts_of(made: EmojiPairs | SatelliteRelief) -> dict[str, Samples]:
    return {"train": made.load(), "validation": made.validation(), "test": made.load("test")}


@pytest.mark.usefixtures("few")
def test_both_drawings_of_a_pair_lie_over_each_other() -> None:
    made = EmojiPairs(size=SIZE)
    assert isinstance(made, Validated)
    square = np.zeros((SIZE, SIZE), bool)
    square[4:12, 4:12] = True
    for part, samples in parts_of(made).items():
        source.check(samples, made)
        assert len(samples) == sum(part_of(name) == part for name in NAMES) > 0  # no name that one set lacks
        assert samples.source_images is not None
        assert samples.source_shape == (1, SIZE, SIZE)
        assert ((samples.source_images == 0) == square).all()
        assert (samples.values[:, 0] == 255).all()
        assert ((samples.values[:, 1:] == 0) == square).all()


@pytest.mark.usefixtures("few")
def test_emoji_are_drawn_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    first = EmojiPairs(size=SIZE).load()
    assert "drawing 26 pairs" in capsys.readouterr().err
    again = EmojiPairs(size=SIZE).load()
    assert capsys.readouterr().err == ""
    assert np.array_equal(first.values, again.values)
    (path,) = tmp_path.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:-3])
    assert np.array_equal(EmojiPairs(size=SIZE).load().values, first.values)
    assert "drawing 26 pairs" in capsys.readouterr().err


@pytest.mark.usefixtures("few")
def test_a_missing_extra_is_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(DataError, match=re.escape("pip install 'gansmith[emoji]'")) as refused:
        EmojiPairs(size=SIZE).load()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "variants",
    [
        ("artist", "man-artist", "woman-artist", "artist-dark", "artist-medium-light"),
        ("person-running", "woman-running-facing-right"),
        ("person", "man", "woman-red-hair", "person-curly-hair"),
        ("old-man", "older-person"),
        ("three-oclock", "nine-thirty"),
        ("red-heart", "light-blue-heart"),
        ("thumbs-up", "thumbs-down"),
        ("keycap-1", "keycap-10"),
    ],
)
def test_variants_of_an_emoji_have_one_base_name(variants: tuple[str, ...]) -> None:
    assert len({base_name(name) for name in variants}) == 1
    assert len({part_of(name) for name in variants}) == 1


def test_different_emoji_have_different_base_names() -> None:
    assert len({base_name(name) for name in ("artist", "cook", "cat", "heart-on-fire", "keycap-hashtag", "t-rex")}) == 6


def test_fluent_emoji_have_the_promised_counts() -> None:
    if cached("emoji-pairs") is None:
        pytest.skip("emoji-pairs is not fetched")
    parts = parts_of(EmojiPairs())
    assert {part: len(samples) for part, samples in parts.items()} == emoji_pairs.COUNTS
    assert train_shape(EmojiPairs()) == parts["train"].values.shape
    # No drawing is on both sides, as a source image or as a sample.
    for name in ("values", "source_images"):
        seen = [{image.tobytes() for image in getattr(samples, name)} for samples in parts.values()]
        assert len(set.union(*seen)) == sum(map(len, seen))
    # A pair lies over each other: where one has ink, the other has too, much more often than for pairs of others.
    test = parts["test"]
    assert test.source_images is not None
    black, coloured = test.source_images[:, 0] < 128, (test.values < 250).any(axis=1)
    agree = (black & coloured).mean((1, 2)) / black.mean((1, 2))
    others = (black & np.roll(coloured, 1, axis=0)).mean((1, 2)) / black.mean((1, 2))
    assert np.median(agree) > 0.75 > np.median(others)


# ---------------------------------------------------------------------------------------------------- maps

MAPS = ("satellite", "relief", "shaded-relief")


@pytest.fixture
def small_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A world of 100 x 60 in blocks of 10, whose left half is land. Its maps tell their number, row and column as colours."""
    for name, value in {"_WIDTH": 100, "_HEIGHT": 60, "_TOP": 10, "_BOTTOM": 52, "_BLOCK": 10}.items():
        monkeypatch.setattr(satellite_relief, name, value)
    rows, columns = np.mgrid[:60, :100]
    contents = {}
    for i, name in enumerate(MAPS):
        colours = np.stack([rows * 2 + i, columns * 2 + 50, np.where(columns < 50, 0, 255)], axis=2).astype(np.uint8)
        colours = colours.repeat(2, 0).repeat(2, 1) if name == "shaded-relief" else colours
        memory = io.BytesIO()
        Image.fromarray(colours).save(memory, "PNG")
        contents[satellite_relief._FILES[name]] = memory.getvalue()  # type: ignore[index]
    monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path))
    monkeypatch.setitem(REMOTES, "satellite-relief", remote(contents))


@pytest.mark.usefixtures("small_world")
@pytest.mark.parametrize("names", [("relief", "satellite"), ("satellite", "relief"), ("satellite", "shaded-relief")])
def test_tiles_of_two_maps_show_one_place(names: tuple[satellite_relief.Map, satellite_relief.Map]) -> None:
    made = SatelliteRelief(*names)
    object.__setattr__(made, "size", 4)  # smaller than a tile of the real maps may be
    assert isinstance(made, Validated)
    covered = np.zeros((3, 60, 100), bool)
    for part, samples in enumerate(parts_of(made).values()):
        source.check(samples, made)
        assert samples.source_images is not None
        first, second = MAPS.index(names[0]), MAPS.index(names[1])
        assert np.array_equal(samples.values[:, 0].astype(int) - second, samples.source_images[:, 0].astype(int) - first)
        assert np.array_equal(samples.values[:, 1:], samples.source_images[:, 1:])
        assert samples.values[:, 2].max() == 0  # all of it is land
        for tile in samples.values:
            y, x = (int(tile[0, 0, 0]) - second) // 2, (int(tile[1, 0, 0]) - 50) // 2
            assert 10 <= y <= 52 - 4
            covered[part, y : y + 4, x : x + 4] = True
    assert covered.any(axis=(1, 2)).all()
    assert covered.sum(axis=0).max() == 1  # no place is in two parts
    assert len(made.load()) > 2 * len(made.load("test"))  # training tiles overlap


def test_a_map_is_no_pair_with_itself() -> None:
    with pytest.raises(RecipeError, match="source and target are both relief: expected two different maps"):
        SatelliteRelief(target="relief")


def test_the_maps_of_basemap_have_the_promised_tiles() -> None:
    if cached("satellite-relief") is None:
        pytest.skip("satellite-relief is not fetched")
    parts = parts_of(SatelliteRelief())
    assert {part: len(samples) for part, samples in parts.items()} == {"train": 1092, "validation": 63, "test": 116}
    # Where the relief shows water, the satellite image is blue or dark.
    samples = parts["train"]
    assert samples.source_images is not None
    water = ~satellite_relief._land(samples.source_images.transpose(0, 2, 3, 1))
    red = samples.values[:, 0].astype(float)
    assert red[water].mean() < 0.6 * red[~water].mean()
