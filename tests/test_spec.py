"""Components, whichever there are: frozen, explained, to JSON and back, to text and back; overrides and answers to typos."""

from __future__ import annotations

import dataclasses
import json
import typing
from pathlib import Path
from typing import Any

import pytest

from gansmith import spec
from gansmith.data import Source
from gansmith.errors import RecipeError, unknown
from gansmith.game import Network, Objective
from gansmith.losses import Hinge, LeastSquares, Loss, NonSaturating, Relativistic, Wasserstein
from gansmith.networks import BatchNorm, MLPGenerator
from gansmith.noise import Noise, Normal, Uniform
from gansmith.objectives import Adversarial
from gansmith.optimizers import SGD, Adam, Optimizer
from gansmith.penalties import R1, R2, GradientPenalty, Penalty
from gansmith.recipe import Order, Pictures, Recipe, WithReplacement
from gansmith.recipes import make
from support import all_components, components, name_of, tiny

EVERY = pytest.mark.parametrize("component", all_components(), ids=name_of)
PROTOCOLS = (Loss, Penalty, Noise, Network, Optimizer, Order, Objective, Source)


@EVERY
def test_a_component_is_frozen(component: Any) -> None:
    for field in dataclasses.fields(component):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(component, field.name, getattr(component, field.name))


@EVERY
def test_a_component_says_what_it_is(component: Any) -> None:
    text = type(component).__doc__
    assert text
    assert not text.startswith(f"{type(component).__name__}(")  # what dataclasses write where nobody wrote anything
    assert text.strip()[0].isupper() or not text.strip()[0].isalpha() or text.startswith("z ")


@EVERY
def test_a_component_survives_json(component: Any) -> None:
    text = json.dumps(spec.to_json(component))
    again = spec.from_json(json.loads(text))
    assert again == component
    assert type(again) is type(component)
    assert hash(again) == hash(component)


@EVERY
def test_a_component_survives_text(component: Any) -> None:
    assert spec.read(spec.to_text(component), type(component)) == component


@EVERY
def test_a_component_is_found_by_its_class_name_and_in_kebab_case(component: Any) -> None:
    cls = type(component)
    assert spec.find_component(cls.__name__) is cls
    assert spec.find_component(spec.kebab(cls.__name__)) is cls


@EVERY
def test_a_field_nobody_knows_is_refused_with_the_nearest(component: Any) -> None:
    fields = [f.name for f in dataclasses.fields(component)]
    given = {f: getattr(component, f) for f in fields}
    with pytest.raises(RecipeError) as error:
        type(component)(**given, nosuchfield=1)
    assert "\n" not in str(error.value)
    if fields:
        typo = fields[0] + "x"
        with pytest.raises(RecipeError, match=f"unknown field of {type(component).__name__} '{typo}'; did you mean"):
            type(component)(**given, **{typo: 1})


@EVERY
def test_every_number_is_checked_strictly(component: Any) -> None:
    hints = typing.get_type_hints(type(component))
    for field in dataclasses.fields(component):
        if hints[field.name] in (int, float):
            for wrong in ("7", None, [1], float("nan"), float("inf"), *((1e-4,) if hints[field.name] is int else ())):
                with pytest.raises(RecipeError) as error:
                    dataclasses.replace(component, **{field.name: wrong})
                assert f"{type(component).__name__}.{field.name}" in str(error.value)
                assert "\n" not in str(error.value)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda p: p.__name__)
def test_every_protocol_has_components(protocol: type) -> None:
    assert components(protocol)


@EVERY
def test_a_component_plays_one_part_alone(component: Any) -> None:
    assert sum(isinstance(component, p) for p in PROTOCOLS) <= 1


COMPOSITES = [
    Adversarial(loss=LeastSquares(), penalties=(R1(5.0), GradientPenalty())),
    Adversarial(loss=NonSaturating(real_label=0.9), share="fakes", terms="mean", judge_together=True),
    Adversarial(generator_fakes=256, discriminator_turns=3),
    MLPGenerator((128, 256), batch_norm=BatchNorm(eps=0.8, first=1), dropout=0.25, end="sigmoid", init="glorot"),
    MLPGenerator(()),
    Uniform(3, low=-0.5, high=2.0),
    Adam(1e-4, (0.5, 0.9), eps=1e-7),
    Pictures(count=9, every="2epochs", arrays=True),
]


