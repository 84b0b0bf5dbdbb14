"""Charts as SVG for an HTML page. Matplotlib draws them; the style of the page gives colours and fonts, light or dark.

An SVG takes a quarter of the bytes of a sharp PNG, and needs no script.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from gansmith.core.formatting import plain
from gansmith.drawing import figures

MAX_POINTS = 400  # of a line; longer ones are averaged, to keep the page small
_INK, _LINES = "#010101", "#020202"
_SERIES = tuple(f"#0{i}0{i}0{i}" for i in range(3, 8))
_STYLE = {_INK: "currentColor", _LINES: "var(--line)"} | {colour: f"var(--series-{i})" for i, colour in enumerate(_SERIES)}


def lines(
    series: Mapping[str, tuple[np.ndarray, np.ndarray]], about: str, *, x: str = "real images seen", y: str | None = None
) -> str:
    """Line chart of {name: (x [N], y [N])} as SVG, without values that are not finite; `about` is its text for screen readers."""
    with _our_style():
        figure, axes = _figure(2.5)
        for (across, up), colour in zip(series.values(), _colours(len(series)), strict=True):
            across, up = _thinned(across, up)
            axes.plot(across, up, color=colour, linewidth=1.6, marker="o" if len(up) < 40 else None, markersize=2.6)
        axes.set(xlabel=x, ylabel=y)
        axes.xaxis.set_major_formatter(_short_numbers())
        if len(series) > 1:
            _legend(figure, axes.lines, series)
        return _svg(figure, about)


def bars(names: Sequence[str], series: Mapping[str, Sequence[float]], about: str) -> str:
    """Horizontal bar chart of shares in percent as SVG: a group of bars for each name, series {name: [len(names)]}."""
    thick = 0.8 / len(series)
    with _our_style():
        figure, axes = _figure(0.7 + 0.27 * len(names))
        for i, (values, colour) in enumerate(zip(series.values(), _colours(len(series)), strict=True)):
            places = np.arange(len(names)) + (i - (len(series) - 1) / 2) * thick
            axes.barh(places, 100 * np.array(values), thick, color=colour)
        axes.set_yticks(range(len(names)), [name if len(name) < 24 else name[:22] + "…" for name in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("% of the images")
        _legend(figure, axes.containers, series)
        return _svg(figure, about)


@contextlib.contextmanager
def _our_style() -> Iterator[None]:
    """Style of all charts. Letters that matplotlib's font lacks are left to the browser."""
    import matplotlib as mpl

    ink = {"text.color": _INK, "axes.labelcolor": _INK, "xtick.color": _LINES, "ytick.color": _LINES, "grid.color": _LINES}
    text = {"font.size": 9, "legend.fontsize": 9, "xtick.labelcolor": _INK, "ytick.labelcolor": _INK}
    with mpl.rc_context({**ink, **text}):
        yield


def _figure(height: float) -> tuple[Any, Any]:
    """A figure as wide as a phone's screen, so that text does not shrink there."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, height), layout="constrained", facecolor="none")
    axes = figure.subplots()
    axes.set_facecolor("none")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=3)
    axes.grid(linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _legend(figure: Any, handles: Sequence[Any], names: Iterable[str]) -> None:
    """Name the lines or bars above the chart. Names that begin with an underscore are shown, too."""
    figure.legend(handles, list(names), loc="outside upper left", ncols=3, frameon=False, handlelength=1.2, columnspacing=1.2)


def _colours(count: int) -> list[str]:
    return [_SERIES[i % len(_SERIES)] for i in range(count)]


def _short_numbers() -> Any:
    from matplotlib.ticker import EngFormatter

    return EngFormatter(sep="")


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    keep = np.isfinite(x) & np.isfinite(y)
    x, y = x[keep], y[keep]
    if len(y) <= MAX_POINTS:
        return x, y
    parts = np.array_split(np.arange(len(y)), MAX_POINTS)
    return np.array([x[p].mean() for p in parts]), np.array([y[p].mean() for p in parts])


def _svg(figure: Any, about: str) -> str:
    """Convert a figure to an <svg> element: without size, namespace and style, and with ids that are unique on the page."""
    text = figures.svg(figure, about)
    view = re.search(r'<svg [^>]*(viewBox="[^"]*")[^>]*>', text)
    assert view
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text[view.end() :], flags=re.S)
    text = re.sub(r"<[^>]*>", lambda tag: _styled(tag[0]), text)  # tags alone: a class may be called "#010101"
    text = re.sub(r"\s*\n\s*", " ", text)
    return f'<svg class="chart" role="img" aria-label="{escape(plain(about, 2000))}" {view[1]}>{text.strip()}'


def _styled(tag: str) -> str:
    """A tag with the page's colours and font, and without the ids of groups."""
    tag = re.sub(r'<g id="[^"]*"', "<g", tag)
    tag = re.sub(r"font-family: [^;]*;", "font-family: inherit;", tag)
    for colour, style in _STYLE.items():
        tag = tag.replace(colour, style)
    return tag
