"""Attributes of samples and the ways that change them, on marks whose truth is known and a generator that is written by hand."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from gansmith.core.component import component
from gansmith.core.errors import DataError
from gansmith.data import Arrays, Attribute, Digits, Samples, Split, splits
from gansmith.data.modality import Images
from gansmith.evaluation.attributes import classifier, directions
from gansmith.evaluation.attributes import shares as shares_module
from gansmith.sampling.gallery import Gallery
from gansmith.sampling.inputs import GeneratorInput, Inputs
from gansmith.sampling.noise import Normal
from gansmith.sampling.sampler import Sampler
from gansmith.training.loop import train
from support import Answer, assert_refused, quick

NAMES = ("no", "yes")
Cli = Callable[..., Answer]


@component
class Marks:
    """Grey 8 x 8 images whose upper and lower half are bright or dark: the lower one for three in ten."""

    def load(self, split: Split = "train") -> Samples:
        draw = np.random.default_rng(int(split == "test"))
        number = draw.permutation(600)
        halves = np.stack([number % 2, number // 2 % 10 < 3], 1).astype(np.int64)
        values = np.repeat(np.repeat(halves * 160 + 40, 4, axis=1)[:, None, :, None], 8, axis=3)
        values = values + draw.integers(-20, 20, values.shape)
        known = {name: Attribute(halves[:, i].copy(), NAMES) for i, name in enumerate(("upper", "lower"))}
        return Samples(values.astype(np.uint8), attributes=known)


class ByHand(nn.Module):
    """The upper half is bright where z_0 > 0, the lower one where z_1 - z_2 > 0; what it is told adds to z_1."""

    def forward(self, z: Tensor, condition: Tensor | None = None) -> Tensor:
        lower = z[:, 1] - z[:, 2] + (0 if condition is None else 3 * (condition[:, 1] - condition[:, 0]))
        halves = torch.tanh(20 * torch.stack([z[:, 0], lower], 1)) * 0.6
        return halves.repeat_interleave(4, 1)[:, None, :, None].expand(-1, 1, 8, 8).contiguous()


def by_hand(shares: tuple[float, ...] = ()) -> Any:
    """What stands for a run of it."""
    inputs, module, modality = Inputs(Normal(3), shares), ByHand(), Images()

    sampler = Sampler(module, inputs, modality, (1, 8, 8))

    def sample(seed: int, count: int, first: int = 0) -> Gallery:
        return Gallery(sampler.sample(seed, count, first), modality)

    recipe = SimpleNamespace(data=Marks(), name="by-hand")
    return SimpleNamespace(
        data=recipe.data,
        recipe=recipe,
        inputs=inputs,
        module=module,
        modality=modality,
        sampler=sampler,
        sample=sample,
        path="by-hand",
        images=0,
    )


@pytest.fixture(autouse=True)
def _a_classifier_of_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(classifier, "IMAGES", 6400)
    monkeypatch.setattr(directions, "COUNT", 1500)


# ---------------------------------------------------------------------------------------------------- shares


def test_the_correction_finds_the_shares_that_were_confused() -> None:
    draw = np.random.default_rng(0)
    for num in (2, 3, 7):
        truth = draw.dirichlet(np.ones(num))
        confusion = 0.8 * np.eye(num) + 0.2 * draw.dirichlet(np.ones(num), num)
        assert np.abs(shares_module.corrected(truth @ confusion, confusion) - truth).max() < 1e-3
    sure = np.array([0.2, 0.0, 0.8])
    assert shares_module.corrected(sure, np.eye(3)) == pytest.approx(sure, abs=1e-9)


def test_confusion_is_counted_by_row() -> None:
    found = shares_module.confusion_of(np.array([0, 0, 0, 0, 1]), np.array([0, 0, 0, 1, 1]), 3)
    assert found.tolist() == [[0.75, 0.25, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]


def test_distance_is_total_variation() -> None:
    assert shares_module.distance(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1.0
    assert shares_module.distance(np.array([0.5, 0.5]), np.array([0.3, 0.7])) == pytest.approx(0.2)


def test_shares_of_samples_are_held_against_the_truth() -> None:
    upper, lower = shares_module.measure_shares(by_hand(), 2000)
    assert (upper.name, lower.name) == ("upper", "lower")
    assert upper.accuracy == lower.accuracy == 1.0
    assert upper.distance < 0.05
    assert lower.made[1] == pytest.approx(0.5, abs=0.04)
    assert lower.real[1] == pytest.approx(0.3)
    assert lower.distance == pytest.approx(lower.made[1] - lower.real[1], abs=1e-6)
    assert lower.low < lower.distance < lower.high < lower.low + 0.1
    assert upper.floor < 0.08
    assert upper.judged == pytest.approx(upper.made)


def test_the_errors_of_a_classifier_are_corrected() -> None:
    """It says yes of one no in four; samples of which 30 % are yes look like 47.5 %."""
    truth = np.array([0, 0, 0, 0, 1] * 200)
    said = np.array([1, 0, 0, 0, 1] * 200)
    judge = classifier.AttributeClassifier(
        nn.Identity(), {"a": Attribute(truth, NAMES)}, {"a": Attribute(truth, NAMES)}, {"a": said}
    )
    (found,) = shares_module.compare_shares(judge, {"a": np.array([1] * 475 + [0] * 525)})
    assert found.made == pytest.approx((0.7, 0.3), abs=1e-6)
    assert found.judged_distance == pytest.approx(0.275)
    assert found.distance == pytest.approx(0.1)
    assert found.accuracy == 0.8
    assert found.floor == pytest.approx(0.0, abs=1e-6)


def test_labels_are_an_attribute_where_there_is_no_other() -> None:
    found = classifier.attributes_of(Digits().load(), "digits")
    assert list(found) == ["class"]
    assert found["class"].names == tuple("0123456789")
    with pytest.raises(DataError, match="neither attributes nor labels"):
        classifier.attributes_of(Samples(np.zeros((3, 1, 8, 8), np.uint8)), "blank")


def test_a_classifier_is_kept_and_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = classifier.load_classifier(Marks())
    monkeypatch.setattr(classifier, "_train", None)
    again = classifier.load_classifier(Marks())
    for one, other in zip(first.network.state_dict().values(), again.network.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_a_label_that_is_in_the_slice_alone_is_one_of_the_classes(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network knew a class fewer than it was asked about."""
    labels = np.arange(900) % 2
    labels[splits.validation_rows(900)[:2]] = 2
    np.savez("some.npz", images=np.random.default_rng(0).integers(0, 255, (900, 8, 8), np.uint8), labels=labels)
    monkeypatch.setattr(classifier, "IMAGES", 128)
    judge = classifier.load_classifier(Arrays("some.npz"))
    assert judge.train["class"].names == judge.held_out["class"].names == ("0", "1", "2")
    assert judge.train["class"].shares[2] == pytest.approx(2 / 900)
    (found,) = shares_module.compare_shares(judge, judge(np.zeros((5, 1, 8, 8), np.uint8)))
    assert len(found.made) == 3


