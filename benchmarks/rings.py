"""Show the effect of each loss and each penalty on a ring of eight Gaussians: pictures and numbers of `docs/losses.md`.

    python benchmarks/rings.py [--seed N] [--images N] [--runs FOLDER] [--pictures FOLDER] [--json OUT]

All runs have the same small networks, Adam, batches, number of images and seed, on one thread. Each panel is a run folder: a
trained run is not trained again, and an interrupted run continues.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import gansmith
from gansmith.core.device import environment
from gansmith.data import Ring
from gansmith.networks import MLPDiscriminator, MLPGenerator
from gansmith.objectives import Adversarial
from gansmith.objectives.augmentation import Augment, InstanceNoise
from gansmith.objectives.losses import Hinge, LeastSquares, Relativistic, Saturating, Wasserstein
from gansmith.objectives.penalties import R1, R2, Dragan, GradientPenalty
from gansmith.optim.optimizers import Adam
from gansmith.recipes.base import Pictures, Recipe
from gansmith.runs.run import Run
from gansmith.sampling.noise import Normal
from gansmith.training.trainer import Trainer

RING = Ring(std=0.05)
BATCH = 128
COUNT, SAMPLE_SEED = 2500, 10  # samples to count modes of, as PacGAN does
SIDE, REACH = 161, 1.75  # D's landscape: places along a side, and how far it goes from the middle
EARLY = 8  # the first look at a run is after this part of it

TOWARDS_SLOPE_1 = GradientPenalty(weight=0.1)  # as the authors' code has it for points
LOSSES: Mapping[str, Adversarial] = {
    "saturating": Adversarial(Saturating()),
    "non-saturating": Adversarial(),
    "least-squares": Adversarial(LeastSquares()),
    "hinge": Adversarial(Hinge()),
    "relativistic": Adversarial(Relativistic()),
    "wasserstein": Adversarial(Wasserstein()),
    "wasserstein, gradient-penalty": Adversarial(Wasserstein(), (TOWARDS_SLOPE_1,)),
    "the same, 5 turns of D a step": Adversarial(Wasserstein(), (TOWARDS_SLOPE_1,), discriminator_turns=5),
}
PENALTIES: Mapping[str, Adversarial] = {
    "none": Adversarial(),
    "r1": Adversarial(penalties=(R1(weight=1.0),)),
    "r2": Adversarial(penalties=(R2(weight=1.0),)),
    "r1 and r2": Adversarial(penalties=(R1(weight=1.0), R2(weight=1.0))),
    "gradient-penalty": Adversarial(penalties=(GradientPenalty(weight=1.0),)),
    "dragan": Adversarial(penalties=(Dragan(weight=1.0),)),
    "spectral norm": Adversarial(),
    "instance-noise": Adversarial(augmentation=Augment((InstanceNoise(sigma=0.3),))),
}
"""All of them with the non-saturating loss."""


def recipe(name: str, images: int, seed: int) -> Recipe:
    """The recipe of a panel, by its name in LOSSES or PENALTIES."""
    adam, end = Adam(1e-3, (0.5, 0.99)), f"{images}images"
    return Recipe(
        name="ring",
        data=RING,
        noise=Normal(2),
        networks={
            "generator": MLPGenerator((128, 128), end="linear"),
            "discriminator": MLPDiscriminator((128, 128), spectral_norm=name == "spectral norm"),
        },
        objective=(LOSSES | PENALTIES)[name],
        optimizers={"discriminator": adam, "generator": adam},
        batch_size=BATCH,
        budget=end,
        pictures=Pictures(count=1000, every=end),
        scores=None,
        checkpoint_every=end,
        seed=seed,
    )


# ---------------------------------------------------------------------------------------------------- training and looking


@dataclass(frozen=True, eq=False)
class Look:
    """The state of a run at one moment."""

    fakes: np.ndarray  # [COUNT, 2]
    landscape: np.ndarray  # D's logits, [SIDE, SIDE], y upwards; 0 is halfway between what it says of reals and of fakes


def looks(made: Recipe, folder: Path) -> list[Look]:
    """The run early and at its end. Existing results are not computed again."""
    total = int(made.budget.removesuffix("images"))
    return [look_after(made, folder, images) for images in (total // EARLY, total)]


def look_after(made: Recipe, folder: Path, images: int) -> Look:
    """The run after `images` images: trained up to there, or read from the folder."""
    kept = folder.with_name(f"{folder.name}-{images}.npz")
    if not kept.exists():
        if not folder.exists() or Run.open(folder).images < images:
            with closing(gansmith.steps(made, folder, device="cpu", threads=1)) as records:
                next((record for record in records if record.images >= images), None)  # leaving the loop saves
        look = look_at(Run.open(folder))
        np.savez_compressed(kept, fakes=look.fakes, landscape=look.landscape)
    with np.load(kept) as arrays:
        return Look(arrays["fakes"], arrays["landscape"])


def look_at(run: Run) -> Look:
    """The state of the newest checkpoint: samples of G, without running mean, and D's output."""
    game, saved = Trainer(run.recipe, torch.device("cpu")), run.latest()
    assert saved is not None
    game.restore(saved)
    discriminator = game.networks["discriminator"].eval()
    fakes = game.sampler.sample(SAMPLE_SEED, COUNT)
    along = torch.linspace(-REACH, REACH, SIDE)
    places = torch.cartesian_prod(along, along).flip(1)  # x runs fastest
    with torch.no_grad():
        at_real, at_fake, everywhere = (discriminator(x, None)[:, 0] for x in (game.stored, torch.from_numpy(fakes), places))
    middle = (at_real.mean() + at_fake.mean()) / 2
    return Look(fakes, (everywhere - middle).view(SIDE, SIDE).numpy())