@pytest.mark.parametrize("made", COMPOSITES, ids=spec.to_text)
def test_components_within_components_survive_json_and_text(made: Any) -> None:
    assert spec.from_json(json.loads(json.dumps(spec.to_json(made)))) == made
    assert spec.read(spec.to_text(made), type(made)) == made


def test_a_class_called_like_another_component_is_refused_until_renamed() -> None:
    with pytest.raises(RecipeError, match=r"two components are called 'Hinge'.*rename one"):

        @spec.component
        class Hinge:
            """Not the one."""

    assert spec.find_component("hinge").__module__ == "gansmith.losses"


def test_json_of_an_unknown_component_is_refused_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match="unknown component 'Hing'; did you mean 'hinge'"):
        spec.from_json({"type": "Hing"})


# ---------------------------------------------------------------------------------------------------- overrides

CHANGES = [
    ("batch_size=64", lambda r: r.batch_size, 64),
    ("batch-size=64", lambda r: r.batch_size, 64),
    ("budget=5m", lambda r: r.budget, "5m"),
    ("budget=25epochs", lambda r: r.budget, "25epochs"),
    ("seed=9223372036854775807", lambda r: r.seed, 2**63 - 1),
    ("objective.loss=hinge", lambda r: r.objective.loss, Hinge()),
    ("objective.loss=least-squares", lambda r: r.objective.loss, LeastSquares()),
    ("objective.loss=LeastSquares()", lambda r: r.objective.loss, LeastSquares()),
    ("objective.loss=non-saturating(real_label=0.9)", lambda r: r.objective.loss, NonSaturating(0.9)),
    ("objective.loss=wasserstein", lambda r: r.objective.loss, Wasserstein()),
    ("objective.loss=relativistic", lambda r: r.objective.loss, Relativistic()),
    ("objective.loss.real_label=0.8", lambda r: r.objective.loss.real_label, 0.8),
    ("objective.penalties+=r1(weight=5)", lambda r: r.objective.penalties, (R1(5.0),)),
    ("objective.penalties=[r1(weight=5), r2]", lambda r: r.objective.penalties, (R1(5.0), R2())),
    ("objective.penalties+=[r1, r2]", lambda r: r.objective.penalties, (R1(), R2())),
    ("objective.judge_together=false", lambda r: r.objective.judge_together, False),
    ("objective.share=nothing", lambda r: r.objective.share, "nothing"),
    ("objective=adversarial(loss=hinge, penalties=[r1(weight=5)])", lambda r: r.objective, Adversarial(Hinge(), (R1(5.0),))),
    ("objective=adversarial(loss=least-squares)", lambda r: r.objective, Adversarial(LeastSquares())),
    ("optimizers.generator.rate=1e-3", lambda r: r.optimizers["generator"].rate, 1e-3),
    ("optimizers.generator.rate=1", lambda r: r.optimizers["generator"].rate, 1.0),
    ("optimizers.generator.betas=[0.5,0.999]", lambda r: r.optimizers["generator"].betas, (0.5, 0.999)),
    ("optimizers.generator.betas.0=0.5", lambda r: r.optimizers["generator"].betas, (0.5, 0.999)),
    ("optimizers.discriminator=sgd(rate=0.1, momentum=0.5)", lambda r: r.optimizers["discriminator"], SGD(0.1, 0.5)),
    ("networks.generator.widths=[8, 16]", lambda r: r.networks["generator"].widths, (8, 16)),
    ("networks.generator.widths+=64", lambda r: r.networks["generator"].widths, (128, 64)),
    ("networks.generator.widths=[]", lambda r: r.networks["generator"].widths, ()),
    ("networks.generator.batch_norm=batch-norm(eps=0.8)", lambda r: r.networks["generator"].batch_norm, BatchNorm(0.8)),
    ("networks.generator.end=sigmoid", lambda r: r.networks["generator"].end, "sigmoid"),
    ("noise=uniform(dim=3, low=-2.0, high=2.0)", lambda r: r.noise, Uniform(3, -2.0, 2.0)),
    ("noise.dim=7", lambda r: r.noise, Normal(7)),
    ("order=with-replacement(epoch=100)", lambda r: r.order, WithReplacement(100)),
    ("value_range=[0.0,1.0]", lambda r: r.value_range, (0.0, 1.0)),
    ("precision=bf16", lambda r: r.precision, "bf16"),
    ("ema=ema(half_life_images=500)", lambda r: r.ema.half_life_images, 500),
    ("ema=none", lambda r: r.ema, None),
    ("log_every=100images", lambda r: r.log_every, "100images"),
    ("log_every=none", lambda r: r.log_every, None),
    ("pictures.every=1epochs", lambda r: r.pictures.every, "1epochs"),
    ("pictures.every=growing", lambda r: r.pictures.every, "growing"),
    ("pictures=pictures(count=9, arrays=true)", lambda r: r.pictures, Pictures(count=9, arrays=True)),
    ("name=mine", lambda r: r.name, "mine"),
]


