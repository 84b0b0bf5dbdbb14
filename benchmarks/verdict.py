"""Measure how often the verdict names a fault: 1,000 test images with known faults, and unchanged images.

    python benchmarks/verdict.py --data mnist --out benchmarks/results/verdict-mnist.json

A fault counts as named if one of the complaints matches its words. The rules were improved on KNOWN faults. The words of NEW
faults were written before they were first run, and no rule was changed for them.
"""

from __future__ import annotations

import argparse
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

import gansmith
from gansmith.core.device import environment
from gansmith.data import Samples, find_source

COUNT, SEED, UNTOUCHED = 1000, 0, 3


@dataclass(frozen=True)
class World:
    """The material of a fault: test and training images, uint8 [N, H, W], the classes of the test images, and randomness."""

    x: np.ndarray
    y: np.ndarray
    train: np.ndarray
    g: np.random.Generator

    @classmethod
    def of(cls, test: Samples, train: Samples, seed: int) -> World:
        g = np.random.default_rng(seed)
        rows, train_rows = (g.permutation(len(s))[:COUNT] for s in (test, train))
        assert test.labels is not None
        return cls(test.values[rows, 0], test.labels[rows], train.values[train_rows, 0], g)

    def noise(self, sd: float, x: np.ndarray | None = None) -> np.ndarray:
        x = self.x if x is None else x
        return x + self.g.normal(0, sd, x.shape)

    def instead(self, share: float, other: np.ndarray) -> np.ndarray:
        """Replace a share of the images."""
        return np.where(self.g.random((COUNT, 1, 1)) < share, other, self.x)

    def static(self, most: int = 256) -> np.ndarray:
        return self.g.integers(0, most, self.x.shape)

    def shuffled(self) -> np.ndarray:
        return self.g.permuted(self.x.reshape(COUNT, -1), axis=1).reshape(self.x.shape)

    def moved(self, x: np.ndarray, most: int) -> np.ndarray:
        """Shift each image by a random number of pixels, with wrap-around."""
        return np.stack([np.roll(i, self.g.integers(-most, most + 1, 2), (0, 1)) for i in x])

    def means(self, count: int) -> np.ndarray:
        flat = self.train.reshape(COUNT, -1).astype(float)
        centres = KMeans(count, n_init=1, random_state=SEED).fit(flat).cluster_centers_
        return self.noise(1, centres[self.g.integers(0, count, COUNT)].reshape(self.x.shape))

    def components(self, count: int) -> np.ndarray:
        fitted = PCA(count, random_state=SEED).fit(self.train.reshape(COUNT, -1))
        return fitted.inverse_transform(fitted.transform(self.x.reshape(COUNT, -1))).reshape(self.x.shape)

    def same_class(self) -> np.ndarray:
        """For each image, another image of its class."""
        other = np.empty_like(self.x)
        for c in np.unique(self.y):
            other[self.y == c] = np.roll(self.x[self.y == c], 1, 0)
        return other

    def holes(self) -> np.ndarray:
        """Make a quarter of the squares of 4 x 4 pixels black."""
        height, width = self.x.shape[1:]
        cells = self.g.random((COUNT, -(-height // 4), -(-width // 4))) < 0.25
        return np.where(cells.repeat(4, 1).repeat(4, 2)[:, :height, :width], 0, self.x)


def smooth(x: np.ndarray, sd: float) -> np.ndarray:
    return ndimage.gaussian_filter(x.astype(float), (0, sd, sd))


def affine(x: np.ndarray, matrix: list[list[float]]) -> np.ndarray:
    """Transform images: the output at p, (down, across) in pixels from the centre, is the input at matrix @ p."""
    middle = (np.array(x.shape[1:]) - 1) / 2
    return np.stack([ndimage.affine_transform(i.astype(float), matrix, middle - np.array(matrix) @ middle, order=1) for i in x])


def turned(x: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.concatenate([affine(i[None], [[a, -b], [b, a]]) for i, a, b in zip(x, c, s, strict=True)])


def jpeg(image: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=25)
    return np.asarray(Image.open(file))


def halves(left: np.ndarray, right: np.ndarray, axis: int = 2) -> np.ndarray:
    return np.concatenate([np.split(left, 2, axis)[0], np.split(right, 2, axis)[1]], axis)


AGAIN = "over and over|repeat|twin"
Fault = tuple[Callable[[World], np.ndarray], str]

KNOWN: dict[str, Fault] = {
    "two images averaged": (lambda w: w.x / 2 + w.x[::-1] / 2, "blended|two classes"),
    "brighter by 30": (lambda w: w.x + 30.0, "bright"),
    "chequerboard of 12 greys": (lambda w: w.x + 12.0 * (np.indices(w.x.shape[1:]).sum(0) % 2), "chequerboard|grain|noise"),
    "training images with noise of 5": (lambda w: w.noise(5, w.train), "cop(y|ies)"),
    "a tenth empty": (lambda w: w.instead(0.1, np.zeros_like(w.x)), "empty"),
    "JPEG of quality 25": (lambda w: np.stack([jpeg(i) for i in w.x]), "block|grain|noise"),
    "30 mean images": (lambda w: w.means(30), f"blurred|variety|resemble|{AGAIN}"),
    "smeared over 4 px": (lambda w: ndimage.uniform_filter1d(w.x.astype(float), 4, axis=2), "blurred|smeared"),
    "a third negative": (lambda w: w.instead(0.3, 255 - w.x), "negative"),
    "15 % static": (lambda w: w.instead(0.15, w.static()), "noise|structure"),
    "half shuffled": (lambda w: w.instead(0.5, w.shuffled()), "shuffled|structure"),
    "slanted": (lambda w: affine(w.x, [[1, 0], [0.5, 1]]), "slant|distorted|turned"),
    "grey above 128 cut off": (lambda w: w.x.clip(0, 128), "contrast|dark"),
    "outlines": (lambda w: ndimage.gaussian_gradient_magnitude(w.x.astype(float), (0, 0.7, 0.7)), "pieces|distorted|half-tones"),
    "noise in the background": (lambda w: np.where(w.x < 20, w.static(60), w.x), "noise|grain"),
    "30 images with noise": (lambda w: w.noise(8, w.x[np.arange(COUNT) % 30]), AGAIN),
    "moved at random": (lambda w: w.moved(w.x, 5), "lies|distorted"),
    "turned at random": (lambda w: turned(w.x, w.g.uniform(-60, 60, COUNT)), "turned|slant|distorted"),
    "a third copies, a third shuffled": (
        lambda w: np.concatenate([w.x[::3], w.train[::3], w.shuffled()[::3]]),
        "cop(y|ies)",
    ),
    "20 principal components": (lambda w: w.components(20), "blurred|half-tones|grain|noise"),
    "30 % twice": (lambda w: np.concatenate([w.x[:700], w.x[:300]]), AGAIN),
    "right half negative": (lambda w: halves(w.x, 255 - w.x), "seam|negative|background|stamped"),
    "rows interlaced wrongly": (lambda w: w.x[:, np.arange(w.x.shape[1]) ^ 1], "rough|pattern|stripes|seam"),
    "three random rows white": (
        lambda w: np.where(w.g.random((*w.x.shape[:2], 1)) < 3 / 28, 255, w.x),
        "level|stripes|noise|rough",
    ),
    "two classes": (lambda w: w.x[np.isin(w.y, (2, 8))], "missing|hardly ever"),
}

NEW: dict[str, Fault] = {
    "squeezed to 60 % across": (lambda w: affine(w.x, [[1, 0], [0, 1 / 0.6]]), "thinner|smaller|distorted|upright"),
    "half-way to grey": (lambda w: w.x / 2 + 64, "contrast|pale|background"),
    "sharpened too much": (lambda w: w.x + 2 * (w.x - smooth(w.x, 1)), "rough|harder|contrast|sharp"),
    "four small ones in one": (lambda w: np.tile(w.x[:, ::2, ::2], (1, 2, 2)), "pieces|something else|distorted|comes back"),
    "overflown": (lambda w: (2 * w.x.astype(int)) % 256, "rough|pieces|noise|distorted|half-tones"),
    "dark half cut off": (lambda w: 2.0 * w.x - 255, "thinner|dark|half-tones|contrast"),
    "20 images, moved a little": (lambda w: w.moved(w.x[np.arange(COUNT) % 20], 1), f"{AGAIN}|variety|resemble"),
    "half the classes, with noise": (lambda w: w.noise(25)[w.y < 5], "missing|hardly ever"),
    "clouds": (lambda w: w.x + 400 * smooth(w.noise(1, 0.0 * w.x), 2), "background|noise|grain|clouds|bright"),
    "holes": (lambda w: w.holes(), "pieces|pattern|cut off|covered|less of the image"),
    "one class blurred": (lambda w: np.where((w.y == 7)[:, None, None], smooth(w.x, 2), w.x), "blurred|A mixture|unlike"),
    "training images moved by a pixel": (lambda w: np.roll(w.train, 1, 2), "cop(y|ies)|moved"),
    "averages within a class": (lambda w: w.x / 2 + w.same_class() / 2, "blended|blurred|half-tones|resemble"),
    "lower half moved by 6 px": (lambda w: halves(w.x, np.roll(w.x, 6, 2), 1), "seam|distorted|pieces|moved"),
    "fading to the right": (lambda w: w.x * np.linspace(1, 0, w.x.shape[2]), "dark|left|contrast|covered"),
}


def complaints(images: np.ndarray, data: str) -> list[str]:
    """The verdict's complaints about real-valued images [N, H, W], the most serious first."""
    found = gansmith.evaluate(images.round().clip(0, 255).astype(np.uint8)[..., None], data)
    return [f.text for f in found.verdict if not f.good and not f.text.startswith(("On the whole", "Try: "))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="mnist", choices=["mnist", "fashion-mnist"])
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    test, train = (find_source(given.data).load(split) for split in ("test", "train"))
    rows: list[dict[str, Any]] = []
    for seed in range(UNTOUCHED):
        said = complaints(World.of(test, train, seed).x, given.data)
        rows.append({"group": "untouched", "what": f"seed {seed}", "named": None, "said": said})
    for group, faults in (("new", NEW), ("known", KNOWN)):
        for what, (spoil, words) in faults.items():
            said = complaints(spoil(World.of(test, train, SEED)), given.data)
            named = next((i for i, text in enumerate(said, 1) if re.search(words, text)), None)
            rows.append({"group": group, "what": what, "words": words, "named": named, "said": said})
            print(f"{group:<6} {what:<34} {f'complaint {named}' if named else 'MISSED: ' + ' '.join(said)}", flush=True)
    print(f"untouched: {sum(bool(r['said']) for r in rows if r['group'] == 'untouched')} of {UNTOUCHED} complained of")
    for group in ("new", "known"):
        named = [r["named"] for r in rows if r["group"] == group]
        print(f"{group}: {sum(n is not None for n in named)} of {len(named)} named, {named.count(1)} by the first complaint")
    if given.out:
        facts = {"commit": commit, "machine": environment(), "command": " ".join(sys.argv), "rows": rows}
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
