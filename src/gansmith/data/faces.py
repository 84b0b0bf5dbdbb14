"""Drawn faces with known attributes: glasses, beard, hair, mouth, skin and clothes.

The drawings are DiceBear's (https://www.dicebear.com) in the style Personas by Draftbit (https://personas.draftbit.com), licensed
under CC BY 4.0: name both where you show one. DiceBear's code and resvg's binding are MIT. All three come with `gansmith[faces]`.

A face depends on its split and index only, so a smaller `count` gives the first faces. Drawing one takes some milliseconds, so
the faces are cached in blocks; the name of each block contains a digest of its content.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from gansmith.core.component import component
from gansmith.core.errors import DataError
from gansmith.data.drawn import keep_drawings, not_installed, read_drawings, svg_painter
from gansmith.data.fetch import cache_folder, to_stderr
from gansmith.data.memory import must_fit
from gansmith.data.source import Attribute, Samples, Split

STYLE = "personas"
EXTRA = "faces"
# By default one face in ten has a beard, and two of the six beards are too faint to see at 64 pixels.
OPTIONS: dict[str, Any] = {
    "facialHairProbability": 30,
    "facialHairVariant": ["beardMustache", "goatee", "pyramid", "walrus"],
}
BLOCK = 250  # faces in a file of the cache
REPORT = 5000  # faces between two progress messages

Artist = Callable[[str], tuple[np.ndarray, list[int]]]


class Respect(NamedTuple):
    """One attribute of the faces: the choice of DiceBear that decides it, and its values.

    `repr(RESPECTS)` is part of the cache key, so renaming this class or a field discards cached faces.
    """

    choice: str
    values: Mapping[str, tuple[str, ...]]  # by name; the value with an empty tuple stands for all other choices


RESPECTS = {
    "glasses": Respect("eyesVariant", {"none": (), "glasses": ("glasses",), "sunglasses": ("sunglasses",)}),
    "beard": Respect("facialHairVariant", {"no": (), "yes": tuple(OPTIONS["facialHairVariant"])}),
    "hair": Respect(
        "hairVariant",
        {
            "short": (),
            "none": ("bald", "balding", "buzzcut"),
            "curly": ("curly", "curlyHighTop"),
            "long": ("bobBangs", "bobCut", "extraLong", "long", "pigtails", "sideShave"),
            "bun": ("bunUndercut", "curlyBun", "straightBun"),
            "hat": ("beanie", "cap"),
        },
    ),
    "mouth": Respect(
        "mouthVariant", {"plain": (), "open": ("bigSmile", "surprise"), "lips": ("lips",), "pacifier": ("pacifier",)}
    ),
    "skin": Respect("skinColor", {"light": (), "dark": ("#b16a5b", "#92594b", "#623d36")}),
    "clothes": Respect(
        "clothingColor",
        {
            "red": (),
            "pink": ("#f55d81",),
            "blue": ("#456dff",),
            "purple": ("#7555ca",),
            "green": ("#6dbb58",),
            "teal": ("#54d7c7",),
            "yellow": ("#f3b63a",),
        },
    ),
}


@component
class Faces:
    """Cartoon faces with known attributes, in colour: DiceBear's style Personas by Draftbit, CC BY 4.0.

    Fields:
        count: number of training faces; the test split has a fifth as many, all different.
        size: side in pixels. The drawings are vector graphics, so they are sharp at any size.
    """

    count: Annotated[int, Field(ge=5, le=1_000_000)] = 20_000
    size: Annotated[int, Field(ge=8, le=1024)] = 64
    num_classes: ClassVar[int] = 0

    @property
    def train_shape(self) -> tuple[int, ...]:
        """(count, 3, size, size), known without drawing."""
        return (self.count, 3, self.size, self.size)

    def load(self, split: Split = "train") -> Samples:
        """Load a split, and draw the faces that are not in the cache.

        Raises:
            DataError: `gansmith[faces]` is not installed, or the faces do not fit in memory.
            DiskError: the cache cannot be written.
        """
        count = self.count if split == "train" else self.count // 5
        must_fit((count, 3, self.size, self.size), np.uint8, "faces")
        values, picks = np.empty((count, 3, self.size, self.size), np.uint8), np.empty((count, len(RESPECTS)), np.int64)
        for first, drawn, picked in _blocks(split, count, self.size):
            rows = slice(first, first + BLOCK)
            values[rows], picks[rows] = drawn[: count - first], picked[: count - first]
        named = {name: tuple(respect.values) for name, respect in RESPECTS.items()}
        return Samples(values, attributes={name: Attribute(picks[:, i].copy(), named[name]) for i, name in enumerate(RESPECTS)})


def _blocks(split: Split, count: int, size: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """(index of the first face, faces uint8 [BLOCK, 3, S, S], attribute values int64 [BLOCK, attributes]) of each block."""
    folder = cache_folder() / "faces" / f"{size}-{_key()[:12]}"
    draw, reported = None, list[int]()
    for first in range(0, count, BLOCK):
        stem = f"{split}-{first:07d}"
        kept = read_drawings(folder, stem)
        if kept is None:
            draw = draw or _artist(size)
            if not reported or first - reported[-1] >= REPORT:
                reported.append(first)
                to_stderr(f"drawing faces, once for the cache: {first:,} of {count:,} ({split})")
            images, picks = _drawn(draw, split, first)
            keep_drawings(folder, stem, images=images, picks=picks)
            kept = {"images": images, "picks": picks}
        yield first, kept["images"], kept["picks"]


def _drawn(draw: Artist, split: Split, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw one block: faces uint8 [BLOCK, 3, S, S] and attribute values int64 [BLOCK, attributes]."""
    drawn, picks = zip(*(draw(f"{split}-{number}") for number in range(first, first + BLOCK)), strict=True)
    return np.stack(drawn), np.array(picks, np.int64)


