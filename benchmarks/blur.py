"""Measure how blurred the samples of an autoencoder are, compared with those of a GAN.

    gansmith train vae && gansmith train vae-gan && gansmith train dcgan --data mnist budget=10m
    python benchmarks/blur.py runs/vae runs/vae-gan runs/dcgan-mnist

It computes two statistics per image and averages them over 3,000 samples of seed 0 and over 3,000 held-out real images. Sharpness
is edge energy (Laplacian) divided by the image's own standard deviation. Midtones are the share of pixels in the middle half of
the image's own range (`evaluation/diagnostics/image_statistics.py`). For runs with an encoder it also measures reconstructions of
the real images and their errors. It writes benchmarks/results/blur.json and docs/images/blur.png: a row of real digits, then for
each run a row of samples and, with an encoder, a row of reconstructions of the digits in the first row.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gansmith.core import files
from gansmith.data import modality
from gansmith.drawing import grids
from gansmith.evaluation import objective_scores
from gansmith.evaluation.diagnostics.image_statistics import per_image
from gansmith.runs.run import Run
from gansmith.sampling.reconstruction import reconstruct

HERE = Path(__file__).resolve().parent
COUNT, COLUMNS = 3000, 16
STATISTICS = ("sharpness", "midtones")


def statistics(kept: np.ndarray) -> dict[str, float]:
    """Mean sharpness and midtones of images uint8 [N, H, W, C], without constant ones."""
    found = per_image(torch.from_numpy(modality.to_source(kept)))
    shown = found["flat"] == 0
    return {name: float(found[name][shown].mean()) for name in STATISTICS}


def measured(run: Run) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The statistics of a run, and its rows of the picture."""
    made = run.sample(0, COUNT).array
    facts: dict[str, Any] = {"recipe": run.recipe.name, "images": run.images, "minutes": round(run.results["seconds"] / 60, 1)}
    facts["samples"], rows = statistics(made), [made[:COLUMNS]]
    if "encoder" in run.recipe.networks:
        again = reconstruct(run, count=COUNT)
        facts["reconstructions"], facts["rms_error"] = statistics(again.reconstructed), again.error
        rows.append(again.reconstructed[:COLUMNS])
    scores = objective_scores.scores(run, run.recipe.data.load("test"))
    facts |= {key: [score.value, score.low, score.high] for key, score in scores.items()}
    return facts, rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path)
    given = parser.parse_args()
    runs = [Run.open(path) for path in given.runs]
    real = modality.to_saved(runs[0].recipe.data.load("test").values[:COUNT])
    facts: dict[str, Any] = {"real": statistics(real), "count": COUNT, "runs": []}
    sheet = [real[:COLUMNS]]
    for run in runs:
        found, rows = measured(run)
        facts["runs"].append(found)
        sheet += rows
    files.write(HERE / "results" / "blur.json", (json.dumps(facts, indent=1) + "\n").encode())
    picture = runs[0].sampler.modality.picture(np.concatenate(sheet), COLUMNS)
    files.write(HERE.parent / "docs" / "images" / "blur.png", grids.png(picture))
    print("| | sharpness (of real images') | midtones | rms error | ELBO, nats |\n|---|---|---|---|---|")
    sharp = facts["real"]["sharpness"]
    print(f"| real test images | {sharp:.3f} (1) | {facts['real']['midtones']:.3f} | | |")
    for found in facts["runs"]:
        for kind in ("samples", "reconstructions"):
            if kind in found:
                is_again = kind == "reconstructions"
                off = f"{found['rms_error']:.3f}" if is_again else ""
                elbo = f"{found['elbo'][0]:.2f}" if "elbo" in found and is_again else ""
                ratio = found[kind]["sharpness"] / sharp
                message = f"{found[kind]['sharpness']:.3f} ({ratio:.2f}) | {found[kind]['midtones']:.3f} | {off} | {elbo}"
                print(f"| `{found['recipe']}`, {kind} | {message} |")


if __name__ == "__main__":
    main()
