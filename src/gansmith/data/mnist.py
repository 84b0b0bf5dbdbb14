"""MNIST and Fashion-MNIST: 60,000 + 10,000 grey images, 28 x 28, fetched once and checked on every load."""

from __future__ import annotations

from gansmith.core.component import component
from gansmith.core.errors import DataError
from gansmith.data.fetch import fetch
from gansmith.data.idx import mnist_style_files, read_pair
from gansmith.data.pixels import Channels, Size, fit_images
from gansmith.data.source import Samples, Split

_CLOTHES = ("t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")


@component
class Mnist:
    """Handwritten digits, white on black.

    Fields:
        size: side in pixels; None keeps 28.
        channels: 1, 3 or 4; None keeps 1.
    """

    size: Size | None = None
    channels: Channels | None = None

    def load(self, split: Split = "train") -> Samples:
        """Fetches the files first where they are not in the cache. Raises DataError or DiskError as `fetch` does."""
        return _load("mnist", tuple("0123456789"), split, self.size, self.channels)


@component
class FashionMnist:
    """Pieces of clothing, light on black.

    Fields:
        size: side in pixels; None keeps 28.
        channels: 1, 3 or 4; None keeps 1.
    """

    size: Size | None = None
    channels: Channels | None = None

    def load(self, split: Split = "train") -> Samples:
        """Fetches the files first where they are not in the cache. Raises DataError or DiskError as `fetch` does."""
        return _load("fashion-mnist", _CLOTHES, split, self.size, self.channels)


def _load(name: str, classes: tuple[str, ...], split: Split, size: int | None, channels: int | None) -> Samples:
    images, labels = mnist_style_files(fetch(name), split)
    if images is None or labels is None:  # only when another process empties the cache at this very moment
        raise DataError(f"the files of {name} went away while they were read: run the command again")
    values, numbers = read_pair(images, labels)
    return Samples(fit_images(values, size, channels, name), numbers, classes)
