"""Choose how many looks at its vital signs a run gets."""

from __future__ import annotations

import contextlib
import logging
import time

from gansmith.training.monitor import Monitor
from gansmith.training.trainer import Trainer
from gansmith.training.validation import Measurements
from gansmith.training.vitals import COUNT

MOST_TIMES = 40
LEAST_TIMES, LEAST_STEPS = 8, 400  # looks of fewer samples rather than fewer looks; a shorter run is watched where it asks for it
LEAST_TIMES_OF_FEW = 3  # looks at a run that has time for fewer, if they take at most MOST_SHARES of the allowed time
MOST_SHARES = 2
FEWEST = 64  # samples of a look, where time is short
RELIED_ON = 20  # looks, at least, at a run that is to stop or recover
LEAST_SECONDS = 4.0  # a shorter run is over before looks are planned

logger = logging.getLogger("gansmith")


def monitor_for(trainer: Trainer) -> Monitor | None:
    """The monitor of a run; None where its recipe has no `watch`, or a frozen generator, with which nothing can go wrong."""
    return Monitor(trainer) if trainer.recipe.watch and "generator" not in trainer.recipe.frozen else None


def num_looks_by_length(monitor: Monitor | None, images: int) -> int | None:
    """The number of looks at a run of `images`, where no timing is needed to choose it; None where it is."""
    if monitor is None:
        return 0
    recipe = monitor.trainer.recipe
    if recipe.watch is None:
        return 0
    batches = max(1, sum(player.turns for player in monitor.trainer.players if player.reads == "fresh"))  # of a step
    too_short = images < LEAST_STEPS * batches * recipe.batch_size
    return recipe.watch.times or (None if not too_short else 0 if recipe.watch.on_trouble == "warn" else RELIED_ON)


def plan_looks(monitor: Monitor, run_seconds: float) -> Measurements:
    """Plan the looks at a run of `run_seconds` by timing one, and one of fewer samples where time is short.

    None where too few would fit. A run whose look fails is not watched, but it is trained.
    """
    setting = monitor.trainer.recipe.watch
    assert setting is not None
    is_relied_on = setting.on_trouble != "warn"  # then there are looks, however long they take
    if run_seconds < LEAST_SECONDS and not setting.times and not is_relied_on:
        return Measurements(0, 0.0, monitor.most)
    allowed = setting.time_fraction * run_seconds
    with contextlib.suppress(Exception):  # the look below meets it again, and warns
        monitor.load()  # not timed: the end of the run needs these samples anyway
    begun = time.perf_counter()
    if vital_signs_of(monitor) is None:  # the first look imports libraries and clusters real samples
        return Measurements(0, time.perf_counter() - begun, monitor.most)

    def fitting() -> tuple[float, int]:
        """(the seconds of a look, the number of looks that fit into the rest of the allowed time)."""
        ready = time.perf_counter()
        monitor.look()
        now = time.perf_counter()
        each = max(now - ready, 1e-9)
        return each, int(max(0.0, allowed - (ready - begun)) / each) - 1

    first = time.perf_counter() - begun
    each, times = fitting() if setting.times or allowed > 4 * first else (first, 0)
    if times < LEAST_TIMES and not setting.times and monitor.most > FEWEST:
        monitor, ready = Monitor(monitor.trainer, FEWEST), time.perf_counter()
        with contextlib.suppress(Exception):
            monitor.load()
        begun += time.perf_counter() - ready  # not timed either
        vital_signs_of(monitor)
        each, times = fitting()
    if times < LEAST_TIMES_OF_FEW and LEAST_TIMES_OF_FEW * each <= MOST_SHARES * allowed:
        times = LEAST_TIMES_OF_FEW
    times = setting.times or min(MOST_TIMES, times)
    if is_relied_on and not setting.times:
        times = max(times, RELIED_ON)
    spent = time.perf_counter() - begun
    if not setting.times and times < LEAST_TIMES_OF_FEW:
        return Measurements(0, spent, COUNT)
    return Measurements(times, spent + times * each, monitor.most)


def vital_signs_of(monitor: Monitor) -> dict[str, float] | None:
    """The vital signs; None, with a warning, where measuring them fails. No run ends by that."""
    try:
        return monitor.look()
    except Exception as error:  # anything a user's own network or objective may raise
        logger.warning(f"the doctor can't measure the vital signs of this run: {type(error).__name__}: {error}")
        return None
