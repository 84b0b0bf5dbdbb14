"""The rules: each a function from what was `History` to what it `Found`, or None.

Nothing is said of one look, as early training is always odd and a GAN's numbers swing. Of a run that has taken few steps only
what is plain is said: a budget too short to learn in is no illness. The edges were set by the runs of set A in
`benchmarks/doctor.py` alone; whoever moves one runs it before and after.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gansmith.core.formatting import whole_percent as percent
from gansmith.doctor.history import EARLY, History, Trouble


@dataclass(frozen=True)
class Edges:
    """Where each rule begins to speak. The signs are explained in `docs/doctor.md`; shares are of the run's images."""

    brief: float = 0.09  # how long a state must hold that stands plainly before one's eyes
    first: float = 0.14  # how long samples may be alike where they were never otherwise
    long: float = 0.20  # how long a state must hold that healthy runs pass through
    young: int = 1000  # steps that healthy runs may need until D no longer tells all apart
    blob: int = 1300  # and those until samples differ
    grown: int = 1500  # and those until they are of most kinds, and the players in balance
    alike: float = 0.35  # spread below which samples are one picture with small changes; healthy runs end at .8 to 1.1
    nothing: float = 0.10  # spread below which a rise is noise
    alike_at_first: float = 0.34  # likewise from the start on: most healthy runs begin at .2, and rise
    few_kinds: float = 0.12  # kinds below which all samples are of one kind, whatever their spread up to `one_kind`
    one_kind: float = 0.60
    missing: float = 0.45  # share of the real samples whose kinds are missing; healthy runs end at 0 to .3
    twins: float = 0.10  # nearest below which samples repeat each other; healthy runs pass .2 at once and end at .5 to 1.1
    bad: float = 0.15  # distance above which samples are plainly not real; healthy runs end at 0 to .12
    fair: float = 0.50  # distance below which a run has had something to lose
    poor: float = 0.30  # distance above which they are bad enough for the players' balance to be called a trouble
    sure: float = 0.99  # told_apart from which D makes no mistake
    starved: float = 1e-3  # pull, as a share of the largest so far, from which G hears nothing
    blind: float = 0.62  # told_apart below which D sees nothing, though fakes are plainly not real
    backwards: float = 0.25  # told_apart below which D holds fakes for more real than real images
    against: float = -0.5  # aim below which G is paid for being found out; it is near 1 with the usual losses
    still: float = 1e-7  # change of travel below which a player's weights stand still
    creeping: float = 1e-3  # travel of all the run below which they have hardly moved
    circling: float = 0.30  # how long the players must have gone round in a circle
    flipping: float = 0.35  # change of told_apart between looks from which D turns round and round
    restless: float = 1.00  # steps of the fakes' mean between looks, in real standard deviations along the principal axes
    worse: float = 2.5  # distance, over its best, from which a run has lost what it had
    loud: float = 100.0  # logits, over their least in the first quarter (or 1), from which D's numbers run away
    dead_units: float = 0.70  # share of a layer's ReLU units that never fire
    by_heart: float = 0.80  # knows_its_own from which D tells its own images from others
    suffering: float = 1.3  # distance, over its best, from which that does harm
    chance: float = 0.03  # distance below which there is no telling better from worse; 256 real points reach that by chance
    copies: float = 0.30  # share of samples that lie at a training image
    short: float = 0.20  # low or high: how far samples stay short of what real ones reach, or go beyond
    far: float = 0.50  # likewise, from which D need not see it in every sample
    nearly: float = 0.90  # told_apart that is enough then
    pinned: float = 0.003  # how little that moves where it is an end of the network that sets it


EDGES = Edges()


Rule = Callable[[History], "Found | None"]


@dataclass(frozen=True)
class Found:
    """What a rule saw, with numbers."""

    trouble: Trouble
    since: int
    sign: str
    certainty: Literal["sure", "likely"] = "sure"


def not_finite(seen: History) -> Found | None:
    if seen["finite"][-1] != 0:
        return None
    return Found("divergence", int(seen.images[-1]), "A loss, a weight or a sample is no finite number any more.")


def alike_data(seen: History) -> Found | None:
    if seen["real_apart"][-1] != 0:
        return None
    return Found("data all alike", int(seen.images[0]), "All real samples that were looked at, up to 256, are one and the same.")


