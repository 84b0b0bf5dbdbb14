"""Names that come from outside are text, and nothing else for a terminal, a page, a figure, a file name or a shell."""

from __future__ import annotations

import ast
import functools
import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import gansmith
from gansmith.cli import completion, terminal
from gansmith.cli.main import command_line
from gansmith.core import files
from gansmith.core.formatting import file_name, json_text, plain, printable, shell_word
from gansmith.data import Samples
from gansmith.drawing import captions, figures
from gansmith.evaluation.comparison import _no_markdown
from support import REAL_LINES, REAL_LOSS_PLOT, Answer, assert_refused

Cli = Callable[..., Answer]

DRIVES = "\x1b]0;owned\x07\x9b31m\r\u202e"  # a terminal's title, a colour, the start of the line, the direction
MARKUP = "_[red]$x^{$<b>_`|{0}%s"
HOSTILE = MARKUP + DRIVES
SOURCES = Path(gansmith.__file__ or "").parent
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")


@pytest.fixture
def photos(here: Path) -> Path:
    """A folder with a hostile name and two hostile classes of pictures."""
    noise = np.random.default_rng(0).integers(0, 256, (2, 30, 8, 8), dtype=np.uint8)
    for name, pictures in zip((f"a{HOSTILE}", f"b\n{HOSTILE}"), noise, strict=True):
        folder = here / f"photos{HOSTILE}" / name
        folder.mkdir(parents=True)
        for i, picture in enumerate(pictures):
            Image.fromarray(picture).save(folder / f"{i}{DRIVES}.png")
    return here / f"photos{HOSTILE}"


