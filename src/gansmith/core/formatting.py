"""Numbers, durations, lists and names as text. Every formatter of messages, tables and reports is here."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

# ---------------------------------------------------------------------------------------------------- text of others

# What drives a terminal or reorders a line: control characters, marks of direction, line separators, halves of characters.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSAFE_IN_PATHS = re.compile(r'[\\/:*?"<>|]')
_KEPT = "\n\t"  # in text of several lines


def printable(text: str) -> str:
    """A text in which no name can drive a terminal: control characters become visible, as `\\x1b`. Keeps line ends and tabs."""
    return _UNPRINTABLE.sub(lambda m: m[0] if m[0] in _KEPT else _visible(m[0]), text)


def plain(name: str, most: int = 200) -> str:
    """A name that came from outside as one line of at most `most` characters; its control characters become visible."""
    line = _UNPRINTABLE.sub(lambda m: _visible(m[0]), name)
    return line if len(line) <= most else line[: most - 1] + "…"


def _visible(character: str) -> str:
    """A character as Python writes it in a string: `\\x1b`, `\\n`, `\\u202e`."""
    return character.encode("unicode_escape").decode()


def file_name(name: str) -> str:
    """A name as one part of a path: it never leads to another folder, never begins with a dot, and has at most 200 bytes."""
    safe = re.sub(r"^\.+", "_", _UNSAFE_IN_PATHS.sub("_", plain(name)).strip())
    return safe.encode()[:200].decode(errors="ignore") or "_"


def shell_word(name: object) -> str:
    """A name as one word of a command to copy: quoted for a shell where it needs to be."""
    import shlex

    return shlex.quote(str(name))


def json_text(value: Any) -> str:
    """A value as indented JSON, for a file or a terminal: control characters are escaped as `\\u009b`, other letters are not."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    return _UNPRINTABLE.sub(lambda m: m[0] if m[0] == "\n" else f"\\u{ord(m[0]):04x}", text)


# ---------------------------------------------------------------------------------------------------- numbers


HUGE = 1e7  # from here on a number has an exponent


def brief(value: float) -> str:
    """A number in a table: three significant digits, `0.988`, `1,234`; with an exponent below 0.0001 and from 1e7 on."""
    if abs(value) >= HUGE:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) >= 1e-4 or value == 0 else f"{value:.1e}"


def plain_number(value: float | None) -> str:
    """A number in a report: three significant digits, `0.00123`, `1,234`; no exponent from 1e-6 to 1e7; a dash for NaN."""
    if value is None or not math.isfinite(value):
        return "–"
    if 1e-6 <= abs(value) < 1000:
        from numpy import format_float_positional

        return format_float_positional(value, precision=3, unique=False, fractional=False, trim="-")
    return f"{value:,.0f}" if 1000 <= abs(value) < HUGE else f"{value:.3g}" if abs(value) >= HUGE else f"{value:.2g}"


def short_number(value: float) -> str:
    """A number in a sentence: three significant digits, no decimals from 100 on, `12.3`, `1234`; an exponent from 1e7 on."""
    return f"{value:.0f}" if 100 <= abs(value) < HUGE else f"{value:.3g}"


def percent(share: float) -> str:
    """A share as a percentage: `0.12` as `12 %`, and with one decimal below 10 %, `0.034` as `3.4 %`."""
    return f"{100 * share:.0f} %" if share >= 0.095 or share < 0.0005 else f"{100 * share:.1f} %"


def whole_percent(share: float) -> str:
    """A share as a percentage without decimals: `0.034` as `3 %`."""
    return f"{100 * share:.0f} %"


# ---------------------------------------------------------------------------------------------------- durations


def duration(seconds: float) -> str:
    """A duration in its largest unit: `0.8 seconds`, `3.1 minutes`, `2.5 hours`."""
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} seconds"


def clock(seconds: float) -> str:
    """A duration as on a clock: `4:05`, `1:02:03`."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


# ---------------------------------------------------------------------------------------------------- lists and counts


def listed(items: Sequence[object], most: int = 6) -> str:
    """A list in a sentence: `128`, `128 and 64`, `128, 64 and 32`. Beyond `most` items it ends in `and 2 more`."""
    words = [str(item) for item in items]
    shown = words if len(words) <= most else [*words[:most], f"{len(words) - most} more"]
    return ", ".join(shown[:-1]) + " and " + shown[-1] if len(shown) > 1 else shown[0]


def noun_of(shape: Sequence[int]) -> str:
    """What samples of a shape are called beside a count: images for (C, H, W), samples for points (D,)."""
    return "images" if len(shape) == 3 else "samples"


def of_points(text: str) -> str:
    """Reword a sentence about images for points: `real images` becomes `real samples`. File names stay as they are."""
    return re.sub(r"(?<![\w./=-])(?:image|(?<=different )picture)(s?)(?!\.?[\w/-])", r"sample\1", text)


def skipped(count: int) -> str:
    """A note on damaged files that were skipped: ` (2 bad files skipped)`; empty for 0."""
    return f" ({count} bad files skipped)" if count else ""


def size(num_bytes: int) -> str:
    """A size of memory or of a file in its largest unit: `512 bytes`, `1.5 MiB`, `10 GiB`."""
    for unit, length in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if num_bytes >= length:
            return f"{num_bytes / length:.3g} {unit}"
    return f"{num_bytes} bytes"
