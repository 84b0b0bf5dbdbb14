"""Pictures of points: a histogram, a scatter plot, lines of signals, or a table of numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gansmith.drawing.figures import render

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_LINES = 64  # signals in one picture
LINE_COLUMNS = 8  # signals in a row, where none is given
TABLE_ROWS, TABLE_COLUMNS = 24, 8  # numbers in one picture
LINE = 0.15  # inches, the height of a line of numbers
GAP = 0.15  # between two signals, as a share of one


def scatter(samples: np.ndarray, *, is_equal: bool) -> Image:
    """A scatter plot of the two columns of float [N, 2]; `is_equal` gives both axes one scale."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.scatter(samples[:, 0], samples[:, 1], s=6, alpha=0.5, linewidths=0)
    if is_equal:
        axes.set_aspect("equal", adjustable="datalim")
    return render(figure)


def histogram(samples: np.ndarray) -> Image:
    """A histogram of the single column of float [N, 1]."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3), layout="constrained")
    axes = figure.subplots()
    finite = samples[np.isfinite(samples)]
    axes.hist(finite, bins=min(50, max(1, len(finite) // 4)))
    axes.set_ylabel("samples")
    return render(figure)


def lines(samples: np.ndarray, columns: int | None = None) -> Image:
    """The first 64 signals of float [N, D] as small line plots, `columns` in a row, all on one vertical scale."""
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    shown = samples[:MAX_LINES]
    columns = min(columns or LINE_COLUMNS, len(shown))
    rows = math.ceil(len(shown) / columns)
    finite = shown[np.isfinite(shown)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    wide = (high - low) or 1.0
    at = np.linspace(0.0, 1.0 - GAP, shown.shape[1])
    curves = []
    for i, row in enumerate(shown):
        y = (row.astype(np.float64) - low) / wide * (1.0 - GAP) - i // columns
        curves.append(np.stack([at + i % columns, y], axis=1))
    figure = Figure(figsize=(min(12.0, 1.25 * columns + 0.5), min(12.0, rows + 0.5)), layout="constrained")
    axes = figure.subplots()
    axes.add_collection(LineCollection(curves, linewidths=1.0))
    axes.set_xlim(-GAP, columns)
    axes.set_ylim(1 - rows - GAP, 1.0)
    axes.set_axis_off()
    more = "" if len(shown) == len(samples) else f", the first {len(shown)} of {len(samples):,}"
    axes.set_title(f"{samples.shape[1]} values from {low:.4g} to {high:.4g}{more}", fontsize=9)
    return render(figure)


def table(samples: np.ndarray) -> Image:
    """The first rows and columns of float [N, D] as numbers, with each column's mean and standard deviation over all rows."""
    from matplotlib.figure import Figure

    (count, width), shown = samples.shape, samples[:TABLE_ROWS, :TABLE_COLUMNS]
    summary = np.stack([samples.mean(0, dtype=np.float64), samples.std(0, dtype=np.float64)])[:, :TABLE_COLUMNS]
    head = ["row", *map(str, range(shown.shape[1]))]
    body = [[name, *(f"{value:.4g}" for value in row)] for name, row in zip(("mean", "sd"), summary, strict=True)]
    body += [[str(i), *(f"{value:.4g}" for value in row)] for i, row in enumerate(shown)]
    text = [" ".join(f"{cell:>10}" for cell in line) for line in [head, *body]]
    rows = f"the first {len(shown)} of {count:,} rows" if count > len(shown) else f"{count} rows"
    of_columns = f"the first {shown.shape[1]} of {width:,} columns" if width > shown.shape[1] else f"{width} columns"
    text = [f"{rows}, {of_columns}; mean and sd of all rows", *text[:3], "", *text[3:]]
    figure = Figure(figsize=(0.08 * max(map(len, text)) + 0.3, LINE * (len(text) + 1)))
    for i, line in enumerate(text):
        figure.text(0.02, 1 - (i + 0.5) / (len(text) + 1), line, family="monospace", fontsize=8, va="top")
    return render(figure)
