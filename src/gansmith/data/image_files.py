"""Reading one image file: what its header says, and its pixels as uint8 [C, H, W].

Pixels of more than 8 bits are scaled from a range of values to 0..255. Pillow keeps 8 of the 16 bits of colour images, so their
other 8 are decoded in a second pass.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from gansmith.core.errors import DataError
from gansmith.core.user_input import opened
from gansmith.data.source import Rules

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
FULL_RANGE = (0.0, 65535.0)  # of 16 bits
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")  # a fixed list, so that a file cannot select an obscure reader of PIL
_MAX_PIXELS = 64_000_000
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_WIDE_COLOUR = re.compile(r"(RGB|RGBX|RGBA|LA);16([BLN])")  # raw modes of which PIL keeps 8 bits
_NATIVE = "L" if sys.byteorder == "little" else "B"
_BITS, _PHOTOMETRIC, _NUM_SAMPLES, _MIN_VALUE, _MAX_VALUE = 258, 262, 277, 280, 281  # tags of TIFF
_WHITE_IS_ZERO = 0
_ORIENTATION = 0x0112  # tag of EXIF, and what each of its values asks for
_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: np.rot90,
}


@dataclass
class Clipped:
    """How many values of more than 8 bits lie outside the range that they are scaled from; `read_image` counts them."""

    num_images: int = 0  # with a value outside
    num_values: int = 0  # outside
    all_values: int = 0  # of all images of more than 8 bits

    def count(self, values: np.ndarray, value_range: tuple[float, float]) -> None:
        """Count the values of one image, row by row as `_scaled` reads them."""
        low, high = value_range
        outside = sum(int(((row < low) | (row > high)).sum()) for row in values)
        self.num_images += outside > 0
        self.num_values += outside
        self.all_values += values.size


class BadImage(DataError):
    """An image file that can't be read. The message names the file; `reason` does not."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"bad image {file}: {reason}; replace or delete it, or leave such files out with data.skip_bad=true")
        self.file, self.reason = file, reason


@dataclass(frozen=True)
class Header:
    """What the header of an image file says."""

    width: int
    height: int
    channels: int  # 1, 3 or 4, as `read_image` gives
    num_lost: int  # channels of the file that `read_image` can't give
    is_wide: bool  # more than 8 bits for a value
    has_frames: bool  # more than one page or frame
    is_print: bool  # CMYK, which becomes RGB
    value_range: tuple[float, float] | None  # of wide values, if the file states it


def read_header(file: Path, rules: Rules = 2) -> Header:
    """Read the header of an image file. Raises BadImage for a file that is no image, too large, or of a kind that is not read."""
    return with_image(file, rules, _header_of)


def _header_of(image: Image) -> Header:
    """The header of an opened image."""
    tags = _tags(image)
    is_wide = _is_wide(image)
    return Header(
        image.width,
        image.height,
        _num_channels(image),
        max(0, int(tags.get(_NUM_SAMPLES) or 0) - len(image.getbands())),
        is_wide,
        bool(getattr(image, "is_animated", False)),
        image.mode == "CMYK",
        _stated_range(tags) if is_wide else None,
    )


def _tags(image: Image) -> dict[int, Any]:
    """The tags of a TIFF; empty for other formats."""
    return dict(image.tag_v2) if image.format == "TIFF" else {}  # type: ignore[attr-defined]


def _stated_range(tags: dict[int, Any]) -> tuple[float, float] | None:
    """The range that the tags of a TIFF state by its least and largest values, or its number of bits; None if they don't."""

    def first(tag: int) -> float | None:
        value = tags.get(tag)
        value = value[0] if isinstance(value, tuple) and value else value
        return float(value) if isinstance(value, (int, float)) else None

    low, high, bits = first(_MIN_VALUE), first(_MAX_VALUE), first(_BITS)
    if high is not None and high > (low or 0.0):
        return low or 0.0, high
    return (0.0, 2.0**bits - 1) if bits and 8 < bits < 16 else None


def _is_wide(image: Image) -> bool:
    """Whether the values of an opened image have more than 8 bits."""
    return image.mode[0] in "IF" or _raw_mode(image) is not None


