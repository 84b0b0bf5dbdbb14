"""Real samples for evaluations: the reference set of every score, and held-out real images for its floor.

Features of real images are kept in the cache folder under the digests of data and extractor. Each file there holds a digest of
its own content, so that a damaged file is detected and made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from gansmith.core import files
from gansmith.core.errors import DataError
from gansmith.core.user_input import read_bytes
from gansmith.data import Samples, Source, display_name
from gansmith.data.fetch import cache_folder
from gansmith.data.splits import validation_rows
from gansmith.evaluation import scoring
from gansmith.evaluation.diagnostics import DiagnosticSet
from gansmith.evaluation.extractors import Extractor, Features
from gansmith.evaluation.extractors.lenet import digest_of
from gansmith.evaluation.metrics import scores as metrics
from gansmith.evaluation.metrics.moments import Moments, MomentSum
from gansmith.evaluation.metrics.per_class import PerClass
from gansmith.evaluation.metrics.scores import Labelled
from gansmith.evaluation.scoring import CHUNK, MOST, FeatureSet, Metrics, ReferenceSet, SampleFeatures

KEPT = 2**25  # float32 numbers kept of a split: 128 MiB
LEAST = 24  # samples that a split needs
CACHE_VERSION = 2  # raise it with any change to features, neighbours or moments, so that cached files are made again
HALF, SLICE, OTHER_HALF = 0, 1, 2  # groups of the training split; with a test split, HALF is all but the validation slice

Progress = Callable[[str, int, int], None]  # (task, done, total)


Limit = Callable[[Samples, int, Extractor, bool], int | None]
"""(training samples, number of all real samples, extractor, whether all features are known) -> samples to use; None: all."""


@dataclass(frozen=True, eq=False)
class Part:
    """The part of a data set that an evaluation uses."""

    rows: np.ndarray  # int64 [T], ascending: indices in the training split
    num_train: int  # samples of the training split
    num_all: int  # samples of both splits

    @property
    def is_smaller(self) -> bool:
        """Whether samples were left out."""
        return len(self.rows) < self.num_train

    @property
    def validation(self) -> np.ndarray:
        """Places among `rows` that belong to the validation slice."""
        return np.flatnonzero(np.isin(self.rows, validation_rows(self.num_train)))


@dataclass(frozen=True, eq=False)
class RealData:
    """The real samples of a data set, and their features under one extractor."""

    label: str
    digest: str  # SHA-256 of the samples
    extractor: Extractor
    train: Samples
    held_out: Samples | None  # the test split
    train_features: FeatureSet  # features of the training split
    held_out_features: FeatureSet | None  # features of the test split
    held_out_distances: Tensor  # float64 [at most MOST], from held-out images to the nearest training image
    stem: Path  # beginning of the paths of its cache files
    part: Part

    @property
    def split(self) -> str:
        """Name of the part of the data that samples are compared with."""
        whole = "train without validation slice"
        return f"{len(self.train):,} of {self.part.num_train:,} of {whole}" if self.part.is_smaller else whole

    @property
    def num_real(self) -> int:
        """Number of real samples in the reference set."""
        return int((self.train_features.groups != SLICE).sum())

    @property
    def train_numbers(self) -> np.ndarray:
        """Index in the training split of each row of `reference_set().train`, int64 [T]."""
        numbers: np.ndarray = self.part.rows[self.train_features.rows]
        return numbers

    def train_samples(self, numbers: list[int]) -> np.ndarray:
        """Training samples by their indices in the training split."""
        return np.asarray(self.train.values[np.searchsorted(self.part.rows, numbers)])

    def reference_set(self, *, half: bool = False) -> ReferenceSet:
        """The reference set of reported scores; with `half`, the reference set of the floor.

        The two differ only without a test split: the floor then compares one half of the reference set with the other.
        """
        groups = (HALF,) if half or self.held_out else (HALF, OTHER_HALF)
        real, validation = (self.train_features.select(chosen, self.train.labels) for chosen in (groups, (SLICE,)))
        test = None if validation.feature_labels is None else Labelled(validation.features, validation.feature_labels)
        has_classes = self.extractor.classes is not None
        return ReferenceSet(real, self.train_features.features, self.held_out_distances, test, has_classes)

    def num_floor(self, count: int) -> int:
        """Number of held-out images that the floor of `count` samples uses: as many, or all there are."""
        if self.held_out_features is None:
            return int((self.train_features.groups == OTHER_HALF).sum())
        return min(count, len(self.held_out_features.rows))

    def floor(self, count: int, labelled: bool) -> Metrics:
        """Metrics of held-out real images in place of `count` samples, from the cache or computed now."""
        path = self.stem.with_name(f"{self.stem.name}-floor-{count}{'-labelled' * labelled}-{CACHE_VERSION}.safetensors")

        def make() -> dict[str, Tensor]:
            reference = self.reference_set(half=True)
            found = scoring.compute_metrics(
                self._held_out_sample(count, labelled), reference, (self.held_out_distances, torch.empty(0))
            )
            tensors = {f"value.{key}": torch.tensor(value, dtype=torch.float64) for key, value in found.values.items()}
            tensors["subset_sd"] = torch.tensor(found.subset_sd, dtype=torch.float64)
            tensors |= found.per_class.tensors() if found.per_class else {}
            return tensors if found.shares is None else {**tensors, "shares": found.shares}

        tensors = cached(path, make)
        values = {k.removeprefix("value."): float(v) for k, v in tensors.items() if k.startswith("value.")}
        shares, near = tensors.get("shares"), (self.held_out_distances, torch.empty(0))
        return Metrics(values, float(tensors["subset_sd"]), shares, *near, PerClass.from_tensors(tensors))

    def diagnostic_sets(self) -> tuple[DiagnosticSet, DiagnosticSet]:
        """Held-out and reference images for the diagnostics; the two sets share no image."""
        train = self.train.values
        held_out = train if self.held_out is None else self.held_out.values
        if self.held_out_features is not None:
            held_out = held_out[self.held_out_features.rows]
        sample, real = self._held_out_sample(len(held_out), False), self.reference_set(half=True).real
        return scoring.diagnostic_set(sample, lambda rows: held_out[rows]), scoring.diagnostic_set(real, lambda rows: train[rows])

    def _held_out_sample(self, count: int, labelled: bool) -> SampleFeatures:
        if self.held_out is None or self.held_out_features is None:
            return self.train_features.select((OTHER_HALF,), self.train.labels if labelled else None)
        kept = self.held_out_features
        places = scoring.choose_rows(len(kept.rows), count)
        rows = kept.rows[places]
        of_rows = Features(
            kept.features[torch.from_numpy(places)],
            None if kept.probabilities is None else kept.probabilities[torch.from_numpy(rows)],
        )
        # With the chunks and groups of a file of these images, so that evaluating such a file gives exactly the floor.
        chunks = (of_rows[first : first + CHUNK] for first in range(0, len(rows), CHUNK))
        seen = scoring.collect_features(self.label, chunks, scoring.groups_of(len(rows)), scoring.choose_rows(len(rows)))
        labels = None if self.held_out.labels is None or not labelled else self.held_out.labels[rows]
        return seen.select(range(scoring.GROUPS), labels)


def load_reference(
    source: Source,
    extractor: Callable[[Samples], Extractor],
    progress: Progress = lambda *_: None,
    limit: Limit = lambda *_: None,
) -> RealData:
    """Load the real samples of a source and their features, from the cache or computed now.

    `limit` chooses how many real samples are used; these are drawn at random, always the same ones.

    Raises DataError for too few samples, or if the shapes of the two splits differ.
    """
    train = source.load("train")
    if len(train) < LEAST:
        raise DataError(f"{display_name(source)} has {len(train)} training samples: an evaluation needs at least {LEAST}")
    held_out = _held_out(source, train.shape)
    chosen = extractor(train)
    label = display_name(source)
    part = Part(np.arange(len(train)), len(train), len(train) + (0 if held_out is None else len(held_out)))
    digest = digest_of_samples(train, held_out)
    stem = _stem(label, chosen, digest)
    most = limit(train, part.num_all, chosen, _features_path(stem).exists())
    if most is not None and most < part.num_all:
        train, held_out, part = _limited(train, held_out, part, most)
        digest = digest_of_samples(train, held_out, whole=digest)
        stem = _stem(label, chosen, digest)
    tensors = cached(_features_path(stem), lambda: _extract_all(label, train, held_out, part, chosen, progress))
    seen = _unpacked("train", tensors)
    held_out_features = None if held_out is None else _unpacked("held_out", tensors)
    return RealData(label, digest, chosen, train, held_out, seen, held_out_features, tensors["held_out_distances"], stem, part)


def _limited(train: Samples, held_out: Samples | None, part: Part, most: int) -> tuple[Samples, Samples | None, Part]:
    """About `most` samples of both splits, each in its share, but at least LEAST of each."""
    share = most / part.num_all
    if held_out is not None:
        held_out = held_out[scoring.choose_rows(len(held_out), max(LEAST, round(share * len(held_out))))]
    rows = scoring.choose_rows(len(train), max(LEAST, round(share * len(train))))
    return train[rows], held_out, Part(rows, part.num_train, part.num_all)


def _stem(label: str, extractor: Extractor, digest: str) -> Path:
    return cache_folder() / "features" / f"{_plain(f'{label}-{extractor.name}')}-{_cache_key(digest, extractor)}"


def _features_path(stem: Path) -> Path:
    return stem.with_name(stem.name + ".safetensors")


def _held_out(source: Source, shape: tuple[int, ...]) -> Samples | None:
    """The test split; None if it is missing or has fewer than LEAST samples."""
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


def _extract_all(
    name: str, train: Samples, held_out: Samples | None, part: Part, extractor: Extractor, progress: Progress
) -> dict[str, Tensor]:
    groups = np.full(len(train), HALF)
    groups[part.validation] = SLICE
    if held_out is None:
        rest = np.flatnonzero(groups == HALF)
        groups[np.delete(rest, scoring.choose_rows(len(rest), len(rest) // 2))] = OTHER_HALF
    chunks = features_of(train.values, extractor, "real images", progress)
    seen = scoring.collect_features(name, chunks, groups, _kept(len(train), extractor))
    tensors = _packed("train", seen)
    if held_out is None:
        return tensors | {"held_out_distances": _distances_to_others(seen)}
    chunks = features_of(held_out.values, extractor, "held-out real images", progress)
    held_out_features = scoring.collect_features(name, chunks, np.zeros(len(held_out), np.int64), _kept(len(held_out), extractor))
    queries = held_out_features.features[torch.from_numpy(scoring.choose_rows(len(held_out_features.rows)))]
    distances = metrics.nearest(queries, seen.features)[0][:, 0]
    return tensors | _packed("held_out", held_out_features) | {"held_out_distances": distances}


def _distances_to_others(seen: FeatureSet) -> Tensor:
    """Distance from training samples to the nearest other one: float64 [at most MOST]."""
    rows = torch.from_numpy(scoring.choose_rows(len(seen.rows)))
    distances, places = metrics.nearest(seen.features[rows], seen.features, k=2)
    return torch.where(places[:, 0] == rows, distances[:, 1], distances[:, 0])


def features_of(
    values: np.ndarray, extractor: Extractor, what: str = "", progress: Progress = lambda *_: None
) -> Iterator[Features]:
    """Features of images uint8 [N, C, H, W] or points float32 [N, D], chunk by chunk; `what` names them for `progress`."""
    for first in range(0, len(values), CHUNK):
        yield extractor(torch.from_numpy(values[first : first + CHUNK]))
        progress(what, min(first + CHUNK, len(values)), len(values))


def moments_of(values: np.ndarray, extractor: Extractor, name: str) -> Moments:
    """Moments of the features of samples, kept in the cache under `name` and the digests of samples and extractor."""

    def make() -> dict[str, Tensor]:
        found = extracted_moments(values, extractor)
        return {"count": torch.tensor(found.count), "mean": found.mean, "factor": found.factor}

    digest = digest_of_samples(Samples(values))
    file_name = f"{name}-{_plain(extractor.name)}-{_cache_key(digest, extractor)}.safetensors"
    tensors = cached(cache_folder() / "features" / file_name, make)
    return Moments(int(tensors["count"]), tensors["mean"], tensors["factor"])


def extracted_moments(values: np.ndarray, extractor: Extractor) -> Moments:
    """Moments of the features of samples."""
    found = MomentSum()
    for chunk in features_of(values, extractor):
        found.add(chunk.features)
    return found.moments


def _cache_key(digest: str, extractor: Extractor) -> str:
    """The part of a cache file's name that changes with samples, extractor, PyTorch and `CACHE_VERSION`."""
    return hashlib.sha256(f"{digest} {extractor.digest} {torch.__version__} {CACHE_VERSION}".encode()).hexdigest()[:16]


