"""Trained generators in the formats of other libraries: one file a format.

What belongs here: a function that writes a generator so that another program can run it without gansmith.
What does not: gansmith's own checkpoints (`runs`), or pictures and arrays of samples (`sampling`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from gansmith.core.errors import SettingError, unknown
from gansmith.core.user_input import expanded

if TYPE_CHECKING:
    from gansmith.runs.run import Run


def export(run: Run, path: Path, format: str = "keras") -> Path:
    """Write a run's generator to `path` in one of `FORMATS`, and return the path. Raises SettingError for an unknown format."""
    if format not in FORMATS:
        raise SettingError(unknown("format", format, FORMATS))
    return FORMATS[format](run, expanded(path))


def _keras(run: Run, path: Path) -> Path:
    from gansmith.export import keras

    return keras.export(run, path)


FORMATS: dict[str, Callable[[Run, Path], Path]] = {"keras": _keras}
"""Functions (run, path) -> path by the name of the format. Each imports its library when it is called."""
