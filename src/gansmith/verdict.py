"""An evaluation in plain words: what is good, what is wrong, what to try. Each sentence names the numbers it rests on.

A verdict is made of an evaluation's JSON alone, so it can be made again of one that was stored. Nothing here knows a defect by
name alone: each rule asks by how much samples differ from real images in one respect, beyond what held-out real images do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

NOTICED = 0.2  # of a shift, which runs from -1 to 1: less is not spoken of
MOST = 6  # complaints that are listed; what is left out weighs less than those


@dataclass(frozen=True)
class Sentence:
    """`from_` holds paths into the evaluation: `scores.fd`, `diagnostics.statistics.brightness`."""

    good: bool
    text: str
    from_: tuple[str, ...]


@dataclass(frozen=True)
class Complaint:
    """Something wrong: how much it weighs (1: all samples are of no use), what it is about, and what it explains besides."""

    topic: str
    weight: float
    text: str
    from_: tuple[str, ...]
    explains: tuple[str, ...] = ()  # topics that need no sentence of their own next to this


class Facts:
    """Numbers of an evaluation by their path; what is not there is None."""

    def __init__(self, evaluation: Mapping[str, Any]) -> None:
        self.evaluation = evaluation

    def __getitem__(self, path: str) -> Any:
        found: Any = self.evaluation
        for word in path.split("."):
            found = found.get(word) if isinstance(found, Mapping) else None
        return found

    def number(self, path: str, default: float = 0.0) -> float:
        found = self[path]
        return default if found is None else float(found)

    def score(self, key: str) -> tuple[float, float] | None:
        """A score and its floor; None unless both are there."""
        value, floor = self[f"scores.{key}.value"], self[f"scores.{key}.floor"]
        return None if value is None or floor is None else (float(value), float(floor))

    def ratio(self, key: str) -> float:
        """A score over its floor: 1 where samples do as real images do, or where it was not measured."""
        both = self.score(key)
        return 1.0 if both is None else both[0] / max(both[1], 1e-9)

    def margin(self) -> float:
        """By how much a share among so many samples may be off by chance: about four standard errors of a small one."""
        return 4 * math.sqrt(0.02 / max(1.0, self.number("diagnostics.num", 1000.0)))

    def shift(self, name: str) -> float:
        """How far a statistic of the samples lies above (+) or below (-) real images', less what held-out ones do: -1 to 1."""
        path = f"diagnostics.statistics.{name}"
        value, floor = self.number(f"{path}.shift"), abs(self.number(f"{path}.floor_shift"))
        return math.copysign(max(0.0, abs(value) - floor), value)

    def beyond(self, name: str, side: str) -> float:
        """The share of samples outside nearly all real images on a side ("below", "above"), less that of held-out ones."""
        path = f"diagnostics.statistics.{name}"
        return max(0.0, self.number(f"{path}.{side}") - self.number(f"{path}.floor_{side}"))

    def medians(self, name: str) -> tuple[float, float]:
        path = f"diagnostics.statistics.{name}"
        return self.number(f"{path}.fake"), self.number(f"{path}.real")

    @property
    def broken(self) -> bool:
        """So few samples lie among real images that a classifier's word on them means little."""
        return self.ratio("precision") < 0.4


Rule = Callable[[Facts], Iterable[Complaint]]

# -------------------------------------------------------------------------------------------------- how it is said


def percent(share: float) -> str:
    if share >= 0.995:
        return "All"
    return f"{100 * share:.0f} %" if share >= 0.095 else f"{100 * share:.1f} %"


def of_samples(share: float) -> str:
    """A share as the beginning of a sentence about samples."""
    if share >= 0.995:
        return "All samples"
    if share >= 0.9:
        return f"Nearly all samples ({percent(share)})"
    if 0.45 <= share <= 0.55:
        return f"About half of the samples ({percent(share)})"
    return f"{percent(share)} of the samples"


def number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def against(facts: Facts, name: str) -> str:
    fake, real = facts.medians(name)
    return f"{number(fake)}, and {number(real)} in real images"


