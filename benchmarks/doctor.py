"""Measure whether the doctor names the problem of a sick run, and stays silent about healthy runs.

    python benchmarks/doctor.py C --runs runs/doctor

The runs are short, with known problems, and defined in `doctor_sets.py`. The doctor's thresholds were set on set A. Set C was run
after they were committed. Run folders are kept, so an interrupted benchmark continues, and `--again` repeats the diagnosis
without training. The diagnosis after every look counts, not only the last: a healthy run with one wrong diagnosis is a false
alarm. Run set A before and after changing a threshold. Results are in `benchmarks/results/doctor/`, one file per set.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import gansmith
from doctor_sets import SETS, Case
from gansmith import doctor
from gansmith.core.device import environment
from gansmith.core.errors import TrainingError
from gansmith.core.files import write_json
from gansmith.drawing import grids
from gansmith.recipes.base import Pictures, Watch
from gansmith.runs.log import read_log

LOOKS = 40
FEW = "20000images"  # between two pictures, and two checkpoints
RESULTS = Path(__file__).parent / "results" / "doctor"


# ------------------------------------------------------------------------------------------------------ running and judging


def train(case: Case, folder: Path) -> None:
    """Train a case to its end, or until a loss is not finite. A finished run is kept. No report is written."""
    if (folder / "recipe.json").exists() and gansmith.load(folder).finished:
        return
    recipe = dataclasses.replace(
        case.recipe(),
        scores=None,
        watch=Watch(times=LOOKS),
        pictures=Pictures(count=32, every=FEW),
        log_every=None,
        checkpoint_every=FEW,
    )
    try:
        with closing(gansmith.steps(recipe, folder, device="cpu", threads=1)) as records:
            for record in records:
                if record.images >= record.total_images:
                    break
    except TrainingError as error:
        print(f"  {error}", flush=True)


def is_over(folder: Path) -> bool:
    """Whether a run has ended, regularly or by a loss that is not finite."""
    looks = doctor.looks_in(read_log(folder / "log.jsonl"))
    if not looks:
        return False
    total = json.loads((folder / "run.json").read_text())["total_images"]
    return bool(looks[-1]["images"] >= total or looks[-1][f"{doctor.PREFIX}finite"] == 0)


def judged(case: Case, folder: Path) -> dict[str, Any]:
    """The diagnosis after each look: when each problem was first named, and the diagnosis at the end."""
    records, total = read_log(folder / "log.jsonl"), json.loads((folder / "run.json").read_text())["total_images"]
    looks = doctor.looks_in(records)
    said: dict[str, dict[str, float]] = {}
    causes: list[str] = []
    for count in range(1, len(looks) + 1):
        for found in doctor.diagnose(looks[:count], total):
            at = looks[count - 1]["images"] / total
            said.setdefault(found.trouble, {"at": round(at, 3), "since": round(found.since / total, 3)})
            if not found.follows and found.trouble not in causes:
                causes.append(found.trouble)
    return {
        "name": case.name,
        "ill": sorted(case.ill),
        "said": said,
        "causes": causes,
        "at_the_end": [found.trouble for found in doctor.diagnose(looks, total)],
        "right": bool(case.ill & said.keys()) if case.ill else not said,
        "first_right": causes[0] in case.ill if case.ill and causes else not case.ill and not said,
        "collapsed": collapsed(looks, total),
        "steps": looks[-1].get(f"{doctor.PREFIX}steps"),
        "seconds": records[-1]["seconds"],
    }


def collapsed(looks: list[dict[str, Any]], total: int) -> float | None:
    """Where in the run the samples became alike for good, judged by their spread only; None if they did not."""
    spreads = [look.get(f"{doctor.PREFIX}spread", 1.0) for look in looks]
    last_varied = max((i for i, spread in enumerate(spreads) if spread >= 0.3), default=-1)
    if last_varied == len(looks) - 1:
        return None
    return round(looks[last_varied]["images"] / total, 3) if last_varied >= 0 else 0.0


SHOWN = {
    "divergence": "digits, Wasserstein alone",
    "stands still": "digits, G stands still",
    "wrong range": "digits, range -4 to 4",
    "collapse": "mnist, small",
    "partial collapse": "mnist, batch norm with an epsilon of .8",
    "D too strong": "digits, rates of .02",
    "G starved": "digits, G's sign turned",
    "D too weak": "grid, D's rate low",
    "D the wrong way round": "digits, D's sign turned",
    "oscillation": "digits, tiny D",
    "dead units": "digits, dying generator",
    "D over-fits": "40 digits",
    "plateau": "moons, tenfold rates, momentum .9",
    "G the wrong way round": "crosses, hinge with G's sign turned",
    "data all alike": "black pictures",
    "healthy": "digits, Wasserstein, penalty",
}


def folder_of(runs: Path, name: str, case: str) -> Path:
    return runs / name / case.replace(" ", "-").replace(",", "").replace("'", "")


def draw(runs: Path, folder: Path) -> None:
    """Draw a picture of each problem from the last pictures of the runs, and copies beside their originals."""
    for trouble, case in SHOWN.items():
        name = next(name for name, cases in SETS.items() if case in {one.name for one in cases})
        newest = max((folder_of(runs, name, case) / "samples").glob("[0-9]*.png"))
        with Image.open(newest) as picture:
            picture.thumbnail((400, 400))
            few = picture.convert("L" if picture.mode == "L" else "RGB").quantize(32)
            few.save(folder / f"trouble-{trouble.lower().replace(' ', '-')}.png", optimize=True)
    copies(folder_of(runs, "A", "40 digits")).save(folder / "trouble-memorisation.png", optimize=True)


def copies(folder: Path) -> Image.Image:
    """Twelve samples, each above its nearest training image."""
    run = gansmith.load(folder)
    made, real = run.sample(0, 12).array, run.recipe.data.load().values.transpose(0, 2, 3, 1)
    apart = np.square(made[:, None].astype(float) - real[None]).sum((2, 3, 4))
    return grids.image_grid(np.concatenate([made, real[apart.argmin(1)]]), 12)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sets", nargs="+", choices=sorted(SETS))
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--only", default="", help="cases with this in their name")
    parser.add_argument("--again", action="store_true", help="judge what has been trained")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--pictures", type=Path, help="draw a picture of each trouble there, from the runs")
    given = parser.parse_args()
    logging.getLogger("gansmith").setLevel(logging.ERROR)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    for name in given.sets:
        rows = []
        for case in SETS[name]:
            folder = folder_of(given.runs, name, case.name)
            if given.only not in case.name:
                continue
            if not given.again:
                train(case, folder)
            elif not is_over(folder):
                continue
            row = judged(case, folder)
            rows.append(row)
            verdict = "right" if row["right"] else "WRONG"
            said = ", ".join(f"{trouble} at {when['at']}" for trouble, when in row["said"].items()) or "nothing"
            print(f"{name} {verdict}  {case.name:<40} {said}; at the end {row['at_the_end'] or 'nothing'}", flush=True)
            if not given.only:
                write_json(given.out / f"{name}.json", {"commit": commit, "machine": environment(), "rows": rows})
        well, sick = ([r for r in rows if bool(r["ill"]) == wanted] for wanted in (False, True))
        print(
            f"set {name}: {sum(not r['right'] for r in well)} false alarms among {len(well)} healthy runs; "
            f"{sum(r['right'] for r in sick)} of {len(sick)} ill ones named, {sum(r['first_right'] for r in sick)} at once"
        )
    if given.pictures:
        draw(given.runs, given.pictures)


if __name__ == "__main__":
    main()
