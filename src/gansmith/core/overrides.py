"""Overrides on the command line: `NAME=VALUE` sets a field of a component, `LIST+=VALUE` appends to a list.

The type of the field decides how a value is read. Python's parser reads it, and only literals, lists and components are accepted:
no code is evaluated.
"""

from __future__ import annotations

import ast
import dataclasses
import re
import types
import typing
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from gansmith.core.component import RENAMED_FIELDS, find_component, kebab, one_line, short
from gansmith.core.errors import RecipeError, cut, some, unknown

T = TypeVar("T")

_ANY = ConfigDict(arbitrary_types_allowed=True, allow_inf_nan=False)


def split_override(text: str) -> tuple[str, bool, str]:
    """Split an override into its path, whether it appends, and its value: `a.b+=c` -> ("a.b", True, "c").

    Raises RecipeError if there is no `=`.
    """
    match = re.fullmatch(r"\s*([\w.\-]+?)\s*(\+?=)(.*)", text, re.S)
    if not match:
        raise RecipeError(f"override {cut(text)!r} has no value: write NAME=VALUE, as in batch_size=64, or LIST+=VALUE")
    return match[1].replace("-", "_"), match[2] == "+=", match[3].strip()


def check_once(texts: Sequence[str]) -> None:
    """Raise RecipeError if one setting is given twice with `=`. `+=` may extend a list again and again."""
    given: dict[str, str] = {}
    for path, appends, value in map(split_override, texts):
        if path in given and not appends:
            raise RecipeError(f"{cut(path)} is given twice, as {cut(given[path])} and {cut(value)}: give it once")
        if not appends:
            given[path] = value


def override(value: T, text: str) -> T:
    """A copy of a component with one field changed: `override(recipe, "objective.penalties+=r1(weight=5)")`.

    `+=` appends to a list. Raises RecipeError, naming the field, for an unknown field or an invalid value.
    """
    path, appends, new = split_override(text)
    try:
        return typing.cast("T", _changed(value, type(value), path.split("."), new, appends))
    except RecipeError as error:
        raise RecipeError(f"override {cut(text)}: {error}") from None


def _changed(value: Any, type_: Any, path: Sequence[str], text: str, appends: bool) -> Any:
    """A copy of a value with the place at `path` set to `text`, or extended by it."""
    if not path:
        if not appends and isinstance(value, Mapping):
            raise RecipeError(
                f"a mapping is changed entry by entry: add {some((f'.{key}' for key in value), separator=' or ')} to its name"
            )
        if not appends:
            return parse_value(text, type_)
        if not isinstance(value, tuple):
            raise RecipeError(f"+= appends to a list, but this is {short(value)}: use =")
        item = _inner(type_, 0)
        added = parse_value(text, type_) if text.startswith("[") else (parse_value(text, item),)
        return (*value, *added)
    head, rest = path[0], path[1:]
    if isinstance(value, tuple):
        if not head.isdigit() or int(head) >= len(value):
            hint = f"choose 0 to {len(value) - 1}" if value else "append with +="
            raise RecipeError(f"{cut(head)!r} is no index of a list of {len(value)}: {hint}")
        i = int(head)
        return (*value[:i], _changed(value[i], _inner(type_, i), rest, text, appends), *value[i + 1 :])
    if isinstance(value, Mapping):
        if head not in value:
            raise RecipeError(unknown("name", head, value))
        return {**value, head: _changed(value[head], _inner(type_, 1), rest, text, appends)}
    if not dataclasses.is_dataclass(value):
        raise RecipeError(f"{short(value)} has no field {cut(head)!r}" + (": set it first" if value is None else ""))
    hints = typing.get_type_hints(type(value), include_extras=True)
    names = [f.name for f in dataclasses.fields(value)]
    head = RENAMED_FIELDS.get((type(value).__name__, head), head)  # recoveries of format 1 are overrides with former names
    if head not in names:
        raise RecipeError(unknown(f"field of {type(value).__name__}", head, names))
    return dataclasses.replace(value, **{head: _changed(getattr(value, head), hints[head], rest, text, appends)})  # type: ignore[type-var]


def _plain(type_: Any) -> Any:
    """The type under Annotated[...] and Optional[...]."""
    while typing.get_origin(type_) is typing.Annotated:
        type_ = typing.get_args(type_)[0]
    if typing.get_origin(type_) in (typing.Union, types.UnionType):
        members = [member for member in typing.get_args(type_) if member is not type(None)]
        return _plain(members[0]) if len(members) == 1 else type_
    return type_


def _inner(type_: Any, index: int) -> Any:
    """The type of item `index` of tuple[X, ...] or tuple[X, Y]; index 1 of dict[str, X] is X."""
    args = [a for a in typing.get_args(_plain(type_)) if a is not Ellipsis]
    return args[min(index, len(args) - 1)] if args else object


def _optional(type_: Any) -> bool:
    """Whether None is a value of the type."""
    while typing.get_origin(type_) is typing.Annotated:
        type_ = typing.get_args(type_)[0]
    return type(None) in typing.get_args(type_)


