"""When something falls due in a run: at every multiple of an interval, or at marks that move with the run's total."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from gansmith.training.totals import Totals


class Due(Protocol):
    """Image counts at which something falls due."""

    def is_passed(self, before: int, now: int) -> bool:
        """Whether one of them lies in (before, now]."""
        ...

    def left(self, now: int, total: int) -> int:
        """How many of them follow after `now`, in a run of `total` images."""
        ...

    def moved(self, totals: Totals) -> Due:
        """The same for a run of these totals."""
        ...


@dataclass(frozen=True)
class Every:
    """Every multiple of an interval that the user chose, whatever the total is."""

    images: int

    def is_passed(self, before: int, now: int) -> bool:
        """Whether a multiple lies in (before, now]."""
        return now // self.images > before // self.images

    def left(self, now: int, total: int) -> int:
        """How many multiples follow after `now`, in a run of `total` images."""
        return max(0, total // self.images - now // self.images)

    def moved(self, totals: Totals) -> Every:
        """Itself: a chosen interval does not depend on the total."""
        return self


@dataclass(frozen=True)
class Marks:
    """Image counts in ascending order, chosen for the first total of a run."""

    chosen: tuple[int, ...]
    images: tuple[int, ...]  # where they lie now

    @classmethod
    def of(cls, chosen: Iterable[int]) -> Marks:
        """Marks of a run that was planned once."""
        marks = tuple(chosen)
        return cls(marks, marks)

    @classmethod
    def evenly(cls, times: int, total: int) -> Marks:
        """The multiples of the interval that fits about `times` times into a total."""
        every = max(1, total // times)
        return cls.of(range(every, total + 1, every))

    def is_passed(self, before: int, now: int) -> bool:
        """Whether a mark lies in (before, now]."""
        return bisect.bisect_right(self.images, now) > bisect.bisect_right(self.images, before)

    def left(self, now: int, total: int) -> int:
        """How many marks follow after `now`."""
        return len(self.images) - bisect.bisect_right(self.images, now)

    def moved(self, totals: Totals) -> Marks:
        """The marks of a run of these totals: those that were passed stay, the others keep their share of what is left."""
        return Marks(self.chosen, tuple(totals.moved(self.chosen)))
