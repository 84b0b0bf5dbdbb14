"""Feature extractors: they map images or points to the features that samples are compared in.

lenet-mnist, lenet-fashion     small networks of gansmith's own, shipped
pixels, points                 the samples themselves
efficientnet-lite0             colour images, an extra
mobilenet-v2                   colour images, where efficientnet-lite0 was the loss; fetched at the first use
FILE.py:FUNCTION               a network of yours
inception:WEIGHTS              Inception-v3 through torch-fidelity, an extra, from your weights file
"""

from __future__ import annotations

import os

from gansmith.core.device import is_installed
from gansmith.core.errors import DataError, RecipeError, SettingError, unknown
from gansmith.core.user_code import read_code
from gansmith.core.user_input import expanded
from gansmith.data import Source, base_source, own_extractor
from gansmith.data.modality import Modality
from gansmith.evaluation.extractors.extractor import Extractor, Features

__all__ = ["NAMES", "Extractor", "Features", "find_extractor", "own_of"]

NAMES = ("efficientnet-lite0", "lenet-fashion", "lenet-mnist", "mobilenet-v2", "pixels", "points")
SMALL = 16  # images of at most this many pixels a side use `pixels` by default


def check_extractor(name: str | None) -> None:
    """Check the name of an extractor before data are loaded. Raises SettingError, RecipeError or DataError for an unknown one."""
    if name is None or name in NAMES:
        return
    if name.startswith("inception:"):
        if not os.path.isfile(weights := expanded(name.removeprefix("inception:"))):
            raise DataError(f"no such file: {weights}; name the weights file of torch-fidelity, as in inception:FILE.pth")
        if not is_installed("torch_fidelity"):
            raise SettingError("the inception extractor needs torch-fidelity: pip install 'gansmith[inception]'")
    elif ".py:" in name:
        read_code(name.rpartition(":")[0])
    else:
        raise SettingError(unknown("extractor", name, [*NAMES, "inception:WEIGHTS", "FILE.py:FUNCTION"]))


def find_extractor(name: str | None, source: Source, shape: tuple[int, ...], modality: Modality | None = None) -> Extractor:
    """The extractor of a name, or with None the default one for a data set with samples of this shape.

    `modality` is that of the training split. By it the coordinates of points are standardised.

    Raises RecipeError for an unknown name, for an extractor that does not fit the shape, or for an extra that is not installed.
    """
    check_extractor(name)
    name = name or own_of(source, shape) or "efficientnet-lite0"
    is_image = len(shape) == 3
    if (name == "points") == is_image:
        fit = "pixels, lenet-mnist or efficientnet-lite0" if is_image else "points"
        what = "images" if is_image else "points"
        raise RecipeError(f"extractor {name!r} does not fit {what} of shape {list(shape)}: choose {fit}")
    if name.startswith("inception:"):
        from gansmith.evaluation.extractors.inception import inception

        return inception(str(expanded(name.removeprefix("inception:"))))
    if ".py:" in name:
        from gansmith.evaluation.extractors.own import own

        return own(name, shape)
    return _known(name, source, shape, modality)


def _known(name: str, source: Source, shape: tuple[int, ...], modality: Modality | None) -> Extractor:
    if name == "efficientnet-lite0":
        from gansmith.evaluation.extractors.efficientnet import efficientnet_lite0

        return efficientnet_lite0()
    if name == "mobilenet-v2":
        from gansmith.evaluation.extractors.mobilenet import mobilenet_v2

        return mobilenet_v2()
    from gansmith.evaluation.extractors import lenet, plain

    if name == "points":
        return plain.points(shape, base_source(source), modality)
    return plain.pixels(shape) if name == "pixels" else lenet.shipped(name)


def own_of(source: Source, shape: tuple[int, ...]) -> str | None:
    """Name of the extractor made for a data set or its shape; None if only one for other images is available."""
    if (own := own_extractor(source)) is not None:
        return own
    if len(shape) != 3:
        return "points"
    return "pixels" if max(shape[1:]) <= SMALL else None
