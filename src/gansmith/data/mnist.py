"""MNIST and Fashion-MNIST: 60,000 training and 10,000 test images, 28 x 28, grey. Downloaded once, checked at every load."""

from __future__ import annotations

from typing import ClassVar

from gansmith.core.component import component
from gansmith.core.errors import DataError
from gansmith.data.fetch import fetch
from gansmith.data.idx import mnist_style_files, read_pair
from gansmith.data.pixels import Channels, Size, fit_images
from gansmith.data.source import Samples, Split

_CLOTHES = ("t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


@component
class Mnist:
    """MNIST (LeCun et al. 1998): handwritten digits, white on black.

    Fields:
        size: side in pixels; None keeps 28.
        channels: 1, 3 or 4; None keeps 1.
    """

    size: Size | None = None
    channels: Channels | None = None
    num_classes: ClassVar[int] = 10
    extractor: ClassVar[str] = "lenet-mnist"

    @property
    def train_shape(self) -> tuple[int, ...]:
        """(60000, C, H, W), known without the files."""
        return _train_shape(self.size, self.channels)

    def load(self, split: Split = "train") -> Samples:
        """Load a split, and download the files if they are not in the cache. Raises DataError or DiskError as `fetch` does."""
        return _load("mnist", tuple("0123456789"), split, self.size, self.channels)


@component
class FashionMnist:
    """Fashion-MNIST (Xiao et al. 2017): pieces of clothing, light on black.

    Fields:
        size: side in pixels; None keeps 28.
        channels: 1, 3 or 4; None keeps 1.
    """

    size: Size | None = None
    channels: Channels | None = None
    num_classes: ClassVar[int] = 10
    extractor: ClassVar[str] = "lenet-fashion"

    @property
    def train_shape(self) -> tuple[int, ...]:
        """(60000, C, H, W), known without the files."""
        return _train_shape(self.size, self.channels)

    def class_counts(self) -> tuple[int, ...]:
        """The number of training images of each class, known without the files."""
        return (6000,) * 10

    def load(self, split: Split = "train") -> Samples:
        """Load a split, and download the files if they are not in the cache. Raises DataError or DiskError as `fetch` does."""
        return _load("fashion-mnist", _CLOTHES, split, self.size, self.channels)


def _train_shape(size: int | None, channels: int | None) -> tuple[int, ...]:
    """The shape of the training images, (60000, C, H, W)."""
    return (60_000, channels or 1, size or 28, size or 28)


def _load(name: str, classes: tuple[str, ...], split: Split, size: int | None, channels: int | None) -> Samples:
    """Load a split of a data set from the cache, and download it first if it is not there."""
    images, labels = mnist_style_files(fetch(name), split)
    if images is None or labels is None:  # only if another process empties the cache right now
        raise DataError(f"the files of {name} were deleted while they were read: run the command again")
    values, numbers = read_pair(images, labels)
    return Samples(fit_images(values, size, channels, name), numbers, classes)
