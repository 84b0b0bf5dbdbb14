"""Recipes: functions that return a complete configuration of a run. Listing them imports none of them.

What belongs here: `Recipe` and its parts, and functions that return one, a file for each family.
What does not: code that trains, samples or scores; a recipe is data.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gansmith.core.errors import GansmithError, RecipeError, cut, unknown
from gansmith.core.overrides import override, parse_value, split_override
from gansmith.core.user_code import failure, load_file
from gansmith.core.user_input import BUILTIN

if TYPE_CHECKING:
    from gansmith.recipes.base import Recipe


# The headings of `gansmith list`, in the order in which to read them.
FAMILIES = (
    *("start here", "tutorials", "classics", "losses", "conditional", "translation", "autoencoders", "uses"),
    "mode coverage",
)

EXPLAINED = ("condition", "networks", "objective", "optimizers", "batch_size")
"""Fields of a recipe that the sentences of `Recipe.why` explain."""


@dataclass(frozen=True)
class Entry:
    """A recipe in the catalogue. All fields come from the source text of its file."""

    name: str  # on the command line: tutorial-small
    function: str  # in Python: tutorial_small
    module: str  # gansmith.recipes.tutorials
    about: str  # first line of the docstring
    family: str  # one of FAMILIES


@cache
def catalogue() -> dict[str, Entry]:
    """Every public function in this folder whose return type is Recipe, by name, in the order in which to read them.

    A file sets the place of its recipes by a line such as `FAMILY = ("classics", 1)`: a heading in FAMILIES, and the place of the
    file below this heading. Recipes of a file keep the order of the file.
    """
    found = []
    for path in sorted(Path(__file__).parent.glob("[!_]*.py")):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        family, place = _family(body)
        for node in body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and _returns_recipe(node):
                about = (ast.get_docstring(node) or "").split("\n")[0]
                entry = Entry(node.name.replace("_", "-"), node.name, f"gansmith.recipes.{path.stem}", about, family)
                found.append((FAMILIES.index(family) if family in FAMILIES else len(FAMILIES), place, entry))
    return {entry.name: entry for *_, entry in sorted(found, key=lambda item: item[:2])}


def _family(body: Sequence[ast.stmt]) -> tuple[str, int]:
    """The value of FAMILY in a file; without one, ("others", 0), which comes last."""
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "FAMILY":
            family, place = ast.literal_eval(node.value)
            return family, place
    return "others", 0


def _returns_recipe(node: ast.FunctionDef) -> bool:
    """Whether the return annotation of a function is `Recipe`."""
    return isinstance(node.returns, ast.Name) and node.returns.id == "Recipe"


def names_recipe(name: str) -> bool:
    """Whether `name` is the name of a recipe, or a path ending in .py or .py:FUNCTION."""
    return _is_in_file(name) or _entry(name) is not None


def _entry(name: str) -> Entry | None:
    """The catalogue's entry for a name, in any case, with `-` or `_`, and perhaps `builtin:`; None if there is none."""
    return catalogue().get(name.replace("_", "-").lower().removeprefix(BUILTIN))


def _is_in_file(name: str) -> bool:
    """Whether a name is a path of a file, or FILE.py:FUNCTION."""
    return ".py:" in name or name.endswith(".py")


def find_recipe(name: str) -> Callable[..., Recipe]:
    """The recipe function with this name, or the function of FILE.py:FUNCTION, a user's own file.

    Raises:
        RecipeError: unknown name (a typo gets the nearest name), no such file, or no such function in it.
    """
    if _is_in_file(name):
        path, _, function = name.partition(".py:")
        path = path.removesuffix(".py") + ".py"
        module = load_file(path)
        known = [n for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__ and n[0] != "_"]
        if not function:
            raise RecipeError(f"{name}: expected a function, as in {path}:{known[0] if known else 'my_run'}")
        if function not in known:
            raise RecipeError(f"{path}: {unknown('function', function, known)}")
        return typing.cast("Callable[..., Recipe]", getattr(module, function))
    entry = _entry(name)
    if entry is None:
        from gansmith.data import NAMES

        if name in NAMES:
            raise RecipeError(f"{name} is a data set, not a recipe: write --data {name}, as in gansmith train --data {name}")
        raise RecipeError(unknown("recipe", name, catalogue()))
    return typing.cast("Callable[..., Recipe]", getattr(importlib.import_module(entry.module), entry.function))


