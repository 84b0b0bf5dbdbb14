"""Scores of a translator: its samples beside the true images of the test split, and classical rivals on the same images.

Each sample is compared with the image that its source should have become, by L1, PSNR, SSIM and LPIPS. The Frechet distance
compares all samples with all true images. Its floor is the distance between two halves of the true images. Images are compared at
their own size, whatever the size of the other scores.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gansmith.core.errors import DataError, DiskError, SettingError
from gansmith.data import Samples, Split
from gansmith.data.modality import to_source
from gansmith.evaluation import reference
from gansmith.evaluation.extractors import Extractor
from gansmith.evaluation.metrics import paired
from gansmith.evaluation.metrics.lpips import lpips
from gansmith.evaluation.metrics.moments import MomentSum
from gansmith.evaluation.metrics.scores import frechet_distance
from gansmith.evaluation.reference import Progress
from gansmith.evaluation.results import Better, Score, brief_count, name_of
from gansmith.evaluation.rivals import Translate, rivals_for
from gansmith.runs.run import Run

Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Made and true images, uint8 [N, C, H, W] each -> a value for each pair, float64 [N]."""

FD = "fd_to_truth"
FEW = 500  # pairs that a report measures, which is to end within two minutes
HALVES_SEED = 0


@dataclass(frozen=True)
class PairedResult:
    """The scores of a translator by key, and those of classical rivals on the same source images, by name and key."""

    scores: dict[str, Score] = field(default_factory=dict)
    rivals: dict[str, dict[str, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # measures that are missing, and why


def measure_run(
    run: Run, load: Callable[[Split], Samples], extractor: Extractor, progress: Progress, most: int | None = None
) -> PairedResult:
    """Score a translator on the pairs of its own test split, at their own size. Empty for other runs, and without true images.

    Args:
        run: the run.
        load: loads a split of the run's own data. Rivals are fitted to the training split.
        extractor: of the features of the Frechet distance.
        progress: called with (task, done, total).
        most: pairs that are measured, the first of the split; None: all.
    """
    if (table := run.sources) is None or table.truth is None:
        return PairedResult()
    try:
        held_out = load("test")[:most]
    except DataError:  # there is no test split, and training pairs are known by heart
        return PairedResult()
    train = load("train")
    measures, notes = _measures(held_out)
    truth = held_out.values
    made = to_source(run.sampler.sample(0, len(held_out)))
    progress("pairs of the test split", 0, 1)
    values = {key: measure(made, truth) for key, (measure, *_) in measures.items()}
    scores = {key: _score(key, values[key], held_out.shape, *measures[key][1:]) for key in measures}
    scores[FD] = Score(
        name=name_of(FD, extractor.tag, len(truth), len(made)),
        title="Frechet distance to the true images",
        value=_distance(made, truth, extractor),
        low=None,
        high=None,
        draws=(),
        floor=_between_halves(truth, extractor),
        better="lower",
        about="distance between the features of translations and true images of the test split; the floor is that of two halves",
    )
    rivals: dict[str, dict[str, float]] = {}
    assert train.source_images is not None
    for name, rival in rivals_for(train.source_images, train.values).items():
        progress(f"rival {name}", 0, 1)
        rivals[name] = _of_rival(rival, table.images[:most], held_out, measures, extractor)
    return PairedResult(scores, rivals, notes)


def _measures(held_out: Samples) -> tuple[dict[str, tuple[Measure, str, Better, str]], tuple[str, ...]]:
    """The measures of pairs that can be computed here, with title, better direction and explanation; notes on the others."""
    found: dict[str, tuple[Measure, str, Better, str]] = {
        "l1": (paired.absolute_errors, "L1", "lower", "mean absolute difference from the true image, of 0 to 1"),
        "psnr": (paired.psnr, "PSNR", "higher", "peak signal-to-noise ratio to the true image in dB, averaged over images"),
        "ssim": (paired.ssim, "SSIM", "higher", "structural similarity to the true image (Wang et al. 2004)"),
        "lpips": (_lpips, "LPIPS", "lower", "distance from the true image in the features of AlexNet (Zhang et al. 2018)"),
    }
    notes, few = [], held_out.values[:1]
    for key, (measure, title, *_) in list(found.items()):
        try:
            value = measure(few, few)
        except (DataError, DiskError, SettingError) as error:
            notes.append(f"without {title}: {error}")
            del found[key]
        else:
            if math.isnan(float(value[0])):
                notes.append(f"without {title}: the images are too small for it")
                del found[key]
    return found, tuple(notes)


def _lpips(made: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return lpips("alex")(made, truth)


def _score(key: str, values: np.ndarray, shape: tuple[int, ...], title: str, better: Better, about: str) -> Score:
    """The mean over images with its 95 % interval, by the normal approximation."""
    mean = _mean(key, values, shape)
    finite = values[np.isfinite(values)]
    half = 1.96 * float(finite.std(ddof=1)) / math.sqrt(len(finite)) if len(finite) > 1 else math.nan
    low, high = (None, None) if math.isnan(half) else (mean - half, mean + half)
    return Score(f"{key}@{brief_count(len(values))}", title, mean, low, high, (mean,), None, better, about)


def _mean(key: str, values: np.ndarray, shape: tuple[int, ...]) -> float:
    """The mean over images. PSNR of equal images is infinite; `paired.mean_psnr` says how it counts."""
    return paired.mean_psnr(values, shape) if key == "psnr" else float(values.mean())


def _of_rival(
    rival: Translate,
    sources: np.ndarray,
    held_out: Samples,
    measures: dict[str, tuple[Measure, str, Better, str]],
    extractor: Extractor,
) -> dict[str, float]:
    """The scores of a rival by key; empty where it needs a package that is not installed."""
    try:
        made = rival(sources)
    except SettingError:
        return {}
    found = {key: _mean(key, measure(made, held_out.values), held_out.shape) for key, (measure, *_) in measures.items()}
    return found | {FD: _distance(made, held_out.values, extractor)}


def _distance(one: np.ndarray, other: np.ndarray, extractor: Extractor) -> float:
    """The Frechet distance between the features of two sets of images; infinity where one is not finite."""
    found = frechet_distance(*(_moments(images, extractor).moments for images in (one, other)))
    return found if math.isfinite(found) else math.inf


def _between_halves(truth: np.ndarray, extractor: Extractor) -> float:
    """The Frechet distance between two random halves of the true images."""
    order = np.random.Generator(np.random.Philox(key=HALVES_SEED)).permutation(len(truth))
    half = len(truth) // 2
    return _distance(truth[order[:half]], truth[order[half:]], extractor)


def _moments(images: np.ndarray, extractor: Extractor) -> MomentSum:
    """The moments of the features of some images."""
    found = MomentSum()
    for chunk in reference.features_of(images, extractor):
        found.add(chunk.features)
    return found
