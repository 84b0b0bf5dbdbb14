"""The command line: what each command says of a good day. Refusals are in test_bad_input.py."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import gansmith
from gansmith.core.component import to_json
from gansmith.data import NAMES, Digits, FashionMnist, Mnist, Samples
from gansmith.recipes import FAMILIES, catalogue, make
from support import RECIPES, ROOT, Answer, assert_refused, assert_same_run, data_for, finish, quick, start, stop_after, tree

Cli = Callable[..., Answer]
README = ROOT / "README.md"
SMALL = ("tutorial-small", "budget=320images", "--data", "digits")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two finished runs, `a` and `b`, whose recipes differ in two places."""
    folder = tmp_path_factory.mktemp("runs")
    gansmith.train(make("tutorial-small", ["budget=320images"], data="digits"), folder / "a", device="cpu")
    changed = ["budget=320images", "batch_size=16", "objective.loss=hinge"]
    gansmith.train(make("tutorial-small", changed, data="digits"), folder / "b", device="cpu")
    return folder


def test_list_names_every_recipe_and_data_set_in_a_line_each(cli: Cli) -> None:
    answer = cli("list")
    assert answer.code == 0
    recipes, _, data_sets = answer.out.partition("\nData sets")  # a recipe and a data set may bear one name
    for name, entry in catalogue().items():
        (line,) = [text for text in recipes.splitlines() if text.split()[:1] == [name]]
        assert entry.about in line
    for name, known in NAMES.items():
        (line,) = [text for text in data_sets.splitlines() if text.split()[:1] == [name]]
        assert known.purpose in line
    assert max(map(len, answer.out.splitlines())) < 140


def test_list_reads_in_the_order_of_the_families(cli: Cli) -> None:
    answer = cli("list")
    families: dict[str, list[str]] = {}
    for line in answer.out.partition("\nData sets")[0].splitlines()[1:]:
        if line.startswith("  "):
            families[list(families)[-1]].append(line.split()[0])
        elif line:
            families[line] = []
    assert list(families) == [family.capitalize() for family in FAMILIES]
    assert families["Start here"] == ["default", "starter"]
    assert families["Classics"] == ["goodfellow-2014", "noise-critic", "dcgan"]
    assert families["Conditional"] == ["cgan", "acgan", "projection", "infogan"]
    found = json.loads(cli("list", "--json", "-").out)
    assert [entry["name"] for entry in found["recipes"]] == [name for names in families.values() for name in names]
    assert {entry["family"] for entry in found["recipes"]} == set(FAMILIES)
    assert [entry["name"] for entry in found["data_sets"]] == list(NAMES)


def test_json_goes_to_a_file_beside_the_text_or_to_the_terminal_alone(cli: Cli, here: Path) -> None:
    """`--json -` prints nothing but JSON; `--json FILE` prints the text too, and makes the folder."""
    text = cli("data", "list").out
    printed = cli("data", "list", "--json", "-").out
    assert cli("data", "list", "--json", "new/sets.json").out == text
    assert (here / "new" / "sets.json").read_text() == printed
    sets = {entry["name"]: entry for entry in json.loads(printed)}
    assert list(sets) == list(NAMES)
    assert sets["digits"]["state"] == "built in"
    assert sets["mnist"]["licence"] == NAMES["mnist"].licence


def test_scores_for_another_program(cli: Cli, runs: Path, here: Path) -> None:
    """evaluate --json writes what compare reads, and compare --json holds the same evaluations."""
    for name in ("a", "b"):
        answer = cli("evaluate", runs / name, "--count", 120, "--draws", 2, "--json", f"{name}.json")
        assert answer.code == 0, answer.err
        assert "Frechet" in answer.out
    answer = cli("compare", "a.json", "b.json", "--json", "-", "--out", "table.md")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    written = [json.loads((here / f"{name}.json").read_text()) for name in ("a", "b")]
    assert found["evaluations"] == written
    assert found["scores"] == [key for key in written[0]["scores"] if key in written[1]["scores"]]
    assert len(found["scores"]) > 3
    assert (here / "table.md").read_text().count("|") > 20


