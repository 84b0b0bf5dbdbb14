"""Built-in pairs: a sample lies over its source image, variants stay on one side of the split, and counts are as promised."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from gansmith.core.errors import DataError
from gansmith.data import EmojiPairs, Samples, Validated, emoji_pairs, source, train_shape
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


def parts_of(made: EmojiPairs) -> dict[str, Samples]:
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
