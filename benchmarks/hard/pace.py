"""Keep a budget in minutes on machines whose speed changes at random times, by a clock that only simulated work moves.

Each profile changes the speed of steps, scores, pictures and checkpoints a few times, by factors up to two (or `--factor`). Some
runs are interrupted in the middle and resumed, from an earlier image count and at another speed; then they must take over the
plans that they had written.

    python benchmarks/hard/pace.py --profiles 2000
"""

from __future__ import annotations

import argparse
from types import SimpleNamespace
from typing import Any

import numpy as np

from gansmith.training import pace
from gansmith.training.marks import Due, Marks
from gansmith.training.pace import Costs, Pace
from gansmith.training.totals import Totals

SECONDS, BATCH = 900.0, 32
KINDS = {"scores": (25, 1.5), "pictures": (24, 0.4), "checkpoints": (20, 1.0), "looks": (40, 0.4)}  # number, seconds


def main() -> int:
    """Run the profiles and print how far from its minutes the worst of them ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profiles", type=int, default=2000)
    parser.add_argument("--factor", type=float, default=2.0, help="of the speed, at most, up and down")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    ends, wrong = [], 0
    for number in range(args.profiles):
        random = np.random.default_rng([args.seed, number])
        end, is_same = run(random, args.factor, interrupted=number % 3 == 0)
        ends.append(end / SECONDS)
        wrong += not is_same
    late = np.abs(np.array(ends) - 1)
    print(f"{args.profiles} profiles: {(late > 0.15).sum()} ended more than 15 % from their {SECONDS / 60:.0f} minutes;")
    print(
        f"half within {100 * np.median(late):.2f} %, 99 % within {100 * np.quantile(late, 0.99):.2f} %, "
        f"worst {100 * late.max():.2f} %"
    )
    print(f"{args.profiles // 3 + 1} were interrupted and resumed, {wrong} of them did not take over their plans")
    return int((late > 0.15).any() or wrong > 0)


def run(random: np.random.Generator, factor: float, interrupted: bool) -> tuple[float, bool]:
    """(seconds at the end of a simulated run, whether it took over the plans that it had written)."""
    changes = np.sort(random.uniform(0, SECONDS, random.integers(1, 4)))
    factors = factor ** random.uniform(-1, 1, len(changes) + 1)
    base = random.uniform(10, 2000)
    clock = SimpleNamespace(now=0.0)
    pace.time = SimpleNamespace(perf_counter=lambda: clock.now)  # type: ignore[assignment]

    def slowness() -> float:
        return float(1 / factors[np.searchsorted(changes, clock.now)])

    trainer: Any = SimpleNamespace(images=0, totals=Totals.of(round(base * factors[0] * SECONDS)), device="cpu")
    trainer.check = lambda: None
    first = trainer.totals.images
    metadata: dict[str, Any] = {"totals": trainer.totals.to_json(), "total_images": first}
    costs = Costs()
    chosen = {kind: Marks.of(round(first * i / count) for i in range(1, count + 1)) for kind, (count, _) in KINDS.items()}
    due: dict[str, Due] = dict(chosen)
    trainer.total_images = first
    plan = Pace(f"{SECONDS:.0f}s", metadata, trainer, 0.0, costs)
    written, elapsed_from, leaves_at = metadata, 0.0, round(first * random.uniform(0.1, 0.9)) if interrupted else None
    batch = max(BATCH, first // 2000)
    while trainer.images < trainer.total_images:
        before = trainer.images
        trainer.images += batch
        clock.now += batch / base * slowness() * random.uniform(0.9, 1.1)
        if (totals := plan.after(trainer, before, clock.now - elapsed_from, due)) is not None:
            trainer.totals, trainer.total_images = totals, totals.images
            due = {kind: marks.moved(totals) for kind, marks in due.items()}
            if len(totals.planned) > len(metadata["totals"]):
                metadata = {"totals": totals.to_json(), "total_images": totals.images}
        for kind, marks in due.items():
            if marks.is_passed(before, trainer.images):
                with costs.of(kind):
                    clock.now += KINDS[kind][1] * slowness()
        if leaves_at is not None and trainer.images >= leaves_at:
            written, leaves_at = metadata, None
            lost = trainer.images - trainer.images * 9 // 10 // batch * batch  # back to an earlier checkpoint
            trainer.images -= lost
            elapsed_from += lost / base * slowness()  # steps that were lost do not count
            trainer.totals = Totals.read(metadata["totals"]).up_to(trainer.images)
            trainer.total_images = trainer.totals.images
            due = {kind: marks.moved(trainer.totals) for kind, marks in chosen.items()}
            plan = Pace(f"{SECONDS:.0f}s", metadata, trainer, clock.now - elapsed_from, costs)
    is_same = not interrupted or metadata["totals"][: len(written["totals"])] == written["totals"]
    return clock.now - elapsed_from, is_same


if __name__ == "__main__":
    raise SystemExit(main())
