"""Training of the shipped extractors: `gansmith data extractor mnist` repeats it.

They train on the training images without the validation slice, which is free for choosing settings. The test split gives their
accuracy. That of Fashion-MNIST was used twice: the first network's test accuracy (92.0 %) showed that its augmentation blurred
the training images.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import swa_utils

from gansmith.core import files, rng
from gansmith.core.errors import DataError, unknown
from gansmith.core.version import __version__
from gansmith.data import FashionMnist, Mnist, Source
from gansmith.data.splits import non_validation_rows, validation_rows
from gansmith.evaluation.extractors.lenet import SIDE, WIDTH, LeNet, digest_of

M = TypeVar("M", bound=nn.Module)

BATCH = 250
AVERAGE = 0.99  # decay of the average of the weights, per batch


@dataclass(frozen=True)
class Variation:
    """Augmentation of each training image, by uniform draws from these ranges."""

    degrees: float = 0.0  # rotation by at most this much either way
    scale: float = 0.0  # scaling by at most this share, in width and height independently
    shift: float = 0.0  # translation by at most this many pixels
    mirror: bool = False  # horizontal flip of half of the images
    whole: bool = False  # translation by whole pixels, without blur


@dataclass(frozen=True)
class Phase:
    """Epochs with one cycle of the learning rate (Smith 2018)."""

    epochs: int
    rate: float
    variation: Variation


@dataclass(frozen=True)
class Settings:
    """Training of one network: a first phase with batch norm and an optional second phase without, on sharp images."""

    name: str
    source: Source
    widths: tuple[int, int, int]
    first: Phase
    second: Phase | None = None
    seed: int = 1


SETTINGS = {
    "mnist": Settings("lenet-mnist", Mnist(), (24, 48, 96), Phase(8, 6e-3, Variation(degrees=10, scale=0.1, shift=2))),
    "fashion-mnist": Settings(
        "lenet-fashion",
        FashionMnist(),
        (32, 64, 128),
        Phase(12, 5e-3, Variation(degrees=3, scale=0.05, shift=2, mirror=True)),
        Phase(4, 1e-3, Variation(shift=1, mirror=True, whole=True)),
    ),
}


class Trainee(nn.Module):
    """A LeNet with batch norm after each layer but the last, for training."""

    def __init__(self, widths: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        self.net = LeNet(widths, num_classes)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)
        self.last_norm = nn.BatchNorm1d(WIDTH)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features [N, 84] and logits [N, K] of images [N, 1, 28, 28]."""
        x = x.contiguous(memory_format=torch.channels_last)
        for convolution, norm in zip(self.net.convolutions, self.norms, strict=True):
            x = functional.relu(functional.max_pool2d(norm(convolution(x)), 2))
        features = functional.relu(self.last_norm(self.net.hidden(x.flatten(1))))
        return features, self.net.classifier(features)

    def folded(self) -> LeNet:
        """The equivalent LeNet without batch norm."""
        net = copy.deepcopy(self.net)
        for layer, norm in zip([*net.convolutions, net.hidden], [*self.norms, self.last_norm], strict=True):
            _fold(layer, norm)
        return net.eval()


