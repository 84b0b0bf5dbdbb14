"""Figures of matplotlib: every one is drawn here, so that no name in it is taken for mathematics or TeX."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gansmith.core.formatting import plain

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_NAME = 100  # characters of a text in a figure


def render(figure: Any, dpi: int = 120) -> Image:
    """Draw a figure as an RGB picture."""
    from PIL import Image

    memory = io.BytesIO()
    with _plain_text(figure):
        figure.savefig(memory, format="png", dpi=dpi)
    memory.seek(0)
    return Image.open(memory).convert("RGB")


def svg(figure: Any, salt: str) -> str:
    """Draw a figure as an SVG document whose text is text; figures of different `salt` share no ids."""
    memory = io.StringIO()
    with _plain_text(figure, {"svg.hashsalt": salt, "svg.fonttype": "none"}):
        figure.savefig(memory, format="svg", metadata={"Date": None})
    return memory.getvalue()


def curve_name(name: str) -> str:
    """The name of a value of the log in legends: `generator/loss` as `generator loss`, `discriminator/D(x)` as `D(x)`."""
    network, _, value = name.rpartition("/")
    return f"{network} {value}".strip() if value == "loss" else value


@contextlib.contextmanager
def _plain_text(figure: Any, settings: dict[str, Any] | None = None) -> Iterator[None]:
    """Make every text of a figure plain. Letters that matplotlib's font lacks are drawn as boxes, without a warning."""
    import matplotlib as mpl
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)
        text.set_usetex(False)
        text.set_text(plain(text.get_text(), MAX_NAME))
    plain_settings = {"text.parse_math": False, "text.usetex": False, "axes.formatter.use_mathtext": False}
    with mpl.rc_context({**plain_settings, **(settings or {})}), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
