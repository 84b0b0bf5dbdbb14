"""Complaints: one rule for each thing that can be wrong with samples.

No rule matches a particular defect: each compares samples with real images in one respect, beyond the difference of held-out real
images. Rules about pixels are in `looks`; this module has those about repeated samples and about features and classes.

Thresholds, weights and explained topics were set by hand on sets of 1,000 spoiled images of MNIST or Fashion-MNIST, so that the
defect is named and real images get no complaint. `Facts.margin` and the floors allow for chance. Run `benchmarks/verdict.py`
before and after changing a threshold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from gansmith.core.formatting import listed, percent, short_number
from gansmith.evaluation.verdict import looks
from gansmith.evaluation.verdict.facts import Complaint, Facts, Topic, share_of_samples

Rule = Callable[[Facts], Iterable[Complaint]]

_ALL_ELSE: tuple[Topic, ...] = (
    *("repeats", "twins", "realism", "alike", "classes", "variety", "arrangement", "places", "content", "another", "shapes"),
    *("unsure", *looks.LOOKS),
)

# -------------------------------------------------------------------------------------- empty, repeated and copied samples


def emptiness(facts: Facts) -> Iterator[Complaint]:
    """Samples of one even grey."""
    path = "diagnostics.statistics.flat"
    share = facts.number(f"{path}.fake") - facts.number(f"{path}.real")
    if share > 0.005:
        text = f"{share_of_samples(share)} are empty: a single even grey."
        yield Complaint(
            "empty",
            2 * share + 0.3,
            text,
            (f"{path}.fake",),
            _ALL_ELSE if share > 0.5 else ("repeats", "twins", "classes", "places"),
        )


def repeats(facts: Facts) -> Iterator[Complaint]:
    """Equal or nearly equal samples."""
    exact = facts.number("diagnostics.repeats.exact") - facts.number("diagnostics.repeats.held_out")
    near, real = (facts.number(f"diagnostics.variety.{key}", 0.01) for key in ("near_duplicates", "held_out_duplicates"))
    num, groups = facts.number("diagnostics.num"), facts.number("diagnostics.variety.groups")
    different = f"{num:,.0f} samples show about {groups:,.0f} different picture" + "s" * (groups > 1)
    few: tuple[Topic, ...] = ()
    if groups < 0.05 * num:
        few = ("classes", "places", "stuck", "content", "another", "shapes", "unsure")
    if exact > 0.01 + facts.margin():
        text = f"The same pictures come over and over: {percent(exact)} of the samples equal another in every pixel; {different}."
        source = ("diagnostics.repeats.exact", "diagnostics.variety.groups")
        yield Complaint("repeats", exact + 0.5, text, source, ("variety", "alike", *few, *(looks.LOOKS if few else ())))
    elif near - real > 0.14 + facts.margin():
        text = f"Samples repeat each other: {percent(near)} have a near twin among the others, real images {percent(real)}; "
        text += f"{different}."
        source = ("diagnostics.variety.near_duplicates", "diagnostics.variety.groups")
        yield Complaint("twins", near + (0.5 if few else 0.0), text, source, ("variety", "alike", *few))


def copies(facts: Facts) -> Iterator[Complaint]:
    """Copies of training images."""
    near = facts.score("near_copies")
    if near is None:
        return
    share = max(0.0, near[0] - near[1])
    much_nearer = share_below(facts, 0.5)
    source = ("near_copies", "memorisation.fake_distances")
    if much_nearer is not None and much_nearer > 0.02 + facts.margin() / 2:
        share = max(share, much_nearer)
        text = f"{share_of_samples(share)} are copies of training images: nearer to one than 99 % of held-out real images are"
        yield Complaint("copied", share + 0.5, f"{text}, many at less than half the distance.", source)
    elif share > 0.03 + facts.margin():
        text = f"{share_of_samples(share)} are as near to a training image as 1 % of held-out real images"
        yield Complaint(
            "copied", 0.6 * share, f"{text}: copies with small changes, or images that are simpler than real ones.", source
        )


def share_below(facts: Facts, factor: float) -> float | None:
    """Share of samples nearer to a training image than `factor` times the 1 % quantile of held-out images; None if unknown."""
    at, fake, held = (facts[f"memorisation.{k}"] for k in ("quantiles", "fake_distances", "held_out_distances"))
    if not at or not fake or not held:
        return None
    edge = factor * np.interp(0.01, at, held)
    return float(np.interp(edge, fake, at, left=0.0)) if edge > 0 else 0.0  # nothing is nearer than an equal image


# --------------------------------------------------------------------------------------------------- features and classes


def realism(facts: Facts) -> Iterator[Complaint]:
    """Samples that are unlike real images."""
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
        who = share_of_samples(far).replace("About", "about")
        text = f"A mixture: {who} are unlike any real image, and the rest are as close to real images as held-out ones"
    elif value < floor:
        text = f"{share_of_samples(1 - value)} are unlike any real image; {percent(1 - floor)} of held-out real images are"
    else:  # real images far from all others have wide balls, in which precision accepts anything
        text = f"{share_of_samples(far)} are farther from every real image than 99 % of held-out real ones"
    text += "" if facts.broken else _worst_classes(facts, far)
    weight = 0.7 * max(far, 1 - value / max(floor, 1e-9))  # other complaints say more precisely what is wrong
    yield Complaint("realism", weight, f"{text}.", ("precision", f"{path}.far"))


def _worst_classes(facts: Facts, far: float) -> str:
    rates, names = facts["diagnostics.manifold.far_by_class"], facts["classes.names"]
    known = sorted(((r, n) for r, n in zip(rates or [], names or [], strict=False) if r is not None), reverse=True)
    worst = [f"{n} ({percent(r)})" for r, n in known[:2] if r > 1.6 * far and r > 0.1]
    return f"; worst are those classified as {listed(worst)}" if worst and len(known) > 2 else ""


def other_content(facts: Facts) -> Iterator[Complaint]:
    """Pictures with other content than real images, or with distorted shapes, at any brightness."""
    far, unsure, misfit = facts.number("diagnostics.manifold.far"), facts.number("diagnostics.certainty.unsure"), facts.misfit
    share = max(far, unsure)
    source = ("diagnostics.arrangement.as_is", "diagnostics.manifold.far")
    if ((misfit > 0.2 and far > 0.25) or (misfit > 0.5 and unsure > 0.3)) and facts.ratio("precision") < 0.75:
        text = f"{share_of_samples(share)} are coherent pictures but show something else than real images"
        yield Complaint("another", share * (0.5 + min(0.4, misfit)), f"{text}, or distorted shapes.", source)
    elif misfit > 0.04:
        text = "Shapes are not where those of real images are: they are distorted, cut off, joined, or show something else."
        yield Complaint("shapes", 0.2 + min(0.4, misfit), text, source)


def variety(facts: Facts) -> Iterator[Complaint]:
    """Mode collapse: parts of the real images that are never generated."""
    for key in ("recall", "coverage"):
        value, floor = facts.score(key) or (1.0, 1.0)
        if value < 0.8 * floor and not (key == "coverage" and facts.broken):
            text = f"Too little variety: {key} {value:.2f}, held-out real images {floor:.2f}; parts of the data are missing."
            yield Complaint("variety", 0.5 * (1 - value / floor), text, (key,))
            break
    known = sorted(r for r in facts["diagnostics.variety.spread_by_class"] or [] if r is not None)
    middle = known[len(known) // 2] if known else 1.0
    if middle < 0.7:
        text = f"Samples of one class resemble each other: their variance is {percent(middle)} of that of real images."
        yield Complaint("alike", 0.6 * (1 - middle), text, ("diagnostics.variety.spread_by_class",))


def classes(facts: Facts) -> Iterator[Complaint]:
    """Classes that are missing, too rare or too frequent."""
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
    follows += ("copied",) if facts.ratio("near_copies") < 8 else ()  # simple classes are near their training images
    share, top = max((f, n) for n, f, _ in rows)
    if share > 0.9 and len(rows) > 2:
        yield Complaint(
            "classes", weight, f"Only one class is generated: {percent(share)} of the samples are {top}.", source, follows
        )
        return
    if missing:
        text = f"Classes are missing or hardly ever generated: {listed(missing)}."
        yield Complaint("classes", weight, text, source, follows if lost > 0.15 else ("variety",))
    if rare and not (len(often) == 1 and len(rare) > 3):
        yield Complaint("classes", 0.8 * weight, f"Classes that are too rare: {listed(rare)}.", source)
    if often and not missing:
        text = f"Classes that are too frequent: {listed(often)}."
        yield Complaint("classes", 0.8 * weight, text, source, follows if share > 0.4 else ())


def certainty(facts: Facts) -> Iterator[Complaint]:
    """Samples that the classifier is unsure about."""
    path = "diagnostics.certainty"
    unsure, torn = facts.number(f"{path}.unsure"), facts.number(f"{path}.between_two")
    if unsure > 0.12 + facts.margin():
        text = f"{share_of_samples(unsure)} leave the classifier unsure, real images 5 %: shapes are indistinct or distorted"
        mixed = torn > 0.45 * unsure
        text += f", and {percent(torn)} are between two classes, like two blended images" if mixed else ""
        yield Complaint("unsure", 0.6 * (unsure - 0.05), f"{text}.", (f"{path}.unsure",))


def conditions(facts: Facts) -> Iterator[Complaint]:
    """Samples that do not show the requested class."""
    value, floor = facts.score("class_accuracy") or (1.0, 1.0)
    if value < 0.9 * floor:
        text = f"{percent(value)} of the samples show the requested class; {percent(floor)} of real images are recognised."
        yield Complaint("condition", 0.3 + 0.5 * (1 - value / floor), text, ("class_accuracy",))
    value, floor = facts.score("gan_train") or (1.0, 1.0)
    if value < 0.85 * floor:
        text = f"A classifier trained on the samples has an accuracy of {percent(value)} on real images"
        text += f", one trained on real images {percent(floor)}."
        yield Complaint("condition", 0.5 * (1 - value / floor), text, ("gan_train",))


def rivals(facts: Facts) -> Iterator[Complaint]:
    """Classical methods that come nearer to the true images than a translator does."""
    better: list[str] = []
    source: list[str] = []
    for key in next(iter((facts["rivals"] or {}).values()), {}):
        score = facts[f"scores.{key}"]
        values = {name: found[key] for name, found in facts["rivals"].items() if found.get(key) is not None}
        sign = 1 if score["better"] == "lower" else -1
        best = min(values, key=lambda name: sign * values[name])
        if sign * values[best] < sign * score["value"]:
            better.append(f"{best} by {score['title']} ({short_number(values[best])}, this run {short_number(score['value'])})")
            source.append(key)
    if better:
        text = f"A classical method comes nearer to the true images: {listed(better)}."
        yield Complaint("rivals", 0.6 + 0.1 * len(better), text, tuple(source))


RULES: tuple[Rule, ...] = (
    *(emptiness, repeats, copies),
    *looks.RULES,
    *(realism, other_content, variety, classes, certainty, conditions, rivals),
)
"""All rules."""


def all_complaints(facts: Facts) -> list[Complaint]:
    """All complaints of all rules, the gravest first."""
    return sorted((c for rule in RULES for c in rule(facts)), key=lambda c: -c.weight)


def unexplained(found: Sequence[Complaint]) -> list[Complaint]:
    """The complaints, sorted by weight, that no graver one explains."""
    kept: list[Complaint] = []
    for complaint in found:
        if not any(complaint.topic in graver.explains for graver in kept):
            kept.append(complaint)
    return kept
