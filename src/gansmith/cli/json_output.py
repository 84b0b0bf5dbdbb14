"""`--json FILE`: a command's result for another program, in a file or on standard output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from gansmith.core import files

STDOUT = Path("-")


def write(path: Path | None, value: Any) -> bool:
    """Write `value` to the file of `--json`, or print it for `-`. Returns whether the command should still print its text."""
    if path is None:
        return True
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    if path == STDOUT:
        typer.echo(text, nl=False)
        return False
    files.make_parent(path)
    files.write(path, text.encode())
    return True
