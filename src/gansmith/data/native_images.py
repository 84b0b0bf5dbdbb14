"""Image files as they are: pixels of 8 or 16 bits with their alpha, and the colour profile to write them back with.

`image_files` reads for training, as 8 bits. Here nothing is converted, so that a translated file is like its source.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gansmith.core.errors import DataError
from gansmith.data.image_files import pixels_upright, raw_colours, with_image

if TYPE_CHECKING:
    from PIL.Image import Image

ENDINGS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP"}
"""The endings of files that are written, with their formats."""

_SETTINGS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True},
    "TIFF": {"compression": "tiff_deflate"},
}


@dataclass(frozen=True, eq=False)
class NativeImage:
    """The pixels of an image file, turned upright, and what else it needs to be written again."""

    colours: np.ndarray  # uint8 or uint16 [H, W, C], C is 1 or 3
    alpha: np.ndarray | None  # [H, W] of the same type; None for an opaque image
    profile: bytes | None  # ICC colour profile

    @property
    def largest(self) -> int:
        """The value of white: 255 or 65,535."""
        return int(np.iinfo(self.colours.dtype).max)

    def with_colours(self, colours: np.ndarray) -> NativeImage:
        """A copy with other colours, whose alpha is enlarged or reduced to their size."""
        if self.alpha is None:
            return replace(self, colours=colours)
        (old_height, old_width), (height, width) = self.alpha.shape, colours.shape[:2]
        rows, columns = np.arange(height) * old_height // height, np.arange(width) * old_width // width
        return replace(self, colours=colours, alpha=self.alpha[rows[:, None], columns[None, :]])


def read_native(file: Path) -> NativeImage:
    """Read an image file without converting its values. Raises BadImage for a file that can't be read, or holds other pixels."""
    return with_image(file, 2, lambda image: _decode(image, file))


def _decode(image: Image, file: Path) -> NativeImage:
    """The pixels of an opened image. Raises ValueError, which becomes a BadImage, for pixels of 32 bits."""
    profile = image.info.get("icc_profile")
    if image.mode == "F" or (image.mode == "I" and image.format != "PNG"):
        raise ValueError("its pixels have 32 bits, and 8 or 16 are translated")
    wide = raw_colours(image, file)
    if wide is not None:
        pixels = wide
    elif image.mode[0] == "I":
        pixels = np.asarray(image).astype(np.uint16)
    else:
        has_alpha = image.has_transparency_data
        grey = image.mode in ("1", "L", "LA", "La")
        pixels = np.asarray(image.convert(("LA" if has_alpha else "L") if grey else ("RGBA" if has_alpha else "RGB")))
    pixels = pixels_upright(image, pixels)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    has_alpha = pixels.shape[2] in (2, 4)
    colours, alpha = (pixels[..., :-1], pixels[..., -1]) if has_alpha else (pixels, None)
    return NativeImage(np.ascontiguousarray(colours), alpha, profile if isinstance(profile, bytes) else None)


def encode_native(image: NativeImage, file: Path) -> bytes:
    """The image as the content of a file, in the format of the file's ending.

    Raises DataError for another ending than those of `ENDINGS`, and for pixels that the format can't hold: 16 bits in colour, or
    alpha in a JPEG or BMP.
    """
    from PIL import Image

    kind = ENDINGS.get(file.suffix.lower())
    if kind is None:
        raise DataError(f"{file}: expected a file ending in {', '.join(ENDINGS)}")
    pixels = image.colours if image.alpha is None else np.concatenate([image.colours, image.alpha[..., None]], axis=2)
    channels = pixels.shape[2]
    if pixels.dtype == np.uint16 and (channels > 1 or kind not in ("PNG", "TIFF")):
        raise DataError(f"{file}: 16 bits are written as grey PNG or TIFF, not as {kind} of {channels} channels: convert it to 8")
    if image.alpha is not None and kind in ("JPEG", "BMP"):
        raise DataError(f"{file}: a {kind} holds no transparency: convert it to PNG")
    picture = Image.fromarray(pixels[..., 0] if channels == 1 else pixels, mode="LA" if channels == 2 else None)
    memory = io.BytesIO()
    settings = dict(_SETTINGS.get(kind, {}))
    if image.profile is not None and kind != "BMP":
        settings["icc_profile"] = image.profile
    picture.save(memory, kind, **settings)
    return memory.getvalue()