def make(name: str, overrides: Sequence[str] = (), data: str | None = None, skip_bad: bool = False) -> Recipe:
    """Build a recipe: call its function and apply overrides.

    Args:
        name: name of a recipe, or FILE.py:FUNCTION.
        overrides: texts such as `batch_size=32`, applied in order. A name that is a parameter of the function becomes an
            argument; any other name changes a field of the returned recipe.
        data: name or path of a data set, as for `gansmith.data.find_source`. If the function has a parameter `data`, it gets the
            source as an argument, with all overrides of `data.*` applied, so that the recipe can adapt to the data.
        skip_bad: leave out unreadable images; only for folders of images.

    Raises:
        RecipeError: unknown recipe or setting, a wrong value, or parts that do not fit together.
        DataError: unknown data set.
    """
    function = find_recipe(name)  # first, because the imports below are slow and a typo should be answered at once

    import dataclasses

    from gansmith.data import find_source
    from gansmith.recipes.base import Recipe

    hints = typing.get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters
    fields = [field.name for field in dataclasses.fields(Recipe)]
    source = None if data is None else find_source(data, skip_bad=skip_bad)
    settings: dict[str, Any] = {}
    takes_data = "data" in parameters
    if takes_data and (source is not None or parameters["data"].default is not inspect.Parameter.empty):
        settings["data"] = source if source is not None else parameters["data"].default
    rest = []
    for text in overrides:
        key, grows, value = split_override(text)
        if parameters and key.split(".")[0] not in (*parameters, *fields):
            raise RecipeError(f"override {cut(text)}: {unknown(f'setting of {name}', key, [*parameters, *fields])}")
        if key in parameters and not grows:
            try:
                settings[key] = parse_value(value, hints.get(key, object))
            except RecipeError as error:
                raise RecipeError(f"override {cut(text)}: {error}") from None
        elif key.startswith("data.") and "data" in settings:
            try:
                settings["data"] = override(settings["data"], text.removeprefix("data."))
            except RecipeError as error:
                raise RecipeError(str(error).replace("override ", "override data.", 1)) from None
        else:
            rest.append(text)
    recipe = _called(function, settings, name)
    if not isinstance(recipe, Recipe):
        raise RecipeError(f"recipe {name}: expected a function that returns a Recipe, got {type(recipe).__name__}")
    if source is not None and not takes_data:
        recipe = dataclasses.replace(recipe, data=source)
    for text in rest:
        recipe = override(recipe, text)
    changed = [text for text in rest if split_override(text)[0].split(".")[0] in EXPLAINED]
    if recipe.why and changed:  # the reasons are those of the recipe's function, which knows no overrides
        recipe = dataclasses.replace(recipe, why=(*recipe.why, f"changed by you: {', '.join(changed)}"))
    return recipe


def _called(function: Callable[..., Recipe], settings: dict[str, Any], name: str) -> Recipe:
    """The recipe that a function returns. Raises RecipeError for settings it does not take, or if a user's function fails."""
    try:
        inspect.signature(function).bind(**settings)
    except TypeError as error:
        raise RecipeError(f"recipe {name}: {error}") from None
    try:
        return function(**settings)
    except GansmithError:
        raise
    except (Exception, SystemExit) as error:  # a user's function may raise any error; one of the package's own is a bug
        if not _is_in_file(name):
            raise
        raise RecipeError(failure(inspect.getfile(function), error)) from error
