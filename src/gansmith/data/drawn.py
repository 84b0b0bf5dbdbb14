"""What sources of drawn images share: drawing an SVG as pixels, and a cache whose file names hold a digest of the content."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gansmith.core import files
from gansmith.core.errors import DataError
from gansmith.core.user_input import read_bytes

Painter = Callable[[str], np.ndarray]
"""The text of an SVG -> its pixels on white, uint8 [3, S, S]."""


def svg_painter(size: int, what: str, extra: str) -> Painter:
    """A function that draws an SVG on white, uint8 [3, size, size].

    Raises DataError, naming `what` is drawn and the `extra` of gansmith to install, where resvg is missing.
    """
    try:
        import resvg_py
        from PIL import Image
    except ImportError as error:
        raise not_installed(what, extra, error) from None

    def paint(svg: str) -> np.ndarray:
        png = resvg_py.svg_to_bytes(svg_string=svg, background="white", width=size, height=size, skip_system_fonts=True)
        with Image.open(io.BytesIO(bytes(png))) as picture:
            return np.asarray(picture.convert("RGB")).transpose(2, 0, 1)

    return paint


def not_installed(what: str, extra: str, reason: object) -> DataError:
    """The error for a missing package of an extra of gansmith, without which `what` can't be drawn."""
    return DataError(f"the {what} need packages that are not installed ({reason}): pip install 'gansmith[{extra}]'")


def read_drawings(folder: Path, stem: str) -> dict[str, np.ndarray] | None:
    """The arrays kept in `folder` under the name `stem`; None if there are none, or if the digest in the name is not theirs."""
    return next(filter(None, map(_read, sorted(folder.glob(f"{stem}-*.npz")))), None)


def _read(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays of a file; None if it is damaged, so that its digest differs from the one in its name."""
    try:
        content = read_bytes(path)
        if hashlib.sha256(content).hexdigest()[:16] != path.stem.split("-")[-1]:
            return None
        with np.load(io.BytesIO(content)) as held:
            return {name: held[name] for name in held.files}
    except (OSError, ValueError, KeyError):
        return None


def keep_drawings(folder: Path, stem: str, **arrays: np.ndarray) -> None:
    """Write arrays to `folder` under the name `stem`. Raises DiskError if the cache can't be written."""
    memory = io.BytesIO()
    np.savez_compressed(memory, **arrays)  # type: ignore[arg-type]
    content = memory.getvalue()
    path = folder / f"{stem}-{hashlib.sha256(content).hexdigest()[:16]}.npz"
    files.make_parent(path)
    files.write(path, content)
