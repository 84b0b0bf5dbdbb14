"""Plots of a run's log with matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gansmith.drawing import figures

if TYPE_CHECKING:
    from PIL.Image import Image


def loss_plot(log: dict[str, np.ndarray], title: str) -> Image:
    """Plot losses and, below them, outputs and accuracy of the discriminator over the real images seen."""
    from matplotlib.figure import Figure

    outputs = ("D(x)", "D(G(z))", "accuracy")
    parts = [(("loss",), "loss"), *([(outputs, "discriminator")] if any(name.endswith(outputs) for name in log) else [])]
    figure = Figure(figsize=(8, 2.5 * len(parts)), layout="constrained")
    rows = figure.subplots(len(parts), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (chosen, label) in zip(rows, parts, strict=True):
        names: list[str] = []
        for name in (n for n in log if n.endswith(chosen)):
            seen = np.isfinite(log[name])  # records of scores and of the monitor have no losses
            axes.plot(log["images"][seen], log[name][seen])
            names.append(figures.curve_name(name))
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(axes.lines, names, loc="best", fontsize="small")
        if label == "discriminator":
            axes.set_ylim(-0.02, 1.02)
    rows[-1].set_xlabel("real images seen")
    rows[0].set_title(title)
    return figures.render(figure)
