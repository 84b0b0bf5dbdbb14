"""Two processes that score and look: one line for both, an end of both soon after one dies, and the same command goes on."""

from __future__ import annotations

import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from gansmith.runs.log import SCORE
from support import ROOT, assert_same_run, untimed_log

sys.path.append(str(ROOT / "benchmarks" / "hard"))
import kill

ARGUMENTS = ["train", "tutorial-small", "--data", "digits", "--device", "cpu", "--threads", "1", "budget=960images"]
ARGUMENTS += ["scores.times=2", "scores.count=100", "watch.times=3", "checkpoint_every=300images", "log_every=300images"]
DEFAULT = ["train", *ARGUMENTS[2:], "batch_size=96"]
ENDED = "gansmith: another process of this run has ended, so this one ends too; the same command goes on"


def both(cwd: Path, arguments: list[str], dead: int | None = None) -> list[kill.Ended]:
    """A command in two processes, as torchrun starts them. `dead` is killed: 0 at a write, 1 as 0 writes a log."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": port, kill.PLOTS_ARE_DOTS: "1"}
    at_write = kill.Moment(signal.SIGKILL, 20)  # the first checkpoint; the second process writes nothing
    started = [
        kill.start(
            cwd,
            *arguments,
            moment=at_write if rank == dead == 0 else None,
            environment=group | {"RANK": str(rank)},
            name=f"rank-{rank}",
        )
        for rank in (0, 1)
    ]
    if dead == 1:
        log = cwd / "run" / "log.jsonl"
        while not (log.exists() and log.read_text()):
            assert started[0].process.is_alive()
        started[1].process.kill()
    return [kill.wait(cwd, process, timeout=90) for process in started]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in two processes that nobody disturbed."""
    folder = tmp_path_factory.mktemp("both")
    first, second = both(folder, [*ARGUMENTS, "--run", "run"])
    assert (first.code, second.code) == (0, 0), (first, second)
    (folder / "first.txt").write_text(first.text)
    (folder / "second.txt").write_text(second.text)
    return folder


def test_scores_and_looks_are_made_by_one_process_and_each_line_is_printed_once(whole: Path) -> None:
    log = untimed_log(whole / "run")
    assert sum(SCORE in record for record in log) == 2
    assert sum("doctor/distance" in record for record in log) == 3
    assert "done: " in (whole / "first.txt").read_text()
    assert (whole / "second.txt").read_text() == ""


def test_the_default_recipe_trains_in_two_processes(tmp_path: Path) -> None:
    first, second = both(tmp_path, [*DEFAULT, "--run", "run"])
    assert (first.code, second.code, second.text) == (0, 0, ""), (first, second)


@pytest.mark.parametrize("dead", [0, 1])
def test_a_dead_process_ends_the_other_with_one_line_and_the_same_command_goes_on(dead: int, whole: Path, tmp_path: Path) -> None:
    arguments = [*ARGUMENTS, "--run", "run"]
    begun = time.perf_counter()
    ended = both(tmp_path, arguments, dead)
    assert time.perf_counter() - begun < 90
    assert ended[dead].code == -9
    other = ended[1 - dead]
    assert other.code == 2, other
    lines = [line for line in other.text.splitlines() if line.startswith("gansmith: ")]
    assert [line[: len(ENDED)] for line in lines] == [ENDED]
    assert "Traceback" not in other.text
    again = both(tmp_path, arguments)
    assert [process.code for process in again] == [0, 0], again
    assert_same_run(whole / "run", tmp_path / "run")


def test_an_error_is_said_by_one_of_both(whole: Path) -> None:
    """By the process that met it: the other one only sees that it has ended."""
    ended = both(whole, [*ARGUMENTS, "seed=7", "--run", "run"])
    assert [process.code for process in ended] == [2, 2]
    lines = "".join(process.text for process in ended).splitlines()
    assert len(lines) == 1, lines
    assert "holds another recipe: seed was 0, now 7" in lines[0]
