"""On a terminal, notes break between words; in a file each is one line."""

from __future__ import annotations

import io
import os

import pytest

from gansmith.cli.terminal import filled, width_of

NOTE = "note: this run of about 2.0 minutes is scored 3 times with 100 samples, as more do not fit into its time"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [10, 40, 80, 100, 140, 200])
def test_a_note_breaks_between_words(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((width, 24)))
    lines = filled(NOTE, Terminal()).splitlines()
    assert " ".join(lines) == NOTE
    assert all(len(line) <= max(width - 1, 20) for line in lines)
    assert width_of(Terminal(), 110) == min(110, max(width - 1, 20))
    assert filled(NOTE, io.StringIO()) == NOTE
    assert width_of(io.StringIO(), 110) == 110
