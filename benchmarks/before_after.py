"""Training speed of this checkout beside another one, such as the commit before a change: the ratio of their images a second.

    git worktree add ../before COMMIT
    python benchmarks/before_after.py ../before --out benchmarks/results/before_after.json

Both checkouts train the same recipe on the same MNIST in turn, each in a process of its own with one thread, for several rounds;
which of them begins changes from round to round. A round's ratio is (images a second after) / (images a second before). The
median over the rounds is reported with its interval: the order statistics that hold the median with at least 95 % certainty.
Only the public interface is used, so that the two may differ in everything else.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
RECIPES = {"tutorial-small": 48_000, "tutorial-batchnorm": 16_000}  # images a round, a few seconds each

WORK = """
import json, sys, tempfile, time
import torch
torch.set_num_threads(1)
import gansmith
from gansmith.recipes import make
name, images = sys.argv[1], int(sys.argv[2])
off = ["scores=none", "watch=none", "log_every=1epochs", "checkpoint_every=100epochs", "pictures.every=100epochs"]
recipe = make(name, [f"budget={2 * images}images", *off], data="mnist")
with tempfile.TemporaryDirectory() as folder:
    begun, first = None, 0
    for record in gansmith.steps(recipe, f"{folder}/run", device="cpu"):
        if begun is None and record.images >= images // 4:  # threads, caches and memory have settled
            begun, first = time.perf_counter(), record.images
        if record.images >= images:
            print(json.dumps((record.images - first) / (time.perf_counter() - begun)))
            break
"""


def speed(checkout: Path, recipe: str, images: int) -> float:
    """Images a second of one run of `images` images with the code in `checkout`."""
    environment = os.environ | {"PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", WORK, recipe, str(images)]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(json.loads(answer.stdout.splitlines()[-1]))


def commit(checkout: Path) -> str:
    """The commit a checkout stands at."""
    return subprocess.run(
        ["git", "-C", checkout, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()


def compared(before: Path, recipe: str, images: int, rounds: int) -> dict[str, Any]:
    """Both checkouts in turn; the ratios of all rounds with their median and interval."""
    ratios, speeds = [], []
    for number in range(rounds):
        order = [before, HERE] if number % 2 == 0 else [HERE, before]
        found = {checkout: speed(checkout, recipe, images) for checkout in order}
        ratios.append(found[HERE] / found[before])
        speeds.append(found[HERE])
        print(f"{recipe} round {number + 1}: {found[before]:,.0f} before, {found[HERE]:,.0f} after, {ratios[-1]:.3f}", flush=True)
    low, high = interval(sorted(ratios))
    return {"median": statistics.median(ratios), "low": low, "high": high, "ratios": ratios, "images_per_second": speeds}


def interval(ordered: list[float]) -> tuple[float, float]:
    """Of 12 rounds the 3rd and the 10th hold the median with 96 % certainty (binomial); of fewer, a wider pair is taken."""
    rank = max(0, len(ordered) // 4 - 1) if len(ordered) < 12 else len(ordered) // 6
    return ordered[rank], ordered[-1 - rank]


def main() -> None:
    """Read the command line, compare, print and keep the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("before", type=Path, help="the other checkout")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--out", type=Path, help="write the result as JSON")
    asked = parser.parse_args()
    result: dict[str, Any] = {"before": commit(asked.before), "after": commit(HERE), "rounds": asked.rounds}
    for recipe in asked.recipes:
        result[recipe] = found = compared(asked.before.resolve(), recipe, RECIPES[recipe], asked.rounds)
        print(f"{recipe}: {found['median']:.3f} [{found['low']:.3f}, {found['high']:.3f}]")
    if asked.out:
        asked.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
