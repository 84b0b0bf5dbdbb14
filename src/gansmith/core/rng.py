"""All the randomness there is, as a function of place: (seed, stream, images so far, player, turn), never of history.

NumPy's Philox (Salmon et al. 2011) turns a key and a 256-bit counter into numbers, so a place *is* a counter: nothing
needs saving for a run to go on exactly, any row can be made without the rows before it, and a second framework draws
the same noise. Dropout and the like draw from torch's own generator, which a turn seeds from its place inside `fork`.
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
_FRESH = Philox(0).state  # with nothing left over from an earlier draw


class Stream(IntEnum):
    """What the numbers are for; streams of one seed share nothing."""

    WEIGHTS = 1
    ORDER = 2
    NOISE = 3
    TURN = 4  # dropout and whatever else a network draws from torch while it trains
    SAMPLE = 5
    WARM_UP = 6
    CATEGORY = 7  # the category of a generated sample
    CODE = 8  # the category and codes of a generated sample during training, where real samples have none


class Place(NamedTuple):
    """Where in a run a draw happens. `images` is the number of real images read before this step."""

    images: int = 0
    player: int = 0
    turn: int = 0


class _Own(threading.local):
    """A bit generator for each thread, set to one place after another: making one asks the system for entropy first."""

    def __init__(self) -> None:
        self.philox = Philox(0)


_own = _Own()


def _philox(seed: int, stream: Stream, place: Place, first_block: int = 0) -> Philox:
    """Philox at a place, to be drawn from before the next call in this thread."""
    counter = np.array([first_block, place.images, 0, place.player << 32 | place.turn], np.uint64)
    _own.philox.state = _FRESH | {"state": {"counter": counter, "key": np.array([seed, stream], np.uint64)}}
    return _own.philox


def _uniform24(seed: int, stream: Stream, place: Place, first: int, count: int, dim: int) -> np.ndarray:
    """float32 [count, dim rounded up to a multiple of 8], inside (0, 1), rows `first` and on."""
    blocks = -(-dim // 8)  # a block is 4 words of 64 bits: 8 numbers
    raw = _philox(seed, stream, place, first * blocks).random_raw(count * blocks * 4)
    numbers = (raw.view(np.uint32) >> np.uint32(8)).astype(np.float32)
    numbers += np.float32(0.5)
    numbers *= np.float32(2.0**-24)
    return numbers.reshape(count, blocks * 8)


def uniform_rows(seed: int, stream: Stream, place: Place, first: int, count: int, dim: int) -> np.ndarray:
    """Rows `first` to `first + count` of an endless table, float32 [count, dim] in (0, 1). Row i is the same in every call."""
    return _uniform24(seed, stream, place, first, count, dim)[:, :dim]


def normal_rows(seed: int, stream: Stream, place: Place, first: int, count: int, dim: int) -> np.ndarray:
    """The same with N(0, 1) entries, by Box and Muller's transform (1958), which uses two uniforms for two normals."""
    u = _uniform24(seed, stream, place, first, count, dim)
    half = u.shape[1] // 2
    radius = np.sqrt(np.float32(-2.0) * np.log(u[:, :half]))
    angle = np.float32(2.0 * np.pi) * u[:, half:]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)[:, :dim]


@lru_cache(maxsize=2)
def permutation(seed: int, epoch: int, length: int) -> np.ndarray:
    """The order in which epoch number `epoch` reads `length` samples, int64 [length]."""
    order = Generator(_philox(seed, Stream.ORDER, Place(epoch))).permutation(length)
    order.flags.writeable = False
    return order


def integers(seed: int, images: int, count: int, high: int) -> np.ndarray:
    """`count` draws with replacement from 0 to `high` - 1, int64 [count]."""
    return Generator(_philox(seed, Stream.ORDER, Place(images))).integers(0, high, count)


def torch_seed(seed: int, stream: Stream, place: Place, rank: int = 0) -> int:
    """A seed for torch's generator from a place, in [0, 2^63), by chaining SplitMix64 (Steele et al. 2014) over its numbers."""
    state = seed
    for number in (stream, *place, rank):
        state = (state ^ number) + 0x9E3779B97F4A7C15 & _MASK
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        state = (state ^ state >> 27) * 0x94D049BB133111EB & _MASK
        state ^= state >> 31
    return state >> 1


@contextmanager
def fork(device: torch.device | None = None) -> Iterator[None]:
    """Whatever is drawn from torch's global generators inside leaves them as they were outside."""
    import torch

    cpu = torch.get_rng_state()
    own = None if device is None or device.type == "cpu" else torch.get_device_module(device).get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(cpu)
        if own is not None:
            torch.get_device_module(device).set_rng_state(own)


def seed_torch(number: int, device: torch.device | None = None) -> None:
    """Seed the global generator a network on `device` draws from; only inside `fork`."""
    import torch

    torch.default_generator.manual_seed(number)  # a hundred times quicker than torch.manual_seed, which asks every backend
    if device is not None and device.type != "cpu":
        torch.get_device_module(device).manual_seed(number)