def test_a_quiet_training_prints_the_run_folder_alone(here: Path, cli: Cli) -> None:
    for _ in range(2):  # the second finds it finished
        answer = cli("train", *SMALL, "--run", "mine", "--quiet")
        assert (answer.code, answer.out, answer.err) == (0, "mine\n", "")
    assert gansmith.load("mine").finished


@pytest.mark.parametrize("name", RECIPES)
def test_show_tells_the_whole_recipe(name: str, cli: Cli) -> None:
    answer = cli("show", name, "--data", data_for(name))
    assert answer.code == 0, answer.err
    recipe = make(name, data=data_for(name))
    for field in to_json(recipe):
        if field not in ("type", "why"):
            assert field in answer.out
    assert all(reason in answer.out for reason in recipe.why)
    assert f"{recipe.batch_size}" in answer.out
    assert "GFLOP" in answer.out
    assert "[1, 8, 8]" in answer.out


def test_show_in_json_is_the_recipe_with_its_layers(cli: Cli) -> None:
    answer = cli("show", "tutorial-batchnorm", "--data", "digits", "latent_size=50", "--json", "-")
    facts = json.loads(answer.out)
    assert facts["recipe"] == to_json(make("tutorial-batchnorm", ["latent_size=50"], data="digits"))
    assert facts["sample_shape"] == [1, 8, 8]
    generator = facts["networks"]["generator"]
    assert generator["input"] == [50]
    assert generator["layers"][-1]["output"] == [1, 8, 8]
    weights = 50 * 128 + 128 + 128 * 256 + 256 + 256 * 512 + 512 + 512 * 1024 + 1024 + 1024 * 64 + 64 + 2 * (256 + 512 + 1024)
    assert generator["weights"] == weights == sum(layer["weights"] for layer in generator["layers"])
    assert generator["layers"][0]["output"] == [128]
    assert facts["step"]["images"] == 128
    # Multiplications and additions by hand: G forward and backward once, D forward twice, backward through both, and so on.
    assert facts["step"]["flops"] > 2 * 128 * 3 * (weights - 2 * (256 + 512 + 1024))


def test_show_of_a_run_is_its_own_recipe(runs: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Digits, "load", unreadable)
    answer = cli("show", runs / "b")
    assert answer.code == 0, answer.err
    assert f"The run {runs / 'b'}: 320 of 320 images." in answer.out
    for line in ("batch_size                16", "hinge", "[1, 8, 8]", "a step: 16 real images"):
        assert line in answer.out, answer.out
    facts = json.loads(cli("show", runs / "b", "--json", "-").out)
    assert facts["recipe"] == json.loads((runs / "b" / "recipe.json").read_text())
    assert facts["sample_shape"] == [1, 8, 8]


