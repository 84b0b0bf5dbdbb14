"""Trained generators in the formats of other libraries: one file a format.

What belongs here: a function that writes a generator so that another program can run it without gansmith.
What does not: gansmith's own checkpoints (`runs`), or pictures and arrays of samples (`sampling`).
"""

from __future__ import annotations

FORMATS: dict[str, str] = {"keras": "gansmith.export.keras"}  # name -> module with export(run: Run, path: Path) -> Path
