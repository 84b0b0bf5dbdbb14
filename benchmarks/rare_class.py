"""Measure the value of GAN samples for a classifier whose training set has few images of two classes.

    python benchmarks/rare_class.py choose                  settings, on images that no reported number uses
    python benchmarks/rare_class.py run --seeds 0 1 2 3 4   the table
    python benchmarks/rare_class.py show

The data are Fashion-MNIST with dresses and sneakers cut to 1 %, 60 images each. The same small classifier is trained for the same
number of steps and images with each method:

    real        the images as they are
    weights     each image's loss divided by the frequency of its class, to a chosen power
    classic     the images shifted by up to 2 pixels and mirrored at random
    repeated    classic, with images of rare classes repeated a chosen number of times
    gan         classic, with a chosen number of samples of the recipe `augment` added for the rare classes

A seed draws the 60 images and initializes GAN and classifier, so the interval over seeds covers all three. `choose` uses a
separate seed, trains classifiers without the validation images and tests on these; only `run` uses the test split. The GAN of
that seed has seen the validation images of frequent classes, and of the rare classes those among its 60 images, about ten of a
thousand. Each result is saved in the results file and not computed again.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

import gansmith
from gansmith.core import files, rng
from gansmith.core.device import environment
from gansmith.data import FashionMnist, Rare
from gansmith.data.modality import to_source
from gansmith.data.splits import validation_rows
from gansmith.recipes import make
from gansmith.runs.run import Run

METHODS = ("real", "weights", "classic", "repeated", "gan")
CHOICES: dict[str, tuple[float, ...]] = {"weights": (0.5, 1.0), "repeated": (300, 1000, 5940), "gan": (300, 1000, 5940)}
TUNING = 100  # the seed that chooses
RARE = (3, 7)  # dress, sneaker
STEPS, BATCH, RATE = 600, 128, 3e-3
T_975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}  # Student's, by freedom


class Classifier(nn.Sequential):
    """Two convolutions and two linear layers, uint8 [N, 1, 28, 28] -> logits [N, 10]."""

    def __init__(self) -> None:
        super().__init__(
            *(nn.Conv2d(1, 24, 5, padding=2), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(48 * 49, 96), nn.ReLU(), nn.Linear(96, 10)),
        )

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images.float() / 255)  # type: ignore[no-any-return]


@dataclasses.dataclass(frozen=True)
class Bench:
    """Paths, and the training time of a GAN."""

    runs: Path
    results: Path
    budget: str

    def cells(self) -> dict[str, Any]:
        return dict(json.loads(self.results.read_text())) if self.results.exists() else {}

    def keep(self, key: str, value: Any) -> None:
        files.make_parent(self.results)
        files.write_json(self.results, self.cells() | {key: value})

    def gan(self, seed: int) -> Run:
        """Train the GAN on the 60 images of a seed, or continue its run."""
        data = f"rare(of=fashion-mnist, classes=[{RARE[0]}, {RARE[1]}], seed={seed})"
        recipe = make("augment", [f"data={data}", f"budget={self.budget}", f"seed={seed}", "scores=none"])
        return gansmith.train(recipe, self.runs / f"gan-{seed}", device="cpu")

    def measured(self, method: str, setting: float | None, seed: int, choosing: bool) -> dict[str, Any]:
        """One result: from the results file, or computed now."""
        key = f"{'choose' if choosing else 'report'}-{method}-{setting}-{seed}"
        if key not in (known := self.cells()):
            images, labels, test, truth = split(seed, choosing)
            if method == "gan":
                run = self.gan(seed)
                added = [to_source(run.asked(k).sample(seed + 1, int(setting or 0)).array) for k in RARE]
                images = np.concatenate([images, *added])
                labels = np.concatenate([labels, *(np.full(len(a), k) for a, k in zip(added, RARE, strict=True))])
            elif method == "repeated":
                rows = [np.resize(np.flatnonzero(labels == k), int(setting or 0)) for k in RARE]
                images, labels = (np.concatenate([known, *(known[r] for r in rows)]) for known in (images, labels))
            costs = np.bincount(labels, minlength=10) ** -(setting or 0.0) if method == "weights" else np.ones(10)
            moved = method in ("classic", "repeated", "gan")
            print(key, flush=True)
            self.keep(key, recalls(trained(images, labels, costs, moved, seed), test, truth))
            known = self.cells()
        return dict(known[key])


def split(seed: int, choosing: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Images and labels for training and for testing. `choose` tests on the validation images, `run` on the test split."""
    whole, rare = FashionMnist().load(), Rare(classes=RARE, seed=seed)
    samples = rare.load()
    assert samples.labels is not None
    if not choosing:
        test = FashionMnist().load("test")
        assert test.labels is not None
        return samples.values, samples.labels, test.values, test.labels
    assert whole.labels is not None
    rows = validation_rows(len(whole))
    held = {image.tobytes() for image in whole.values[rows]}
    kept = np.array([image.tobytes() not in held for image in samples.values])
    return samples.values[kept], samples.labels[kept], whole.values[rows], whole.labels[rows]


