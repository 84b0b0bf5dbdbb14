"""A disk that is full, without inodes, over its quota, broken or read-only from any write on, under every command that writes.

    make disk            every place of every command and kind
    make disk STRIDE=10  every tenth

The faults and their judge are `tests/disk.py`. Prints each place that fails, and the counts.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

import disk
from support import hurry


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stride", type=int, default=1, help="only every so many-th place")
    parser.add_argument("--job", default="", help="only jobs whose name holds this")
    given = parser.parse_args()
    hurry()
    counts: Counter[str] = Counter()
    started, turn = time.time(), 0
    with tempfile.TemporaryDirectory() as folder:
        desk = disk.Desk(Path(folder))
        for job in disk.JOBS:
            if given.job not in job.name:
                continue
            for kind in disk.KINDS:
                number = desk.calls(job, kind)
                for first in range(turn % given.stride, number, given.stride):
                    wrong = desk.judge(job, kind, first)
                    counts[f"{job.name}: {'failed' if wrong else 'held'}"] += 1
                    if sum(counts.values()) % 20 == 0:
                        print(f"{sum(counts.values()):,} disks so far", file=sys.stderr, flush=True)
                    if wrong:
                        print(f"{job.name}, {kind} from call {first} of {number}: {wrong}", flush=True)
                turn += 1
    for name, count in sorted(counts.items()):
        print(f"{name} {count:,}")
    failed = sum(count for name, count in counts.items() if name.endswith("failed"))
    number, took = sum(counts.values()), time.time() - started
    print(f"{number:,} disks: {number - failed:,} held, {failed:,} failed, in {took:.0f} s")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