def standing_still(seen: History) -> Found | None:
    for side, who in (("generator", "G"), ("discriminator", "D")):
        travel = seen[f"travel_{side}"]
        creeps = (travel < EDGES.creeping) & (seen.steps > EDGES.young / 2)
        stands = np.abs(np.diff(travel, prepend=np.nan)) < EDGES.still
        since = seen.since(stands | creeps, EDGES.brief, steps=20)  # so few do: nothing else looks like it
        if since is not None and seen["distance"][-1] > EDGES.bad:
            sign = f"{who}'s weights have hardly moved since {since:,} images: they are {travel[-1]:.2g} of their length"
            return Found("stands still", since, f"{sign} from their random start.")
    return None


def out_of_reach(seen: History) -> Found | None:
    told_apart = seen["told_apart"]
    for name, what in (("low", "darkest"), ("high", "lightest")):
        off = seen[name]
        moves, is_far = np.abs(np.diff(off, prepend=np.nan)), np.abs(off) > EDGES.far
        gives_away = (np.abs(off) > EDGES.short) & (told_apart > np.where(is_far, EDGES.nearly, EDGES.sure))
        since = seen.since(gives_away & (moves < EDGES.pinned), EDGES.brief)
        if since is not None:
            sign = f"The {what} pixels of samples always stay {percent(abs(off[-1]))} of the real range away from real ones"
            return Found("wrong range", since, f"{sign}, and D tells {percent(told_apart[-1])} of all pairs apart.")
    return None


def collapse(seen: History) -> Found | None:
    """Samples were varied and are no more."""
    spread = seen["spread"]
    had = np.logical_or.accumulate((spread > 1.5 * EDGES.alike) & (seen["distance"] < EDGES.fair))
    return _alike(seen, seen.since(_one(seen, EDGES.alike) & had, EDGES.brief))


def never_varied(seen: History) -> Found | None:
    """Samples are alike from the start on, and nothing gets better."""
    since = seen.since(_one(seen, EDGES.alike_at_first), EDGES.first)
    if since is None or not seen.is_older(EDGES.blob):
        return None
    is_late = seen.progress[-1] > 0.5 and seen.is_older(EDGES.grown)  # for samples to get nearer without getting varied
    on_its_way = _more_varied(seen, EDGES.first) if is_late else _on_its_way(seen, EDGES.first)
    return None if on_its_way else _alike(seen, since)


def _one(seen: History, alike: float) -> np.ndarray:
    """At which looks all samples are one picture with small changes, or of one kind."""
    spread = seen["spread"]
    return (spread < alike) | ((seen["kinds"] < EDGES.few_kinds) & (spread < EDGES.one_kind))


def _alike(seen: History, since: int | None) -> Found | None:
    if since is None:
        return None
    spread, raw = seen["spread"][-1], seen["raw_spread"][-1]
    if raw > EDGES.one_kind:  # it is not G that makes them alike
        sign = f"Samples are nearly all alike ({percent(spread)} as far apart as real ones), and those of G's own weights are not"
        sign = f"{sign} ({percent(raw)}): the average of its weights, which samples come from, has hardly moved."
        return Found("stands still", since, sign)
    sign = f"Samples are nearly all alike: two of them lie {percent(seen['spread'][-1])} as far apart as two real ones"
    return Found("collapse", since, f"{sign}, and they are of {percent(seen['kinds'][-1])} as many kinds.")


def _on_its_way(seen: History, share: float) -> bool:
    """Whether samples have got nearer to real ones of late, or more varied."""
    return not seen.stands(seen["distance"], share) or _more_varied(seen, share)


def _more_varied(seen: History, share: float) -> bool:
    spread = seen["spread"]
    return bool(EDGES.nothing < spread[-1] < 0.9 and seen.rises(spread, share))


def backwards(seen: History) -> Found | None:
    told_apart = seen["told_apart"]
    holds = (told_apart < EDGES.backwards) & (seen["distance"] > EDGES.bad)
    # Where G is paid for low logits, too, the two agree on which way is real; and a D whose loss is as it should be is overtaken.
    since = seen.since(holds & ~_paid_for_low_logits(seen) & ~(seen["d_aim"] > 0), EDGES.long)
    if since is None:
        return None
    sign = f"D gives a sample a higher logit than a real image in {percent(1 - told_apart[-1])} of all pairs, though samples are"
    return Found("D the wrong way round", since, f"{sign} bad (distance {seen['distance'][-1]:.2f}).")


