"""Data: sources of samples, data sets with a name, and the lookup of a source by name or path.

    source = find_source("mnist")     # or a folder of images, a .npy or .npz file, an idx file
    source = find_source("pairs:sketches,photographs")    # a source image for each sample, for a translator
    samples = source.load("train")    # uint8 [N, C, H, W] or float32 [N, D], labels int64 [N]

Importing this room imports no deep-learning framework, and nothing is read or downloaded before `load`. The module
`gansmith.data.fetch` downloads; its function `fetch` is not exported here because it has the name of the module.

What belongs here: sources, one file each, splits, modalities, downloads, and checks of what a source loads.
What does not: conditions, which are made from labels (`sampling`), features of samples (`evaluation`), or PyTorch at import.
"""

from __future__ import annotations

from gansmith.data.arrays import Arrays
from gansmith.data.crops import RandomCrops
from gansmith.data.digit_pairs import DigitPairs
from gansmith.data.digits import Digits
from gansmith.data.emoji_pairs import EmojiPairs
from gansmith.data.faces import Faces
from gansmith.data.folder import Folder
from gansmith.data.idx import Idx
from gansmith.data.mnist import FashionMnist, Mnist
from gansmith.data.named import (
    NAMES,
    NamedData,
    display_name,
    find_source,
    num_classes,
    own_extractor,
    sample_shape,
    train_shape,
    without_repeats,
)
from gansmith.data.pairs import Pairs
from gansmith.data.pixels import Channels, Fit, Size, fit_images
from gansmith.data.rare import Balanced, Rare
from gansmith.data.satellite_relief import SatelliteRelief
from gansmith.data.source import (
    Attribute,
    Derived,
    Endless,
    KnownClasses,
    KnownExtractor,
    KnownShape,
    Repeats,
    Samples,
    Source,
    Split,
    Validated,
    base_source,
)
from gansmith.data.stacked import StackedMnist
from gansmith.data.synthetic import Grid, Ring
from gansmith.data.unpaired import Unpaired

__all__ = [
    "NAMES",
    "Arrays",
    "Attribute",
    "Balanced",
    "Channels",
    "Derived",
    "DigitPairs",
    "Digits",
    "EmojiPairs",
    "Endless",
    "Faces",
    "FashionMnist",
    "Fit",
    "Folder",
    "Grid",
    "Idx",
    "KnownClasses",
    "KnownExtractor",
    "KnownShape",
    "Mnist",
    "NamedData",
    "Pairs",
    "RandomCrops",
    "Rare",
    "Repeats",
    "Ring",
    "Samples",
    "SatelliteRelief",
    "Size",
    "Source",
    "Split",
    "StackedMnist",
    "Unpaired",
    "Validated",
    "base_source",
    "display_name",
    "find_source",
    "fit_images",
    "num_classes",
    "own_extractor",
    "sample_shape",
    "train_shape",
    "without_repeats",
]
