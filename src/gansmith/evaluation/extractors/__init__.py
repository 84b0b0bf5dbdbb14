"""Feature extractors: what samples are compared in.

lenet-mnist, lenet-fashion     small networks of gansmith's own, shipped
pixels, points                 the samples themselves
efficientnet-lite0             colour images, an extra
FILE.py:FUNCTION               a network of yours
inception:WEIGHTS              Inception-v3 through torch-fidelity, an extra, from a file you have
"""

from __future__ import annotations

from gansmith.core.errors import RecipeError, SettingError, unknown
from gansmith.data import FashionMnist, Mnist, Source, origin_of
from gansmith.evaluation.extractors.extractor import Extractor, Features

__all__ = ["NAMES", "Extractor", "Features", "find", "own_of"]

NAMES = ("efficientnet-lite0", "lenet-fashion", "lenet-mnist", "pixels", "points")
SMALL = 16  # images up to this many pixels a side are compared pixel by pixel


def find(name: str | None, source: Source, shape: tuple[int, ...]) -> Extractor:
    """The extractor of this name, or the one for a data set whose samples have this shape.

    Raises SettingError for an unknown name or an extra that is not installed, RecipeError for one that does not fit the shape.
    """
    name = name or own_of(source, shape) or "efficientnet-lite0"
    is_image = len(shape) == 3
    if (name == "points") == is_image:
        fit = "pixels, lenet-mnist or efficientnet-lite0" if is_image else "points"
        what = "images" if is_image else "points"
        raise RecipeError(f"extractor {name!r} is not for {what} of shape {list(shape)}: choose {fit}")
    if name.startswith("inception:"):
        from gansmith.evaluation.extractors.inception import inception

        return inception(name.removeprefix("inception:"))
    if ".py:" in name:
        from gansmith.evaluation.extractors.own import own

        return own(name, shape)
    if name not in NAMES:
        raise SettingError(unknown("extractor", name, [*NAMES, "inception:WEIGHTS", "FILE.py:FUNCTION"]))
    return _known(name, source, shape)


def _known(name: str, source: Source, shape: tuple[int, ...]) -> Extractor:
    if name == "efficientnet-lite0":
        from gansmith.evaluation.extractors.efficientnet import efficientnet_lite0

        return efficientnet_lite0()
    from gansmith.evaluation.extractors import lenet, plain

    if name == "points":
        return plain.points(shape, origin_of(source))
    return plain.pixels(shape) if name == "pixels" else lenet.shipped(name)


def own_of(source: Source, shape: tuple[int, ...]) -> str | None:
    """The name of the extractor that fits a data set without weights made for other images; None where there is none."""
    match origin_of(source):
        case Mnist():
            return "lenet-mnist"
        case FashionMnist():
            return "lenet-fashion"
    if len(shape) != 3:
        return "points"
    return "pixels" if max(shape[1:]) <= SMALL else None