def parse_value(text: str, type_: Any) -> Any:
    """Read text as a value of a type: numbers, `true`, `none`, strings, lists, and components such as `r1(weight=5)`.

    Raises RecipeError for a text that can't be read, or a value that is invalid for the type.
    """
    plain = _plain(type_)
    if _optional(type_) and text.lower() == "none":
        return None
    if _is_text(plain):
        return _validated(text.strip("'\""), type_)
    if re.fullmatch(r"[A-Za-z][\w\-]*", text) and text.lower() not in {"true", "false", "none", "inf", "nan"}:
        if _num_values(plain):
            return _validated(text, type_)
        if not _is_class(plain) or plain in (int, float, bool):
            raise RecipeError(f"expected {_name(plain)}, got {cut(text)!r}")
        return find_component(text, plain)()
    # A name with hyphens, as in mlp-generator(...), is no Python identifier: replace them outside of quotes.
    python = re.sub(r"('[^']*'|\"[^\"]*\")|\b[A-Za-z]\w*(?:-[A-Za-z]\w*)+", lambda m: m[1] or m[0].replace("-", "_"), text)
    try:
        with warnings.catch_warnings():  # Python warns of odd texts, such as 1if
            warnings.simplefilter("ignore")
            value = _evaluate(ast.parse(python, mode="eval").body, plain)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # MemoryError: Python's parser, where it is deep
        if _num_values(plain):
            return _validated(text, type_)
        if isinstance(error, RecipeError):
            raise
        raise RecipeError(f"can't read {cut(text)!r}: expected {_name(plain)}") from None
    return _validated(value, type_)


def _evaluate(tree: ast.expr, type_: Any) -> Any:
    """The value of a syntax tree: a literal, a list or a component. Raises RecipeError for any other syntax."""
    match tree:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)) if isinstance(value, (int, float)):
            return -value
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return tuple(_evaluate(item, _plain(_inner(type_, i))) for i, item in enumerate(items))
        case ast.Name(id=name) if name.lower() in {"true", "false", "none"}:
            return {"true": True, "false": False, "none": None}[name.lower()]
        case ast.Name(id=name) if type_ is str or not _is_class(type_):
            return name
        case ast.Name(id=name):
            return find_component(name, type_)()
        case ast.Call(args=[_, *_]):
            raise RecipeError(f"can't read {cut(ast.unparse(tree))!r}: name each field, as in r1(weight=5)")
        case ast.Call(func=ast.Name(id=name), args=[], keywords=keywords):
            cls = find_component(name, type_ if _is_class(type_) else object)
            hints = typing.get_type_hints(cls, include_extras=True)
            names = [f.name for f in dataclasses.fields(cls)]
            given = {}
            for keyword in keywords:
                if keyword.arg not in names:
                    raise RecipeError(unknown(f"field of {cls.__name__}", str(keyword.arg), names))
                if keyword.arg in given:
                    raise RecipeError(f"{name}: {keyword.arg} is given twice: give it once")
                given[keyword.arg] = _evaluate(keyword.value, _plain(hints[keyword.arg]))
            return cls(**given)
    raise RecipeError(f"can't read {cut(ast.unparse(tree))!r}: expected {_name(type_)}, or a component such as r1(weight=5)")


def _is_text(type_: Any) -> bool:
    """Whether all values of a type are strings: str, Literal of strings, or a union of these."""
    type_ = _plain(type_)
    if typing.get_origin(type_) in (typing.Union, types.UnionType):
        return all(map(_is_text, typing.get_args(type_)))
    return type_ is str or (
        typing.get_origin(type_) is typing.Literal and all(isinstance(a, str) for a in typing.get_args(type_))
    )


def _num_values(type_: Any) -> int:
    """The number of values of a tuple type of fixed length, such as two bounds; 0 for every other type."""
    args = typing.get_args(type_)
    return len(args) if typing.get_origin(type_) is tuple and Ellipsis not in args else 0


def _is_class(type_: Any) -> bool:
    """Whether a type is a class, and none of str, int, float and bool."""
    return isinstance(type_, type) and type_ not in (str, int, float, bool)


def _name(type_: Any) -> str:
    """A type in an error message."""
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    if typing.get_origin(type_) is tuple:
        return "a list in brackets"
    if not isinstance(type_, type):
        return str(type_).replace("typing.", "")
    noun = kebab(type_.__name__)
    return names.get(type_) or f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _validated(value: Any, type_: Any) -> Any:
    """The value, checked by pydantic. Raises RecipeError if it is invalid for the type."""
    if isinstance(type_, type) and isinstance(value, type_) and dataclasses.is_dataclass(type_):
        return value  # checked when it was made
    try:
        return TypeAdapter(type_, config=None if dataclasses.is_dataclass(type_) else _ANY).validate_python(value, strict=True)
    except ValidationError as error:
        if (num := _num_values(_plain(type_))) and error.errors()[0]["type"] == "tuple_type":
            raise RecipeError(f"expected {num} values with commas between, got {short(value)}") from None
        message = one_line("value", error).removeprefix("value: ")
        raise RecipeError(re.sub(r"^value\.([\w.]+): ", r"entry \1: ", message)) from None
