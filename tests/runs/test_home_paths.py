"""`~` in a path is the home folder in Python as on the command line: no folder of that name is made or looked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gansmith
from gansmith.core import user_code
from gansmith.data import Arrays, Folder
from gansmith.evaluation import sources
from gansmith.evaluation.extractors import check_extractor
from gansmith.recipes import make
from gansmith.runs import trusted_files
from support import quick


@pytest.fixture
def home(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with images, an array and a file of code; the working folder is another, and stays empty."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home/images").mkdir(parents=True)
    for i in range(2):
        Image.new("L", (8, 8), 50 * i).save(tmp_path / f"home/images/{i}.png")
    np.savez(tmp_path / "home/x.npz", images=np.zeros((120, 8, 8), np.uint8))
    (tmp_path / "home/own.py").write_text("def mine():\n    return 7\n")
    return tmp_path / "home"


def test_a_run_in_the_home_folder(home: Path, here: Path) -> None:
    run = gansmith.train(quick(budget="64images"), "~/run", device="cpu")
    assert run.path == home / "run"
    assert np.array_equal(gansmith.load("~/run").sample(0, 2).array, gansmith.sample("~/run", 0, 2).array)
    assert run.sample(0, 2).save("~/made.npz") == home / "made.npz"
    assert run.sample(0, 2).save(Path("~/made")) == home / "made"
    assert isinstance(sources.find_samples("~/run", 100, 1), sources.GeneratedSamples)
    assert not list(here.iterdir())


def test_data_in_the_home_folder(home: Path, here: Path) -> None:
    assert len(Folder("~/images", size=8).load()) == 2
    assert len(Arrays("~/x.npz").load()) == 120
    assert len(make("tutorial-small", data="~/images").data.load()) == 2
    assert sources.find_samples("~/x.npz", 100, 1).count == 120


def test_own_code_in_the_home_folder(home: Path, here: Path) -> None:
    assert user_code.load_file("~/own.py").mine() == 7
    check_extractor("~/own.py:mine")
    digest = user_code.digest_of("~/own.py")
    trusted_files.remember("~/own.py", digest)
    assert [file.path for file in trusted_files.revoke(["~/own.py"])] == [str(home / "own.py")]
