"""Class by class: is it what was asked for, how much of it is covered, and do kinds found without labels agree with classes?"""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gansmith.cli.tables import show
from gansmith.data import Digits, Mnist
from gansmith.data.modality import to_saved
from gansmith.evaluation.evaluate import evaluate
from gansmith.evaluation.metrics import neighbours
from gansmith.evaluation.metrics.per_class import PerClass, agreement, compute_per_class, per_class_result
from gansmith.evaluation.metrics.scores import Labelled
from gansmith.evaluation.results import Evaluation, class_columns
from gansmith.report import page
from gansmith.runs.run import Run
from gansmith.training.loop import train
from support import quick

BLOBS = torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]])


def blobs(seed: int, num: int = 90) -> Labelled:
    classes = torch.arange(num) % 3
    noise = torch.from_numpy(np.random.default_rng(seed).standard_normal((num, 2)))
    return Labelled(BLOBS[classes] + noise, classes)


def test_coverage_alone_is_coverage() -> None:
    real, fake = blobs(0).rows, blobs(1).rows + 0.5
    assert neighbours.coverage(real, fake) == neighbours.prdc(real, fake).coverage > 0.3
    assert neighbours.coverage(real, fake[:0]) == 0.0
    assert np.isnan(neighbours.coverage(real[:5], fake))


def test_a_class_is_covered_by_what_was_asked_to_be_of_it() -> None:
    real, fake = blobs(0), blobs(1)
    found = compute_per_class(real, fake)
    for c in range(3):
        assert found.coverage[c] == neighbours.coverage(real.rows[real.classes == c], fake.rows[fake.classes == c])
    assert found.accuracy is None
    crossed = Labelled(fake.rows, torch.tensor([1, 0, 2])[fake.classes])  # asked for one, made the other
    assert compute_per_class(real, crossed).coverage.tolist() == [0.0, 0.0, found.coverage[2].item()]
    alike = Labelled(BLOBS[fake.classes].double(), fake.classes)  # each class a single point
    assert compute_per_class(real, alike).values()["class_coverage"] < 0.6 * found.values()["class_coverage"]


def test_the_asked_class_is_right_where_the_classifier_says_so() -> None:
    real, fake = blobs(0, 36), blobs(1, 6)
    said = torch.eye(3)[torch.tensor([0, 1, 2, 0, 2, 2])]
    found = compute_per_class(real, fake, said, fake.classes)
    assert found.accuracy is not None
    assert found.accuracy.tolist() == [1.0, 0.5, 1.0]
    row = per_class_result(
        [found, dataclasses.replace(found, accuracy=torch.tensor([0.0, 0.5, torch.nan]))], None, ("a", "b", "c")
    )
    assert row.accuracy == (0.5, 0.5, None)
    assert row.coverage_floor is None
    assert [title for title, _ in class_columns(row)] == ["accuracy", "coverage"]


def test_what_is_kept_of_it_comes_back() -> None:
    found = PerClass(torch.tensor([0.5, torch.nan]), None)
    again = PerClass.from_tensors(found.tensors())
    assert again is not None
    assert again.values() == found.values() == {"class_coverage": 0.5, "worst_class_coverage": 0.5}
    assert PerClass.from_tensors({}) is None


def test_agreement_is_the_best_of_all_matchings() -> None:
    draw = np.random.default_rng(0)
    categories, said = draw.integers(0, 4, 200), torch.from_numpy(draw.random((200, 4)))
    value, matched = agreement(categories, said)
    classes = said.argmax(1).numpy()
    every = {m: float((np.array(m)[categories] == classes).mean()) for m in itertools.permutations(range(4))}
    assert value == max(every.values()) == every[matched]  # type: ignore[index]
    shuffled = np.array([2, 0, 3, 1])
    assert agreement(categories, torch.eye(4)[torch.from_numpy(shuffled[categories])]) == (1.0, (2, 0, 3, 1))
    assert agreement(categories[:50] * 0, torch.eye(4)[:1].expand(50, 4))[0] == 1.0


def test_real_test_images_get_the_floor_in_each_class(tmp_path: Path) -> None:
    test = Digits().load("test")
    np.savez(tmp_path / "real.npz", images=to_saved(test.values), labels=test.labels)
    found = evaluate(tmp_path / "real.npz", "digits")
    of_classes = found.of_classes
    assert of_classes is not None
    assert of_classes.names == tuple("0123456789")
    assert of_classes.coverage == of_classes.coverage_floor
    known = [value for value in of_classes.coverage if value is not None]
    assert found.scores["class_coverage"].value == found.scores["class_coverage"].floor == pytest.approx(np.mean(known))
    assert found.scores["worst_class_coverage"].value == min(known)
    again = Evaluation.from_json(json.loads(json.dumps(found.to_json())))
    assert again.of_classes == of_classes


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return train(quick("condition=labels", budget="640images"), tmp_path_factory.mktemp("within") / "run", device="cpu")


def test_a_run_that_is_told_labels_is_measured_by_class(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluate(run, count=300, draws=2)
    assert {"class_fd", "gan_test", "class_coverage"} <= found.scores.keys()  # pixels know no classes: no accuracy
    coverage = found.scores["class_coverage"]
    assert coverage.low is not None
    assert coverage.floor is not None
    assert coverage.value < coverage.floor
    show(found)
    said = capsys.readouterr().out
    assert "coverage, real" in said
    html = page.page(run, found)
    assert 'id="of-classes"' in html
    assert 'data-label="coverage, real"' in html
    digits = Digits().load()  # other data, of whose classes nobody asked for any
    np.savez(tmp_path / "other.npz", images=255 - to_saved(digits.values), labels=digits.labels)
    assert "class_fd" not in evaluate(run, str(tmp_path / "other.npz"), count=300, draws=1).scores


def test_a_run_that_is_told_nothing_of_labels_is_not(tmp_path: Path) -> None:
    made = train(quick("condition=clusters(num=4)", budget="64images"), tmp_path / "run", device="cpu")
    found = evaluate(made, count=300, draws=1)
    assert not {"class_fd", "class_coverage", "kind_agreement", "class_accuracy"} & found.scores.keys()


@pytest.mark.parametrize(("condition", "own"), [("labels", "class_accuracy"), ("codes(num=10)", "kind_agreement")])
def test_on_mnist_the_classifier_says_whether_the_asked_class_is_right(
    condition: str, own: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of what hardly learned anything: the numbers are there, and low."""
    overrides = (f"condition={condition}", "pictures.count=1")
    recipe = dataclasses.replace(quick(*overrides, budget="64images"), data=Mnist())
    found = evaluate(train(recipe, tmp_path / "run", device="cpu"), count=200, draws=2)
    score = found.scores[own]
    assert 0.05 <= score.value <= 0.6
    assert found.scores["class_coverage"].value < 0.2
    assert (found.matched is None) == (condition == "labels")
    show(found)
    said = capsys.readouterr().out
    if found.matched:
        assert sorted(found.matched) == list("0123456789")
        assert "categories matched with classes" in said
    else:
        assert score.floor is not None
        assert score.floor > 0.98
        assert found.of_classes is not None
        assert found.of_classes.accuracy is not None
        assert "accuracy" in said