def found(fakes: np.ndarray) -> dict[str, Any]:
    """Modes with a good sample (within 3 sd of a mean), and the share of good samples (Lin et al. 2018, section 4.1)."""
    distances = np.linalg.norm(fakes[:, None] - RING.means(), axis=2)
    nearest, good = distances.argmin(1), distances.min(1) <= 3 * RING.std
    counts = np.bincount(nearest[good], minlength=RING.modes)
    return {"modes": int((counts > 0).sum()), "high_quality": float(good.mean()), "of_each_mode": (counts / len(fakes)).tolist()}


# ---------------------------------------------------------------------------------------------------- drawing

INK, PALE, FAKE = "#333333", "#8a8a8a", "#c2185b"
GROUND = ("#e3b778", "#f4e3c8", "#ffffff", "#cfe3ef", "#86b5d3")  # D says fake ... real


def drawn(panels: Mapping[str, Sequence[Look]], columns: int = 4) -> Any:
    """A figure with a panel for each name: the end of the run, and in the corner its early state."""
    from matplotlib.figure import Figure

    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(2.75 * columns, 3.2 * rows), facecolor="white")
    grid = figure.subplots(rows, columns, squeeze=False, gridspec_kw={"wspace": 0.08, "hspace": 0.3})
    figure.subplots_adjust(left=0.01, right=0.99, top=1 - 0.3 / (3.2 * rows), bottom=0.42 / (3.2 * rows))
    for axes, (name, (early, end)) in zip(grid.flat, panels.items(), strict=True):
        _panel(axes, end, 3.0)
        _panel(axes.inset_axes((0.0, 0.0, 0.27, 0.27)), early, 0.8)
        axes.set_title(name, fontsize=11.5, color=INK, pad=5)
        axes.text(0.5, -0.035, _said(found(end.fakes)), transform=axes.transAxes, ha="center", va="top", fontsize=10.5, color=INK)
    return figure


def _panel(axes: Any, look: Look, size: float) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    most = float(np.quantile(np.abs(look.landscape), 0.9))  # far outside, where nobody ever is, D says anything
    along = np.linspace(-REACH, REACH, SIDE)
    ground = LinearSegmentedColormap.from_list("ground", GROUND)
    axes.contourf(along, along, look.landscape, np.linspace(-most, most, 14), cmap=ground, extend="both")
    axes.contour(along, along, look.landscape, [0.0], colors="white", linewidths=1.0)
    real = RING.load().values[:600]
    axes.scatter(*real.T, s=size, color=PALE, alpha=0.35, linewidths=0)
    axes.scatter(*look.fakes[:1000].T, s=size, color=FAKE, alpha=0.5, linewidths=0)
    axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect="equal", xticks=[], yticks=[])
    axes.spines[:].set_color("#dddddd")


def _said(numbers: Mapping[str, Any]) -> str:
    return f"{numbers['modes']} of {RING.modes} modes, {100 * numbers['high_quality']:.0f} % within 3 sd"


def save(figure: Any, path: Path) -> None:
    from PIL import Image

    figure.savefig(path, dpi=130)
    Image.open(path).convert("RGB").quantize(192, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=256_000)
    parser.add_argument("--runs", type=Path, default=Path("runs/rings"), help="what was trained stands here")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="write rings-losses.png and rings-penalties.png here")
    parser.add_argument("--json", type=Path, metavar="OUT")
    chosen = parser.parse_args()
    results: dict[str, Any] = {"about": environment() | {"seed": chosen.seed, "images": chosen.images}}
    for picture, names in (("losses", LOSSES), ("penalties", PENALTIES)):
        panels = {}
        for name in names:
            folder = chosen.runs / f"{name.replace(', ', '-').replace(' ', '-')}-{chosen.seed}"
            panels[name] = looks(recipe(name, chosen.images, chosen.seed), folder)
            early, end = (found(look.fakes) for look in panels[name])
            print(f"{picture:<10}{name:<30}early: {_said(early):<34}end: {_said(end)}", flush=True)
            results.setdefault(picture, {})[name] = {"early": early, "end": end}
        if chosen.pictures:
            chosen.pictures.mkdir(parents=True, exist_ok=True)
            save(drawn(panels), chosen.pictures / f"rings-{picture}.png")
    if chosen.json:
        chosen.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
