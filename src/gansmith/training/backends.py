"""The trainers by the name of their framework, "torch" or "tensorflow"."""

from __future__ import annotations

from gansmith.core.errors import SettingError, unknown
from gansmith.training.trainer import Trainer


def trainer_of(framework: str) -> type[Trainer]:
    """What trains in a framework. Raises SettingError for one that nobody knows."""
    if framework == Trainer.framework:
        return Trainer
    from gansmith.training.keras import KerasTrainer  # which imports TensorFlow once it is made

    if framework == KerasTrainer.framework:
        return KerasTrainer
    raise SettingError(unknown("framework", framework, (Trainer.framework, KerasTrainer.framework)))
