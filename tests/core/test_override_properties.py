"""Properties of overrides and of a component's texts, over made-up inputs: what comes out is a component or one line."""

from __future__ import annotations

import dataclasses
import json
import os
import typing
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gansmith.cli.completion import _paths
from gansmith.core import component as spec
from gansmith.core.component import from_json, to_json, to_text
from gansmith.core.errors import RecipeError
from gansmith.core.overrides import override, parse_value
from gansmith.recipes.base import Recipe
from support import all_components, quick

EXAMPLES = int(os.environ.get("GANSMITH_EXAMPLES", "100"))
quickly = settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
RECIPE = quick()
NAMES = [*sorted(map(spec.kebab, spec.REGISTRY)), "true", "none", "inf", "nan", "lambda", "x"]
PATHS = [*dict.fromkeys(_paths(RECIPE)), "", "x", "networks.nobody", "frozen.0", "objective.penalties.7.weight"]


def refusal_of(make: Callable[[], Any]) -> str | None:
    """What a call refuses, in one line that is as short as promised; None if it refuses nothing."""
    try:
        make()
    except RecipeError as error:
        message = str(error)
    else:
        return None
    assert message.isprintable()
    assert 0 < len(message) <= 290
    assert "Input should" not in message
    return message


numbers = st.one_of(
    st.integers().map(str),
    st.floats().map(repr),
    st.integers(min_value=0, max_value=10**6).map(lambda n: f"{n}images"),
    st.sampled_from(["9" * 400, "1e999", "-1e308", "0x10", "1_000", "1j", "٣", "--1", "+2"]),
)
atoms = st.one_of(numbers, st.sampled_from(NAMES), st.text(max_size=20), st.text(max_size=8).map(repr))
arguments = ["dim", "weight", "lr", "x"]
texts = st.recursive(
    atoms,
    lambda part: st.one_of(
        st.lists(part, max_size=4).map(lambda parts: f"[{','.join(parts)}]"),
        st.tuples(
            st.sampled_from(NAMES), st.lists(st.tuples(st.sampled_from(["dim", "weight", "lr", "x"]), part), max_size=3)
        ).map(lambda call: f"{call[0]}({', '.join(f'{name}={value}' for name, value in call[1])})"),
        st.tuples(part, st.sampled_from("+-*.()[]{}'\":=#\\\x00\x1b\n")).map("".join),
    ),
    max_leaves=8,
)
lines = st.one_of(
    st.tuples(st.sampled_from(PATHS), st.sampled_from(["=", "+=", " = ", ""]), texts).map("".join),
    st.text(max_size=60),
)


@quickly
@given(lines)
def test_any_text_makes_a_recipe_or_one_line(text: str) -> None:
    if refusal_of(lambda: override(RECIPE, text)) is None:
        made = override(RECIPE, text)
        assert isinstance(made, Recipe)
        assert from_json(json.loads(json.dumps(to_json(made)))) == made


COMPONENTS = [made for made in all_components() if not isinstance(made, Recipe)]


@st.composite
def components(draw: st.DrawFn) -> Any:
    """A component with a few fields set to other values that it accepts."""
    made = draw(st.sampled_from(COMPONENTS))
    for field in dataclasses.fields(made):
        old = getattr(made, field.name)
        values: st.SearchStrategy[Any] = st.just(old)
        if type(old) is int:
            values = st.integers(0, 5000)
        elif type(old) is float:
            values = st.floats(0, 1000) | st.sampled_from([1e-300, 0.1 + 0.2, 1.0])
        elif type(old) is str:
            values = st.text(max_size=12)
        elif old is None:
            values = st.integers(1, 64) | st.floats(0.0, 1.0) | st.sampled_from(COMPONENTS)
        try:
            made = dataclasses.replace(made, **{field.name: draw(values)})
        except RecipeError:
            continue
    return made


@quickly
@given(components())
def test_a_component_survives_json_and_its_own_text(made: Any) -> None:
    assert from_json(json.loads(json.dumps(to_json(made)))) == made
    for full in (False, True):
        assert parse_value(to_text(made, full), type(made)) == made


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.sampled_from(sorted(spec.REGISTRY)),
    lambda part: (
        st.lists(part, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "lr", "dim", "widths", "loss", "data"]) | st.text(max_size=5), part, max_size=4
        )
    ),
    max_leaves=10,
)


@quickly
@given(JSON)
def test_any_json_is_read_or_refused_in_one_line(value: Any) -> None:
    refusal_of(lambda: from_json(value))


@quickly
@given(st.sampled_from([field.name for field in dataclasses.fields(Recipe)]), JSON)
def test_a_field_of_a_recipe_takes_any_json_or_refuses_it(name: str, value: Any) -> None:
    stored = typing.cast("dict[str, Any]", to_json(RECIPE)) | {name: value}
    if refusal_of(lambda: from_json(stored)) is None:
        made = from_json(stored)
        assert from_json(to_json(made)) == made
