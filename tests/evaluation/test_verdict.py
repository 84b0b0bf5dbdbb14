"""The verdict on digits that were spoiled in known ways, none of which it has a rule of its own for; and on untouched ones."""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from gansmith.evaluation.diagnostics import DiagnosticSet, diagnostics
from gansmith.evaluation.diagnostics.arrangement import changes
from gansmith.evaluation.evaluate import evaluate
from gansmith.evaluation.metrics import scores as metrics
from gansmith.evaluation.metrics.scores import Moments
from gansmith.evaluation.results import ABOUT, SHARES, within_range
from gansmith.evaluation.verdict import _ADVICE, verdict
from gansmith.evaluation.verdict.complaints import all_complaints, share_below, unexplained
from gansmith.evaluation.verdict.facts import Complaint, Facts, Topic, describe_box, share_of_samples

NUM = 300


@dataclass(frozen=True)
class World:
    """Digits in three parts of `NUM` that share no image, twice their size, and a classifier that knows the reference."""

    real: np.ndarray
    held_out: np.ndarray
    fresh: np.ndarray
    classifier: LogisticRegression

    def see(self, images: np.ndarray) -> DiagnosticSet:
        rows = images.reshape(len(images), -1) / 255
        probabilities = torch.from_numpy(self.classifier.predict_proba(rows))
        return DiagnosticSet(torch.from_numpy(rows).float(), probabilities, torch.from_numpy(np.ascontiguousarray(images)))


@cache
def world() -> World:
    from gansmith.data import Digits

    parts = [Digits().load(split) for split in ("train", "test")]
    images, labels = (np.concatenate(rows) for rows in zip(*((part.values, part.labels) for part in parts), strict=True))
    images = images.repeat(2, 2).repeat(2, 3)
    images = ndimage.uniform_filter(images.astype(float), (1, 1, 2, 2)).round().astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(images))[: 3 * NUM]
    real, held_out, fresh = order[2 * NUM :], order[:NUM], order[NUM : 2 * NUM]
    classifier = LogisticRegression(C=0.1, max_iter=500).fit(images[real].reshape(len(real), -1) / 255, labels[real])
    return World(images[real], images[held_out], images[fresh], classifier)


@cache
def reference_set(count: int) -> tuple[DiagnosticSet, DiagnosticSet, dict[str, float], Tensor]:
    """The floor is of as many held-out images as there are samples."""
    real, held_out = world().see(world().real), world().see(world().held_out)
    return real, held_out, *scored(held_out.part(count), real)


def scored(side: DiagnosticSet, real: DiagnosticSet, held_distances: Tensor | None = None) -> tuple[dict[str, float], Tensor]:
    distances = metrics.nearest(side.features, real.features)[0][:, 0]
    manifold = metrics.prdc(real.features, side.features)._asdict()
    copied = metrics.near_copies(distances, distances if held_distances is None else held_distances)
    return {
        "fd": metrics.frechet_distance(Moments.of(real.features), Moments.of(side.features)),
        **manifold,
        "near_copies": copied,
    }, distances


def evaluated(images: np.ndarray) -> dict[str, Any]:
    """What the verdict reads of an evaluation of these images [N, 1, 16, 16], through JSON."""
    return json.loads(as_json(np.ascontiguousarray(images).tobytes()))  # type: ignore[no-any-return]


@cache
def as_json(pixels: bytes) -> str:
    images = np.frombuffer(pixels, np.uint8).reshape(-1, *world().real.shape[1:]).copy()
    real, held_out, floor, held_distances = reference_set(min(NUM, len(images)))
    fake = world().see(images)
    scores, distances = scored(fake, real, held_distances)
    at = torch.tensor([0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 1], dtype=torch.float64)
    shares = {
        name: metrics.class_shares(side.probabilities.argmax(1), 10).tolist()
        for name, side in (("real", real), ("fake", fake), ("floor", held_out))
        if side.probabilities is not None
    }
    facts = {
        "kind": "file",
        "num_fake": len(images),
        "data": {"label": "digits"},
        "scores": {key: {"value": value, "floor": floor[key]} for key, value in scores.items()},
        "classes": {"names": [str(i) for i in range(10)], **shares},
        "memorisation": {
            "quantiles": at.tolist(),
            "fake_distances": distances.quantile(at).tolist(),
            "held_out_distances": held_distances.quantile(at).tolist(),
        },
        "diagnostics": diagnostics(fake, held_out, real),
    }
    return json.dumps(facts, allow_nan=False)


