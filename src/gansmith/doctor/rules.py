"""The rules of the doctor: each maps the `History` of a run to a `Finding`, or to None.

No rule reports a trouble after one look, because early training is irregular and the numbers of a GAN fluctuate. In a run of few
steps only plain troubles are reported: a budget that is too short is no trouble. The thresholds were set on the runs of set A in
`benchmarks/doctor.py` only. Run that benchmark before and after any change to them.
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
    """The thresholds of the rules. `docs/doctor.md` explains the vital signs; shares are of the run's images."""

    brief: float = 0.09  # how long an obvious state must hold
    first: float = 0.14  # how long samples may be alike if they never were varied
    long: float = 0.20  # how long a state must hold that healthy runs pass through
    young: int = 1000  # steps in which the discriminator of a healthy run may tell all samples apart
    blob: int = 1300  # steps in which the samples of a healthy run may be alike
    grown: int = 1500  # steps after which a healthy run has most categories and balanced players
    alike: float = 0.35  # spread below which samples are one image with small changes; healthy runs end at .8 to 1.1
    nothing: float = 0.10  # spread below which an increase is noise
    alike_at_first: float = 0.34  # spread below which samples are alike from the start; most healthy runs begin at .2, and rise
    few_categories: float = (
        0.12  # vital sign `kinds` below which all samples are of one category, for a spread of up to `one_category`
    )
    one_category: float = 0.60
    missing: float = 0.45  # share of the real samples whose categories are missing; healthy runs end at 0 to .3
    twins: float = 0.10  # nearest below which samples repeat each other; healthy runs soon pass .2 and end at .5 to 1.1
    bad: float = 0.15  # distance above which samples are plainly not real; healthy runs end at 0 to .12
    fair: float = 0.50  # distance below which a run has made progress that it can lose
    poor: float = 0.30  # distance above which an imbalance of the players is a trouble
    sure: float = 0.99  # told_apart from which the discriminator makes no mistake
    starved: float = 1e-3  # pull, as a share of the largest so far, below which the generator's gradient has vanished
    blind: float = 0.62  # told_apart below which the discriminator misses a plain difference
    backwards: float = 0.25  # told_apart below which the discriminator takes generated samples for more real than real ones
    against: float = -0.5  # aim below which the generator is rewarded for being recognised; near 1 with the usual losses
    still: float = 1e-7  # change of travel below which the weights of a network stand still
    creeping: float = 1e-3  # travel over the whole run below which weights have hardly changed
    circling: float = 0.30  # how long the players must have gone in a circle
    flipping: float = 0.35  # change of told_apart between looks from which the discriminator changes sides
    restless: float = 1.00  # change of the samples' mean between looks, in real standard deviations along the principal axes
    worse: float = 2.5  # distance, over its best, from which a run has lost its progress
    loud: float = 100.0  # logits, over their least in the first quarter (or 1), from which they diverge
    dead_units: float = 0.70  # share of a layer's ReLU units that are always 0
    by_heart: float = 0.80  # knows_its_own from which the discriminator has memorised its images
    suffering: float = 1.3  # distance, over its best, from which overfitting does harm
    chance: float = 0.03  # distance below which differences are chance; 256 real points have it by chance
    copies: float = 0.30  # share of samples that are near copies of a training image
    short: float = 0.20  # low or high: how far the values of samples end below or above those of real ones
    far: float = 0.50  # low or high from which the discriminator need not see it in every sample
    nearly: float = 0.90  # told_apart that is then enough
    pinned: float = 0.003  # change of low or high below which an end of the network sets it


EDGES = Edges()


Rule = Callable[[History], "Finding | None"]  # None: the vital signs do not show this trouble


@dataclass(frozen=True)
class Finding:
    """A trouble that a rule has found, and its sign: the vital signs that show it, in a sentence."""

    trouble: Trouble
    since: int  # real images
    sign: str
    certainty: Literal["sure", "likely"] = "sure"


def not_finite(history: History) -> Finding | None:
    """Divergence: a number is not finite."""
    if history["finite"][-1] != 0:
        return None
    return Finding("divergence", int(history.images[-1]), "A loss, a weight or a sample is not a finite number.")


def identical_data(history: History) -> Finding | None:
    """All real samples are identical."""
    if history["real_apart"][-1] != 0:
        return None
    return Finding("data all alike", int(history.images[0]), "All real samples that were checked, up to 256, are identical.")