def box(place: Any) -> str:
    """Where a box (left, top, right, bottom, as shares of the sides) lies."""
    if not place:
        return "in places"
    left, top, right, bottom = place
    if right - left > 0.8 and bottom - top > 0.8:
        return "all over the image or along its edges"
    row = "upper" if bottom <= 0.55 else "lower" if top >= 0.45 else ""
    column = "left" if right <= 0.55 else "right" if left >= 0.45 else ""
    where = f"in the {row} {column}".replace("  ", " ").rstrip() if row or column else "in the middle"
    where += " part" if bool(row) != bool(column) else " corner" if row else ""
    return f"{where} ({100 * left:.0f} to {100 * right:.0f} % across, {100 * top:.0f} to {100 * bottom:.0f} % down)"


# -------------------------------------------------------------------------------------- sameness: empty, repeated, copied


def emptiness(facts: Facts) -> Iterator[Complaint]:
    path = "diagnostics.statistics.flat"
    share = facts.number(f"{path}.fake") - facts.number(f"{path}.real")
    if share > 0.005:
        everything = (
            ("repeats", "looks", "classes", "variety", "arrangement", "places", "content") if share > 0.5 else ("repeats",)
        )
        text = f"{of_samples(share)} are empty: one even grey and nothing on it."
        yield Complaint("empty", 2 * share + 0.3, text, (f"{path}.fake",), everything)


def repeats(facts: Facts) -> Iterator[Complaint]:
    exact = facts.number("diagnostics.repeats.exact") - facts.number("diagnostics.repeats.held_out")
    near = facts.number("diagnostics.variety.near_duplicates")
    num, groups = facts.number("diagnostics.num"), facts.number("diagnostics.variety.groups")
    kinds = f"{groups:.0f} different picture" + "s" * (groups > 1)
    explains = ("variety", "classes", "places", "looks", "content") if groups < 0.05 * num else ("variety",)
    if exact > 0.01 + facts.margin():
        text = f"The same pictures come over and over: {percent(exact)} of the samples repeat another pixel for pixel"
        from_ = ("diagnostics.repeats.exact", "diagnostics.variety.groups")
        yield Complaint("repeats", exact + 0.3, f"{text}; {num:.0f} samples are about {kinds}.", from_, explains)
    elif near > 0.04 + facts.margin():
        text = f"Samples repeat each other: {percent(near)} have a near twin among the others, and 1 % of real images do"
        from_ = ("diagnostics.variety.near_duplicates", "diagnostics.variety.groups")
        yield Complaint("repeats", near, f"{text}; {num:.0f} samples are about {kinds}.", from_, explains)


def copies(facts: Facts) -> Iterator[Complaint]:
    near = facts.score("near_copies")
    if near is None:
        return
    share, margin = max(0.0, near[0] - near[1]), 0.03 + facts.margin()
    much_nearer = share_below(facts, 0.5)
    from_ = ("scores.near_copies", "memorisation.fake_distances")
    if much_nearer is not None and much_nearer > 0.02 + facts.margin() / 2:
        share = max(share, much_nearer)
        text = f"{of_samples(share)} are copies of training images: they lie nearer to one than 99 % of held-out real images do"
        yield Complaint("copied", share + 0.5, f"{text}, many of them less than half as far.", from_)
    elif share > margin:
        text = f"{of_samples(share)} lie as near to a training image as only 1 % of held-out real images do"
        yield Complaint("copied", 0.6 * share, f"{text}: they may be learnt by heart, or all be of a plain kind.", from_)


def share_below(facts: Facts, factor: float) -> float | None:
    """The share of samples nearer to a training image than `factor` times the nearest hundredth of held-out images."""
    at, fake, held = (facts[f"memorisation.{k}"] for k in ("quantiles", "fake_distances", "held_out_distances"))
    if not at or not fake or not held:
        return None
    edge = factor * interpolated(at, held, 0.01)
    return interpolated(fake, at, edge) if edge >= fake[0] else 0.0


def interpolated(xs: list[float], ys: list[float], x: float) -> float:
    """Piecewise linear through rising xs; flat outside; of equal xs the last counts."""
    if x >= xs[-1]:
        return ys[-1]
    i = max((j for j, known in enumerate(xs) if known <= x), default=-1)
    if i < 0:
        return ys[0]
    step = xs[i + 1] - xs[i]
    return ys[i] + (ys[i + 1] - ys[i]) * ((x - xs[i]) / step if step > 0 else 0.0)


# ----------------------------------------------------------------------------------------------------- what it looks like


