"""The backends by the name of their framework, "torch" or "tensorflow"."""

from __future__ import annotations

from gansmith.core.errors import SettingError, unknown
from gansmith.training.trainer import Backend, TorchBackend


def backend_of(framework: str) -> type[Backend]:
    """The backend of a framework. Raises SettingError for an unknown one."""
    if framework == TorchBackend.framework:
        return TorchBackend
    from gansmith.training.keras import KerasBackend  # which imports TensorFlow at its first use

    if framework == KerasBackend.framework:
        return KerasBackend
    raise SettingError(unknown("framework", framework, (TorchBackend.framework, KerasBackend.framework)))