def test_every_command_prints_them_as_text(photos: Path, here: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gansmith.drawing.plots.loss_plot", REAL_LOSS_PLOT)
    monkeypatch.setattr("gansmith.drawing.charts.lines", REAL_LINES)
    np.savez(here / "bad.npz", **{f"im{HOSTILE}": np.zeros((2, 8, 8), np.uint8), f"x{HOSTILE}": np.zeros(2)})  # type: ignore[arg-type]
    run = here / f"run{HOSTILE}"
    common = ("--data", photos, "data.size=8")
    lines: list[tuple[object, ...]] = [
        ("train", "cgan", *common, f"name={MARKUP}", "budget=128images", "--run", run),
        ("train", run),
        ("sample", run, "--out", f"x{HOSTILE}.png"),
        ("sample", run, "--class", "nobody", "--out", "x.png"),
        ("doctor", run),
        ("doctor", run, "--json", "-"),
        ("show", run),
        ("show", run, "--json", "-"),
        ("diff", run, "cgan"),
        ("explore", "interpolate", run, "--out", f"x{HOSTILE}.gif"),
        ("data", "show", photos, "data.size=8"),
        ("data", "show", "bad.npz"),
        ("data", "show", HOSTILE),
        ("list",),
        ("train", HOSTILE),
        ("train", "cgan", f"budget={HOSTILE}"),
        ("train", "cgan", f"{HOSTILE}=3"),
        ("train", "cgan", f"--{HOSTILE}"),
        (HOSTILE,),
    ]
    for line in lines:
        answer = cli(*line)
        assert not CONTROL.search(answer.out + answer.err), line
        assert "Traceback" not in answer.err, line
        if answer.code:
            assert len(answer.err.splitlines()) == 1, answer.err
        if "-" in line:
            json.loads(answer.out)
    assert (run / "losses.png").is_file()
    page = (run / "report.html").read_text()
    assert not CONTROL.search(page)
    assert "<b>" not in page
    assert all(path.parent == here for path in here.iterdir())
    classes = json.loads((run / "run.json").read_text())["classes"]
    assert len(classes) == 2
    assert not any(CONTROL.search(name) or "\n" in name for name in classes)


def test_the_default_folder_of_a_run_stays_where_runs_are(photos: Path, here: Path, cli: Cli) -> None:
    answer = cli("train", "tutorial-small", "--data", photos, "data.size=8", "budget=64images", "-q")
    assert answer.code == 0, answer.err
    (folder,) = (here / "runs").iterdir()
    assert folder.name == f"tutorial-small-{file_name(photos.name)}"
    assert not CONTROL.search(folder.name)


def test_what_is_no_text_is_refused_before_it_reaches_a_file(here: Path, cli: Cli) -> None:
    assert_refused(cli("train", "tutorial-small", "--run", "x\udcff"), r"x\udcff", "UTF-8")


def test_a_class_whose_name_is_no_text_is_shown_by_its_bytes() -> None:
    values = np.zeros((2, 1, 4, 4), np.uint8)
    assert Samples(values, np.arange(2), ("a\udcff", "b\nc")).classes == (r"a\udcff", r"b\nc")


# ---------------------------------------------------------------------------------------------------- one function a sink

NAMES = (HOSTILE, "\udcff", "../../x", "..", "", " ", "a/b\\c", "C:x", "x" * 500, "é漢", "\x00")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_never_leaves_its_folder(name: str, tmp_path: Path) -> None:
    path = tmp_path / file_name(name)
    files.write(path, b"")
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == [path.name]
    assert path.resolve().parent == tmp_path.resolve()
    assert not path.name.startswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_text_is_printable_and_json_comes_back(name: str) -> None:
    assert not CONTROL.search(printable(name))
    assert not CONTROL.search(plain(name))
    assert json.loads(json_text({name: name})) == {name: name}
    assert not CONTROL.search(json_text({name: name}))
    json_text(name).encode()


def test_what_can_be_read_is_kept() -> None:
    for text in ("Größe 漢字 –", "a\tb\nc", "[default: 3]", "👨\u200d👩", "می\u200cخواهم"):
        assert printable(text) == text
    assert plain("a\nb") == r"a\nb"


def test_a_table_shows_markup_and_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table

    table = Table()
    table.add_column(HOSTILE)
    table.add_row(HOSTILE + ":smile:")
    console = terminal.console(width=200)
    console.print(table)
    console.print(HOSTILE)
    out = capsys.readouterr().out
    assert not CONTROL.search(out)
    assert out.count(MARKUP) == 3
    assert ":smile:" in out


@pytest.mark.parametrize("name", ["$x^{$", r"$\frac{$", "_hidden", HOSTILE, "漢", "a" * 5000, ""])
def test_figures_write_names_as_they_are(name: str) -> None:
    log = {"images": np.arange(3.0), f"{name}/loss": np.arange(3.0), "discriminator/loss": np.arange(3.0)}
    assert REAL_LOSS_PLOT(log, name).size[0] > 500
    svg = REAL_LINES({name or "x": (log["images"], log["images"]), "other": (log["images"], log["images"])}, name, y=name)
    assert not CONTROL.search(svg)
    if name == "_hidden":
        assert svg.count("_hidden") == 3  # legend, axis, what a screen reader says


def test_a_chart_restyles_its_tags_and_not_its_words() -> None:
    x = np.arange(5.0)
    words = ("#030303", "font-family: x;")
    svg = REAL_LINES(dict.fromkeys(words, (x, x)), "about")
    for word in words:
        assert f">{word}</text>" in svg


def test_both_losses_are_named_alike() -> None:
    names = ("discriminator/loss", "generator/loss", "discriminator/D(x)", "encoder/loss", "loss")
    expected = ["discriminator loss", "generator loss", "D(x)", "encoder loss", "loss"]
    assert [figures.curve_name(name) for name in names] == expected


@pytest.mark.parametrize("name", ["a\nb", HOSTILE, "漢\udcff"])
def test_captions_take_any_name(name: str) -> None:
    assert captions.name_rows(Image.new("L", (900, 60)), (name, "b")).size[1] == 60


def test_markdown_shows_names_as_they_are() -> None:
    assert _no_markdown("a|b*c_<i>[x](y)`") == r"a\|b\*c\_\<i\>\[x\](y)\`"


def test_a_shell_gets_no_word_that_it_would_run(here: Path) -> None:
    for name in (r"\$(touch pwned)", "$(touch pwned)", "`touch pwned`", "a;b", 'a"b', "a'b", "fine-1.0", HOSTILE):
        (here / name).mkdir()
        (here / name / "recipe.json").write_text("{}")
    (here / "fine-1.0" / "run.json").write_text(json.dumps({"kinds": [0.5, 0.5], "classes": ["$(reboot)", "cat"]}))
    assert completion.run_folders("") == ["fine-1.0"]
    assert completion.classes(SimpleNamespace(params={"run": "fine-1.0"}, args=[])) == ["cat"]  # type: ignore[arg-type]


def test_a_command_to_copy_runs_nothing_else() -> None:
    """Every command that a message offers has its names quoted, in the sources of messages and of the page."""
    assert shell_word("runs/default-1.0") == "runs/default-1.0"
    assert shell_word("$(touch pwned)") == "'$(touch pwned)'"
    offered = re.compile(r"(?:gansmith (?!reads)[a-z]+(?: [A-Z]+)*|--run|--logdir|--data) \{\{? ?([\w.]+(?:\(.*?\))?)")
    for path in sorted([*SOURCES.rglob("*.py"), *SOURCES.rglob("*.html")]):
        for word in offered.findall(path.read_text(encoding="utf-8")):
            known = word in ("folder", "data", "name") or word.isupper() or word.startswith("shell_word(")
            assert known, f"{path.name}: {word} in a command is not quoted: use formatting.shell_word"


# ---------------------------------------------------------------------------------------------------- the help


def _commands(command: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    yield path, command
    for name, part in getattr(command, "commands", {}).items():
        yield from _commands(part, (*path, name))


def _words(text: str) -> str:
    return "".join(re.findall(r"[^\s│╭╮╰╯─]", text))


def test_the_help_shows_every_word_of_every_text(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also brackets, which rich takes for markup: one more text in brackets is put before each, as a maintainer might."""
    monkeypatch.setenv("COLUMNS", "110")
    real = command_line

    def with_brackets() -> object:
        from gansmith.cli import main

        made = main.typer.main.get_command(main.app)
        for _, command in _commands(made):
            command.help = f"[default: 3] {command.help}"  # type: ignore[attr-defined]
            for option in command.params:  # type: ignore[attr-defined]
                option.help = f"[red] {option.help or ''} [default: runs/x]."
        main._show_brackets(made)
        return made

    for path, command in _commands(real()):
        monkeypatch.setattr("gansmith.cli.main.command_line", with_brackets)
        shown = _words(cli(*path, "--help").out)
        expected = [command.help, *(option.help for option in command.params)]  # type: ignore[attr-defined]
        for text in expected:
            assert _words(str(text or "").replace("\\[", "[")) in shown, (path, text)
        assert shown.count("[red]") == shown.count("[default:runs/x].") == len(command.params)  # type: ignore[attr-defined]
        assert "[default:3]" in shown


# ---------------------------------------------------------------------------------------------------- no way past them


@functools.cache
def _calls() -> list[tuple[str, str, ast.Call]]:
    """(file, called name, call) of every call in the package."""
    return [
        (str(path.relative_to(SOURCES)), ast.unparse(node.func), node)
        for path in sorted(SOURCES.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
    ]


def test_nothing_is_printed_or_drawn_past_these_functions() -> None:
    """The call, and the only files that may make it. A new one goes through the function in that file."""
    allowed = {
        r"typer\.(echo|secho)|click\.(echo|secho)|sys\.(stdout|stderr)\.write": set(),
        r"print": {"cli/terminal.py", "data/fetch.py"},
        r"(\w+\.)?Console": {"cli/terminal.py"},
        r"logging\.(basicConfig|StreamHandler)": {"cli/terminal.py"},
        r"\w*figure\.savefig|(plt|pyplot)\..*": {"drawing/figures.py"},
        r"\w+\.add_(scalar|text|hparams)": {"training/writer.py"},
    }
    found = [
        f"{file}:{call.lineno}: {name}"
        for file, name, call in _calls()
        for pattern, places in allowed.items()
        if re.fullmatch(pattern, name) and file not in places
    ]
    assert not found, "print with terminal.echo or terminal.console, draw with drawing.figures"


def test_every_template_escapes_and_every_column_is_plain() -> None:
    for file, name, call in _calls():
        given = {word.arg: ast.unparse(word.value) for word in call.keywords}
        if name.endswith("Environment"):
            assert given["autoescape"] == "True", file
            assert "plain_value" in given["finalize"], file
        if name.endswith("TextColumn"):
            assert given.get("markup") == "False" or ast.unparse(call.args[0]) == "'{task.percentage:>3.0f} %'", file


def test_tags_of_tensorboard_are_names() -> None:
    source = (SOURCES / "training" / "writer.py").read_text()
    assert "add_scalar(plain(name)" in source


def test_notes_of_the_log_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.LogRecord("gansmith", logging.WARNING, "", 0, f"checkpoint {DRIVES}", (), None)
    terminal._Notes().emit(record)
    assert capsys.readouterr().err == "note: checkpoint " + printable(DRIVES) + "\n"
