"""Components and their text: frozen dataclasses, to JSON and back, and found by name; an answer to each typo.

A component is a frozen dataclass whose fields are its configuration. Pydantic checks every field when one is made
(strictly: `1e-4` is no whole number), so a recipe that exists is a recipe whose values hold.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.util
import pkgutil
import re
import typing
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ConfigDict, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from gansmith.core.errors import RecipeError, unknown

T = TypeVar("T")

# Names that a recipe.json of format 1 may still have, and what they are called now. Reading translates them.
RENAMED_TYPES = {"Recover": "AuxiliaryLoss"}
RENAMED_FIELDS = {
    ("Adam", "rate"): "lr",
    ("SGD", "rate"): "lr",
    ("RmsProp", "rate"): "lr",
    ("Adversarial", "terms"): "reduction",
    ("Adversarial", "recover"): "auxiliary",
    ("Adversarial", "judge_together"): "joint_batch",
    ("Codes", "sliders"): "continuous",
    ("Scores", "share"): "time_fraction",
    ("Watch", "share"): "time_fraction",
}

REGISTRY: dict[str, type] = {}
_FILE_MODULE = "gansmith_file_"  # what modules made of users' files are called, followed by the file's digest
_STRICT = ConfigDict(strict=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False, validate_default=True)


@typing.dataclass_transform(frozen_default=True)
def component(cls: type[T]) -> type[T]:
    """Make `cls` a frozen, checked dataclass and register it under its own name, so that JSON can name it.

    Raises RecipeError (one line) when an instance is made with a wrong value, or when two components share a name.
    """
    made = checked_dataclass(frozen=True, config=_STRICT)(cls)
    init = made.__init__

    @functools.wraps(init)
    def checked_init(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            init(self, *args, **kwargs)
        except ValidationError as error:
            raise RecipeError(one_line(made.__name__, error)) from None

    made.__init__ = checked_init  # type: ignore[method-assign]
    known = REGISTRY.get(made.__name__)
    if known is None or known.__module__.startswith(_FILE_MODULE):  # a user's file, mended and read again, replaces itself
        REGISTRY[made.__name__] = made
    else:
        raise RecipeError(f"two components are called {made.__name__!r}, in {known.__module__} and {made.__module__}: rename one")
    return typing.cast("type[T]", made)


def one_line(what: str, error: ValidationError) -> str:
    """A pydantic error as `Recipe.batch_size: expected a whole number, got 0.5`, its first fault only."""
    first = error.errors()[0]
    place = ".".join([what, *(str(p) for p in first["loc"])])
    # Raised by the component itself, about several fields.
    if first["type"] == "value_error" and not first["loc"] and what in REGISTRY:
        return str(first["ctx"]["error"])
    match first["type"]:
        case "unexpected_keyword_argument":
            fields = [f.name for f in dataclasses.fields(REGISTRY[what])] if what in REGISTRY else []
            return unknown(f"field of {what}", str(first["loc"][-1]), fields)
        case "missing" | "missing_argument":
            return f"{place} is missing: give it a value"
        case "int_type" | "int_from_float":
            expected = "a whole number"
        case "float_type":
            expected = "a number"
        case "is_instance_of":
            type_ = first["ctx"]["class"].split(".")[-1]
            return f"{place}: expected a {type_}, got {short(first['input'])}{_lacking(what, first)}"
        case _:
            expected = first["msg"][0].lower() + first["msg"][1:]
            expected = expected.removeprefix("input should be ").removeprefix("value error, ")
    return f"{place}: expected {expected}, got {short(first['input'])}"


def _lacking(what: str, fault: Any) -> str:
    """`, which has no needs_real`: what a component misses of the protocol its place asks for."""
    type_ = typing.get_type_hints(REGISTRY[what])[fault["loc"][0]] if what in REGISTRY else object
    while typing.get_args(type_):  # the items of a list or the values of a mapping
        type_ = next((k for k in reversed(typing.get_args(type_)) if k not in (Ellipsis, type(None))), object)
    missing = [n for n in sorted(_asked(type_)) if not hasattr(fault["input"], n)]
    return f", which has no {', '.join(missing)}" if dataclasses.is_dataclass(fault["input"]) and missing else ""


def short(value: Any) -> str:
    """A value's text, cut to fit into a message."""
    text = to_text(value)
    return text if len(text) < 60 else text[:57] + "..."


# ---------------------------------------------------------------------------------------------------- JSON


