"""What can be wrong with samples, a rule for each.

No rule knows a defect by heart: each asks by how much samples differ from real images in one respect, beyond what held-out
real images do. Rules about pixels are in `looks`; here are those about sameness, and about what a network sees.

Where a rule begins to speak, how much it weighs and what it explains was set by hand, with 1,000 spoiled images of MNIST or
Fashion-MNIST at a time: so that the fault is named, and nothing is said of real images. What chance alone would do is left out by
`Facts.margin` and by the floors. Whoever moves an edge runs `benchmarks/verdict.py` before and after.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from gansmith.core.formatting import listed
from gansmith.evaluation.verdict import looks
from gansmith.evaluation.verdict.facts import Complaint, Facts, Topic, of_samples, percent

Rule = Callable[[Facts], Iterable[Complaint]]

_ALL_ELSE: tuple[Topic, ...] = (
    *("repeats", "twins", "realism", "alike", "classes", "variety", "arrangement", "places", "content", "another", "shapes"),
    *("unsure", *looks.LOOKS),
)

# -------------------------------------------------------------------------------------- sameness: empty, repeated, copied


def emptiness(facts: Facts) -> Iterator[Complaint]:
    path = "diagnostics.statistics.flat"
    share = facts.number(f"{path}.fake") - facts.number(f"{path}.real")
    if share > 0.005:
        text = f"{of_samples(share)} are empty: one even grey and nothing on it."
        yield Complaint(
            "empty",
            2 * share + 0.3,
            text,
            (f"{path}.fake",),
            _ALL_ELSE if share > 0.5 else ("repeats", "twins", "classes", "places"),
        )


def repeats(facts: Facts) -> Iterator[Complaint]:
    exact = facts.number("diagnostics.repeats.exact") - facts.number("diagnostics.repeats.held_out")
    near = facts.number("diagnostics.variety.near_duplicates")
    num, groups = facts.number("diagnostics.num"), facts.number("diagnostics.variety.groups")
    categories = f"{num:,.0f} samples are about {groups:,.0f} different picture" + "s" * (groups > 1)
    few: tuple[Topic, ...] = ()
    if groups < 0.05 * num:
        few = ("classes", "places", "stuck", "content", "another", "shapes", "unsure")
    if exact > 0.01 + facts.margin():
        text = (
            f"The same pictures come over and over: {percent(exact)} of the samples repeat another pixel for pixel; {categories}."
        )
        source = ("diagnostics.repeats.exact", "diagnostics.variety.groups")
        yield Complaint("repeats", exact + 0.5, text, source, ("variety", "alike", *few, *(looks.LOOKS if few else ())))
    elif near > 0.15 + facts.margin():
        text = (
            f"Samples repeat each other: {percent(near)} have a near twin among the others, of real images 1 % do; {categories}."
        )
        source = ("diagnostics.variety.near_duplicates", "diagnostics.variety.groups")
        yield Complaint("twins", near + (0.5 if few else 0.0), text, source, ("variety", "alike", *few))


def copies(facts: Facts) -> Iterator[Complaint]:
    near = facts.score("near_copies")
    if near is None:
        return
    share = max(0.0, near[0] - near[1])
    much_nearer = share_below(facts, 0.5)
    source = ("near_copies", "memorisation.fake_distances")
    if much_nearer is not None and much_nearer > 0.02 + facts.margin() / 2:
        share = max(share, much_nearer)
        text = f"{of_samples(share)} are copies of training images: nearer to one than 99 % of held-out real images"
        yield Complaint("copied", share + 0.5, f"{text}, many of them less than half as far.", source)
    elif share > 0.03 + facts.margin():
        text = f"{of_samples(share)} lie as near to a training image as only 1 % of held-out real images do"
        yield Complaint("copied", 0.6 * share, f"{text}: copies with small changes, or all of a plain kind.", source)


def share_below(facts: Facts, factor: float) -> float | None:
    """The share of samples nearer to a training image than `factor` times the nearest hundredth of held-out images."""
    at, fake, held = (facts[f"memorisation.{k}"] for k in ("quantiles", "fake_distances", "held_out_distances"))
    if not at or not fake or not held:
        return None
    edge = factor * np.interp(0.01, at, held)
    return float(np.interp(edge, fake, at, left=0.0))


# --------------------------------------------------------------------------------------------------- what a network sees


def realism(facts: Facts) -> Iterator[Complaint]:
    both = facts.score("precision")
    if both is None:
        return
    value, floor = both
    path = "diagnostics.manifold"
    far = facts.number(f"{path}.far")
    if value >= 0.85 * floor and far <= 0.06 + facts.margin():
        return
    near = facts.number(f"{path}.near_median", 99.0)
    if 0.06 < far < 0.94 and near < 1.2 and value > 0.15 * floor:
        who = of_samples(far).replace("About", "about")
        text = f"A mixture: {who} are unlike any real image, and the rest are as near to real ones as held-out ones"
    elif value < floor:
        text = f"{of_samples(1 - value)} do not look like any real image; of held-out real ones {percent(1 - floor)} do not"
    else:  # precision is blind where a few real images are far from all others: their wide balls take everything in
        text = f"{of_samples(far)} are farther from every real image than 99 % of held-out real ones"
    text += "" if facts.broken else _worst_classes(facts, far)
    weight = 0.7 * max(far, 1 - value / max(floor, 1e-9))  # it says that something is wrong; better what
    yield Complaint("realism", weight, f"{text}.", ("precision", f"{path}.far"))


def _worst_classes(facts: Facts, far: float) -> str:
    rates, names = facts["diagnostics.manifold.far_by_class"], facts["classes.names"]
    known = sorted(((r, n) for r, n in zip(rates or [], names or [], strict=False) if r is not None), reverse=True)
    worst = [f"{n} ({percent(r)})" for r, n in known[:2] if r > 1.6 * far and r > 0.1]
    return f"; worst are those taken for {listed(worst)}" if worst and len(known) > 2 else ""


def another_kind(facts: Facts) -> Iterator[Complaint]:
    """Whole pictures of something else, or of misshapen things: whatever their light, they fill other places than real ones."""
    far, unsure, misfit = facts.number("diagnostics.manifold.far"), facts.number("diagnostics.certainty.unsure"), facts.misfit
    share = max(far, unsure)
    source = ("diagnostics.arrangement.as_is", "diagnostics.manifold.far")
    if ((misfit > 0.2 and far > 0.25) or (misfit > 0.5 and unsure > 0.3)) and facts.ratio("precision") < 0.75:
        text = f"{of_samples(share)} hang together as pictures but show something else than real images do: another kind of thing"
        yield Complaint("another", share * (0.5 + min(0.4, misfit)), f"{text}, or their shapes are distorted.", source)
    elif misfit > 0.04:
        text = "Shapes do not lie where those of real images do: distorted, cut off, joined, or of something else."
        yield Complaint("shapes", 0.2 + min(0.4, misfit), text, source)


def variety(facts: Facts) -> Iterator[Complaint]:
    for key in ("recall", "coverage"):
        value, floor = facts.score(key) or (1.0, 1.0)
        if value < 0.8 * floor and not (key == "coverage" and facts.broken):
            text = f"Too little variety: {key} is {value:.2f}, and {floor:.2f} for held-out real images"
            yield Complaint("variety", 0.5 * (1 - value / floor), f"{text}: kinds of real images are never made.", (key,))
            break
    known = sorted(r for r in facts["diagnostics.variety.spread_by_class"] or [] if r is not None)
    middle = known[len(known) // 2] if known else 1.0
    if middle < 0.7:
        text = f"Within a class samples resemble each other: their variance is {percent(middle)} of that of real images."
        yield Complaint("alike", 0.6 * (1 - middle), text, ("diagnostics.variety.spread_by_class",))


def classes(facts: Facts) -> Iterator[Complaint]:
    names, real, fake = (facts[f"classes.{k}"] for k in ("names", "real", "fake"))
    if not names or not fake or not real:
        return
    chance = 4 * math.sqrt(0.1 / max(1.0, facts.number("num_fake", 1000.0)))  # of a share of a tenth
    rows = [(n, f, r) for n, f, r in zip(names, fake, real, strict=True) if r > 0]
    missing = [n for n, f, r in rows if f < 0.1 * r and r > chance]
    rare = [f"{n} ({percent(f)} instead of {percent(r)})" for n, f, r in rows if 0.1 * r <= f < 0.55 * r and r - f > chance]
    often = [f"{n} ({percent(f)} instead of {percent(r)})" for n, f, r in rows if f > 1.8 * r and f - r > chance]
    lost = sum(max(0.0, r - f) for _, f, r in rows)
    weight = (0.4 + lost) * facts.trust
    source = ("classes.fake", "classes.real")
    follows: tuple[Topic, ...] = ("variety", "places", "grid", "twins", "midtones", "content", "direction", "another", "shapes")
    follows += ("brightness", "contrast", "sharpness") if lost > 0.3 else ()
    follows += ("copied",) if facts.ratio("near_copies") < 8 else ()  # a plain class lies near its training images
    share, top = max((f, n) for n, f, _ in rows)
    if share > 0.9 and len(rows) > 2:
        yield Complaint("classes", weight, f"Only one class is made: {percent(share)} of the samples are {top}.", source, follows)
        return
    if missing:
        text = f"Classes are missing, or hardly ever made: {listed(missing)}."
        yield Complaint("classes", weight, text, source, follows if lost > 0.15 else ("variety",))
    if rare and not (len(often) == 1 and len(rare) > 3):
        yield Complaint("classes", 0.8 * weight, f"Too rare: {listed(rare)}.", source)
    if often and not missing:
        text = f"Made too often: {listed(often)}."
        yield Complaint("classes", 0.8 * weight, text, source, follows if share > 0.4 else ())


def certainty(facts: Facts) -> Iterator[Complaint]:
    path = "diagnostics.certainty"
    unsure, torn = facts.number(f"{path}.unsure"), facts.number(f"{path}.between_two")
    if unsure > 0.12 + facts.margin():
        text = f"{of_samples(unsure)} leave the classifier unsure, of real images 5 %: their shapes are indistinct or distorted"
        mixed = torn > 0.45 * unsure
        text += f", and {percent(torn)} stand between two classes, as if two images had been blended" if mixed else ""
        yield Complaint("unsure", 0.6 * (unsure - 0.05), f"{text}.", (f"{path}.unsure",))


def conditions(facts: Facts) -> Iterator[Complaint]:
    """Samples that were asked for by class."""
    value, floor = facts.score("class_accuracy") or (1.0, 1.0)
    if value < 0.9 * floor:
        text = f"Asked for a class, {percent(value)} of the samples are of it; of real images {percent(floor)} are recognised."
        yield Complaint("condition", 0.3 + 0.5 * (1 - value / floor), text, ("class_accuracy",))
    value, floor = facts.score("gan_train") or (1.0, 1.0)
    if value < 0.85 * floor:
        text = f"A classifier that learns from the samples is right about {percent(value)} of real images"
        text += f", and one that learns from real ones about {percent(floor)}."
        yield Complaint("condition", 0.5 * (1 - value / floor), text, ("gan_train",))


RULES: tuple[Rule, ...] = (
    *(emptiness, repeats, copies),
    *looks.RULES,
    *(realism, another_kind, variety, classes, certainty, conditions),
)
"""Every rule is asked; the heaviest complaints come first."""


def all_complaints(facts: Facts) -> list[Complaint]:
    """All that is wrong, the gravest first."""
    return sorted((c for rule in RULES for c in rule(facts)), key=lambda c: -c.weight)


def unexplained(found: Sequence[Complaint]) -> list[Complaint]:
    """Those of `found`, the gravest first, that no graver one explains."""
    kept: list[Complaint] = []
    for complaint in found:
        if not any(complaint.topic in graver.explains for graver in kept):
            kept.append(complaint)
    return kept