def structure(facts: Facts) -> Iterator[Complaint]:
    path = "diagnostics.statistics.scrambled"
    share = facts.number(f"{path}.fake") - facts.number(f"{path}.held_out")
    if share <= 0.01 + facts.margin():
        return
    text = f"{of_samples(share)} have no structure: neighbouring pixels have nothing to do with each other"
    from_ = (f"{path}.fake", "diagnostics.statistics.coherence")
    same_pixels = max(abs(facts.shift("brightness")), abs(facts.shift("contrast"))) < NOTICED
    text += (
        ", though their greys are those of real images, as if the pixels had been shuffled." if same_pixels else ", as in noise."
    )
    yield Complaint("structure", share + 0.6, text, from_, ("noise", "looks", "variety", "classes", "content", "unsure"))


def arrangement(facts: Facts) -> Iterator[Complaint]:
    path = "diagnostics.arrangement"
    as_is, floor, best, share = (facts.number(f"{path}.{k}") for k in ("as_is", "floor", "best", "share"))
    change = facts[f"{path}.change"]
    if change is None or as_is < 3 * floor + 0.002 * facts.number(f"{path}.variance") or best > 0.5 * as_is:
        return
    much = 1 - best / as_is
    who = "The samples look" if share == 1 else f"About {percent(share)} of the samples look"
    text = (
        f"{who} like real images that were {change}" if change != "negative" else f"{who} like negatives of real images, inverted"
    )
    text += f": changed so, small pictures are {number(best)} apart instead of {number(as_is)}."
    moved = ("content", "places", "direction")
    explains = (*moved, "brightness", "contrast") if change == "negative" else moved
    yield Complaint("arrangement", 0.5 + much * max(share, 0.4), text, (f"{path}.best", f"{path}.as_is"), explains)


def light(facts: Facts) -> Iterator[Complaint]:
    for name, less, more in (
        ("brightness", "darker", "brighter"),
        ("contrast", "paler, with less contrast", "harder, with more contrast"),
    ):
        shift = facts.shift(name)
        if abs(shift) > NOTICED:
            text = f"The samples are {more if shift > 0 else less} ({name} {against(facts, name)})."
            yield Complaint(name, 0.8 * abs(shift), text, (f"diagnostics.statistics.{name}",))
    low, high = facts.beyond("brightness", "below"), facts.beyond("brightness", "above")
    for share, word in ((low, "darker"), (high, "brighter")):
        if 0.02 + facts.margin() < share and abs(facts.shift("brightness")) <= NOTICED:
            text = f"{of_samples(share)} are {word} than nearly every real image."
            yield Complaint("brightness", share, text, ("diagnostics.statistics.brightness",))


def texture(facts: Facts) -> Iterator[Complaint]:
    sharp, coherent = facts.shift("sharpness"), facts.shift("coherence")
    grainy = max(facts.beyond("grain", "above"), 0.5 * facts.shift("grain"))
    specks = facts.beyond("specks", "above")
    speckled = specks > 0.05 + facts.margin() or facts.shift("specks") > 0.4
    if grainy > 0.05 + facts.margin():
        text = f"The samples are noisy: even where an image is smoothest there is grain ({against(facts, 'grain')})."
        yield Complaint("noise", 0.2 + 0.6 * min(1.0, grainy), text, ("diagnostics.statistics.grain",), ("sharpness",))
    if speckled:
        weight = 0.2 + 0.6 * max(specks, facts.shift("specks"))
        text = f"Noisy specks: single pixels stand out from all around them ({against(facts, 'specks')} of the pixels)."
        yield Complaint("noise", weight, text, ("diagnostics.statistics.specks",), ("sharpness",))
    if sharp < -NOTICED:
        text = f"The samples are blurred: their edges are softer than real ones (sharpness {against(facts, 'sharpness')})."
        yield Complaint("sharpness", -0.9 * sharp, text, ("diagnostics.statistics.sharpness",))
    elif min(sharp, -coherent) > NOTICED and not speckled and grainy <= 0.05 + facts.margin():
        text = f"Edges are rougher than real ones (sharpness {against(facts, 'sharpness')})."
        yield Complaint("sharpness", 0.7 * sharp, text, ("diagnostics.statistics.sharpness",))


