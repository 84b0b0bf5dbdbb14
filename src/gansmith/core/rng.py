"""Random numbers as a function of (seed, stream, place), where the place is (images so far, player, turn), never of history.

NumPy's Philox (Salmon et al. 2011) maps a key and a 256-bit counter to random numbers, and a place is such a counter. So a
resumed run needs no saved generator state, any row can be drawn without the rows before it, and a second framework draws the
same noise. Layers such as dropout draw from torch's generator, which each turn seeds from its place inside `fork`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.random import Generator, Philox

if TYPE_CHECKING:
    import torch

MAX_SEED = 2**63 - 1
_MASK = 2**64 - 1
_FRESH = Philox(0).state  # without numbers left over from an earlier draw


class Stream(IntEnum):
    """The purpose of random numbers. The streams of one seed are independent."""

    WEIGHTS = 1
    ORDER = 2
    NOISE = 3
    TURN = 4  # what networks draw from torch during training, such as dropout
    SAMPLE = 5
    WARM_UP = 6
    CATEGORY = 7  # the category of a generated sample
    CODE = 8  # the category and codes of a generated sample during training, where real samples have none
    SOURCE_ORDER = 9  # the order of source images that have no partner
    CROP = 10  # where a training image is cropped, and whether it is mirrored


class Place(NamedTuple):
    """The place of a draw in a run: the number of real images read before the step, the player, and the player's turn."""

    images: int = 0
    player: int = 0
    turn: int = 0


class _ThreadLocal(threading.local):
    """A bit generator for each thread. It is reused, as making one asks the system for entropy, which is slow."""

    def __init__(self) -> None:
        self.philox = Philox(0)


_thread = _ThreadLocal()


def _philox(seed: int, stream: Stream, place: Place, first_block: int = 0) -> Philox:
    """Philox at a place. Draw from it before the next call in this thread, which moves it."""
    counter = np.array([first_block, place.images, 0, place.player << 32 | place.turn], np.uint64)
    _thread.philox.state = _FRESH | {"state": {"counter": counter, "key": np.array([seed, stream], np.uint64)}}
    return _thread.philox


def _uniform24(seed: int, stream: Stream, place: Place, first: int, count: int, dim: int) -> np.ndarray:
    """Rows `first` to `first + count - 1` of an endless uniform table in (0, 1), float32 [count, dim rounded up to 8 n]."""
    blocks = -(-dim // 8)  # a block is 4 words of 64 bits: 8 numbers
    raw = _philox(seed, stream, place, first * blocks).random_raw(count * blocks * 4)
    numbers = (raw.view(np.uint32) >> np.uint32(8)).astype(np.float32)
    numbers += np.float32(0.5)
    numbers *= np.float32(2.0**-24)
    return numbers.reshape(count, blocks * 8)


def uniform_rows(seed: int, stream: Stream, place: Place, first: int, count: int, dim: int) -> np.ndarray:
    """Rows `first` to `first + count - 1` of an endless table of uniform numbers in (0, 1), float32 [count, dim].

    Row i depends on the seed, the stream, the place and i alone.
    """
    return _uniform24(seed, stream, place, first, count, dim)[:, :dim]


def normal_rows(seed: int, stream: Stream, place: Place, first: int, count: int, dim: int) -> np.ndarray:
    """Rows `first` to `first + count - 1` of an endless table of N(0, 1) numbers, float32 [count, dim].

    Row i depends on the seed, the stream, the place and i alone. By the transform of Box and Muller (1958), which turns two
    uniform numbers into two normal ones.
    """
    u = _uniform24(seed, stream, place, first, count, dim)
    half = u.shape[1] // 2
    radius = np.sqrt(np.float32(-2.0) * np.log(u[:, :half]))
    angle = np.float32(2.0 * np.pi) * u[:, half:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)[:, :dim]


@lru_cache(maxsize=4)
def permutation(seed: int, epoch: int, length: int, stream: Stream = Stream.ORDER) -> np.ndarray:
    """The order in which an epoch reads `length` samples, a permutation, int64 [length]."""
    order = Generator(_philox(seed, stream, Place(epoch))).permutation(length)
    order.flags.writeable = False
    return order


def shuffled_rows(seed: int, images: int, count: int, length: int, stream: Stream = Stream.ORDER) -> np.ndarray:
    """The next `count` of `length` samples after `images` reads, int64 [count]: each once an epoch, in a new order each time."""
    places = np.arange(images, images + count)
    rows = np.empty(count, np.int64)
    for epoch in range(images // length, (images + count - 1) // length + 1):
        inside = places // length == epoch
        rows[inside] = permutation(seed, epoch, length, stream)[places[inside] % length]
    return rows


def integers(seed: int, images: int, count: int, high: int) -> np.ndarray:
    """`count` draws with replacement from 0 to `high - 1`, int64 [count], after `images` real images."""
    return Generator(_philox(seed, Stream.ORDER, Place(images))).integers(0, high, count)


def torch_seed(seed: int, stream: Stream, place: Place, rank: int = 0) -> int:
    """A seed for torch's generator at a place, in [0, 2^63): SplitMix64 (Steele et al. 2014) chained over the numbers."""
    state = seed
    for number in (stream, *place, rank):
        state = (state ^ number) + 0x9E3779B97F4A7C15 & _MASK
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        state = (state ^ state >> 27) * 0x94D049BB133111EB & _MASK
        state ^= state >> 31
    return state >> 1


@contextmanager
def fork(device: torch.device | None = None) -> Iterator[None]:
    """Restore torch's global generators, of the CPU and of `device`, at the end of a `with` block."""
    import torch

    cpu = torch.get_rng_state()
    on_device = None if device is None or device.type == "cpu" else torch.get_device_module(device).get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(cpu)
        if on_device is not None:
            torch.get_device_module(device).set_rng_state(on_device)


def seed_torch(number: int, device: torch.device | None = None) -> None:
    """Seed the global generators of the CPU and of `device`. Call it inside `fork` only, which restores them."""
    import torch

    torch.default_generator.manual_seed(number)  # 100 times faster than torch.manual_seed, which asks every backend
    if device is not None and device.type != "cpu":
        torch.get_device_module(device).manual_seed(number)
