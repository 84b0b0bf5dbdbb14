"""Words that the shell completes: recipes, run folders, settings of a recipe, data sets, checkpoints and classes.

Each function is called with the line so far and returns candidates; Typer keeps those that begin with the typed word. Completion
never executes a user's file, and returns no words instead of failing.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from gansmith.core.user_input import read_text

Words = list[tuple[str, str]]  # candidate and its explanation, which zsh and fish show


def one_of(*words: str) -> Callable[[], list[str]]:
    """Complete one of a few fixed words."""
    return lambda: list(words)


def recipes() -> Words:
    """Names of recipes."""
    from gansmith.recipes import catalogue

    return [(entry.name, entry.about) for entry in catalogue().values()]


def run_folders(incomplete: str) -> list[str]:
    """Run folders up to two levels below the folder typed so far."""
    above, _ = os.path.split(incomplete)
    found = [path.parent for depth in ("*", "*/*") for path in Path(above or ".").glob(f"{depth}/recipe.json")]
    return _typeable(sorted(os.path.join(above, path.relative_to(above or ".")) for path in found))


def recipes_and_runs(incomplete: str) -> Words:
    """Names of recipes, then run folders."""
    return [*recipes(), *((folder, "a run folder") for folder in run_folders(incomplete))]


def data_sets() -> Words:
    """Names of data sets."""
    from gansmith.data import NAMES

    return [(name, known.purpose) for name, known in NAMES.items()]


def checkpoints(ctx: typer.Context) -> list[str]:
    """`last`, `best`, and the image counts of the checkpoints in the folder of the run on the line."""
    folder = _run_on_the_line(ctx) / "checkpoints"
    counts = {int(path.name.split("-")[0]) for path in folder.glob("[0-9]*-*.safetensors")}
    return ["last", "best", *map(str, sorted(counts))]


def classes(ctx: typer.Context) -> list[str]:
    """Classes that the run on the line was trained with."""
    with contextlib.suppress(OSError, ValueError):
        metadata = json.loads(read_text(_run_on_the_line(ctx) / "run.json"))
        if count := len(metadata.get("kinds") or ()):
            return _typeable(metadata.get("classes") or map(str, range(count)))
    return []


def _typeable(words: Iterable[str]) -> list[str]:
    """The words that a shell takes as they are: zsh evaluates candidates, so a folder's name could run a command."""
    return [word for word in words if re.fullmatch(r"[\w./@%+=:,^ -]+", word)]


def _run_on_the_line(ctx: typer.Context) -> Path:
    """The run folder that a line names so far.

    If the line ends in an option, Typer leaves the arguments before it in `args`.
    """
    return Path(ctx.params.get("run") or ctx.params.get("what") or next(iter(ctx.args), os.devnull))


# ---------------------------------------------------------------------------------------------- settings of a recipe


def overrides(ctx: typer.Context, incomplete: str) -> list[str]:
    """Settings of the recipe on the line, as `budget=` and `optimizers.generator.lr=`; nested ones once a letter is typed.

    Reading a recipe's settings imports PyTorch, which takes seconds, so those of all recipes are stored in the cache folder.
    """
    name = str(ctx.params.get("recipe") or "default")
    known = _stored_settings()
    found = known.get("default" if "=" in name else name.replace("_", "-").lower(), [])
    return [f"{path}=" for path in [*found, *_data_settings(ctx)] if incomplete or "." not in path]


def _data_settings(ctx: typer.Context) -> list[str]:
    """Settings of the data that `--data` names, such as `data.size`; nothing is loaded."""
    from gansmith.core.errors import DataError
    from gansmith.data import find_source

    with contextlib.suppress(DataError):
        return [f"data.{path}" for path in _paths(find_source(ctx.params["data"]))] if ctx.params.get("data") else []
    return []


def _stored_settings() -> Mapping[str, list[str]]:
    """The settings of each recipe, from the cache folder; computed and stored again if the package has changed."""
    from gansmith.core.errors import GansmithError
    from gansmith.core.files import write_json
    from gansmith.data.fetch import cache_folder

    path, stamp = cache_folder() / "completion.json", _stamp()
    with contextlib.suppress(OSError, ValueError, AttributeError):
        stored = json.loads(read_text(path))
        if stored.get("stamp") == stamp:
            return dict(stored["settings"])
    from gansmith.recipes import catalogue

    settings = {name: settings_of(name) for name in catalogue()}
    with contextlib.suppress(OSError, GansmithError):  # a cache that can't be written only costs time
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"stamp": stamp, "settings": settings})
    return settings


def _stamp() -> str:
    """The version and the newest change of the package's files."""
    import gansmith

    newest = max(file.stat().st_mtime_ns for file in Path(gansmith.__file__ or ".").parent.rglob("*.py"))
    return f"{gansmith.__version__} {newest}"


def settings_of(name: str) -> list[str]:
    """Every setting of a recipe by its dotted path: the parameters of its function, then its fields, except those of the data.

    The recipe is made for `digits`, which needs no download, unlike the default data of some recipes.
    """
    import inspect

    from gansmith.recipes import find_recipe, make

    paths = [*inspect.signature(find_recipe(name)).parameters, *_paths(make(name, data="digits"))]
    return [path for path in dict.fromkeys(paths) if path.split(".")[0] not in ("data", "name", "why")]


def _paths(value: Any) -> Iterator[str]:
    """The dotted paths of the settings below a component, a mapping or a list of components."""
    import dataclasses

    parts: dict[str, Any]
    if dataclasses.is_dataclass(value):
        parts = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    elif isinstance(value, Mapping):
        parts = dict(value)
    else:
        parts = {str(i): part for i, part in enumerate(value) if dataclasses.is_dataclass(part)}
    for name, part in parts.items():
        if not isinstance(part, Mapping):
            yield name
        if dataclasses.is_dataclass(part) or isinstance(part, (Mapping, tuple)):
            yield from (f"{name}.{path}" for path in _paths(part))
