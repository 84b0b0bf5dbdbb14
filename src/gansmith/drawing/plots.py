"""Plots of a run's log, drawn with matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gansmith.drawing.grids import render_figure

if TYPE_CHECKING:
    from PIL.Image import Image


def loss_plot(log: dict[str, np.ndarray], title: str) -> Image:
    """Losses above, what D says below where there is one, both over images seen."""
    from matplotlib.figure import Figure

    said = ("D(x)", "D(G(z))", "accuracy")
    parts = [(("loss",), "loss"), *([(said, "D says")] if any(name.endswith(said) for name in log) else [])]
    figure = Figure(figsize=(8, 2.5 * len(parts)), layout="constrained")
    rows = figure.subplots(len(parts), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (chosen, label) in zip(rows, parts, strict=True):
        for name in (n for n in log if n.endswith(chosen)):
            seen = np.isfinite(log[name])  # scores and the doctor's looks are records of their own
            short = name.replace("discriminator/", "" if label == "D says" else "discriminator ")
            axes.plot(log["images"][seen], log[name][seen], label=short)
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(loc="best", fontsize="small")
        if label == "D says":
            axes.set_ylim(-0.02, 1.02)
    rows[-1].set_xlabel("real images seen")
    rows[0].set_title(title)
    return render_figure(figure)
