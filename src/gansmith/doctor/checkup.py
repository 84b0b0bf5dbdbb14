"""A run at the doctor's: its log's vital signs, or, where it was not watched, those of the checkpoints it keeps."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gansmith import doctor
from gansmith.doctor import Diagnosis, Look


@dataclass(frozen=True)
class Checkup:
    """What the doctor found, and what it rests on."""

    images: int  # of the newest look
    num_looks: int
    from_checkpoints: bool
    diagnoses: tuple[Diagnosis, ...]  # the cause first
    unclear: str | None = None  # why nothing can be said yet, where nothing is wrong
    recoveries: tuple[dict[str, Any], ...] = ()

    @classmethod
    def of_looks(
        cls,
        looks: Sequence[Look],
        total_images: int,
        recoveries: Iterable[dict[str, Any]] = (),
        from_checkpoints: bool = False,
    ) -> Checkup:
        """What the doctor says of these looks, in their order, of a run of `total_images`."""
        taken = [look for look in looks if f"{doctor.PREFIX}finite" in look]
        return cls(
            images=int(taken[-1]["images"]) if taken else 0,
            num_looks=len(taken),
            from_checkpoints=from_checkpoints,
            diagnoses=tuple(doctor.diagnose(looks, total_images)),
            unclear=doctor.why_not_healthy(looks, total_images),
            recoveries=tuple(recoveries),
        )

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
        followers = [f"{found.trouble} ({found.sign.rstrip('.')})" for found in self.diagnoses[1:]]
        return f"{' and '.join(followers)}." if followers else ""

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
