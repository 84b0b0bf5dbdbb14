"""The progress of training on terminals of different widths: two lines, what matters first, FD never cut."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from gansmith.cli import progress
from support import environment

FD = "FD 123 (best 101)"
VALUES = {
    "discriminator/loss": 0.6931,
    "generator/loss": 12.345,
    "discriminator/D(x)": 0.5,
    "discriminator/D(G(z))": 0.25,
    "discriminator/accuracy": 0.99,
}
WIDTHS = (80, 100, 140)


def record(images: int, **scores: float) -> Any:
    return SimpleNamespace(images=images, total_images=100_000, epoch=images / 1000, floats=lambda: VALUES, scores=scores)


def shown(width: int, *records: Any, rate: float = 1234.5) -> list[str]:
    """The lines of the bar on a terminal of this width, without colours."""
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=width, legacy_windows=False)
    bar = progress.TrainingBar(console)
    for one in records:
        bar.show(one, rate)
    with console.capture() as caught:
        console.print(bar.get_renderable())
    return caught.get().splitlines()


def assert_whole(lines: list[str], width: int) -> None:
    """Bar, percent, time left and FD on the first line; whole values on the second; nothing wrapped or cut."""
    above, below = (line.rstrip() for line in lines)
    assert "━" * 5 in above
    for text in ("42 %", "0:47 left", FD):
        assert text in above
    assert max(len(above), len(below)) <= width
    texts = [*progress.figures(record(42_000)), "1,234 images/s", "0.81 s an epoch"]
    number = len(below.split("  "))
    assert below == "  ".join(texts[:number])
    assert number == len(texts) or len("  ".join(texts[: number + 1])) > width
    assert number >= 5


@pytest.mark.parametrize("width", WIDTHS)
def test_two_lines_that_fit(width: int) -> None:
    assert_whole(shown(width, record(42_000, FD=123.4, best=101.2)), width)


@pytest.mark.parametrize("width", [50, 60])
def test_a_narrow_terminal_keeps_fd_and_drops_the_last_values(width: int) -> None:
    above, below = shown(width, record(42_000, FD=123.4, best=101.2))
    assert FD in above
    assert below.startswith("D loss 0.693  G loss 12.345")


@pytest.mark.parametrize("width", WIDTHS)
def test_before_the_first_score_and_the_first_speed(width: int) -> None:
    lines = shown(width, record(500), rate=0.0)
    assert len(lines) == 2
    assert "1 %" in lines[0] or "0 %" in lines[0]
    assert "left" not in lines[0]
    assert all(len(line.rstrip()) <= width for line in lines)


def test_values_are_shown_whole_or_not_at_all() -> None:
    assert progress.fitting(["abc", "defg", "h"], 9) == "abc  defg"
    assert progress.fitting(["abc", "defg", "h"], 8) == "abc"
    assert progress.fitting(["abc"], 2) == ""


SCRIPT = """
import time
from types import SimpleNamespace
from gansmith.cli import progress

progress.Speed.__call__ = lambda self, images: 1234.5

def record(images, **scores):
    return SimpleNamespace(images=images, total_images=100_000, epoch=images / 1000, floats=lambda: VALUES, scores=scores)

def records():
    yield record(1000)
    yield record(42_000, FD=123.4, best=101.2)
    time.sleep(0.3)
    yield record(42_000, FD=123.4, best=101.2)
    time.sleep(60)

progress.follow(records(), "tutorial-small -> runs/tutorial-small")
"""


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[list[str]]:
    """A tmux server of its own, which ends with the test."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    command = ["tmux", "-f", "/dev/null", "-S", str(tmp_path / "socket")]
    yield command
    subprocess.run([*command, "kill-server"], capture_output=True, check=False)


def test_on_real_terminals(tmux: list[str], tmp_path: Path) -> None:
    """The same on a real terminal of each width, where the bar is redrawn."""
    (tmp_path / "bar.py").write_text(SCRIPT.replace("VALUES", repr(VALUES)))
    for width in WIDTHS:
        size = ["-x", str(width), "-y", "8", "-s", f"w{width}"]
        started = [*tmux, "new-session", "-d", *size, sys.executable, str(tmp_path / "bar.py")]
        own = {
            name: value for name, value in environment().items() if name not in ("COLUMNS", "LINES")
        }  # the terminal has its own
        subprocess.run(started, check=True, env=own | {"TERM": "screen-256color"})
    for width in WIDTHS:
        screen, before = [""], [""]
        until = time.monotonic() + 60
        while (FD not in "".join(screen) or screen != before) and time.monotonic() < until:  # until nothing is redrawn
            time.sleep(0.8)
            answer = subprocess.run([*tmux, "capture-pane", "-p", "-t", f"w{width}"], capture_output=True, check=True)
            screen, before = [line for line in answer.stdout.decode().splitlines() if line.strip()], screen
        title, *lines = screen
        assert title == "tutorial-small -> runs/tutorial-small"
        assert_whole(lines, width)
