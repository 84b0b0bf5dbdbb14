"""Plot Frechet distance against minutes: `default` and the tutorials' recipes, on the same machine and threads.

    python benchmarks/time_to_quality.py --data mnist --minutes 5 --seeds 0 1 2
    python benchmarks/time_to_quality.py --data mnist --draw

Each recipe is trained through the command line, one after another, with no other program running. A run scores itself on the
validation images during training, and `gansmith evaluate` scores its end by the test protocol, with one extractor for all.
Results go to one file for each recipe, data set, seed and machine in benchmarks/results/time_to_quality/. Existing results are
not computed again, so the benchmark can be interrupted. `--draw` reads these files and draws
docs/images/time_to_quality-DATA.png. Tutorials for the data set run their full schedules once, with seed 0; `--tutorials
tutorial-keras=40epochs` shortens one, which its file records.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from gansmith.core.component import to_json
from gansmith.core.device import environment
from gansmith.data import display_name, find_source
from gansmith.evaluation.evaluate import evaluate
from gansmith.recipes import make
from gansmith.recipes.base import Recipe
from gansmith.recipes.lengths import images_in
from gansmith.runs.log import SCORE
from gansmith.runs.run import Run

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "time_to_quality"
TUTORIALS = ("tutorial-small", "tutorial-batchnorm", "tutorial-dropout", "tutorial-keras", "tutorial-paper")
SHOWN = ("fd", "precision", "recall", "density", "coverage", "class_kl")


def key_of(recipe: Recipe, machine: dict[str, Any], full: str) -> str:
    """A file name such as `default-mnist-5m-s0-1a2b3c4d`; the last part is a digest of the recipe's fields and the machine."""
    plain = dataclasses.replace(recipe, why=())  # what is said of a choice is no part of it
    condition = json.dumps([to_json(plain), {k: machine[k] for k in ("processor", "torch", "threads")}], sort_keys=True)
    digest = hashlib.sha256(condition.encode()).hexdigest()[:8]
    return f"{recipe.name}-{display_name(recipe.data)}-{full}-s{recipe.seed}-{digest}"


def measured(
    recipe: str, data: str, budget: str | None, seed: int, runs: Path, threads: int | None, results: Path = RESULTS
) -> dict[str, Any]:
    """Train or continue a run, evaluate it, and write the file; an existing file is read instead."""
    overrides = [f"seed={seed}", *([f"budget={budget}"] if budget else [])]
    made = make(recipe, overrides, data)
    machine = environment() | ({"threads": threads} if threads else {})
    key = key_of(made, machine, budget or "full")
    path = results / f"{key}.json"
    if path.exists():
        found: dict[str, Any] = json.loads(path.read_text())
        return found
    folder = runs / key
    command = ["train", recipe, *overrides, "--data", data, "--run", str(folder)]
    command += ["--threads", str(threads)] if threads else []
    print(f"gansmith {' '.join(command)}", flush=True)
    subprocess.run([sys.executable, "-m", "gansmith", *command], check=True, stdout=subprocess.DEVNULL)
    run = Run.open(folder)
    scored = evaluate(run)
    asked = images_in(made.budget, run.metadata["epoch_images"]) if re.search("epoch|image", made.budget) else None
    facts = {
        "recipe": recipe,
        "data": data,
        "seed": seed,
        "budget": made.budget,
        "images": run.images,
        "images_asked": asked,
        "seconds": run.results["seconds"],
        "curve": _curve(run.log),
        "curve_is": run.metadata.get("score"),
        "scores": {k: scored.scores[k].to_json() for k in SHOWN},
        "extractor": scored.extractor,
        "machine": run.metadata["environment"],
        "commit": _commit(),
        "command": " ".join(["gansmith", *command]).replace(str(folder), f"runs/{key}"),
    }
    results.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts, indent=1) + "\n")
    return facts


def _curve(log: dict[str, np.ndarray]) -> list[list[float]]:
    """[seconds, images, score] of each scoring; the seconds are those of the newest log record before it, which may lack them."""
    if SCORE not in log:  # trained with scores=none, or too short to be scored
        return []
    seconds = np.maximum.accumulate(np.nan_to_num(log["seconds"]))
    scored = ~np.isnan(log[SCORE])
    return np.stack([seconds, log["images"], log[SCORE]], axis=1)[scored].tolist()  # type: ignore[no-any-return]


