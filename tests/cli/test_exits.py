"""However a command ends, it says why in one line: a full disk behind its output, a limit of file sizes, a signal."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gansmith.cli import main as command_line
from gansmith.training.signals import ENDING
from support import Answer, Child, quick, stop_after

FULL = Path("/dev/full")
TINY = [
    "--data",
    "digits",
    "--device",
    "cpu",
    "--threads",
    "1",
    "scores=none",
    "watch=none",
    "log_every=32images",
    "budget=960images",
]
TRAIN = ["train", "tutorial-small", *TINY, "networks.generator.widths=[4]", "networks.discriminator.widths=[4]", "--run"]
on_linux = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")


def called(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["gansmith", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        command_line.main()
    return int(left.value.code or 0)


@on_linux
@pytest.mark.parametrize("arguments", [["list"], ["--help"], ["--version"], ["show", "default"], ["data", "list"], ["train"]])
@pytest.mark.usefixtures("cli")  # it puts signals and logging back
def test_a_full_disk_behind_the_output_is_one_line(
    arguments: list[str], here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if arguments == ["train"]:
        arguments = [*TRAIN, "run", "--quiet"]
    with open(os.open(FULL, os.O_WRONLY), "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert called(monkeypatch, *arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("gansmith: can't write to standard output: No space left on device")
    assert arguments[0] != "train" or (here / "run" / "report.html").exists()  # the run itself is whole


@on_linux
@pytest.mark.usefixtures("cli")
def test_where_nobody_can_read_the_error_the_exit_code_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2):
        with open(os.open(FULL, os.O_WRONLY), "w") as full:
            monkeypatch.setattr(sys, "stderr", full)
            assert called(monkeypatch, *(["list", "nothing"] if number == 1 else ["show", "nothing"])) == 2


def limited(say: Callable[[int], None], cwd: str, size: int, ignored: bool, arguments: list[str]) -> None:
    """The command line in a child that may make no file larger than `size`, with its output in files."""
    import resource

    os.chdir(cwd)
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    sys.stdout, sys.stderr = (os.fdopen(stream, "w", closefd=False) for stream in (1, 2))
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if size:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    sys.argv = ["gansmith", *arguments]
    from gansmith.cli import progress

    real = progress.follow

    def follow(records: Any, *rest: Any) -> None:
        def told() -> Any:
            for record in records:
                say(record.step)
                yield record

        real(told(), *rest)

    progress.follow = follow
    command_line.main()


def answer_of(cwd: Path, *arguments: object, size: int = 0, number: int = 0, at: int = 0, ignored: bool = False) -> Answer:
    with Child(limited, str(cwd), size, ignored, [*map(str, arguments)]) as child:
        if number:
            assert child.wait_for(at)
            os.kill(child.process.pid, number)  # type: ignore[arg-type]
        while child.wait_for(10**9):
            pass
        child.process.join(60)
    return Answer(child.process.exitcode, (cwd / "out").read_text(), (cwd / "err").read_text())  # type: ignore[arg-type]


@on_linux
@pytest.mark.parametrize("size", [4_000, 20_000])
def test_a_limit_of_file_sizes_is_one_line_and_the_same_command_goes_on(size: int, tmp_path: Path) -> None:
    """The first file to meet it is a picture or a weights file, and then TensorBoard's."""
    answer = answer_of(tmp_path, *TRAIN, "run", "--quiet", size=size)
    assert answer.code == 1, answer
    (line,) = answer.err.splitlines()
    assert line.startswith("gansmith: can't write ")
    assert "File too large" in line
    assert not list(tmp_path.rglob("*.tmp"))
    again = answer_of(tmp_path, *TRAIN, "run", "--quiet")
    assert (again.code, again.out, again.err) == (0, "run\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, *ENDING], ids=lambda number: number.name)
def test_a_stopped_run_says_what_is_saved(number: signal.Signals, tmp_path: Path) -> None:
    stop_after(quick(budget="10epochs"), tmp_path / "run", 1)
    answer = answer_of(tmp_path, "train", "run", "--device", "cpu", number=number, at=5)
    assert answer.code == 128 + number, answer
    saved = max(int(path.name.split("-")[0]) for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert answer.err.splitlines()[-1] == f"gansmith: stopped; run is saved at {saved:,} images; the same command goes on"
    assert "Traceback" not in answer.err


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs SIGHUP")
def test_a_run_under_nohup_outlives_its_terminal(tmp_path: Path) -> None:
    stop_after(quick(), tmp_path / "run", 1)
    assert answer_of(tmp_path, "train", "run", "--device", "cpu", number=signal.SIGHUP, at=5, ignored=True).code == 0
