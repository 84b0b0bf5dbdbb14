"""Classical rivals: what a trained translator of images must beat, or it was not worth training.

    colours        tables and curves that are fitted to pairs of training images
    enlarging      images made larger
    restoring      noise taken out, holes filled
    mri            images from part of their k-space

`RIVALS` lists them with what they do and where they come from. `rivals_for` gives those that fit pairs of images, ready to use.
Nothing is random, and the result of an image depends on no other image that is translated with it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gansmith.evaluation.rivals import colours, enlarging, mri, restoring
from gansmith.evaluation.rivals.colours import Translate

__all__ = ["RIVALS", "Rival", "Task", "Translate", "rivals_for"]

Task = Literal["translate", "enlarge", "denoise", "inpaint", "mri"]


@dataclass(frozen=True)
class Rival:
    """A classical method, and how it is called, which depends on its task.

    translate    method(training sources [N, C, H, W], training targets [N, D, H, W]) -> a function from sources to results
    enlarge      method(images [N, C, H, W], factor)
    denoise      method(images [N, C, H, W], sigma in levels)
    inpaint      method(images [N, C, H, W], holes bool [N, H, W])
    mri          method(k-space complex [N, H, W], measured bool [H, W] or [W]), whose results are magnitudes [N, H, W]

    Images and results are uint8.
    """

    name: str  # colour-table
    task: Task
    about: str  # what it does, in a line
    source: str  # paper and library
    method: Callable[..., object]


_ENTRIES: tuple[tuple[str, Task, str, str, Callable[..., object]], ...] = (
    ("identity", "translate", "the source itself", "none", colours.make_identity),
    ("mean-colour", "translate", "the mean colour of all targets", "none", colours.make_mean_colour),
    ("colour-table", "translate", "the mean target colour of each source colour", "none", colours.make_colour_table),
    ("chroma-table", "translate", "the mean chroma of each luminance", "none", colours.make_chroma_table),
    (
        "histogram-matching",
        "translate",
        "a curve for each channel that gives all sources the histogram of all targets",
        "Gonzalez and Woods, Digital Image Processing, s. 3.3",
        colours.make_histogram_matching,
    ),
    ("nearest", "enlarge", "each pixel repeated", "Pillow", enlarging.nearest),
    ("bicubic", "enlarge", "cubic convolution", "Keys 1981; Pillow", enlarging.bicubic),
    ("lanczos", "enlarge", "a windowed sinc", "Duchon 1979; Pillow", enlarging.lanczos),
    (
        "back-projection",
        "enlarge",
        "bicubic, corrected ten times by what it lacks when it is made small again",
        "Irani and Peleg 1991",
        enlarging.back_projection,
    ),
    ("nl-means", "denoise", "means of pixels with like surroundings", "Buades et al. 2005; scikit-image", restoring.nl_means),
    ("total-variation", "denoise", "least total variation", "Rudin et al. 1992; scikit-image", restoring.total_variation),
    ("wavelet", "denoise", "thresholds of wavelet coefficients", "Chang et al. 2000; scikit-image", restoring.wavelet),
    ("mean-fill", "inpaint", "the mean colour of the known pixels", "none", restoring.mean_fill),
    ("biharmonic", "inpaint", "the smoothest surface", "Damelin and Hoang 2018; scikit-image", restoring.biharmonic),
    ("telea", "inpaint", "colours carried inwards", "Telea 2004; OpenCV", restoring.telea),
    (
        "navier-stokes",
        "inpaint",
        "lines of equal brightness carried on",
        "Bertalmio et al. 2001; OpenCV",
        restoring.navier_stokes,
    ),
    ("zero-filled", "mri", "unknown values of k-space as 0", "none", mri.zero_filled),
    (
        "total-variation-mri",
        "mri",
        "least total variation that agrees with k-space",
        "Lustig et al. 2007",
        mri.total_variation_mri,
    ),
)

RIVALS: dict[str, Rival] = {entry[0]: Rival(*entry) for entry in _ENTRIES}
"""Every rival by name, by task."""


def rivals_for(sources: np.ndarray, targets: np.ndarray, sigma: float | None = None) -> dict[str, Translate]:
    """The rivals that fit pairs of training images, by name: functions from sources uint8 [M, C, h, w] to results [M, D, H, W].

    Which fit is seen from the shapes. Pairs of one size get the rivals of colours, and with `sigma` those that take noise out.
    Targets larger by a whole factor get those that enlarge. Rivals that need holes or k-space are called by themselves.

    Args:
        sources: training sources, uint8 [N, C, h, w].
        targets: training targets, uint8 [N, D, H, W], in the same order.
        sigma: standard deviation of the sources' noise in levels of 255; None where they are not noisy.

    Returns:
        Rivals by name; none, where no rival fits. What needs a package that is not installed says so when it is called.
    """
    channels, wanted = sources.shape[1], targets.shape[1]
    if sources.shape[2:] == targets.shape[2:]:
        names = ["mean-colour", "colour-table"]
        names += ["identity"] if channels == wanted or {channels, wanted} <= {1, 3, 4} else []
        names += ["histogram-matching"] if channels == wanted else []
        names += ["chroma-table"] if (channels, wanted) == (1, 3) else []
        found = {name: RIVALS[name].method(sources, targets) for name in RIVALS if name in names}
        noise = {"sigma": sigma} if sigma is not None and channels == wanted else None
        return {**found, **(_of_task("denoise", **noise) if noise else {})}  # type: ignore[dict-item]
    factor = targets.shape[2] // sources.shape[2]
    is_larger = factor > 1 and (sources.shape[2] * factor, sources.shape[3] * factor) == targets.shape[2:]
    return _of_task("enlarge", factor=factor) if is_larger and channels == wanted else {}


def _of_task(task: Task, **settings: float) -> dict[str, Translate]:
    """The rivals of a task, with these settings."""
    return {r.name: functools.partial(r.method, **settings) for r in RIVALS.values() if r.task == task}  # type: ignore[misc]