def test_show_of_a_named_set_needs_no_data(cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `show` tells of MNIST is known without fetching it."""
    import gansmith.data.mnist

    def fetch(*_: object, **__: object) -> None:
        raise AssertionError("nothing is fetched to show a recipe")

    monkeypatch.setattr(gansmith.data.mnist, "fetch", fetch)
    answer = cli("show", "tutorial-small")
    assert answer.code == 0
    assert "[1, 28, 28]" in answer.out
    assert "105,360" in answer.out  # 32-128-784


def test_train_says_where_and_what_next(here: Path, cli: Cli) -> None:
    answer = cli("train", *SMALL, "--run", "mine")
    assert answer.code == 0, answer.err
    assert "mine" in answer.err
    assert "100 %" in answer.err
    assert "images/s" in answer.err
    for name in ("D loss", "G loss", "D(x)", "D(G(z))", "accuracy"):
        assert name in answer.err
    assert "discriminator accuracy on" in answer.out
    assert "gansmith sample mine" in answer.out
    assert (here / "mine" / "samples" / "000000000320.png").is_file()
    assert {p.name for p in here.iterdir()} == {"mine"}


def test_train_goes_on_by_the_same_command_or_by_the_folders_name(here: Path, cli: Cli) -> None:
    assert cli("train", *SMALL).code == 0
    whole = here / "runs" / "tutorial-small-digits"
    assert whole.is_dir()
    recipe = make("tutorial-small", ["budget=320images"], data="digits")
    for i, again in enumerate([(*SMALL, "--run", "part0"), ("part1",)]):
        stop_after(recipe, here / f"part{i}", 4)
        assert cli("train", *again).code == 0
        assert_same_pictures(whole, here / f"part{i}")


def unreadable(*_: object) -> Samples:
    raise AssertionError("the data are not needed")


def test_a_finished_run_is_left_alone_and_says_so(here: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    often = (*SMALL, "checkpoint_every=64images")
    assert cli("train", *often).code == 0
    folder = here / "runs" / "tutorial-small-digits"
    before = tree(folder)
    with monkeypatch.context() as patch:
        patch.setattr(Digits, "load", unreadable)  # not even the data are needed
        for again in (often, ("runs/tutorial-small-digits",)):
            answer = cli("train", *again)
            assert answer.code == 0, answer.err
            assert len(answer.out.splitlines()) == 1
            assert "runs/tutorial-small-digits is finished: its budget of 320images is spent, 320 images" in answer.out
            assert "bigger budget=... and another --run" in answer.out
            assert tree(folder) == before
    assert_refused(cli("train", "tutorial-small", "budget=640images", "--data", "digits"), "holds another recipe: budget was")
    checkpoint = max((folder / "checkpoints").iterdir())  # what is damaged is made again
    checkpoint.write_bytes(b"")
    assert cli("train", *often).code == 0
    assert (folder / "checkpoints" / checkpoint.name).read_bytes() == before[f"checkpoints/{checkpoint.name}"]
    (folder / "results.json").unlink()  # and what a kill kept from being written is written
    assert cli("train", *often).code == 0
    assert "is finished" in cli("train", *often).out


def assert_same_pictures(one: Path, other: Path) -> None:
    names = sorted(p.name for p in (one / "samples").iterdir())
    assert names == sorted(p.name for p in (other / "samples").iterdir())
    for name in names:
        assert (one / "samples" / name).read_bytes() == (other / "samples" / name).read_bytes()


def test_a_dry_run_takes_a_step_and_writes_nothing(here: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from gansmith.training import dry_run

    monkeypatch.setattr(dry_run, "measure_speed", lambda *_: (1000.0, 0.1))
    monkeypatch.setattr(dry_run, "seconds_of_the_end", lambda _: 30.0)
    answer = cli("train", "tutorial-small", "budget=60000images", "--data", "digits", "--dry-run")
    assert answer.code == 0, answer.err
    assert tree(here) == {}
    for words in ("one step of 32 real images", "1,497 samples of [1, 8, 8]", "12,480 weights", "4,225 weights", "peak memory"):
        assert words in answer.out, answer.out
    assert "that takes     1.5 minutes, 30." in answer.out  # it promises no less than the run will take
    assert "60,000 images" in answer.out


DURATIONS = [(0.04, "0.0 seconds"), (59.9, "59.9 seconds"), (60, "1.0 minutes"), (9000, "2.5 hours")]


@pytest.mark.parametrize(("seconds", "message"), DURATIONS)
def test_a_duration_is_told_in_the_largest_unit_that_fits(seconds: float, message: str) -> None:
    from gansmith.core.formatting import duration

    assert duration(seconds) == message


def test_a_real_dry_run(here: Path, cli: Cli) -> None:
    answer = cli("train", "noise-critic", "--data", "digits", "--dry-run")
    assert answer.code == 0
    assert "images/s" in answer.out
    assert tree(here) == {}


def test_threads_and_device_are_taken(here: Path, cli: Cli) -> None:
    answer = cli("train", *SMALL, "--run", "mine", "--threads", 1, "--device", "cpu")
    assert answer.code == 0
    facts = json.loads((here / "mine" / "run.json").read_text())
    assert facts["environment"]["threads"] == 1
    assert facts["device"] == "cpu"


def test_diff_names_each_place(runs: Path, cli: Cli) -> None:
    answer = cli("diff", runs / "a", runs / "b")
    assert answer.code == 0
    assert answer.out.splitlines() == ["objective.loss: NonSaturating(real_label=1.0) -> Hinge()", "batch_size: 32 -> 16"]
    assert cli("diff", runs / "a", runs / "a").out == "no difference\n"
    answer = cli("diff", runs / "a", "tutorial-small")
    assert "data: Digits" in answer.out
    assert 'budget: "320images" -> "25epochs"' in answer.out


def test_diff_executes_nothing_of_a_run(runs: Path, tmp_path: Path, cli: Cli) -> None:
    folder = Path(shutil.copytree(runs / "a", tmp_path / "copy"))
    text = (folder / "recipe.json").read_text().replace("NonSaturating", "OfMyOwn")
    (folder / "recipe.json").write_text(text)
    answer = cli("diff", folder, runs / "a")
    assert answer.code == 0
    assert "OfMyOwn" in answer.out


def test_data_list(cli: Cli) -> None:
    answer = cli("data", "list")
    assert answer.code == 0
    for name, known in NAMES.items():
        assert name in answer.out
        assert known.licence in answer.out


def test_data_list_shows_one_damaged_file_and_every_set(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path))
    bad = tmp_path / "mnist" / "train-labels-idx1-ubyte"
    bad.parent.mkdir()
    bad.write_bytes(b"no labels")
    answer = cli("data", "list")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == list(NAMES)
    (i,) = [i for i, line in enumerate(lines) if line.startswith("mnist")]
    assert lines[i].endswith("[damaged]")
    assert str(bad) in lines[i + 2]
    assert "delete it and run: gansmith data fetch mnist" in lines[i + 2]
    (line,) = [line for line in lines if line.startswith("fashion-mnist")]
    assert line.endswith("[not fetched]")


def test_data_fetch_of_what_needs_none(cli: Cli) -> None:
    answer = cli("data", "fetch", "digits")
    assert answer.code == 0
    assert "digits needs no fetching" in answer.out


@pytest.mark.parametrize(("name", "shape"), [("digits", "[1, 8, 8]"), ("ring", "[2]")])
def test_data_show_draws_real_samples(name: str, shape: str, here: Path, cli: Cli) -> None:
    answer = cli("data", "show", name, "--count", 20)
    assert answer.code == 0, answer.err
    assert shape in answer.out
    assert "samples" in answer.out
    assert max(len(line.split("classes")[0]) for line in answer.out.splitlines()) < 60
    assert list(tree(here)) == [f"{name}.png"]
    with Image.open(here / f"{name}.png") as picture:
        assert picture.size[0] > 50


def test_data_show_of_an_array(here: Path, cli: Cli) -> None:
    made = np.random.default_rng(0).integers(0, 256, (30, 9, 7, 3), dtype=np.uint8)
    np.savez(here / "mine.npz", images=made, labels=np.arange(30) % 3)
    answer = cli("data", "show", "mine.npz", "--out", "deep.png")
    assert answer.code == 0, answer.err
    assert "30 samples" in answer.out
    assert "[3, 9, 7], uint8" in answer.out
    assert "classes 0 10, 1 10, 2 10" in answer.out
    assert (here / "deep.png").is_file()


@pytest.mark.parametrize("prefix", ["data.", ""])
def test_data_show_takes_the_settings_its_errors_advise(prefix: str, here: Path, cli: Cli) -> None:
    (here / "mixed").mkdir()
    Image.new("L", (9, 7)).save(here / "mixed" / "grey.png")
    Image.new("RGB", (5, 6)).save(here / "mixed" / "colour.png")
    (here / "mixed" / "bad.png").write_bytes(b"no picture")
    for settings, advised in ([], "data.skip_bad=true"), (["skip_bad=true"], "data.channels=3"):
        assert_refused(cli("data", "show", "mixed", "--out", "x.png", *(f"{prefix}{s}" for s in settings)), advised)
    settings = [f"{prefix}{s}" for s in ("skip_bad=true", "channels=3", "size=none")]
    assert_refused(cli("data", "show", "mixed", "--out", "x.png", *settings), "several sizes", "data.size=")
    answer = cli("data", "show", "mixed", "--out", "x.png", *settings[:2], f"{prefix}size=16")
    assert answer.code == 0, answer.err
    assert "2 samples (1 bad files skipped)" in answer.out
    assert "[3, 16, 16], uint8" in answer.out
    assert_refused(cli("data", "show", "mixed", f"{prefix}sizes=16"), "unknown field of Folder 'sizes'", "did you mean 'size'")


def test_it_says_its_version(cli: Cli) -> None:
    answer = cli("--version")
    assert (answer.code, answer.out, answer.err) == (0, f"gansmith {gansmith.__version__}\n", "")
    assert "--version" in cli("--help").out


@pytest.mark.parametrize("command", [(), ("show",), ("train",), ("sample",), ("diff",), ("list",), ("data",), ("data", "show")])
def test_every_command_has_help(command: tuple[str, ...], cli: Cli) -> None:
    answer = cli(*command, "--help")
    assert answer.code == 0
    assert "Usage" in answer.out


def test_the_real_command_from_start_to_end(tmp_path: Path) -> None:
    """One real process, its output no terminal: readable, no control characters, no warnings."""
    answer = finish(start("train", *SMALL, "--run", "mine", cwd=tmp_path))
    assert answer.code == 0, answer.err
    for text in (answer.out, answer.err):
        assert "\x1b" not in text
        assert "\r" not in text
        assert "Warning" not in text
    assert len(answer.err.splitlines()) <= 6
    recipe = make("tutorial-small", ["budget=320images"], data="digits")
    gansmith.train(recipe, tmp_path / "again", device="cpu")
    assert_same_pictures(tmp_path / "mine", tmp_path / "again")
    assert_same_run(tmp_path / "mine", tmp_path / "again")


def test_a_bar_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import sys

    from gansmith.cli import progress

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    taken = []

    def records():  # type: ignore[no-untyped-def]
        for record in gansmith.steps(quick(budget="320images"), tmp_path / "run", device="cpu"):
            taken.append(record.step)
            yield record

    progress.follow(records(), "mine -> run")
    assert taken == list(range(1, 11))
    assert "%" in capsys.readouterr().err


# ---------------------------------------------------------------------------------------------------- the README


@pytest.fixture
def small_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """MNIST and Fashion-MNIST are 128 of the digits."""
    for cls in (Mnist, FashionMnist):
        monkeypatch.setattr(cls, "load", lambda _, split="train": Samples(Digits().load(split).values[:128]))


def test_the_commands_of_the_readme_run_as_they_stand(here: Path, cli: Cli, small_data: None) -> None:
    """One after the other in an empty folder, only with less to train and to score."""
    images = here / "path/to/your/images"
    images.mkdir(parents=True)
    for i in range(20):
        Image.new("L", (16, 16), 10 * i).save(images / f"{i}.png")
    for number, name in enumerate(("sketches", "photos")):
        (here / name).mkdir()
        for i in range(8):
            Image.new("L", (16, 16), 10 * i + number).save(here / name / f"{i}.png")
    lines = re.findall(r"^    (gansmith .+)$", README.read_text(), re.M)
    assert {line.split()[1] for line in lines} == {
        *("list", "show", "train", "sample", "evaluate", "report", "doctor", "explore", "coverage", "diff", "data", "translate")
    }
    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        if words[:2] == ["data", "fetch"]:  # what it does has tests of its own
            continue
        if words[0] in ("train", "coverage"):
            words = [word for word in words if not word.startswith("budget=")] + ["budget=64images"]
        if "pix2pix" in words:
            words.append("width=8")
        if words[0] in ("evaluate", "report"):
            words += ["--count", "300"]
        answer = cli(*words)
        assert answer.code == 0, f"{line}: {answer.err}"
    assert np.load(here / "samples.npz")["images"].shape == (10_000, 8, 8, 1)
    assert (here / "digits.png").is_file()


def test_the_python_of_the_readme_runs_as_it_stands(here: Path, small_data: None) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.S)
    names: dict[str, Any] = {}
    exec(block, names)
    assert len(names["run"].sample(seed=0, count=16)) == 16
    assert names["run"].images == names["record"].images