def _paid_for_low_logits(seen: History) -> np.ndarray:
    """At which looks G's loss falls with D's logits of fakes, unless only where D takes those for more than real."""
    return (seen.known("aim") < EDGES.against) & ~(seen["g_aim"] > 0)


def aims_down(seen: History) -> Found | None:
    told_apart, distance = seen["told_apart"], seen["distance"]
    since = seen.since(_paid_for_low_logits(seen) & (told_apart > EDGES.blind) & (distance > EDGES.bad), EDGES.long)
    if since is None:
        return None
    sign = (
        f"G's loss falls where D's logits of samples fall, and D gives real images the higher ones in {percent(told_apart[-1])}"
    )
    return Found("G the wrong way round", since, f"{sign} of all pairs: G moves away from them (distance {distance[-1]:.2f}).")


def dead_units(seen: History) -> Found | None:
    for side, who in (("generator", "G"), ("discriminator", "D")):
        share = seen[f"dead_{side}"]
        since = seen.since(share > EDGES.dead_units, EDGES.brief)
        if since is not None and seen["distance"][-1] > EDGES.bad and not _on_its_way(seen, EDGES.long):
            sign = f"In a layer of {who} {percent(share[-1])} of the ReLU units are 0 for every input."
            return Found("dead units", since, sign)
    return None


def lost(seen: History) -> Found | None:
    """Worse than it was, by far and for good."""
    distance = seen["distance"]
    best = np.fmin.accumulate(np.where(seen.progress > EARLY, distance, np.nan))
    since = seen.since((best < EDGES.poor) & (distance > EDGES.worse * best) & (distance > EDGES.poor), EDGES.long)
    if since is None or not seen.is_older(EDGES.young):
        return None
    sign = f"Samples have got worse: their distance from real ones was {max(0.0, best[-1]):.2f} and is {distance[-1]:.2f}."
    return Found("divergence", since, sign)


def running_away(seen: History) -> Found | None:
    logits = seen["logits"]
    quarter = logits[seen.progress < 0.25]
    usual = float(np.nanmin(quarter)) if np.isfinite(quarter).any() else np.inf
    since = seen.since((logits > EDGES.loud * max(usual, 1.0)) & (seen["distance"] > EDGES.bad), EDGES.brief)
    if since is None:
        return None
    return Found(
        "divergence", since, f"D's logits run away: they are {logits[-1]:,.0f}, and were {usual:.2g} in the first quarter."
    )


