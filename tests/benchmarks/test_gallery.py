"""The gallery's page is what its script makes of the files that are there, and the script takes no run for another's."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

import gansmith
from gansmith.core.errors import RunError
from gansmith.recipes import catalogue
from support import ROOT, quick


@pytest.fixture(scope="module")
def gallery() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gallery", ROOT / "benchmarks" / "gallery.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["gallery"] = module  # where its dataclass looks for itself
    spec.loader.exec_module(module)
    del sys.modules["gallery"]
    return module


def test_the_page_is_what_the_files_say(gallery: ModuleType) -> None:
    text = (ROOT / "docs" / "gallery.md").read_text()
    assert text == gallery.page(gallery.entries()), "write it again: python benchmarks/gallery.py"
    for name in catalogue():
        assert f"## {name}\n" in text or f"[`{name}`](recipes/{name}.md)" in text


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("gansmith train dcgan", ("dcgan", [], None)),
        ("gansmith train budget=5m --data mnist", ("default", ["budget=5m"], "mnist")),
        ("gansmith train --data mnist --threads 2", ("default", [], "mnist")),
        ("gansmith train vae 'noise=normal(dim=3)' --threads 1 budget=2m", ("vae", ["noise=normal(dim=3)", "budget=2m"], None)),
    ],
)
def test_a_command_is_read_as_the_command_line_reads_it(
    command: str, expected: tuple[str, list[str], str | None], gallery: ModuleType
) -> None:
    assert gallery.parsed(command) == expected


def test_a_run_of_another_recipe_is_refused(gallery: ModuleType, tmp_path: Path) -> None:
    recipe = dataclasses.replace(quick(budget="64images"), name="tutorial-small")
    run = gansmith.train(recipe, tmp_path / "run", device="cpu")
    with pytest.raises(RunError, match="is no run of: gansmith train tutorial-small"):
        gallery.entry_of(run, "gansmith train tutorial-small")
