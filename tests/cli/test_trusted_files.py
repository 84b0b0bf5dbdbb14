"""A file of one's own: used with a named recipe by --use, trusted once by --trust, listed and revoked by `gansmith trust`."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import marshal
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import gansmith
from gansmith.core import component as spec
from gansmith.core import user_code
from gansmith.core.errors import RecipeError, RunError
from gansmith.recipes import make
from gansmith.runs import trusted_files
from support import Answer, assert_refused, assert_same_run

Cli = Callable[..., Answer]

LOSS = '''
from pathlib import Path
from typing import ClassVar
import torch
from torch import Tensor
from gansmith import component

with Path(__file__).with_name("was-run").open("a") as log:
    log.write("x")


@component
class MyHinge:
    """Hinge."""

    margin: float = 1.0
    needs_real: ClassVar[bool] = False
    undecided: ClassVar[float] = 0.0

    def discriminator(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        return torch.relu(self.margin - real), torch.relu(self.margin + fake)

    def generator(self, real: Tensor | None, fake: Tensor) -> Tensor:
        return -fake
'''
NOISE = '''
import torch
from gansmith import component
from gansmith.sampling.noise import Normal

@component
class MyNoise(Normal):
    """Normal noise."""
'''
SMALL = ("--data", "digits", "budget=320images", "scores=none", "watch=none")
TRAIN = ("train", "tutorial-small", "--use", "my_loss.py", "objective.loss=my-hinge", *SMALL, "--run", "run")


@pytest.fixture
def mine(here: Path) -> Path:
    path = here / "my_loss.py"
    path.write_text(LOSS)
    return path


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the loss, trained once."""
    folder = tmp_path_factory.mktemp("once")
    (folder / "my_loss.py").write_text(LOSS)
    user_code.load_file(folder / "my_loss.py")
    recipe = make("tutorial-small", ["objective.loss=my-hinge", *SMALL[2:]], data="digits")
    gansmith.train(recipe, folder / "run", device="cpu")
    as_new()
    return folder / "run"


@pytest.fixture
def trained(once: Path, mine: Path, here: Path) -> None:
    """The run in the working folder, opened for the first time."""
    shutil.copytree(once, here / "run")
    as_new()


def as_new() -> None:
    """As in a new process of the same user: the components are not known."""
    for name in ("MyHinge", "MyNoise"):
        spec.REGISTRY.pop(name, None)
    user_code._FILES.clear()


def times_run(file: Path) -> int:
    log = file.with_name("was-run")
    return len(log.read_text()) if log.exists() else 0


def test_an_own_loss_trains_a_named_recipe(mine: Path, here: Path, cli: Cli) -> None:
    answer = cli(*TRAIN)
    assert answer.code == 0, answer.err
    facts = json.loads((here / "run" / "run.json").read_text())
    assert list(facts["files"].values()) == [hashlib.sha256(mine.read_bytes()).hexdigest()]
    assert json.loads((here / "run" / "recipe.json").read_text())["objective"]["loss"]["type"] == "MyHinge"
    as_new()
    again = cli(*TRAIN)
    assert again.code == 0, again.err
    assert "is finished" in again.out
    as_new()
    assert_refused(cli(*TRAIN, "batch_size=48"), "another recipe")
    mine.write_text(LOSS.replace("-fake", "-2 * fake"))
    as_new()
    assert_refused(cli(*TRAIN), "my_loss.py", "changed")


