"""Memory is given back to the system where glibc keeps it."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pytest

from gansmith.core import heap


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_holes_between_small_arrays_are_given_back() -> None:
    try:
        ctypes.CDLL("libc.so.6")
    except OSError:
        pytest.skip("not glibc")
    heap.give_back()
    kept = []
    large = []
    for _ in range(1500):
        large.append(bytearray(100_000))
        kept.append(bytearray(600))  # holds the end of the heap in its place
    del large
    before = resident()
    heap.give_back()
    assert resident() < before - 10_000  # pages, of the 36,000 that were freed
    assert kept


def test_elsewhere_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "_trim", lambda: None)
    heap.give_back()
