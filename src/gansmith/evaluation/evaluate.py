"""Evaluate a generator or a set of samples: scores with confidence intervals and floors, per-class metrics and a verdict.

    evaluation = evaluate("runs/small")            # or a folder, an .npz, an array with data="mnist"
    evaluation.scores["fd"].value, .low, .high, .floor

A run is sampled several times, with seeds that nothing else uses; stored samples are evaluated as a whole. The reference set is
the training split without its validation slice. The floor of a score is its value for the test split in place of the samples.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gansmith.core import heap
from gansmith.core.component import to_json
from gansmith.core.errors import DataError, RecipeError, some
from gansmith.core.formatting import of_points
from gansmith.core.version import __version__
from gansmith.data import Samples, Source, modality, named
from gansmith.data.order import own_labels
from gansmith.evaluation import objective_scores, reference, scoring, sizes, sources, translations
from gansmith.evaluation.diagnostics import LIMIT, diagnostics
from gansmith.evaluation.extractors import Extractor, Features, check_extractor, find_extractor
from gansmith.evaluation.metrics.per_class import agreement, per_class_result
from gansmith.evaluation.planning import PLANNED, Allowance, Plan, measure_costs, plan, threads_restored
from gansmith.evaluation.real_data import is_own_data, real_source
from gansmith.evaluation.reference import Progress, RealData
from gansmith.evaluation.results import (
    ABOUT,
    COUNT,
    DRAWS,
    Classes,
    Evaluation,
    Finding,
    Memorisation,
    Pair,
    PerClassResult,
    Score,
    name_of,
    within_range,
)
from gansmith.evaluation.scoring import Metrics, SampleFeatures
from gansmith.evaluation.sources import SampleSource
from gansmith.evaluation.verdict import verdict
from gansmith.runs.run import Run

__all__ = ["COUNT", "DRAWS", "Classes", "Evaluation", "Finding", "Memorisation", "Pair", "Score", "evaluate"]

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
PAIRS, SHOWN = 16, 64


@threads_restored()
@sizes.size_advised()
def evaluate(
    what: str | Path | Run | np.ndarray,
    data: str | Source | None = None,
    *,
    count: int = COUNT,
    draws: int = DRAWS,
    extractor: str | None = None,
    checkpoint: str | int = "last",
    trust: str | Path | None = None,
    size: int | None = None,
    progress: Progress = lambda *_: None,
    within: Allowance | None = None,
) -> Evaluation:
    """Evaluate a run, a folder of images, an .npz or .npy file, or an array against real data.

    Args:
        what: a run or its folder, or stored samples: images uint8 [N, H, W, C] or points float32 [N, D]. An .npz may hold their
            requested classes as `labels`.
        data: a source, a name or a path, as for `gansmith.data.find`; None uses the run's own data.
        count: samples in each draw of a run; stored samples are all used.
        draws: number of times that a run is sampled, with seeds 1000, 1001, ...
        extractor: a name, FILE.py:FUNCTION or inception:WEIGHTS; None chooses by the data.
        checkpoint: of a run: "last", "best" or the image count of a stored checkpoint.
        trust: the Python file with own components that the run uses, if any.
        size: the side in pixels at which images of both sides are compared; None takes the smaller of the two. `evaluation.sizes`
            describes what is done.
        progress: called with (task, done, total).
        within: of a run: the time it may take. `count`, `draws` and the number of real samples are then what fits.

    Raises RunError, DataError or RecipeError if something is missing or does not fit.
    """
    started = time.perf_counter()
    check_extractor(extractor)
    sizes.check_size(size)
    opened = sources.find_samples(what, count, draws, trust, checkpoint, size)
    source, notes = real_source(opened, data, size)
    load_stored = functools.cache(source.load)
    is_own = is_own_data(opened, source, load_stored, was_given=data is not None)
    subject, load, resized = sizes.at_one_size(opened, load_stored, named.display_name(source), size)

    def choose_extractor(real: Samples) -> Extractor:
        return find_extractor(extractor, source, real.shape, modality.modality_for(real))

    planned: list[Plan] = []

    def limit(train: Samples, all_real: int, extractor: Extractor, is_cached: bool) -> int | None:
        if within is None or not isinstance(subject, sources.GeneratedSamples):
            return None
        costs = measure_costs(subject, extractor, train, within.clock)
        planned.append(plan(costs, all_real, PLANNED * within.left, is_cached))
        within.tell(planned[0].text(all_real))
        return planned[0].num_real

    real = reference.load_reference(source, choose_extractor, progress, load, limit)
    if planned:
        again = sources.find_samples(what, planned[0].count, planned[0].draws, trust, checkpoint, size)
        subject, _, _ = sizes.at_one_size(again, load_stored, named.display_name(source), size)
    has_labels = subject.kind != "run" or is_own  # a run knows the classes of its own data only
    reference_set = real.reference_set()
    progress("the scores of real data", 0, 1)
    floor = real.floor(subject.count, has_labels and _labels(subject, real, 0) is not None)
    num_draws = len(subject.seeds or (0,))
    num_copies_searched = scoring.MOST // num_draws
    found: list[Metrics] = []
    matched: tuple[int, ...] = ()
    for draw in range(num_draws):
        begun = within.left if within else 0.0
        title = f"draw {draw + 1} of {num_draws}" if subject.seeds else "samples"
        labels = _labels(subject, real, draw) if has_labels else None
        sample, images = _sample_features(subject, draw, labels, real.extractor, title, progress)
        progress(f"{title}: scores", 0, 1)
        near = scoring.nearest_training_rows(sample, reference_set.train, num_copies_searched)
        found.append(scoring.compute_metrics(sample, reference_set, near))
        categories, predicted = subject.categories(draw), sample.probabilities
        if labels is None and categories is not None and predicted is not None and predicted.shape[1] == subject.num_categories:
            found[-1].values["kind_agreement"], matched = agreement(categories, predicted)
        if draw == 0:
            first, fake_set = sample, scoring.diagnostic_set(sample, images)
        if within and within.left < (begun - within.left) / PLANNED:  # slower than planned: no time for another draw
            break
    progress("intervals of the scores", 0, 1)
    seeds = subject.seeds and subject.seeds[: len(found)]
    if seeds:
        intervals = scoring.intervals_of_draws([metrics.values for metrics in found])
    else:
        intervals = scoring.intervals_of_set(first, reference_set, found[0])
    own = {} if isinstance(subject, sources.StoredSamples) else objective_scores.scores(subject.run, real.held_out)
    of_pairs = translations.PairedResult()
    if isinstance(subject, sources.GeneratedSamples) and is_own:
        most = None if within is None else translations.FEW
        of_pairs = translations.measure_run(subject.run, load_stored, real.extractor, progress, most)
    pairs = _pairs(first, found[0], real)
    progress("diagnostics", 0, 1)
    without_verdict = Evaluation(
        what=subject.what,
        kind=subject.kind,
        **subject.metadata(),
        data=_data_metadata(real, source, subject.count)
        | _shortened(planned, real)
        | {"shape": list(subject.shape), "notes": [*opened.notes, *notes, *resized, *of_pairs.notes]},
        extractor=_extractor_metadata(real.extractor),
        num_fake=subject.count,
        seeds=seeds,
        seconds=0.0,
        gansmith=__version__,
        scores=_scores(found, intervals, floor, first, reference_set, real.extractor.tag) | own | of_pairs.scores,
        classes=_classes(found, floor, reference_set, real.extractor),
        of_classes=_of_classes(found, floor, real),
        matched=tuple(real.extractor.classes[c] for c in matched) if matched and real.extractor.classes else None,
        memorisation=_memorisation(found, real, pairs),
        samples=modality.to_saved(next(subject.chunks(0))[:SHOWN]),
        pair_fakes=modality.to_saved(subject.rows(0, np.array([p.fake for p in pairs]))),
        pair_reals=modality.to_saved(real.train_samples([p.train for p in pairs])),
        rivals=of_pairs.rivals,
        diagnostics=diagnostics(fake_set, *real.diagnostic_sets()),
    )
    recipe = None if isinstance(subject, sources.StoredSamples) else subject.run.recipe
    said = verdict(without_verdict.to_json(), recipe)
    heap.give_back()
    return dataclasses.replace(without_verdict, verdict=said, seconds=time.perf_counter() - started)


# --------------------------------------------------------------------------------------------- inputs


def _labels(subject: SampleSource, real: RealData, draw: int) -> np.ndarray | None:
    """Requested classes of the samples, numbered as in the data; None if the samples or the data have no classes."""
    labels, names = subject.labels(draw), real.train.classes
    if labels is None or real.train.labels is None:
        return None
    if subject.classes is not None and names is not None:  # folders: by name
        unlike, numbers = sorted({*subject.classes} - {*names}), own_labels(subject.classes)
        if unlike and numbers is None:
            raise DataError(f"{subject.what} has a class {unlike[0]!r}, expected classes of {real.label}: {some(names)}")
        # A file without names has numbers, which are places in the order of the classes where no class is called so.
        by_name = [names.index(name) for name in subject.classes] if not unlike else numbers
        labels = np.asarray(by_name)[labels]
    num_classes = int(real.train.labels.max()) + 1
    if labels.max() >= num_classes:
        row = int(labels.argmax())
        raise DataError(
            f"{subject.what}: expected labels from 0 to {num_classes - 1}, the classes of {real.label}, "
            f"found {labels[row]} in row {row}"
        )
    known = real.extractor.classes
    if known is not None and len(known) < num_classes:
        raise RecipeError(
            f"{real.extractor.name} knows {len(known)} classes, {real.label} has {num_classes}: choose another extractor"
        )
    return labels


def _sample_features(
    subject: SampleSource, draw: int, labels: np.ndarray | None, extractor: Extractor, title: str, progress: Progress
) -> tuple[SampleFeatures, Callable[[np.ndarray], np.ndarray]]:
    """Generate or read samples chunk by chunk and collect their features.

    Also returns a function from indices to images, for the samples that the diagnostics use.
    """
    rows = scoring.choose_rows(subject.count)
    shown = rows[scoring.choose_rows(len(rows), LIMIT)]
    kept = []

    def features() -> Iterator[Features]:
        first = 0
        for chunk in subject.chunks(draw):
            yield extractor(torch.from_numpy(chunk))
            low, high = np.searchsorted(shown, (first, first + len(chunk)))
            kept.append(chunk[shown[low:high] - first])
            first += len(chunk)
            progress(title, first, subject.count)

    seen = scoring.collect_features(subject.what, features(), scoring.groups_of(subject.count), rows)
    images = np.concatenate(kept)
    return seen.select(range(scoring.GROUPS), labels), lambda numbers: images[np.searchsorted(shown, numbers)]


# ------------------------------------------------------------------------------------------------------------ results


def _scores(
    found: list[Metrics],
    intervals: dict[str, tuple[float, float]],
    floor: Metrics,
    sample: SampleFeatures,
    reference_set: scoring.ReferenceSet,
    tag: str,
) -> dict[str, Score]:
    whole = (reference_set.real.count, sample.count)
    kept = (len(reference_set.real.rows), len(sample.rows))
    counts = dict.fromkeys(("kid", "precision", "recall", "density", "coverage", "class_fd", "gan_train", "gan_test"), kept)
    counts |= dict.fromkeys(("class_coverage", "worst_class_coverage"), kept)
    counts["near_copies"] = (len(reference_set.train), len(found[0].distances))
    scores = {}
    for key, (title, better, about) in ABOUT.items():
        if key not in found[0].values:
            continue
        draws = tuple(metrics.values[key] for metrics in found)
        low, high = within_range(key, *intervals[key]) if key in intervals else (None, None)
        spread = float(np.mean([metrics.subset_sd for metrics in found])) if key == "kid" else None
        if tag.startswith("points"):
            about = of_points(about)
        if tag.startswith("inception:"):
            title = {"fd": "FID", "classifier_score": "Inception score"}.get(key, title)
        scores[key] = Score(
            name=name_of(key, tag, *counts.get(key, whole)),
            title=title,
            value=float(np.mean(draws)),
            low=low,
            high=high,
            draws=draws,
            floor=floor.values.get(key),
            better=better,
            about=about,
            subset_sd=spread,
        )
    return scores


def _classes(found: list[Metrics], floor: Metrics, reference_set: scoring.ReferenceSet, extractor: Extractor) -> Classes | None:
    shares = [metrics.shares for metrics in found if metrics.shares is not None]
    if not shares or reference_set.real.shares is None or floor.shares is None or extractor.classes is None:
        return None
    rows = (reference_set.real.shares, torch.stack(shares).mean(0), floor.shares)
    real, fake, held_out = (tuple(row.tolist()) for row in rows)
    return Classes(extractor.classes, real, fake, held_out)


def _of_classes(found: list[Metrics], floor: Metrics, real: RealData) -> PerClassResult | None:
    parts = [metrics.per_class for metrics in found if metrics.per_class is not None]
    if not parts:
        return None
    num = len(parts[0].coverage)
    names = real.train.classes or real.extractor.classes or tuple(map(str, range(num)))
    return per_class_result(parts, floor.per_class, names[:num])


def _pairs(sample: SampleFeatures, measured: Metrics, real: RealData) -> tuple[Pair, ...]:
    """The samples of the first draw that are nearest to a training image, with that image."""
    nearest = measured.distances.sort(stable=True).indices[:PAIRS].tolist()
    distances, neighbours = measured.distances.tolist(), measured.neighbours.tolist()
    return tuple(Pair(int(sample.rows[i]), int(real.train_numbers[neighbours[i]]), distances[i]) for i in nearest)


def _memorisation(found: list[Metrics], real: RealData, pairs: tuple[Pair, ...]) -> Memorisation:
    at = torch.tensor(QUANTILES, dtype=torch.float64)
    fake = torch.cat([metrics.distances for metrics in found])
    of_fake, of_held_out = (tuple(torch.quantile(row, at).tolist()) for row in (fake, real.held_out_distances))
    return Memorisation(QUANTILES, of_fake, of_held_out, pairs)


def _data_metadata(real: RealData, source: Source, count: int) -> dict[str, Any]:
    num_floor = real.num_floor(count)
    floor = "the test split" if real.held_out else "one half of the reference, held against the other half"
    return {
        "label": real.label,
        "spec": to_json(source),
        "split": real.split,
        "sha256": real.digest,
        "num_real": real.num_real,
        "floor": floor,
        "num_floor": num_floor,
    }


def _shortened(planned: list[Plan], real: RealData) -> dict[str, Any]:
    """What a shorter evaluation has left out, and the seconds that a full one would take; empty for a full one."""
    if not planned or planned[0].is_full:
        return {}
    return {"num_all": real.part.num_all, "full_seconds": round(planned[0].full_seconds)}


def _extractor_metadata(extractor: Extractor) -> dict[str, Any]:
    return {"name": extractor.name, "sha256": extractor.digest, "width": extractor.width, "resizing": extractor.resizing}