def _kept(length: int, extractor: Extractor) -> np.ndarray:
    return scoring.choose_rows(length, max(MOST, KEPT // extractor.width))


# --------------------------------------------------------------------------------------------------------- the cache


def _packed(name: str, seen: FeatureSet) -> dict[str, Tensor]:
    tensors = {
        "groups": torch.from_numpy(seen.groups),
        "rows": torch.from_numpy(seen.rows),
        "features": seen.features,
        "counts": torch.tensor([m.count for m in seen.moments]),
        "means": torch.stack([m.mean for m in seen.moments]),
        **{f"factor.{g}": m.factor for g, m in enumerate(seen.moments)},
    }
    if seen.probabilities is not None:
        tensors["probabilities"] = seen.probabilities
    return {f"{name}.{key}": tensor.contiguous() for key, tensor in tensors.items()}


def _unpacked(name: str, tensors: dict[str, Tensor]) -> FeatureSet:
    own = {key.removeprefix(f"{name}."): tensor for key, tensor in tensors.items() if key.startswith(f"{name}.")}
    factors = [own[f"factor.{g}"] for g in range(len(own["counts"]))]
    moments = zip(own["counts"].tolist(), own["means"], factors, strict=True)
    return FeatureSet(
        own["groups"].numpy(),
        tuple(Moments(*of_group) for of_group in moments),
        own["rows"].numpy(),
        own["features"],
        own.get("probabilities"),
    )


def cached(path: Path, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Read tensors from a cache file; if it is missing or damaged, write and return those of `make`."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, safetensors.SafetensorError):
        tensors = safetensors.torch.load(read_bytes(path))
        with safetensors.safe_open(path, "pt") as file:
            if (file.metadata() or {})["sha256"] == digest_of(tensors):
                return tensors
    tensors = make()
    with files.disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    files.write(path, safetensors.torch.save(tensors, {"sha256": digest_of(tensors)}))
    return tensors


def _plain(name: str) -> str:
    """Replace characters that file names can't hold."""
    return re.sub(r"[^\w.-]", "_", name)


def digest_of_samples(*parts: Samples | None, whole: str = "") -> str:
    """SHA-256 of the values and labels of some splits, 64 hexadecimal digits; `whole` is that of data they are a part of."""
    digest = hashlib.sha256(whole.encode())
    for part in parts:
        for array in () if part is None else (part.values, part.labels):
            if array is not None:
                digest.update(f"{array.dtype} {array.shape};".encode())
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
