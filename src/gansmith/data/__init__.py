"""Data: sources of samples, the names of well-known ones, and what a user may write to mean one.

    source = find("mnist")            # or a folder of images, a .npy or .npz file, an idx file
    samples = source.load("train")    # uint8 [N, C, H, W] or float32 [N, D], labels int64 [N]

Nothing here imports a deep-learning framework, and nothing is read or fetched before `load`. `gansmith.data.fetch` is the
module that fetches; it is not exported here, as its chief function bears its name.
"""

from __future__ import annotations

from gansmith.data.arrays import Arrays
from gansmith.data.digits import Digits
from gansmith.data.faces import Faces
from gansmith.data.folder import Folder
from gansmith.data.idx import Idx
from gansmith.data.mnist import FashionMnist, Mnist
from gansmith.data.named import NAMES, NamedData, find, label, num_classes, once, origin_of, shape_of, size_of
from gansmith.data.pixels import Channels, Fit, Size, fit_images
from gansmith.data.rare import Balanced, Rare
from gansmith.data.source import Attribute, Endless, Repeats, Samples, Source, Split
from gansmith.data.stacked import StackedMnist
from gansmith.data.synthetic import Grid, Ring

__all__ = [
    "NAMES",
    "Arrays",
    "Attribute",
    "Balanced",
    "Channels",
    "Digits",
    "Endless",
    "Faces",
    "FashionMnist",
    "Fit",
    "Folder",
    "Grid",
    "Idx",
    "Mnist",
    "NamedData",
    "Rare",
    "Repeats",
    "Ring",
    "Samples",
    "Size",
    "Source",
    "Split",
    "StackedMnist",
    "find",
    "fit_images",
    "label",
    "num_classes",
    "once",
    "origin_of",
    "shape_of",
    "size_of",
]
