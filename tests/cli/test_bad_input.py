"""What bad input gets on the command line: one line, exit code 2, nothing half-written, no traceback.

What the data room refuses is in test_data*.py, what a run folder does in test_run.py, what a user's own file does in
test_own_file.py, and every kind of wrong override in test_overrides.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support import Answer, assert_refused, finish, start, tree

Cli = Callable[..., Answer]
SMALL = ("train", "tutorial-small", "--data", "digits")

COMMANDS: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    # a word nobody knows gets the nearest
    (("train", "tutorial-smal"), ("unknown recipe 'tutorial-smal'", "did you mean 'tutorial-small'")),
    (("show", "tutorial-kers"), ("unknown recipe 'tutorial-kers'", "did you mean 'tutorial-keras'")),
    (("train", "zzz"), ("unknown recipe 'zzz'; known: ", "more")),
    (("train", "tutorial-small", "--data", "minst"), ("unknown data set 'minst'", "did you mean 'mnist'")),
    (("show", "tutorial-small", "--data", "digit"), ("unknown data set 'digit'", "did you mean 'digits'")),
    (("data", "show", "digit"), ("unknown data set 'digit'", "did you mean 'digits'")),
    (("data", "fetch", "mnst"), ("unknown data set 'mnst'", "did you mean 'mnist'")),
    ((*SMALL, "batch_sizes=3"), ("unknown field of Recipe 'batch_sizes'", "did you mean 'batch_size'")),
    ((*SMALL, "objective.loss=hing"), ("objective.loss=hing", "did you mean 'hinge'")),
    ((*SMALL, "optimizers.generator.beta=1"), ("unknown field of Adam 'beta'", "did you mean 'betas'")),
    (("diff", "tutorial-small", "tutorial-smal"), ("unknown recipe", "did you mean 'tutorial-small'")),
    # a value of the wrong type or out of range
    ((*SMALL, "batch_size=1e-4"), ("batch_size=1e-4", "a whole number", "0.0001")),
    ((*SMALL, "batch_size=0"), ("batch_size=0", "greater than 0")),
    ((*SMALL, "batch_size=abc"), ("batch_size=abc", "a whole number", "'abc'")),
    ((*SMALL, "budget=5"), ("budget=5: expected a length such as 25epochs", "got 5")),
    ((*SMALL, "optimizers.generator.lr=-1"), ("lr=-1", "greater than 0")),
    ((*SMALL, "optimizers.generator.betas=[0.5,1.5]"), ("betas", "less than 1")),
    ((*SMALL, "networks.generator.widths=[0]"), ("widths", "greater than 0")),
    ((*SMALL, "value_range=[1.0,-1.0]"), ("value_range", "low < high")),
    ((*SMALL, "batch_size"), ("'batch_size' has no value", "NAME=VALUE")),
    (("show", "tutorial-small", "--data", "digits", "seed=-1"), ("seed=-1", "greater than or equal to 0")),
    (("train", "tutorial-batchnorm", "--data", "digits", "epoch=20"), ("epoch=20", "did you mean 'epochs'")),
    (("train", "tutorial-batchnorm", "--data", "digits", "batchsize=20"), ("batchsize=20", "did you mean 'batch_size'")),
    ((*SMALL, "--dry-run", "networks.generator.widths=[100000000000000]"), ("expected at most 65,536", "100000000000000")),
    # parts that don't fit together
    ((*SMALL, "frozen+=generator"), ("'generator' is frozen", "'generator' trains it")),
    ((*SMALL, "objective.generator_fakes=8"), ("share", "generator_fakes")),
    (("train", "noise-critic", "--data", "digits", "frozen=[]"), ("network 'generator' is trained by no player",)),
    (("train", "noise-critic", "--data", "digits", "objective.penalties+=r1"), ("unknown field of Critic 'penalties'",)),
    (("train", "tutorial-keras", "--data", "digits", "objective.loss=relativistic"), ("generator_fakes",)),
    (("train", "tutorial-small", "--data", "digits", "objective.discriminator_turns=2"), ("share", "discriminator_turns")),
    ((*SMALL, "objective.discriminator_fakes=8", "objective.penalties+=r1"), ("r1", "discriminator_fakes")),
    ((*SMALL, "objective.discriminator_fakes=8", "objective.loss=relativistic"), ("relativistic", "discriminator_fakes")),
    (
        ("train", "infogan", "--data", "digits", "objective.penalties=[]", "objective.discriminator_fakes=8"),
        ("auxiliary-loss", "discriminator_fakes"),
    ),
    (
        ("train", "goodfellow-2014", "--data", "digits", "k=2", "objective.turns=simultaneous"),
        ("simultaneous", "discriminator_turns at 1"),
    ),
    # the command line itself
    (("tran", "tutorial-small"), ("tran", "train")),
    (("slide", "run", "--out", "x.png"), ("No such command 'slide'", "Did you mean 'explore slide'")),
    (("fetch", "mnist"), ("No such command 'fetch'", "Did you mean 'data fetch'")),
    (("explore", "slid", "run"), ("slid", "slide")),
    (("explore", "slide", "nowhere", "--out", "x.png"), ("nowhere does not exist", "gansmith train")),
    (("explore", "interpolate", "."), ("--out",)),
    (("list", "--json"), ("'--json' requires an argument", "--json - prints")),
    (("list", "--json", "notes.txt/x.json"), ("notes.txt", "choose another path")),
    (("export", ".", "--out", "x.keras", "--format", "kera"), ("unknown format 'kera'", "did you mean 'keras'")),
    (("coverage", "rin"), ("unknown protocol 'rin'", "did you mean 'ring'")),
    (("coverage", "ring", "--seeds", "0"), ("--seeds", "see gansmith coverage --help")),
    (("compare", "only"), ("at least two",)),
    (("compare", "a", "b", "--out", "x.txt"), ("'.txt'", "x.md or x.html")),
    (("doctor", "nowhere"), ("nowhere does not exist",)),
    (("evaluate", "nowhere"), ("nowhere",)),
    (("report", "nowhere"), ("nowhere does not exist",)),
    (("data", "extractor", "cifar"), ("cifar",)),
    (("train", "tutorial-small", "--datas", "digits"), ("--datas",)),
    ((*SMALL, "--epochs", "3"), ("No such option: --epochs", "NAME=VALUE, as in budget=5m")),
    (("show", "tutorial-small", "--seed", "3"), ("No such option: --seed", "NAME=VALUE")),
    (("train", "tutorial-small", "--threads", "0"), ("--threads",)),
    ((*SMALL, "--device", "tpu9"), ("device 'tpu9'", "--device cpu")),
    ((*SMALL, "--device", "cuda:7"), ("device 'cuda:7'", "--device cpu")),
    ((*SMALL, "--skip-bad"), ("skip_bad", "folders of images")),
    (("train", "runs/nope"), ("runs/nope is no run folder (it does not exist) and no recipe", "gansmith list")),
    (("show", "runs/nope"), ("runs/nope is no run folder (it does not exist) and no recipe", "gansmith list")),
    (("train", "empty"), ("empty is no run folder (it has no recipe.json) and no recipe", "--data")),
    (("train", "x" * 5000), ("unknown recipe",)),
    (("sample",), ("Missing argument 'run'", "see gansmith sample --help")),
    (("sample", "nowhere", "--out", "x.npz"), ("nowhere", "does not exist", "gansmith train")),
    (("sample", ".", "--out", "x.npz"), ("no recipe.json",)),
    (("sample", "nowhere"), ("--out",)),
    (("diff", "nowhere", "tutorial-small"), ("unknown recipe 'nowhere'",)),
    (("diff", ".", "tutorial-small"), ("no recipe.json",)),
    # data that can't be read; see test_data*.py for the rest
    (("train", "tutorial-small", "--data", "no/such/folder"), ("no such file or folder: no/such/folder",)),
    (("train", "tutorial-small", "--data", "empty"), ("empty", "image")),
    (("train", "tutorial-small", "--data", "broken"), ("bad.png",)),
    (("train", "tutorial-small", "--data", "mixed"), ("channels",)),
    (("train", "tutorial-small", "--data", "nan.npy"), ("nan.npy", "finite")),
    (("train", "tutorial-small", "--data", "notes.txt"), ("notes.txt",)),
    (("data", "show", "empty"), ("empty", "image")),
    (("data", "show", "broken"), ("bad.png",)),
    (("train", "starter", "--data", "ring"), ("images", "[2]", "mlp-generator")),
]


@pytest.fixture
def desk(here: Path) -> Path:
    """A working folder with data that can't be used."""
    (here / "empty").mkdir()
    for name in ("broken", "mixed"):
        (here / name).mkdir()
        for i in range(3):
            Image.new("L", (8, 8), 50 * i).save(here / name / f"{i}.png")
    (here / "broken" / "bad.png").write_bytes((here / "broken" / "0.png").read_bytes()[:40])
    Image.new("RGB", (8, 8)).save(here / "mixed" / "colour.png")
    np.save(here / "nan.npy", np.full((20, 2), np.nan, np.float32))
    (here / "notes.txt").write_text("no data")
    return here


@pytest.mark.parametrize(("arguments", "words"), COMMANDS, ids=[" ".join(c[0])[:60] for c in COMMANDS])
def test_one_line_exit_code_2_and_nothing_written(
    arguments: tuple[str, ...], words: tuple[str, ...], desk: Path, cli: Cli
) -> None:
    before = tree(desk)
    answer = cli(*arguments)
    assert_refused(answer, *words)
    assert answer.out == ""
    assert tree(desk) == before


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
