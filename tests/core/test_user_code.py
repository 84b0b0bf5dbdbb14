"""A newcomer's own file: a new loss and a new network with no change to the package, and never run unless it is named."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import gansmith
from gansmith.core import component as spec
from gansmith.core import user_code
from gansmith.core.errors import RunError
from gansmith.recipes import find_recipe, make
from gansmith.runs import trusted_files
from support import Answer, assert_refused, python, tree

Cli = Callable[..., Answer]

MINE = '''
from pathlib import Path
from typing import ClassVar

from torch import Tensor, nn

from gansmith import Recipe, Shapes, component
from gansmith.data import Digits
from gansmith.networks import MLPDiscriminator
from gansmith.objectives import Adversarial
from gansmith.optim import Adam
from gansmith.sampling.noise import Normal

with Path(__file__).with_name("was-run").open("a") as log:  # so that the tests see when this file is executed
    log.write("x")


@component
class Cubic:
    """|1 - x|^3 for reals and |x|^3 for fakes."""

    weight: float = 1.0
    needs_real: ClassVar[bool] = False
    undecided: ClassVar[float] = 0.5

    def discriminator(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        return self.weight * (1 - real).abs() ** 3, self.weight * fake.abs() ** 3

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        return self.weight * (1 - fake).abs() ** 3


@component
class Tiny:
    """One layer."""

    def build(self, shapes: Shapes) -> nn.Module:
        class G(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.layer = nn.Linear(shapes.noise, 64)

            def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
                return self.layer(z).tanh().view(-1, *SHAPE)

        return G()


SHAPE = (1, 8, 8)


def my_run(width: int = 16) -> Recipe:
    """Mine."""
    adam = Adam(1e-3)
    return Recipe(
        name="my-run",
        data=Digits(),
        noise=Normal(8),
        networks={"generator": Tiny(), "discriminator": MLPDiscriminator((width,))},
        objective=Adversarial(loss=Cubic()),
        optimizers={"discriminator": adam, "generator": adam},
        budget="640images",
        checkpoint_every="200images",
    )


def no_recipe() -> int:
    return 3
'''


@pytest.fixture
def mine(here: Path) -> Path:
    path = here / "my_gan.py"
    path.write_text(MINE)
    return path


def forget() -> None:
    """As in a new process of another user: the user's components are not known, and no file is trusted."""
    for name in ("Cubic", "Tiny"):
        spec.REGISTRY.pop(name, None)
    user_code._FILES.clear()
    shutil.rmtree(trusted_files.state_folder(), ignore_errors=True)


def times_run(file: Path) -> int:
    log = file.with_name("was-run")
    return len(log.read_text()) if log.exists() else 0


def test_it_trains_with_no_change_to_the_package(mine: Path, here: Path, cli: Cli) -> None:
    assert cli("train", "my_gan.py:my_run", "--run", "run").code == 0
    assert times_run(mine) == 1
    run = gansmith.load(here / "run", trust=mine)
    assert run.finished
    assert spec.to_text(run.recipe.objective) == "adversarial(loss=cubic)"
    assert run.sample(count=4).array.shape == (4, 8, 8, 1)


def test_its_parts_are_overridden_and_shown_like_any_others(mine: Path, cli: Cli) -> None:
    answer = cli("show", "my_gan.py:my_run", "objective.loss.weight=0.5", "width=24")
    assert answer.code == 0, answer.err
    assert "cubic(weight=0.5)" in answer.out
    assert "Mine." in answer.out
    recipe = make("my_gan.py:my_run", ["objective.loss=hinge", "objective.loss=cubic(weight=2.0)"])
    assert spec.to_text(recipe.objective) == "adversarial(loss=cubic(weight=2.0))"
    assert spec.from_json(json.loads(json.dumps(spec.to_json(recipe)))) == recipe


def test_its_loss_serves_a_recipe_of_the_package_too(mine: Path) -> None:
    user_code.load_file(mine)
    assert spec.to_text(make("tutorial-small", ["objective.loss=cubic"]).objective.loss) == "cubic"  # type: ignore[attr-defined]


def test_the_run_records_its_path_and_digest(mine: Path, here: Path, cli: Cli) -> None:
    cli("train", "my_gan.py:my_run", "--run", "run")
    facts = json.loads((here / "run" / "run.json").read_text())
    ((path, digest),) = facts["files"].items()
    assert Path(path).name == "my_gan.py"
    assert digest == hashlib.sha256(mine.read_bytes()).hexdigest()


