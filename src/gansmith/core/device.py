"""The machine: versions and hardware that results depend on bit for bit, and the choice of device and precision."""

from __future__ import annotations

import contextlib
import logging
import platform
import sys
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from gansmith.core.errors import SettingError, cut
from gansmith.core.version import __version__

# Metadata of a run that its results depend on bit for bit.
DECISIVE = ("framework", "torch", "tensorflow", "keras", "precision", "threads", "processor", "device", "num_processes")

logger = logging.getLogger("gansmith")


def environment() -> dict[str, Any]:
    """Versions, number of threads and hardware, for the metadata of a run."""
    return {
        "gansmith": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "processor": _processor(),
        "system": platform.platform(),
    }


def _processor() -> str:
    """The name of the GPU, or of the CPU with its vector instructions."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.split(':', 1)[1].strip()} {torch.backends.cpu.get_cpu_capability()}"
    return f"{platform.processor() or platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def warn_of_changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Log a warning for each change after which a resumed run no longer equals an uninterrupted one bit for bit."""
    for key in DECISIVE:
        if key in then and key in now and then[key] != now[key]:
            logger.warning(f"{key} was {then[key]}, now {now[key]}: the run continues, but no longer bit for bit")


def is_installed(module: str) -> bool:
    """Whether a package of an extra can be imported; nothing is imported."""
    return sys.modules[module] is not None if module in sys.modules else find_spec(module) is not None


def choose_device(name: str) -> torch.device:
    """The device of this name; "auto" is CUDA, else MPS, else the CPU. Raises SettingError if it is not available."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        with warnings.catch_warnings():  # of a kind of device that PyTorch gave up
            warnings.simplefilter("ignore")
            device = torch.device(name)
        torch.ones(1, device=device).item()  # a device that computes nothing, such as meta, fails here
    except (RuntimeError, AssertionError, ImportError, TypeError) as error:
        reason = cut(str(error).split("\n")[0].split(". ")[0])
        raise SettingError(f"device {cut(name)!r} is not available ({reason}); use --device cpu") from None
    return device


def choose_precision(name: str, device: torch.device) -> str:
    """The precision of this name; "auto" is "bf16" on hardware that multiplies bfloat16, else "float32": emulation is slow."""
    if name != "auto":
        return name
    if device.type == "cuda":
        is_fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)() if device.type == "cpu" else {}
        is_fast = bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))
    return "bf16" if is_fast else "float32"
