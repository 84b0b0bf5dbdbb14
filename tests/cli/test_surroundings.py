"""What other programs leave in the environment: a launcher's variables, a notebook's drawing backend."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gansmith.cli import main as command_line
from support import environment

DRAWN = """
import os
from gansmith.cli.main import main
from gansmith.drawing.plots import loss_plot
import numpy as np, sys
sys.argv = ["gansmith", "--version"]
try:
    main()
except SystemExit:
    pass
print(loss_plot({"images": np.arange(3.0), "generator/loss": np.arange(3.0)}, "x").size[0])
"""


@pytest.mark.usefixtures("cli")  # it puts signals and logging back
@pytest.mark.parametrize("left", [{"RANK": "5"}, {"WORLD_SIZE": "4"}, {"RANK": "x", "WORLD_SIZE": "y"}])
def test_variables_of_a_launcher_that_is_not_there_silence_nothing(
    left: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # a process that is not the first one replaces it
    for name, value in left.items():
        monkeypatch.setenv(name, value)
    for arguments, code in ((["--version"], 0), (["show", "nothing"], 2)):
        monkeypatch.setattr(sys, "argv", ["gansmith", *arguments])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        assert ended.value.code == code
    answer = capsys.readouterr()
    assert answer.out.startswith("gansmith ")
    assert answer.err.startswith("gansmith: unknown recipe 'nothing'")


def test_one_of_several_processes_leaves_without_shutting_python_down(monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(code: int) -> None:
        raise RuntimeError(f"left with {code}")

    monkeypatch.setattr(os, "_exit", leave)
    with pytest.raises(SystemExit):
        command_line._end(0)
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "localhost")):
        monkeypatch.setenv(name, value)
    with pytest.raises(RuntimeError, match="left with 0"):
        command_line._end(0)


def test_a_backend_that_matplotlib_lacks_stops_no_run() -> None:
    variables = environment() | {"MPLBACKEND": "nonsense"}
    ended = subprocess.run([sys.executable, "-c", DRAWN], env=variables, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout.splitlines()[-1:]) == (0, ["960"]), ended.stderr
