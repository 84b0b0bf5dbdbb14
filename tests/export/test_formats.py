"""The table of export formats; what each writes is tested with its library."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gansmith.core.errors import SettingError
from gansmith.export import FORMATS, export


def test_there_is_a_module_for_each_format() -> None:
    files = {path.stem for path in Path(sys.modules["gansmith.export"].__file__ or "").parent.glob("*.py")} - {"__init__"}
    assert files == set(FORMATS)


def test_a_format_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    stub = ModuleType("gansmith.export.keras")
    stub.export = lambda run, path: called.append((run, path)) or path  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gansmith.export.keras", stub)
    monkeypatch.setattr("gansmith.export.keras", stub, raising=False)
    assert export("run", Path("x.keras"), "keras") == Path("x.keras")  # type: ignore[arg-type]
    assert called == [("run", Path("x.keras"))]


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(SettingError, match=r"format 'onyx'.*keras"):
        export(None, Path("x.onyx"), "onyx")  # type: ignore[arg-type]
