"""Measure the peak memory of `gansmith train`, for each tutorial recipe in its own process.

    python benchmarks/memory.py [--recipes NAME ...] [--budget LENGTH] [--threads N] [--json OUT]

Each run is complete but short, with pictures, log, TensorBoard, checkpoints, loss plot and animation. The peak does not depend on
the budget. The result is the largest resident set of the process, as the system reports it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from throughput import RATIO_TARGETS, environment

TARGET = 700  # MB


def peak_megabytes(arguments: list[str]) -> float:
    """The largest resident set, in 10^6 bytes, of a Python process with these arguments. Exits if the process fails."""
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen([sys.executable, *arguments], stdout=said, stderr=said)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            raise SystemExit(f"memory: {' '.join(arguments)} ended with {child.returncode}: {said.read().decode()}")
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recipes", nargs="+", default=list(RATIO_TARGETS), metavar="NAME")
    parser.add_argument("--budget", default="60000images")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, metavar="OUT")
    chosen = parser.parse_args()
    about = environment() | {"budget": chosen.budget, "threads": chosen.threads}
    for name, value in about.items():
        print(f"{name:<12} {value}")
    found = {"python -c 'import torch'": peak_megabytes(["-c", "import torch"])}
    print(
        f"\n{'recipe':<28}{'peak MB':>8}{'target':>8}\n{'import torch, no more':<28}{next(iter(found.values())):>8.0f}",
        flush=True,
    )
    for name in chosen.recipes:
        with tempfile.TemporaryDirectory(prefix="gansmith-memory-") as folder:
            run = ["--run", f"{folder}/run", "--threads", str(chosen.threads), "--device", "cpu"]
            found[name] = peak_megabytes(["-m", "gansmith", "train", name, f"budget={chosen.budget}", *run])
        print(f"{name:<28}{found[name]:>8.0f}{TARGET:>8}", flush=True)
    if chosen.json:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps({"about": about, "target_megabytes": TARGET, "peak_megabytes": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
