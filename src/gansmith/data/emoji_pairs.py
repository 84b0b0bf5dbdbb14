"""Pairs of emoji: a black drawing and the same emoji in flat colours, drawn over each other by the same designers.

The drawings are Microsoft's Fluent Emoji (https://github.com/microsoft/fluentui-emoji), MIT, as two npm packages of Iconify.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from gansmith.core.component import component
from gansmith.core.user_input import read_bytes
from gansmith.data.drawn import keep_drawings, not_installed, read_drawings, svg_painter
from gansmith.data.fetch import REMOTES, cache_folder, fetch, to_stderr
from gansmith.data.memory import must_fit
from gansmith.data.source import Samples, Split

Part = Literal["train", "validation", "test"]

EXTRA = "emoji"
COUNTS: dict[Part, int] = {"train": 1159, "validation": 183, "test": 252}
_SOURCE, _TARGET = "fluent-emoji-high-contrast.json", "fluent-emoji-flat.json"
_FRAME = 32  # units of the drawings; two drawings have 33 in height, whose last one is empty
_TEST, _VALIDATION = 0.15, 0.10  # shares of base names

# Words of a name that tell variants of one emoji apart: sex, skin, direction, colour and number.
_VARIANTS = frozenset(
    [
        *("man", "men", "mens", "mans", "woman", "women", "womens", "womans", "person", "people"),
        *("light", "medium", "dark"),
        *("facing", "left", "right", "up", "down", "leftwards", "rightwards", "upwards", "downwards"),
        *("black", "blonde", "blue", "brown", "green", "grey", "orange", "pink", "purple", "red", "white", "yellow"),
        *("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
        *map(str, range(11)),
    ]
)
# Other names of one drawing. A person with other hair is the same black drawing.
_SAME = {
    **dict.fromkeys(("", "hair", "curly-hair", "bald", "beard"), "person"),
    "older": "old",
    "thirty": "oclock",
    "mrs-claus": "santa-claus",
    "mx-claus": "santa-claus",
    "pouting-face": "angry-face",
    "grinning-cat": "cat-face",
    "dvd": "optical-disk",
}


@component
class EmojiPairs:
    """1,594 emoji, each as a pair: the source image is black on white, and the sample is the same drawing in flat colours.

    Variants of one emoji, such as those of sex, skin, direction and colour, are on one side of the split: 252 pairs are for
    testing and 183 for validation. Microsoft's Fluent Emoji, MIT.

    Fields:
        size: side in pixels. The drawings are vector graphics, so they are sharp at any size.
    """

    size: Annotated[int, Field(ge=8, le=1024)] = 64
    num_classes: ClassVar[int] = 0

    @property
    def train_shape(self) -> tuple[int, ...]:
        """(1159, 3, size, size), known without drawing."""
        return (COUNTS["train"], 3, self.size, self.size)

    def load(self, split: Split = "train") -> Samples:
        """Load a split: values uint8 [N, 3, S, S], source images uint8 [N, 1, S, S]. Emoji that are not in the cache are drawn.

        Raises:
            DataError: `gansmith[emoji]` is not installed, the drawings can't be fetched, or they do not fit in memory.
            DiskError: the cache cannot be written.
        """
        return self._part(split)

    def validation(self) -> Samples:
        """The pairs for validation. Raises as `load` does."""
        return self._part("validation")

    def _part(self, part: Part) -> Samples:
        """The pairs of one part, in the order of their names."""
        names, sources, targets = _drawn(self.size)
        rows = np.array([part_of(name) == part for name in names], bool)
        return Samples(targets[rows], source_images=sources[rows])


def base_name(name: str) -> str:
    """The name of an emoji without what tells its variants apart: `woman-artist` and `artist` are one."""
    base = "-".join(word for word in name.split("-") if word not in _VARIANTS)
    return _SAME.get(base, base)


def part_of(name: str) -> Part:
    """The part that an emoji belongs to, by a hash of its base name: about 15 % are for testing and 10 % for validation."""
    place = int.from_bytes(hashlib.sha256(base_name(name).encode()).digest()[:8], "big") / 2**64
    return "test" if place < _TEST else "validation" if place < _TEST + _VALIDATION else "train"


def _drawn(size: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """(names, source images uint8 [N, 1, S, S], targets uint8 [N, 3, S, S]) of all emoji, from the cache if they are there."""
    folder, stem = cache_folder() / "emoji-pairs" / "drawn", f"{size}-{_key()[:12]}"
    kept = read_drawings(folder, stem)
    if kept is None:
        place = fetch("emoji-pairs")
        first, second = _icons(place / _SOURCE), _icons(place / _TARGET)
        names = sorted(set(first["icons"]) & set(second["icons"]))
        must_fit((len(names), 4, size, size), np.uint8, "emoji-pairs")
        paint = svg_painter(size, "emoji", EXTRA)
        to_stderr(f"drawing {len(names):,} pairs of emoji, once for the cache")
        sources = np.stack([paint(_svg(first["icons"][name]))[:1] for name in names])  # black and white: its colours are equal
        targets = np.stack([paint(_svg(second["icons"][name])) for name in names])
        kept = {"names": np.array(names), "sources": sources, "targets": targets}
        keep_drawings(folder, stem, **kept)
    return kept["names"].tolist(), kept["sources"], kept["targets"]


def _icons(path: Path) -> dict[str, Any]:
    """The content of a file of Iconify: `icons` maps names to the body of an SVG."""
    content: dict[str, Any] = json.loads(read_bytes(path))
    return content


def _svg(icon: dict[str, Any]) -> str:
    """An icon as a whole SVG. Both drawings of a pair have the same frame, so that they stay over each other."""
    frame = f'width="{_FRAME}" height="{_FRAME}" viewBox="0 0 {_FRAME} {_FRAME}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {frame} color="black">{icon["body"]}</svg>'


def _key() -> str:
    """The cache key: a digest of what the drawings depend on, except their size. Raises DataError without the extra."""
    digest = hashlib.sha256(repr(sorted((name, file.md5) for name, file in REMOTES["emoji-pairs"].files.items())).encode())
    try:
        digest.update(f"resvg-py {importlib.metadata.version('resvg-py')};".encode())
    except importlib.metadata.PackageNotFoundError as error:
        raise not_installed("emoji", EXTRA, f"no {error.name}") from None
    return digest.hexdigest()
