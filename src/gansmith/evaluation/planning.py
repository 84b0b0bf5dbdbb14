"""How many samples fit into the time that an evaluation may take: counts from the costs of one sample, measured beforehand."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch

from gansmith.core.formatting import clock as on_a_clock
from gansmith.data import Samples
from gansmith.evaluation.extractors import Extractor
from gansmith.evaluation.metrics import scores as metrics
from gansmith.evaluation.results import COUNT, DRAWS
from gansmith.evaluation.scoring import MOST, SUBSETS
from gansmith.evaluation.sources import GeneratedSamples

COUNTS = (COUNT, 5000, 2000, 1000, 500, 200, 100)  # samples in a draw, the most that fit
LEAST_REAL = 1000  # real samples, or all where there are fewer
REAL_FOR_EACH = 4  # real samples for each generated one, where not all of them fit
PLANNED = 0.6  # of the time; the rest is for what is not measured beforehand, such as diagnostics
TRIAL = 32  # samples, and eight times as many rows, whose cost is measured
MANIFOLD = 0.3  # cost of a pair in precision, recall, density and coverage, over that of a pair in the kernel distance


class Allowance:
    """The time that an evaluation may take, from now on."""

    def __init__(
        self, seconds: float, tell: Callable[[str], None] = lambda text: None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        """Begin to count. `tell` gets the plan in a sentence."""
        self.seconds, self.tell, self.clock = seconds, tell, clock
        self.begun = clock()

    @property
    def left(self) -> float:
        """Seconds left; negative when the time is over."""
        return self.seconds - (self.clock() - self.begun)


@dataclass(frozen=True)
class Costs:
    """Seconds that an evaluation takes: for one generated sample, one extraction, and one pair of rows of the kernel distance."""

    sample: float
    extract: float
    pair: float

    def scores(self, num_fake: int, num_real: int) -> float:
        """Seconds for the scores of one draw."""
        n, r = min(num_fake, MOST), min(num_real, MOST)
        pairs = n * n + r * r + n * r
        return self.pair * (min(pairs, metrics.subset_pairs(n, r, SUBSETS)) + MANIFOLD * pairs)

    def draws(self, count: int, draws: int, num_real: int) -> float:
        """Seconds for all draws and the floor."""
        each = self.scores(count, num_real)
        return draws * (count * (self.sample + self.extract) + each) + each


@dataclass(frozen=True)
class Plan:
    """What an evaluation measures, and what it costs beside a full one."""

    count: int  # samples in each draw
    draws: int
    num_real: int | None  # real samples to measure; None: all
    seconds: float  # predicted
    full_seconds: float  # predicted for a full evaluation

    @property
    def is_full(self) -> bool:
        """Whether nothing is left out."""
        return (self.count, self.draws, self.num_real) == (COUNT, DRAWS, None)

    def text(self, all_real: int) -> str:
        """The plan in a sentence, with the cost of a full evaluation."""
        real = "" if self.num_real is None else f" against {self.num_real:,} of {all_real:,} real ones"
        text = f"scores of {self.draws} draws of {self.count:,} samples{real}, about {on_a_clock(self.seconds)}"
        return text if self.is_full else f"{text}; a full evaluation takes about {on_a_clock(self.full_seconds)}"


def plan(costs: Costs, all_real: int, seconds: float, is_cached: bool = False) -> Plan:
    """Choose the largest counts that fit into `seconds`; the smallest where none fits.

    Args:
        costs: of one sample.
        all_real: real samples of both splits.
        seconds: allowed.
        is_cached: the features of all real samples are known already.
    """

    def needed(count: int, num_real: int | None) -> float:
        real = 0.0 if num_real is None and is_cached else (num_real or all_real) * costs.extract
        return real + costs.draws(count, DRAWS, num_real or all_real)

    choices = [(count, num_real) for count in COUNTS for num_real in (None, max(LEAST_REAL, REAL_FOR_EACH * count))]
    choices = [(count, num_real) for count, num_real in choices if num_real is None or num_real < all_real]
    count, num_real = next((choice for choice in choices if needed(*choice) <= seconds), choices[-1])
    return Plan(count, DRAWS, num_real, needed(count, num_real), needed(COUNT, None))


@contextlib.contextmanager
def threads_restored() -> Iterator[None]:
    """Put PyTorch's number of threads back afterwards."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def measure_costs(
    subject: GeneratedSamples, extractor: Extractor, train: Samples, clock: Callable[[], float] = time.perf_counter
) -> Costs:
    """Measure the costs of a sample, an extraction and a pair of rows, each the second time it is done.

    Beside a busy program, one thread is often faster than several. The faster number stays set.
    """
    found = {}
    for threads in sorted({torch.get_num_threads(), 1}):
        torch.set_num_threads(threads)
        found[threads] = _measure(subject, extractor, train, clock)
    best = min(found, key=lambda threads: found[threads].sample + found[threads].extract)
    torch.set_num_threads(best)
    return found[best]


def _measure(subject: GeneratedSamples, extractor: Extractor, train: Samples, clock: Callable[[], float]) -> Costs:
    rows = torch.rand(8 * TRIAL, extractor.width, generator=torch.Generator().manual_seed(0))
    real = torch.from_numpy(train.values[:TRIAL])

    def timed(work: Callable[[], object]) -> float:
        work()
        begun = clock()
        work()
        return clock() - begun

    return Costs(
        sample=timed(partial(subject.run.sample, subject.seeds[0], TRIAL)) / TRIAL,
        extract=timed(partial(extractor, real)) / len(real),
        pair=timed(partial(metrics.kernel_distance, rows, rows, 1)) / (3 * len(rows) ** 2),
    )
