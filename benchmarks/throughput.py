"""Measure how fast gansmith trains the tutorials' recipes, compared with plain loops (plain_loops.py).

    python benchmarks/throughput.py [--recipes NAME ...] [--threads 1 2] [--steps N] [--rounds N] [--json OUT]

For each recipe and number of threads there are two processes: `gansmith.steps` on a run folder of its own, and the plain loop.
They take turns of the same number of steps, and the waiting process sleeps. The first round is a warm-up and is not counted. The
ratio of images per second is computed within a round, so that a slow minute of the machine affects both sides. The table shows
the median round, the lowest and the highest.

gansmith runs its real loop at the recipe's own budget: log, TensorBoard, pictures and checkpoints come at the image counts of a
real run, and the rounds continue one run. Its start-up (data, networks, run folder, first pictures) is not part of a round and is
shown separately.

The arithmetic bound is the time of a step's fewest floating-point operations (`least_flops`) at the speed of the best of ten
products of 1024 x 1024 float32 matrices, measured before each round in gansmith's process, with its threads.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

RATIO_TARGETS = {
    "tutorial-small": 2.5,
    "tutorial-batchnorm": 1.3,
    "tutorial-dropout": 2.5,
    "tutorial-keras": 1.15,
    "tutorial-paper": 1.3,
}
SHARE_TARGETS = {"tutorial-batchnorm": 0.65}
STEPS = {  # a turn of some seconds: an epoch, a half or an eighth of one
    "tutorial-small": 1875,
    "tutorial-batchnorm": 235,
    "tutorial-dropout": 938,
    "tutorial-keras": 117,
    "tutorial-paper": 235,
}
GEMM_SIDE = 1024


@dataclass(frozen=True)
class Turn:
    """One side's turn in one round."""

    images: int
    seconds: float
    cpu: float  # seconds of processor time, over all threads
    waited: float  # seconds in which it could have run and another process had the processor; NaN where the system won't say

    @property
    def speed(self) -> float:
        return self.images / self.seconds


@dataclass(frozen=True)
class Result:
    """One recipe with one number of threads."""

    recipe: str
    threads: int
    seed: int
    steps: int  # in a turn
    batch_size: int
    epochs: float  # that all rounds but the first went through
    start_up: float  # seconds until gansmith's first step is done, imports not counted
    least_flops: int  # in a step, counted from the layers
    counted_flops: int  # in gansmith's step, by torch.utils.flop_counter
    gflops: list[float]  # best of ten products in each round
    gansmith: list[Turn]
    plain: list[Turn]

    @property
    def ratios(self) -> list[float]:
        return [ours.speed / theirs.speed for ours, theirs in zip(self.gansmith, self.plain, strict=True)]

    @property
    def overall(self) -> float:
        """The ratio over all rounds together, with epoch ends and checkpoints wherever they fell."""
        return sum(t.seconds for t in self.plain) / sum(t.seconds for t in self.gansmith)

    @property
    def shares(self) -> list[float]:
        """gansmith's share of the arithmetic bound in each round."""
        least = [self.least_flops / (rate * 1e9) for rate in self.gflops]  # seconds a step
        return [bound * self.steps / turn.seconds for bound, turn in zip(least, self.gansmith, strict=True)]

    @property
    def waited(self) -> float:
        """The largest share of a turn spent waiting for a processor."""
        return max(t.waited / t.seconds for t in [*self.gansmith, *self.plain])

    def summary(self) -> dict[str, Any]:
        """The numbers of the table, for JSON."""
        return {
            "ratio": statistics.median(self.ratios),
            "ratio_min": min(self.ratios),
            "ratio_max": max(self.ratios),
            "ratio_overall": self.overall,
            "ratio_target": RATIO_TARGETS[self.recipe],
            "share_of_bound": statistics.median(self.shares),
            "share_of_bound_min": min(self.shares),
            "share_of_bound_max": max(self.shares),
            "share_target": SHARE_TARGETS.get(self.recipe),
            "gansmith_images_per_second": statistics.median(t.speed for t in self.gansmith),
            "plain_images_per_second": statistics.median(t.speed for t in self.plain),
            "largest_share_waiting_for_a_processor": self.waited,
        }


# ------------------------------------------------------------------------------------------------ the arithmetic bound


def least_flops(generator: Sequence[int], discriminator: Sequence[int], batch: int, fakes: int, shared: bool) -> int:
    """The fewest floating-point operations of a step of two fully connected networks, counting matrix products only.

    A layer of m x n weights and k rows costs 2mnk forward, 2mnk for the gradient of its weights, and 2mnk for the gradient of its
    input, which is not needed if the input is data or noise.

    Args:
        generator: widths from z to a sample.
        discriminator: widths from a sample to the logit.
        batch: real images in D's turn, and the number of generated samples.
        fakes: generated samples in G's turn.
        shared: the turns share generated samples or z, so that one pass of G is enough.
    """

    def cost(widths: Sequence[int], rows: int) -> int:
        return sum(2 * m * n * rows for m, n in pairwise(widths))

    G, D = generator, discriminator
    d_turn = (
        cost(G, batch)  # fakes
        + cost(D, 2 * batch)  # judged, with as many reals
        + cost(D, 2 * batch)  # D's weights
        + cost(D[1:], 2 * batch)  # inputs, but not D's own
    )
    g_turn = (
        (0 if shared else cost(G, fakes))  # fakes, unless D's turn has made them
        + cost(D, fakes)  # judged
        + cost(D, fakes)  # inputs down to the fakes; D's weights stay
        + cost(G, fakes)  # G's weights
        + cost(G[1:], fakes)  # inputs, but not z
    )
    return d_turn + g_turn


