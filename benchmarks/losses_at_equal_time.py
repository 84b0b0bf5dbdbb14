"""Compare the recipes of the losses on Fashion-MNIST after equal training times.

    python benchmarks/losses_at_equal_time.py --minutes 5 --threads 2
    python benchmarks/losses_at_equal_time.py --images 60000 --threads 1      # on a shared machine
    python benchmarks/losses_at_equal_time.py --table                        # print the existing results

All recipes have the same generator, and the same discriminator except for the parts that belong to the loss (batch norm for
`wgan`). `dcgan` is included for comparison, with batch norm in D. Each recipe is trained through the command line, one after
another, with no other program running, and `gansmith evaluate` scores its end by the test protocol. Results go to one file for
each recipe, budget, seed and machine in benchmarks/results/losses/; existing results are not computed again. With --images all
recipes read the same number of real images, which is not equal time: losses with five turns of D have a fifth of G's steps.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from time_to_quality import HERE, measured, table

RECIPES = ("dcgan", "lsgan", "hinge", "wgan", "wgan-gp", "r3gan")
RESULTS = HERE / "results" / "losses"


def found() -> list[dict[str, Any]]:
    """The results of one run."""
    return [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--images", type=int, help="as many real images for each, in place of minutes")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--recipes", nargs="*", default=RECIPES)
    parser.add_argument("--data", default="fashion-mnist")
    parser.add_argument("--runs", type=Path, default=Path("runs/losses"))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--table", action="store_true", help="train nothing")
    given = parser.parse_args()
    budget = f"{given.images}images" if given.images else f"{given.minutes:g}m"
    if not given.table:
        for seed in given.seeds:
            for recipe in given.recipes:
                measured(recipe, given.data, budget, seed, given.runs, given.threads, RESULTS)
    rows = [row for row in found() if row["data"] == given.data]
    for each in sorted({row["budget"] for row in rows}):
        alike = [row for row in rows if row["budget"] == each]
        print(f"\n{given.data}, {each} each; real images seen: ", end="")
        print(", ".join(f"{row['recipe']} {row['images']:,}" for row in alike))
        print(table(alike))


if __name__ == "__main__":
    main()