def to_json(value: Any) -> Any:
    """Components become objects with a `type`, tuples become lists; everything else is itself."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"type": type(value).__name__} | {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (tuple, list)):
        return [to_json(v) for v in value]
    if isinstance(value, Mapping):
        return {k: to_json(v) for k, v in value.items()}
    return value


def from_json(value: Any) -> Any:
    """The inverse of `to_json`. Raises RecipeError for a type nobody registered or a value that does not hold."""
    if isinstance(value, dict):
        fields = {k: from_json(v) for k, v in value.items() if k != "type"}
        if "type" not in value:
            return fields
        if not isinstance(value["type"], str):
            raise RecipeError(f"expected the name of a component as type, got {value['type']!r}")
        name = RENAMED_TYPES.get(value["type"], value["type"])
        return find_component(name)(**{RENAMED_FIELDS.get((name, k), k): v for k, v in fields.items()})
    return tuple(map(from_json, value)) if isinstance(value, list) else value


def to_text(value: Any, full: bool = False) -> str:
    """A value as one would write it in an override: `r1(weight=5.0)`, with fields that hold their default only if `full`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [f for f in dataclasses.fields(value) if full or not _is_default(f, value)]
        given = ", ".join(f"{f.name}={_quoted(getattr(value, f.name), full)}" for f in fields)
        return kebab(type(value).__name__) + (f"({given})" if given else "")
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(_quoted(v, full) for v in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {to_text(v, full)}" for k, v in value.items()) + "}"
    return str(value)


def _quoted(value: Any, full: bool) -> str:
    """A value inside a component's or a list's brackets: a text that is no plain word stands in quotes."""
    return repr(value) if isinstance(value, str) and not value.isidentifier() else to_text(value, full)


def _is_default(field: dataclasses.Field[Any], owner: Any) -> bool:
    value = getattr(owner, field.name)
    if field.default_factory is not dataclasses.MISSING:
        return bool(field.default_factory() == value)
    return bool(field.default == value)


def differences(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(path, value, value) for each place where two JSON values differ; the deepest place that still differs."""
    if isinstance(one, dict) and isinstance(other, dict) and one.get("type") == other.get("type"):
        pairs: list[tuple[str, Any, Any]] = [(k, one.get(k), other.get(k)) for k in dict.fromkeys([*one, *other])]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = [(str(i), a, b) for i, (a, b) in enumerate(zip(one, other, strict=True))]
    else:
        if one != other:
            yield path, one, other
        return
    for key, a, b in pairs:
        yield from differences(a, b, f"{path}.{key}" if path else key)


# ---------------------------------------------------------------------------------------------------- finding


def kebab(name: str) -> str:
    """`NonSaturating` -> `non-saturating`, `R1` -> `r1`, `MLPGenerator` -> `mlp-generator`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def _flat(name: str) -> str:
    return re.sub(r"[-_ ]", "", name).lower()


# The rooms and modules that hold components. A room's files are found by themselves, so a new file needs no entry here.
COMPONENT_PLACES = ("data", "networks", "objectives", "optim", "sampling", "recipes.base", "recipes.order")


@functools.cache
def load_all() -> None:
    """Import every module of the package that holds components, so that each is in the registry."""
    for place in COMPONENT_PLACES:
        room = importlib.import_module(f"gansmith.{place}")
        for module in pkgutil.iter_modules(getattr(room, "__path__", ()), f"{room.__name__}."):
            importlib.import_module(module.name)


def find_component(name: str, type_: Any = object) -> type:
    """The component called `name` (as a class or in kebab-case), among those that are a `type_`."""
    found = REGISTRY.get(name)
    if found is None:
        load_all()
        found = next((c for n, c in REGISTRY.items() if _flat(n) == _flat(name)), None)
    known = [kebab(n) for n, c in REGISTRY.items() if _fits(c, type_)]
    if found is None or not _fits(found, type_):
        what = "component" if type_ is object else kebab(getattr(type_, "__name__", "component"))
        raise RecipeError(unknown(what, name, known))
    return found


def _fits(cls: type, type_: Any) -> bool:
    """Whether `cls` has everything the protocol or class `type_` asks for; any class is an object."""
    if not getattr(type_, "_is_protocol", False):
        return not isinstance(type_, type) or issubclass(cls, type_)
    return _asked(type_) <= {*dir(cls), *(f.name for f in dataclasses.fields(cls))}


def _asked(protocol: Any) -> set[str]:
    """The names a protocol asks for; none where it is no protocol."""
    if not getattr(protocol, "_is_protocol", False):
        return set()
    return {name for name in vars(protocol) if name == "__call__" or not name.startswith("_")}


def parts(value: Any) -> Iterator[Any]:
    """Every component inside `value`, itself included."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield value
        for field in dataclasses.fields(value):
            yield from parts(getattr(value, field.name))
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from parts(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from parts(item)