def trained(images: np.ndarray, labels: np.ndarray, costs: np.ndarray, moved: bool, seed: int) -> nn.Module:
    """Train a classifier for a fixed number of steps, whatever the set. `costs` are the weights of the classes."""
    weight = torch.from_numpy(costs / (costs[labels].mean())).float()
    with rng.fork():
        torch.default_generator.manual_seed(seed)
        network = Classifier().train()
        optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.01)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, STEPS, pct_start=0.2)
        for step in range(STEPS):
            rows = rng.integers(seed, step * BATCH, BATCH, len(images))
            batch = torch.from_numpy(images[rows])
            logits = network(changed(batch) if moved else batch)
            target = torch.from_numpy(labels[rows])
            loss = (functional.cross_entropy(logits, target, reduction="none") * weight[target]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            cycle.step()
    return network.eval()


def changed(images: Tensor) -> Tensor:
    """Images uint8 [N, 1, 28, 28] shifted by up to 2 pixels and, half of them, mirrored."""
    wide = functional.pad(images, (2, 2, 2, 2))
    shifts = torch.randint(0, 5, (len(images), 2)).tolist()
    cut = torch.stack([image[:, y : y + 28, x : x + 28] for image, (y, x) in zip(wide, shifts, strict=True)])
    return torch.where(torch.rand(len(images), 1, 1, 1) < 0.5, cut.flip(3), cut)


@torch.no_grad()
def recalls(network: nn.Module, images: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Recall of each class, their mean, and the precision of the rare classes."""
    said = torch.cat([network(part).argmax(1) for part in torch.from_numpy(images).split(500)]).numpy()
    each = [float((said[labels == k] == k).mean()) for k in range(10)]
    right = [float((labels[said == k] == k).mean()) if (said == k).any() else 0.0 for k in RARE]
    return {"recall": each, "rare": float(np.mean([each[k] for k in RARE])), "all": float(np.mean(each)), "precision": right}


def choose(bench: Bench) -> dict[str, float]:
    """The setting of each method with the best mean recall over all classes, on the validation images."""
    chosen = {}
    for method, settings in CHOICES.items():
        found = {setting: bench.measured(method, setting, TUNING, True)["all"] for setting in settings}
        chosen[method] = max(found, key=found.__getitem__)
        print(f"{method}: {chosen[method]:g} of {found}")
    bench.keep("chosen", chosen)
    return chosen


def run(bench: Bench, seeds: list[int]) -> None:
    if "chosen" not in bench.cells():
        raise SystemExit("choose first: python benchmarks/rare_class.py choose")
    chosen = bench.cells()["chosen"]
    bench.keep("about", {"environment": environment(), "budget": bench.budget, "steps": STEPS, "batch": BATCH, "rare": RARE})
    for seed in seeds:
        for method in METHODS:
            bench.measured(method, chosen.get(method), seed, False)
    show(bench)


def interval(values: list[float]) -> str:
    """Mean and half of the 95 % interval of Student's t over seeds, in percent."""
    mean = 100 * float(np.mean(values))
    if (free := len(values) - 1) not in T_975:
        return f"{mean:.1f}"
    return f"{mean:.1f} +- {T_975[free] * 100 * float(np.std(values, ddof=1)) / math.sqrt(len(values)):.1f}"


def show(bench: Bench) -> None:
    cells = bench.cells()
    print("| method | recall of rare classes % | of dresses | of sneakers | mean recall of all classes % | seeds |")
    print("|---|---|---|---|---|---|")
    for method in METHODS:
        found = [cell for key, cell in sorted(cells.items()) if key.startswith(f"report-{method}-")]
        columns = [[c["rare"] for c in found], *([c["recall"][k] for c in found] for k in RARE), [c["all"] for c in found]]
        if found:
            print(f"| {method} | {' | '.join(map(interval, columns))} | {len(found)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("choose", "run", "show"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--runs", type=Path, default=Path("runs/rare"))
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/rare_class.json"))
    parser.add_argument("--budget", default="150000images", help="of a GAN")
    given = parser.parse_args()
    bench = Bench(given.runs, given.results, given.budget)
    if given.what == "choose":
        choose(bench)
    elif given.what == "run":
        run(bench, given.seeds)
    else:
        show(bench)


if __name__ == "__main__":
    main()
