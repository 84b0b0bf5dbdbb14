"""Numbers, durations and lists as text."""

from __future__ import annotations

from typing import Any

import pytest

from gansmith.core import formatting


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ((128,), "128"),
        ((128, 64), "128 and 64"),
        ((128, 64, 32), "128, 64 and 32"),
        ("abcdef", "a, b, c, d, e and f"),
        ("abcdefgh", "a, b, c, d, e, f and 2 more"),
    ],
)
def test_items_are_listed(items: tuple[object, ...], text: str) -> None:
    assert formatting.listed(items) == text


NUMBERS = [
    *(("brief", 1.17e26, "1.17e+26"), ("plain_number", 1_958_487_989.0, "1.96e+09"), ("short_number", -1e8, "-1e+08")),
    *(("brief", 9_999_999, "9,999,999"), ("plain_number", 9_999_999, "9,999,999"), ("short_number", 9_999_999, "9999999")),
    *(("brief", 0, "0"), ("brief", 12.345, "12.3"), ("brief", 0.000012, "1.2e-05"), ("brief", 1234.5, "1,234")),
    *(("plain_number", 12.34, "12.3"), ("plain_number", 0.00123, "0.00123"), ("plain_number", 0.8, "0.8")),
    *(("plain_number", 0.00002, "0.00002"), ("plain_number", 1234.5, "1,234"), ("plain_number", 0, "0")),
    *(("plain_number", -3.14159, "-3.14"), ("plain_number", 999.6, "1000"), ("plain_number", 2e-7, "2e-07")),
    *(("plain_number", None, "–"), ("plain_number", float("nan"), "–"), ("plain_number", float("inf"), "–")),
    *(("short_number", 12.345, "12.3"), ("short_number", 1234.5, "1234"), ("short_number", 0.0001234, "0.000123")),
    *(("percent", 0.0, "0 %"), ("percent", 0.0004, "0 %"), ("percent", 0.034, "3.4 %"), ("percent", 0.12, "12 %")),
    *(("whole_percent", 0.034, "3 %"), ("whole_percent", 1.0, "100 %")),
    *(("duration", 0.8, "0.8 seconds"), ("duration", 186, "3.1 minutes"), ("duration", 9000, "2.5 hours")),
    *(("clock", 245.4, "4:05"), ("clock", 3723, "1:02:03"), ("clock", 59.6, "1:00")),
    *(("skipped", 0, ""), ("skipped", 2, " (2 bad files skipped)")),
]


@pytest.mark.parametrize(("name", "value", "text"), NUMBERS)
def test_a_number_is_formatted(name: str, value: Any, text: str) -> None:
    assert getattr(formatting, name)(value) == text


SAID_OF_POINTS = [
    (
        "Held-out real images are; 4 samples show 2 different pictures.",
        "Held-out real samples are; 4 samples show 2 different samples.",
    ),
    ("unlike any real image, but", "unlike any real sample, but"),
    ("gansmith data show images.npz (budget=64000images data.path=images/x pictures.count=8)", None),
    ("Look at the pictures as well", None),
]


@pytest.mark.parametrize(("text", "of_points"), SAID_OF_POINTS)
def test_a_sentence_about_images_is_said_of_points(text: str, of_points: str | None) -> None:
    assert formatting.of_points(text) == (of_points or text)
