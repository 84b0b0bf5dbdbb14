"""`--json FILE`: a command's result for another program, in a file or on standard output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gansmith.cli.terminal import echo
from gansmith.core import files
from gansmith.core.formatting import json_text

STDOUT = Path("-")


def prepare(path: Path | None) -> None:
    """Make the folder of a `--json` file. Call it before long work, so that a bad path fails at once."""
    if path not in (None, STDOUT):
        files.make_parent(path)


def write(path: Path | None, value: Any) -> bool:
    """Write `value` to the file of `--json`, or print it for `-`. Returns whether the command should still print its text."""
    if path is None:
        return True
    text = json_text(value)
    if path == STDOUT:
        echo(text, nl=False)
        return False
    prepare(path)
    files.write(path, text.encode())
    return True
