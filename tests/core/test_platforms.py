"""Other systems: Windows has no fcntl, no resource and no os.sysconf."""

from __future__ import annotations

import sys

import pytest

from gansmith.training import dry_run
from support import python, quick

# The libraries come first: on Windows they do without these modules by themselves.
IMPORT_ALL = """
import importlib, os, pkgutil, sys
import filelock, matplotlib.figure, numpy, PIL.Image, sklearn.cluster, torch, torch.utils.tensorboard, typer
sys.modules.update(fcntl=None, resource=None)
del os.sysconf
import gansmith
names = [module.name for module in pkgutil.walk_packages(gansmith.__path__, "gansmith.") if module.name != "gansmith.__main__"]
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def test_every_module_can_be_imported_on_windows() -> None:
    answer = python(IMPORT_ALL)
    assert answer.code == 0, answer.err
    assert int(answer.out) > 150


def test_a_dry_run_without_the_resource_module_leaves_out_the_peak_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dry_run, "measure_speed", lambda *_: (1000.0, 0.1))
    lines = [line.split("  ")[1] for line in dry_run.dry_run_lines(quick(), "cpu") if line.startswith("  ")]
    monkeypatch.setitem(sys.modules, "resource", None)
    without = [line.split("  ")[1] for line in dry_run.dry_run_lines(quick(), "cpu") if line.startswith("  ")]
    assert "peak memory" in lines
    assert without == [line for line in lines if line != "peak memory"]
