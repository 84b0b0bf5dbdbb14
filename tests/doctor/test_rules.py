"""The doctor on hand-made vital signs: each rule speaks where it should and nowhere else; what is said can be understood."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gansmith
from gansmith import doctor
from gansmith.doctor.advice import ADVICE, WITHOUT_DISCRIMINATOR
from gansmith.doctor.rules import LAST, RULES
from gansmith.report import page as page_module
from gansmith.runs.run import Run
from gansmith.training.checkup import checkup
from gansmith.training.monitor import Monitor
from support import HEALTHY, LOOKS, ROOT, TOTAL, Answer, Sign, assert_refused, looks, python, quick, tiny

PAGE = ROOT / "docs" / "doctor.md"


def said(made: list[dict[str, Any]]) -> list[str]:
    return [found.trouble for found in doctor.diagnose(made, TOTAL)]


def after(start: float, ill: float, well: Sign) -> Callable[[float], float]:
    """A sign that is well up to a point in the run and ill from there on."""
    return lambda p: ill if p > start else float(well(p) if callable(well) else well)


def test_looks_refuse_a_name_that_is_no_vital_sign() -> None:
    with pytest.raises(ValueError, match=r"looks: \['categories'\] are no vital signs"):
        looks(categories=0.1)


def test_nothing_is_said_of_a_healthy_run_at_any_time() -> None:
    for count in range(LOOKS + 1):
        assert said(looks(count)) == []


GONE_WRONG: list[tuple[str, dict[str, Sign | None]]] = [
    ("divergence", {"finite": after(0.98, 0.0, 1.0)}),
    ("divergence", {"distance": after(0.6, 0.8, HEALTHY["distance"])}),
    ("divergence", {"logits": after(0.6, 5000.0, 1.2), "distance": 0.5}),
    ("collapse", {"spread": after(0.5, 0.1, HEALTHY["spread"]), "kinds": after(0.5, 0.07, 0.8)}),
    ("collapse", {"spread": after(0.5, 0.5, HEALTHY["spread"]), "kinds": after(0.5, 0.07, 0.8)}),
    ("collapse", {"spread": 0.15, "kinds": 0.1, "distance": 0.9}),
    ("partial collapse", {"missed": 0.6, "distance": 0.3}),
    ("partial collapse", {"nearest": 0.03, "distance": 0.3}),
    ("D too strong", {"told_apart": 1.0, "distance": 0.6}),
    ("G starved", {"told_apart": 1.0, "distance": 0.6, "pull": lambda p: 3.0 if p < 0.3 else 1e-5}),
    ("D too weak", {"told_apart": 0.52, "distance": 0.6}),
    ("D the wrong way round", {"told_apart": 0.03, "distance": 0.6}),
    ("G the wrong way round", {"aim": lambda p: -1.0 if p < 0.6 else math.nan, "told_apart": 0.97, "distance": 0.6}),
    ("data all alike", {"real_apart": 0.0, "distance": 0.6}),
    ("stands still", {"travel_generator": 0.0, "distance": 0.9}),
    ("stands still", {"travel_discriminator": after(0.5, 0.5, lambda p: p), "distance": 0.4}),
    ("stands still", {"spread": 0.15, "kinds": 0.1, "distance": 0.9, "raw_spread": 0.9}),
    ("oscillation", {"place_0": lambda p: 1.0 if round(p * LOOKS) % 2 else -1.0, "distance": 0.5}),
    ("dead units", {"dead_generator": 0.95, "distance": 0.5}),
    ("D over-fits", {"knows_its_own": lambda p: 0.5 + 0.5 * p, "distance": lambda p: 0.1 + abs(p - 0.3)}),
    ("memorisation", {"copied": 0.7}),
    ("wrong range", {"high": -0.5, "told_apart": 1.0, "distance": 0.9}),
    ("plateau", {"distance": 0.4}),
]


@pytest.mark.parametrize(("trouble", "signs"), GONE_WRONG, ids=[f"{t} {i}" for i, (t, _) in enumerate(GONE_WRONG)])
def test_each_trouble_is_named_first(trouble: str, signs: dict[str, Sign | None]) -> None:
    found = doctor.diagnose(looks(**signs), TOTAL)
    assert found[0].trouble == trouble
    assert 0 <= found[0].since <= TOTAL


def test_every_rule_and_every_advice_is_tried_above() -> None:
    assert {trouble for trouble, _ in GONE_WRONG} == ADVICE.keys()
    spoken = {
        rule.__name__ for rule in (*RULES, *LAST) for _, s in GONE_WRONG if rule(doctor.History(looks(**s), TOTAL)) is not None
    }
    assert spoken == {rule.__name__ for rule in (*RULES, *LAST)}


@pytest.mark.parametrize("onset", [0.3, 0.5, 0.75])
def test_whole_collapse_is_named_within_a_fifth_of_the_run(onset: float) -> None:
    signs: dict[str, Sign | None] = {"spread": after(onset, 0.1, HEALTHY["spread"]), "kinds": after(onset, 0.07, 0.8)}
    first = next(count for count in range(LOOKS) if "collapse" in said(looks(count, **signs)))
    assert onset < first / LOOKS <= onset + 0.2
    (found,) = [f for f in doctor.diagnose(looks(first, **signs), TOTAL) if f.trouble == "collapse"]
    assert onset * TOTAL < found.since <= (onset + 1 / LOOKS) * TOTAL + 1


def test_samples_that_were_never_varied_are_named_a_fifth_after_the_start() -> None:
    signs: dict[str, Sign | None] = {"spread": 0.15, "kinds": 0.1, "distance": 0.9}
    assert "collapse" in said(looks(LOOKS // 4, **signs))
    assert "collapse" not in said(looks(LOOKS // 8, **signs))
    (found,) = [f for f in doctor.diagnose(looks(LOOKS // 4, **signs), TOTAL) if f.trouble == "collapse"]
    assert found.since == 0.05 * TOTAL + 1000


def test_what_begins_alike_and_gets_better_is_no_collapse() -> None:
    rising: dict[str, Sign | None] = {"spread": lambda p: 0.1 + 0.5 * p, "distance": 0.9}
    nearing: dict[str, Sign | None] = {"spread": 0.2, "distance": lambda p: 1.2 - 3 * p}
    for signs in (rising, nearing):
        assert "collapse" not in said(looks(LOOKS // 4, **signs))


def test_the_cause_comes_first_and_at_most_two_follow_from_it() -> None:
    everything: dict[str, Sign | None] = {
        "travel_generator": 0.0,
        "distance": 0.9,
        "told_apart": 1.0,
        "spread": 0.1,
        "kinds": 0.07,
        "missed": 0.9,
        "nearest": 0.01,
        "high": -0.5,
        "copied": 0.9,
    }
    found = doctor.diagnose(looks(**everything), TOTAL)
    assert [(f.trouble, f.follows) for f in found] == [("stands still", False), ("D too strong", True), ("collapse", True)]
    assert said(looks(spread=0.1, kinds=0.07, missed=0.9, distance=0.9)) == ["collapse"]


def test_of_two_signs_of_a_trouble_the_first_says_where_it_stands() -> None:
    """Samples that were varied and are no more are alike, too, as if they had never been varied; D too strong follows from it."""
    signs: dict[str, Sign | None] = {"spread": after(0.3, 0.1, HEALTHY["spread"]), "kinds": after(0.3, 0.07, 0.8)}
    found = doctor.diagnose(looks(**signs, told_apart=1.0, distance=after(0.3, 0.6, HEALTHY["distance"])), TOTAL)
    assert [f.trouble for f in found][:2] == ["collapse", "D too strong"]


def test_what_stands_still_as_no_gradient_comes_through_dead_units_follows_from_them() -> None:
    dead: dict[str, Sign | None] = {"dead_discriminator": 1.0, "travel_generator": after(0.1, 0.1, lambda p: p), "distance": 0.6}
    assert said(looks(**dead))[:2] == ["dead units", "stands still"]
    assert said(looks(**dead, high=-0.5, told_apart=1.0))[:2] == ["dead units", "stands still"]
    moving: dict[str, Sign | None] = {"dead_discriminator": 1.0, "high": -0.5, "told_apart": 1.0, "distance": 0.6}
    assert said(looks(**moving))[0] == "wrong range"


def test_a_distance_that_wavers_by_chance_is_no_harm() -> None:
    """Beside a best of nearly nothing any other look is many times as bad."""
    for best, now in ((0.001, 0.03), (-0.002, 0.01), (0.01, 0.02)):
        assert said(looks(knows_its_own=0.95, distance=after(0.5, now, best))) == []
    assert said(looks(knows_its_own=0.95, distance=after(0.5, 0.05, 0.01)))[0] == "D over-fits"


def test_both_players_turned_are_none() -> None:
    """Where low logits are real for G, too, the two play the same game under other names."""
    both = looks(told_apart=0.03, aim=-1.0, distance=lambda p: 1.0 - 0.8 * p)
    assert not {"D the wrong way round", "G the wrong way round"} & set(said(both))


def test_heaps_of_points_that_are_all_there_are_no_twins() -> None:
    assert said(looks(nearest=0.03, distance=0.01)) == []


def test_a_range_that_is_far_off_needs_no_perfect_discriminator() -> None:
    assert said(looks(high=-0.9, told_apart=0.95, distance=0.6))[0] == "wrong range"
    assert "wrong range" not in said(looks(high=-0.3, told_apart=0.95, distance=0.6))
    assert "wrong range" not in said(looks(high=-0.9, told_apart=0.85, distance=0.6))


def test_a_spread_that_rises_from_next_to_nothing_is_no_progress() -> None:
    for start, trouble in ((0.01, ["collapse"]), (0.11, [])):  # either grows by a sixth in a fourteenth of the run
        grown = looks(18, kinds=0.2, distance=0.9, told_apart=0.9, spread=lambda p, start=start: start * math.exp(2.2 * p))  # type: ignore[misc]
        assert said(grown) == trouble


@pytest.mark.parametrize(
    ("signs", "trouble", "steps"),
    [({"spread": 0.03, "kinds": 0.07, "told_apart": 0.9}, "collapse", 1300), ({"told_apart": 1.0}, "D too strong", 1000)],
)
def test_a_young_run_is_left_in_peace(signs: dict[str, Sign | None], trouble: str, steps: int) -> None:
    """Three tutorials that go well later begin with a thousand steps of one blob."""
    for taken in (steps - 100, steps + 100):
        condition = said(looks(**signs, distance=0.6, steps=lambda p, taken=taken: p * taken))  # type: ignore[misc]
        assert (trouble in condition) == (taken > steps)


def test_least_squares_that_pulls_overrated_samples_down_is_not_turned() -> None:
    signs: dict[str, Sign | None] = {"aim": -1.0, "told_apart": 0.97, "distance": 0.6}
    assert said(looks(**signs))[0] == said(looks(**signs, g_aim=-1.0))[0] == "G the wrong way round"
    assert "G the wrong way round" not in said(looks(**signs, g_aim=1.0))


def test_a_discriminator_that_is_overtaken_is_weak_and_not_the_wrong_way_round() -> None:
    """G finds samples that a slow D holds for more real than real ones: with a loss as it should be that is no turned sign."""
    signs: dict[str, Sign | None] = {"told_apart": 0.1, "distance": 0.6}
    assert said(looks(**signs))[0] == said(looks(**signs, d_aim=-1.0))[0] == "D the wrong way round"
    assert said(looks(**signs, d_aim=1.0)) == ["D too weak"]


def test_advice_without_a_discriminator_names_none() -> None:
    left_out = dict.fromkeys(("told_apart", "told_apart_unseen", "knows_its_own", "gap", "logits", "aim", "travel_discriminator"))
    (found, *_) = doctor.diagnose(looks(**left_out, spread=0.1, kinds=0.07, distance=0.9), TOTAL)  # type: ignore[arg-type]
    assert found.trouble == "collapse"
    assert not re.search(r"\bD\b|discriminator", found.cause + found.remedy)
    for advice in WITHOUT_DISCRIMINATOR.values():
        assert not re.search(r"\bD\b|discriminator", advice.cause() + advice.remedy())


def with_steps(made: list[dict[str, Any]], steps: int) -> list[dict[str, Any]]:
    """The same looks at a run that takes so many steps in all."""
    return [look | {f"{doctor.PREFIX}steps": look["images"] * steps // TOTAL} for look in made]


BEGINNERS: list[dict[str, Sign | None]] = [
    {"spread": 0.15, "kinds": 0.07, "distance": 0.9, "missed": 0.9, "told_apart": 0.97},
    {"nearest": 0.03, "distance": 0.5},
    {"missed": 0.7, "distance": 0.5},
    {"told_apart": 0.5, "distance": 0.6},
    {"distance": 0.4},
]


@pytest.mark.parametrize("signs", BEGINNERS, ids=str)
def test_a_run_too_short_to_learn_is_not_ill(signs: dict[str, Sign | None]) -> None:
    """What is a trouble after 20,000 steps is how most runs look after a few hundred."""
    for count in range(LOOKS + 1):
        assert said(with_steps(looks(count, **signs), 700)) == []
    assert said(with_steps(looks(**signs), 20_000)) != []


@pytest.mark.parametrize(
    "signs",
    [
        {"finite": after(0.9, 0.0, 1.0)},
        {"travel_generator": 0.0, "distance": 0.9},
        {"high": -0.5, "told_apart": 1.0, "distance": 0.9},
    ],
    ids=["finite", "travel", "high"],
)
def test_what_is_plain_is_said_of_short_runs_too(signs: dict[str, Sign | None]) -> None:
    assert said(with_steps(looks(**signs), 700)) != []


def test_healthy_is_said_of_what_looks_real_and_of_nothing_else() -> None:
    def why(made: list[dict[str, Any]]) -> str | None:
        return doctor.why_not_healthy(made, TOTAL)

    assert why(looks()) is None
    assert why(with_steps(looks(), 500)) is None
    assert "6 looks" in (why(looks(5)) or "")
    assert "after 500 steps" in (why(with_steps(looks(distance=0.25), 500)) or "")
    assert why(with_steps(looks(distance=0.25), 5000)) is None
    assert "no vital sign shows why" in (why(looks(distance=0.5)) or "")


def test_one_odd_look_is_passed_over() -> None:
    for name, ill in (
        ("spread", 0.05),
        ("told_apart", 0.0),
        ("logits", 1e6),
        ("distance", 0.9),
        ("missed", 0.9),
        ("copied", 1.0),
    ):
        made = looks()
        made[-1][doctor.PREFIX + name] = ill
        assert said(made) == [], name


def test_signs_that_were_not_taken_are_no_trouble() -> None:
    """Points without a discriminator: only what samples show is left."""
    kept = {"finite", "distance", "spread", "missed", "kinds", "place_0", "place_1"}
    left_out: dict[str, Sign | None] = {name: None for name in HEALTHY if name not in kept}
    assert said(looks(**left_out)) == []
    assert said(looks(**left_out, spread=0.1, kinds=0.07, distance=0.9))[0] == "collapse"  # type: ignore[arg-type]
    assert said([]) == []


def test_what_was_before_a_recovery_counts_no_more() -> None:
    ill = looks(20, spread=0.1, kinds=0.07, distance=0.9)
    again = [{"images": ill[-1]["images"], f"{doctor.PREFIX}recovery": 1}]
    healthy = looks(20)
    for look in healthy:
        look["images"] += ill[-1]["images"]
    assert said(ill)[0] == "collapse"
    assert said(ill + again) == []
    assert said(ill + again + healthy) == []


def test_a_run_that_is_to_stop_is_told_why() -> None:
    ill = looks(spread=0.1, kinds=0.07, distance=0.9)
    assert doctor.stop_reason("stop", looks(), TOTAL) is None
    for on_trouble in (None, "warn", "recover"):
        assert doctor.stop_reason(on_trouble, ill, TOTAL) is None
    assert re.match("collapse: Samples are nearly all alike", doctor.stop_reason("stop", ill, TOTAL) or "")


# ---------------------------------------------------------------------------------------------------- what is said


@pytest.mark.parametrize(("trouble", "signs"), GONE_WRONG, ids=[f"{t} {i}" for i, (t, _) in enumerate(GONE_WRONG)])
def test_what_is_said_has_a_number_a_cause_a_remedy_and_a_place_to_read_on(trouble: str, signs: dict[str, Sign | None]) -> None:
    found = doctor.diagnose(looks(**signs), TOTAL)[0]
    assert re.search(r"\d", found.sign) or "not a finite number" in found.sign
    assert "nan" not in found.sign
    for text in (found.sign, found.cause, found.remedy):
        assert text[0].isupper() or text[0].isdigit()
        assert text.endswith(".")
    *_, page, anchor = re.split(r"; |#| in ", found.read_on.removesuffix(" in gansmith's source repository"))
    assert page == "docs/doctor.md"
    headings = [line[3:].lower().replace(" ", "-") for line in PAGE.read_text().splitlines() if line.startswith("## ")]
    assert anchor in headings


def test_the_doctor_needs_no_pytorch() -> None:
    answer = python("import sys, gansmith.doctor; print('torch' in sys.modules)")
    assert answer.out.strip() == "False"


# ---------------------------------------------------------------------------------------------------- the command


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("doctor") / "run"
    gansmith.train(quick("watch=none"), folder, device="cpu")
    return folder


def write_looks(folder: Path, made: list[dict[str, Any]]) -> None:
    kept = [line for line in (folder / "log.jsonl").read_text().splitlines() if doctor.PREFIX not in line]
    (folder / "log.jsonl").write_text("".join(line + "\n" for line in [*kept, *map(json.dumps, made)]))
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(facts | {"total_images": TOTAL}))


def test_the_command_says_it_all(run: Path, cli: Callable[..., Answer], tmp_path: Path) -> None:
    write_looks(run, looks(spread=0.1, kinds=0.07, distance=0.9))
    answer = cli("doctor", run, "--json", tmp_path / "new" / "found.json")
    assert answer.code == 0
    for words in ("collapse (40 looks", "Sign:", "Cause:", "Do:", "Read on:", "docs/doctor.md#collapse"):
        assert words in answer.out
    found = json.loads((tmp_path / "new" / "found.json").read_text())
    assert found["word"] == found["diagnoses"][0]["trouble"] == "collapse"


def test_the_command_on_a_healthy_run(run: Path, cli: Callable[..., Answer]) -> None:
    write_looks(run, looks())
    assert cli("doctor", run).out.startswith(f"{run}: healthy (40 looks, the newest at 40,000 images).")


def test_too_few_looks_are_no_verdict(run: Path, cli: Callable[..., Answer]) -> None:
    write_looks(run, looks(3))
    assert "too early to say" in cli("doctor", run).out


def test_the_command_names_the_cause_and_what_follows_from_it(run: Path, cli: Callable[..., Answer]) -> None:
    write_looks(run, looks(travel_generator=0.0, told_apart=1.0, distance=0.9, spread=0.1, kinds=0.07))
    answer = cli("doctor", run).out
    assert f"{run}: stands still" in answer
    assert "Follows: D too strong (the discriminator makes no mistake" in answer
    assert answer.count("Do:") == 1


def test_the_report_says_it_too(run: Path) -> None:
    for signs, words in (({}, "healthy"), ({"spread": 0.1, "kinds": 0.07, "distance": 0.9}, "docs/doctor.md#collapse")):
        write_looks(run, looks(**signs))
        page = page_module.page(Run.open(run))
        assert "Training health" in page
        assert words in page
    write_looks(run, [])
    assert "Training health" not in page_module.page(Run.open(run))


def test_an_unwatched_run_is_looked_at_by_its_checkpoints(tmp_path: Path) -> None:
    made = gansmith.train(quick("watch=none"), tmp_path / "run", device="cpu")
    found = checkup(made)
    assert found.from_checkpoints
    assert found.num_looks == 3
    assert not any(doctor.PREFIX in line for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines())


def test_a_generator_that_is_frozen_is_not_called_still(cli: Callable[..., Answer], here: Path) -> None:
    gansmith.train(tiny("noise-critic", budget="320images"), "run", device="cpu")
    assert_refused(cli("doctor", "run"), "generator", "frozen")


def test_what_can_not_be_looked_at_is_said_in_a_line(
    tmp_path: Path, cli: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Monitor) -> dict[str, float]:
        raise RuntimeError("no room\nfor 256 samples")

    gansmith.train(quick("watch=none", budget="320images"), tmp_path / "run", device="cpu")
    monkeypatch.setattr(Monitor, "look", fail)
    assert_refused(cli("doctor", tmp_path / "run"), "can't be measured", "RuntimeError: no room for 256 samples")
    words = ("tutorial-small", "--data", "digits", "budget=320images", "scores=none", "watch.times=2")
    assert cli("train", *words, "--run", tmp_path / "watched").code == 0


def test_checkpoints_of_a_run_that_was_put_right_are_not_looked_at(run: Path) -> None:
    """They may be of other networks than its recipe's."""
    write_looks(run, looks(1))
    assert checkup(Run.open(run)).from_checkpoints
    found = Run.open(run)
    found.metadata["recoveries"] = []
    assert not checkup(found).from_checkpoints


def test_the_command_refuses_what_is_no_run(cli: Callable[..., Answer], here: Path) -> None:
    assert_refused(cli("doctor", "nowhere"), "nowhere", "does not exist")


def test_on_trouble_is_a_setting_of_the_recipe(cli: Callable[..., Answer], here: Path) -> None:
    command = ("train", "tutorial-small", "--data", "digits", "budget=64images", "scores=none", "--on-trouble")
    assert_refused(cli(*command, "panic"), "on_trouble", "panic")
    assert cli(*command, "stop", "--run", "run").code == 0
    watch = Run.open("run").recipe.watch
    assert watch is not None
    assert watch.on_trouble == "stop"