def restless(seen: History) -> Found | None:
    steps = np.fmax.reduce([np.abs(np.diff(seen[f"place_{i}"], prepend=np.nan)) for i in range(4)])
    distance, window = seen["distance"], seen.lately(EDGES.circling, EDGES.young // 2)
    jumps, flips = np.nanmedian(steps[window]), np.nanmedian(np.abs(np.diff(seen["told_apart"], prepend=np.nan))[window])
    begun = seen.progress[-1] >= EDGES.circling + EDGES.long and seen.is_older(EDGES.grown)
    if not begun or not (jumps > EDGES.restless or flips > EDGES.flipping):
        return None
    if np.nanmedian(distance[window]) < EDGES.poor or not seen.stands(distance, EDGES.circling, EDGES.young // 2):
        return None  # so do healthy runs while they are on their way
    sign = f"From look to look the mean of all samples jumps by {jumps:.2f} standard deviations of real images, and back"
    sign = f"{sign}: G runs from kind to kind, and D after it."
    if flips > EDGES.flipping:
        sign = f"From look to look D turns round (told_apart changes by {flips:.2f}): now reals are real to it, now samples."
    return Found("oscillation", int(seen.images[window][0]), sign)


def too_strong(seen: History) -> Found | None:
    told_apart, distance, pull = seen["told_apart"], seen["distance"], seen["pull"]
    since = seen.since((told_apart > EDGES.sure) & (distance > EDGES.poor), EDGES.long)
    standing = seen.stands(distance, 1.5 * EDGES.long, EDGES.young // 2) and not _on_its_way(seen, EDGES.long)
    is_starved = pull[-1] < EDGES.starved * np.nanmax(pull)
    if since is None or not seen.is_older(EDGES.young // 2 if is_starved else EDGES.young) or not standing:
        return None
    sign = f"D tells real from made without a mistake (in {percent(told_apart[-1])} of all pairs), and samples get no better"
    sign += f" (distance {distance[-1]:.2f})"
    if is_starved:
        ratio = pull[-1] / np.nanmax(pull)
        return Found("G starved", since, f"{sign}: the gradient that reaches G is {ratio:.1g} of the longest so far.")
    return Found("D too strong", since, f"{sign}.")


def too_weak(seen: History) -> Found | None:
    told_apart, distance = seen["told_apart"], seen["distance"]
    window = seen.lately(EDGES.long, EDGES.young // 2)
    if seen.progress[-1] < 2 * EDGES.long or np.nanmin(distance[window], initial=np.inf) < EDGES.poor:
        return None
    if not seen.is_older(EDGES.grown) or not np.nanmedian(told_apart[window]) < EDGES.blind or _on_its_way(seen, EDGES.long):
        return None
    right = percent(np.nanmedian(told_apart[window]))
    sign = f"Samples are plainly not real (distance {distance[-1]:.2f}), and yet D can't tell them from real images: it is right"
    return Found("D too weak", int(seen.images[window][0]), f"{sign} in {right} of all pairs, and chance is right in 50 %.")


def partly_collapsed(seen: History) -> Found | None:
    missed = seen["missed"]
    since = seen.since((missed > EDGES.missing) & (seen.progress > 0.3), EDGES.long, EDGES.young // 2)
    standing = seen.stands(missed, EDGES.long, EDGES.young // 2) and not _on_its_way(seen, EDGES.long)
    if since is None or not seen.is_older(EDGES.grown) or not standing:
        return None
    sign = f"Kinds that make up {percent(missed[-1])} of the real samples hardly ever come"
    return Found("partial collapse", since, f"{sign}; the others do (spread {seen['spread'][-1]:.2f} of the real one).")


def repeating(seen: History) -> Found | None:
    near = seen["nearest"]
    # Points in small heaps lie close to each other within each while all heaps are there: that is no loss of variety.
    since = seen.since((near < EDGES.twins) & (seen["distance"] > EDGES.bad), EDGES.long)
    if since is None or not seen.is_older(EDGES.grown) or seen.rises(near, EDGES.long):
        return None
    sign = (
        f"Samples are few pictures over and over: the nearest other one is {percent(near[-1])} as far away as among real images."
    )
    return Found("partial collapse", since, sign)


def by_heart(seen: History) -> Found | None:
    """D knows its images, and samples suffer by it: while they get better nobody need care."""
    own, unseen, distance = seen["knows_its_own"], seen["told_apart_unseen"], seen["distance"]
    since = seen.since(own > EDGES.by_heart, EDGES.long)
    worse = np.nanmedian(distance[-3:]) > EDGES.suffering * max(np.nanmin(distance), EDGES.chance)
    if since is None or not worse or _on_its_way(seen, EDGES.long):
        return None
    sign = f"D holds its own images for more real than held-out ones in {percent(own[-1])} of all pairs (50 % is fair)"
    apart = f"it tells {percent(seen['told_apart'][-1])} of its own from samples, and {percent(unseen[-1])} of the others"
    return Found("D over-fits", since, f"{sign}; {apart}.")


def copying(seen: History) -> Found | None:
    copied = seen["copied"]
    since = seen.since(copied > EDGES.copies, EDGES.long)
    if since is None:
        return None
    sign = (
        f"{percent(copied[-1])} of the samples lie at a training image, less than half as far as real images lie from each other."
    )
    return Found("memorisation", since, sign)


def plateau(seen: History) -> Found | None:
    distance, end = seen["distance"], seen.progress[-1]
    if end < 0.7 or not seen.is_older(EDGES.grown):
        return None
    late = np.nanmedian(distance[seen.lately(0.25, 0)])
    if late < EDGES.poor or _on_its_way(seen, 0.5):
        return None
    since = int(seen.images[seen.lately(0.5, 0)][0])
    sign = f"Samples are bad (distance {late:.2f}), and have got no better over half of the run."
    return Found("plateau", since, sign, "likely")


# Causes before what follows from them: of several that hold the first is named, and the next ones as its consequences.
RULES: tuple[Rule, ...] = (not_finite, alike_data, dead_units, standing_still, out_of_reach, backwards, aims_down, collapse)
RULES += (running_away, by_heart, too_strong, never_varied, lost, restless, too_weak, copying, repeating, partly_collapsed)
LAST: tuple[Rule, ...] = (plateau,)  # said where nothing else is
