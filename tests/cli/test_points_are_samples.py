"""What commands print about points speaks of samples; about images, of images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import gansmith
from gansmith.cli import progress
from gansmith.cli.train import _noun_in
from gansmith.core.formatting import noun_of
from support import Answer

SMALL = ("budget=640images", "networks.generator.widths=[8]", "networks.discriminator.widths=[8]", "watch=none")


@pytest.mark.parametrize(("data", "noun", "other"), [("ring", "samples", "image"), ("digits", "images", "points")])
def test_summaries_name_what_the_data_are(data: str, noun: str, other: str, here: Path, cli: Callable[..., Answer]) -> None:
    said = cli("train", "tutorial-small", "--data", data, *SMALL, "--run", "a")
    done = next(line for line in said.out.splitlines() if line.startswith("done: "))
    assert f"done: 640 {noun} in" in done
    assert f" {noun}/s, " in said.err
    assert f"640 {noun}. To train longer" in cli("train", "a").out
    assert f"640 of 640 {noun}" in repr(gansmith.load("a"))
    assert _noun_in(here / "a") == noun
    scored = cli("evaluate", "a", "--count", 100, "--draws", 1, "--json", "a.json")
    assert scored.code == 0, scored.err
    table = cli("compare", "a.json", "a.json").out
    assert f"after 640 {noun}" in table
    assert f" {noun} of {data}, train" in table
    for shown in (table, cli("sample", "a", "--out", "x.png").out, cli("data", "show", data, "--out", "y.png").out):
        assert other not in shown


def test_a_speed_is_of_images_unless_something_else_is_said() -> None:
    assert (noun_of((3, 8, 8)), noun_of((2,)), progress.pace(0.0, None, "samples")) == ("images", "samples", "")  # type: ignore[arg-type]
    assert _noun_in(Path("nowhere")) == "images"
