"""The budget of a run in images, as it was planned at the start and, for a budget in time, again on the way.

Progress, and with it every schedule, follows the totals without a jump: after each plan it goes on from where it was, along a
straight line to 1 at the new total. It is a function of the image count and of the totals that run.json holds, so a run that is
resumed makes the same progress as one that was never interrupted.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple


class Total(NamedTuple):
    """The budget in images, planned at an image count and valid from there on."""

    since: int
    images: int


@dataclass(frozen=True)
class Totals:
    """The totals of a run, in the order of training. The first one is valid from 0 images on."""

    planned: tuple[Total, ...]

    @classmethod
    def of(cls, images: int) -> Totals:
        """A single total, of a run that is not planned again."""
        return cls((Total(0, images),))

    @classmethod
    def read(cls, pairs: Iterable[Iterable[int]]) -> Totals:
        """From the pairs (image count, total) that run.json holds."""
        return cls(tuple(Total(*pair) for pair in pairs))

    @classmethod
    def stored(cls, metadata: Mapping[str, Any]) -> Totals:
        """From run.json, where a run that was planned once has its total alone."""
        return cls.read(metadata["totals"]) if "totals" in metadata else cls.of(metadata["total_images"])

    def to_json(self) -> list[list[int]]:
        """The pairs as run.json holds them."""
        return [list(total) for total in self.planned]

    @property
    def images(self) -> int:
        """The newest total."""
        return self.planned[-1].images

    def and_then(self, since: int, images: int) -> Totals:
        """These totals, and another one that is valid from the image count `since` on."""
        return Totals((*self.planned, Total(since, images)))

    def up_to(self, images: int) -> Totals:
        """The totals that were planned up to an image count."""
        return Totals(tuple(total for total in self.planned if total.since <= images))

    def after(self, images: int) -> list[Total]:
        """The totals that were planned after an image count, by a run that was then interrupted."""
        return [total for total in self.planned if total.since > images]

    def progress(self, images: int) -> float:
        """The share of the run that is done at an image count, at most 1."""
        at = bisect.bisect_right(self._since, images) - 1
        return _further(self._begun[at], self.planned[at], images)

    def moved(self, marks: Iterable[int]) -> list[int]:
        """Image counts of a run of the first total, where they lie now. Counts that were passed at a plan stay."""
        moved = list(marks)
        for (_, before), (since, now) in zip(self.planned, self.planned[1:], strict=False):
            left, right = max(before - since, 1), now - since
            moved = [at if at <= since else since + ((at - since) * right + left // 2) // left for at in moved]
        return moved

    @cached_property
    def _since(self) -> list[int]:
        return [total.since for total in self.planned]

    @cached_property
    def _begun(self) -> list[float]:
        """The progress at which each total became valid."""
        begun = [0.0]
        for total, following in zip(self.planned, self.planned[1:], strict=False):
            begun.append(_further(begun[-1], total, following.since))
        return begun


def _further(begun: float, total: Total, images: int) -> float:
    """Progress at an image count, on the straight line from `begun` at `total.since` to 1 at `total.images`."""
    left = max(total.images - total.since, 1)
    return min(1.0, begun + (1.0 - begun) * ((images - total.since) / left))
