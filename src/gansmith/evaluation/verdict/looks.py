"""Complaints about the look of samples: statistics of pixels beside those of real images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from gansmith.core.formatting import percent
from gansmith.core.formatting import short_number as number
from gansmith.evaluation.verdict.facts import (
    NOTICED,
    Complaint,
    Facts,
    Look,
    Topic,
    compared_with_real,
    describe_box,
    share_of_samples,
)

LOOKS: tuple[Topic, ...] = get_args(Look)
_FOLLOWS: tuple[Topic, ...] = ("unsure", "shapes")
"""Topics that follow from a wrong brightness or grain."""
_MOOT: tuple[Topic, ...] = (*_FOLLOWS, "another", "variety", "alike", "classes")
"""Topics that mean nothing for samples that are rearranged, covered or broken."""


def structure(facts: Facts) -> Iterator[Complaint]:
    """Noise, or shuffled pixels."""
    path = "diagnostics.statistics.scrambled"
    share = facts.number(f"{path}.fake") - facts.number(f"{path}.held_out")
    if share <= 0.01 + facts.margin():
        return
    text = f"{share_of_samples(share)} have no structure: neighbouring pixels are unrelated"
    same_greys = max(abs(facts.shift("brightness")), abs(facts.shift("contrast"))) < NOTICED and share > 0.3
    text += ", though grey values match real images, as if pixels were shuffled." if same_greys else ", as in noise."
    source = (f"{path}.fake", "diagnostics.statistics.coherence")
    no_more = share > 0.7 * facts.excess_share("specks", "above") - 0.05  # most noisy samples have no structure
    explains: tuple[Topic, ...] = ("another", "shapes", "content", *LOOKS, "unsure", "places") if no_more else ()
    yield Complaint("structure", share + 0.6, text, source, (*explains, "classes", "variety") if share > 0.5 else explains)


def arrangement(facts: Facts) -> Iterator[Complaint]:
    """Samples that are real images mirrored, rotated, moved or inverted."""
    path = "diagnostics.arrangement"
    as_is, floor, best, share = (facts.number(f"{path}.{k}") for k in ("as_is", "floor", "best", "share"))
    change = facts[f"{path}.change"]
    if change is None or as_is < 3 * floor + 0.002 * facts.number(f"{path}.variance") or best > 0.5 * as_is:
        return
    left = max(0.0, best - floor) / (as_is - floor)  # share of the difference that the change does not explain
    who = "The samples look" if share == 1 else f"About {percent(share)} of the samples look"
    who += " somewhat" if left > 0.3 else ""
    what = "like negatives of real images, inverted" if change == "negative" else f"like real images that were {change}"
    text = f"{who} {what}: with this change, their distance to real images is {number(best)} instead of {number(as_is)}."
    explains: tuple[Topic, ...] = ("content", "places", "direction", "grid", *_MOOT)
    explains += ("brightness", "contrast", "background", "midtones") if change == "negative" else ()
    weight = 0.6 + (1 - left) * max(share, 0.4)
    source = (f"{path}.best", f"{path}.as_is")
    yield Complaint("arrangement", weight if left < 0.3 else 0.3, text, source, explains if left < 0.3 else ())


def light(facts: Facts) -> Iterator[Complaint]:
    """Brightness, contrast and background."""
    words: dict[Look, tuple[str, str]] = {
        "brightness": ("darker", "brighter"),
        "contrast": ("paler, with less contrast", "harder, with more contrast"),
        "background": ("darker in the background", "brighter in the background"),
    }
    for name, (less, more) in words.items():
        shift, source = facts.shift(name), (f"diagnostics.statistics.{name}",)
        beyond = [(facts.excess_share(name, "below"), less), (facts.excess_share(name, "above"), more)]
        if not facts.visible(name):
            continue
        if abs(shift) > NOTICED:
            share = beyond[shift > 0][0]
            text = f"The samples are {more if shift > 0 else less} than real images ({name} {compared_with_real(facts, name)}"
            text += f"; {percent(share)} are beyond nearly every real image)." if 0.1 < share < 0.95 else ")."
            yield Complaint(name, 0.8 * abs(shift), text, source, _FOLLOWS if abs(shift) > 0.4 else ())
        else:
            for share, word in beyond:
                if share > 0.03 + facts.margin():
                    text = f"{share_of_samples(share)} are {word} than nearly every real image ({name})."
                    yield Complaint(name, share, text, source)


def texture(facts: Facts) -> Iterator[Complaint]:
    """Noise, blur and rough edges."""
    sharp, coherent = facts.shift("sharpness"), facts.shift("coherence")
    noise = max(_noise(facts), key=lambda c: c.weight, default=None)
    if noise:
        yield noise
    if sharp < -NOTICED:
        text = f"The samples are blurred, softer than real images (sharpness of edges {compared_with_real(facts, 'sharpness')})."
        follows: tuple[Topic, ...] = ("midtones", "contrast", *_FOLLOWS) if sharp < -0.4 else ()
        yield Complaint("sharpness", -0.9 * sharp, text, ("diagnostics.statistics.sharpness",), follows)
    elif min(sharp, -coherent) > NOTICED and not noise:
        text = f"Edges are rougher than in real images (sharpness of edges {compared_with_real(facts, 'sharpness')})."
        yield Complaint("sharpness", 0.7 * sharp, text, ("diagnostics.statistics.sharpness",))


def _noise(facts: Facts) -> Iterator[Complaint]:
    for name, what in (
        ("grain", "noise: there is grain even in the smoothest parts of an image"),
        ("specks", "noise: single pixels stand out as specks"),
    ):
        share = facts.excess_share(name, "above")
        if (share > 0.04 + facts.margin() or facts.shift(name) > 0.4) and (name == "specks" or facts.visible(name)):
            some = share > 0.05 and facts.shift(name) < max(0.4, share + 0.2)
            text = f"{share_of_samples(share)} show {what}" if some else f"The samples show more {what}"
            text += f" ({compared_with_real(facts, name, 'high')})."
            weight = 0.2 + 0.6 * max(share, facts.shift(name))
            follows: tuple[Topic, ...] = ("sharpness", "content", *(_FOLLOWS if weight > 0.6 else ()))
            yield Complaint("noise", weight, text, (f"diagnostics.statistics.{name}",), follows)


def tones(facts: Facts) -> Iterator[Complaint]:
    """Number of grey values, and share of mid-greys."""
    fake, real = facts.medians("levels")
    if facts.shift("levels") < -0.5 and fake < 0.6 * real:
        levels = round(256 * fake)
        few = "nearly black and white: " if levels <= 4 else ""
        text = f"The samples are {few}" if few else "There are too few grey levels: "
        text += f"an image has {levels} grey values, a real one {256 * real:.0f}."
        yield Complaint("levels", 0.3 + 0.4 * (1 - fake / max(real, 1e-9)), text, ("diagnostics.statistics.levels",), _FOLLOWS)
    shift, (fake, real) = facts.shift("midtones"), facts.medians("midtones")
    if abs(shift) > 1.25 * NOTICED and abs(fake - real) > 0.03:  # of the pixels: fewer are not seen
        which = f"{'more' if shift > 0 else 'fewer'} half-tones (mid-greys) than real images"
        which += ", as if washed out or blended" if shift > 0 else ""
        text = f"The samples have {which}: share of pixels {compared_with_real(facts, 'midtones')}."
        yield Complaint("midtones", 0.6 * abs(shift), text, ("diagnostics.statistics.midtones",))


def grid(facts: Facts) -> Iterator[Complaint]:
    """Periodic patterns and seams."""
    path, floor = "diagnostics.grid", facts.number("diagnostics.grid.floor")
    across, down = (facts.number(f"{path}.{d}.strength") - floor for d in ("across", "down"))
    which = "across" if across >= down else "down"
    period, place = facts.number(f"{path}.{which}.period"), facts.number(f"{path}.{which}.place")
    if max(across, down) < (0.15 if period else 0.3):
        return
    both = min(across, down) > 0.1 and facts[f"{path}.across.period"] == facts[f"{path}.down.period"]
    if period:
        stripes = "vertical stripes or blocks" if which == "across" else "horizontal stripes or blocks"
        text = f"A pattern comes back every {period:.0f} pixels {'in both directions' if both else which}"
        text += f": {'blocks, tiles or a chequerboard' if both else stripes}."
    else:
        text = f"A seam runs through the samples, {100 * place:.0f} % of the way {which}"
        text += ", and one in the other direction" if both else ""
        text += ": pieces that do not fit together, or an edge."
    weight = 0.4 + 0.4 * min(1.0, max(across, down))
    yield Complaint("grid", weight, text, (f"{path}.{which}",), ("sharpness", "direction", "levels", *_MOOT))


def places(facts: Facts) -> Iterator[Complaint]:
    """Places that are equal in all samples: a mark, a frame, another background, stuck pixels."""
    path = "diagnostics.places"
    dead, foreign = facts.number(f"{path}.dead"), facts.number(f"{path}.foreign")
    explains: tuple[Topic, ...] = ("content", "direction", "midtones", "sharpness", "grid", *_MOOT)
    where = describe_box(facts[f"{path}.foreign_box"])
    if foreign > 0.4:
        text = f"The background differs from real images: {percent(foreign)} of the pixels have another grey"
        yield Complaint("places", 0.6, f"{text}, nearly the same in every sample.", (f"{path}.foreign",), explains)
    elif 0.004 < foreign < 0.08 and where.startswith("all over"):
        text = f"Pixels are stuck: {percent(foreign)} of them have the same wrong grey in every sample."
        yield Complaint("stuck", 0.3 + foreign, text, (f"{path}.foreign",))
    elif foreign > 0.004:
        text = f"Every sample has the same thing stamped in the same place, {where}: a frame, a mark"
        text += ", or a background that real images do not have."
        yield Complaint("places", 1 + foreign, text, (f"{path}.foreign",), explains)
    elif dead > 0.02 and facts.number(f"{path}.dead_filled") > 0.75:
        text = f"A region is equal in all samples though real images vary there, {describe_box(facts[f'{path}.dead_box'])}"
        text += ": it is covered or empty."
        yield Complaint("places", 0.5 + min(0.2, 2 * dead), text, (f"{path}.dead",), explains)


def content(facts: Facts) -> Iterator[Complaint]:
    """Size, place, slant and direction of the content."""
    words = {
        "area": ("thinner or smaller: less of the image is content", "thicker or fuller: more of the image is content"),
        "parts": ("in fewer pieces", "broken into more pieces"),
        "size": ("smaller or more gathered", "larger or more spread out"),
        "right": ("too far left", "too far right"),
        "down": ("too high", "too low"),
        "slant": ("slanted to the right, or turned", "slanted to the left, or turned"),
    }
    for name, (less, more) in words.items():
        shift, source = facts.shift(name), (f"diagnostics.statistics.{name}",)
        if abs(shift) > NOTICED:
            text = f"The content of the samples is {more if shift > 0 else less} ({name} {compared_with_real(facts, name)})."
            yield Complaint("content", 0.7 * abs(shift), text, source)
    shift = facts.shift("direction")
    if abs(shift) > 1.5 * NOTICED:
        lines = "vertical (upright)" if shift > 0 else "horizontal (level)"
        text = f"Lines are too {lines}: edge directions differ from real images, as if smeared, stretched or turned."
        yield Complaint("direction", 0.6 * abs(shift), text, ("diagnostics.statistics.direction",))
    for name in ("right", "down"):
        spread = facts.number(f"diagnostics.statistics.{name}.spread", 1.0)
        chance = max(1.0, facts.number(f"diagnostics.statistics.{name}.floor_spread", 1.0))
        if spread > 1.6 * chance and facts.widened(name) > 0.05:  # of the side
            text = f"The place where the content lies varies {spread:.1f} times as much as in real images ({name})."
            yield Complaint("content", min(0.6, 0.25 * (spread - 1)), text, (f"diagnostics.statistics.{name}.spread",))


def colours(facts: Facts) -> Iterator[Complaint]:
    """Colour casts, and too much or too little colour."""
    words = {
        "colour": ("too grey", "too colourful"),
        "red": ("too green or blue, with too little red", "too red"),
        "blue": ("too yellow, with too little blue", "too blue"),
    }
    for name, (less, more) in words.items():
        shift = facts.shift(name)
        if abs(shift) > NOTICED:
            text = f"The samples are {more if shift > 0 else less} ({name} {compared_with_real(facts, name)})."
            yield Complaint("colour", 0.8 * abs(shift), text, (f"diagnostics.statistics.{name}",))


RULES = (structure, arrangement, light, texture, tones, grid, places, content, colours)
