"""The diagnosis of a whole run, from the vital signs in its log or from its checkpoints."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gansmith import doctor
from gansmith.doctor import Diagnosis, Look

ABOUT_TRAINING = (
    "This is about how training went, by the networks and their losses. How good the samples are is another question: "
    "training can go well and be too short, or its networks too small. gansmith report answers it, with scores and a verdict."
)


@dataclass(frozen=True)
class Checkup:
    """The diagnoses of a run, and the looks they are based on."""

    images: int  # real images seen at the newest look
    num_looks: int
    from_checkpoints: bool
    diagnoses: tuple[Diagnosis, ...]  # the cause first
    unclear: str | None = None  # why the run is not called healthy, where no trouble is found
    recoveries: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of_looks(
        cls,
        looks: Sequence[Look],
        total_images: int,
        recoveries: Iterable[dict[str, Any]] = (),
        from_checkpoints: bool = False,
        recipe: Any | None = None,
    ) -> Checkup:
        """Diagnose a run of `total_images` from its looks, in the order of training. Advice is checked against `recipe`."""
        taken = [look for look in looks if f"{doctor.PREFIX}finite" in look]
        return cls(
            images=int(taken[-1]["images"]) if taken else 0,
            num_looks=len(taken),
            from_checkpoints=from_checkpoints,
            diagnoses=tuple(doctor.diagnose(looks, total_images, recipe)),
            unclear=doctor.why_not_healthy(looks, total_images),
            recoveries=tuple(recoveries),
        )

    @property
    def word(self) -> str:
        """The result in a word: the name of the first trouble, "healthy" or "too early to say"."""
        if self.diagnoses:
            return self.diagnoses[0].trouble
        return "too early to say" if self.unclear else "healthy"

    @property
    def remark(self) -> str:
        """A sentence for a run without a trouble; empty where there is one."""
        if self.diagnoses:
            return ""
        if self.unclear:
            return f"No trouble so far, but {self.unclear}. Train on, and ask again."
        return f"Nothing in the training stands out. {ABOUT_TRAINING}"

    @property
    def follows(self) -> str:
        """The consequences of the first trouble, in a sentence; empty without any."""
        signs = [found.sign[0].lower() + found.sign[1:].rstrip(".") for found in self.diagnoses[1:]]
        followers = [f"{found.trouble} ({sign})" for found, sign in zip(self.diagnoses[1:], signs, strict=True)]
        return f"{' and '.join(followers)}." if followers else ""

    def to_json(self) -> dict[str, Any]:
        """The checkup as JSON values: its fields and `word`."""
        return {"word": self.word, **dataclasses.asdict(self)}

    def text(self, name: str, width: int = 110) -> str:
        """The checkup as text in lines of `width` characters for a terminal; `name` is that of the run."""
        looks = f"{self.num_looks} look{'s' * (self.num_looks != 1)}, the newest at {self.images:,} images"
        where = (
            ", at its checkpoints, because it was not monitored: watch.times=40 monitors a run" if self.from_checkpoints else ""
        )
        paragraphs = [f"{name}: {self.word} ({looks}{where})."]
        if self.remark:
            paragraphs.append(textwrap.fill(self.remark, width, initial_indent="  ", subsequent_indent="  "))
        if self.diagnoses:
            paragraphs.append(textwrap.fill(ABOUT_TRAINING, width, initial_indent="  ", subsequent_indent="  "))
        for recovery in self.recoveries:
            paragraphs.append(f"  Recovered at {recovery['images']:,} images: {recovery['why']}")
        for found in self.diagnoses[:1]:
            paragraphs.append(f"\n{found.trouble} ({found.certainty}, since {found.since:,} images)")
            parts = {
                "Sign": found.sign,
                "Follows": self.follows,
                "Cause": found.cause,
                "Do": found.remedy,
                "Read on": found.read_on,
            }
            for title, sentence in parts.items():
                if sentence:
                    paragraphs.append(
                        textwrap.fill(f"{title + ':':<9}{sentence}", width, initial_indent="   ", subsequent_indent=" " * 12)
                    )
        return "\n".join(paragraphs)
