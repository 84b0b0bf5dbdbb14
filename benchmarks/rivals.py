"""Measure the classical rivals of translators: enlargement, noise, holes, colourisation, MRI. No network is trained.

    make rivals                                  or: python benchmarks/rivals.py

105 patches of 64 x 64 pixels: fifteen of each of seven photographs of scikit-image and scikit-learn, made half as large by means
of 2 x 2 pixels first. Places are drawn by numpy.random.default_rng(0). Colour tables are fitted to patches of four photographs
and tested on the other three. MRI is the Shepp-Logan phantom unless --volume names a .npy file of slices [N, H, W]. Needs
`gansmith[images]`, and for two rows opencv-python-headless. Prints tables and writes benchmarks/results/rivals.json. Beside the
SSIM of Wang et al. stands the one with scikit-image's default window, 7 x 7 pixels of equal weight, which other tables have.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import skimage
from PIL import Image
from skimage import data
from skimage.metrics import structural_similarity
from sklearn.datasets import load_sample_image

from gansmith.core import files
from gansmith.data import weights
from gansmith.data.pixels import recolour
from gansmith.evaluation.metrics.lpips import lpips
from gansmith.evaluation.metrics.paired import mean_psnr, paired_values
from gansmith.evaluation.rivals import RIVALS, enlarging, mri

HERE = Path(__file__).resolve().parent
SIDE, EACH, SIGMA = 64, 15, 25.0
Rows = dict[str, dict[str, float]]


def photographs() -> dict[str, np.ndarray]:
    """Seven photographs, uint8 [H, W, 3]."""
    found = {name: getattr(data, name)() for name in ("astronaut", "chelsea", "coffee", "rocket")}
    with Image.open(Path(skimage.__file__).parent / "data/motorcycle_left.png") as picture:
        found["motorcycle"] = np.asarray(picture.convert("RGB"))
    return found | {name: load_sample_image(f"{name}.jpg") for name in ("china", "flower")}


def patches() -> np.ndarray:
    """uint8 [105, 3, 64, 64], fifteen of each photograph in turn."""
    rng, found = np.random.default_rng(0), []
    for photograph in photographs().values():
        height, width = photograph.shape[0] // 2, photograph.shape[1] // 2
        half = np.asarray(Image.fromarray(photograph).resize((width, height), Image.Resampling.BOX))
        for _ in range(EACH):
            y, x = rng.integers(0, height - SIDE), rng.integers(0, width - SIDE)
            found.append(half[y : y + SIDE, x : x + SIDE].transpose(2, 0, 1))
    return np.stack(found)


def scored(made: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    values = paired_values(made, truth)
    other = [structural_similarity(a, b, channel_axis=0, data_range=255) for a, b in zip(made, truth, strict=True)]
    found = {
        "psnr": mean_psnr(values["psnr"], truth.shape[1:]),
        "ssim": float(values["ssim"].mean()),
        "ssim_7x7": float(np.mean(other)),
        "l1": float(values["l1"].mean()),
    }
    if weights.available("alexnet"):
        found["lpips"] = float(lpips()(made, truth).mean())
    return found


def table(
    title: str, methods: dict[str, Callable[[], np.ndarray]], truth: np.ndarray, score: Callable[..., dict[str, float]]
) -> Rows:
    """Score every method, with the seconds of processor time that it takes for an image, and print the rows."""
    print(f"\n{title}", flush=True)
    rows: Rows = {}
    for name, method in methods.items():
        begun = time.process_time()
        made = method()
        seconds = (time.process_time() - begun) / len(truth)
        rows[name] = score(made, truth) | {"seconds": seconds}
        print(f"  {name:<22}" + "  ".join(f"{key} {value:.4f}" for key, value in rows[name].items()), flush=True)
    return rows


def of_task(task: str, *arguments: object) -> dict[str, Callable[[], np.ndarray]]:
    """The rivals of a task, to be called without arguments; those of OpenCV where it is installed."""
    has_opencv = importlib.util.find_spec("cv2") is not None
    rivals = [r for r in RIVALS.values() if r.task == task and (has_opencv or "OpenCV" not in r.source)]
    return {r.name: (lambda r=r: r.method(*arguments)) for r in rivals}


def in_holes(holes: np.ndarray) -> Callable[[np.ndarray, np.ndarray], dict[str, float]]:
    """PSNR of the pixels in holes alone, and LPIPS of the images."""

    def score(made: np.ndarray, truth: np.ndarray) -> dict[str, float]:
        errors = [np.square(a[:, h].astype(float) - b[:, h]).mean() for a, b, h in zip(made, truth, holes, strict=True)]
        best = 1 / (truth.shape[1] * holes[0].sum())  # an equal hole, as `mean_psnr` counts equal images
        psnr = float((10 * np.log10(255**2 / np.maximum(errors, best))).mean())
        return {"psnr": psnr} | {key: value for key, value in scored(made, truth).items() if key == "lpips"}

    return score


def centre(side: int) -> np.ndarray:
    found = np.zeros((SIDE, SIDE), bool)
    first = (SIDE - side) // 2
    found[first : first + side, first : first + side] = True
    return found


def magnitudes(made: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """PSNR, SSIM of slices float64 [N, H, W] in [0, 1] as bytes, and NMSE over all of them."""
    as_bytes = [np.clip(np.rint(side * 255), 0, 255).astype(np.uint8)[:, None] for side in (made, truth)]
    found = {key: value for key, value in scored(*as_bytes).items() if key in ("psnr", "ssim", "ssim_7x7")}
    return found | {"nmse": float(np.square(made - truth).sum() / np.square(truth).sum())}


def lines(width: int, acceleration: int, fraction: float) -> np.ndarray:
    """Columns of k-space that are measured: all near the centre, the others by chance (fastMRI's random mask): bool [width]."""
    near = round(width * fraction)
    chance = (width / acceleration - near) / (width - near)
    found = np.random.default_rng(0).random(width) < chance
    first = (width - near + 1) // 2
    found[first : first + near] = True
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--volume", type=Path, help="slices [N, H, W], .npy, for MRI")
    given = parser.parse_args()
    truth = patches()
    results: dict[str, Rows] = {}

    small = enlarging.shrunk(truth, 4)
    results["enlarge"] = table("16 -> 64 pixels", of_task("enlarge", small, 4), truth, scored)

    unclipped = truth + np.random.default_rng(0).normal(0, SIGMA, truth.shape)
    noisy = np.clip(np.rint(unclipped), 0, 255).astype(np.uint8)
    methods = {"none": lambda: noisy} | of_task("denoise", noisy, SIGMA)
    results["denoise"] = table("noise of 25 levels, in bytes", methods, truth, scored)
    results["denoise, unclipped"] = table("noise of 25 levels, unclipped", of_task("denoise", unclipped, SIGMA), truth, scored)

    dots = np.random.default_rng(0).random((len(truth), SIDE, SIDE)) < 0.5
    for name, holes in {
        "half of the pixels": dots,
        "a hole of 16 x 16": np.repeat(centre(16)[None], len(truth), 0),
        "a hole of 32 x 32": np.repeat(centre(32)[None], len(truth), 0),
    }.items():
        broken = np.where(holes[:, None], 0, truth).astype(np.uint8)
        results[f"inpaint, {name}"] = table(
            f"{name}: PSNR in the hole", of_task("inpaint", broken, holes), truth, in_holes(holes)
        )

    grey, split = recolour(truth, 1), 4 * EACH
    makers = [RIVALS[name] for name in ("identity", "mean-colour", "colour-table", "chroma-table")]
    fitted = {r.name: r.method(grey[:split], truth[:split]) for r in makers}
    results["colourise"] = table(
        "grey -> colour, three photographs", {n: (lambda f=f: f(grey[split:])) for n, f in fitted.items()}, truth[split:], scored
    )
    everything = {"grey itself": lambda: recolour(grey, 3)}
    results["grey"] = table("grey -> colour, all seven", everything, truth, scored)

    if given.volume:
        slices = np.load(given.volume).astype(np.float64)
        slices /= slices.max()
    else:
        slices = skimage.transform.resize(data.shepp_logan_phantom(), (128, 128), anti_aliasing=True)[None]
    for acceleration, fraction in ((4, 0.08), (8, 0.04)):
        measured = lines(slices.shape[2], acceleration, fraction)
        kspace = mri.to_kspace(slices)
        title = f"MRI, {acceleration} times fewer lines"
        results[f"mri, {acceleration}x"] = table(title, of_task("mri", kspace, measured), slices, magnitudes)

    out = HERE / "results" / "rivals.json"
    files.write(out, (json.dumps(results, indent=1) + "\n").encode())
    print(f"\n{out.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
