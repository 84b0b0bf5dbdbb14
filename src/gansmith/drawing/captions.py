"""Captions: names beside the rows of a grid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gansmith.core.formatting import plain
from gansmith.drawing.grids import on_white

if TYPE_CHECKING:
    from PIL.Image import Image

LARGEST, SMALLEST = 18, 8  # font size in pixels
MARGIN = 8
MOST = 0.5  # largest width of the names, as a share of the picture's


def name_rows(picture: Image, names: Sequence[str]) -> Image:
    """Write names at the left of the rows of a picture, black on white. All rows have equal heights.

    Returns the picture unchanged if the names are too long or the rows too low.
    """
    from PIL import Image, ImageDraw, ImageFont

    if not names:
        return picture
    names = [plain(name) for name in names]
    height = picture.height / len(names)
    size = int(min(LARGEST, 0.5 * height))
    if size < SMALLEST:
        return picture
    font = ImageFont.load_default(size)
    width = int(max(font.getlength(name) for name in names)) + 2 * MARGIN
    if width > MOST * picture.width:
        return picture
    mode = "L" if picture.mode in ("L", "LA") else "RGB"
    sheet = Image.new(mode, (width + picture.width, picture.height), "white")
    draw = ImageDraw.Draw(sheet)
    for i, name in enumerate(names):
        draw.text((width - MARGIN, (i + 0.5) * height), name, fill="black", font=font, anchor="rm")
    sheet.paste(on_white(picture).convert(mode), (width, 0))
    return sheet
