"""The data sets that have a name, and what a user may write to mean a source: a name or a path."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gansmith.core.component import kebab
from gansmith.core.errors import DataError, unknown
from gansmith.data.arrays import Arrays
from gansmith.data.digits import Digits
from gansmith.data.faces import Faces
from gansmith.data.folder import SUFFIXES, Folder
from gansmith.data.idx import Idx, mnist_style_files
from gansmith.data.mnist import FashionMnist, Mnist
from gansmith.data.rare import Balanced, Rare
from gansmith.data.source import Repeats, Source
from gansmith.data.stacked import StackedMnist
from gansmith.data.synthetic import Grid, Ring


@dataclass(frozen=True)
class NamedData:
    """A data set that has a name, as `gansmith data list` shows it."""

    make: Callable[[], Source]
    purpose: str  # what it is good for, in a line
    is_fetched: bool  # whether it must be fetched before its first use
    licence: str
    homepage: str


NAMES: dict[str, NamedData] = {
    "mnist": NamedData(
        Mnist,
        "handwritten digits, 28 x 28, grey: the first data set for any new idea",
        True,
        "CC BY-SA 3.0 (Yann LeCun, Corinna Cortes)",
        "http://yann.lecun.com/exdb/mnist/",
    ),
    "fashion-mnist": NamedData(
        FashionMnist,
        "pieces of clothing, 28 x 28, grey: as small as MNIST and harder",
        True,
        "MIT (Zalando SE)",
        "https://github.com/zalandoresearch/fashion-mnist",
    ),
    "digits": NamedData(
        Digits,
        "handwritten digits, 8 x 8, grey: real images with no download, for a try of seconds",
        False,
        "CC BY 4.0 (E. Alpaydin, C. Kaynak), carried by scikit-learn (BSD-3-Clause)",
        "https://archive.ics.uci.edu/dataset/80",
    ),
    "ring": NamedData(
        Ring,
        "points of 8 Gaussians on a circle: to see and count dropped modes",
        False,
        "none needed: made by gansmith",
        "https://arxiv.org/abs/1712.04086",
    ),
    "grid": NamedData(
        Grid,
        "points of 25 Gaussians on a grid: more modes to drop",
        False,
        "none needed: made by gansmith",
        "https://arxiv.org/abs/1712.04086",
    ),
    "stacked-mnist": NamedData(
        StackedMnist,
        "three random MNIST digits as colours, 28 x 28, made on the fly: 1,000 modes to drop (uses mnist)",
        False,
        "that of mnist: CC BY-SA 3.0 (Yann LeCun, Corinna Cortes)",
        "https://arxiv.org/abs/1611.02163",
    ),
    "faces": NamedData(
        Faces,
        "cartoon faces, 64 x 64, colour, with known attributes (glasses, beard ...): drawn at first use, an extra",
        False,
        "CC BY 4.0 (Personas by Draftbit, remixed by DiceBear)",
        "https://www.dicebear.com/styles/personas/",
    ),
    "rare": NamedData(
        Rare,
        "fashion-mnist with two classes cut to 1 %, 60 images each: to make data for rare classes",
        False,
        "that of fashion-mnist: MIT (Zalando SE)",
        "https://github.com/zalandoresearch/fashion-mnist",
    ),
}


_ARRAY_SUFFIXES = (".npy", ".npz")


_FILE_SUFFIXES = (*_ARRAY_SUFFIXES, *SUFFIXES, ".gz", ".zip")


def find(text: str, skip_bad: bool = False) -> Source:
    """The source that a user means: a name in `NAMES`, or the path of a folder, a .npy, .npz or idx file.

    A name comes before a path; write `./mnist` for a folder called mnist. Nothing is loaded.

    Args:
        text: what the user wrote.
        skip_bad: leave out images that can't be read; for folders of images only.

    Raises DataError where nothing is meant, with the nearest name for a typo.
    """
    source = NAMES[text].make() if text in NAMES else _find_path(text, skip_bad)
    if skip_bad and not isinstance(source, Folder):
        raise DataError(f"skip_bad is for folders of images, and {text} is none: leave it out")
    return source


def _find_path(text: str, skip_bad: bool) -> Source:
    # os.path answers no where pathlib raises: for names too long, homes of nobody, folders that may not be entered.
    path = Path(os.path.expanduser(text))
    if text and os.path.isdir(path):
        has_idx = any(mnist_style_files(path, split)[0] for split in ("train", "test"))
        return Idx(text) if has_idx else Folder(text, skip_bad=skip_bad)
    if text and os.path.exists(path):
        if path.suffix in _ARRAY_SUFFIXES:
            return Arrays(text)
        if re.search(r"idx|ubyte", path.name):
            return Idx(text)
        raise DataError(
            f"{text} is no data set: expected a folder of images, a .npy or .npz file, or an idx file; give its folder"
        )
    is_path = os.sep in text or "/" in text or text.startswith("~") or text.lower().endswith(_FILE_SUFFIXES)
    raise DataError(f"no such file or folder: {text}" if is_path else unknown("data set", text, NAMES))


def label(source: Source) -> str:
    """A short name to show: `mnist`, or the last part of a path."""
    match source := once(source):
        case Arrays(path=path) | Folder(path=path) | Idx(path=path):
            return Path(os.path.expanduser(path)).resolve().name or path
    return kebab(type(source).__name__)


def once(source: Source) -> Source:
    """The source whose samples this one repeats; itself where it repeats none."""
    return source.once if isinstance(source, Repeats) else source


def origin_of(source: Source) -> Source:
    """The data set that a source makes some classes rare of, or repeats; itself where it does neither."""
    while isinstance(source, (Rare, Balanced)):
        source = source.of
    return source


def shape_of(source: Source) -> tuple[int, ...]:
    """The shape of one sample, (C, H, W) or (D,), without fetching a set whose shape is known by name; others are loaded."""
    return size_of(origin_of(source))[1:]


def size_of(source: Source) -> tuple[int, ...]:
    """(N, C, H, W) or (N, D) of the training split, likewise."""
    match source:
        case Mnist(size=size, channels=channels) | FashionMnist(size=size, channels=channels):
            return (60_000, channels or 1, size or 28, size or 28)
        case Ring() | Grid():
            return (source.num, 2)
        case Faces(count=count, size=size):
            return (count, 3, size, size)
        case StackedMnist():
            return (source.num, 3, 28, 28)
    samples = source.load()
    return (len(samples), *samples.shape)


def num_classes(source: Source) -> int:
    """How many classes the labels of the training split name, without fetching a set whose classes are known by name.

    Raises DataError where the data carry no labels.
    """
    if isinstance(origin_of(source), (Mnist, FashionMnist)):
        return 10
    samples = source.load()
    if not samples.num_classes:
        raise DataError(f"{label(source)} carries no labels; choose condition=clusters, or condition=none")
    return samples.num_classes