def test_without_a_test_split_the_slice_takes_its_place(here: Path) -> None:
    digits = Digits().load()
    np.savez("own.npz", images=digits.values[:, 0], labels=digits.labels)
    judge = classifier.load_classifier(Arrays("own.npz"))
    assert len(judge.held_out["class"].values) == len(digits) // 6
    assert len(judge.train["class"].values) == len(digits)
    assert judge.accuracy("class") > 0.8


# ---------------------------------------------------------------------------------------------------- directions


def test_what_points_along_with_others_is_taken_out() -> None:
    draw = np.random.default_rng(0)
    way, others = draw.normal(size=6), [draw.normal(size=6) for _ in range(3)]
    rest = directions.orthogonal_part(way, [*others, others[0]])
    assert max(abs(rest @ other) for other in others) < 1e-9
    assert directions.orthogonal_part(rest, others) == pytest.approx(rest)
    assert directions.orthogonal_part(way, []) is way


@pytest.mark.parametrize("shares", [(), (0.5, 0.5)])
def test_the_ways_of_a_generator_by_hand_are_found(shares: tuple[float, ...]) -> None:
    found = {direction.attribute: direction for direction in directions.find_directions(by_hand(shares))}
    assert set(found) == {"upper", "lower"}
    for direction in found.values():
        assert direction.flips > 0.75
        assert direction.stays > 0.97
    upper, lower = (np.abs(found[name].step) for name in ("upper", "lower"))
    assert upper[0] > 5 * upper[1:3].max()
    assert lower[1:].max() > 5 * lower[0]
    sign = 1 if found["upper"].value == "yes" else -1
    assert sign * found["upper"].step[0] > 0


