"""Attribute classifier: a small network that learns every attribute of a data set from its real images.

    3x3 convolution of stride 2, batch norm, ReLU, until the map is at most 8 pixels wide; linear to 128, ReLU; linear

It trains on the training split and is tested on the test split. A data set without a test split is split by its validation rows.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from gansmith.core import rng
from gansmith.core.errors import DataError
from gansmith.data import Attribute, Samples, Source, display_name
from gansmith.data.fetch import cache_folder
from gansmith.data.location import digest_of_samples
from gansmith.data.splits import non_validation_rows, validation_rows
from gansmith.evaluation import reference
from gansmith.networks.stack import Stack

Progress = Callable[[str, int, int], None]  # (task, done, total)

SEED = 1
BATCH = 128
IMAGES = 80_000  # read in training
RATE = 3e-3
NOISE = 0.05  # sd of the noise on training images in [0, 1], against overfitting to the lowest bits of pixels
LEAST = 100  # images in each split
VERSION = 1  # of network and training: raise it with any change, so that cached classifiers are trained again


def attributes_of(samples: Samples, name: str) -> Mapping[str, Attribute]:
    """The attributes of samples, or their labels as an attribute called `class`.

    Raises DataError if they have neither.
    """
    if samples.attributes:
        return samples.attributes
    if samples.labels is None:
        raise DataError(f"{name} has neither attributes nor labels: choose data that have, such as faces or mnist")
    names = samples.classes or tuple(str(i) for i in range(int(samples.labels.max()) + 1))
    return {"class": Attribute(samples.labels, names)}


@dataclass(frozen=True, eq=False)
class AttributeClassifier:
    """A trained classifier of every attribute of a data set, with its predictions for held-out real images."""

    network: nn.Module  # float32 [N, C, H, W] in [0, 1] -> logits [N, K], the values of all attributes in a row
    train: Mapping[str, Attribute]  # true values of the training split
    held_out: Mapping[str, Attribute]  # true values of the held-out images
    predicted: Mapping[str, np.ndarray]  # predicted values of the held-out images, int64 [N] each

    def __call__(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Predict each attribute of images uint8 [N, C, H, W]: the likeliest value, int64 [N], by attribute."""
        return _predict(self.network, values, self.train)

    def accuracy(self, name: str) -> float:
        """Accuracy for one attribute on held-out real images, 0 to 1."""
        return float((self.predicted[name] == self.held_out[name].values).mean())


def load_classifier(source: Source, progress: Progress = lambda *_: None) -> AttributeClassifier:
    """The attribute classifier of a data set: from the cache, or trained now.

    Raises DataError for samples that are not images, have no attributes or labels, or are too few.
    """
    whole = source.load("train")
    train, test = _splits(source, whole)
    truth, known, held_out = _with_all_names(*(attributes_of(samples, display_name(source)) for samples in (whole, train, test)))
    if len(train.shape) != 3:
        raise DataError(f"{display_name(source)} has samples of shape {list(train.shape)}: an attribute classifier needs images")
    if min(len(train), len(test)) < LEAST:
        message = f"{len(train):,} training and {len(test):,} test images"
        raise DataError(f"{display_name(source)} has {message}: an attribute classifier needs {LEAST} of each")
    network = _build(train.shape, known)
    values = b"".join(attribute.values.tobytes() for attribute in known.values())
    key = hashlib.sha256(f"{digest_of_samples(train)} {VERSION} {torch.__version__}".encode() + values).hexdigest()[:16]
    path = cache_folder() / "judges" / f"{display_name(source)}-{key}.safetensors"
    network.load_state_dict(reference.cached(path, lambda: _train(train, known, progress)))
    network.eval().requires_grad_(False)
    return AttributeClassifier(network, truth, held_out, _predict(network, test.values, known))


def _with_all_names(*parts: Mapping[str, Attribute]) -> Iterator[Mapping[str, Attribute]]:
    """Give all parts the longest list of value names: labels without names are as many as one part happens to hold."""
    for part in parts:
        names = {name: max((other[name].names for other in parts), key=len) for name in part}
        yield {name: Attribute(attribute.values, names[name]) for name, attribute in part.items()}


def _splits(source: Source, whole: Samples) -> tuple[Samples, Samples]:
    """Training and held-out samples: the splits, or without a test split the training rows and the validation rows."""
    try:
        return whole, source.load("test")
    except DataError:
        return whole[non_validation_rows(len(whole))], whole[validation_rows(len(whole))]


def _build(shape: tuple[int, ...], known: Mapping[str, Attribute]) -> nn.Module:
    channels, height, width = shape
    halvings = max(1, math.ceil(math.log2(max(height, width) / 8)))
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise([channels, *(16 * (i + 1) for i in range(halvings))]):
        layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        height, width = -(-height // 2), -(-width // 2)
    layers += [nn.Flatten(), nn.Linear(16 * halvings * height * width, 128), nn.ReLU(inplace=True)]
    return Stack(*layers, nn.Linear(128, sum(len(attribute.names) for attribute in known.values())))


def _train(train: Samples, known: Mapping[str, Attribute], progress: Progress) -> dict[str, Tensor]:
    steps = IMAGES // BATCH
    with rng.fork():
        torch.default_generator.manual_seed(SEED)
        network = _build(train.shape, known).train()
        optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.01, fused=True)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps, pct_start=0.2)
        for step in range(steps):
            rows = rng.integers(SEED, step * BATCH, BATCH, len(train))
            images = torch.from_numpy(train.values[rows]).float() / 255
            logits = _parts(network(images + NOISE * torch.randn_like(images)), known)
            truths = (torch.from_numpy(attribute.values[rows]) for attribute in known.values())
            loss = torch.stack([functional.cross_entropy(*pair) for pair in zip(logits, truths, strict=True)]).sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            cycle.step()
            progress("training the attribute classifier", step + 1, steps)
    return {name: tensor.contiguous() for name, tensor in network.state_dict().items()}


@torch.no_grad()
def _predict(network: nn.Module, values: np.ndarray, known: Mapping[str, Attribute]) -> dict[str, np.ndarray]:
    logits = torch.cat([network(part.float() / 255) for part in torch.split(torch.from_numpy(values), 500)])
    return {name: part.argmax(1).numpy() for name, part in zip(known, _parts(logits, known), strict=True)}


def _parts(logits: Tensor, known: Mapping[str, Attribute]) -> tuple[Tensor, ...]:
    """Split logits by attribute: [N, K] each."""
    return torch.split(logits, [len(attribute.names) for attribute in known.values()], 1)
