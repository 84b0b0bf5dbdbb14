"""Lengths of a run as text: `25epochs`, `1000000images`, `5m`, `2h`; and `fd=5`, a score at which a run ends."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from gansmith.core.limits import MAX_IMAGES, MAX_NUMBER

_LENGTH = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(epochs?|images?|h|m|s)")
_UNTIL = re.compile(r"fd=([0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_YEAR = 365 * 24 * 3600
_MOST = {"epoch": 1_000_000, "image": MAX_IMAGES, "h": _YEAR // 3600, "m": _YEAR // 60, "s": _YEAR}  # of each unit


def _is_length(text: str) -> str:
    """The text itself, if it is a length above 0. Raises ValueError with what is expected."""
    match = _LENGTH.fullmatch(text)
    if not match or float(match[1]) <= 0:
        raise ValueError("a length such as 25epochs, 1000000images, 5m or 2h")
    unit = match[2].removesuffix("s") or "s"
    if float(match[1]) > _MOST[unit]:
        raise ValueError(f"at most {_MOST[unit]:,}{match[2]}")
    return text


def _is_untimed(text: str) -> str:
    """The text itself, if it is a length in epochs or images. Raises ValueError with what is expected."""
    if _is_length(text)[-1] in _SECONDS and not text.endswith(("epochs", "images")):
        raise ValueError("a length in epochs or images")
    return text


def _is_until(text: str) -> str:
    """The text itself, if it is `fd=NUMBER`. Raises ValueError with what is expected."""
    match = _UNTIL.fullmatch(text)
    if not match or float(match[1]) > MAX_NUMBER:
        raise ValueError("fd=NUMBER, such as fd=5")
    return text


Length = Annotated[str, AfterValidator(_is_length)]
"""A length in epochs, images, hours, minutes or seconds: `25epochs`, `1000000images`, `2h`, `5m`, `90s`."""


UntimedLength = Annotated[str, AfterValidator(_is_untimed)]
"""A length in epochs or images."""


Until = Annotated[str, AfterValidator(_is_until)]
"""A Frechet distance at which a run ends: `fd=5`."""


def images_in(length: str, epoch_images: int) -> int:
    """The number of real images in a length of epochs or images, at least 1. `epoch_images` are the images of an epoch."""
    number, unit = _parsed(length)
    return max(1, round(number * (epoch_images if unit.startswith("epoch") else 1)))


def seconds_in(length: str) -> float | None:
    """The number of seconds in a length of time; None for epochs and images."""
    number, unit = _parsed(length)
    return number * _SECONDS[unit] if unit in _SECONDS else None


def _parsed(length: str) -> tuple[float, str]:
    """(number, unit) of a length that was checked before."""
    match = _LENGTH.fullmatch(length)
    assert match, length  # a recipe checks its lengths when it is made
    return float(match[1]), match[2]
