"""The user's own Python files: each content runs once, and runs record its SHA-256."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.util
import sys
import types
import typing
from pathlib import Path
from typing import Any

from gansmith.core.component import _FILE_MODULE, REGISTRY, parts
from gansmith.core.errors import RecipeError
from gansmith.core.user_input import read_bytes

_FILES: dict[str, types.ModuleType] = {}


def load_file(path: str | Path) -> types.ModuleType:
    """Run a Python file of the user's own and register the components it defines. Each content runs once.

    Call it only for a file that the user named, on the command line or in a call. Raises RecipeError if the file can't be read
    or if its code raises an exception.
    """
    path = Path(path)
    try:
        content = read_bytes(path)
    except OSError as error:
        raise RecipeError(f"can't read {path}: {error.strerror}") from None
    digest = hashlib.sha256(content).hexdigest()
    if digest not in _FILES:
        name = _FILE_MODULE + digest[:12]
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise RecipeError(f"{path} is not a Python file: expected a name that ends in .py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        before = dict(REGISTRY)
        try:
            spec.loader.exec_module(module)
        except RecipeError:
            raise
        except Exception as error:
            del sys.modules[name]
            REGISTRY.clear()
            REGISTRY.update(before)
            line = _line_in(error, path)
            raise RecipeError(f"{path}{line} failed: {type(error).__name__}: {error}") from error
        _FILES[digest] = module
    module = _FILES[digest]
    own = {
        n: c for n, c in vars(module).items() if dataclasses.is_dataclass(c) and getattr(c, "__module__", "") == module.__name__
    }
    REGISTRY.update({n: typing.cast("type", c) for n, c in own.items()})  # of two versions of a file, the last one counts
    return module


def _line_in(error: BaseException, path: Path) -> str:
    """`, line 7,`: the line of the file that raised the error; empty if there is none."""
    tb, line = error.__traceback__, ""
    while tb is not None:
        if Path(tb.tb_frame.f_code.co_filename) == path.resolve():
            line = f", line {tb.tb_lineno},"
        tb = tb.tb_next
    return line


def hashes_of_own_files(value: Any) -> dict[str, str]:
    """{path: SHA-256} of the files outside gansmith that define a component inside `value`."""
    found: dict[str, str] = {}
    for part in parts(value):
        module = sys.modules.get(type(part).__module__)
        file = getattr(module, "__file__", None)
        loaded = next((digest for digest, known in _FILES.items() if known is module), None)
        if not type(part).__module__.startswith("gansmith.") and file and (loaded or Path(file).is_file()):
            found[file] = loaded or hashlib.sha256(read_bytes(file)).hexdigest()
    return found
