"""Golden values: digests of what every recipe trains to, so that a change which must not alter training is seen to alter nothing.

Each recipe trains two epochs of the 8x8 digits (or, for points, two epochs of the ring) with narrow networks; the variants of
`support.VARIANTS` add what no recipe uses. Three digests are kept: of the last checkpoint, of 64 samples, and of the evaluation's
scores. Floating-point rounding differs between versions of PyTorch and between processors, so values are kept for each pair of
both.

    make golden    # measure them here and write them into tests/data/golden.json
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

import gansmith
from gansmith.core.device import environment
from gansmith.data import Ring
from gansmith.recipes import catalogue, make
from gansmith.recipes.base import Recipe
from support import VARIANTS, hurry, newest_checkpoint, slim, tiny

FILE = Path(__file__).parent / "data" / "golden.json"
ON_POINTS = ("default", "pacgan-mixture")
NAMES = (*sorted(catalogue()), *(f"{name}-on-points" for name in ON_POINTS), *VARIANTS)


def key() -> str:
    """The versions that decide the last bit: `torch 2.13.0, AMD EPYC AVX512`."""
    return f"torch {torch.__version__.split('+')[0]}, {environment()['processor']}"


def recipe(name: str) -> Recipe:
    """The recipe behind a golden name, as narrow and short as it is trained here."""
    if name.endswith("-on-points"):
        made = make(name.removesuffix("-on-points"), ["budget=2epochs", "scores=none"], data="ring")
        return slim(dataclasses.replace(made, data=Ring(num=1500)))
    return slim(VARIANTS[name]() if name in VARIANTS else tiny(name, budget="2epochs"))


def digests(name: str, folder: Path) -> dict[str, str]:
    """Train the recipe in `folder` and digest its last checkpoint, 64 samples and its scores."""
    run = gansmith.train(recipe(name), folder, device="cpu")
    checkpoint = newest_checkpoint(folder).stem.split("-")[1]  # a checkpoint's name holds the digest of its file
    samples = hashlib.sha256(run.sample(seed=5, count=64).array.tobytes()).hexdigest()[:16]
    evaluation = gansmith.evaluate(run, count=200, draws=2)
    values = {key: [score.value, score.low, score.high, score.floor] for key, score in sorted(evaluation.scores.items())}
    scores = hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]
    return {"checkpoint": checkpoint, "samples": samples, "scores": scores}


def known() -> dict[str, dict[str, dict[str, str]]]:
    """The golden values kept so far: {torch and processor: {name: digests}}."""
    return dict(json.loads(FILE.read_text())) if FILE.exists() else {}


def renew() -> None:
    """Measure all golden values on this machine and write them down."""
    hurry()
    found: dict[str, Any] = {}
    for name in NAMES:
        with tempfile.TemporaryDirectory() as folder:
            found[name] = digests(name, Path(folder) / "run")
        print(f"{name:<40} {' '.join(found[name].values())}", flush=True)
    FILE.write_text(json.dumps(known() | {key(): found}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(renew())
