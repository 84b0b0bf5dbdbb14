"""Random crops and mirror images of the training samples, alike for a sample and its source image."""

from __future__ import annotations

import dataclasses
from typing import Annotated

import numpy as np
from pydantic import Field

from gansmith.core import rng
from gansmith.core.component import component
from gansmith.core.errors import DataError
from gansmith.core.rng import Place, Stream
from gansmith.data.memory import must_fit
from gansmith.data.pixels import Size
from gansmith.data.source import Batches, Endless, Samples, Source, Split, Validated
from gansmith.data.splits import validation_rows


@component
class RandomCrops:
    """Random crops of the training images, half of them mirrored. A sample and its source image are cropped alike.

    It is the "jitter" of pix2pix: each image is enlarged a little, cropped at random to its old size, and mirrored or not. With a
    smaller `size`, training reads pieces of larger images. Training reads each image once an epoch; the crop differs each time,
    and depends on the run's seed and the place in the run alone. The test and validation samples are whole, or their centre.

    Fields:
        of: the data.
        size: side of a crop in pixels; None keeps the size of the images.
        enlarge: how much larger the images become before they are cropped. 286 / 256 is pix2pix's; 1 does not resize.
        flip: mirror half of the crops.
    """

    of: Source
    size: Size | None = None
    enlarge: Annotated[float, Field(ge=1.0, le=4.0)] = 286 / 256
    flip: bool = True

    def new_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """(C, size, size) for images [C, H, W], or their own shape where there is no `size`."""
        return (shape[0], self.size, self.size) if self.size else shape

    def load(self, split: Split = "train") -> Samples:
        """Load a split, the centre of each image. Raises DataError for points, or images smaller than a crop."""
        return self._centred(self.of.load(split))

    def validation(self) -> Samples:
        """The validation samples of the data, or the slice of the training split that serves without them."""
        if isinstance(self.of, Validated):
            return self._centred(self.of.validation())
        samples = self.of.load()
        return self._centred(samples[validation_rows(len(samples))])

    def batch_maker(self) -> Batches:
        """A function that crops the next training samples. Loads the data, and raises as `load` does."""
        if isinstance(self.of, Endless):
            read = self.of.batch_maker()
            self._window(self.of.load()[:1])
        else:
            samples = self.of.load()
            self._window(samples)

            def read(seed: int, images: int, count: int) -> Samples:
                return samples[rng.shuffled_rows(seed, images, count, len(samples))]

        def batch(seed: int, images: int, count: int) -> Samples:
            chosen = read(seed, images, count)
            draws = rng.uniform_rows(seed, Stream.CROP, Place(), images, count, 3)
            return self._cropped(chosen, draws)

        return batch

    @property
    def base_source(self) -> Source:
        """The data that the images come from."""
        return self.of

    def _window(self, samples: Samples) -> tuple[int, int]:
        """Height and width of a crop. Raises DataError for points, sides of different sizes, or images smaller than a crop."""
        if samples.values.ndim != 4:
            raise DataError(f"random-crops: expected images, got points with {samples.values.shape[1]} columns; leave it out")
        height, width = samples.shape[1:]
        if samples.source_images is not None and samples.source_shape[1:] != (height, width):
            raise DataError(
                f"random-crops: the samples are {width} x {height} and the source images {samples.source_shape[2]} x "
                f"{samples.source_shape[1]}: expected one size, to crop them alike; set data.of.size"
            )
        window = (self.size or height, self.size or width)
        if window[0] > height or window[1] > width:
            raise DataError(
                f"random-crops: the images are {width} x {height}, smaller than a crop of {window[1]} x {window[0]}; choose a "
                "smaller data.size, or a larger data.of.size"
            )
        return window

    def _centred(self, samples: Samples) -> Samples:
        """The centre of each image, without enlarging it."""
        height, width = self._window(samples)
        if (height, width) == samples.shape[1:]:
            return samples
        top, left = (samples.shape[1] - height) // 2, (samples.shape[2] - width) // 2

        def centre(images: np.ndarray) -> np.ndarray:
            return np.ascontiguousarray(images[:, :, top : top + height, left : left + width])

        sources = None if samples.source_images is None else centre(samples.source_images)
        return dataclasses.replace(samples, values=centre(samples.values), source_images=sources)

    def _cropped(self, samples: Samples, draws: np.ndarray) -> Samples:
        """Random crops of samples. `draws` are uniform numbers [N, 3]: for top, left and whether to mirror."""
        height, width = self._window(samples)
        sides = [samples.values, *([] if samples.source_images is None else [samples.source_images])]
        must_fit((len(samples), sum(side.shape[1] for side in sides), height, width), np.uint8, "a batch of random-crops")
        cropped = [np.empty((*side.shape[:2], height, width), np.uint8) for side in sides]
        old = samples.shape[1:]
        new = [round(length * self.enlarge) for length in old]
        for i, (down, across, mirror) in enumerate(draws):
            top, left = int(down * (new[0] - height + 1)), int(across * (new[1] - width + 1))
            step = -1 if self.flip and mirror < 0.5 else 1
            for side, crop in zip(sides, cropped, strict=True):
                crop[i] = _piece(side[i], top, left, (height, width), (new[0], new[1]))[:, :, ::step]
        sources = None if samples.source_images is None else cropped[1]
        return dataclasses.replace(samples, values=cropped[0], source_images=sources)


def _piece(image: np.ndarray, top: int, left: int, window: tuple[int, int], enlarged: tuple[int, int]) -> np.ndarray:
    """A piece of an image that is enlarged first, uint8 [C, h, w] of [C, H, W]. Only the piece is resampled."""
    from PIL import Image

    height, width = window
    if enlarged == image.shape[1:]:
        return image[:, top : top + height, left : left + width]
    y, x = image.shape[1] / enlarged[0], image.shape[2] / enlarged[1]
    box = (left * x, top * y, min((left + width) * x, image.shape[2]), min((top + height) * y, image.shape[1]))
    planes = [Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC, box) for plane in image]
    return np.stack([np.asarray(plane) for plane in planes])
