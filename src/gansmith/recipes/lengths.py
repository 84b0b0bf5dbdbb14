"""Lengths of a run in words: `25epochs`, `1000000images`, `5m`, `2h`; and `fd=5`, a score to stop at."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(epochs?|images?|h|m|s)")


_UNTIL = re.compile(r"fd=(\d+(?:\.\d*)?|\.\d+)")


_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0}


def _is_length(text: str) -> str:
    match = _LENGTH.fullmatch(text)
    if not match or float(match[1]) <= 0:
        raise ValueError("a length such as 25epochs, 1000000images, 5m or 2h")
    return text


def _is_untimed(text: str) -> str:
    if _is_length(text)[-1] in _SECONDS and not text.endswith(("epochs", "images")):
        raise ValueError("a length in epochs or images")
    return text


def _is_until(text: str) -> str:
    if not _UNTIL.fullmatch(text):
        raise ValueError("fd=NUMBER, such as fd=5")
    return text


Length = Annotated[str, AfterValidator(_is_length)]


UntimedLength = Annotated[str, AfterValidator(_is_untimed)]


Until = Annotated[str, AfterValidator(_is_until)]


def images_in(length: str, epoch_images: int) -> int:
    """How many real images a length in epochs or images is; at least 1."""
    number, unit = _parsed(length)
    return max(1, round(number * (epoch_images if unit.startswith("epoch") else 1)))


def seconds_in(length: str) -> float | None:
    """How many seconds a length in time is; None for epochs and images, which know no clock."""
    number, unit = _parsed(length)
    return number * _SECONDS[unit] if unit in _SECONDS else None


def _parsed(length: str) -> tuple[float, str]:
    match = _LENGTH.fullmatch(length)
    assert match, length  # a Length was checked when its recipe was made
    return float(match[1]), match[2]