def test_it_resumes_bit_for_bit_by_the_folder_alone(mine: Path, here: Path, trained: None, cli: Cli) -> None:
    assert cli("trust", "my_loss.py").code == 0
    user_code.load_file(mine)
    recipe = gansmith.load("run").recipe
    records = gansmith.steps(recipe, "part", device="cpu")
    for record in records:
        if record.step == 3:
            break
    records.close()
    as_new()
    answer = cli("train", "part")
    assert answer.code == 0, answer.err
    assert_same_run(here / "run", here / "part")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (("train", "tutorial-small", "--use", "my_loss.py", *SMALL), ("uses nothing of my_loss.py", "objective.loss=my-hinge")),
        (("show", "tutorial-small", "--use", "my_loss.py"), ("uses nothing of my_loss.py", "my-hinge")),
        (("coverage", "ring", "--use", "my_loss.py"), ("uses nothing of my_loss.py", "my-hinge")),
        (("train", "tutorial-small", "--use", "no.py", *SMALL), ("can't read no.py", "No such file")),
        (("train", "tutorial-small", "--use", ".", *SMALL), ("name a Python file",)),
        (("train", "tutorial-small", "--use", "pipe.py", *SMALL), ("pipe.py", "regular file")),
        (("train", "tutorial-small", "--use", "empty.py", *SMALL), ("empty.py", "has no component")),
        (("train", "tutorial-small", "objective.loss=my-hinge", *SMALL), ("unknown loss 'my-hinge'",)),
        (("trust", "no.py"), ("can't read no.py",)),
        (("trust", "my_loss.py", "no.py"), ("can't read no.py",)),
        (("trust", "pipe.py"), ("pipe.py", "regular file")),
        (("trust", "--revoke"), ("--revoke needs a file",)),
        (("trust", "--revoke", "my_loss.py"), ("my_loss.py is no trusted file",)),
        (("trust", "--revoke", "abc"), ("abc is no trusted file",)),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    line: tuple[str, ...], words: tuple[str, ...], mine: Path, here: Path, cli: Cli
) -> None:
    os.mkfifo(here / "pipe.py")
    (here / "empty.py").write_text("x = 1\n")
    assert_refused(cli(*line), *words)
    assert not (here / "runs").exists()
    assert not trusted_files.trusted_files()


def test_show_and_coverage_take_it_too(mine: Path, cli: Cli) -> None:
    answer = cli("show", "tutorial-small", "--use", mine, "objective.loss=my-hinge(margin=2.0)", "--data", "digits")
    assert answer.code == 0, answer.err
    assert "my-hinge(margin=2.0)" in answer.out


def test_a_trust_is_given_once_and_can_be_taken_back(mine: Path, trained: None, cli: Cli) -> None:
    ran = times_run(mine)
    sample = ("sample", "run", "--count", 3, "--out", "x.npz")
    assert_refused(cli(*sample), "code of your own", "--trust FILE")
    assert times_run(mine) == ran  # nothing runs before it is named
    assert cli(*sample, "--trust", "my_loss.py").code == 0
    expected = np.load("x.npz")["images"]

    digest = hashlib.sha256(mine.read_bytes()).hexdigest()
    assert [row["sha256"] for row in json.loads(cli("trust", "--json", "-").out)] == [digest]
    assert str(mine) in cli("trust").out
    for line in (sample, ("doctor", "run"), ("show", "run"), ("train", "run")):
        as_new()
        answer = cli(*line)
        assert answer.code == 0, answer.err
    assert np.array_equal(np.load("x.npz")["images"], expected)

    assert cli("trust", "--revoke", digest[:8]).code == 0
    assert "no file is trusted" in cli("trust").out
    as_new()
    assert_refused(cli(*sample), "code of your own", "--trust FILE")


def test_the_trust_in_a_copy_is_taken_back_by_either_path(mine: Path, here: Path, cli: Cli) -> None:
    """The list holds a content once, under the path that was trusted last."""
    shutil.copy(mine, here / "copy.py")
    for name in ("my_loss.py", "copy.py"):
        assert cli("trust", "my_loss.py", "copy.py").code == 0
        answer = cli("trust", "--revoke", name)
        assert answer.code == 0, answer.err
        assert "no file is trusted" in cli("trust").out


def test_only_the_content_that_was_trusted_runs(mine: Path, here: Path, trained: None, cli: Cli, tmp_path: Path) -> None:
    """Neither another content at the trusted path, nor another file that a run folder names with a trusted digest."""
    assert cli("trust", mine).code == 0
    ran = times_run(mine)
    as_new()
    mine.write_text(LOSS + "\n# other\n")
    assert "has changed since" in cli("trust").out
    assert_refused(cli("sample", "run", "--out", "x.npz"), "--trust FILE")
    mine.write_text(LOSS)

    evil = tmp_path / "evil.py"
    evil.write_text(LOSS.replace('"was-run"', '"was-run-evil"'))
    facts = json.loads((here / "run" / "run.json").read_text())
    facts["files"] = {str(evil): digest for digest in facts["files"].values()}
    (here / "run" / "run.json").write_text(json.dumps(facts))
    as_new()
    assert cli("sample", "run", "--out", "x.npz").code == 0  # by the trusted file, at its own place
    assert not (tmp_path / "was-run-evil").exists()
    assert times_run(mine) == ran + 1