def test_nothing_is_chosen_by_the_samples_that_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """On those where the length is chosen it is best to go to `yes`, on those that are reported to `no`."""

    def outcome(walker: Any, given: GeneratorInput, name: str, value: int, step: np.ndarray) -> tuple[float, float, int]:
        return (0.9 if (given is walker.choice) == (value == 1) else 0.85), 1.0, 100

    monkeypatch.setattr(directions._Walker, "_outcome", outcome)
    found = {direction.attribute: direction for direction in directions.find_directions(by_hand())}
    assert (found["upper"].value, found["upper"].flips) == ("yes", 0.85)


def test_a_picture_has_the_sample_itself_in_its_middle() -> None:
    run = by_hand((0.5, 0.5))
    direction = directions.Direction("upper", "yes", np.array([5.0, 0, 0, 0, 0]), 1.0, 1.0, 1.0, 1)
    rows = directions.picture(run, direction, count=4, columns=5).reshape(4, 5, 8, 8, 1)
    assert np.array_equal(rows[:, 2], run.sample(0, 4).array)
    assert (rows[:, 4, :4] > 128).all()
    assert (rows[:, 0, :4] < 128).all()
    assert np.array_equal(rows[:, 0, 4:], rows[:, 4, 4:])


def test_a_step_moves_what_is_given_and_nothing_else() -> None:
    given = GeneratorInput(np.zeros((2, 3), np.float32), np.ones((2, 2), np.float32))
    there = directions.add_step(given, np.array([1.0, 2, 3, 4, 5]))
    assert there.z.tolist() == [[1, 2, 3]] * 2
    assert there.condition is not None
    assert there.condition.tolist() == [[5, 6]] * 2
    assert given.z.sum() == 0


# ---------------------------------------------------------------------------------------------------- the command line


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "digits"
    train(dataclasses.replace(quick(), condition=None), folder, device="cpu")
    return folder


def test_attributes_of_a_run(run: Path, here: Path, cli: Cli) -> None:
    answer = cli("explore", "attributes", run, "--count", 200, "--json", "new/found.json")
    assert answer.code == 0, answer.err
    assert "class" in answer.out
    (found,) = json.loads(Path("new/found.json").read_text())["attributes"]
    assert found["count"] == 200
    assert sum(found["made"]) == pytest.approx(1)
    assert found["accuracy"] > 0.8
    assert found["floor"] < 0.2 < found["distance"] + 0.2


def test_directions_of_a_run(run: Path, here: Path, cli: Cli) -> None:
    answer = cli("explore", "directions", run, "--out", "ways.png", "--json", "ways.json")
    assert answer.code == 0, answer.err
    assert "flips" in answer.out
    (found,) = json.loads(Path("ways.json").read_text())["directions"]
    assert len(found["step"]) == 32
    with Image.open("ways.png") as picture:
        assert picture.size[0] > 300


def test_what_can_not_be_is_refused(run: Path, here: Path, cli: Cli, tmp_path: Path) -> None:
    assert_refused(cli("explore", "directions", run, "--out", "ways.jpg"), "can't write directions as '.jpg'", "use x.png")
    assert_refused(cli("explore", "attributes", "nowhere"), "nowhere does not exist")
    points = tmp_path / "points"
    train(quick("data=ring(num=300)", "networks.generator.end=linear"), points, device="cpu")
    assert_refused(cli("explore", "attributes", points), "ring has samples of shape [2]", "an attribute classifier needs images")