def standing_still(history: History) -> Finding | None:
    """The weights of a network hardly change."""
    for side in ("generator", "discriminator"):
        travel = history[f"travel_{side}"]
        creeps = (travel < EDGES.creeping) & (history.steps > EDGES.young / 2)
        stands = np.abs(np.diff(travel, prepend=np.nan)) < EDGES.still
        # Few steps are enough, because no other state looks like it.
        since = history.images_since(stands | creeps, EDGES.brief, least_steps=20)
        if since is not None and history["distance"][-1] > EDGES.bad:
            sign = (
                f"The weights of the {side} have hardly changed since {since:,} images: they are {travel[-1]:.2g} of their length"
            )
            return Finding("stands still", since, f"{sign} away from their initial values.")
    return None


def range_not_reached(history: History) -> Finding | None:
    """Samples do not reach the value range of real ones, and the discriminator sees it."""
    told_apart = history["told_apart"]
    for name, what in (("low", "darkest"), ("high", "lightest")):
        off = history[name]
        moves, is_far = np.abs(np.diff(off, prepend=np.nan)), np.abs(off) > EDGES.far
        gives_away = (np.abs(off) > EDGES.short) & (told_apart > np.where(is_far, EDGES.nearly, EDGES.sure))
        since = history.images_since(gives_away & (moves < EDGES.pinned), EDGES.brief)
        if since is not None:
            sign = f"The {what} pixels of samples are always {percent(abs(off[-1]))} of the real range away from real ones"
            return Finding(
                "wrong range", since, f"{sign}, and the discriminator tells {percent(told_apart[-1])} of all pairs apart."
            )
    return None


def lost_variety(history: History) -> Finding | None:
    """Mode collapse: samples were varied and no longer are."""
    spread = history["spread"]
    had = np.logical_or.accumulate((spread > 1.5 * EDGES.alike) & (history["distance"] < EDGES.fair))
    return _collapsed(history, history.images_since(_is_alike(history, EDGES.alike) & had, EDGES.brief))


def collapsed_from_start(history: History) -> Finding | None:
    """Mode collapse from the start: samples are alike and do not improve."""
    since = history.images_since(_is_alike(history, EDGES.alike_at_first), EDGES.first)
    if since is None or not history.is_older(EDGES.blob):
        return None
    is_late = history.progress[-1] > 0.5 and history.is_older(EDGES.grown)  # for samples to get better without getting varied
    is_improving = _gains_variety(history, EDGES.first) if is_late else _is_improving(history, EDGES.first)
    return None if is_improving else _collapsed(history, since)


def _is_alike(history: History, alike: float) -> np.ndarray:
    """The looks at which all samples are one image with small changes, or of one category."""
    spread = history["spread"]
    return (spread < alike) | ((history["kinds"] < EDGES.few_categories) & (spread < EDGES.one_category))


def _collapsed(history: History, since: int | None) -> Finding | None:
    """Mode collapse since an image count, or an average of the weights that lags behind; None where `since` is None."""
    if since is None:
        return None
    spread, raw = history["spread"][-1], history["raw_spread"][-1]
    if raw > EDGES.one_category:  # the average of the weights lags behind, and not the generator
        sign = f"Samples are nearly all alike ({percent(spread)} as far apart as real ones)"
        sign = (
            f"{sign}, and those of the current weights are not ({percent(raw)}): the average of the weights has hardly changed."
        )
        return Finding("stands still", since, sign)
    sign = f"Samples are nearly all alike: two of them are {percent(history['spread'][-1])} as far apart as two real ones"
    return Finding("collapse", since, f"{sign}, and they show {percent(history['kinds'][-1])} as many categories.")


def _is_improving(history: History, share: float) -> bool:
    """Whether samples have recently come closer to real ones or become more varied."""
    return not history.is_stuck(history["distance"], share) or _gains_variety(history, share)


def _gains_variety(history: History, share: float) -> bool:
    """Whether the spread of samples has recently grown, and not only as noise."""
    spread = history["spread"]
    return bool(EDGES.nothing < spread[-1] < 0.9 and history.is_rising(spread, share))


def discriminator_backwards(history: History) -> Finding | None:
    """The discriminator gives generated samples the higher logits, though they are bad."""
    told_apart = history["told_apart"]
    holds = (told_apart < EDGES.backwards) & (history["distance"] > EDGES.bad)
    # If G is rewarded for low logits too, both players agree on the direction. A D with a correct loss (d_aim is 1) may only be
    # behind a G that improves faster.
    since = history.images_since(holds & ~_rewards_low_logits(history) & ~(history["d_aim"] > 0), EDGES.long)
    if since is None:
        return None
    sign = f"The discriminator gives samples higher logits than real images in {percent(1 - told_apart[-1])} of all pairs"
    return Finding("D the wrong way round", since, f"{sign}, though they are bad (distance {history['distance'][-1]:.2f}).")


def _rewards_low_logits(history: History) -> np.ndarray:
    """The looks at which the generator's loss falls with the logits of its samples, unless only for logits above real ones."""
    return (history.last_known("aim") < EDGES.against) & ~(history["g_aim"] > 0)


