"""Run networks through torch.compile."""

from __future__ import annotations

import os
import shutil
import sys
from typing import cast

import torch
from torch import nn

from gansmith.core.errors import RecipeError


def compiled(networks: dict[str, nn.Module], device: torch.device) -> dict[str, nn.Module]:
    """Compiled counterparts of networks, which share their weights.

    Each batch size is compiled by itself, so that a resumed run computes as an uninterrupted one. Raises RecipeError on a CPU
    without a C++ compiler.
    """
    compiler = os.environ.get("CXX", {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++"))
    if device.type == "cpu" and shutil.which(compiler) is None:
        raise RecipeError(f"compile needs a C++ compiler, and there is no {compiler} here: install it, or leave compile at false")
    return {name: cast(nn.Module, torch.compile(network, dynamic=False)) for name, network in networks.items()}
