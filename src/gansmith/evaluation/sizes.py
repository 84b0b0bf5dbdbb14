"""One size of images on both sides of an evaluation.

Images of a folder are read in their own size, or at 64 x 64 where they have several sizes. Where the two sides still differ, both
get the smaller side of the two: cropped to their centre and resized by the one function that training uses. Grey beside colour
becomes colour, and transparency beside none is composited on white.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

from gansmith.core.errors import DataError, SettingError
from gansmith.data import Folder, Samples, Split, fit_images
from gansmith.data.image_files import BadImage, read_header
from gansmith.data.layout import layout_of, list_images
from gansmith.data.memory import TooLarge

SEVERAL = 64  # the side of images of several sizes, as in training
MAX_SIZE = 4096

Load = Callable[[Split], Samples]


class Sized(Protocol):
    """Samples to evaluate, as far as their size is concerned."""

    @property
    def what(self) -> str:
        """Their name in messages."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: (C, H, W) or (D,)."""
        ...

    def fitted(self: T, side: int | None, channels: int) -> T:
        """The samples at another size (None keeps it) and number of channels."""
        ...


T = TypeVar("T", bound=Sized)


def check_size(size: int | None) -> None:
    """Raise SettingError for a size that no image can have."""
    if size is not None and not 1 <= size <= MAX_SIZE:
        raise SettingError(f"size {size}: expected the side of the images in pixels, 1 to {MAX_SIZE}")


@contextlib.contextmanager
def size_advised() -> Iterator[None]:
    """Where images do not fit in memory, advise the size that an evaluation takes, not the setting of a recipe."""
    try:
        yield
    except TooLarge as error:
        if not error.are_images:
            raise
        advice = "compare smaller images with --size, or use fewer samples"
        raise TooLarge(error.problem, advice, are_images=True) from None


def at_own_size(folder: Folder, size: int | None = None, beside: tuple[int, ...] = ()) -> tuple[Folder, tuple[str, ...]]:
    """A folder that is read at `size`, or else at its images' own size, 64 x 64 for several sizes; and what to say of it.

    Images of one size that differ from the samples `beside` them, (C, H, W), are read at the smaller side of the two.
    """
    found = _sizes(folder)
    if size is None:
        smallest = min(min(found)) if len(found) == 1 else SEVERAL
        is_kept = len(found) < 2 if len(beside) != 3 else found <= {(beside[2], beside[1])}
        size = None if is_kept else min([smallest, *beside[1:]])
    read = dataclasses.replace(folder, size=size)
    if size is None or found <= {(size, size)}:
        return read, ()
    small, large = (f"{width} x {height}" for width, height in (min(found), max(found)))
    before = small if len(found) == 1 else f"{small} to {large}"
    return read, (f"{folder.path}: images of {before} are read at {size} x {size}",)


def _sizes(folder: Folder) -> set[tuple[int, int]]:
    """The sizes (width, height) of the training images of a folder that can be read, by their headers."""
    found = set()
    for file in list_images(layout_of(folder.path, "train", folder.rules).root):
        try:
            header = read_header(file, folder.rules)
        except BadImage:  # `load` says so
            continue
        found.add((header.width, header.height))
    return found


def at_one_size(subject: T, load: Load, label: str, size: int | None) -> tuple[T, Load, tuple[str, ...]]:
    """Bring samples and real samples to one size and one number of channels.

    Returns the samples, a function that loads a split of the real ones, and what to say of it. Raises DataError where one side
    has images and the other points, or points of other lengths.
    """
    made, real = subject.shape, load("train").shape
    if len(made) != 3 or len(real) != 3:
        if made != real:
            raise DataError(
                f"{subject.what} has samples of shape {_by(made)}, {label} has {_by(real)}: "
                "make them alike, or name other data with --data"
            )
        if size is not None:
            raise SettingError(f"size {size}: {label} has points, which have no size; leave out --size")
        return subject, load, ()
    side = size or (None if made[1:] == real[1:] else min(*made[1:], *real[1:]))
    channels = made[0] if made[0] == real[0] else 3
    target = (channels, side or made[1], side or made[2])
    if made == real == target:
        return subject, load, ()

    @functools.cache
    def load_fitted(split: Split) -> Samples:
        samples = load(split)
        return dataclasses.replace(samples, values=fit_images(samples.values, side, channels, label))

    changed = [f"{name}, {_by(shape)}," for name, shape in ((subject.what, made), (label, real)) if shape != target]
    note = f"{' and '.join(changed)} {'is' if len(changed) == 1 else 'are'} compared at {_by(target)}"
    return subject.fitted(side, channels), load_fitted, (note,)


def _by(shape: tuple[int, ...]) -> str:
    """A shape in a message: `1 x 28 x 28`."""
    return " x ".join(map(str, shape))
