"""Rules of reading: a recipe that was stored before a rule keeps what its run was trained with."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from gansmith.core.component import from_json, to_json
from gansmith.data import Arrays, Folder, Idx

SOURCES = [Arrays("x.npz"), Folder("x"), Idx("x")]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: type(source).__name__)
def test_a_stored_source_without_rules_has_the_first(source: Any) -> None:
    stored = to_json(source)
    assert stored["rules"] == 2
    assert from_json(stored) == source
    del stored["rules"]
    assert from_json(stored) == dataclasses.replace(source, rules=1)