@pytest.mark.parametrize(("text", "look", "expected"), CHANGES, ids=[c[0] for c in CHANGES])
def test_an_override_is_read_by_the_type_of_its_field(text: str, look: Any, expected: Any) -> None:
    before = make("tutorial-small")
    after = spec.override(before, text)
    assert look(after) == expected
    assert type(look(after)) is type(expected)
    assert spec.from_json(json.loads(json.dumps(spec.to_json(after)))) == after
    assert before == make("tutorial-small")


REFUSALS = [
    ("batch_size=1e-4", ("batch_size", "whole number", "0.0001")),
    ("batch_size=64.0", ("batch_size", "whole number")),
    ("batch_size=many", ("batch_size", "whole number", "many")),
    ("batch_size=true", ("batch_size", "whole number")),
    ("batch_size=0", ("batch_size", "greater than 0", "0")),
    ("batch_size=-3", ("batch_size", "greater than 0", "-3")),
    ("batch_size=", ("batch_size",)),
    ("batch_size", ("no value", "batch_size=64")),
    ("batch_sze=3", ("unknown field of Recipe 'batch_sze'", "did you mean 'batch_size'")),
    ("batch_size+=3", ("+= grows a list",)),
    ("batch_size.x=3", ("has no field 'x'",)),
    ("seed=-1", ("seed", "greater than or equal to 0")),
    ("seed=9223372036854775808", ("seed", "less than or equal to 9223372036854775807")),
    ("budget=5", ("budget", "25epochs")),
    ("budget=0epochs", ("budget", "25epochs")),
    ("budget=5minutes", ("budget", "25epochs")),
    ("log_every=5m", ("log_every", "epochs or images")),
    ("precision=float16", ("precision", "float32", "bf16")),
    ("objective.los=hinge", ("unknown field of Adversarial 'los'", "did you mean 'loss'")),
    ("objective.loss=hing", ("unknown loss 'hing'", "did you mean 'hinge'")),
    ("objective.loss=r1", ("loss", "r1")),
    ("objective.loss=3", ("loss",)),
    ("objective.penalties+=hinge", ("enalt", "hinge")),
    ("objective.penalties+=r1(wait=5)", ("unknown field of R1 'wait'", "weight")),
    ("objective.penalties+=r1(weight=-1)", ("weight", "greater than or equal to 0")),
    ("objective.penalties.0.weight=5", ("'0' is no place in a list of 0",)),
    ("objective.discriminator_turns=0", ("discriminator_turns", "greater than 0")),
    ("optimizers.generator.rate=0", ("rate", "greater than 0")),
    ("optimizers.generator.rate=nan", ("rate",)),
    ("optimizers.generator.rate=inf", ("rate",)),
    ("optimizers.generator.rate=1e999", ("rate",)),
    ("optimizers.generator.betas=[0.5]", ("betas",)),
    ("optimizers.generator.betas=[0.5,1.0]", ("betas", "less than 1")),
    ("optimizers.critic.rate=1", ("unknown name 'critic'", "discriminator")),
    ("networks.generatr.end=tanh", ("unknown name 'generatr'", "did you mean 'generator'")),
    ("networks.generator.widths=[8, 0]", ("widths", "greater than 0")),
    ("networks.generator.end=tan", ("end", "tanh")),
    ("networks.generator=normal", ("network",)),
    ("value_range=[1.0,0.0]", ("value_range", "low < high")),
    ("value_range=[1.0,1.0]", ("value_range", "low < high")),
    ("noise.dim=0", ("dim", "greater than 0")),
    ("noise=uniform(dim=3, low=1.0, high=1.0)", ("low < high",)),
    ("frozen+=generator", ("'generator' is frozen", "'generator' moves it")),
    ("frozen+=generatr", ("'generatr'", "did you mean 'generator'")),
    ("objective.penalties+=__import__('os').system('true')", ("can't read",)),
    ("batch_size=(lambda: 3)()", ("can't read",)),
    ("networks.generator.widths=[8", ("can't read",)),
    ("data=digit", ("'digit'", "did you mean 'digits'")),
    ("objective.generator_fakes=8", ("generator_fakes", "fakes")),
]


