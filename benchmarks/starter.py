"""Count the classes that a small classifier finds among 1,000 samples after equal minutes of training, and its confidence.

    python benchmarks/starter.py --minutes 3 --seeds 0 1 2 --out benchmarks/results/starter.json

It trains the classifier once (seeded, saved beside the runs), then each recipe on Fashion-MNIST through the command line, one
after another with no other program running. Existing runs continue, so the benchmark can be interrupted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from gansmith import load
from gansmith.core.device import environment
from gansmith.data import FashionMnist
from gansmith.recipes import catalogue

COUNT = 1000
SEED = 10  # of the samples that are judged; a run's own pictures use seed 0


class Classifier(nn.Sequential):
    """Two convolutions and two linear layers, uint8 [N, 1, 28, 28] -> logits [N, 10]."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.Conv2d(1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Dropout(0.25), nn.Linear(64 * 49, 128), nn.ReLU(), nn.Linear(128, 10)),
        )

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.float() / 127.5 - 1)  # type: ignore[no-any-return]


def trained(path: Path, epochs: int = 6) -> Classifier:
    """The classifier, trained once and saved at `path`."""
    network = Classifier()
    if path.exists():
        network.load_state_dict(load_file(path))
        return network.eval()
    torch.manual_seed(0)
    network = Classifier()
    samples = FashionMnist().load()
    assert samples.labels is not None
    images, labels = torch.from_numpy(samples.values), torch.from_numpy(samples.labels)
    batches = len(images) // 256
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=epochs * batches)
    for _ in range(epochs):
        for rows in torch.randperm(len(images))[: batches * 256].split(256):
            batch = images[rows]
            flipped = torch.rand(len(batch)) < 0.5
            batch[flipped] = batch[flipped].flip(3)
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(batch), labels[rows]).backward()
            optimizer.step()
            schedule.step()
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(network.state_dict(), path)
    return network.eval()


@torch.no_grad()
def judged(network: Classifier, images: np.ndarray) -> dict[str, Any]:
    """Classify `images` uint8 [N, 28, 28, 1]: classes found, smallest share in percent, mean top probability, counts."""
    sure = network(torch.from_numpy(images).permute(0, 3, 1, 2)).softmax(1)
    counts = torch.bincount(sure.argmax(1), minlength=10)
    return {
        "classes": int((counts > 0).sum()),
        "smallest_percent": round(100 * counts.min().item() / len(images), 1),
        "mean_top_probability": round(sure.amax(1).mean().item(), 4),
        "counts": counts.tolist(),
    }


def accuracy(network: Classifier) -> float:
    samples = FashionMnist().load("test")
    with torch.no_grad():
        found = network(torch.from_numpy(samples.values)).argmax(1).numpy()
    return float((found == samples.labels).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--recipes", nargs="+", default=[n for n in catalogue() if n.startswith(("starter", "tutorial"))])
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmark-starter"))
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()

    network = trained(given.runs / "classifier.safetensors")
    real = FashionMnist().load("test").values[:COUNT].transpose(0, 2, 3, 1)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    rows = [{"what": "real test images", **judged(network, np.ascontiguousarray(real))}]
    for recipe in given.recipes:
        for seed in given.seeds if recipe == "starter" else given.seeds[:1]:
            run = given.runs / f"{recipe}-{seed}"
            budget = f"budget={given.minutes:g}m"
            command = [
                "train",
                recipe,
                "--data",
                "fashion-mnist",
                budget,
                f"seed={seed}",
                "--run",
                str(run),
                "--threads",
                str(given.threads),
            ]
            subprocess.run([sys.executable, "-m", "gansmith", *command], check=True, stdout=subprocess.DEVNULL)
            opened = load(run)
            row = {"what": f"{recipe}, seed {seed}", "images": opened.images, "seconds": opened.results["seconds"]}
            rows.append(row | judged(network, opened.sample(SEED, COUNT).array))
    for row in rows:
        print(f"{row['what']:<28} {row['classes']:>2} classes, smallest {row['smallest_percent']:>4} %, ", end="")
        print(f"mean top probability {row['mean_top_probability']:.4f}  {row.get('images', 0):>10,} images")
    facts = {
        "accuracy": accuracy(network),
        "commit": commit,
        "machine": environment(),
        "command": " ".join(sys.argv),
        "rows": rows,
    }
    print(f"classifier: {100 * facts['accuracy']:.2f} % of the 10,000 test images; commit {commit}")
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    main()
