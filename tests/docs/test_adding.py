"""The code of docs/adding.md runs: each block alone, and all of them as one file of a user's, with promised imports only."""

from __future__ import annotations

import ast
import re
from contextlib import closing
from pathlib import Path

import pytest

import gansmith
from gansmith.recipes import make
from support import ROOT, python

PROMISED = ("gansmith", "gansmith.data", "gansmith.networks", "gansmith.objectives", "gansmith.optim", "gansmith.sampling.noise")
NAMED_RECIPES = ("gansmith.recipes.tutorials",)  # where the README and the page start from
ADDING = (ROOT / "docs" / "adding.md").read_text()
SECTIONS = re.split(r"^## ", ADDING, flags=re.M)[1:]
BLOCKS = [(section.split("\n")[0], block) for section in SECTIONS for block in re.findall(r"```python\n(.*?)```", section, re.S)]
USERS = [block for title, block in BLOCKS if title != "A rule for the doctor"]


def test_there_is_a_block_for_each_thing_to_add() -> None:
    titles = [section.split("\n")[0] for section in SECTIONS]
    assert {title for title, _ in BLOCKS} == {*titles} - {"Into the package"}
    assert len(BLOCKS) >= 9


def test_its_imports_are_promised_to_stay() -> None:
    for block in USERS:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gansmith"):
                assert node.module in (*PROMISED, *NAMED_RECIPES), ast.unparse(node)


@pytest.mark.parametrize("recipe", ["my_run", "my_game"])
def test_all_blocks_are_one_file_that_trains(recipe: str, tmp_path: Path) -> None:
    file = tmp_path / "my_gan.py"
    file.write_text("\n\n".join(USERS))
    overrides = {
        "my_run": ("objective.loss=my-hinge(margin=2)", "objective.penalties+=logit-size(weight=0.01)", "width=16",
                   "objective.augmentation=augment(operations=[invert])"),
        "my_game": (),
    }[recipe]  # fmt: skip
    made = make(f"{file}:{recipe}", [*overrides, "budget=2epochs", "scores=none"])
    with closing(gansmith.steps(made, tmp_path / "run")) as records:
        first, second = next(records), next(records)
    assert first["discriminator/loss"] != second["discriminator/loss"]
    assert len(gansmith.load(tmp_path / "run", trust=file).sample(count=2)) == 2
    if recipe == "my_run":
        assert [type(p).__name__ for p in made.objective.penalties] == ["LogitSize", "LogitSize"]  # type: ignore[attr-defined]
        endless = make(f"{file}:{recipe}", ["data=endless-checkers", "budget=2epochs", "scores=none", "width=16"])
        with closing(gansmith.steps(endless, tmp_path / "endless")) as records:
            assert next(records).images > 0


def test_each_block_but_recipes_works_alone() -> None:
    """A block imports what it uses, so that it can be copied into an empty file."""
    alone = [block for title, block in BLOCKS if title != "A recipe"]  # which puts together those before it
    assert len(alone) >= 8
    answer = python("import sys\nfor block in sys.argv[1:]: exec(block, {'__name__': 'alone'})", *alone)
    assert answer.code == 0, answer.err