@pytest.mark.parametrize(("text", "words"), REFUSALS, ids=[r[0] for r in REFUSALS])
def test_an_override_that_does_not_hold_is_refused_in_one_line(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(RecipeError) as error:
        make("tutorial-small", [text])
    message = str(error.value)
    assert "\n" not in message
    assert len(message) < 600
    assert text.split("=")[0].rstrip("+") in message
    for word in words:
        assert word in message, message


def test_overrides_are_taken_in_the_order_given() -> None:
    recipe = make("tutorial-small", ["objective.penalties+=r1", "objective.penalties.0.weight=5", "objective.penalties+=r2"])
    assert recipe.objective == dataclasses.replace(make("tutorial-small").objective, penalties=(R1(5.0), R2()))  # type: ignore[type-var]


def test_differences_name_the_deepest_place_and_both_values() -> None:
    one = tiny("tutorial-small")
    other = spec.override(spec.override(one, "optimizers.generator.rate=1e-3"), "objective.loss=hinge")
    found = list(spec.differences(spec.to_json(one), spec.to_json(other)))
    assert ("optimizers.generator.rate", 2e-4, 1e-3) in found
    assert {place for place, _, _ in found} == {"optimizers.generator.rate", "objective.loss"}
    assert list(spec.differences(spec.to_json(one), spec.to_json(one))) == []


def test_a_length_is_a_number_and_a_unit() -> None:
    from gansmith.recipe import images_in, seconds_in

    assert images_in("25epochs", 60_000) == 1_500_000
    assert images_in("0.5epochs", 1497) == 748
    assert images_in("1images", 60_000) == 1
    assert images_in("1000000images", 7) == 1_000_000
    assert (seconds_in("5m"), seconds_in("2h"), seconds_in("90s"), seconds_in("3epochs")) == (300.0, 7200.0, 90.0, None)


def test_the_nearest_word_or_all_of_them() -> None:
    assert unknown("thing", "applle", ["apple", "pear"]) == "unknown thing 'applle'; did you mean 'apple'?"
    assert unknown("thing", "zzz", ["pear", "apple"]) == "unknown thing 'zzz'; known: apple, pear"


# ---------------------------------------------------------------------------------------------------- ownership


def test_a_network_that_no_player_moves_is_refused(tmp_path: Path) -> None:
    small = make("tutorial-small")
    more = {**small.networks, "encoder": MLPGenerator((4,))}
    with pytest.raises(RecipeError, match=r"network 'encoder' is moved by nobody; expected one player, or its name in frozen"):
        dataclasses.replace(small, networks=more)
    assert dataclasses.replace(small, networks=more, frozen=("encoder",)).frozen == ("encoder",)


def test_a_player_without_its_network_or_its_optimizer_is_refused() -> None:
    small = make("tutorial-small")
    with pytest.raises(RecipeError, match="player 'discriminator': unknown network 'discriminator'"):
        dataclasses.replace(small, networks={"generator": small.networks["generator"]})
    with pytest.raises(RecipeError, match=r"player 'generator' has no optimizer: add optimizers\.generator"):
        dataclasses.replace(small, optimizers={"discriminator": Adam()})
    with pytest.raises(RecipeError, match="unknown player in optimizers 'gen'"):
        dataclasses.replace(small, optimizers={**small.optimizers, "gen": Adam()})


def test_a_network_with_two_owners_is_refused() -> None:
    from gansmith.game import Player, check_ownership

    def loss(*_: Any) -> Any:
        raise AssertionError

    players = (Player("a", ("one", "two"), loss), Player("b", ("two",), loss))
    with pytest.raises(RecipeError, match=r"network 'two' is moved by 2 players \(a, b\)"):
        check_ownership({"one": None, "two": None}, players)
    check_ownership({"one": None, "two": None}, (players[0],))


def test_a_recipe_is_frozen_and_needs_its_parts() -> None:
    with pytest.raises(RecipeError, match=r"Recipe\.data is missing"):
        Recipe(name="x")  # type: ignore[call-arg]
    with pytest.raises(dataclasses.FrozenInstanceError):
        make("tutorial-small").seed = 3  # type: ignore[misc]
