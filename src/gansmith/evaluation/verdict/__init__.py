"""The verdict: an evaluation in sentences: a summary, problems, strengths and advice.

A verdict depends on the JSON of an evaluation alone, so that it can be made again from a stored one. `facts` reads the JSON,
`complaints` and `looks` hold the rules, and this module writes the summary, the praise and the advice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gansmith.core.formatting import of_points, percent, shell_word
from gansmith.core.formatting import short_number as number
from gansmith.doctor import suggestions as do
from gansmith.doctor.suggestions import Suggestion, advise
from gansmith.evaluation.results import Finding
from gansmith.evaluation.verdict import looks
from gansmith.evaluation.verdict.complaints import all_complaints, unexplained
from gansmith.evaluation.verdict.facts import Complaint, Facts, Topic

MOST = 6  # complaints listed, the gravest


def verdict(evaluation: Mapping[str, Any], recipe: Any | None = None) -> tuple[Finding, ...]:
    """Turn an evaluation's JSON into sentences: a summary, complaints (the gravest first), praise, and advice.

    With the `recipe` of a run, advice is only what changes something in it.
    """
    facts = Facts(evaluation)
    found = all_complaints(facts)
    wrong = unexplained(found)
    first = overall(facts, wrong)
    sentences = [first] if first else []
    sentences += [Finding(False, c.text, c.source) for c in wrong[:MOST]]
    sentences += praise(facts, {c.topic for c in found})
    sentences.append(advice(facts, wrong, recipe))
    if facts["extractor.name"] == "points":
        sentences = [replace(finding, text=of_points(finding.text)) for finding in sentences]
    return tuple(sentences)


def overall(facts: Facts, wrong: list[Complaint]) -> Finding | None:
    """The summary: the Frechet distance beyond its floor, over the variance of real images, in words."""
    both = facts.score("fd")
    if both is None:
        return None
    share = facts.distance
    steps = {
        0.01: "as close to real images as held-out real images are",
        0.05: "close to real images",
        0.25: "some way from real images",
    }
    words = next((w for edge, w in steps.items() if share < edge), "far from real images")
    if wrong and share < 0.01:
        words = "close to real images by this distance, but not by others"
    text = f"On the whole, the samples are {words}: Frechet distance {number(both[0])}"
    text += f", held-out real images {number(both[1])}."
    return Finding(share < 0.05 and not wrong, text, ("fd",))


def praise(facts: Facts, topics: set[Topic]) -> Iterator[Finding]:
    """Sentences in favour of the samples; none on the topics of a complaint."""
    value, floor = facts.score("precision") or (0.0, 1.0)
    if value >= 0.9 * floor and facts.distance < 0.25 and not topics & {"realism", "another", "copied", "structure"}:
        text = f"The samples look like real images: precision {percent(value)}, held-out real images {percent(floor)}."
        yield Finding(True, text, ("precision",))
    value, floor = facts.score("recall") or (0.0, 1.0)
    if value >= 0.9 * floor and not topics & {"variety", "alike", "repeats", "twins", "classes"}:
        text = f"The samples are as varied as real images: recall {value:.2f}, held-out real images {floor:.2f}."
        yield Finding(True, text, ("recall",))
    if facts["classes.fake"] and not topics & {"classes", "structure", "realism", "empty", "repeats"}:
        yield Finding(True, "Every class is about as frequent as among real images.", ("classes.fake", "classes.real"))
    near = facts.score("near_copies")
    if near and near[1] < 0.1 and not facts.broken and not topics & {"copied", "repeats", "empty"}:
        text = f"No training images are copied: {percent(near[0])} of the samples are very near to one"
        yield Finding(True, f"{text}, held-out real images {percent(near[1])}.", ("near_copies",))
    if facts["diagnostics.statistics"] and not topics & {*looks.LOOKS, "structure", "empty"}:
        names = ("brightness", "contrast", "sharpness")
        text = "Brightness, contrast and sharpness match real images."
        yield Finding(True, text, tuple(f"diagnostics.statistics.{name}" for name in names))


@dataclass(frozen=True)
class Advice:
    """What to try against complaints on some topics."""

    topics: tuple[Topic, ...]
    run: tuple[Suggestion, ...]  # for a run, the most helpful first
    other: str  # for stored samples


_TRAIN = (
    do.AVERAGE,
    do.LONGER,
    Suggestion(
        "use the default recipe (gansmith train --data {data})",
        when=lambda recipe: recipe.name != "default" and not hasattr(recipe.condition, "source_images"),
    ),
    do.PENALTY,
    do.FALLING,
    do.WIDER,
)
_LOOK = (Suggestion("compare the training images with the data they should match: gansmith data show {data}"),)
_STORED = "check how the images were rotated, cropped, scaled or stored, beside real ones: gansmith data show {data}"
_ADVICE = (
    Advice(
        ("copied",),
        (do.AUGMENT, do.SHORTER, Suggestion("add training images, or use a smaller discriminator")),
        "compare the nearest training images, and remove training images from the set",
    ),
    Advice(("arrangement", "colour"), _LOOK, _STORED),
    Advice(("rivals",), (do.LONGER, do.AVERAGE, do.WIDER), "train the translator for longer"),
    Advice(("places", "another", "shapes"), _TRAIN, _STORED),
    Advice(
        ("repeats", "twins", "classes", "variety", "alike", "empty"),
        (do.PENALTY, do.MOMENTUM, do.CONDITION, do.BATCH, do.HEAVIER_PENALTY, do.LONGER),
        "generate with other seeds, and check whether samples were stored twice or left out",
    ),
    Advice(
        ("brightness", "contrast", "background", "levels", "midtones"),
        _TRAIN,
        "check the scaling of pixels before they were saved: 0 to 255, not -1 to 1",
    ),
    Advice(
        ("structure", "noise", "stuck", "sharpness", "realism", "unsure", "content", "grid", "direction", "condition"),
        _TRAIN,
        "compare the samples with real images (gansmith data show {data}), and train the generator for longer",
    ),
)
SUGGESTIONS = 2  # of each kind of complaint


def advice(facts: Facts, wrong: list[Complaint], recipe: Any | None = None) -> Finding:
    """What to try against the gravest complaints, of at most two kinds."""
    if not wrong:
        text = "No problems found. Look at the pictures as well, and compare runs with gansmith compare."
        return Finding(True, text, ("fd",))
    chosen: list[Advice] = []
    sources: list[str] = []
    for complaint in wrong[:MOST]:
        for entry in _ADVICE:
            if complaint.topic in entry.topics and entry not in chosen and len(chosen) < 2:
                chosen.append(entry)
                sources.extend(complaint.source)
    of_run = (words for entry in chosen for words in advise(recipe, entry.run, SUGGESTIONS))
    texts = dict.fromkeys(of_run if facts["kind"] == "run" else (entry.other for entry in chosen))
    data = shell_word(facts["data.spec.path"] or facts["data.label"] or "DATA")
    text = f"Try: {'; or '.join(texts)}."
    return Finding(False, text.replace("{data}", data), tuple(dict.fromkeys(sources)))
