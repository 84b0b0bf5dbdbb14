"""Names beside the rows of a grid of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST, SMALLEST = 18, 8  # pixels of a letter's height
MARGIN = 8
MOST = 0.5  # the share of the picture's width that names may take


def name_rows(picture: Image, names: Sequence[str]) -> Image:
    """The picture with a name at the left of each of as many rows of equal height; without, where the names don't fit.

    Black on white, whatever mode the picture has.
    """
    from PIL import Image, ImageDraw, ImageFont

    if not names:
        return picture
    height = picture.height / len(names)
    size = int(min(LARGEST, 0.5 * height))
    if size < SMALLEST:
        return picture
    font = ImageFont.load_default(size)
    width = int(max(font.getlength(name) for name in names)) + 2 * MARGIN
    if width > MOST * picture.width:
        return picture
    mode = "L" if picture.mode == "L" else "RGB"
    sheet = Image.new(mode, (width + picture.width, picture.height), "white")
    draw = ImageDraw.Draw(sheet)
    for i, name in enumerate(names):
        draw.text((width - MARGIN, (i + 0.5) * height), name, fill="black", font=font, anchor="rm")
    sheet.paste(picture.convert(mode) if picture.mode not in ("RGBA", "LA") else picture, (width, 0))
    return sheet
