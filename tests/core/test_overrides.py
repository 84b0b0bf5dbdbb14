"""Overrides: each is read by the type of its field, and refused in a line that names the place."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from gansmith.core import component as spec
from gansmith.core.errors import RecipeError
from gansmith.core.overrides import check_once, override
from gansmith.networks import BatchNorm
from gansmith.objectives import Adversarial
from gansmith.objectives.losses import Hinge, LeastSquares, NonSaturating, Relativistic, Wasserstein
from gansmith.objectives.penalties import R1, R2
from gansmith.optim.optimizers import SGD
from gansmith.recipes import make
from gansmith.recipes.base import Pictures
from gansmith.recipes.order import WithReplacement
from gansmith.sampling.noise import Normal, Uniform

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
    ("objective.joint_batch=false", lambda r: r.objective.joint_batch, False),
    ("objective.share=nothing", lambda r: r.objective.share, "nothing"),
    ("objective=adversarial(loss=hinge, penalties=[r1(weight=5)])", lambda r: r.objective, Adversarial(Hinge(), (R1(5.0),))),
    ("objective=adversarial(loss=least-squares)", lambda r: r.objective, Adversarial(LeastSquares())),
    ("optimizers.generator.lr=1e-3", lambda r: r.optimizers["generator"].lr, 1e-3),
    ("optimizers.generator.lr=1", lambda r: r.optimizers["generator"].lr, 1.0),
    ("optimizers.generator.betas=[0.5,0.999]", lambda r: r.optimizers["generator"].betas, (0.5, 0.999)),
    ("optimizers.generator.betas.0=0.5", lambda r: r.optimizers["generator"].betas, (0.5, 0.999)),
    ("optimizers.discriminator=sgd(lr=0.1, momentum=0.5)", lambda r: r.optimizers["discriminator"], SGD(0.1, 0.5)),
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
    after = override(before, text)
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
    ("batch_size+=3", ("+= appends to a list",)),
    ("batch_size.x=3", ("has no field 'x'",)),
    ("seed=-1", ("seed", "greater than or equal to 0")),
    ("seed=9223372036854775808", ("seed", "at most 9,223,372,036,854,775,807")),
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
    ("objective.penalties.0.weight=5", ("'0' is no index of a list of 0", "append with +=")),
    ("optimizers.generator.betas.2=0.5", ("'2' is no index of a list of 2", "choose 0 to 1")),
    ("objective.penalties=r1", ("penalties", "expected a list in brackets, got 'r1'")),
    ("objective.penalties=3", ("penalties", "expected a list in brackets, got 3")),
    ("optimizers=adam(lr=1.0)", ("changed entry by entry: add .discriminator or .generator to its name",)),
    ("optimizers.generator=adam(1e-3)", ("name each field, as in r1(weight=5)",)),
    ("condition.num=3", ("None has no field 'num': set it first",)),
    ("pictures.every=5m", ("expected 'growing' or a length in epochs or images, got 5m",)),
    ("ema=3", ("expected ema(...), got 3",)),
    ("compile=1", ("expected true or false, got 1",)),
    ("objective.discriminator_turns=0", ("discriminator_turns", "greater than 0")),
    ("optimizers.generator.lr=0", ("lr", "greater than 0")),
    ("optimizers.generator.lr=nan", ("lr",)),
    ("optimizers.generator.lr=inf", ("lr",)),
    ("optimizers.generator.lr=1e999", ("lr",)),
    ("optimizers.generator.betas=0.5", ("betas=0.5: expected 2 values with commas between, got 0.5",)),
    ("optimizers.generator.betas=half", ("betas=half: expected 2 values with commas between, got half",)),
    ("optimizers.generator.betas=[0.5]", ("betas", "expected 2 values or more, got [0.5]")),
    ("optimizers.generator.betas=[0.5,1.0]", ("betas", "less than 1")),
    ("optimizers.critic.lr=1", ("unknown name 'critic'", "discriminator")),
    ("networks.generatr.end=tanh", ("unknown name 'generatr'", "did you mean 'generator'")),
    ("networks.generator.widths=[8, 0]", ("widths", "greater than 0")),
    ("networks.generator.end=tan", ("end", "tanh")),
    ("networks.generator=normal", ("network",)),
    ("value_range=[1.0,0.0]", ("value_range", "low < high")),
    ("value_range=[1.0,1.0]", ("value_range", "low < high")),
    ("noise.dim=0", ("noise.dim=0", "all samples equal", "at least 1", "condition=source-image")),
    ("noise=uniform(dim=3, low=1.0, high=1.0)", ("low < high",)),
    ("frozen+=generator", ("'generator' is frozen", "'generator' trains it")),
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
    assert len(message) <= 290
    assert text.split("=")[0].rstrip("+") in message
    for word in words:
        assert word in message, message


def test_a_list_may_be_extended_twice_on_one_line() -> None:
    check_once(["frozen=[]", "frozen+=generator", "frozen+=discriminator", "budget=5m"])


def test_overrides_are_taken_in_the_order_given() -> None:
    recipe = make("tutorial-small", ["objective.penalties+=r1", "objective.penalties.0.weight=5", "objective.penalties+=r2"])
    assert recipe.objective == dataclasses.replace(make("tutorial-small").objective, penalties=(R1(5.0), R2()))  # type: ignore[type-var]
