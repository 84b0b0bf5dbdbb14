"""Translation: apply a translator's generator to images of any size, one at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from gansmith.core.errors import DataError
from gansmith.core.rng import Place, Stream
from gansmith.networks.base import evaluating
from gansmith.sampling.noise import Noise


@dataclass(frozen=True, eq=False)
class ImageTranslator:
    """A generator that turns a source image into another image, in evaluation mode.

    An image passes through the network whole, so it may have any size that fits into memory.
    """

    generator: nn.Module  # noise [1, Z] and source image [1, C, H, W] -> [1, C', H', W']
    source: tuple[int, int, int]  # (C, H, W) of the source images it was trained on
    noise: Noise
    value_range: tuple[float, float] = (-1.0, 1.0)  # of black and white in the network
    name: str = "the run"  # in error messages

    def check(self, channels: int, what: str = "the image") -> None:
        """Raise DataError unless an image of this many channels, without alpha, fits the generator."""
        if channels != self.source[0]:
            raise DataError(
                f"{what} has {_counted(channels)}, but {self.name} was trained on {_counted(self.source[0])}: convert it first"
            )

    def __call__(self, image: np.ndarray, seed: int = 0) -> np.ndarray:
        """Translate an image.

        Args:
            image: uint8 or uint16 [H, W, C] without alpha, C as in training.
            seed: of the noise, for a generator that has any.

        Returns:
            [H', W', C'] of the same type; H' and W' are H and W, or a multiple of them for super-resolution.

        Raises:
            DataError: the image has another type or number of channels.
        """
        if not isinstance(image, np.ndarray) or image.ndim != 3 or image.dtype not in (np.uint8, np.uint16):
            found = f"{image.dtype} {list(image.shape)}" if isinstance(image, np.ndarray) else type(image).__name__
            raise DataError(f"expected an image uint8 or uint16 [H, W, C], got {found}")
        self.check(image.shape[2])
        (low, high), white = self.value_range, float(np.iinfo(image.dtype).max)
        pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)).astype(np.float32))
        source = pixels[None] * ((high - low) / white) + low
        output = self._forward(source, seed)[0]
        scaled = ((output - low) * (white / (high - low))).round_().clamp_(0, white)
        return scaled.permute(1, 2, 0).contiguous().numpy().astype(image.dtype)

    @torch.no_grad()
    def _forward(self, source: Tensor, seed: int) -> Tensor:
        """The generator's output for one source image, float32 [1, C', H', W'], on the CPU."""
        device = next((p.device for p in self.generator.parameters()), torch.device("cpu"))
        z = torch.from_numpy(self.noise.rows(seed, Stream.SAMPLE, Place(), 0, 1))
        with evaluating(self.generator):
            output: Tensor = self.generator(z.to(device), source.to(device))
        return output.float().cpu()


def _counted(channels: int) -> str:
    """A number of channels in a message: `1 channel`, `3 channels`."""
    return f"{channels} channel{'s' if channels != 1 else ''}"
