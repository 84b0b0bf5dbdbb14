"""Who says what is true of a sample: a classifier that learns each attribute of a data set from its real images.

    3x3 convolution of stride 2, batch norm, ReLU, until the map is at most 8 pixels wide; linear to 128, ReLU; linear

It learns from the training split, and the test split says how often it is right about images it never saw. Where there is none it
learns without the validation slice, which takes its place.
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
from gansmith.data import Attribute, Samples, Source, label
from gansmith.data.fetch import cache_folder
from gansmith.data.splits import reference_rows, validation_rows
from gansmith.evaluation import reference
from gansmith.networks.stack import Stack

Progress = Callable[[str, int, int], None]  # what is being done, how far it is, of how much

SEED = 1
BATCH = 128
IMAGES = 80_000  # read while it learns
RATE = 3e-3
NOISE = 0.05  # of black to white, so that it doesn't live on what no generator gets right to the last bit
LEAST = 100  # images in each split
VERSION = 1  # of all this: judges in the cache are of one


def attributes_of(samples: Samples, name: str) -> Mapping[str, Attribute]:
    """What is known of samples: their attributes, or else their labels as an attribute called `class`.

    Raises DataError where nothing is.
    """
    if samples.attributes:
        return samples.attributes
    if samples.labels is None:
        raise DataError(f"{name} carries neither attributes nor labels to judge by: choose data that do, such as faces or mnist")
    names = samples.classes or tuple(str(i) for i in range(int(samples.labels.max()) + 1))
    return {"class": Attribute(samples.labels, names)}


@dataclass(frozen=True, eq=False)
class AttributeClassifier:
    """A classifier of every attribute of a data set, with what it is worth."""

    network: nn.Module  # float32 [N, C, H, W] in [0, 1] -> logits [N, K] for all values of all attributes, one beside the other
    train: Mapping[str, Attribute]  # the truth of the training split
    held_out: Mapping[str, Attribute]  # and of images it never saw
    said: Mapping[str, np.ndarray]  # what it says of those, int64 [N] each

    def __call__(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """The likeliest value of each attribute, int64 [N], of uint8 [N, C, H, W]."""
        return _values(self.network, values, self.train)

    def accuracy(self, name: str) -> float:
        """How often it is right about images it never saw."""
        return float((self.said[name] == self.held_out[name].values).mean())


def of(source: Source, progress: Progress = lambda *_: None) -> AttributeClassifier:
    """The judge of a data set: from the cache, or else it learns now.

    Raises DataError where the data are no images, carry nothing to judge or are too few.
    """
    whole = source.load("train")
    train, test = _sides(source, whole)
    truth, known, held_out = _alike(*(attributes_of(samples, label(source)) for samples in (whole, train, test)))
    if len(train.shape) != 3:
        raise DataError(f"{label(source)} has samples of shape {list(train.shape)}, and attributes are judged of images alone")
    if min(len(train), len(test)) < LEAST:
        message = f"{len(train):,} training and {len(test):,} test images"
        raise DataError(f"{label(source)} has {message}: a judge of attributes needs {LEAST} of each")
    network = _built(train.shape, known)
    values = b"".join(attribute.values.tobytes() for attribute in known.values())
    key = hashlib.sha256(f"{reference.digest_of_samples(train)} {VERSION} {torch.__version__}".encode() + values).hexdigest()[:16]
    path = cache_folder() / "judges" / f"{label(source)}-{key}.safetensors"
    network.load_state_dict(reference.cached(path, lambda: _learnt(train, known, progress)))
    network.eval().requires_grad_(False)
    return AttributeClassifier(network, truth, held_out, _values(network, test.values, known))


def _alike(*parts: Mapping[str, Attribute]) -> Iterator[Mapping[str, Attribute]]:
    """The same with all values that any part has: labels without names are as many as a part happens to hold."""
    for part in parts:
        names = {name: max((other[name].names for other in parts), key=len) for name in part}
        yield {name: Attribute(attribute.values, names[name]) for name, attribute in part.items()}


def _sides(source: Source, whole: Samples) -> tuple[Samples, Samples]:
    """What it learns from and what says how good it is: the splits, or where there is no test split, the validation slice."""
    try:
        return whole, source.load("test")
    except DataError:
        return whole[reference_rows(len(whole))], whole[validation_rows(len(whole))]


def _built(shape: tuple[int, ...], known: Mapping[str, Attribute]) -> nn.Module:
    channels, height, width = shape
    halvings = max(1, math.ceil(math.log2(max(height, width) / 8)))
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise([channels, *(16 * (i + 1) for i in range(halvings))]):
        layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        height, width = -(-height // 2), -(-width // 2)
    layers += [nn.Flatten(), nn.Linear(16 * halvings * height * width, 128), nn.ReLU(inplace=True)]
    return Stack(*layers, nn.Linear(128, sum(len(attribute.names) for attribute in known.values())))


def _learnt(train: Samples, known: Mapping[str, Attribute], progress: Progress) -> dict[str, Tensor]:
    steps = IMAGES // BATCH
    with rng.fork():
        torch.default_generator.manual_seed(SEED)
        network = _built(train.shape, known).train()
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
            progress("a classifier learns the attributes", step + 1, steps)
    return {name: tensor.contiguous() for name, tensor in network.state_dict().items()}


@torch.no_grad()
def _values(network: nn.Module, values: np.ndarray, known: Mapping[str, Attribute]) -> dict[str, np.ndarray]:
    logits = torch.cat([network(part.float() / 255) for part in torch.split(torch.from_numpy(values), 500)])
    return {name: part.argmax(1).numpy() for name, part in zip(known, _parts(logits, known), strict=True)}


def _parts(logits: Tensor, known: Mapping[str, Attribute]) -> tuple[Tensor, ...]:
    """The logits of each attribute's values, [N, K] each."""
    return torch.split(logits, [len(attribute.names) for attribute in known.values()], 1)
