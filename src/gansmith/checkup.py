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
    diagnoses: tuple[Diagnosis, ...]  # the cause first
    unclear: str | None = None  # why nothing can be said yet, where nothing is wrong
    recoveries: tuple[dict[str, Any], ...] = ()

    @property
    def word(self) -> str:
        """In a word: what is wrong, healthy, or that it is too early to say."""
        if self.diagnoses:
            return self.diagnoses[0].trouble
        return "too early to say" if self.unclear else "healthy"

    @property
    def remark(self) -> str:
        """What there is to say where nothing is wrong; empty where something is."""
        if self.diagnoses:
            return ""
        if self.unclear:
            return f"Nothing is wrong so far, but {self.unclear}. Train on, and ask again."
        return "Nothing stands out. Look at the pictures all the same; gansmith report says what they are worth."

    @property
    def follows(self) -> str:
        """What follows from the trouble that is named, in a sentence; empty where nothing does."""
        told = [f"{found.trouble} ({found.sign.rstrip('.')})" for found in self.diagnoses[1:]]
        return f"{' and '.join(told)}." if told else ""

    def to_json(self) -> dict[str, Any]:
        return {"word": self.word, **dataclasses.asdict(self)}

    def text(self, name: str) -> str:
        """All of it in plain words."""
        looks = f"{self.num_looks} look{'s' * (self.num_looks != 1)}, the newest at {self.images:,} images"
        where = (
            ", at the checkpoints it keeps, as it was not watched: watch.times=40 asks for that" if self.from_checkpoints else ""
        )
        paragraphs = [f"{name}: {self.word} ({looks}{where})."]
        if self.remark:
            paragraphs.append(f"  {self.remark}")
        for recovery in self.recoveries:
            paragraphs.append(f"  Put right at {recovery['images']:,} images: {recovery['why']}")
        for found in self.diagnoses[:1]:
            paragraphs.append(f"\n{found.trouble} ({found.certainty}, since {found.since:,} images)")
            parts = {
                "Sign": found.sign,
                "Follows": self.follows,
                "Cause": found.cause,
                "Do": found.remedy,
                "Read on": found.read_on,
            }
            for title, said in parts.items():
                if said:
                    paragraphs.append(
                        textwrap.fill(f"{title + ':':<9}{said}", 110, initial_indent="   ", subsequent_indent=" " * 12)
                    )
        return "\n".join(paragraphs)


def checkup(run: Run) -> Checkup:
    """What is going wrong in a run. Raises RunError where there is nothing to look at."""
    found = in_log(run)
    if found is None:
        looks = sorted(_looks_at_checkpoints(run) + doctor.looks_in(run.records), key=lambda look: look["images"])
        found = _of(run, looks, from_checkpoints=True)
    if not found.num_looks:
        raise RunError(f"run {run.path} has no checkpoint to look at yet: train it for longer")
    return found


def in_log(run: Run) -> Checkup | None:
    """What the looks in its log say; None where it was not watched."""
    looks = doctor.looks_in(run.records)
    was_watched = len(_taken(looks)) > 1 or "recoveries" in run.facts  # whose checkpoints may be of other networks
    return _of(run, looks, from_checkpoints=False) if was_watched else None


def _of(run: Run, looks: list[dict[str, Any]], from_checkpoints: bool) -> Checkup:
    taken, total = _taken(looks), run.total_images or 1
    found = tuple(doctor.diagnose(looks, total))
    newest = int(taken[-1]["images"]) if taken else 0
    told = tuple(run.facts.get("recoveries", ()))
    return Checkup(newest, len(taken), from_checkpoints, found, doctor.why_not_healthy(looks, total), told)


def _taken(looks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [look for look in looks if f"{doctor.PREFIX}finite" in look]


def _looks_at_checkpoints(run: Run) -> list[dict[str, Any]]:
    """A look at each checkpoint that is kept, in their order. Raises RunError where there is nothing to be seen."""
    if "generator" in run.recipe.frozen:
        raise RunError(
            f"run {run.path} leaves its generator as it started (frozen), so there is nothing that could go wrong with it"
        )
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
        try:
            signs = watcher.look()
        except Exception as error:  # whatever a network or an objective of the user's own may raise
            told = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise RunError(f"run {run.path} does not let itself be looked at: {told}") from None
        looks.append({"images": saved.images} | {doctor.PREFIX + name: value for name, value in signs.items()})
    return looks
