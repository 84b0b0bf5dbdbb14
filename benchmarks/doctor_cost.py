"""Measure the cost of monitoring: the time of the doctor's looks compared with the steps of the run.

    python benchmarks/doctor_cost.py [--recipes NAME:DATA ...] [--rounds N]

Steps and looks alternate in one process on one thread. Both are timed in processor seconds, so that other programs do not count.
The plan is that of `gansmith train`: at most 40 looks and 2 % of the run, including the first look, which also assigns real
samples to clusters. The table shows the median round.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import torch

from gansmith.core.device import environment
from gansmith.core.files import write_json
from gansmith.recipes import make
from gansmith.recipes.lengths import images_in, seconds_in
from gansmith.training.look_plan import LEAST_TIMES, MOST_TIMES
from gansmith.training.monitor import Monitor
from gansmith.training.trainer import Trainer

OUT = Path(__file__).parent / "results" / "doctor" / "cost.json"
RECIPES = ["tutorial-small:mnist", "tutorial-batchnorm:fashion-mnist", "starter:fashion-mnist", "default:ring", "default:digits"]


def cost(name: str, data: str, rounds: int) -> dict[str, Any]:
    recipe = make(name, [], data)
    trainer = Trainer(recipe, torch.device("cpu"))
    trainer.total_images = 10**9
    for _ in range(10):
        trainer.step()
    monitor, clock = Monitor(trainer), time.process_time
    begun = clock()
    monitor.look()
    first = clock() - begun
    steps, looks = [], []
    for _ in range(rounds):
        begun, images = clock(), trainer.images
        while clock() - begun < 0.5:
            trainer.step()
        steps.append((clock() - begun) / (trainer.images - images))
        begun = clock()
        monitor.look()
        looks.append(clock() - begun)
    an_image, each = statistics.median(steps), statistics.median(looks)
    seconds = seconds_in(recipe.budget) or images_in(recipe.budget, trainer.epoch_images) * an_image
    allowed = monitor.trainer.recipe.watch.time_fraction * seconds if monitor.trainer.recipe.watch else 0.0
    times = min(MOST_TIMES, int(max(0.0, allowed - first) / each) - 1)
    times = times if times >= LEAST_TIMES else 0
    return {
        "recipe": name,
        "data": data,
        "budget": recipe.budget,
        "seconds": round(seconds, 1),
        "looks": times,
        "seconds_of_first_look": round(first, 4),
        "seconds_of_a_look": round(each, 4),
        "spread_of_a_look": [round(min(looks), 4), round(max(looks), 4)],
        "images_of_a_look": round(each / an_image),
        "share": round((first + (times + 1) * each) / seconds, 5) if times else 0.0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recipes", nargs="+", default=RECIPES)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # as training does
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    rows = []
    for name, data in (text.split(":") for text in given.recipes):
        rows.append(row := cost(name, data, given.rounds))
        print(
            f"{name} on {data}: {row['looks']} looks of {1000 * row['seconds_of_a_look']:.0f} ms (as long as "
            f"{row['images_of_a_look']} images), {100 * row['share']:.2f} % of {row['seconds']:.0f} processor seconds",
            flush=True,
        )
        write_json(OUT, {"commit": commit, "machine": environment(), "rounds": given.rounds, "rows": rows})


if __name__ == "__main__":
    main()
