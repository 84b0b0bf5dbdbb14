"""Words that the shell completes, through the protocol of bash: the line and the place of the cursor in the environment."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import gansmith
from gansmith.cli import completion
from gansmith.core.overrides import split_override
from gansmith.data import NAMES
from gansmith.recipes import catalogue, make
from support import RECIPES, Answer, data_for, environment, quick, tree

Cli = Callable[..., Answer]
Complete = Callable[[str], list[str]]


@pytest.fixture
def complete(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """What bash is offered at the end of a line."""

    def candidates(line: str) -> list[str]:
        monkeypatch.setenv("_GANSMITH_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        answer = cli()
        assert (answer.code, answer.err) == (0, ""), answer.err
        return answer.out.split()

    return candidates


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


LINES = {
    "gansmith ev": ["evaluate"],
    "gansmith explore s": ["slide"],
    "gansmith train tutorial-b": ["tutorial-batchnorm", "tutorial-batchnorm-tensorflow"],
    "gansmith show ": list(catalogue()),
    "gansmith diff wgan l": ["lsgan"],
    "gansmith train wgan --data f": ["fashion-mnist", "faces"],
    "gansmith data fetch ": list(NAMES),
    "gansmith train --on-trouble ": ["warn", "stop", "recover"],
    "gansmith train --device c": ["cpu", "cuda"],
    "gansmith export x --format k": ["keras"],
    "gansmith coverage ": ["ring", "grid", "stacked-mnist"],
    "gansmith sample --c": ["--count", "--class", "--checkpoint"],
    "gansmith sample nowhere --class ": [],
    "gansmith sample nowhere --checkpoint ": ["last", "best"],
}


@pytest.mark.parametrize("line", LINES)
def test_words_that_are_known_without_a_run(line: str, complete: Complete, here: Path) -> None:
    assert complete(line) == LINES[line]
    assert tree(here) == {}


def test_run_folders_their_checkpoints_and_classes(complete: Complete, here: Path, cache: Path) -> None:
    run = gansmith.train(quick("condition=labels", budget="640images"), here / "runs" / "first", device="cpu")
    gansmith.train(quick(budget="64images"), here / "runs" / "coverage" / "second", device="cpu")
    (here / "runs" / "no-run").mkdir()
    assert complete("gansmith sample ru") == ["runs/first"]
    assert complete("gansmith sample runs/") == ["runs/coverage/second", "runs/first"]
    assert complete("gansmith sample runs/f") == ["runs/first"]
    assert complete("gansmith train runs/f") == ["runs/first"]
    assert complete(f"gansmith doctor {here}/runs/f") == [f"{here}/runs/first"]
    counts = list(map(str, sorted(run.checkpoints.images)))
    assert counts
    for command in ("sample runs/first", "explore slide runs/first", "evaluate runs/first"):
        assert complete(f"gansmith {command} --checkpoint ") == ["last", "best", *counts]
    assert complete("gansmith sample runs/first --class ") == list(map(str, range(10)))
    assert complete("gansmith sample runs/coverage/second --class ") == []


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_setting_that_is_completed_is_one(recipe: str) -> None:
    """Each dotted path leads to a value of the recipe, or is a parameter of its function."""
    made, settings = make(recipe, data=data_for(recipe)), completion.settings_of(recipe)
    assert {"batch_size", "budget", *(f"optimizers.{player}" for player in made.optimizers)} <= set(settings)
    assert len(settings) == len(set(settings)) > 30
    for setting in settings:
        value = made
        for name in split_override(f"{setting}=0")[0].split("."):
            if isinstance(value, (dict, tuple)):
                value = value[int(name)] if isinstance(value, tuple) else value[name]
            elif not hasattr(value, name):
                assert setting == name  # a parameter
            else:
                value = getattr(value, name)


def test_settings_are_completed_from_a_file_that_follows_the_package(
    complete: Complete, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lrs = [f"optimizers.{player}.lr=" for player in ("discriminator", "generator")]
    assert set(lrs) <= set(complete("gansmith train hinge opt"))
    assert "epochs=" in complete("gansmith train tutorial-batchnorm ")
    assert not [word for word in complete("gansmith train hinge ") if "." in word]
    assert complete("gansmith train hinge --data digits data.s") == ["data.size="]
    assert list(tree(cache)) == ["completion.json"]  # nothing was fetched
    monkeypatch.setattr(completion, "settings_of", lambda _: ["made.up"])
    assert set(lrs) <= set(complete("gansmith train hinge opt"))
    monkeypatch.setattr(completion, "_stamp", lambda: "another version")
    assert complete("gansmith train hinge m") == ["made.up="]
    (cache / "completion.json").write_text("damaged")
    assert complete("gansmith train hinge m") == ["made.up="]
    assert complete("gansmith train nobody m") == []


def test_in_a_real_process(tmp_path: Path) -> None:
    words = {"_GANSMITH_COMPLETE": "complete_bash", "COMP_WORDS": "gansmith train goodf", "COMP_CWORD": "2"}
    answer = subprocess.run(
        [sys.executable, "-m", "gansmith"], env=environment() | words, cwd=tmp_path, text=True, capture_output=True, timeout=150
    )
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "goodfellow-2014\n", "")
    assert tree(tmp_path) == {}
