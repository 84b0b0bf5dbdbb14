"""A recipe as text, in the syntax of overrides."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from gansmith.core.component import to_text
from gansmith.recipes.base import Recipe


def recipe_lines(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Yield (field, value) pairs of a recipe in the syntax of overrides; without the reasons in `why`, which are no setting."""
    for field in dataclasses.fields(recipe):
        if field.name == "why":
            continue
        value = getattr(recipe, field.name)
        if isinstance(value, dict):
            for key, item in value.items():
                yield f"{field.name}.{key}", to_text(item, full=True)
        else:
            yield field.name, to_text(value, full=True)
