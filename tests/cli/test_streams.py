"""Commands whose standard streams are closed, and commands that Ctrl-C ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gansmith.cli import main as command_line
from support import environment

TRAIN = (
    *("train", "tutorial-small", "--data", "digits", "--device", "cpu", "--threads", "1", "budget=64images", "scores=none"),
    *("networks.generator.widths=[4]", "networks.discriminator.widths=[4]", "--run", "run"),
)

LOADED = """
import builtins, runpy, sys

real = builtins.__import__

def load(name, *rest, **more):
    if name == "typer":
        raise KeyboardInterrupt
    return real(name, *rest, **more)

builtins.__import__, sys.argv = load, ["gansmith", "list"]
runpy.run_module("gansmith", run_name="__main__")
"""


def with_closed(closed: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    code = f"'{sys.executable}' -m gansmith \"$@\" {closed}"
    return subprocess.run(
        ["bash", "-c", code, "bash", *arguments], cwd=cwd, env=environment(), capture_output=True, text=True, timeout=100
    )


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", "2>&-"])
def test_a_run_needs_no_open_streams(closed: str, tmp_path: Path) -> None:
    ended = with_closed(closed, *TRAIN, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "run" / "report.html").exists()


def test_an_error_does_not_land_in_the_output(tmp_path: Path) -> None:
    ended = with_closed("2>&-", "show", "nothing", "--json", "-", cwd=tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", "")


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("cli")
def test_ctrl_c_is_one_line(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("gansmith.cli.recipes.echo", interrupted)
    monkeypatch.setattr(sys, "argv", ["gansmith", "list"])
    with pytest.raises(SystemExit) as left:
        command_line.main()
    assert left.value.code == 130
    assert capsys.readouterr().err == "gansmith: stopped by Ctrl-C\n"


def test_ctrl_c_while_the_program_is_loaded_is_one_line() -> None:
    ended = subprocess.run([sys.executable, "-c", LOADED], env=environment(), capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "gansmith: stopped by Ctrl-C\n")
