"""Train `default` on a table whose columns have units of their own, and compare the columns of samples with the training rows.

    OMP_NUM_THREADS=1 python benchmarks/table.py [--seeds 0 1 2] [--budget 2m] [--runs FOLDER] [--json OUT]

The table has 2,000 rows of age, income, a small share and a flag. Right is a mean within a tenth of a standard deviation, and a
standard deviation within 10 %, for each column of 20,000 samples. Each run is a folder: a trained run is not trained again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

import gansmith
from gansmith.core.device import environment
from gansmith.data import Arrays
from gansmith.recipes import make

ROWS, COUNT, SAMPLE_SEED = 2000, 20_000, 1
COLUMNS = ("age", "income", "share", "flag")
MEAN_WITHIN, SD_WITHIN = 0.1, 0.1  # of a standard deviation


def table(rows: int = ROWS, seed: int = 0) -> np.ndarray:
    """Age N(40, 12), income lognormal(10.7, .6), share beta(2, 5) / 1000 and a flag of 0 or 1: float32 [rows, 4]."""
    rng = np.random.default_rng(seed)
    columns = (rng.normal(40, 12, rows), rng.lognormal(10.7, 0.6, rows), rng.beta(2, 5, rows) / 1000, rng.integers(0, 2, rows))
    return np.stack(columns, axis=1).astype(np.float32)


def compared(samples: np.ndarray, real: np.ndarray) -> dict[str, Any]:
    """For each column: the distance of the means in standard deviations, and the ratio of the deviations."""
    mean, sd = real.mean(0, dtype=np.float64), real.std(0, dtype=np.float64)
    shift, ratio = (samples.mean(0, dtype=np.float64) - mean) / sd, samples.std(0, dtype=np.float64) / sd
    is_right = bool((np.abs(shift) <= MEAN_WITHIN).all() and (np.abs(ratio - 1) <= SD_WITHIN).all())
    rows = {
        name: {"mean_shift": round(float(a), 4), "sd_ratio": round(float(b), 4)}
        for name, a, b in zip(COLUMNS, shift, ratio, strict=True)
    }
    return {"columns": rows, "is_right": is_right}


def measured(seed: int, budget: str, runs: Path) -> dict[str, Any]:
    """The comparison for one seed of the run."""
    runs.mkdir(parents=True, exist_ok=True)
    file = runs / "table.npz"
    if not file.exists():
        np.savez(file, x=table())
    recipe = make("default", [f"budget={budget}", f"seed={seed}"], str(file))
    assert isinstance(recipe.data, Arrays)
    run = gansmith.train(recipe, runs / f"seed-{seed}-{budget}", threads=1)
    found = compared(run.sample(SAMPLE_SEED, COUNT).array, table())
    return {"seed": seed, "images": run.images, "seconds": run.results["seconds"], **found}


def main() -> None:
    """Measure each seed, print it, and write all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--budget", default="2m")
    parser.add_argument("--runs", type=Path, default=Path("runs/table"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = []
    for seed in args.seeds:
        found.append(measured(seed, args.budget, args.runs))
        print(json.dumps(found[-1]), flush=True)
    if args.json:
        result = {"budget": args.budget, "rows": ROWS, "samples": COUNT, "runs": found, "environment": environment()}
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
