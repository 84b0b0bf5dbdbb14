"""Spectral norm, the one place that applies it."""

from __future__ import annotations

from typing import TypeVar

from torch import nn
from torch.nn.utils import parametrizations

M = TypeVar("M", bound=nn.Module)


def spectrally_normed(network: M) -> M:
    """Hold every layer's largest singular value, of its weights as a matrix [outputs, inputs], at 1 (Miyato et al. 2018, eq. 8).

    One step of power iteration for each pass while training; its vectors are buffers, so checkpoints hold them. No weights may
    start at exactly 0: they have no direction to iterate on.
    """
    for layer in list(network.modules()):
        weight = getattr(layer, "weight", None)
        if isinstance(weight, nn.Parameter) and weight.ndim > 1:
            parametrizations.spectral_norm(layer)
    return network
