"""The user's own Python files: each content runs once, and runs record its SHA-256."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.machinery
import importlib.util
import os
import sys
import types
import typing
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from gansmith.core.component import _FILE_MODULE, REGISTRY, kebab, parts
from gansmith.core.errors import RecipeError
from gansmith.core.user_input import expanded, read_bytes

_FILES: dict[str, types.ModuleType] = {}


class _Loader(importlib.machinery.SourceFileLoader):
    """Runs a content that was read before: neither one that was written since, nor compiled code that lies beside the file."""

    def __init__(self, name: str, path: str, content: bytes) -> None:
        super().__init__(name, path)
        self.content = content

    def get_code(self, fullname: str) -> types.CodeType:
        """The content, compiled."""
        return self.source_to_code(self.content, self.path)


def load_file(path: str | Path, expected: str | None = None) -> types.ModuleType:
    """Run a Python file of the user's own and register the components it defines. Each content runs once.

    Call it only for a file that the user named, on the command line or in a call. What runs is what was read: with `expected`,
    only a content of this SHA-256. Raises RecipeError if the file can't be read, has another content, or raises an exception.
    """
    path = expanded(path)
    content = read_code(path)
    digest = hashlib.sha256(content).hexdigest()
    if expected not in (None, digest):
        raise RecipeError(f"{path} has SHA-256 {digest[:12]}..., expected {str(expected)[:12]}...: restore the file")
    if digest not in _FILES:
        name = _FILE_MODULE + digest[:12]
        if path.suffix != ".py":
            raise RecipeError(f"{path} is not a Python file: expected a name that ends in .py")
        loader = _Loader(name, os.path.abspath(path), content)
        spec = importlib.util.spec_from_file_location(name, loader.path, loader=loader)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        before = dict(REGISTRY)
        try:
            loader.exec_module(module)
        except RecipeError:
            raise
        except (Exception, SystemExit) as error:
            del sys.modules[name]
            REGISTRY.clear()
            REGISTRY.update(before)
            raise RecipeError(failure(path, error)) from error
        _FILES[digest] = module
    module = _FILES[digest]
    own = {
        n: c for n, c in vars(module).items() if dataclasses.is_dataclass(c) and getattr(c, "__module__", "") == module.__name__
    }
    REGISTRY.update({n: typing.cast("type", c) for n, c in own.items()})  # of two versions of a file, the last one counts
    return module


def read_code(path: str | Path) -> bytes:
    """The content of a Python file of the user's own. Raises RecipeError if it can't be read or is no regular file."""
    path = expanded(path)
    try:
        if path.is_dir():
            raise RecipeError(f"{path} is a folder: name a Python file")
        return read_bytes(path)
    except RecipeError:
        raise
    except (OSError, ValueError) as error:
        raise RecipeError(f"can't read {path}: {getattr(error, 'strerror', None) or error}; name a Python file") from None


def failure(path: str | Path, error: BaseException) -> str:
    """`my_loss.py, line 7, failed: ZeroDivisionError: division by zero`: an error that a user's own code raised."""
    line, _ = _last_line(error, lambda name: Path(name) == expanded(path).resolve())
    text = f"{type(error).__name__}: {error}".rstrip(": ")
    return f"{path}{f', line {line},' if line else ''} failed: {text}"


def failed_file(error: BaseException) -> str | None:
    """The user's own file whose code raised an error or called what raised it; None if no such file was running."""
    files = {module.__file__ for module in _FILES.values()}
    return _last_line(error, files.__contains__)[1]


def _last_line(error: BaseException, is_own: Callable[[str], bool]) -> tuple[int, str | None]:
    """(line, file) of the innermost frame of an error in a file that `is_own` chooses; (0, None) if there is none."""
    found: tuple[int, str | None] = (0, None)
    tb = error.__traceback__
    while tb is not None:
        if is_own(tb.tb_frame.f_code.co_filename):
            found = tb.tb_lineno, tb.tb_frame.f_code.co_filename
        tb = tb.tb_next
    return found


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


def digest_of(path: str | Path) -> str:
    """The SHA-256 of a user's own file. Raises RecipeError if it can't be read."""
    return hashlib.sha256(read_code(path)).hexdigest()


def require_use(value: Any, paths: Iterable[str | Path]) -> None:
    """Raise RecipeError, with the names of its components, if nothing inside `value` is from one of these loaded files."""
    used = set(hashes_of_own_files(value).values())
    for path in paths:
        if digest_of(path) not in used:
            module = load_file(path).__name__
            own = [kebab(name) for name, part in REGISTRY.items() if part.__module__ == module]
            todo = f"name {' or '.join(own[:5])} in an override, as in objective.loss={own[0]}" if own else "it has no component"
            raise RecipeError(f"the recipe uses nothing of {path}: {todo}")
