"""Every file of five runs, damaged in every way, under every command that takes a run: one line, or survived.

    make damage                     all cases, some two hours
    make damage CASES=1000          a random choice of them

The cases and their judge are `tests/damage.py`. Prints each case that fails, and the counts.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

import damage
from support import hurry


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, help="a random choice of so many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--base", choices=damage.BASES, action="append")
    parser.add_argument("--only", default="", help="only cases whose name holds this")
    given = parser.parse_args()
    hurry()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(damage.small_evaluations())
        bench = damage.Bench(Path(folder), given.base or damage.BASES)
        works = {base: bench.works_on(base) for base in bench.bases}
        cases = [case for base in works for case in bench.cases(base, works[base]) if given.only in str(case)]
        random.Random(given.seed).shuffle(cases)
        counts: Counter[str] = Counter()
        started = time.time()
        for case in cases[: given.cases]:
            wrong = bench.judge(case, works[case.base][case.command])
            counts["failed" if wrong else "held"] += 1
            if sum(counts.values()) % 200 == 0:
                print(f"{sum(counts.values()):,} of {len(cases):,}", file=sys.stderr, flush=True)
            if wrong:
                print(f"{case}: {wrong}", flush=True)
        took = time.time() - started
    print(
        f"{sum(counts.values()):,} of {len(cases):,} cases: {counts['held']:,} held, {counts['failed']:,} failed, in {took:.0f} s"
    )
    sys.exit(bool(counts["failed"]))


if __name__ == "__main__":
    main()