def _commit() -> str:
    return subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()


def all_of(data: str) -> list[dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    return [one for one in found if one["data"] == data]


def table(rows: list[dict[str, Any]]) -> str:
    lines = ["| recipe | budget | seeds | minutes | " + " | ".join(SHOWN) + " |", "|---|---|---|---|" + "---|" * len(SHOWN)]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["recipe"], row["budget"]), []).append(row)
    for (recipe, budget), group in sorted(groups.items()):
        cells = []
        for score in SHOWN:
            values = sorted(row["scores"][score]["value"] for row in group)
            spread = f" [{values[0]:.3g}, {values[-1]:.3g}]" if len(values) > 1 else ""
            cells.append(f"{statistics.median(values):.3g}{spread}")
        minutes = statistics.median(row["seconds"] for row in group) / 60
        lines.append(f"| `{recipe}` | {budget} | {len(group)} | {minutes:.1f} | " + " | ".join(cells) + " |")
    floors = [f"{rows[0]['scores'][score]['floor']:.3g}" for score in SHOWN]
    lines.append("| real test images (the floor) | | | | " + " | ".join(floors) + " |")
    return "\n".join(lines)


def reached(rows: list[dict[str, Any]]) -> list[str]:
    """When `default` first had the validation score of each tutorial's end, and in what share of the tutorial's time."""
    ours = [row for row in rows if row["recipe"] == "default"]
    lines = []
    for row in (row for row in rows if row["recipe"] in TUTORIALS and row["curve"]):
        target = row["curve"][-1][2]
        times = [next((s for s, _, fd in one["curve"] if fd is not None and fd <= target), None) for one in ours]
        if times and None not in times:
            median = statistics.median(t for t in times if t is not None)
            lines.append(
                f"{row['recipe']} ({row['budget']}) ended at {target:.3g} after {row['seconds']:.0f} s: "
                f"default was there after {median:.0f} s, 1/{row['seconds'] / median:.1f} of it"
            )
        elif times:
            lines.append(f"{row['recipe']} ({row['budget']}) ended at {target:.3g}: not every run of default came there")
    return lines


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4.6), layout="constrained")
    others = [name for name in TUTORIALS if any(row["recipe"] == name for row in rows)]
    colours = {"default": "crimson"} | dict(zip(others, ("C0", "C1", "C2", "C4", "C5"), strict=False))
    for row in rows:
        if not row["curve"]:
            continue
        minutes, values = [s / 60 for s, _, _ in row["curve"]], [fd for *_, fd in row["curve"]]
        ours, colour = row["recipe"] not in TUTORIALS, colours.get(row["recipe"], "C6")
        axes.plot(minutes, values, color=colour, linewidth=1.8 if ours else 1.1, label=row["recipe"])
        axes.plot(minutes[-1], values[-1], "o", color=colour, markersize=4)
    score = next(row["curve_is"] for row in rows if row["curve_is"])
    axes.axhline(rows[0]["scores"]["fd"]["floor"], color="grey", linestyle=":", label="real images (floor)")
    axes.set(xscale="log", yscale="log", xlabel="minutes", ylabel=f"{score}, lower is better", title=rows[0]["data"])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(handles.values(), handles.keys(), frameon=False)
    axes.grid(alpha=0.2)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2], help="of default; the tutorials run seed 0")
    parser.add_argument("--recipes", nargs="*", default=["default"])
    parser.add_argument("--tutorials", nargs="*", metavar="NAME[=BUDGET]")
    parser.add_argument("--runs", type=Path, default=Path("runs/time_to_quality"))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--draw", action="store_true", help="train nothing")
    given = parser.parse_args()
    source = find_source(given.data)
    tutorials = given.tutorials if given.tutorials is not None else [name for name in TUTORIALS if make(name).data == source]
    if not given.draw:
        for recipe in given.recipes:
            for seed in given.seeds:
                measured(recipe, given.data, f"{given.minutes:g}m", seed, given.runs, given.threads)
        for condition in tutorials:
            name, _, budget = condition.partition("=")
            measured(name, given.data, budget or None, 0, given.runs, given.threads)
    rows = all_of(given.data)
    print(table(rows))
    print("\n".join(reached(rows)))
    draw(rows, HERE.parent / "docs" / "images" / f"time_to_quality-{given.data}.png")


if __name__ == "__main__":
    main()
