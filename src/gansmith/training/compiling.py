"""Networks as torch.compile runs them, for those who ask for it."""

from __future__ import annotations

import os
import shutil
import sys
from typing import cast

import torch
from torch import nn

from gansmith.core.errors import RecipeError


def compiled(networks: dict[str, nn.Module], device: torch.device) -> dict[str, nn.Module]:
    """The same networks, with the same weights. Each batch size gets code of its own, so that a run that goes on runs the same.

    Raises RecipeError where the CPU's code can't be made for want of a compiler.
    """
    compiler = os.environ.get("CXX", {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++"))
    if device.type == "cpu" and shutil.which(compiler) is None:
        raise RecipeError(f"compile needs a C++ compiler, and there is no {compiler} here: install it, or leave compile at false")
    return {name: cast(nn.Module, torch.compile(network, dynamic=False)) for name, network in networks.items()}
