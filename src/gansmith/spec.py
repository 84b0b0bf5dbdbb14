"""Components and their text: frozen dataclasses to JSON and back, overrides on the command line, answers to typos.

A component is a frozen dataclass whose fields are its configuration. Pydantic checks every field when one is made
(strictly: `1e-4` is no whole number), so a recipe that exists is a recipe whose values hold.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import hashlib
import importlib
import importlib.util
import pkgutil
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from gansmith.errors import RecipeError, unknown

T = TypeVar("T")

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
    if first["type"] == "value_error" and not first["loc"]:  # raised by the component itself, about several fields
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
            kind = first["ctx"]["class"].split(".")[-1]
            return f"{place}: expected a {kind}, got {_short(first['input'])}{_lacking(what, first)}"
        case _:
            expected = first["msg"][0].lower() + first["msg"][1:]
            expected = expected.removeprefix("input should be ").removeprefix("value error, ")
    return f"{place}: expected {expected}, got {_short(first['input'])}"


def _lacking(what: str, fault: Any) -> str:
    """`, which has no needs_real`: what a component misses of the protocol its place asks for."""
    kind = typing.get_type_hints(REGISTRY[what])[fault["loc"][0]] if what in REGISTRY else object
    while typing.get_args(kind):  # the items of a list or the values of a mapping
        kind = next((k for k in reversed(typing.get_args(kind)) if k not in (Ellipsis, type(None))), object)
    missing = [n for n in sorted(_asked(kind)) if not hasattr(fault["input"], n)]
    return f", which has no {', '.join(missing)}" if dataclasses.is_dataclass(fault["input"]) and missing else ""


def _short(value: Any) -> str:
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
        return find_component(value["type"])(**fields)
    return tuple(map(from_json, value)) if isinstance(value, list) else value


def to_text(value: Any, full: bool = False) -> str:
    """A value as one would write it in an override: `r1(weight=5.0)`, with fields that hold their default only if `full`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [f for f in dataclasses.fields(value) if full or not _is_default(f, value)]
        given = ", ".join(f"{f.name}={_quoted(getattr(value, f.name), full)}" for f in fields)
        return kebab(type(value).__name__) + (f"({given})" if given else "")
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(to_text(v, full) for v in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {to_text(v, full)}" for k, v in value.items()) + "}"
    return str(value)


def _quoted(value: Any, full: bool) -> str:
    """A value inside a component's brackets: a text that is no plain word stands in quotes."""
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


@functools.cache
def load_all() -> None:
    """Import every room of the package that holds components, so that a new file is found without being told."""
    import gansmith

    for module in pkgutil.walk_packages(gansmith.__path__, "gansmith."):
        if module.name.split(".")[1] not in {"cli", "recipes", "__main__"}:
            importlib.import_module(module.name)


def find_component(name: str, kind: Any = object) -> type:
    """The component called `name` (as a class or in kebab-case), among those that are a `kind`."""
    found = REGISTRY.get(name)
    if found is None:
        load_all()
        found = next((c for n, c in REGISTRY.items() if _flat(n) == _flat(name)), None)
    known = [kebab(n) for n, c in REGISTRY.items() if _fits(c, kind)]
    if found is None or not _fits(found, kind):
        what = "component" if kind is object else kebab(getattr(kind, "__name__", "component"))
        raise RecipeError(unknown(what, name, known))
    return found


def _fits(cls: type, kind: Any) -> bool:
    """Whether `cls` has everything the protocol or class `kind` asks for; any class is an object."""
    if not getattr(kind, "_is_protocol", False):
        return not isinstance(kind, type) or issubclass(cls, kind)
    return _asked(kind) <= {*dir(cls), *(f.name for f in dataclasses.fields(cls))}


def _asked(protocol: Any) -> set[str]:
    """The names a protocol asks for; none where it is no protocol."""
    if not getattr(protocol, "_is_protocol", False):
        return set()
    return {name for name in vars(protocol) if name == "__call__" or not name.startswith("_")}