def generator_backwards(history: History) -> Finding | None:
    """The generator is rewarded for low logits, and its samples are bad."""
    told_apart, distance = history["told_apart"], history["distance"]
    since = history.images_since(_rewards_low_logits(history) & (told_apart > EDGES.blind) & (distance > EDGES.bad), EDGES.long)
    if since is None:
        return None
    sign = "The generator's loss falls as the logits of samples fall, and real images have the higher logits in"
    sign = f"{sign} {percent(told_apart[-1])}"
    return Finding(
        "G the wrong way round", since, f"{sign} of all pairs: samples move away from real images (distance {distance[-1]:.2f})."
    )


def dead_units(history: History) -> Finding | None:
    """Most ReLU units of a layer are always 0, and samples do not improve."""
    for side in ("generator", "discriminator"):
        share = history[f"dead_{side}"]
        since = history.images_since(share > EDGES.dead_units, EDGES.brief)
        if since is not None and history["distance"][-1] > EDGES.bad and not _is_improving(history, EDGES.long):
            sign = f"In a layer of the {side}, {percent(share[-1])} of the ReLU units are 0 for every input."
            return Finding("dead units", since, sign)
    return None


def getting_worse(history: History) -> Finding | None:
    """Divergence: samples have become much worse and stay so."""
    distance = history["distance"]
    best = np.fmin.accumulate(np.where(history.progress > EARLY, distance, np.nan))
    since = history.images_since((best < EDGES.poor) & (distance > EDGES.worse * best) & (distance > EDGES.poor), EDGES.long)
    if since is None or not history.is_older(EDGES.young):
        return None
    sign = f"Samples have become worse: their distance from real ones was {max(0.0, best[-1]):.2f} and is {distance[-1]:.2f}."
    return Finding("divergence", since, sign)


def logits_diverge(history: History) -> Finding | None:
    """Divergence: the logits grow without bound."""
    logits = history["logits"]
    quarter = logits[history.progress < 0.25]
    usual = float(np.nanmin(quarter)) if np.isfinite(quarter).any() else np.inf
    since = history.images_since((logits > EDGES.loud * max(usual, 1.0)) & (history["distance"] > EDGES.bad), EDGES.brief)
    if since is None:
        return None
    return Finding(
        "divergence", since, f"The logits diverge: they are {logits[-1]:,.0f}, and were {usual:.2g} in the first quarter."
    )


