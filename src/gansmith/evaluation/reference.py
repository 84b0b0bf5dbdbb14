"""The real side of every score: what samples are held against, and what held-out real images get in their place.

Features of real images are kept in the cache folder under the digests of data and extractor. A file there carries the digest of
its own content, so that a damaged one is seen and made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from gansmith.core import files
from gansmith.core.errors import DataError
from gansmith.data import Samples, Source, display_name
from gansmith.data.fetch import cache_folder
from gansmith.data.splits import validation_rows
from gansmith.evaluation import scoring
from gansmith.evaluation.diagnostics import Side
from gansmith.evaluation.extractors import Extractor, Features
from gansmith.evaluation.extractors.lenet import digest_of
from gansmith.evaluation.metrics import scores as metrics
from gansmith.evaluation.metrics.per_class import PerClass
from gansmith.evaluation.metrics.scores import Labelled, Moments
from gansmith.evaluation.scoring import CHUNK, MOST, FeatureSet, Metrics, ReferenceSet, Sample

KEPT = 2**25  # numbers of features kept of a split: 128 MiB
LEAST = 24  # training images
CACHE_VERSION = 1  # raise it with any change to how features, neighbours or moments are computed: what was kept is made again
HALF, SLICE, OTHER_HALF = 0, 1, 2  # groups of the training split; one half is all but the slice where there is a test split

Progress = Callable[[str, int, int], None]  # what is being done, how far it is, of how much


@dataclass(frozen=True, eq=False)
class Reference:
    """Real samples of a data set as an extractor sees them."""

    label: str
    digest: str  # SHA-256 of the samples
    extractor: Extractor
    train: Samples
    held_out: Samples | None  # the test split
    seen: FeatureSet  # of the training split
    seen_held_out: FeatureSet | None
    held_out_distances: Tensor  # float64 [at most MOST]
    stem: Path  # of its files in the cache

    @property
    def split(self) -> str:
        return "train without validation slice"

    @property
    def num_real(self) -> int:
        return int((self.seen.groups != SLICE).sum())

    @property
    def train_numbers(self) -> np.ndarray:
        """The numbers in the training split of the rows of `reference_set().train`."""
        return self.seen.rows

    def reference_set(self, *, half: bool = False) -> ReferenceSet:
        """What reported scores are held against; or one half of it, against which the other is the floor."""
        groups = (HALF,) if half or self.held_out else (HALF, OTHER_HALF)
        real, judge = self.seen.sample(groups, self.train.labels), self.seen.sample((SLICE,), self.train.labels)
        test = None if judge.feature_labels is None else Labelled(judge.features, judge.feature_labels)
        has_classes = self.extractor.classes is not None
        return ReferenceSet(real, self.seen.features, self.held_out_distances, test, has_classes)

    def num_floor(self, count: int) -> int:
        """How many held-out images stand in for `count` samples: as many, or all there are."""
        if self.seen_held_out is None:
            return int((self.seen.groups == OTHER_HALF).sum())
        return min(count, len(self.seen_held_out.rows))

    def floor(self, count: int, labelled: bool) -> Metrics:
        """The scores of held-out real images in the place of `count` samples. Kept in the cache while the code is the same."""
        path = self.stem.with_name(f"{self.stem.name}-floor-{count}{'-labelled' * labelled}-{CACHE_VERSION}.safetensors")

        def make() -> dict[str, Tensor]:
            yard = self.reference_set(half=True)
            found = scoring.measure(self._held_out_sample(count, labelled), yard, (self.held_out_distances, torch.empty(0)))
            tensors = {f"value.{key}": torch.tensor(value, dtype=torch.float64) for key, value in found.values.items()}
            tensors["subset_sd"] = torch.tensor(found.subset_sd, dtype=torch.float64)
            tensors |= found.within.tensors() if found.within else {}
            return tensors if found.shares is None else {**tensors, "shares": found.shares}

        tensors = cached(path, make)
        values = {k.removeprefix("value."): float(v) for k, v in tensors.items() if k.startswith("value.")}
        shares, near = tensors.get("shares"), (self.held_out_distances, torch.empty(0))
        return Metrics(values, float(tensors["subset_sd"]), shares, *near, PerClass.read(tensors))

    def sides(self) -> tuple[Side, Side]:
        """Held-out and reference images for the diagnostics; none is in both."""
        train = self.train.values
        held_out = train if self.held_out is None else self.held_out.values
        if self.seen_held_out is not None:
            held_out = held_out[self.seen_held_out.rows]
        sample, real = self._held_out_sample(len(held_out), False), self.reference_set(half=True).real
        return scoring.side_of(sample, lambda rows: held_out[rows]), scoring.side_of(real, lambda rows: train[rows])

    def _held_out_sample(self, count: int, labelled: bool) -> Sample:
        if self.held_out is None or self.seen_held_out is None:
            return self.seen.sample((OTHER_HALF,), self.train.labels if labelled else None)
        kept = self.seen_held_out
        places = scoring.chosen(len(kept.rows), count)
        rows = kept.rows[places]
        of_rows = Features(
            kept.features[torch.from_numpy(places)],
            None if kept.probabilities is None else kept.probabilities[torch.from_numpy(rows)],
        )
        # In the chunks and groups of a file of these images, so that such a file scores the floor to the last bit.
        chunks = (of_rows[first : first + CHUNK] for first in range(0, len(rows), CHUNK))
        seen = scoring.see(self.label, chunks, scoring.groups_of(len(rows)), scoring.chosen(len(rows)))
        labels = None if self.held_out.labels is None or not labelled else self.held_out.labels[rows]
        return seen.sample(range(scoring.GROUPS), labels)


def load(source: Source, extractor: Callable[[Samples], Extractor], progress: Progress = lambda *_: None) -> Reference:
    """The real samples of a source, from the cache where they are there.

    Raises DataError where there are too few, or where the two splits' samples differ in shape.
    """
    train = source.load("train")
    if len(train) < LEAST:
        raise DataError(
            f"{display_name(source)} has {len(train)} training samples: expected at least {LEAST} to hold others against"
        )
    held_out = _held_out(source, train.shape)
    chosen = extractor(train)
    digest = digest_of_samples(train, held_out)
    name = _plain(f"{display_name(source)}-{chosen.name}")
    key = hashlib.sha256(f"{digest} {chosen.digest} {torch.__version__} {CACHE_VERSION}".encode()).hexdigest()[:16]
    stem = cache_folder() / "features" / f"{name}-{key}"
    tensors = cached(
        stem.with_name(stem.name + ".safetensors"), lambda: _see_all(display_name(source), train, held_out, chosen, progress)
    )
    seen = _unpacked("train", tensors)
    seen_held_out = None if held_out is None else _unpacked("held_out", tensors)
    return Reference(
        display_name(source), digest, chosen, train, held_out, seen, seen_held_out, tensors["held_out_distances"], stem
    )


def _held_out(source: Source, shape: tuple[int, ...]) -> Samples | None:
    """The test split; None where there is none to speak of."""
    try:
        found = source.load("test")
    except DataError:
        return None
    if found.shape != shape:
        raise DataError(
            f"{display_name(source)} has training samples of shape {list(shape)} and test samples of shape {list(found.shape)}: "
            "make them alike"
        )
    return found if len(found) >= LEAST else None


def _see_all(name: str, train: Samples, held_out: Samples | None, extractor: Extractor, progress: Progress) -> dict[str, Tensor]:
    groups = np.full(len(train), HALF)
    groups[validation_rows(len(train))] = SLICE
    if held_out is None:
        rest = np.flatnonzero(groups == HALF)
        groups[np.delete(rest, scoring.chosen(len(rest), len(rest) // 2))] = OTHER_HALF
    chunks = features_of(train.values, extractor, "real images", progress)
    seen = scoring.see(name, chunks, groups, _kept(len(train), extractor))
    tensors = _packed("train", seen)
    if held_out is None:
        return tensors | {"held_out_distances": _distances_to_others(seen)}
    chunks = features_of(held_out.values, extractor, "held-out real images", progress)
    seen_held_out = scoring.see(name, chunks, np.zeros(len(held_out), np.int64), _kept(len(held_out), extractor))
    queries = seen_held_out.features[torch.from_numpy(scoring.chosen(len(seen_held_out.rows)))]
    distances = metrics.nearest(queries, seen.features)[0][:, 0]
    return tensors | _packed("held_out", seen_held_out) | {"held_out_distances": distances}


def _distances_to_others(seen: FeatureSet) -> Tensor:
    """From training samples to the nearest other one: float64 [at most MOST]."""
    rows = torch.from_numpy(scoring.chosen(len(seen.rows)))
    distances, places = metrics.nearest(seen.features[rows], seen.features, k=2)
    return torch.where(places[:, 0] == rows, distances[:, 1], distances[:, 0])


def features_of(
    values: np.ndarray, extractor: Extractor, what: str = "", progress: Progress = lambda *_: None
) -> Iterator[Features]:
    """Features of uint8 [N, C, H, W] or float32 [N, D], chunk by chunk."""
    for first in range(0, len(values), CHUNK):
        yield extractor(torch.from_numpy(values[first : first + CHUNK]))
        progress(what, min(first + CHUNK, len(values)), len(values))


def moments_of(values: np.ndarray, extractor: Extractor, name: str) -> Moments:
    """The moments of their features, kept in the cache under `name` and the digests of samples, extractor and code."""

    def make() -> dict[str, Tensor]:
        found = reduce(Moments.__add__, (Moments.of(chunk.features) for chunk in features_of(values, extractor)))
        return {"count": torch.tensor(found.count), "total": found.total, "outer": found.outer}

    digest = digest_of_samples(Samples(values))
    key = hashlib.sha256(f"{digest} {extractor.digest} {torch.__version__} {CACHE_VERSION}".encode()).hexdigest()[:16]
    tensors = cached(cache_folder() / "features" / f"{name}-{_plain(extractor.name)}-{key}.safetensors", make)
    return Moments(int(tensors["count"]), tensors["total"], tensors["outer"])


def _kept(length: int, extractor: Extractor) -> np.ndarray:
    return scoring.chosen(length, max(MOST, KEPT // extractor.width))


# --------------------------------------------------------------------------------------------------------- the cache


def _packed(name: str, seen: FeatureSet) -> dict[str, Tensor]:
    tensors = {
        "groups": torch.from_numpy(seen.groups),
        "rows": torch.from_numpy(seen.rows),
        "features": seen.features,
        "counts": torch.tensor([m.count for m in seen.moments]),
        "totals": torch.stack([m.total for m in seen.moments]),
        "outers": torch.stack([m.outer for m in seen.moments]),
    }
    if seen.probabilities is not None:
        tensors["probabilities"] = seen.probabilities
    return {f"{name}.{key}": tensor.contiguous() for key, tensor in tensors.items()}


def _unpacked(name: str, tensors: dict[str, Tensor]) -> FeatureSet:
    own = {key.removeprefix(f"{name}."): tensor for key, tensor in tensors.items() if key.startswith(f"{name}.")}
    moments = zip(own["counts"].tolist(), own["totals"], own["outers"], strict=True)
    return FeatureSet(
        own["groups"].numpy(),
        tuple(Moments(*of_group) for of_group in moments),
        own["rows"].numpy(),
        own["features"],
        own.get("probabilities"),
    )


def cached(path: Path, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """What is in the file, or else what `make` gives, which is put there."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError):
        tensors = safetensors.torch.load(path.read_bytes())
        with safetensors.safe_open(path, "pt") as file:
            if (file.metadata() or {})["sha256"] == digest_of(tensors):
                return tensors
    tensors = make()
    with files.disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, safetensors.torch.save(tensors, {"sha256": digest_of(tensors)}))
    return tensors


def _plain(name: str) -> str:
    """As a part of a file's name."""
    return re.sub(r"[^\w.-]", "_", name)


def digest_of_samples(*parts: Samples | None) -> str:
    digest = hashlib.sha256()
    for part in parts:
        for array in () if part is None else (part.values, part.labels):
            if array is not None:
                digest.update(f"{array.dtype} {array.shape};".encode())
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
