"""How things are said in sentences."""

from __future__ import annotations

from collections.abc import Sequence


def listed(things: Sequence[object], most: int = 6) -> str:
    """`128`, `128 and 64`, `128, 64 and 32`; of more than `most` the first ones and how many more there are."""
    words = [str(thing) for thing in things]
    shown = words if len(words) <= most else [*words[:most], f"{len(words) - most} more"]
    return ", ".join(shown[:-1]) + " and " + shown[-1] if len(shown) > 1 else shown[0]


def brief(value: float) -> str:
    """Three significant digits, never in powers of ten where they can be read without."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) >= 1e-4 or value == 0 else f"{value:.1e}"


def duration(seconds: float) -> str:
    """`0.8 seconds`, `3.1 minutes`, `2.5 hours`: in the largest unit of which there is one."""
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} seconds"


def skipped(count: int) -> str:
    """What is said of bad files that were left out; nothing where there were none."""
    return f" ({count} bad files skipped)" if count else ""