def oscillating(history: History) -> Finding | None:
    """Oscillation: samples or the discriminator jump back and forth from look to look."""
    steps = np.fmax.reduce([np.abs(np.diff(history[f"place_{i}"], prepend=np.nan)) for i in range(4)])
    distance, window = history["distance"], history.recent(EDGES.circling, EDGES.young // 2)
    jumps, flips = np.nanmedian(steps[window]), np.nanmedian(np.abs(np.diff(history["told_apart"], prepend=np.nan))[window])
    begun = history.progress[-1] >= EDGES.circling + EDGES.long and history.is_older(EDGES.grown)
    if not begun or not (jumps > EDGES.restless or flips > EDGES.flipping):
        return None
    if np.nanmedian(distance[window]) < EDGES.poor or not history.is_stuck(distance, EDGES.circling, EDGES.young // 2):
        return None  # healthy runs jump too, while they improve
    sign = f"From look to look, the mean of all samples jumps by {jumps:.2f} standard deviations of real images, and back"
    sign = f"{sign}: the generator moves from category to category, and the discriminator follows."
    if flips > EDGES.flipping:
        sign = f"From look to look, the discriminator changes sides (told_apart changes by {flips:.2f}): now real images"
        sign = f"{sign}, now samples have the higher logits."
    return Finding("oscillation", int(history.images[window][0]), sign)


def too_strong(history: History) -> Finding | None:
    """The discriminator makes no mistake and samples do not improve; with a vanished gradient, the generator is starved."""
    told_apart, distance, pull = history["told_apart"], history["distance"], history["pull"]
    since = history.images_since((told_apart > EDGES.sure) & (distance > EDGES.poor), EDGES.long)
    standing = history.is_stuck(distance, 1.5 * EDGES.long, EDGES.young // 2) and not _is_improving(history, EDGES.long)
    is_starved = pull[-1] < EDGES.starved * np.nanmax(pull)
    if since is None or not history.is_older(EDGES.young // 2 if is_starved else EDGES.young) or not standing:
        return None
    sign = (
        f"The discriminator makes no mistake (it tells {percent(told_apart[-1])} of all pairs apart), and samples do not improve"
    )
    sign += f" (distance {distance[-1]:.2f})"
    if is_starved:
        ratio = pull[-1] / np.nanmax(pull)
        return Finding("G starved", since, f"{sign}: the generator's gradient is {ratio:.1g} of the largest so far.")
    return Finding("D too strong", since, f"{sign}.")


def too_weak(history: History) -> Finding | None:
    """Samples are bad, and the discriminator is right no more often than by chance."""
    told_apart, distance = history["told_apart"], history["distance"]
    window = history.recent(EDGES.long, EDGES.young // 2)
    if history.progress[-1] < 2 * EDGES.long or np.nanmin(distance[window], initial=np.inf) < EDGES.poor:
        return None
    if (
        not history.is_older(EDGES.grown)
        or not np.nanmedian(told_apart[window]) < EDGES.blind
        or _is_improving(history, EDGES.long)
    ):
        return None
    right = percent(np.nanmedian(told_apart[window]))
    sign = f"Samples are bad (distance {distance[-1]:.2f}), and the discriminator cannot tell them from real images: it is right"
    return Finding("D too weak", int(history.images[window][0]), f"{sign} in {right} of all pairs, and chance gives 50 %.")


def partly_collapsed(history: History) -> Finding | None:
    """Partial mode collapse: categories are missing, and stay so."""
    missed = history["missed"]
    since = history.images_since((missed > EDGES.missing) & (history.progress > 0.3), EDGES.long, EDGES.young // 2)
    standing = history.is_stuck(missed, EDGES.long, EDGES.young // 2) and not _is_improving(history, EDGES.long)
    if since is None or not history.is_older(EDGES.grown) or not standing:
        return None
    sign = f"Categories that make up {percent(missed[-1])} of the real samples are almost never generated"
    return Finding("partial collapse", since, f"{sign}; the others are (spread {history['spread'][-1]:.2f} of the real one).")


def repeating(history: History) -> Finding | None:
    """Partial mode collapse: samples are few images with repetitions."""
    near = history["nearest"]
    # Points in small clusters are close to each other though no cluster is missing: that is no loss of variety.
    since = history.images_since((near < EDGES.twins) & (history["distance"] > EDGES.bad), EDGES.long)
    if since is None or not history.is_older(EDGES.grown) or history.is_rising(near, EDGES.long):
        return None
    sign = f"Samples repeat few images: the nearest other one is {percent(near[-1])} as far away as among real images."
    return Finding("partial collapse", since, sign)


def discriminator_overfits(history: History) -> Finding | None:
    """Overfitting of the discriminator that harms the samples; while they improve it is no trouble."""
    own, unseen, distance = history["knows_its_own"], history["told_apart_unseen"], history["distance"]
    since = history.images_since(own > EDGES.by_heart, EDGES.long)
    worse = np.nanmedian(distance[-3:]) > EDGES.suffering * max(np.nanmin(distance), EDGES.chance)
    if since is None or not worse or _is_improving(history, EDGES.long):
        return None
    sign = f"The discriminator rates training images above held-out ones in {percent(own[-1])} of all pairs (50 % is fair)"
    apart = f"it tells {percent(history['told_apart'][-1])} of the former from samples, and {percent(unseen[-1])} of the latter"
    return Finding("D over-fits", since, f"{sign}; {apart}.")


def memorising(history: History) -> Finding | None:
    """Memorisation: many samples are near copies of training images."""
    copied = history["copied"]
    since = history.images_since(copied > EDGES.copies, EDGES.long)
    if since is None:
        return None
    sign = f"{percent(copied[-1])} of the samples are near copies of a training image: less than half as far from it as"
    return Finding("memorisation", since, f"{sign} real images are from each other.")


def plateau(history: History) -> Finding | None:
    """Samples are bad and have not improved over half of the run."""
    distance, end = history["distance"], history.progress[-1]
    if end < 0.7 or not history.is_older(EDGES.grown):
        return None
    late = np.nanmedian(distance[history.recent(0.25, 0)])
    if late < EDGES.poor or _is_improving(history, 0.5):
        return None
    since = int(history.images[history.recent(0.5, 0)][0])
    sign = f"Samples are bad (distance {late:.2f}) and have not improved over half of the run."
    return Finding("plateau", since, sign, "likely")


# Causes come before consequences: of several troubles the first is named, and the next ones as its consequences.
RULES: tuple[Rule, ...] = (
    not_finite,
    identical_data,
    dead_units,
    standing_still,
    range_not_reached,
    discriminator_backwards,
    generator_backwards,
    lost_variety,
)
RULES += (
    logits_diverge,
    discriminator_overfits,
    too_strong,
    collapsed_from_start,
    getting_worse,
    oscillating,
    too_weak,
    memorising,
    repeating,
    partly_collapsed,
)
LAST: tuple[Rule, ...] = (plateau,)  # applied only where no other rule reports a trouble
