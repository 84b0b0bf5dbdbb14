"""Spectral normalisation (Miyato et al. 2018)."""

from __future__ import annotations

from typing import TypeVar

from torch import nn
from torch.nn.utils import parametrizations

M = TypeVar("M", bound=nn.Module)


def spectrally_normed(network: M) -> M:
    """Hold the largest singular value of each layer's weight matrix [outputs, inputs] at 1 (Miyato et al. 2018, eq. 8).

    Each training pass takes one step of power iteration. Its vectors are buffers, so checkpoints hold them. Weights must not
    start at exactly 0, where power iteration has no direction.
    """
    for layer in list(network.modules()):
        weight = getattr(layer, "weight", None)
        if isinstance(weight, nn.Parameter) and weight.ndim > 1:
            parametrizations.spectral_norm(layer)
    return network
