"""The terminal: everything that commands print goes through here, and no name in it can drive the terminal.

Names of files, classes, recipes and scores come from outside. They may hold escape sequences, brackets that look like rich's
markup, or bytes that are no text.
"""

from __future__ import annotations

import functools
import logging
import os
import shutil
import sys
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TextIO

from gansmith.core import notes
from gansmith.core.formatting import printable

if TYPE_CHECKING:
    from rich.console import Console


P = ParamSpec("P")


def echo(text: object = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a text to standard output or standard error, with control characters made visible. A bar stays below it."""
    print(printable(str(text)), end="\n" if nl else "", file=sys.stderr if err else sys.stdout, flush=True)


def filled(text: str, stream: TextIO) -> str:
    """A sentence in lines that break between words on a terminal; in one line in a file or a pipe."""
    if not stream.isatty():
        return text
    return textwrap.fill(printable(text), width_of(stream, 1000), break_long_words=False, break_on_hyphens=False)


def width_of(stream: TextIO, most: int) -> int:
    """Characters in a line on a terminal, at least 20 and at most `most`; `most` in a file or a pipe."""
    return min(most, max(20, shutil.get_terminal_size().columns - 1)) if stream.isatty() else most


def console(*, err: bool = False, width: int | None = None, **settings: Any) -> Console:
    """A rich console that prints text as it is: no markup, no emoji names, control characters made visible."""
    from rich.console import Console
    from rich.text import Text

    class Plain(Console):
        def render_str(self, text: str, **given: Any) -> Text:  # every string passes here: of print and of a table's cells
            return super().render_str(printable(text), **given)

    return Plain(stderr=err, width=width, markup=False, emoji=False, highlight=False, **settings)


def keeps_quiet(command: Callable[P, None]) -> Callable[P, None]:
    """Decorate a command with the option `--quiet`, so that it hides the notes of the log from its first line on."""

    @functools.wraps(command)
    def quieter(*args: P.args, **options: P.kwargs) -> None:
        with notes.hidden(bool(options.get("quiet"))):
            command(*args, **options)

    return quieter


def prepare(is_first: bool = True) -> None:
    """Set up this process's output: the log as lines, and no error for a character that the terminal can't show.

    Of several processes only the first one prints the log.
    """
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    logging.basicConfig(handlers=[_Notes()], level=logging.WARNING if is_first else logging.CRITICAL)


def _open_closed_streams() -> None:
    """Send standard output and error to nowhere if they are closed.

    Python has None for a closed one, and the next file that is opened gets its number: what a library writes to it would land
    in a file of the run.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the smallest free number, which is this one
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # until the process ends


class _Notes(logging.Handler):
    """Prints the log's notes and warnings as lines that begin with `note: `."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record to standard error."""
        echo(filled(f"note: {record.getMessage()}", sys.stderr), err=True)