def _fold(layer: Any, norm: Any) -> None:
    """Fold batch norm in evaluation mode, an affine function per channel, into the layer before it."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    layer.bias.data = (layer.bias - norm.running_mean) * scale + norm.bias
    layer.weight.data = layer.weight * scale.view(-1, *[1] * (layer.weight.dim() - 1))


def fit(
    images: np.ndarray, labels: np.ndarray, settings: Settings, progress: Callable[[str, int, int], None] = lambda *_: None
) -> LeNet:
    """Train a LeNet on images uint8 [N, 1, 28, 28] and labels int64 [N].

    The loss is plain cross-entropy, for calibrated probabilities.
    """
    with rng.fork():
        torch.default_generator.manual_seed(settings.seed)
        model = Trainee(settings.widths, int(labels.max()) + 1)
        net = _learn(model, images, labels, settings.first, settings, 0, progress).folded()
        return net if settings.second is None else polish(net, images, labels, settings, progress)


def polish(
    net: LeNet,
    images: np.ndarray,
    labels: np.ndarray,
    settings: Settings,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> LeNet:
    """Train the second phase without rotation and scaling, which blur images a little."""
    assert settings.second is not None
    with rng.fork():
        torch.default_generator.manual_seed(settings.seed + 1)
        return _learn(net.requires_grad_(True), images, labels, settings.second, settings, settings.first.epochs, progress)


def _learn(
    model: M,
    images: np.ndarray,
    labels: np.ndarray,
    phase: Phase,
    settings: Settings,
    first_epoch: int,
    progress: Callable[[str, int, int], None],
) -> M:
    """Train a model for one phase, and return the exponential moving average of its weights."""
    pixels, targets = torch.from_numpy(images).float() / 255, torch.from_numpy(labels)
    steps = phase.epochs * (len(pixels) // BATCH)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    ema = swa_utils.get_ema_multi_avg_fn(AVERAGE)  # type: ignore[no-untyped-call]
    average = swa_utils.AveragedModel(model.train(), multi_avg_fn=ema, use_buffers=True)
    optimizer = torch.optim.AdamW(model.parameters(), phase.rate, weight_decay=0.01, fused=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, phase.rate, steps, pct_start=0.2)
    for step in range(steps):
        epoch, place = divmod(step, len(pixels) // BATCH)
        order = rng.permutation(settings.seed, first_epoch + epoch, len(pixels))
        rows = torch.from_numpy(order[place * BATCH : (place + 1) * BATCH].copy())
        # Products in bfloat16 take half the time on a processor that supports it; weights stay float32.
        with torch.autocast("cpu", torch.bfloat16):
            loss = functional.cross_entropy(model(vary(pixels[rows], phase.variation))[1], targets[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        cycle.step()
        average.update_parameters(model)
        if step % 20 == 0:
            progress(f"{settings.name}, loss {float(loss.detach()):.3f}", step, steps)
    return average.module.eval().requires_grad_(False)  # type: ignore[return-value]


def vary(images: Tensor, variation: Variation) -> Tensor:
    """Augment each image by its own draws from torch's generator; the area outside images is black."""
    count = len(images)
    draws = torch.rand(6, count) * 2 - 1
    angle = draws[0] * np.pi / 180 * variation.degrees
    wide, high = 1 + variation.scale * draws[1], 1 + variation.scale * draws[2]
    wide = wide * torch.where(draws[5] > 0, -1.0, 1.0) if variation.mirror else wide
    moves = (draws[3:5] * (variation.shift + 0.5)).round() if variation.whole else draws[3:5] * variation.shift
    right, down = 2 / SIDE * moves
    rows = (
        torch.stack([wide * angle.cos(), -high * angle.sin(), right], 1),
        torch.stack([wide * angle.sin(), high * angle.cos(), down], 1),
    )
    grid = functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


@torch.no_grad()
def accuracy(net: LeNet, images: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy on images uint8 [N, 1, 28, 28] with labels int64 [N], 0 to 1."""
    right = 0
    for start in range(0, len(images), 500):
        _, logits = net(torch.from_numpy(images[start : start + 500]).float() / 255)
        right += int((logits.argmax(1).numpy() == labels[start : start + 500]).sum())
    return right / len(images)


def make(data: str, out: Path | None = None, progress: Callable[[str, int, int], None] = lambda *_: None) -> dict[str, Any]:
    """Train the extractor for a data set and write it to `out`. Returns the file's metadata and its path.

    Raises DataError for a data set without settings.
    """
    if data not in SETTINGS:
        raise DataError(unknown("extractor's data set", data, SETTINGS))
    settings = SETTINGS[data]
    train, test = settings.source.load("train"), settings.source.load("test")
    assert train.labels is not None  # these two sets have labels and names
    assert test.labels is not None
    rows, slice_rows = non_validation_rows(len(train)), validation_rows(len(train))
    net = fit(train.values[rows], train.labels[rows], settings, progress)
    tensors = {name: tensor.contiguous() for name, tensor in net.state_dict().items()}
    facts = {
        "name": settings.name,
        "sha256": digest_of(tensors),
        "classes": train.classes,
        "validation_accuracy": accuracy(net, train.values[slice_rows], train.labels[slice_rows]),
        "test_accuracy": accuracy(net, test.values, test.labels),
        "num_train": len(rows),
        "seed": settings.seed,
        "epochs": settings.first.epochs + (settings.second.epochs if settings.second else 0),
        "command": f"gansmith data extractor {data}",
        "gansmith": __version__,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    # A single entry: safetensors writes several in random order, and equal weights would give unequal files.
    path = out or Path(f"{settings.name}.safetensors")
    files.write(path, safetensors.torch.save(tensors, {"gansmith": json.dumps(facts)}))
    return facts | {"path": path}
