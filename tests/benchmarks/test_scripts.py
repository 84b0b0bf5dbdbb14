"""Every script in benchmarks/ imports what exists and answers --help: between two measurements nothing else runs them."""

from __future__ import annotations

import ast
import importlib
import runpy
from pathlib import Path

import pytest

from support import ROOT

SCRIPTS = sorted((ROOT / "benchmarks").rglob("*.py"))
MODULES = {"doctor_sets.py", "plain_loops.py"}  # imported by a script, without a command line of their own


def test_scripts_are_found() -> None:
    assert len(SCRIPTS) >= 18
    assert {path.name for path in SCRIPTS} > MODULES


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_answers_help(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.syspath_prepend(str(path.parent))
    monkeypatch.setattr("sys.argv", [str(path), "--help"])
    if path.name in MODULES:
        importlib.import_module(path.stem)
        return
    with pytest.raises(SystemExit, match=r"\A0\Z"):
        runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out.startswith("usage:")


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_what_a_script_imports_from_the_package_exists(path: Path) -> None:
    """Inside its functions too, which --help does not run."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gansmith"):
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("gansmith"):
                    importlib.import_module(alias.name)
