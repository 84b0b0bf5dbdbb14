"""Diagnose a run: from the vital signs in its log or, where it was not watched, from its checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gansmith import doctor
from gansmith.core.errors import RunError
from gansmith.doctor.checkup import Checkup

if TYPE_CHECKING:
    from gansmith.runs.run import Run


def checkup(run: Run) -> Checkup:
    """The diagnoses of a run. Raises RunError where it has neither looks nor checkpoints."""
    found = run.checkup
    if found is None:
        looks = sorted(_looks_at_checkpoints(run) + doctor.looks_in(run.records), key=lambda look: look["images"])
        found = Checkup.of_looks(looks, run.total_images or 1, from_checkpoints=True, recipe=run.recipe)
    if not found.num_looks:
        raise RunError(f"run {run.path} has no checkpoint to measure yet: train it for longer")
    return found


def _looks_at_checkpoints(run: Run) -> list[dict[str, Any]]:
    """The vital signs at each checkpoint, the oldest first. Raises RunError for a frozen generator, or where measuring fails."""
    if "generator" in run.recipe.frozen:
        raise RunError(
            f"run {run.path} has a frozen generator, which the doctor can't diagnose: expected a generator that is trained"
        )
    import torch

    from gansmith.training.monitor import Monitor
    from gansmith.training.process_settings import process_settings
    from gansmith.training.totals import Totals
    from gansmith.training.trainer import Trainer

    looks: list[dict[str, Any]] = []
    if not run.images:
        return looks
    with process_settings(compiles=run.recipe.compile):
        trainer = Trainer(run.recipe, torch.device("cpu"))
        if run.total_images:
            trainer.totals = Totals.stored(run.metadata)
        monitor = Monitor(trainer)
        for saved in run.checkpoints.undamaged(trainer.check_fits):
            trainer.restore(saved)
            try:
                signs = monitor.look()
            except Exception as error:  # anything a user's own network or objective may raise
                message = f"{type(error).__name__}: {' '.join(str(error).split())}"
                raise RunError(f"run {run.path} can't be measured: {message}; fix its network, objective or data") from None
            looks.append({"images": saved.images} | {doctor.PREFIX + name: value for name, value in signs.items()})
    return looks
