"""Notes: what a user should know although nothing went wrong, such as the plan of a run. `--quiet` hides them, not warnings."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

_NOTE = "is_note"  # the mark on a record of the log
logger = logging.getLogger("gansmith")


def note(text: str) -> None:
    """Log a note. It has the level of a warning, so that it is seen in Python without a set-up of the log."""
    logger.warning(text, extra={_NOTE: True})


@contextlib.contextmanager
def hidden(hide: bool = True) -> Iterator[None]:
    """Log no notes inside a `with` block if `hide` is true; warnings are logged as usual."""

    def is_shown(record: logging.LogRecord) -> bool:
        return not (hide and getattr(record, _NOTE, False))

    logger.addFilter(is_shown)
    try:
        yield
    finally:
        logger.removeFilter(is_shown)
