"""`compare` refuses what can't be comparable before anything is evaluated, which takes minutes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import gansmith
from gansmith.core.errors import RunError
from gansmith.evaluation import evaluate as evaluation
from gansmith.evaluation.comparison import Known, check_alike
from gansmith.recipes import make
from support import Answer, assert_refused, refused

Cli = Callable[..., Answer]
SMALL = ("budget=64images", "networks.generator.widths=[8]", "networks.discriminator.widths=[8]", "watch=none", "scores=none")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of images, of points of two numbers, and of points of three."""
    folder = tmp_path_factory.mktemp("runs")
    np.save(folder / "three.npy", np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32))
    for name, data in {"digits": "digits", "ring": "ring", "grid": "grid", "three": str(folder / "three.npy")}.items():
        gansmith.train(make("tutorial-small", SMALL, data), folder / name, device="cpu")
    stored = evaluation.evaluate(str(folder / "three.npy"), str(folder / "three.npy"))  # a set of points
    stored.save(folder / "set.json")
    return folder


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("digits", "ring"), ("their samples differ, images of 1 x 8 x 8 and points of 2 numbers", "same data")),
        (("ring", "ring", "digits"), ("points of 2 numbers and images of 1 x 8 x 8",)),
        (("ring", "three"), ("points of 2 numbers and points of 3 numbers",)),
        (("digits", "set.json"), ("images of 1 x 8 x 8 and points of 3 numbers",)),
        (("ring", "grid"), ("the real data differs, ring and grid; name runs of the same data",)),
    ],
)
def test_what_can_not_be_comparable_is_refused_at_once(
    names: tuple[str, ...], words: tuple[str, ...], runs: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs)
    monkeypatch.setattr(evaluation, "evaluate", None)  # nothing is evaluated
    assert_refused(cli("compare", *names), f"can't compare {names[0]} with {names[-1]}" if "." not in names[-1] else "", *words)


def test_a_shape_that_is_unknown_is_no_reason() -> None:
    one, other = Known("a", "ring", None), Known("b", "ring", (2,))
    check_alike([one, other])
    check_alike([other, one, other])
    with pytest.raises(RunError, match=refused("can't compare b with c", "points of 2 numbers and points of 1 number;")):
        check_alike([one, other, Known("c", "ring", (1,))])
