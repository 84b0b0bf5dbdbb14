"""The arguments of `train` and `steps` are checked before any work, and a failed first step leaves no run behind."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import gansmith
from gansmith.core.device import choose_device
from gansmith.core.errors import GansmithError, SettingError
from gansmith.objectives.base import Batch, Outcome, Turn
from gansmith.recipes import make
from gansmith.training.monitor import Monitor
from support import Answer, assert_refused, quick, refused, trainer, tree

Cli = Callable[..., Answer]

WRONG: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"recipe": "tutorial-small"}, ("expected a gansmith.Recipe", "gansmith.recipes.make('tutorial-small')", "the str")),
    ({"recipe": None}, ("expected a gansmith.Recipe", "NoneType")),
    ({"recipe": make}, ("expected a gansmith.Recipe", "function")),
    ({"run": ""}, ("run: expected the path of a folder, got ''",)),
    ({"run": " "}, ("run: expected the path of a folder",)),
    ({"run": None}, ("run: expected the path of a folder, got None",)),
    ({"run": "x" * 300}, ("longer than 255 bytes",)),
    ({"run": "/dev/null"}, ("can't write /dev/null",)),
    ({"threads": 0}, ("threads: expected a whole number from 1",)),
    ({"threads": 10**6}, ("threads: expected a whole number from 1",)),
    ({"threads": "many"}, ("threads: expected a whole number", "'many'")),
    ({"framework": ""}, ("unknown framework ''",)),
    ({"framework": "jax"}, ("unknown framework 'jax'",)),
    ({"device": "meta"}, ("device 'meta' is not available", "use --device cpu")),
    ({"trust": "/no/such.py"}, ("can't read /no/such.py",)),
    ({"trust": "/dev"}, ("/dev is a folder", "name a Python file")),
    ({"trust": "/dev/zero"}, ("/dev/zero: it is a device", "name a Python file")),
]


@pytest.mark.parametrize(("wrong", "words"), WRONG, ids=[f"{n}-{next(iter(w))}" for n, (w, _) in enumerate(WRONG)])
def test_a_wrong_argument_is_refused_before_work(wrong: dict[str, Any], words: tuple[str, ...], here: Path) -> None:
    arguments: dict[str, Any] = {"recipe": quick(), "run": "run", "device": "cpu"} | wrong
    with pytest.raises(GansmithError, match=refused(*words)):
        gansmith.train(arguments.pop("recipe"), arguments.pop("run"), **arguments)
    assert tree(here) == {}


DEVICES = ("meta", "mps", "xpu", "xla", "hpu", "ipu", "mtia", "vulkan", "mkldnn", "fpga", "maia", "privateuseone", "ve", "", "9")


@pytest.mark.parametrize("name", [name for name in DEVICES if not (name == "mps" and torch.backends.mps.is_available())])
def test_a_device_that_computes_nothing_here_is_refused(name: str) -> None:
    with pytest.raises(SettingError, match=refused(f"device '{name}' is not available", "use --device cpu")) as error:
        choose_device(name)
    assert len(str(error.value)) < 200


OWN = """
from pathlib import Path
from typing import ClassVar

from gansmith import component
from gansmith.recipes.tutorials import tutorial_small
import dataclasses


@component
class Failing:
    needs_real: ClassVar[bool] = False
    undecided: ClassVar[float] = 0.0

    def discriminator(self, real, fake):
        return -real, {}["nothing"]

    def generator(self, real, fake):
        return -fake


def mine():
    recipe = tutorial_small()
    return dataclasses.replace(recipe, objective=dataclasses.replace(recipe.objective, loss=Failing()))
"""


def test_a_loss_that_fails_at_its_first_step_is_one_line_and_leaves_no_run(here: Path, cli: Cli) -> None:
    (here / "own.py").write_text(OWN)
    before = tree(here)
    answer = cli("train", "own.py:mine", "scores=none", "watch=none", "budget=320images", "--data", "digits", "--run", "run")
    assert_refused(answer, "own.py, line 16, failed: KeyError: 'nothing'")
    assert tree(here) == before


def test_another_file_than_the_one_a_new_run_uses_is_refused_before_training(here: Path, cli: Cli) -> None:
    (here / "own.py").write_text(OWN.replace('{}["nothing"]', "fake"))
    (here / "other.py").write_text("")
    before = tree(here)
    answer = cli("train", "own.py:mine", "budget=320images", "--data", "digits", "--run", "run", "--trust", "other.py")
    assert_refused(answer, "other.py has SHA-256", "name that file")
    assert tree(here) == before


def failing_loss(networks: Any, batch: Batch, turn: Turn) -> Outcome:
    raise KeyError("a fault of the loss")


def sharing_loss(networks: Any, batch: Batch, turn: Turn) -> Outcome:
    return Outcome(turn.shared["of another turn"])


def with_generator_loss(loss: Callable[..., Outcome]) -> Monitor:
    game = trainer(quick())
    game.players = tuple(dataclasses.replace(p, loss=loss) if p.name == "generator" else p for p in game.players)
    return Monitor(game)


def test_a_look_leaves_out_a_loss_that_needs_another_turn_but_hides_no_fault() -> None:
    assert "pull" not in with_generator_loss(sharing_loss).look()
    with pytest.raises(KeyError, match="a fault of the loss"):
        with_generator_loss(failing_loss).look()
