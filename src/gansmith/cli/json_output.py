"""`--json FILE`: a command's result for another program, in a file or on standard output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gansmith.cli.terminal import echo
from gansmith.core import files
from gansmith.core.formatting import json_text

STDOUT = Path("-")


def write(path: Path | None, value: Any) -> bool:
    """Write `value` to the file of `--json`, or print it for `-`. Returns whether the command should still print its text."""
    if path is None:
        return True
    text = json_text(value)
    if path == STDOUT:
        echo(text, nl=False)
        return False
    files.make_parent(path)
    files.write(path, text.encode())
    return True
