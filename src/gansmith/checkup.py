"""A run at the doctor's: its log's vital signs, or, where it was not watched, those of the checkpoints it keeps."""

from __future__ import annotations

import dataclasses
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gansmith import doctor
from gansmith.doctor import Diagnosis
from gansmith.errors import RunError

if TYPE_CHECKING:
    from gansmith.run import Run


@dataclass(frozen=True)
class Checkup:
    """What the doctor found, and what it rests on."""

    images: int  # of the newest look
    num_looks: int
    from_checkpoints: bool
    diagnoses: tuple[Diagnosis, ...]
    recoveries: tuple[dict[str, Any], ...] = ()

    @property
    def word(self) -> str:
        """In a word: the gravest trouble, healthy, or that it is too early to tell."""
        if self.diagnoses:
            return self.diagnoses[0].trouble
        return "healthy" if self.num_looks >= doctor.LEAST_LOOKS else "cannot tell yet"

    def to_json(self) -> dict[str, Any]:
        return {"word": self.word, **dataclasses.asdict(self)}

    def text(self, name: str) -> str:
        """All of it in plain words."""
        looks = f"{self.num_looks} look{'s' * (self.num_looks != 1)}, the newest at {self.images:,} images"
        where = ", from the checkpoints that are kept, as this run was not watched" if self.from_checkpoints else ""
        paragraphs = [f"{name}: {self.word} ({looks}{where})."]
        if self.word == "cannot tell yet":
            least = doctor.LEAST_LOOKS
            paragraphs.append(
                f"  Nothing stands out so far, but below {least} looks only what is plain can be seen. Train on, and ask again."
            )
        if self.word == "healthy":
            paragraphs.append(
                "  Nothing stands out. Look at the pictures all the same; gansmith report says what they are worth."
            )
        for recovery in self.recoveries:
            paragraphs.append(f"  Put right at {recovery['images']:,} images: {recovery['why']}")
        for number, found in enumerate(self.diagnoses, 1):
            paragraphs.append(f"\n{number}. {found.trouble} ({found.certainty}, since {found.since:,} images)")
            parts = {"Sign": found.sign, "Cause": found.cause, "Do": found.remedy, "Read on": found.read_on}
            for title, said in parts.items():
                paragraphs.append(textwrap.fill(f"{title + ':':<9}{said}", 110, initial_indent="   ", subsequent_indent=" " * 12))
        return "\n".join(paragraphs)


def checkup(run: Run) -> Checkup:
    """What is going wrong in a run. Raises RunError where there is nothing to look at."""
    looks, total = doctor.looks_in(run.records), run.total_images or 1
    watched = [look for look in looks if f"{doctor.PREFIX}finite" in look]
    from_checkpoints = len(watched) < 2
    if from_checkpoints:
        looks = watched = _looks_at_checkpoints(run) + watched
    if not watched:
        raise RunError(f"run {run.path} has no checkpoint to look at yet: train it for longer")
    found = tuple(doctor.diagnose(looks, total))
    told = tuple(run.facts.get("recoveries", ()))
    return Checkup(int(watched[-1]["images"]), len(watched), from_checkpoints, found, told)


def _looks_at_checkpoints(run: Run) -> list[dict[str, Any]]:
    """A look at each checkpoint that is kept, in their order."""
    import torch

    from gansmith.trainer import Trainer
    from gansmith.watching import Watcher

    looks: list[dict[str, Any]] = []
    if not run.images:
        return looks
    trainer = Trainer(run.recipe, torch.device("cpu"))
    trainer.total_images = run.total_images or 1
    watcher = Watcher(trainer)
    for saved in run.kept:
        trainer.restore(saved)
        looks.append({"images": saved.images} | {doctor.PREFIX + name: value for name, value in watcher.look().items()})
    return looks