def _artist(size: int) -> Artist:
    """A function: seed -> (face uint8 [3, S, S], attribute values). Raises DataError without the extra."""
    try:
        from dicebear import Avatar, Style
    except ImportError as error:
        raise _not_installed(error) from None
    paint = svg_painter(size, "faces", EXTRA)
    style = Style(json.loads(_definition()))

    def draw(seed: str) -> tuple[np.ndarray, list[int]]:
        made = Avatar(style, {"seed": seed, **OPTIONS}).to_json()
        return paint(made["svg"]), [_value(respect, made["options"]) for respect in RESPECTS.values()]

    return draw


def _not_installed(reason: object) -> DataError:
    """The error for a missing package of the extra."""
    return not_installed("faces", EXTRA, reason)


def _value(respect: Respect, chosen: Mapping[str, Any]) -> int:
    """The index of an attribute's value among its values, given DiceBear's choices."""
    choice = chosen.get(respect.choice)
    choice = choice[0] if isinstance(choice, list) else choice
    return next((i for i, choices in enumerate(respect.values.values()) if choice in choices), 0)


def _definition() -> bytes:
    """The definition of the style, from its package. Raises DataError without the extra."""
    import importlib.resources

    try:
        return (importlib.resources.files("dicebear_styles") / f"{STYLE}.json").read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise _not_installed(error) from None


def _key() -> str:
    """The cache key: a digest of all that a face depends on, except split, index and size. Raises DataError without the extra."""
    digest = hashlib.sha256(_definition() + json.dumps(OPTIONS).encode() + repr(RESPECTS).encode())
    for package in ("dicebear-core", "resvg-py"):
        try:
            digest.update(f"{package} {importlib.metadata.version(package)};".encode())
        except importlib.metadata.PackageNotFoundError as error:
            raise _not_installed(f"no {error.name}") from None
    return digest.hexdigest()