def least_flops_of(recipe: Any, pixels: int) -> int:
    """`least_flops` of a recipe of gansmith."""
    objective, networks = recipe.objective, recipe.networks
    return least_flops(
        [recipe.noise.dim, *networks["generator"].widths, pixels],
        [pixels, *networks["discriminator"].widths, 1],
        recipe.batch_size,
        objective.generator_fakes or recipe.batch_size,
        objective.share != "nothing",
    )


def gemm_gflops(tries: int = 10) -> float:
    """The speed of the best of `tries` products of two 1024 x 1024 float32 matrices, in 10^9 operations per second."""
    import torch

    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(GEMM_SIDE, GEMM_SIDE, generator=generator) for _ in range(2))
    out = torch.empty(GEMM_SIDE, GEMM_SIDE)
    best = float("inf")
    for _ in range(tries):
        start = time.perf_counter()
        torch.mm(a, b, out=out)
        best = min(best, time.perf_counter() - start)
    return 2 * GEMM_SIDE**3 / best / 1e9


# ------------------------------------------------------------------------------------------------ the two sides


@dataclass(frozen=True)
class Facts:
    """The message of gansmith's process when it is ready."""

    batch_size: int
    epoch_images: int
    start_up: float
    least_flops: int
    counted_flops: int


def gansmith_side(name: str, threads: int, seed: int, connection: Connection) -> None:
    """The real loop."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    import gansmith
    from gansmith.recipes import make

    torch.set_num_threads(threads)
    recipe = make(name, [f"seed={seed}", "scores=none"])  # the loops beside it score nothing
    with tempfile.TemporaryDirectory(prefix="gansmith-throughput-") as folder:
        start = time.perf_counter()
        records = gansmith.steps(recipe, Path(folder) / "run", device="cpu")
        next(records)
        start_up = time.perf_counter() - start
        with FlopCounterMode(display=False) as counter:
            seen = next(records).images
        facts = gansmith.load(Path(folder) / "run").metadata
        shape = tuple(facts["sample_shape"])
        least, counted = least_flops_of(recipe, math.prod(shape)), counter.get_total_flops()
        connection.send(Facts(recipe.batch_size, facts["epoch_images"], start_up, least, counted))

        def step() -> int:
            nonlocal seen
            before, seen = seen, next(records).images
            return seen - before

        serve(step, connection)
        records.close()


def plain_side(name: str, threads: int, seed: int, connection: Connection) -> None:
    """The plain loop, in a process that uses only the numbers and initial weights of gansmith's recipe."""
    import numpy as np
    import torch

    from gansmith.recipes import make
    from plain_loops import LOOPS, game_of

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002  # what the Keras tutorial draws from
    with open(os.devnull, "w") as nowhere:
        loop = LOOPS[name](game_of(make(name, [f"seed={seed}"]), nowhere))
        next(loop)
        connection.send("ready")
        serve(lambda: next(loop), connection)


def serve(step: Callable[[], int], connection: Connection) -> None:
    """Answer requests until there are none: "gemm", or a number of steps."""
    while order := connection.recv():
        if order == "gemm":
            connection.send(gemm_gflops())
            continue
        waited, cpu, start = waiting(), time.process_time(), time.perf_counter()
        images = sum(step() for _ in range(order))
        seconds = time.perf_counter() - start
        connection.send(Turn(images, seconds, time.process_time() - cpu, waiting() - waited))


def waiting() -> float:
    """Seconds in which the main thread was ready but had no processor; NaN if the system does not report it."""
    try:
        return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return float("nan")