def test_opening_it_needs_that_file_or_a_copy_of_it(mine: Path, here: Path, cli: Cli, tmp_path: Path) -> None:
    cli("train", "my_gan.py:my_run", "--run", "run")
    expected = gansmith.load("run", trust=mine).sample(count=3).array
    forget()
    run_before = times_run(mine)
    for command in (("sample", "run", "--out", "x.npz"), ("train", "run"), ("show", "run")):
        assert_refused(cli(*command), "run", "code of your own", "my_gan.py", "--trust FILE")
    assert times_run(mine) == run_before  # though it lies at the very path the run names
    assert not (here / "x.npz").exists()

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    copy = Path(shutil.copy(mine, elsewhere / "renamed.py"))
    mine.unlink()
    forget()
    assert cli("sample", "run", "--count", 3, "--out", "x.npz", "--trust", copy).code == 0
    assert np.array_equal(np.load("x.npz")["images"], expected)
    forget()
    assert "adversarial(loss=cubic" in cli("show", "run", "--trust", copy).out
    forget()
    assert np.array_equal(gansmith.load("run", trust=copy).sample(count=3).array, expected)


def test_a_changed_file_is_refused(mine: Path, here: Path, cli: Cli) -> None:
    cli("train", "my_gan.py:my_run", "--run", "run")
    mine.write_text(MINE.replace("** 3", "** 4"))
    forget()
    before, ran = tree(here / "run"), times_run(mine)
    for command in (("sample", "run", "--out", "x.npz"), ("train", "run")):
        assert_refused(cli(*command, "--trust", mine), "my_gan.py", "SHA-256")
    assert times_run(mine) == ran  # what is not the file is not run either
    forget()
    assert_refused(cli("train", "my_gan.py:my_run", "--run", "run"), "run", "my_gan.py", "changed")
    assert tree(here / "run") == before


def test_a_trusted_file_that_is_not_there_is_refused(mine: Path, cli: Cli) -> None:
    cli("train", "my_gan.py:my_run", "--run", "run")
    assert_refused(cli("sample", "run", "--out", "x.npz", "--trust", "no.py"), "no.py", "No such file")


def test_going_on_with_it_is_exact(mine: Path, here: Path, cli: Cli) -> None:
    recipe = make("my_gan.py:my_run")
    gansmith.train(recipe, "whole", device="cpu")
    records = gansmith.steps(recipe, "part", device="cpu")
    for record in records:
        if record.step == 4:
            break
    records.close()
    forget()
    assert cli("train", "part", "--trust", mine).code == 0
    for name in sorted(p.name for p in (here / "whole" / "samples").iterdir()):
        assert (here / "whole" / "samples" / name).read_bytes() == (here / "part" / "samples" / name).read_bytes()


def test_going_on_by_the_same_command(mine: Path, here: Path, cli: Cli) -> None:
    assert cli("train", "my_gan.py:my_run", "--run", "run", "budget=320images").code == 0
    forget()
    before = tree(here / "run" / "checkpoints")
    assert cli("train", "my_gan.py:my_run", "--run", "run", "budget=320images").code == 0
    assert tree(here / "run" / "checkpoints") == before
    assert_refused(cli("train", "my_gan.py:my_run", "--run", "run"), "budget was", "320images")


def test_in_a_new_process_nothing_is_known_and_nothing_is_run(mine: Path, here: Path, cli: Cli) -> None:
    """The same in earnest: another process opens the folder, with the file at its old path and on the import path."""
    cli("train", "my_gan.py:my_run", "--run", "run")
    ran = times_run(mine)
    code = """
import sys, gansmith
from gansmith import RunError
try:
    gansmith.load("run")
except RunError as error:
    assert "--trust FILE" in str(error)
else:
    raise SystemExit(3)
assert not [m for m in sys.modules if "my_gan" in m or m.startswith("gansmith_file")]
print(len(gansmith.load("run", trust="my_gan.py").sample(count=2)))
"""
    answer = python(code, cwd=here)
    assert answer.code == 0, answer.err
    assert answer.out == "2\n"
    assert times_run(mine) == ran + 1