def tones(facts: Facts) -> Iterator[Complaint]:
    fake, real = facts.medians("levels")
    if facts.shift("levels") < -0.5 and fake < 0.6 * real:
        levels = round(256 * fake)
        few = "nearly black and white: " if levels <= 4 else ""
        text = f"The samples are {few}an image has {levels} grey values where a real one has {256 * real:.0f}."
        yield Complaint("levels", 0.3 + 0.4 * (1 - fake / max(real, 1e-9)), text, ("diagnostics.statistics.levels",))
    shift = facts.shift("midtones")
    if abs(shift) > 1.5 * NOTICED:
        which = "more half-tones, as in washed-out or blended images" if shift > 0 else "fewer half-tones: what is there is hard"
        text = f"The samples have {which} ({against(facts, 'midtones')} of the pixels)."
        yield Complaint("midtones", 0.6 * abs(shift), text, ("diagnostics.statistics.midtones",))


def grid(facts: Facts) -> Iterator[Complaint]:
    path, floor = "diagnostics.grid", facts.number("diagnostics.grid.floor")
    across, down = (facts.number(f"{path}.{d}.strength") - floor for d in ("across", "down"))
    if max(across, down) < 0.2:
        return
    which = "across" if across >= down else "down"
    period = facts.number(f"{path}.{which}.period")
    both = min(across, down) > 0.1
    what = "blocks, tiles or a chequerboard" if both else "stripes or a seam"
    text = f"A pattern comes back every {period:.0f} pixels {'both ways' if both else which}: {what}."
    yield Complaint("grid", 0.35 + 0.4 * min(1.0, max(across, down)), text, (f"{path}.{which}",), ("sharpness",))


def places(facts: Facts) -> Iterator[Complaint]:
    path = "diagnostics.places"
    dead, foreign = facts.number(f"{path}.dead"), facts.number(f"{path}.foreign")
    if foreign > 0.004:
        text = f"Every sample has the same thing, stamped on the same place, {box(facts[f'{path}.foreign_box'])}: a frame, a mark"
        yield Complaint("places", 0.5 + foreign, f"{text} or a background that real images do not have.", (f"{path}.foreign",))
    if dead > 0.01 and foreign <= 0.004:
        text = f"A region never changes from sample to sample, {box(facts[f'{path}.dead_box'])}, though real images vary there"
        yield Complaint("places", 0.45 + dead, f"{text}: it is covered or empty.", (f"{path}.dead",))


def content(facts: Facts) -> Iterator[Complaint]:
    words = {
        "area": ("thinner or smaller: less of the image is content", "thicker or fuller: more of the image is content"),
        "parts": ("in fewer pieces", "broken into more pieces"),
        "size": ("smaller or more gathered", "larger or more spread out"),
        "right": ("too far left", "too far right"),
        "down": ("too high", "too low"),
        "slant": ("slanted to the right, or turned", "slanted to the left, or turned"),
    }
    for name, (less, more) in words.items():
        shift = facts.shift(name)
        if abs(shift) > 1.25 * NOTICED:
            text = f"What the samples show is {more if shift > 0 else less} ({name} {against(facts, name)})."
            yield Complaint("content", 0.7 * abs(shift), text, (f"diagnostics.statistics.{name}",))
    shift = facts.shift("direction")
    if abs(shift) > 1.5 * NOTICED:
        lines = "upright" if shift > 0 else "level"
        text = f"Lines are too {lines}: edges across and down differ from real ones, as when smeared or turned."
        yield Complaint("direction", 0.6 * abs(shift), text, ("diagnostics.statistics.direction",))
    for name in ("right", "down"):
        spread = facts.number(f"diagnostics.statistics.{name}.spread", 1.0)
        if spread > 1.6 * max(1.0, facts.number(f"diagnostics.statistics.{name}.floor_spread", 1.0)):
            text = f"Where the content lies varies {spread:.1f} times as much as in real images ({name})."
            yield Complaint("content", min(0.6, 0.25 * (spread - 1)), text, (f"diagnostics.statistics.{name}.spread",))


def colours(facts: Facts) -> Iterator[Complaint]:
    for name, less, more in (
        ("colour", "too grey", "too colourful"),
        ("red", "too green or blue, with too little red", "too red"),
        ("blue", "too yellow, with too little blue", "too blue"),
    ):
        shift = facts.shift(name)
        if abs(shift) > NOTICED:
            text = f"The samples are {more if shift > 0 else less} ({name} {against(facts, name)})."
            yield Complaint("colour", 0.8 * abs(shift), text, (f"diagnostics.statistics.{name}",))


