"""Types of component fields that hold numbers. Each has an upper bound.

A bound lies far above what makes sense, so that a slip of the keyboard is refused before it fills the memory, overflows or never
ends. Whether a recipe fits into the memory of this machine is checked besides, in `recipes/memory.py`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gansmith.core.limits import MAX_IMAGES, MAX_NUMBER

# ---------------------------------------------------------------------------------------------------- whole numbers

Width = Annotated[int, Field(gt=0, le=65_536)]
"""The size of a layer: units or channels."""

Widths = Annotated[tuple[Width, ...], Field(max_length=1000)]
"""The sizes of some layers."""

Dim = Annotated[int, Field(gt=0, le=65_536)]
"""The number of entries of a vector."""

NoiseDim = Annotated[int, Field(ge=0, le=65_536)]
"""The number of entries of z; 0 for a translator, whose samples depend on the source image alone."""

Pieces = Annotated[int, Field(gt=0, le=1024)]
"""How many copies or groups something has."""

Depth = Annotated[int, Field(ge=0, le=1000)]
"""A number of layers or blocks, which may be 0."""

SomeDepth = Annotated[int, Field(gt=0, le=1000)]
"""A number of layers or blocks, at least 1."""

BatchSize = Annotated[int, Field(gt=0, le=1_000_000)]
"""Samples in one pass."""

Epochs = Annotated[int, Field(gt=0, le=1_000_000)]
"""Passes through the training data."""

Steps = Annotated[int, Field(gt=0, le=100_000)]
"""A number of steps, turns or times."""

Turns = Annotated[int, Field(gt=0, le=1000)]
"""Turns of one player in a step."""

Times = Annotated[int, Field(gt=0, le=10_000)]
"""How often something is done in a run."""

ImageCount = Annotated[int, Field(gt=0, le=MAX_IMAGES)]
"""A number of real images that training reads."""

SampleCount = Annotated[int, Field(ge=1, le=100_000_000)]
"""A number of samples that a source makes."""

# ---------------------------------------------------------------------------------------------------- numbers

Positive = Annotated[float, Field(gt=0, le=MAX_NUMBER)]
"""A number above 0."""

NotNegative = Annotated[float, Field(ge=0.0, le=MAX_NUMBER)]
"""A weight or factor, at least 0."""

Number = Annotated[float, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)]
"""A number of either sign."""

Slope = Annotated[float, Field(ge=0.0, le=100.0)]
"""The slope of a leaky ReLU below 0."""
