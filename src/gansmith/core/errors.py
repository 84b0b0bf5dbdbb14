"""What gansmith raises when a user can mend something.

    GansmithError          one line: the thing, what was expected, what came, what to do; exit code 2
    ├── RecipeError        a recipe, component, override or value that does not hold
    ├── SettingError       an argument or option outside the recipe: an unknown name, or a device or package that is not here
    ├── DataError          data that is missing, damaged or of the wrong kind
    ├── RunError           a run folder that can't be opened, gone on with or read
    ├── TrainingError      a loss that is not finite
    └── DiskError          the disk refused; exit code 1

The command line prints the message and leaves with `exit_code`; it never shows a traceback for one of these.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GansmithError(Exception):
    exit_code = 2


class RecipeError(GansmithError, ValueError):
    pass


class SettingError(GansmithError, ValueError):
    pass


class DataError(GansmithError, ValueError):
    pass


class RunError(GansmithError):
    pass


class TrainingError(GansmithError, ArithmeticError):
    pass


class DiskError(GansmithError, OSError):
    exit_code = 1


def unknown(what: str, word: str, known: Iterable[str]) -> str:
    """The answer to a typo: the nearest known word, or all of them where none is near."""
    words = sorted(known)
    near = difflib.get_close_matches(word.lower(), words, 1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(words) or 'none'}"
    return f"unknown {what} {word!r}; {hint}"