# --------------------------------------------------------------------------------------------------- what a network sees


def realism(facts: Facts) -> Iterator[Complaint]:
    both = facts.score("precision")
    if both is None:
        return
    value, floor = both
    far, path = facts.number("diagnostics.manifold.far"), "diagnostics.manifold"
    if value < 0.85 * floor or far > 0.08 + facts.margin():
        near = facts.number(f"{path}.near_median", 99.0)
        if 0.06 < far < 0.94 and near < 1.2 and value > 0.15 * floor:
            text = (
                f"A mixture: {of_samples(far).lower()} are unlike any real image, and the rest are as near to real ones as can be"
            )
        else:
            text = f"{of_samples(max(0.0, 1 - value))} do not look like any real image, where {percent(1 - floor)} of held-out ones do not"
        text += worst_classes(facts) if not facts.broken else ""
        yield Complaint("realism", max(far, 1 - value / max(floor, 1e-9)), f"{text}.", ("scores.precision", f"{path}.far"))


def worst_classes(facts: Facts) -> str:
    rates, names = facts["diagnostics.manifold.far_by_class"], facts["classes.names"]
    known = [(r, n) for r, n in zip(rates or [], names or [], strict=False) if r is not None]
    if len(known) < 3:
        return ""
    far = facts.number("diagnostics.manifold.far")
    worst = [(r, n) for r, n in sorted(known, reverse=True)[:2] if r > 1.6 * far and r > 0.1]
    return "; worst are " + " and ".join(f"{n} ({percent(r)})" for r, n in worst) if worst else ""


def another_kind(facts: Facts) -> Iterator[Complaint]:
    """Whole pictures of something else: neither noise nor blur accounts for how far they are."""
    far = facts.number("diagnostics.manifold.far")
    texture = min(abs(facts.shift("sharpness")), abs(facts.shift("coherence")))
    if (
        facts.ratio("precision") < 0.75
        and far > 0.25
        and facts.number("diagnostics.statistics.scrambled.fake") < 0.05
        and texture < 0.9
    ):
        text = f"{of_samples(far)} hang together as pictures but show something else than real images do: another kind of thing"
        yield Complaint(
            "another", 0.4 * far, f"{text}, or their shapes are distorted.", ("diagnostics.manifold.far", "scores.precision")
        )


