"""Components: registered frozen dataclasses, their JSON and text forms, and the search for a component by name.

The fields of a component are its configuration. Pydantic checks every field when an instance is made (strictly: `1e-4` is no
whole number), so a recipe that exists is valid.
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

# Former names in a recipe.json of format 1, and their present names. Reading translates them.
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

# Fields that an older recipe.json lacks, and the values that it was trained with. A new recipe takes the field's default.
MISSING_FIELDS: dict[tuple[str, str], Any] = {
    ("Arrays", "rules"): 1,
    ("Folder", "rules"): 1,
    ("Idx", "rules"): 1,
}

REGISTRY: dict[str, type] = {}
_FILE_MODULE = "gansmith_file_"  # the module name of a user's file begins so and ends with the file's digest
_STRICT = ConfigDict(strict=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False, validate_default=True)


@typing.dataclass_transform(frozen_default=True)
def component(cls: type[T]) -> type[T]:
    """Decorate a class as a component: a frozen dataclass with checked fields, registered by its name.

    Making an instance with an invalid value raises RecipeError. So does decorating a second class with a name that is taken.
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
    if known is None or known.__module__.startswith(_FILE_MODULE):  # a user's file that was edited and read again
        REGISTRY[made.__name__] = made
    else:
        raise RecipeError(f"two components are called {made.__name__!r}, in {known.__module__} and {made.__module__}: rename one")
    return typing.cast("type[T]", made)


def one_line(name: str, error: ValidationError) -> str:
    """The first fault of a pydantic error as one line: `Recipe.batch_size: expected a whole number, got 0.5`.

    `name` is the component with the invalid value.
    """
    first, *others = error.errors()
    loc = first["loc"]
    if loc and isinstance(loc[-1], str) and not loc[-1].isidentifier():  # no type of a union fits; the last part is such a type
        tried = [first, *(other for other in others if other["loc"][:-1] == loc[:-1])]
        place = ".".join([name, *map(str, loc[:-1])])
        return f"{place}: expected {' or '.join(map(expected, tried))}, got {short(first['input'])}"
    place = ".".join([name, *map(str, loc)])
    # The component itself raised it, about several fields.
    if first["type"] == "value_error" and not first["loc"] and name in REGISTRY:
        return str(first["ctx"]["error"])
    match first["type"]:
        case "unexpected_keyword_argument":
            fields = [f.name for f in dataclasses.fields(REGISTRY[name])] if name in REGISTRY else []
            return unknown(f"field of {name}", str(first["loc"][-1]), fields)
        case "missing" if isinstance(loc[-1], int):
            return f"{place.rpartition('.')[0]}: expected {loc[-1] + 1} values or more, got {short(first['input'])}"
        case "missing" | "missing_argument":
            return f"{place} is missing: give it a value"
        case "is_instance_of":
            type_ = first["ctx"]["class"].split(".")[-1]
            return f"{place}: expected a {type_}, got {short(first['input'])}{_lacking(name, first)}"
    return f"{place}: expected {expected(first)}, got {short(first['input'])}"


def expected(fault: Any) -> str:
    """The expected value in words, from one fault of a pydantic error."""
    match fault["type"]:
        case "int_type" | "int_from_float" | "int_parsing" | "int_parsing_size":
            return "a whole number"
        case "float_type" | "float_parsing":
            return "a number"
        case "bool_type" | "bool_parsing":
            return "true or false"
        case "string_type":
            return "a text"
        case "dict_type":
            return "an object in braces"
        case "tuple_type" | "list_type":
            return "a list in brackets"
        case "too_long":
            return f"a list of at most {fault['ctx']['max_length']:,}"
        case "too_short":
            return f"a list of at least {fault['ctx']['min_length']:,}"
        case "less_than_equal" if isinstance(fault["ctx"]["le"], int):
            return f"at most {fault['ctx']['le']:,}"
        case "less_than_equal":
            return f"at most {fault['ctx']['le']:g}"
        case "dataclass_type" | "dataclass_exact_type":
            return f"{kebab(fault['ctx']['class_name'])}(...)"
    message: str = fault["msg"][0].lower() + fault["msg"][1:]
    return message.removeprefix("input should be ").removeprefix("value error, ")


