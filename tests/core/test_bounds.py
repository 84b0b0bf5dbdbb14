"""Every number that a user gives has an upper bound: fields of components, arguments of recipes, options of commands."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from bad_input import commands, options
from gansmith.core import component as spec
from gansmith.core.errors import GansmithError, RecipeError
from gansmith.recipes import catalogue, find_recipe
from gansmith.recipes.base import Recipe
from gansmith.recipes.lengths import Length, Until, UntimedLength
from gansmith.training.arguments import check_settings
from support import all_components, quick


def numbers(type_: Any, bounds: tuple[Any, ...] = ()) -> Iterator[tuple[type, float | None]]:
    """The numbers inside a type: (int or float, the upper bound or None)."""
    origin, inner = typing.get_origin(type_), typing.get_args(type_)
    if origin is typing.Annotated:
        metadata = [m for given in inner[1:] for m in (given.metadata if isinstance(given, FieldInfo) else [given])]
        yield from numbers(inner[0], (*bounds, *metadata))
    elif type_ in (int, float):
        found = [getattr(m, name) for m in bounds for name in ("le", "lt") if getattr(m, name, None) is not None]
        yield type_, min(found, default=None)
    elif origin in (tuple, list, dict, typing.Union, types.UnionType):
        for part in inner:
            yield from numbers(part, bounds if origin in (typing.Union, types.UnionType) else ())


def places() -> Iterator[tuple[str, Any]]:
    """The name and type of every field of a component, and of every argument of a recipe."""
    spec.load_all()
    for made in [*all_components(), quick()]:
        for name, type_ in typing.get_type_hints(type(made), include_extras=True).items():
            if name in {field.name for field in dataclasses.fields(made)}:
                yield f"{type(made).__name__}.{name}", type_
    for recipe in catalogue():
        for name, type_ in typing.get_type_hints(find_recipe(recipe), include_extras=True).items():
            yield f"{recipe}: {name}", type_


PLACES = dict(places())


def test_every_number_of_a_component_or_recipe_has_an_upper_bound() -> None:
    found = {place: list(numbers(type_)) for place, type_ in PLACES.items()}
    assert sum(map(bool, found.values())) > 150
    assert [place for place, bounds in found.items() if any(bound is None or bound > 2**63 for _, bound in bounds)] == []


def endless(type_: Any) -> bool:
    """Whether a type is or holds a list of numbers that may have any length."""
    origin, inner = typing.get_origin(type_), typing.get_args(type_)
    if origin is typing.Annotated:
        metadata = [m for given in inner[1:] for m in (given.metadata if isinstance(given, FieldInfo) else [given])]
        return endless(inner[0]) and not any(getattr(m, "max_length", None) for m in metadata)
    if origin is tuple and Ellipsis in inner:
        return any(True for _ in numbers(type_))
    return any(map(endless, inner))


def test_every_list_of_numbers_has_a_longest() -> None:
    assert [place for place, type_ in PLACES.items() if endless(type_)] == []
    assert endless(tuple[int, ...] | None)


def test_every_number_of_a_command_has_an_upper_bound() -> None:
    found = {
        (*words, option.name): (type_, option.info.max)
        for words, function in commands().items()
        for option in options(function)
        for type_, _ in numbers(option.type_)
    }
    assert len(found) > 15
    assert [place for place, (_, most) in found.items() if most is None] == []


def test_a_field_without_a_bound_would_be_found() -> None:
    assert list(numbers(tuple[int, ...] | None)) == [(int, None)]
    assert list(numbers(typing.Annotated[float, FieldInfo.from_annotation(float)])) == [(float, None)]


@pytest.mark.parametrize("component", [*all_components(), quick()], ids=spec.to_text)
def test_a_number_beyond_its_bound_is_refused_by_name(component: Any) -> None:
    for field in dataclasses.fields(component):
        found = list(numbers(PLACES[f"{type(component).__name__}.{field.name}"]))
        if found and isinstance(getattr(component, field.name), (int, float)):
            for number in (10.0 * (found[0][1] or 0) + 10, math.inf, -math.inf, math.nan):
                value = int(number) if found[0][0] is int and math.isfinite(number) else number
                with pytest.raises(RecipeError, match=rf"{field.name}.*expected") as refused:
                    dataclasses.replace(component, **{field.name: value})
                assert len(str(refused.value)) <= 290


@pytest.mark.parametrize("type_", [Length, UntimedLength, Until])
@pytest.mark.parametrize("text", ["{}epochs", "{}images", "{}h", "{}m", "{}s", "fd={}"])
def test_a_length_has_a_bound(type_: Any, text: str) -> None:
    from pydantic import TypeAdapter, ValidationError

    for number in ("9" * 400, "1" + "0" * 13):
        with pytest.raises(ValidationError):
            TypeAdapter(type_).validate_python(text.format(number))


@pytest.mark.parametrize("threads", [0, -1, 65_536, 10**9, True, 1.5, "many", ""])
def test_a_number_of_threads_that_no_machine_has_is_refused(threads: Any) -> None:
    with pytest.raises(GansmithError, match="threads: expected a whole number from 1 to"):
        check_settings("cpu", threads, None)


def test_a_recipe_is_a_component_with_bounds_too() -> None:
    assert "Recipe.batch_size" in PLACES
    assert Recipe.__name__ in spec.REGISTRY
