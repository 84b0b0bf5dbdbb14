"""An evaluation in plain words: what is good, what is wrong, what to try. Each sentence names the numbers it rests on.

A verdict is made of an evaluation's JSON alone, so it can be made again of one that was stored. `facts` reads it, `complaints`
and `looks` hold the rules, and here is what is said of all they found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gansmith.core.formatting import percent
from gansmith.core.formatting import short_number as number
from gansmith.evaluation.results import Finding
from gansmith.evaluation.verdict import looks
from gansmith.evaluation.verdict.complaints import all_complaints, unexplained
from gansmith.evaluation.verdict.facts import Complaint, Facts, Topic

MOST = 6  # complaints that are listed; what is left out weighs less than those


def verdict(evaluation: Mapping[str, Any]) -> tuple[Finding, ...]:
    """What an evaluation's JSON says, in words: on the whole, what is wrong (the gravest first), what is good, what to try."""
    facts = Facts(evaluation)
    found = all_complaints(facts)
    wrong = unexplained(found)
    first = overall(facts, wrong)
    sentences = [first] if first else []
    sentences += [Finding(False, c.text, c.source) for c in wrong[:MOST]]
    sentences += praise(facts, {c.topic for c in found})
    return (*sentences, advice(facts, wrong))


def overall(facts: Facts, wrong: list[Complaint]) -> Finding | None:
    """The Frechet distance in words: what it exceeds its floor by, as a share of how much real images vary."""
    both = facts.score("fd")
    if both is None:
        return None
    share = facts.distance
    steps = {0.01: "as near to real images as held-out ones are", 0.05: "close to real images", 0.25: "some way from real images"}
    words = next((w for edge, w in steps.items() if share < edge), "far from real images")
    if wrong and share < 0.01:
        words = "near real images in its distance alone"
    text = f"On the whole {words}: the Frechet distance is {number(both[0])}, and {number(both[1])} for held-out real images."
    return Finding(share < 0.05 and not wrong, text, ("fd",))


def praise(facts: Facts, topics: set[Topic]) -> Iterator[Finding]:
    """What can be said for the samples; `topics` are what was complained of."""
    value, floor = facts.score("precision") or (0.0, 1.0)
    if value >= 0.9 * floor and facts.distance < 0.25 and not topics & {"realism", "another", "copied", "structure"}:
        text = f"Samples look like real images: {percent(value)} lie among them, of held-out ones {percent(floor)}."
        yield Finding(True, text, ("precision",))
    value, floor = facts.score("recall") or (0.0, 1.0)
    if value >= 0.9 * floor and not topics & {"variety", "alike", "repeats", "twins", "classes"}:
        text = f"Variety is there: recall is {value:.2f}, and {floor:.2f} for held-out real images."
        yield Finding(True, text, ("recall",))
    if facts["classes.fake"] and not topics & {"classes", "structure", "realism", "empty", "repeats"}:
        yield Finding(True, "Every class comes about as often as among real images.", ("classes.fake", "classes.real"))
    near = facts.score("near_copies")
    if near and not facts.broken and not topics & {"copied", "repeats", "empty"}:
        text = f"Nothing is copied: {percent(near[0])} of the samples lie very near a training image"
        yield Finding(True, f"{text}, of held-out ones {percent(near[1])}.", ("near_copies",))
    if facts["diagnostics.statistics"] and not topics & {*looks.LOOKS, "structure", "empty"}:
        names = ("brightness", "contrast", "sharpness")
        text = "Brightness, contrast and sharpness are those of real images."
        yield Finding(True, text, tuple(f"diagnostics.statistics.{name}" for name in names))


@dataclass(frozen=True)
class Advice:
    topics: tuple[Topic, ...]
    run: str  # to one who trains
    other: str  # to one who has a folder or file of samples


_ADVICE = (
    Advice(
        ("copied",),
        "stop earlier (a smaller budget=...), give it more images, or make the discriminator smaller",
        "look at the nearest training images, and leave training images out of the set",
    ),
    Advice(
        ("arrangement", "places", "colour", "another", "shapes"),
        "compare what it learnt from with what it should make: gansmith data show {data}",
        "see how the images were turned, cut, scaled or stored: gansmith data show {data}",
    ),
    Advice(
        ("repeats", "twins", "classes", "variety", "alike", "empty"),
        "for more variety objective.penalties+=r1(weight=5), a larger batch_size, or optimizers.generator.betas=[0.5,0.999]",
        "draw with other seeds, see whether the same ones were written twice, or whether a part of them was left out",
    ),
    Advice(
        ("brightness", "contrast", "background", "levels", "midtones"),
        "look at the range and light of what it learnt from: gansmith data show {data}",
        "look at how pixels were scaled before they were saved (0 to 255, not -1 to 1)",
    ),
    Advice(
        ("structure", "noise", "stuck", "sharpness", "realism", "unsure", "content", "grid", "direction", "condition"),
        "train for longer (a larger budget=...), average the weights (ema=ema(half_life_images=2000)), "
        "or begin with: gansmith train --data {data}",
        "look at the samples beside real ones (gansmith data show {data}), and train what made them for longer",
    ),
)


def advice(facts: Facts, wrong: list[Complaint]) -> Finding:
    """What to try, at most two things, by the gravest complaints."""
    if not wrong:
        text = "Nothing stands out. Look at the pictures all the same, and compare runs with gansmith compare."
        return Finding(True, text, ("fd",))
    found: list[str] = []
    sources: list[str] = []
    for complaint in wrong[:MOST]:
        for entry in _ADVICE:
            text = entry.run if facts["kind"] == "run" else entry.other
            if complaint.topic in entry.topics and text not in found and len(found) < 2:
                found.append(text)
                sources.extend(complaint.source)
    text = "Try: " + "; or ".join(found) + "."
    return Finding(False, text.format(data=facts["data.label"] or "DATA"), tuple(dict.fromkeys(sources)))
