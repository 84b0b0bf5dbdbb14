"""Lists in sentences."""

from __future__ import annotations

import pytest

from gansmith.core.formatting import listed


@pytest.mark.parametrize(
    ("things", "said"),
    [
        ((128,), "128"),
        ((128, 64), "128 and 64"),
        ((128, 64, 32), "128, 64 and 32"),
        ("abcdef", "a, b, c, d, e and f"),
        ("abcdefgh", "a, b, c, d, e, f and 2 more"),
    ],
)
def test_things_are_listed(things: tuple[object, ...], said: str) -> None:
    assert listed(things) == said