def complaints(evaluation: Mapping[str, Any]) -> list[Complaint]:
    """All that is wrong, the gravest first, without what a graver complaint explains."""
    return unexplained(all_complaints(Facts(evaluation)))


def generator() -> np.random.Generator:
    return np.random.default_rng(1)


def shuffled(images: np.ndarray) -> np.ndarray:
    flat = images.reshape(len(images), -1)
    return generator().permuted(flat, axis=1).reshape(images.shape)


def noisy(images: np.ndarray, sd: float) -> np.ndarray:
    return np.clip(images + generator().normal(0, sd, images.shape), 0, 255).astype(np.uint8)


def blurred(images: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(images.astype(float), (0, 0, 1, 1)).astype(np.uint8)


def half(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.concatenate([images[: NUM // 2], others[NUM // 2 :]])


def only(digit: int) -> np.ndarray:
    images = world().fresh
    said = world().classifier.predict(images.reshape(len(images), -1) / 255)
    return images[said == digit]


def stamped(images: np.ndarray) -> np.ndarray:
    images = images.copy()
    images[:, :, :4, :4] = 255
    return images


SPOILED: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "pixels shuffled": (shuffled, "as if pixels were shuffled"),
    "half of them noise": (lambda x: half(x, generator().integers(0, 256, x.shape).astype(np.uint8)), "half.* no structure"),
    "one class": (lambda x: only(3), "Only one class.* 3"),
    "the training set": (lambda x: world().real[:NUM], "All samples are copies of training images"),
    "blurred": (blurred, "blurred"),
    "inverted": (lambda x: 255 - x, "negatives"),
    "upside down": (lambda x: x[:, :, ::-1], "upside down"),
    "half mirrored": (lambda x: half(x, x[..., ::-1]), "About 50 % .* mirrored"),
    "moved": (lambda x: np.roll(x, 3, 3), "moved 3 px to the right, what leaves"),
    "one image": (lambda x: x[:1].repeat(NUM, 0), "over and over.* 1 different picture"),
    "ten images": (lambda x: x[:10].repeat(NUM // 10, 0), "over and over"),
    "noisy": (lambda x: noisy(x, 25), "noise"),
    "dark": (lambda x: x // 2, "darker"),
    "black": (lambda x: np.zeros_like(x), "All samples are empty"),
    "black and white": (lambda x: np.where(x > 127, 255, 0).astype(np.uint8), "black and white"),
    "stamped": (stamped, "same place, in the upper left corner"),
}


LATER = {"noisy": 1, "dark": 1, "black and white": 2}  # the place of a fault whose consequences weigh more than itself


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_wrong_is_named_in_its_place(name: str) -> None:
    spoil, expected = SPOILED[name]
    said = [c.text for c in complaints(evaluated(spoil(world().fresh)))]
    assert next((i for i, text in enumerate(said) if re.search(expected, text)), None) == LATER.get(name, 0), said


def test_real_images_are_not_complained_of() -> None:
    for images in (world().fresh, world().held_out, world().fresh[:150]):
        said = verdict(evaluated(images))
        assert [s.text for s in said if not s.good] == []
        assert len(said) >= 5, "and it is said what is good about them"
    praise = " ".join(s.text for s in verdict(evaluated(world().fresh)))
    assert "The samples look like real images" in praise
    assert "No training images are copied" in praise


def test_a_verdict_ends_with_what_to_try_and_each_sentence_rests_on_numbers_that_are_there() -> None:
    facts = evaluated(noisy(world().fresh, 60))
    said = verdict(facts)
    assert said[-1].text.startswith("Try: ")
    assert "gansmith data show digits" in said[-1].text
    assert said == verdict(json.loads(json.dumps(facts))), "a stored evaluation says the same"
    for sentence in said:
        assert sentence.source
        for path in sentence.source:
            found: Any = facts["scores"].get(path, facts)
            for word in path.split(".") if found is facts else ():
                found = found[word]
            assert found is not None, path


def test_what_is_complained_of_is_not_praised() -> None:
    for spoiled in (np.repeat(world().fresh[:1], NUM, 0), noisy(world().fresh, 60), only(3), world().real[:NUM]):
        said = verdict(evaluated(spoiled))
        praised = " ".join(s.text for s in said if s.good)
        assert "On the whole" not in praised
    said_of_copies = " ".join(s.text for s in verdict(evaluated(world().real[:NUM])) if s.good)
    assert "No training images are copied" not in said_of_copies
    assert "The samples look like real" not in said_of_copies


def test_the_gravest_comes_first_and_what_it_explains_is_left_out() -> None:
    said = complaints(evaluated(np.zeros_like(world().fresh)))
    assert said[0].topic == "empty"
    assert not {"brightness", "classes", "sharpness", "repeats"} & {c.topic for c in said}
    weights = [c.weight for c in complaints(evaluated(noisy(world().fresh, 60)))]
    assert weights == sorted(weights, reverse=True)


def test_an_evaluation_without_images_or_classes_has_a_verdict_too() -> None:
    facts = evaluated(world().real[:NUM])
    facts["classes"] = None
    for part in ("statistics", "places", "grid", "arrangement", "repeats", "certainty"):
        del facts["diagnostics"][part]
    assert any("copies of training images" in s.text for s in verdict(facts))
    assert verdict({"scores": {}})


def test_a_complaint_of_realism_says_the_number_that_is_worse_than_real_ones() -> None:
    """Wide balls of a few stray real images can make precision better than its floor while samples lie far from all of them."""
    precision = {"precision": {"value": 0.97, "floor": 0.88}}
    found = complaints({"scores": precision, "diagnostics": {"manifold": {"far": 0.48, "near_median": 2.0}}, "num_fake": 1000})
    (said,) = [c.text for c in found if c.topic == "realism"]
    assert said.startswith("About half of the samples (48 %) are farther from every real image than 99 %")


def test_a_class_that_is_asked_for_and_not_given() -> None:
    facts = evaluated(world().fresh)
    facts["scores"]["class_accuracy"] = {"value": 0.1, "floor": 0.95}
    assert any(s.text.startswith("10 % of the samples show the requested class") for s in verdict(facts))


def test_points_are_diagnosed_by_their_features_alone() -> None:
    ring = [torch.from_numpy(np.random.default_rng(i).normal(size=(200, 2))) for i in range(3)]
    found = diagnostics(*(DiagnosticSet(points) for points in ring))
    assert set(found) == {"num", "num_real", "manifold", "variety"}
    assert found["manifold"]["far"] < 0.1
    collapsed = diagnostics(DiagnosticSet(ring[0][:1].repeat(200, 1)), DiagnosticSet(ring[1]), DiagnosticSet(ring[2]))
    assert collapsed["variety"]["groups"] == 1
    assert collapsed["variety"]["near_duplicates"] == 1


@pytest.mark.parametrize("change", [0.0, 0.5, 1.0])
def test_no_sentence_calls_points_images(change: float, tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(size=(900, 3)).astype(np.float32)
    np.savez(tmp_path / "images.npz", points=points[:600])
    found = evaluate(points[600:] * (1 - change) + change, data=str(tmp_path / "images.npz"))
    told = [s.text for s in found.verdict] + [score.about for score in found.scores.values()]
    assert not [text for text in told if "image" in text.replace("images.npz", "") or "different picture" in text]


@pytest.mark.parametrize("key", ABOUT)
def test_an_interval_stays_where_its_score_can_be(key: str) -> None:
    low, high = within_range(key, -0.5, 1.5)
    assert (low, high) == (-0.5 if key == "kid" else 0.0, 1.0 if key in SHARES else 1.5)
    assert within_range(key, 0.25, 0.75) == (0.25, 0.75)
    assert key in SHARES or not ABOUT[key][2].startswith(("share", "accuracy", "coverage"))


def test_images_too_small_for_edges_are_diagnosed_without() -> None:
    tiny = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (60, 1, 2, 2)).astype(np.uint8))
    sides = [DiagnosticSet(part.flatten(1).float(), None, part) for part in tiny.split(20)]
    assert "statistics" not in diagnostics(*sides)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_change_gives_images_of_the_same_shape(channels: int) -> None:
    statistics = {name: {"fake": 0.7, "real": 0.5} for name in ("right", "down", "size")}
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, channels, 10, 10)).astype(np.uint8))
    found = changes(statistics, images.shape)
    assert {"mirrored", "moved 2 px to the right and 2 px down", "enlarged to 140 %"} <= set(found)
    assert ("red and blue swapped" in found) == (channels >= 3)
    for name, change in found.items():
        assert change(images).shape == images.shape, name
    moved = found["moved 2 px to the right and 2 px down"](images)
    assert torch.equal(moved[:, :, 2:, 2:], images[:, :, :-2, :-2])


def test_swapped_colours_are_named() -> None:
    colours = np.random.default_rng(0).normal([180, 100, 60], 20, (300, 1, 1, 3)).transpose(0, 3, 1, 2)
    images = np.clip(colours + np.random.default_rng(1).normal(0, 15, (300, 3, 8, 8)), 0, 255).astype(np.uint8)
    parts = [torch.from_numpy(part) for part in np.split(images, 3)]
    parts[0] = parts[0].flip(1)
    found = diagnostics(*(DiagnosticSet(part.flatten(1).float(), None, part) for part in parts))
    assert found["arrangement"]["change"] == "red and blue swapped"
    assert found["statistics"]["red"]["shift"] < -0.9


def test_how_things_are_said() -> None:
    assert share_of_samples(1.0) == "All samples"
    assert share_of_samples(0.5) == "About half of the samples (50 %)"
    assert share_of_samples(0.031) == "3.1 % of the samples"
    assert describe_box([0, 0, 0.3, 0.3]).startswith("in the upper left corner")
    assert describe_box([0.3, 0.3, 0.7, 0.7]).startswith("in the middle")
    assert describe_box([0.36, 0.86, 0.5, 0.93]).startswith("in the lower part")


def test_the_share_of_copies_is_read_off_the_quantiles() -> None:
    quantiles, held_out = [0, 0.01, 0.5, 1], [3, 4, 8, 10]
    for fake, share in (([0, 0, 4, 9], 0.01 + 0.49 / 2), ([3, 4, 8, 10], 0.0), ([0, 0, 0, 1], 1.0)):
        memorisation = {"quantiles": quantiles, "fake_distances": fake, "held_out_distances": held_out}
        assert share_below(Facts({"memorisation": memorisation}), 0.5) == pytest.approx(share)


def test_there_is_advice_on_every_topic() -> None:
    categories = typing.get_args(Topic)
    topics = {topic for modality in categories for topic in (typing.get_args(modality) or (modality,))}
    assert topics == {topic for entry in _ADVICE for topic in entry.topics}


@pytest.mark.parametrize(("num_fake", "num_real"), [(100, 60), (100, 130), (1000, 130)])
def test_real_images_get_no_complaint_however_few_there_are(num_fake: int, num_real: int) -> None:
    """Of few images statistics differ by chance, and the first ones of a file that is sorted by class are of one class."""
    from gansmith.data import Digits

    images = Digits().load()
    assert images.labels is not None
    for seed in range(6):
        order = np.random.default_rng(seed).permutation(len(images))
        ends = np.cumsum([num_fake, num_real, num_real])
        parts = [part[np.argsort(images.labels[part], kind="stable")] for part in np.split(order[: ends[-1]], ends[:-1])]
        sides = [torch.from_numpy(images.values[rows]) for rows in parts]
        found = diagnostics(*(DiagnosticSet(side.float().flatten(1), None, side) for side in sides))
        assert [c.text for c in all_complaints(Facts({"diagnostics": found, "scores": {}, "num_fake": num_fake}))] == []


@pytest.mark.parametrize("kind", ["images", "points"])
def test_samples_like_real_ones_that_are_all_equal_are_no_twins_and_no_copies(kind: str, tmp_path: Path) -> None:
    one = world().real[:1].transpose(0, 2, 3, 1) if kind == "images" else np.ones((1, 2), np.float32)
    np.savez(tmp_path / "real.npz", **{kind: one.repeat(600, 0)})
    texts = [said.text for said in evaluate(one.repeat(200, 0), str(tmp_path / "real.npz"), extractor=EQUAL[kind]).verdict]
    assert not [text for text in texts if re.search("twin|repeat each other|cop(y|ies)", text)]
    assert any(text.startswith("No problems found") for text in texts)
    assert not [text for text in texts if "are copied" in text]  # nothing can be said of that


EQUAL = {"images": "pixels", "points": None}  # the extractor
