"""Components, whichever there are: frozen, explained, to JSON and back, to text and back; answers to typos."""

from __future__ import annotations

import dataclasses
import json
import typing
from pathlib import Path
from typing import Any

import pytest

from gansmith.core import component as spec
from gansmith.core.errors import RecipeError, unknown
from gansmith.core.overrides import override, parse_value
from gansmith.data import Source
from gansmith.networks import BatchNorm, MLPGenerator
from gansmith.networks.base import Network
from gansmith.objectives import Adversarial
from gansmith.objectives.augmentation import Augment, Augmentation, Flip, InstanceNoise, Operation
from gansmith.objectives.base import Objective
from gansmith.objectives.losses import LeastSquares, Loss, NonSaturating
from gansmith.objectives.penalties import R1, GradientPenalty, Penalty
from gansmith.optim.optimizers import Adam, Optimizer
from gansmith.optim.schedules import Cosine, Linear, Schedule
from gansmith.recipes import make
from gansmith.recipes.base import Pictures, Recipe
from gansmith.recipes.order import ReadingOrder
from gansmith.sampling.noise import Noise, Uniform
from support import all_components, components, name_of, python, tiny

EVERY = pytest.mark.parametrize("component", all_components(), ids=name_of)
PROTOCOLS = (Loss, Penalty, Noise, Network, Optimizer, ReadingOrder, Objective, Source, Schedule, Operation, Augmentation)


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
    assert parse_value(spec.to_text(component), type(component)) == component


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
    Adversarial(loss=NonSaturating(real_label=0.9), share="fakes", reduction="mean", joint_batch=True),
    Adversarial(generator_fakes=256, discriminator_turns=3),
    MLPGenerator((128, 256), batch_norm=BatchNorm(eps=0.8, first=1), dropout=0.25, end="sigmoid", init="glorot"),
    Adversarial(penalties=(R1(),), penalty_every=16, penalty_schedule=Cosine(first=10.0, end=1.0), augmentation=Augment()),
    Augment((Flip(), InstanceNoise(0.2, Linear(start=0.5))), probability=0.8, target=0.6),
    MLPGenerator(()),
    Uniform(3, low=-0.5, high=2.0),
    Adam(1e-4, (0.5, 0.9), eps=1e-7),
    Pictures(count=9, every="2epochs", arrays=True),
]


@pytest.mark.parametrize("made", COMPOSITES, ids=spec.to_text)
def test_components_within_components_survive_json_and_text(made: Any) -> None:
    assert spec.from_json(json.loads(json.dumps(spec.to_json(made)))) == made
    assert parse_value(spec.to_text(made), type(made)) == made


def test_a_class_called_like_another_component_is_refused_until_renamed() -> None:
    with pytest.raises(RecipeError, match=r"two components are called 'Hinge'.*rename one"):

        @spec.component
        class Hinge:
            """Not the one."""

    assert spec.find_component("hinge").__module__ == "gansmith.objectives.losses"


def test_json_of_an_unknown_component_is_refused_with_the_nearest() -> None:
    with pytest.raises(RecipeError, match="unknown component 'Hing'; did you mean 'hinge'"):
        spec.from_json({"type": "Hing"})


def test_differences_name_the_deepest_place_and_both_values() -> None:
    one = tiny("tutorial-small")
    other = override(override(one, "optimizers.generator.lr=1e-3"), "objective.loss=hinge")
    found = list(spec.differences(spec.to_json(one), spec.to_json(other)))
    assert ("optimizers.generator.lr", 2e-4, 1e-3) in found
    assert {place for place, _, _ in found} == {"optimizers.generator.lr", "objective.loss"}
    assert list(spec.differences(spec.to_json(one), spec.to_json(one))) == []


def test_a_length_is_a_number_and_a_unit() -> None:
    from gansmith.recipes.lengths import images_in, seconds_in

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
    with pytest.raises(RecipeError, match=r"'encoder' is trained by no player; expected one player, or its name in frozen"):
        dataclasses.replace(small, networks=more)
    assert dataclasses.replace(small, networks=more, frozen=("encoder",)).frozen == ("encoder",)


def test_a_player_without_its_network_or_its_optimizer_is_refused() -> None:
    small = make("tutorial-small")
    with pytest.raises(RecipeError, match="player 'discriminator': unknown network 'discriminator'"):
        dataclasses.replace(small, networks={"generator": small.networks["generator"]})
    with pytest.raises(RecipeError, match=r"player 'generator' has no optimizer: add one"):
        dataclasses.replace(small, optimizers={"discriminator": Adam()})
    with pytest.raises(RecipeError, match="unknown player in optimizers 'gen'"):
        dataclasses.replace(small, optimizers={**small.optimizers, "gen": Adam()})


def test_a_network_with_two_owners_is_refused() -> None:
    from gansmith.objectives.base import Player, check_ownership

    def loss(*_: Any) -> Any:
        raise AssertionError

    players = (Player("a", ("one", "two"), loss), Player("b", ("two",), loss))
    with pytest.raises(RecipeError, match=r"network 'two' is trained by 2 players \(a, b\)"):
        check_ownership({"one": None, "two": None}, players)
    check_ownership({"one": None, "two": None}, (players[0],))


def test_a_recipe_is_frozen_and_needs_its_parts() -> None:
    with pytest.raises(RecipeError, match=r"Recipe\.data is missing"):
        Recipe(name="x")  # type: ignore[call-arg]
    with pytest.raises(dataclasses.FrozenInstanceError):
        make("tutorial-small").seed = 3  # type: ignore[misc]


# ---------------------------------------------------------------------------------------------------- names of format 1


@pytest.mark.parametrize(("owner", "old"), spec.RENAMED_FIELDS, ids=str)
def test_a_field_of_format_1_is_read_by_its_new_name(owner: str, old: str) -> None:
    made = next(c for c in all_components() if type(c).__name__ == owner)
    new = spec.RENAMED_FIELDS[owner, old]
    stored = spec.to_json(made)
    assert new in stored
    assert old not in stored
    stored[old] = stored.pop(new)
    assert spec.from_json(stored) == made


def test_a_type_of_format_1_is_read_by_its_new_name() -> None:
    for old, new in spec.RENAMED_TYPES.items():
        stored = spec.to_json(spec.find_component(new)())
        assert stored["type"] == new
        assert spec.from_json(stored | {"type": old}) == spec.find_component(new)()


def test_the_recorded_overrides_of_a_recovery_of_format_1_are_read() -> None:
    recipe = tiny("tutorial-small")
    assert override(recipe, "optimizers.generator.rate=1e-4") == override(recipe, "optimizers.generator.lr=1e-4") != recipe


def test_looking_for_a_component_imports_no_room_above_recipes() -> None:
    """A typo once imported every command, the report and the trainer for TensorFlow."""
    answer = python(
        "import sys\nfrom gansmith.core.component import find_component\nfrom gansmith.core.errors import RecipeError\n"
        "try:\n    find_component('no-such-thing')\nexcept RecipeError:\n    pass\n"
        "rooms = {m.split('.')[1] for m in sys.modules if m.startswith('gansmith.')}\n"
        "print(sorted(rooms & {'cli', 'training', 'export', 'report', 'evaluation', 'runs'}))"
    )
    assert answer.out.strip() == "[]", answer.err
