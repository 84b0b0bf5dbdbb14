"""How things are said in sentences."""

from __future__ import annotations

from collections.abc import Sequence


def listed(things: Sequence[object], most: int = 6) -> str:
    """`128`, `128 and 64`, `128, 64 and 32`; of more than `most` the first ones and how many more there are."""
    words = [str(thing) for thing in things]
    shown = words if len(words) <= most else [*words[:most], f"{len(words) - most} more"]
    return ", ".join(shown[:-1]) + " and " + shown[-1] if len(shown) > 1 else shown[0]