def _raw_mode(image: Image) -> re.Match[str] | None:
    """The raw mode of an opened colour image of 16 bits; None for other images."""
    args = image.tile[0].args if getattr(image, "tile", None) else ""  # type: ignore[attr-defined]
    return _WIDE_COLOUR.fullmatch(str(args[0] if isinstance(args, tuple) and args else args))


def _num_channels(image: Image) -> int:
    """The number of channels of an opened image: 1, 3 or 4."""
    if image.mode[0] in "IF":
        return 4 if _key(image) is not None else 1
    return 4 if image.has_transparency_data else 1 if image.mode in ("1", "L") else 3


def _key(image: Image) -> int | None:
    """The grey value of an opened wide image that is transparent; None if there is none."""
    key = image.info.get("transparency") if image.mode[0] in "IF" else None
    return key if isinstance(key, int) else None


# ---------------------------------------------------------------------------------------------------- pixels


def read_image(
    file: Path, value_range: tuple[float, float] = FULL_RANGE, rules: Rules = 2, clipped: Clipped | None = None
) -> np.ndarray:
    """Read one image as uint8 [C, H, W], with its own 1, 3 or 4 channels, rotated upright by its EXIF orientation.

    Args:
        file: the file.
        value_range: the values that become 0 and 255, if values have more than 8 bits; values outside are clipped.
        rules: 1 reads the upper 8 bits of colours of 16, ignores that white may be 0, and refuses pixels of 32 bits.
        clipped: counts the values outside of the range, by rule 2.

    Raises:
        BadImage: the file is damaged, or of a kind that is not read.
    """

    def decode(image: Image) -> np.ndarray:
        if image.mode[0] in "IF":
            return _upright(image, _scaled_grey(image, value_range, rules, clipped))
        if rules == 2 and _raw_mode(image):
            return _upright(image, _scaled_colours(image, file, value_range, clipped))
        mode = _MODES[_num_channels(image)]
        return _upright(image, np.asarray(image if image.mode == mode else image.convert(mode)))  # a copy may be 256 MB

    return with_image(file, rules, decode)


def found_range(file: Path) -> tuple[float, float]:
    """The least and the largest value of an image of more than 8 bits, without alpha. Raises BadImage as `read_image` does."""

    def look(image: Image) -> tuple[float, float]:
        values = _finite(np.asarray(image)) if image.mode[0] in "IF" else _wide_colours(image, file)[..., :3]
        return float(values.min()), float(values.max())

    return with_image(file, 2, look)


