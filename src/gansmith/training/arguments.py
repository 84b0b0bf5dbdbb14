"""Check the arguments of training before any work begins."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import torch

from gansmith.core.device import choose_device
from gansmith.core.errors import RecipeError, RunError, SettingError, cut, unknown
from gansmith.core.files import check_writable
from gansmith.core.limits import max_threads
from gansmith.core.user_code import read_code
from gansmith.core.user_input import expanded
from gansmith.recipes.base import Recipe

Threads = int | Literal["auto"] | None
FRAMEWORKS = ("torch", "tensorflow")


def check_arguments(
    recipe: Recipe, run: str | Path, device: str, threads: Threads, framework: str | None, trust: str | Path | None
) -> torch.device:
    """The device to train on. Raises RecipeError, RunError or SettingError that names the argument that is wrong."""
    if not isinstance(recipe, Recipe):
        hint = f", as from gansmith.recipes.make({cut(recipe)!r})" if isinstance(recipe, str) else ""
        raise RecipeError(f"recipe: expected a gansmith.Recipe{hint}, got the {type(recipe).__name__} {cut(repr(recipe))}")
    if not isinstance(run, (str, os.PathLike)) or not str(run).strip():
        raise RunError(f"run: expected the path of a folder, got {cut(repr(run))}")
    check_writable(expanded(run), folder=True)
    if trust is not None:
        read_code(trust)
    return check_settings(device, threads, framework)


def check_settings(device: str, threads: Threads, framework: str | None) -> torch.device:
    """The device of a name. Raises SettingError if device, number of threads or framework is wrong or not available."""
    if framework is not None and framework not in FRAMEWORKS:
        raise SettingError(unknown("framework", str(framework), FRAMEWORKS))
    is_number = isinstance(threads, int) and not isinstance(threads, bool)
    if threads not in (None, "auto") and not (is_number and 1 <= int(threads or 0) <= max_threads()):
        raise SettingError(
            f"threads: expected a whole number from 1 to {max_threads()}, 'auto' or None, got {cut(repr(threads))}"
        )
    return choose_device(device)