def _lacking(name: str, fault: Any) -> str:
    """`, which has no needs_real`: the members of the field's protocol that the given component lacks; empty if none."""
    type_ = typing.get_type_hints(REGISTRY[name])[fault["loc"][0]] if name in REGISTRY else object
    while typing.get_args(type_):  # the items of a list or the values of a mapping
        type_ = next((k for k in reversed(typing.get_args(type_)) if k not in (Ellipsis, type(None))), object)
    missing = [n for n in sorted(_members(type_)) if not hasattr(fault["input"], n)]
    return f", which has no {', '.join(missing)}" if dataclasses.is_dataclass(fault["input"]) and missing else ""


def short(value: Any) -> str:
    """The text of a value, cut to 60 characters for an error message."""
    try:
        text = to_text(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) < 60 else text[:57] + "..."


# ---------------------------------------------------------------------------------------------------- JSON


def to_json(value: Any) -> Any:
    """A value as JSON: components become objects with a `type`, tuples become lists, other values stay as they are."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"type": type(value).__name__} | {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (tuple, list)):
        return [to_json(v) for v in value]
    if isinstance(value, Mapping):
        return {k: to_json(v) for k, v in value.items()}
    return value


def from_json(value: Any) -> Any:
    """The inverse of `to_json`. Raises RecipeError for an unregistered type or an invalid value."""
    if isinstance(value, dict):
        fields = {k: from_json(v) for k, v in value.items() if k != "type"}
        if "type" not in value:
            return fields
        if not isinstance(value["type"], str):
            raise RecipeError(f"expected the name of a component as type, got {value['type']!r}")
        found = find_component(RENAMED_TYPES.get(value["type"], value["type"]))
        name = found.__name__
        before = {field: then for (owner, field), then in MISSING_FIELDS.items() if owner == name}
        return found(**before | {RENAMED_FIELDS.get((name, k), k): v for k, v in fields.items()})
    return tuple(map(from_json, value)) if isinstance(value, list) else value


def to_text(value: Any, full: bool = False) -> str:
    """A value as in an override: `r1(weight=5.0)`. Fields with their default value are left out unless `full`."""
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
    """The text of a value inside brackets: strings that are no identifiers are quoted."""
    return repr(value) if isinstance(value, str) and not value.isidentifier() else to_text(value, full)


def _is_default(field: dataclasses.Field[Any], owner: Any) -> bool:
    """Whether a field of a component has its default value."""
    value = getattr(owner, field.name)
    if field.default_factory is not dataclasses.MISSING:
        return bool(field.default_factory() == value)
    return bool(field.default == value)


def differences(one: Any, other: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Compare two JSON values. Yields (path, value, other value) for each difference, at the deepest level where it shows."""
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


def _letters(name: str) -> str:
    """A name in lower case without separators: equal for the class name and its kebab-case form."""
    return re.sub(r"[-_ ]", "", name).lower()


# The packages and modules that define components. All modules of a package are imported, so a new file needs no entry here.
COMPONENT_PLACES = ("data", "networks", "objectives", "optim", "sampling", "recipes.base", "recipes.order")


@functools.cache
def load_all() -> None:
    """Import every module that defines components, which registers them."""
    for place in COMPONENT_PLACES:
        room = importlib.import_module(f"gansmith.{place}")
        for module in pkgutil.iter_modules(getattr(room, "__path__", ()), f"{room.__name__}."):
            importlib.import_module(module.name)


def find_component(name: str, type_: Any = object) -> type:
    """Find a component by its class name, or that name in kebab-case.

    Raises RecipeError, with the most similar name, if there is none, or if it is no `type_`, a class or a protocol.
    """
    found = REGISTRY.get(name)
    if found is None:
        load_all()
        found = next((c for n, c in REGISTRY.items() if _letters(n) == _letters(name)), None)
    known = [kebab(n) for n, c in REGISTRY.items() if _satisfies(c, type_)]
    if found is None or not _satisfies(found, type_):
        noun = "component" if type_ is object else kebab(getattr(type_, "__name__", "component"))
        raise RecipeError(unknown(noun, name, known))
    return found


def _satisfies(cls: type, type_: Any) -> bool:
    """Whether a component is a subclass of the class `type_`, or has all members of the protocol `type_`."""
    if not getattr(type_, "_is_protocol", False):
        return not isinstance(type_, type) or issubclass(cls, type_)
    return _members(type_) <= {*dir(cls), *(f.name for f in dataclasses.fields(cls))}


def _members(type_: Any) -> set[str]:
    """The names of the members of a protocol; empty for a class."""
    if not getattr(type_, "_is_protocol", False):
        return set()
    return {name for name in vars(type_) if name == "__call__" or not name.startswith("_")}


def parts(value: Any) -> Iterator[Any]:
    """All components inside a value, at any depth, the value itself included."""
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
