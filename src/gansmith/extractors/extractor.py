"""What a feature extractor is: frozen, named with the digest of its weights, and the same whatever the batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Features:
    """What an extractor says of a batch."""

    features: Tensor  # float32 [N, F]
    probabilities: Tensor | None = None  # float32 [N, K], rows sum to 1; None where it knows no classes


@dataclass(frozen=True, eq=False)
class Extractor:
    """Images in, features out. Whatever must happen to colours and sizes happens inside, and `resizing` says what."""

    name: str  # lenet-mnist
    digest: str  # SHA-256 of the weights, 64 hexadecimal digits
    width: int  # F
    classes: tuple[str, ...] | None  # K names
    resizing: str  # "none", "bilinear to 28 x 28"
    extract: Callable[[Tensor], Features]

    @property
    def tag(self) -> str:
        """`lenet-mnist:ab12cd34`, which stands in the names of scores."""
        return f"{self.name}:{self.digest[:8]}"

    def __call__(self, samples: Tensor) -> Features:
        """uint8 [N, C, H, W], any C in 1, 3, 4 and any size; or float32 [N, D] for the extractor of points."""
        return self.extract(samples)
