"""This machine: what a run's last bit depends on, and which device and precision there are to train with."""

from __future__ import annotations

import contextlib
import logging
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from gansmith.core.errors import SettingError
from gansmith.core.version import __version__

DECISIVE = ("framework", "torch", "tensorflow", "keras", "precision", "threads", "processor", "device", "num_processes")

logger = logging.getLogger("gansmith")


def environment() -> dict[str, Any]:
    """What a run's last bit depends on."""
    return {
        "gansmith": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "processor": _processor(),
        "system": platform.platform(),
    }


def _processor() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.split(':', 1)[1].strip()} {torch.backends.cpu.get_cpu_capability()}"
    return f"{platform.processor() or platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def warn_of_changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Say what a run that goes on finds changed, of all that its last bit depends on."""
    for key in DECISIVE:
        if key in then and key in now and then[key] != now[key]:
            logger.warning(f"{key} was {then[key]}, now {now[key]}: the run goes on, but no longer bit for bit")


def choose_device(name: str) -> torch.device:
    """`auto` is CUDA, else MPS, else the CPU. Raises SettingError for a device that is not there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SettingError(f"device {name!r} is not to be had here ({str(error).splitlines()[0]}); use --device cpu") from None
    return device


def choose_precision(name: str, device: torch.device) -> str:
    """`auto` is bf16 on a device whose units multiply it, else float32: where they don't, bf16 is emulated and slower."""
    if name != "auto":
        return name
    if device.type == "cuda":
        quick = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        known: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)() if device.type == "cpu" else {}
        quick = bool(known.get("amx_bf16") or known.get("avx512_bf16"))
    return "bf16" if quick else "float32"