def _scaled_grey(image: Image, value_range: tuple[float, float], rules: Rules, clipped: Clipped | None) -> np.ndarray:
    """An opened wide grey image as uint8 [H, W], or [H, W, 4] if one of its values is transparent."""
    values = np.asarray(image)
    if rules == 1:
        return ((values.astype(np.int64) * 255 + 32767) // 65535).astype(np.uint8)
    grey = _scaled(values, value_range)
    if clipped is not None:
        clipped.count(values, value_range)
    if _tags(image).get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        grey = 255 - grey
    if (key := _key(image)) is None:
        return grey
    return np.stack([grey, grey, grey, np.where(values == key, 0, 255).astype(np.uint8)], axis=2)


def _scaled_colours(image: Image, file: Path, value_range: tuple[float, float], clipped: Clipped | None) -> np.ndarray:
    """An opened colour image of 16 bits as uint8 [H, W, 3 or 4]. Its alpha always has the full range."""
    key = image.info.get("transparency")
    values = _wide_colours(image, file)
    parts = [_scaled(values[..., :3], value_range)]
    if clipped is not None:
        clipped.count(values[..., :3], value_range)
    if values.shape[2] == 4:
        parts.append(_scaled(values[..., 3:], FULL_RANGE))
    elif isinstance(key, tuple):
        parts.append(np.where((values == np.array(key)).all(axis=2), 0, 255).astype(np.uint8)[..., None])
    return np.concatenate(parts, axis=2)


def raw_colours(image: Image, file: Path) -> np.ndarray | None:
    """The values of an opened colour image of 16 bits, uint16 [H, W, 3 or 4]; None for other images."""
    return None if _raw_mode(image) is None else _wide_colours(image, file)


def _wide_colours(image: Image, file: Path) -> np.ndarray:
    """The values of an opened colour image of 16 bits, uint16 [H, W, 3 or 4]."""
    from PIL import Image as Images

    raw = _raw_mode(image)
    assert raw is not None
    kept = np.asarray(image).astype(np.uint16)
    with opened(file) as stream, Images.open(stream, formats=_FORMATS) as again:
        if raw[1] == "LA":  # as four values of 8 bits: both halves of the grey, both halves of alpha
            _set_raw_mode(again, "RGBA")
            grey_high, grey_low, alpha_high, alpha_low = np.moveaxis(np.asarray(again).astype(np.uint16), 2, 0)
            grey, alpha = grey_high << 8 | grey_low, alpha_high << 8 | alpha_low
            return np.stack([grey, grey, grey, alpha], axis=2)
        order = _NATIVE if raw[2] == "N" else raw[2]
        swapped = "L" if order == "B" else "B"  # of swapped bytes, PIL keeps the lower half
        _set_raw_mode(again, f"{raw[1]};16{swapped}")
        return np.asarray((kept << 8) | np.asarray(again))


def _set_raw_mode(image: Image, mode: str) -> None:
    """Decode an opened image as another raw mode."""
    image.tile = [  # type: ignore[attr-defined]
        tile._replace(args=(mode, *tile.args[1:]) if isinstance(tile.args, tuple) else mode)
        for tile in image.tile  # type: ignore[attr-defined]
    ]


def _scaled(values: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Scale values to uint8: the range to 0..255, rounded and clipped. Row by row, because a row needs eight times the memory."""
    low, high = value_range
    scaled = np.empty(values.shape, np.uint8)
    for row, target in zip(_finite(values), scaled, strict=True):
        target[...] = np.floor((row.astype(np.float64) - low) * (255 / (high - low)) + 0.5).clip(0, 255)
    return scaled


def _finite(values: np.ndarray) -> np.ndarray:
    """The values. Raises ValueError if one is NaN or infinite."""
    if not np.isfinite(values).all():
        raise ValueError("it holds NaN or infinity; replace them")
    return values


def pixels_upright(image: Image, pixels: np.ndarray) -> np.ndarray:
    """Turn pixels [H, W] or [H, W, C] by the EXIF orientation of their loaded image."""
    turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    return pixels if turn is None else turn(pixels)


def _upright(image: Image, pixels: np.ndarray) -> np.ndarray:
    """Turn pixels uint8 [H, W] or [H, W, C] by the EXIF orientation of their loaded image: uint8 [C, H, W]."""
    pixels = pixels_upright(image, pixels)
    return np.ascontiguousarray(pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def with_image(file: Path, rules: Rules, use: Callable[[Image], T]) -> T:
    """Apply `use` to the opened image, before it is decoded. Every error becomes a BadImage that names the file."""
    from PIL import Image, UnidentifiedImageError

    try:
        # PIL warns about harmless faults such as broken EXIF, and about sizes that are checked below.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with opened(file) as stream, Image.open(stream, formats=_FORMATS) as image:
                if image.width * image.height > _MAX_PIXELS:
                    raise Image.DecompressionBombError
                # PNG has at most 16 bits, which older releases of PIL call "I".
                if rules == 1 and (image.mode == "F" or (image.mode == "I" and image.format != "PNG")):
                    raise ValueError("its pixels have 32 bits; save it with 8 or 16")
                return use(image)
    except UnidentifiedImageError:
        reason = "it is no PNG, JPEG, BMP, GIF, WebP or TIFF"
    except Image.DecompressionBombError:
        reason = f"it has more than {_MAX_PIXELS:,} pixels"
    # A damaged file fails in as many ways as PIL has readers: OSError, SyntaxError, ValueError, struct.error ...
    except Exception as error:
        text = getattr(error, "strerror", None) or str(error)
        reason = " ".join(str(text).split())[:120] or type(error).__name__
    raise BadImage(file, reason)
