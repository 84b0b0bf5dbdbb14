"""A run that was written by gansmith 0.1.0, format 1, opens, draws the same pictures and goes on.

`tests/data/run-format-1` is half of a tiny run on the digits (E. Alpaydin, C. Kaynak; CC BY 4.0). It was made once, by `store`
below, and is not made again: when the format changes, either this run is still read, or it is refused with what to do, and a
second one is stored beside it. Its checkpoint holds each fact as an entry of its own, as the first ones did.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch

import gansmith
from gansmith.optim.ema import Ema
from gansmith.recipes import make
from gansmith.recipes.base import Pictures, Recipe
from support import DATA, metadata, newest_checkpoint, stop_after

STORED, SAMPLES = DATA / "run-format-1", DATA / "run-format-1-samples.npz"


def recipe() -> Recipe:
    small = ["networks.generator.widths=[8]", "networks.discriminator.widths=[8]", "noise.dim=4", "batch_size=64"]
    slow = ["checkpoint_every=640images", "log_every=320images", "budget=1280images", "name=stored"]
    made = make("tutorial-small", [*small, *slow], data="digits")
    return dataclasses.replace(made, ema=Ema(half_life_images=500), pictures=Pictures(count=4, columns=2, every="640images"))


def store() -> None:
    stop_after(recipe(), STORED, 10)
    shutil.rmtree(STORED / "events")
    (STORED / ".lock").unlink()
    np.savez_compressed(SAMPLES, images=gansmith.load(STORED).sample(seed=7, count=24).array)


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    return Path(shutil.copytree(STORED, tmp_path / "run"))


def test_it_opens_and_says_what_it_is(stored: Path) -> None:
    run = gansmith.load(stored)
    assert run.recipe == recipe()
    assert run.metadata["format"] == 1
    assert run.images == 640
    assert not run.finished
    assert list(run.log["images"]) == [320, 640]
    saved = run.latest()
    assert saved is not None
    assert (saved.images, saved.steps) == (640, 10)


def test_it_draws_the_pictures_it_drew(stored: Path) -> None:
    found = gansmith.load(stored).sample(seed=7, count=24).array
    expected = np.load(SAMPLES)["images"]
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1  # another processor may round a half the other way


def test_it_goes_on_to_where_a_new_run_comes(stored: Path, tmp_path: Path) -> None:
    run = gansmith.train(recipe(), stored, device="cpu")
    assert run.finished
    new = gansmith.train(recipe(), tmp_path / "new", device="cpu")
    assert metadata(newest_checkpoint(stored)) == metadata(newest_checkpoint(tmp_path / "new"))  # written as it is today
    one = safetensors.torch.load_file(newest_checkpoint(stored))
    other = safetensors.torch.load_file(newest_checkpoint(tmp_path / "new"))
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert np.allclose(tensor.numpy(), other[name].numpy(), rtol=1e-3, atol=1e-3), name
    assert np.abs(run.sample(count=16).array.astype(int) - new.sample(count=16).array).max() <= 3


def test_it_is_small() -> None:
    assert sum(p.stat().st_size for p in STORED.rglob("*") if p.is_file()) < 60_000
    assert json.loads((STORED / "run.json").read_text())["files"] == {}


if __name__ == "__main__":
    sys.exit(store())