def variety(facts: Facts) -> Iterator[Complaint]:
    for key, name in (("recall", "recall"), ("coverage", "coverage")):
        both = facts.score(key)
        if both and both[0] < 0.8 * both[1] and not (key == "coverage" and facts.broken):
            text = f"Too little variety: {name} is {both[0]:.2f}, and {both[1]:.2f} for held-out real images"
            yield Complaint(
                "variety", 0.7 * (1 - both[0] / both[1]), f"{text}: kinds of real images are never made.", (f"scores.{key}",)
            )
            break
    ratios = facts["diagnostics.variety.spread_by_class"]
    known = sorted(r for r in ratios or [] if r is not None)
    if known and known[len(known) // 2] < 0.7:
        text = f"Within a class samples resemble each other: they differ {known[len(known) // 2]:.2f} times as much as real ones (variance)"
        yield Complaint("alike", 0.6 * (1 - known[len(known) // 2]), f"{text}.", ("diagnostics.variety.spread_by_class",), ())


def classes(facts: Facts) -> Iterator[Complaint]:
    names, real, fake, floor = (facts[f"classes.{k}"] for k in ("names", "real", "fake", "floor"))
    if not names or not fake or not real:
        return
    noise = 4 * math.sqrt(0.1 / max(1.0, facts.number("num_fake", 1000.0)))  # of a share, in shares of one tenth
    rows = [(n, f, r) for n, f, r in zip(names, fake, real, strict=True) if r > 0]
    missing = [n for n, f, r in rows if f < 0.1 * r and r > noise]
    rare = [f"{n} ({percent(f)} instead of {percent(r)})" for n, f, r in rows if 0.1 * r <= f < 0.55 * r and r - f > noise]
    often = [f"{n} ({percent(f)} instead of {percent(r)})" for n, f, r in rows if f > 1.8 * r and f - r > noise]
    from_ = ("classes.fake", "classes.real", *(("scores.class_kl",) if facts.score("class_kl") else ()))
    lost = sum(r - f for _, f, r in rows if f < 0.55 * r) / sum(r for _, _, r in rows)
    weight = (0.4 + lost) * (0.4 if facts.broken else 1.0)
    top = max(rows, key=lambda row: row[1])
    if top[1] > 0.9 and len(rows) > 2:
        yield Complaint("classes", weight, f"Only one class is made: {percent(top[1])} are {top[0]}.", from_, ("variety",))
        return
    if missing:
        yield Complaint("classes", weight, f"Classes are missing, or hardly ever made: {listed(missing)}.", from_, ("variety",))
    if rare:
        yield Complaint("classes", 0.8 * weight, f"Too rare: {listed(rare)}.", from_)
    if often and not missing:
        yield Complaint("classes", 0.8 * weight, f"Made too often: {listed(often)}.", from_)


def listed(names: list[str]) -> str:
    shown = names if len(names) <= 6 else [*names[:6], f"{len(names) - 6} more"]
    return ", ".join(shown[:-1]) + " and " + shown[-1] if len(shown) > 1 else shown[0]


def certainty(facts: Facts) -> Iterator[Complaint]:
    path = "diagnostics.certainty"
    unsure, torn = facts.number(f"{path}.unsure"), facts.number(f"{path}.between_two")
    if unsure > 0.13 + facts.margin():
        text = f"{of_samples(unsure)} leave the classifier unsure, as 5 % of real images do"
        more = f"; {percent(torn)} stand between two classes, as if two images had been mixed" if torn > 0.4 * unsure else ""
        yield Complaint("unsure", 0.6 * (unsure - 0.05), f"{text}{more}.", (f"{path}.unsure",))


def conditions(facts: Facts) -> Iterator[Complaint]:
    asked = facts.score("class_accuracy")
    if asked and asked[0] < 0.9 * asked[1]:
        text = f"Asked for a class, it gives that class {percent(asked[0])} of the time; real images are recognised {percent(asked[1])}"
        yield Complaint("condition", 0.3 + 0.7 * (1 - asked[0] / asked[1]), f"{text}.", ("scores.class_accuracy",))
    learnt = facts.score("gan_train")
    if learnt and learnt[0] < 0.85 * learnt[1]:
        text = f"A classifier that learns from the samples is right about {percent(learnt[0])} of real images, from real ones {percent(learnt[1])}"
        yield Complaint("condition", 0.5 * (1 - learnt[0] / learnt[1]), f"{text}.", ("scores.gan_train",))


RULES: tuple[Rule, ...] = (
    emptiness, repeats, copies, structure, arrangement, light, texture, tones, grid, places, content, colours,
    realism, another_kind, variety, classes, certainty, conditions,
)  # fmt: skip
"""Every rule is asked; the heaviest complaints come first."""

_LOOKS = ("brightness", "contrast", "sharpness", "noise", "levels", "midtones", "grid", "direction", "colour")


def complaints(evaluation: Mapping[str, Any]) -> list[Complaint]:
    """All that is wrong, the gravest first, without what another complaint explains."""
    facts = Facts(evaluation)
    found = sorted((c for rule in RULES for c in rule(facts)), key=lambda c: -c.weight)
    kept: list[Complaint] = []
    for complaint in found:
        explained = {t for c in kept for topic in c.explains for t in (_LOOKS if topic == "looks" else (topic,))}
        if complaint.topic not in explained:
            kept.append(complaint)
    return kept


# ---------------------------------------------------------------------------------------------------------- what is good


def praise(facts: Facts, topics: set[str]) -> Iterator[Sentence]:
    precision, recall = facts.score("precision"), facts.score("recall")
    if precision and precision[0] >= 0.9 * precision[1] and not topics & {"realism", "another", "copied", "structure"}:
        text = f"Samples look like real images: {percent(precision[0])} lie among them, and {percent(precision[1])} of held-out ones do."
        yield Sentence(True, text, ("scores.precision",))
    if recall and recall[0] >= 0.9 * recall[1] and not topics & {"variety", "repeats", "classes"}:
        text = f"Variety is there: recall is {recall[0]:.2f}, and {recall[1]:.2f} for held-out real images."
        yield Sentence(True, text, ("scores.recall",))
    if facts["classes.fake"] and not topics & {"classes", "structure", "realism", "empty"}:
        yield Sentence(True, "Every class comes about as often as among real images.", ("classes.fake", "classes.real"))
    near = facts.score("near_copies")
    if near and "copied" not in topics and not facts.broken:
        text = f"Nothing is copied: {percent(near[0])} of the samples lie very near a training image, of held-out ones {percent(near[1])}."
        yield Sentence(True, text, ("scores.near_copies",))
    if facts["diagnostics.statistics"] and not topics & {*_LOOKS, "structure", "empty"}:
        text = "Brightness, contrast and sharpness are those of real images."
        yield Sentence(True, text, tuple(f"diagnostics.statistics.{n}" for n in ("brightness", "contrast", "sharpness")))


def overall(facts: Facts, wrong: list[Complaint]) -> Sentence | None:
    """The Frechet distance in words: what it exceeds its floor by, as a share of how much real images vary."""
    both = facts.score("fd")
    if both is None:
        return None
    share = (both[0] - both[1]) / max(facts.number("diagnostics.variety.real_variance", 1.0), 1e-9)
    steps = (
        (0.01, "as near to real images as held-out ones are"),
        (0.05, "close to real images"),
        (0.25, "some way from real images"),
    )
    words = next((w for edge, w in steps if share < edge), "far from real images")
    if wrong and share < 0.01:
        words = "near real images in its distance alone"
    text = f"On the whole {words}: the Frechet distance is {number(both[0])}, and {number(both[1])} for held-out real images."
    return Sentence(share < 0.05 and not wrong, text, ("scores.fd",))


# ----------------------------------------------------------------------------------------------------------- what to try

_ADVICE: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("copied",),
        "stop earlier (a smaller budget=...), give it more images, or make the discriminator smaller",
        "look at the nearest training images; leave training images out of the set",
    ),
    (
        ("arrangement", "places", "colour", "another"),
        "compare what it learnt from with what it should make: gansmith data show {data}",
        "compare with gansmith data show {data}: how were the images turned, cut, scaled or stored?",
    ),
    (
        ("repeats", "classes", "variety", "alike", "empty"),
        "more variety: objective.penalties+=r1(weight=5), a larger batch_size, or betas=[0.5,0.999] for both players' optimizers",
        "draw samples with different seeds, and look whether the same ones were written twice",
    ),
    (
        ("brightness", "contrast", "levels", "midtones"),
        "train for longer; if it stays, look at value_range and the data: gansmith data show {data}",
        "look at how pixel values were scaled before they were saved (0 to 255, not -1 to 1)",
    ),
    (
        ("structure", "noise", "sharpness", "realism", "unsure", "content", "grid", "direction", "condition"),
        "train for longer (a larger budget=...), average the weights (ema=ema(half_life_images=2000)), or start from: gansmith train "
        "starter --data {data}",
        "score the generator with more training behind it, and look at the samples beside gansmith data show {data}",
    ),
)


def advice(facts: Facts, wrong: list[Complaint]) -> Sentence:
    if not wrong:
        text = "Nothing stands out. Look at the pictures all the same, and compare runs with gansmith compare."
        return Sentence(True, text, ("scores.fd",))
    data = facts["data.label"] or "DATA"
    place = 1 if facts["kind"] == "run" else 2
    found: list[str] = []
    sources: list[str] = []
    for complaint in wrong[:MOST]:
        for entry in _ADVICE:
            if complaint.topic in entry[0] and entry[place] not in found and len(found) < 2:
                found.append(entry[place])
                sources.extend(complaint.from_)
    text = "Try: " + "; or ".join(t.format(data=data) for t in found) + "."
    return Sentence(False, text, tuple(dict.fromkeys(sources)))


def verdict(evaluation: Mapping[str, Any]) -> list[Sentence]:
    """What an evaluation's JSON says, in words: on the whole, what is wrong (the gravest first), what is good, what to try."""
    facts = Facts(evaluation)
    wrong = complaints(evaluation)
    first = overall(facts, wrong)
    sentences = [first] if first else []
    sentences += [Sentence(False, c.text, c.from_) for c in wrong[:MOST]]
    sentences += praise(facts, {c.topic for c in wrong})
    return [*sentences, advice(facts, wrong)]