def test_what_runs_is_what_was_read(mine: Path) -> None:
    with pytest.raises(RecipeError, match="expected 000000000000"):
        user_code.load_file(mine, "0" * 64)
    assert times_run(mine) == 0


def test_compiled_code_beside_a_file_does_not_run(mine: Path) -> None:
    """Python takes a .pyc whose header holds the time and the size of the file, whatever its code is."""
    status = mine.stat()
    evil = compile("raise SystemExit('evil')", str(mine), "exec")
    header = importlib.util.MAGIC_NUMBER + struct.pack("<III", 0, int(status.st_mtime), status.st_size)
    compiled = Path(importlib.util.cache_from_source(str(mine)))
    compiled.parent.mkdir()
    compiled.write_bytes(header + marshal.dumps(evil))
    assert user_code.load_file(mine).MyHinge is not None
    assert times_run(mine) == 1


def test_a_run_of_two_files_needs_both(mine: Path, here: Path, cli: Cli) -> None:
    (here / "my_noise.py").write_text(NOISE)
    answer = cli(*TRAIN, "--use", "my_noise.py", "noise=my-noise(dim=8)")
    assert answer.code == 0, answer.err
    as_new()
    assert_refused(cli("doctor", "run", "--trust", "my_loss.py"), "my_noise.py", "--trust FILE")
    as_new()
    assert cli("trust", "my_loss.py", "my_noise.py").code == 0
    assert cli("doctor", "run").code == 0


@pytest.mark.parametrize("content", [b"", b"\xff", b'{"x": {"path": 3, "since": ""}}', b"[" * 100_000])
def test_a_damaged_list_trusts_nothing(
    content: bytes, mine: Path, here: Path, cli: Cli, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli(*TRAIN).code == 0
    assert cli("trust", mine).code == 0
    path = trusted_files.state_folder() / "trusted.json"
    path.write_bytes(content)
    as_new()
    answer = cli("sample", "run", "--out", "x.npz")
    assert answer.code == 2
    assert "Traceback" not in answer.err
    assert "--trust FILE" in answer.err
    assert cli("sample", "run", "--out", "x.npz", "--trust", mine).code == 0  # which mends the list
    as_new()
    assert cli("sample", "run", "--out", "x.npz").code == 0


def test_a_list_that_others_can_write_trusts_nothing(mine: Path, cli: Cli) -> None:
    assert cli("trust", mine).code == 0
    path = trusted_files.state_folder() / "trusted.json"
    for place in (path, path.parent):
        mode = place.stat().st_mode
        place.chmod(0o777)
        assert not trusted_files.trusted_files()
        place.chmod(mode)
        assert trusted_files.trusted_files()


def test_it_is_kept_in_the_folder_for_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "mine"))
    assert trusted_files.state_folder() == tmp_path / "mine" / "gansmith"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert trusted_files.state_folder() == tmp_path / ".local" / "state" / "gansmith"


def test_a_home_that_can_t_be_written_costs_the_memory_alone(
    mine: Path, here: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli(*TRAIN).code == 0
    (here / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(here / "file"))
    as_new()
    assert cli("sample", "run", "--out", "x.npz", "--trust", mine).code == 0
    assert_refused(cli("trust", mine), "trusted.json")


def test_revoking_is_all_or_nothing(mine: Path, here: Path, cli: Cli) -> None:
    copy = Path(shutil.copy(mine, here / "copy.py"))
    copy.write_text(LOSS + "# copy\n")
    assert cli("trust", mine, copy).code == 0
    with pytest.raises(RunError, match="no trusted file"):
        trusted_files.revoke([str(mine), "other.py"])
    assert len(trusted_files.trusted_files()) == 2
    trusted_files.revoke([str(mine), str(copy)])
    assert not trusted_files.trusted_files()
