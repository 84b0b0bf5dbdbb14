"""Keep a budget in time: plan the total of a run again while it trains, at fixed shares of the run.

A plan reads the clock, and nothing else of a run does. Each one is written to run.json before the run goes on by it. A run that
is resumed takes over the plans that it finds there, at the image counts at which they were made, and plans only after the last
one. So its steps are those of a run that was never interrupted.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from typing import Any

from gansmith.core import distributed
from gansmith.recipes.lengths import seconds_in
from gansmith.training.marks import Due, Marks
from gansmith.training.totals import Totals
from gansmith.training.trainer import Trainer

MOST_PLANS = 40
LEAST_PLANS = 4
PLAN_SECONDS = 1.0  # between two plans, at least
MOST_GROWTH = 4.0  # of what is left, at one plan: a clock that stood still for a moment promises too much


class Costs:
    """The seconds that scores, looks, pictures, checkpoints and log records took, by kind."""

    def __init__(self) -> None:
        self.total = 0.0
        self.last: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=3))

    @contextlib.contextmanager
    def of(self, kind: str) -> Iterator[None]:
        """Time the block. The device has nothing left to do when it begins, or the block would wait for training."""
        begun = time.perf_counter()
        yield
        seconds = time.perf_counter() - begun
        self.total += seconds
        self.last[kind].append(seconds)

    def each(self, kind: str) -> float:
        """The mean of the last few, in seconds; 0 before the first."""
        found = self.last[kind]
        return sum(found) / len(found) if found else 0.0


class Pace:
    """Plans the total of a run whose budget is in time, from its speed since the last plan and from what still falls due.

    A run with another budget keeps its total, and so does one that was begun by a version that planned once: `metadata`, which
    run.json holds, has no totals then.
    """

    def __init__(self, budget: str, metadata: Mapping[str, Any], trainer: Trainer, elapsed: float, costs: Costs) -> None:
        self.seconds, self.costs = seconds_in(budget) if "totals" in metadata else None, costs
        self.awaited = Totals.stored(metadata).after(trainer.images) if self.seconds else []
        plans = max(LEAST_PLANS, min(MOST_PLANS, int((self.seconds or 0.0) / PLAN_SECONDS)))
        first = trainer.totals.planned[0].images
        self.marks = Marks.of(max(1, round(first * i / plans)) for i in range(1, plans)).moved(trainer.totals)
        self._note(trainer.images, elapsed)

    def after(self, trainer: Trainer, before: int, elapsed: float, due: Mapping[str, Due]) -> Totals | None:
        """The totals from here on, where the step from `before` images came to a plan; None where it did not.

        `elapsed` are the run's seconds so far, and `due` is what still falls due, by kind. The first process decides for all.
        """
        if self.seconds is None:
            return None
        now = trainer.images
        if self.awaited:
            if self.awaited[0].since > now:
                return None
            totals = trainer.totals.and_then(*self.awaited.pop(0))
        elif self.marks.is_passed(before, now):
            trainer.check()
            total = distributed.agree(self._total(trainer, self.seconds, elapsed, due), trainer.device)
            totals = trainer.totals.and_then(now, total)
        else:
            return None
        self.marks = self.marks.moved(totals)
        self._note(now, elapsed)
        return totals

    def _total(self, trainer: Trainer, seconds: float, elapsed: float, due: Mapping[str, Due]) -> int:
        """The total that takes the rest of the time, at the present speed; the present image count where no time is left."""
        now, total = trainer.images, trainer.total_images
        stepping = (elapsed - self.elapsed) - (self.costs.total - self.spent)
        speed = (now - self.images) / max(stepping, 1e-6)
        others = sum(marks.left(now, total) * self.costs.each(kind) for kind, marks in due.items())
        left = speed * max(0.0, seconds - elapsed - others)
        return now + round(min(left, MOST_GROWTH * max(total - now, 0)))

    def _note(self, images: int, elapsed: float) -> None:
        """Measure the speed from here on."""
        self.images, self.elapsed, self.spent = images, elapsed, self.costs.total
