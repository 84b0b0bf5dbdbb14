"""Damaged run folders under every command: a slice of what `make damage` does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import damage

SLICE = 24


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[damage.Bench]:
    with damage.small_evaluations():
        yield damage.Bench(tmp_path_factory.mktemp("bench"), ("half",))


def test_every_command_that_takes_a_run_is_damaged(bench: damage.Bench) -> None:
    """A new command joins by its argument; one that takes no run is named in NO_RUN."""
    takers = {name for name in damage.commands() if name not in damage.NO_RUN}
    found = {
        name for name, command in damage.commands().items() if {p.name for p in command.params} & {*damage.RUN_NAMES, "data"}
    }
    assert takers <= found
    assert takers | damage.NO_RUN == set(damage.commands())


def test_damage_is_one_line_or_survived(bench: damage.Bench) -> None:
    """Each file meets each damage in turn, under a command in turn."""
    works = {name: damage.arguments(name, "x.npz" if name == "sample" else "x.png") for name in QUICK}
    cases = list(bench.cases("half", works))
    assert len(cases) >= 600
    stride = len(cases) // SLICE | 1  # odd, so that all commands and damages come up
    wrong = {str(case): found for case in cases[::stride] if (found := bench.judge(case, works[case.command]))}
    assert not wrong


QUICK = ("train", "doctor", "sample", "compare", "show", "diff", "explore interpolate")
CRAFTED = ("tensors NaN", "tensors flat", "metadata nested")


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_weights_are_survived_exactly(name: str, bench: damage.Bench) -> None:
    works = {command: damage.arguments(command, "x.npz") for command in ("train", "sample")}
    cases = [case for case in bench.cases("half", works) if case.damage == name]
    assert len(cases) == 4  # generator and newest checkpoint
    assert not {str(case): found for case in cases if (found := bench.judge(case, works[case.command]))}


@pytest.mark.skipif(os.name != "posix", reason="needs permissions as Unix has them")
def test_without_permission_nothing_is_lost(bench: damage.Bench, tmp_path: Path) -> None:
    for file in ("run.json", "log.jsonl"):
        case = damage.Case("half", file, "without permission", "train", damage._at(file, damage.DAMAGES["without permission"]))
        assert bench.judge(case, damage.arguments("train", "")) is None
