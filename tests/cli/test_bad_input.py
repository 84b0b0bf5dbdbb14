"""What bad input gets on the command line: one line, exit code 2, nothing half-written, no traceback.

What the data room refuses is in test_data*.py, what a run folder does in test_run.py, what a user's own file does in
test_own_file.py, and every kind of wrong override in test_overrides.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bad_input import CASES, SMALL, Case, commands, make_desk
from support import Answer, assert_refused, finish, start, tree

Cli = Callable[..., Answer]


@pytest.fixture
def desk(here: Path) -> Path:
    """A working folder with paths that can't be used."""
    return make_desk(here)


def state(folder: Path) -> dict[str, Any]:
    """Everything below a folder, without opening what is no regular file: {path: content, or how it is}."""
    return {str(p): p.read_bytes() if p.is_file() else (p.lstat().st_mode, p.lstat().st_ino) for p in sorted(folder.rglob("*"))}


@pytest.mark.parametrize("case", CASES, ids=[" ".join(case.arguments)[:60] for case in CASES])
def test_one_line_exit_code_2_and_nothing_written(case: Case, desk: Path, cli: Cli) -> None:
    before = state(desk)
    answer = cli(*case.arguments)
    assert_refused(answer, *case.words)
    assert answer.out == ""
    assert state(desk) == before


def test_the_table_has_cases_of_every_command() -> None:
    assert len(CASES) >= 300
    tried = {case.arguments[: len(words)] for case in CASES for words in commands()}
    assert set(commands()) <= tried


def test_all_runs_of_a_comparison_are_opened_before_one_is_evaluated(
    here: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli(*SMALL, "budget=64images", "scores=none", "watch=none", "--run", "run").code == 0
    before = state(here)
    assert_refused(cli("compare", "run", "nowhere"), "nowhere does not exist")
    assert state(here) == before


@pytest.mark.parametrize("group", ["data", "explore"])
def test_a_group_without_a_command_shows_its_help_and_no_empty_line(group: str, cli: Cli) -> None:
    answer = cli(group)
    assert (answer.code, answer.err) == (2, "")
    assert "Usage" in answer.out


@pytest.mark.parametrize("option", ["--data digits", "--run other", "budget=3epochs"])
def test_a_run_goes_on_as_it_is(option: str, here: Path, cli: Cli) -> None:
    assert cli(*SMALL, "budget=64images", "--run", "run").code == 0
    before = tree(here)
    assert_refused(cli("train", "run", *option.split()), "run is a run, whose settings are fixed")
    if "--run" not in option:
        assert_refused(cli("show", "run", *option.split()), "run is a run, whose settings are fixed")
    assert tree(here) == before


def test_skip_bad_counts_what_it_leaves_out(desk: Path, cli: Cli) -> None:
    answer = cli("train", "tutorial-small", "budget=64images", "--data", "broken", "--skip-bad", "--run", "run")
    assert answer.code == 0, answer.err
    assert "1 bad file" in answer.out


def test_in_a_real_process_it_is_the_same_line(tmp_path: Path) -> None:
    answer = finish(start("train", "tutorial-smal", cwd=tmp_path))
    assert_refused(answer, "unknown recipe 'tutorial-smal'; did you mean 'tutorial-small'")
    assert tree(tmp_path) == {}


def test_an_error_of_ours_is_no_users_error(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bug keeps its traceback: it is not dressed up as a mistake of the user's."""
    import gansmith.recipes

    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(gansmith.recipes, "catalogue", broken)
    with pytest.raises(ZeroDivisionError):
        cli("list")


@pytest.mark.parametrize(
    "recipe",
    ["tutorial-small", "tutorial-keras", "goodfellow-2014"],
)
def test_a_warning_is_for_no_good_run(recipe: str, here: Path, cli: Cli, recwarn: pytest.WarningsRecorder) -> None:
    assert cli("train", recipe, "budget=128images", "--data", "digits", "networks.generator.widths=[8]").code == 0
    assert [str(w.message) for w in recwarn] == []
