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


class GansmithError(Exception):
    """Base class of gansmith's errors. The message is one line that says what to do."""

    exit_code = 2  # of the command line


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


def unknown(noun: str, word: str, known: Iterable[str]) -> str:
    """The message for an unknown word: `unknown loss 'hing'; did you mean 'hinge'?`, or all known words if none is similar."""
    words = sorted(known)
    near = difflib.get_close_matches(word.lower(), words, 1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(words) or 'none'}"
    return f"unknown {noun} {word!r}; {hint}"