def measure(name: str, threads: int, steps: int, rounds: int, seed: int) -> Result:
    """Measure one recipe on `threads` threads: a warm-up round, then `rounds` rounds that count."""
    start = multiprocessing.get_context("spawn")
    ours, our_end = start.Pipe()
    theirs, their_end = start.Pipe()
    sides = [
        start.Process(target=gansmith_side, args=(name, threads, seed, our_end)),
        start.Process(target=plain_side, args=(name, threads, seed, their_end)),
    ]
    for side, connection in zip(sides, (our_end, their_end), strict=True):
        side.start()
        connection.close()
    try:
        facts: Facts = ours.recv()
        theirs.recv()
        gflops, gansmith, plain = [], [], []
        for _ in range(rounds + 1):
            gflops.append(asked(ours, "gemm"))
            gansmith.append(asked(ours, steps))
            plain.append(asked(theirs, steps))
        for connection in (ours, theirs):
            connection.send(None)
    except EOFError:
        raise SystemExit(f"throughput: a side of {name} ended early; what it said is above") from None
    finally:
        for connection in (ours, theirs):
            connection.close()
        for side in sides:
            side.join(30)
            side.terminate()
            side.join()
    if failed := [side.exitcode for side in sides if side.exitcode]:
        raise SystemExit(f"throughput: a side of {name} ended with {failed[0]}; what it said is above")
    epochs = sum(turn.images for turn in gansmith[1:]) / facts.epoch_images
    return Result(name, threads, seed, steps, facts.batch_size, epochs, facts.start_up, facts.least_flops, facts.counted_flops,
                  gflops[1:], gansmith[1:], plain[1:])  # fmt: skip


def asked(connection: Connection, order: str | int) -> Any:
    connection.send(order)
    return connection.recv()


# ------------------------------------------------------------------------------------------------ what is printed


def environment() -> dict[str, Any]:
    """The machine and the versions that produced the numbers."""
    model = next(
        (line.split(":", 1)[1].strip() for line in _read("/proc/cpuinfo").splitlines() if line.startswith("model name")), ""
    )
    changed = _git("status", "--porcelain", "--", "src", "benchmarks")
    return {
        "command": shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]]),
        "commit": _git("rev-parse", "HEAD") + (" and uncommitted changes" if changed else ""),
        "date": time.strftime("%Y-%m-%d %H:%M:%S"),
        "processor": model or platform.processor() or platform.machine(),
        "processors": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
    }


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=HERE.parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or ("" if done.returncode == 0 else "unknown")


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


HEAD = (
    f"{'recipe':<20}{'threads':>7}{'gansmith':>11}{'plain':>9}{'ratio':>8}{'min':>7}{'max':>7}{'overall':>9}{'target':>8}"
    f"{'bound':>9}{'min':>6}{'target':>8}{'waited':>8}"
)


def line(result: Result) -> str:
    found = result.summary()
    share = found["share_target"]
    return (
        f"{result.recipe:<20}{result.threads:>7}{found['gansmith_images_per_second']:>11,.0f}"
        f"{found['plain_images_per_second']:>9,.0f}{found['ratio']:>8.2f}{found['ratio_min']:>7.2f}{found['ratio_max']:>7.2f}"
        f"{found['ratio_overall']:>9.2f}{found['ratio_target']:>8.2f}"
        f"{found['share_of_bound']:>8.0%} {found['share_of_bound_min']:>6.0%}{f'{share:.0%}' if share else '-':>7}"
        f"{result.waited:>8.0%}"
    )


def details(result: Result) -> str:
    best, median = max(result.gflops), statistics.median(result.gflops)
    same = (
        "the same" if result.least_flops == result.counted_flops else f"{result.counted_flops / result.least_flops:.3f} times it"
    )
    return (
        f"{result.recipe:<20}{result.threads:>7}  {len(result.gansmith)} rounds of {result.steps:,} steps of {result.batch_size} "
        f"images, {result.epochs:.2f} epochs; start-up {result.start_up:.1f} s; a step's least GFLOP "
        f"{result.least_flops / 1e9:.4f}, counted in gansmith's {result.counted_flops / 1e9:.4f} ({same}); "
        f"GEMM {median:.0f} GFLOP/s (best {best:.0f})"
    )


EXPLAINED = """
gansmith, plain   real images a second in the median round
ratio             gansmith's over the plain loop's in the median round, the lowest and the highest; overall: all rounds together
bound             gansmith's share of the arithmetic bound in the median round, and the lowest
waited            the largest share of a turn in which another process had the processor: above a few per cent, measure again
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recipes", nargs="+", choices=list(RATIO_TARGETS), default=list(RATIO_TARGETS), metavar="NAME")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--steps", type=int, help="steps in a turn [default: some seconds of them]")
    parser.add_argument("--rounds", type=int, default=8, help="rounds after the one that warms up [default: 8]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="OUT", help="write every round here, as benchmarks/results/throughput.json")
    chosen = parser.parse_args()
    about = environment() | {"seed": chosen.seed, "load_average_before": os.getloadavg()}
    for name, value in about.items():
        print(f"{name:<20} {value}")
    print(f"\n{HEAD}", flush=True)
    results = []
    for threads in chosen.threads:
        for name in chosen.recipes:
            results.append(measure(name, threads, chosen.steps or STEPS[name], chosen.rounds, chosen.seed))
            print(line(results[-1]), flush=True)
    print(EXPLAINED)
    for result in results:
        print(details(result))
    about["load_average_after"] = os.getloadavg()
    if chosen.json:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        found = {"about": about, "results": [result.summary() | asdict(result) for result in results]}
        chosen.json.write_text(json.dumps(found, indent=1) + "\n")
        print(f"\nwritten to {chosen.json}")


if __name__ == "__main__":
    main()