def test_a_run_without_own_code_opens_whatever_is_trusted(mine: Path, tmp_path: Path) -> None:
    recipe = make("tutorial-small", ["budget=64images"], data="digits")
    gansmith.train(recipe, tmp_path / "run", device="cpu")
    assert gansmith.load(tmp_path / "run", trust=mine).finished


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (None, "my_gan.py:my_run", ("can't read my_gan.py", "No such file")),
        (MINE, "my_gan.py", ("expected a function", "my_gan.py:my_run")),
        (MINE, "my_gan.py:my_rn", ("unknown function 'my_rn'", "did you mean 'my_run'")),
        (MINE, "my_gan.py:Recipe", ("unknown function 'Recipe'",)),
        (MINE, "my_gan.py:no_recipe", ("expected a function that returns a Recipe, got int",)),
        ("def my_run(:\n", "my_gan.py:my_run", ("my_gan.py", "SyntaxError")),
        ("x = 1\ny = 1 / 0\n", "my_gan.py:my_run", ("my_gan.py, line 2,", "ZeroDivisionError")),
        ("import nosuchmodule\n", "my_gan.py:my_run", ("my_gan.py, line 1,", "nosuchmodule")),
        (MINE.replace("class Tiny", "class Hinge"), "my_gan.py:my_run", ("two components are called 'Hinge'", "rename one")),
        (MINE.replace("weight: float = 1.0", "weight: float = 'x'"), "my_gan.py:my_run", ("Cubic.weight", "expected a number")),
        (MINE.replace("SHAPE = (1, 8, 8)", "SHAPE = (1, 4, 16)"), "my_gan.py:my_run", ("'generator'", "(1, 4, 16)", "(1, 8, 8)")),
        (
            MINE.replace('"generator": Tiny(), ', '"generator": Tiny(), "extra": Tiny(), '),
            "my_gan.py:my_run",
            ("network 'extra' is trained by no player",),
        ),
        (MINE.replace('"discriminator": MLP', '"critic": MLP'), "my_gan.py:my_run", ("unknown network 'discriminator'",)),
        (MINE.replace("nn.Linear(shapes.noise, 64)", "nn.Linear(7, 64)"), "my_gan.py:my_run", ("'generator'", "noise", "(8,)")),
        (
            MINE.replace("needs_real: ClassVar[bool] = False", ""),
            "my_gan.py:my_run",
            ("Adversarial.loss: expected a Loss, got cubic, which has no needs_real",),
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_line(
    content: str | None, name: str, words: tuple[str, ...], here: Path, cli: Cli
) -> None:
    if content is not None:
        (here / "my_gan.py").write_text(content)
    answer = cli("train", name, "--run", "deep/run")
    assert_refused(answer, *words)
    assert not (here / "deep").exists()


def test_a_loss_that_turns_nan_is_named(here: Path, cli: Cli) -> None:
    spoiled = MINE.replace(
        "self.weight * (1 - fake).abs() ** 3", "(1 - fake) * float('nan') if CALLS.append(1) or len(CALLS) > 5 else fake"
    )
    (here / "my_gan.py").write_text(spoiled.replace("SHAPE =", "CALLS = []\nSHAPE ="))
    often = ("log_every=64images", "pictures.every=64images", "checkpoint_every=256images")  # no step is taken to plan these
    answer = cli("train", "my_gan.py:my_run", "scores=none", *often, "--run", "run")
    assert answer.code == 2
    assert "Traceback" not in answer.err
    last = answer.err.splitlines()[-1]
    assert last.startswith("gansmith: the loss of player 'generator' is not finite at step 6; the last good checkpoint, at 256")
    assert json.loads((here / "run" / "generator" / "generator.json").read_text())["images"] == 256


def test_a_file_mended_and_read_again_in_one_session(mine: Path) -> None:
    """In a notebook one edits one's loss and trains again."""
    find_recipe("my_gan.py:my_run")
    mine.write_text(MINE.replace("** 3", "** 4"))
    recipe = find_recipe("my_gan.py:my_run")()
    assert recipe.objective.loss.generator(None, torch.tensor(3.0)) == 16.0  # type: ignore[attr-defined]


def test_two_versions_of_a_file_are_looked_at_side_by_side(mine: Path, here: Path) -> None:
    gansmith.train(make("my_gan.py:my_run"), "one", device="cpu")
    first = gansmith.load("one", trust=mine).sample(count=2).array
    shutil.copy(mine, here / "first.py")
    mine.write_text(MINE.replace("** 3", "** 4"))
    gansmith.train(make("my_gan.py:my_run"), "two", device="cpu")
    for _ in range(2):
        assert np.array_equal(gansmith.load("one", trust="first.py").sample(count=2).array, first)
        assert not np.array_equal(gansmith.load("two", trust=mine).sample(count=2).array, first)


def test_the_template_trains_as_it_stands(tmp_path: Path, here: Path, cli: Cli) -> None:
    template = Path(gansmith.__file__ or "").parent / "recipes" / "_template.py"
    shutil.copy(template, here / "my_gan.py")
    changes = ("budget=320images", "--data", "digits", "--run", "run")
    assert cli("train", "my_gan.py:my_run", *changes).code == 0
    spec.REGISTRY.pop("SoftLeastSquares", None)
    user_code._FILES.clear()
    assert cli("train", "my_gan.py:my_run", *changes, "seed=1").code == 2  # the same folder, another recipe
    assert len(gansmith.load("run", trust="my_gan.py").sample(count=2)) == 2
    assert "_template" not in cli("list").out
    for word in ("needs_real", "def discriminator", "def generator", "--trust"):
        assert word in template.read_text()


def test_runs_of_equal_files_at_two_paths_are_one_run(mine: Path, here: Path, tmp_path: Path) -> None:
    one = make("my_gan.py:my_run", ["budget=200images"])
    gansmith.train(one, "a", device="cpu")
    forget()
    (tmp_path / "other").mkdir()
    copy = shutil.copy(mine, tmp_path / "other" / "copied.py")
    other = make(f"{copy}:my_run", ["budget=200images"])
    gansmith.train(other, "b", device="cpu")
    assert spec.to_json(one) == spec.to_json(other)
    for name in sorted(p.name for p in (here / "a" / "samples").iterdir()):
        assert (here / "a" / "samples" / name).read_bytes() == (here / "b" / "samples" / name).read_bytes()
    with pytest.raises(RunError, match="another recipe"):
        gansmith.train(make(f"{copy}:my_run", ["budget=300images"]), "a", device="cpu")
