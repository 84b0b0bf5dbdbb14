"""Advice is checked against the recipe: every override that is advised is accepted and changes something, for every rule."""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Callable
from pathlib import Path

import pytest

import gansmith
from gansmith import doctor
from gansmith.doctor.advice import ADVICE, WITHOUT_DISCRIMINATOR, Advice
from gansmith.doctor.suggestions import NOTHING_LEFT, Suggestion, advise, applied, wider
from gansmith.evaluation import verdict as verdicts
from gansmith.evaluation.verdict.facts import Complaint, Facts
from gansmith.recipes import make
from gansmith.recipes.base import Recipe
from gansmith.report.page import page
from gansmith.runs.run import Run
from support import TOTAL, Answer, looks, quick, tiny

OVERRIDE = re.compile(r"(?<![\w=(,])[a-z_]+(?:\.\w+)*\+?=(?:\[[^]]*\]|[\w.\-]+(?:\([^)]*\))?)")
RECIPES: dict[str, Callable[[], Recipe]] = {
    "plain": quick,
    "the default": lambda: tiny("default"),
    "a vae": lambda: tiny("vae"),
    "tiny rates": lambda: quick("optimizers.generator.lr=1e-12", "optimizers.discriminator.lr=1e-12"),
    "huge rates": lambda: quick("optimizers.generator.lr=1000", "optimizers.discriminator.lr=1000"),
    "saturating": lambda: quick("objective.loss=saturating"),
    "wasserstein": lambda: tiny("wgan"),
    "not the range of its end": lambda: quick("value_range=[0,2]"),
}
ALL: dict[str, Advice] = {**ADVICE, **{f"{name} without a discriminator": a for name, a in WITHOUT_DISCRIMINATOR.items()}}


def overrides_in(text: str) -> list[list[str]]:
    """The overrides in each bracket of a text: what is written together is done together."""
    return [found for part in re.findall(r"\(((?:[^()]|\([^()]*\))*)\)", text) if (found := OVERRIDE.findall(part))]


def complaint_advice(topic: typing.Any, recipe: Recipe | None) -> str:
    facts = Facts({"kind": "run", "data": {"label": "my pictures", "spec": {"path": "/a b/my pictures"}}})
    return verdicts.advice(facts, [Complaint(topic, 1.0, "Something is wrong.", ("fd",))], recipe).text


TOPICS = [entry.topics[0] for entry in verdicts._ADVICE]  # all topics of an entry have one advice
SAID: dict[str, Callable[[Recipe | None], str]] = {
    **{name: advice.remedy for name, advice in ALL.items()},
    **{f"complaint: {topic}": lambda recipe, topic=topic: complaint_advice(topic, recipe) for topic in TOPICS},  # type: ignore[misc]
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_is_advised_changes_the_recipe_until_nothing_is_left(recipe: str) -> None:
    """All advice is taken, again and again for one recipe: so it comes to have each already."""
    for say in SAID.values():
        made = RECIPES[recipe]()
        for _ in range(6 if recipe == "saturating" else 1):
            text, taken = say(made), made
            for changes in overrides_in(text):
                assert applied(made, changes) is not None, f"{text}: {changes} changes nothing"
                taken = applied(taken, changes) or taken
            if taken == made:
                break
            made = taken


def test_the_overrides_are_found_in_the_texts() -> None:
    assert overrides_in("Do (a.b=[0.5,0.9] c+=r1(weight=1)); or (nothing) x=1.") == [["a.b=[0.5,0.9]", "c+=r1(weight=1)"]]
    said = [overrides_in(say(quick())) for say in SAID.values()]
    assert sum(map(bool, said)) > 0.7 * len(said)


def test_no_advice_repeats_what_the_run_has() -> None:
    assert "objective.loss" not in ADVICE["G starved"].remedy(quick())
    assert "objective.loss=non-saturating" in ADVICE["G starved"].remedy(quick("objective.loss=saturating"))
    assert "saturating loss" not in ADVICE["G starved"].cause(quick())
    for text in (complaint_advice("realism", tiny("default")), complaint_advice("realism", tiny("default", "ema.ramp=0.5"))):
        assert "gansmith train" not in text
        assert "ema=" not in text
    assert "gansmith train --data '/a b/my pictures'" in complaint_advice("realism", quick("ema=ema"))


@pytest.mark.parametrize(
    ("overrides", "right", "wrong"),
    [
        (("optimizers.generator.lr=1000",), "so large", "so small"),
        (("optimizers.generator.lr=1e-12",), "so small", "so large"),
        ((), "no gradient reaches", "so small"),
    ],
)
def test_the_cause_is_one_that_the_recipe_shows(overrides: tuple[str, ...], right: str, wrong: str) -> None:
    (found, *_) = doctor.diagnose(looks(travel_generator=0.0, distance=0.9), TOTAL, quick(*overrides))
    assert found.trouble == "stands still"
    assert right in found.cause.lower()
    assert wrong not in found.cause
    assert ("lr=0.0002" in found.remedy) == bool(overrides)


def test_a_suggestion_that_is_refused_or_changes_nothing_is_not_made() -> None:
    recipe = quick()
    assert applied(recipe, ["batch_size=32", f"batch_size={recipe.batch_size}"]) is None
    assert applied(recipe, ["no.such.field=1"]) is None
    assert applied(recipe, []) is None
    dead = [Suggestion("a", lambda r: ["no.such=1"]), Suggestion("b", when=lambda r: False), Suggestion("c", lambda r: [])]
    assert advise(recipe, dead) == [NOTHING_LEFT]
    assert advise(recipe, [Suggestion(str(i)) for i in range(9)], most=2) == ["0", "1"]
    assert advise(None, dead[:1]) == ["a"]


@pytest.mark.parametrize("name", ["generator", "discriminator"])
def test_more_width_is_an_override_that_a_network_can_be_built_with(name: str) -> None:
    recipe = make("default", data="digits")
    changed = applied(recipe, wider(name)(recipe))
    assert changed is not None
    assert changed.networks[name].widths == tuple(2 * width for width in recipe.networks[name].widths)
    widest = applied(recipe, [f"networks.{name}.widths=[1024]"])
    assert wider(name)(widest) == []


def test_without_a_recipe_all_is_advised() -> None:
    for name, advice in ALL.items():
        assert advice.cause()[0].isupper(), name
        assert advice.remedy().endswith("."), name


def test_both_pages_say_what_they_are_about(tmp_path: Path, cli: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    """A healthy training and bad samples are no contradiction once both pages say which of the two they speak of."""
    gansmith.train(quick("watch.times=3"), tmp_path / "run", device="cpu")
    for signs in ({}, {"spread": 0.1, "kinds": 0.07, "distance": 0.9}):
        (tmp_path / "run" / "log.jsonl").write_text("".join(json.dumps(look) + "\n" for look in looks(**signs)))
        monkeypatch.setattr(Run, "total_images", property(lambda self: TOTAL), raising=False)
        said = " ".join(cli("doctor", tmp_path / "run").out.split())
        assert ("healthy" in said) == (not signs)
        assert "how training went" in said
        assert "How good the samples are is another question" in said
    text = " ".join(page(Run.open(tmp_path / "run")).split())
    assert "How training went, by the networks" in text
    assert "How good the samples are, by scores" in text
    assert "the two may differ" in text
