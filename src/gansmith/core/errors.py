"""The errors that gansmith raises if the user can do something about them.

    GansmithError          one line: the thing, what was expected, what came, what to do; exit code 2
    ├── RecipeError        a recipe, component, override or value that is invalid
    ├── SettingError       an argument or option outside the recipe: an unknown name, or a device or package that is not available
    ├── DataError          data that are missing, damaged or of the wrong type
    ├── RunError           a run folder that can't be opened, locked, resumed or read
    ├── TrainingError      a loss or weight that is not finite
    └── DiskError          the disk is full or broken; exit code 1

The command line prints the message and exits with `exit_code`, without a traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MAX_MESSAGE = 290  # characters; with the program's name before it, a line has at most 300
MAX_WORD = 60  # characters of a user's text within a message
_TAIL = 110  # characters kept of the end of a message that is too long: there it says what to do


class GansmithError(Exception):
    """Base class of gansmith's errors. The message is one line of at most 290 characters that says what to do."""

    exit_code = 2  # of the command line

    def __init__(self, message: str) -> None:
        super().__init__(message_line(message))


class RecipeError(GansmithError, ValueError):
    """A recipe, component, override or value is invalid."""


class SettingError(GansmithError, ValueError):
    """An argument or option outside the recipe is invalid: an unknown name, or a device or package that is not available."""


class DataError(GansmithError, ValueError):
    """Data are missing, damaged or of the wrong type."""


class RunError(GansmithError):
    """A run folder, or another path, can't be opened, locked, resumed, read or written."""


class TrainingError(GansmithError, ArithmeticError):
    """A loss or a weight is not finite."""


class DiskError(GansmithError, OSError):
    """The disk is full or broken."""

    exit_code = 1


def message_line(text: object) -> str:
    """A text as one line of printable characters, of at most MAX_MESSAGE: the middle of a longer one is left out.

    Characters that would move a terminal's cursor or change its colours are written as in Python, such as `\\x1b`.
    """
    line = " ".join(str(text).split())
    if not line.isprintable():
        line = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in line)
    if len(line) <= MAX_MESSAGE:
        return line
    return f"{line[: MAX_MESSAGE - _TAIL - 5].rstrip()} ... {line[-_TAIL:].lstrip()}"


def cut(text: object) -> str:
    """A user's text in a message: at most MAX_WORD characters of it."""
    word = str(text)
    return word if len(word) <= MAX_WORD else word[: MAX_WORD - 3] + "..."


def some(words: Iterable[object], most: int = 5, separator: str = ", ") -> str:
    """At most `most` words of a list in a message: `a, b, c, d, e and 12 more`; `none` for an empty list."""
    found = [str(word) for word in words]
    shown = separator.join(map(cut, found[:most])) or "none"
    return f"{shown} and {len(found) - most} more" if len(found) > most else shown


def unknown(noun: str, word: str, known: Iterable[str]) -> str:
    """The message for an unknown word: `unknown loss 'hing'; did you mean 'hinge'?`, or the five nearest if none is similar."""
    words = sorted(known)
    ask = cut(word).lower()
    near = difflib.get_close_matches(ask, words, 1, cutoff=0.5)
    if near:
        return f"unknown {noun} {cut(word)!r}; did you mean {near[0]!r}?"
    nearest = sorted(words, key=lambda known: -difflib.SequenceMatcher(None, known, ask).ratio())
    return f"unknown {noun} {cut(word)!r}; known: {some(nearest)}"
