"""The kinds a generator can be asked for: their names, and a picture with a row for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gansmith.core.errors import RunError, unknown
from gansmith.sampling.conditions import Condition

MOST_ROWS = 26  # kinds: where there are more, a picture has no rows of them
MOST_NAMED = 30  # in an error


@dataclass(frozen=True)
class ConditionSpace:
    """What may be asked of a run's generator."""

    shares: tuple[float, ...] = ()  # how often each kind was among the real samples; empty: it is told nothing
    names: tuple[str, ...] | None = None  # None: a kind has only its number
    continuous: int = 0

    @property
    def titles(self) -> tuple[str, ...]:
        """What stands beside a row of each kind."""
        return self.names or tuple(map(str, range(len(self.shares))))

    def number(self, category: int | str, who: str) -> int:
        """The number of a kind given by name, in any case, or by number. Raises RunError naming those there are."""
        if not self.shares:
            raise RunError(f"{who} was told nothing of kinds, so none can be asked for: train it with condition=labels")
        number = self._number(category, who)
        if not self.shares[number]:
            raise RunError(f"{who} was shown no sample of class {self.titles[number]!r}, so it can't be asked for")
        return number

    def _number(self, category: int | str, who: str) -> int:
        word = str(category).strip()
        lower = [name.lower() for name in self.names or ()]
        if self.names and isinstance(category, str):
            if word in self.names:
                return self.names.index(word)
            if lower.count(word.lower()) == 1:
                return lower.index(word.lower())
        if word.isdecimal() and int(word) < len(self.shares):
            return int(word)
        if self.names and len(self.names) <= MOST_NAMED:
            raise RunError(f"{who} knows no class {word!r}: choose one of {', '.join(self.names)}")
        if self.names and not word.isdecimal():
            raise RunError(f"{who}: {unknown('class', word, self.names)}")
        raise RunError(f"{who} knows kinds 0 to {len(self.shares) - 1}, asked for {word}")

    def slider(self, number: int, who: str) -> int:
        """Raises RunError where there is no such slider."""
        if 0 <= number < self.continuous:
            return number
        known = (
            f"knows sliders 0 to {self.continuous - 1}" if self.continuous else "has no sliders: train it with condition=codes"
        )
        raise RunError(f"{who} {known}, asked for {number}")


def condition_space_of(condition: Condition | None, metadata: dict[str, Any]) -> ConditionSpace:
    """From what a run folder knows: facts hold the shares of the kinds and the classes of the data."""
    shares, classes = metadata.get("kinds"), metadata.get("classes")
    if condition is None or not shares:
        return ConditionSpace()
    # A condition may have more kinds than the data have classes; those were never shown.
    names = (*classes, *map(str, range(len(classes), len(shares)))) if condition.are_classes and classes else None
    return ConditionSpace(tuple(shares), names, condition.continuous)


@dataclass(frozen=True)
class Layout:
    """How a picture of samples is laid out."""

    count: int
    columns: int
    categories: tuple[int, ...] = ()  # a row for each; empty: samples as they come, of whatever kind
    names: tuple[str, ...] = ()  # of the rows


def layout_of(count: int, columns: int, sample_shape: Sequence[int], condition_space: ConditionSpace) -> Layout:
    """A row for each kind that was shown, where samples are images and there are not too many kinds."""
    categories = tuple(category for category, share in enumerate(condition_space.shares) if share)
    if len(sample_shape) != 3 or not 2 <= len(categories) <= MOST_ROWS:
        return Layout(count, columns)
    columns = min(columns, count)
    return Layout(
        len(categories) * columns, columns, categories, tuple(condition_space.titles[category] for category in categories)
    )