_FILES: dict[str, types.ModuleType] = {}


def load_file(path: str | Path) -> types.ModuleType:
    """Run a user's own Python file, once for each content, and register the components it defines.

    Only ever called with a file the user named on the command line or in a call.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
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
    REGISTRY.update({n: typing.cast("type", c) for n, c in own.items()})  # of two versions of a file, the one named last counts
    return module


def _line_in(error: BaseException, path: Path) -> str:
    tb, line = error.__traceback__, ""
    while tb is not None:
        if Path(tb.tb_frame.f_code.co_filename) == path.resolve():
            line = f", line {tb.tb_lineno},"
        tb = tb.tb_next
    return line


def own_files(value: Any) -> dict[str, str]:
    """{path: SHA-256} of the files outside the package that define a component in `value`."""
    found: dict[str, str] = {}
    for part in parts(value):
        module = sys.modules.get(type(part).__module__)
        file = getattr(module, "__file__", None)
        loaded = next((digest for digest, known in _FILES.items() if known is module), None)
        if not type(part).__module__.startswith("gansmith.") and file and (loaded or Path(file).is_file()):
            found[file] = loaded or hashlib.sha256(Path(file).read_bytes()).hexdigest()
    return found


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


# ---------------------------------------------------------------------------------------------------- overrides


def split_override(text: str) -> tuple[str, bool, str]:
    """`a.b+=c` -> ("a.b", True, "c"). Raises RecipeError where there is no `=`."""
    match = re.fullmatch(r"\s*([\w.\-]+?)\s*(\+?=)(.*)", text, re.S)
    if not match:
        raise RecipeError(f"override {text!r} has no value: write NAME=VALUE, as in batch_size=64, or LIST+=VALUE")
    return match[1].replace("-", "_"), match[2] == "+=", match[3].strip()


def override(value: T, text: str) -> T:
    """A copy of a component with one place changed: `override(recipe, "objective.penalties+=r1(weight=5)")`.

    The value is read by the type of its field; lists grow with `+=`. Raises RecipeError naming the place.
    """
    path, grows, new = split_override(text)
    try:
        return typing.cast("T", _changed(value, type(value), path.split("."), new, grows))
    except RecipeError as error:
        raise RecipeError(f"override {text}: {error}") from None


def _changed(value: Any, kind: Any, path: Sequence[str], text: str, grows: bool) -> Any:
    if not path:
        if not grows:
            return read(text, kind)
        if not isinstance(value, tuple):
            raise RecipeError(f"+= grows a list, and this is {_short(value)}")
        item = _inner(kind, 0)
        added = read(text, kind) if text.startswith("[") else (read(text, item),)
        return (*value, *added)
    head, rest = path[0], path[1:]
    if isinstance(value, tuple):
        if not head.isdigit() or int(head) >= len(value):
            raise RecipeError(f"{head!r} is no place in a list of {len(value)}")
        i = int(head)
        return (*value[:i], _changed(value[i], _inner(kind, i), rest, text, grows), *value[i + 1 :])
    if isinstance(value, Mapping):
        if head not in value:
            raise RecipeError(unknown("name", head, value))
        return {**value, head: _changed(value[head], _inner(kind, 1), rest, text, grows)}
    if not dataclasses.is_dataclass(value):
        raise RecipeError(f"{_short(value)} has no field {head!r}")
    hints = typing.get_type_hints(type(value), include_extras=True)
    names = [f.name for f in dataclasses.fields(value)]
    if head not in names:
        raise RecipeError(unknown(f"field of {type(value).__name__}", head, names))
    return dataclasses.replace(value, **{head: _changed(getattr(value, head), hints[head], rest, text, grows)})  # type: ignore[type-var]


def _plain(kind: Any) -> Any:
    """The type under Annotated[...] and Optional[...]."""
    while typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        some = [k for k in typing.get_args(kind) if k is not type(None)]
        return _plain(some[0]) if len(some) == 1 else kind
    return kind


def _inner(kind: Any, place: int) -> Any:
    """The type of the items of tuple[X, ...], tuple[X, Y] or dict[str, X]."""
    args = [a for a in typing.get_args(_plain(kind)) if a is not Ellipsis]
    return args[min(place, len(args) - 1)] if args else object


def _optional(kind: Any) -> bool:
    while typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    return type(None) in typing.get_args(kind)


def read(text: str, kind: Any) -> Any:
    """`text` as a value of type `kind`: numbers, `true`, lists, and components such as `r1(weight=5)`."""
    plain = _plain(kind)
    if _optional(kind) and text.lower() == "none":
        return None
    if _is_text(plain):
        return _validated(text.strip("'\""), kind)
    if re.fullmatch(r"[A-Za-z][\w\-]*", text) and text.lower() not in {"true", "false", "none", "inf", "nan"}:
        if not _is_class(plain) or plain in (int, float, bool):
            raise RecipeError(f"expected {_name(plain)}, got {text!r}")
        return find_component(text, plain)()
    # A name with hyphens, as in least-squares or mlp-generator(...), is no Python: write it as one word. Quotes stay.
    python = re.sub(r"('[^']*'|\"[^\"]*\")|\b[A-Za-z]\w*(?:-[A-Za-z]\w*)+", lambda m: m[1] or m[0].replace("-", "_"), text)
    try:
        tree = ast.parse(python, mode="eval").body
    except (SyntaxError, ValueError):
        raise RecipeError(f"can't read {text!r}: expected {_name(plain)}") from None
    return _validated(_evaluate(tree, plain), kind)


def _evaluate(tree: ast.expr, kind: Any) -> Any:
    match tree:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)) if isinstance(value, (int, float)):
            return -value
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return tuple(_evaluate(item, _plain(_inner(kind, i))) for i, item in enumerate(items))
        case ast.Name(id=name) if name.lower() in {"true", "false", "none"}:
            return {"true": True, "false": False, "none": None}[name.lower()]
        case ast.Name(id=name) if kind is str or not _is_class(kind):
            return name
        case ast.Name(id=name):
            return find_component(name, kind)()
        case ast.Call(func=ast.Name(id=name), args=[], keywords=keywords):
            cls = find_component(name, kind if _is_class(kind) else object)
            hints = typing.get_type_hints(cls, include_extras=True)
            names = [f.name for f in dataclasses.fields(cls)]
            given = {}
            for keyword in keywords:
                if keyword.arg not in names:
                    raise RecipeError(unknown(f"field of {cls.__name__}", str(keyword.arg), names))
                given[keyword.arg] = _evaluate(keyword.value, _plain(hints[keyword.arg]))
            return cls(**given)
    raise RecipeError(f"can't read {ast.unparse(tree)!r}: expected {_name(kind)}, or a component such as r1(weight=5)")


def _is_text(kind: Any) -> bool:
    """Whether every value of this type is a text: str, a choice of words, or a union of such."""
    kind = _plain(kind)
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return all(map(_is_text, typing.get_args(kind)))
    return kind is str or (typing.get_origin(kind) is typing.Literal and all(isinstance(a, str) for a in typing.get_args(kind)))


def _is_class(kind: Any) -> bool:
    return isinstance(kind, type) and kind not in (str, int, float, bool)


def _name(kind: Any) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    return names.get(kind) or (f"a {kebab(kind.__name__)}" if isinstance(kind, type) else str(kind).replace("typing.", ""))


def _validated(value: Any, kind: Any) -> Any:
    if isinstance(kind, type) and isinstance(value, kind) and dataclasses.is_dataclass(kind):
        return value  # it was checked when it was made
    try:
        return TypeAdapter(kind, config=None if dataclasses.is_dataclass(kind) else _ANY).validate_python(value, strict=True)
    except ValidationError as error:
        raise RecipeError(one_line("value", error).removeprefix("value: ")) from None


_ANY = ConfigDict(arbitrary_types_allowed=True)
