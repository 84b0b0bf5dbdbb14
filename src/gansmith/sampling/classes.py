"""The condition space of a generator, and the layout of pictures with one row for each category."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gansmith.core.errors import RunError, some, unknown
from gansmith.data.order import is_number, own_labels
from gansmith.sampling.conditions import Categorical, Condition

MAX_ROWS = 26  # with more categories, a picture does not have one row for each
MAX_NAMED = 10  # class names that an error message lists


@dataclass(frozen=True)
class ConditionSpace:
    """The categories and continuous codes that a generator was trained with."""

    shares: tuple[float, ...] = ()  # [K], the relative frequency of each category among real samples; empty: unconditional
    names: tuple[str, ...] | None = None  # [K]; None: a category has only its number
    continuous: int = 0  # S, the number of continuous codes
    are_classes: bool = False  # whether the categories are the classes of the data, in the same order

    @property
    def titles(self) -> tuple[str, ...]:
        """The caption of each category: its name, or its number if it has no name."""
        return self.names or tuple(map(str, range(len(self.shares))))

    def category_index(self, category: int | str, subject: str) -> int:
        """The index in 0..K-1 of a category given by its name, in any case, or by its position from 0.

        A text that is a number is a position only where no name is a number: among classes such as `01`, `2` could mean a name
        or a position, and is refused. A Python integer is a position, unless the names are ascending whole numbers, such as 1990
        and 2000: there it is a name. `subject` is the subject of error messages.

        Raises RunError if the generator is unconditional, the category is unknown, or no training sample belonged to it.
        """
        if not self.shares:
            raise RunError(f"{subject} is not conditional, so it can't generate a chosen class: train it with condition=labels")
        number = self._find(category, subject)
        if not self.shares[number]:
            raise RunError(f"{subject} was trained on no sample of class {self.titles[number]!r}: choose another class")
        return number

    def _find(self, category: int | str, subject: str) -> int:
        """The index of a category. Raises RunError if it is unknown."""
        word = str(category).strip()
        lower = [name.lower() for name in self.names or ()]
        is_name = isinstance(category, str) or own_labels(self.names) is not None
        if self.names and is_name:
            if word in self.names:
                return self.names.index(word)
            if lower.count(word.lower()) == 1:
                return lower.index(word.lower())
        # A name that is its own position, such as those of categories without samples, can't be confused with another.
        has_numbers = any(is_number(name) and name != str(i) for i, name in enumerate(self.names or ()))
        are_numbers = bool(self.names) and all(map(is_number, self.names or ()))
        is_position = not (is_name and (has_numbers or are_numbers))
        if is_position and re.fullmatch(r"[0-9]{1,9}", word) and int(word) < len(self.shares):
            return int(word)
        if self.names and (has_numbers or are_numbers or len(self.names) <= MAX_NAMED):
            why = ", and no positions, as names of classes are numbers" if is_number(word) and not are_numbers else ""
            raise RunError(f"{subject} has no class {word!r}{why if has_numbers else ''}: choose one of {some(self.names)}")
        if self.names and not word.isdecimal():
            raise RunError(f"{subject}: {unknown('class', word, self.names)}")
        raise RunError(f"{subject} has categories 0 to {len(self.shares) - 1}, got {word}: choose one of them")

    def check_code(self, number: int, subject: str) -> None:
        """Raise RunError if there is no continuous code of this number. `subject` is the subject of the message."""
        if not 0 <= number < self.continuous:
            if not self.continuous:
                raise RunError(f"{subject} has no sliders: train it with condition=codes")
            raise RunError(f"{subject} has sliders 0 to {self.continuous - 1}, got {number}: choose one of them")


def condition_space_of(condition: Condition | None, metadata: dict[str, Any]) -> ConditionSpace:
    """The condition space of a run, from its recipe's condition and the metadata in its run.json."""
    shares, classes = metadata.get("kinds"), metadata.get("classes")
    if not isinstance(condition, Categorical) or not shares:
        return ConditionSpace()
    # A condition may have more categories than the data have classes. No training sample belonged to these.
    names = (*classes, *map(str, range(len(classes), len(shares)))) if condition.are_classes and classes else None
    return ConditionSpace(tuple(shares), names, condition.continuous, condition.are_classes)


@dataclass(frozen=True)
class Layout:
    """The layout of a picture of samples: `count` samples in a grid of `columns` columns."""

    count: int
    columns: int
    categories: tuple[int, ...] = ()  # one row for each; empty: samples of random categories
    names: tuple[str, ...] = ()  # the captions of the rows


def layout_of(count: int, columns: int, sample_shape: Sequence[int], condition_space: ConditionSpace) -> Layout:
    """The layout of a run's pictures: one row for each category that occurs in the data, if there are 2 to 26 of them.

    `count` samples in a grid of `columns` columns otherwise, and always for points.
    """
    categories = tuple(category for category, share in enumerate(condition_space.shares) if share)
    if len(sample_shape) != 3 or not 2 <= len(categories) <= MAX_ROWS:
        return Layout(count, columns)
    columns = min(columns, count)
    names = tuple(condition_space.titles[category] for category in categories)
    return Layout(len(categories) * columns, columns, categories, names)
