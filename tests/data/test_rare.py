"""Rare classes: which images stay, how often they are read, what is refused, and the recipe that makes more of them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from gansmith.core.component import component, to_json
from gansmith.core.errors import DataError
from gansmith.data import (
    Arrays,
    Balanced,
    Digits,
    FashionMnist,
    Rare,
    Ring,
    Samples,
    Split,
    display_name,
    num_classes,
    sample_shape,
    train_shape,
)
from gansmith.evaluation.evaluate import evaluate
from gansmith.evaluation.extractors import find_extractor, own_of
from gansmith.recipes import make
from gansmith.sampling.conditions import Labels
from gansmith.training.loop import train
from support import quick, trainer


def counts(source: object, split: str = "train") -> list[int]:
    labels = source.load(split).labels  # type: ignore[attr-defined]
    return np.bincount(labels).tolist()  # type: ignore[no-any-return]


def test_rare_classes_keep_a_share_and_the_others_all() -> None:
    whole = counts(Digits())
    some = counts(Rare(Digits(), classes=(3, 7), share=0.1))
    assert [some[k] for k in (3, 7)] == [round(0.1 * whole[k]) for k in (3, 7)]
    assert [n for k, n in enumerate(some) if k not in (3, 7)] == [n for k, n in enumerate(whole) if k not in (3, 7)]
    assert counts(Rare(Digits(), classes=(3, 7), share=0.1), "test") == counts(Digits(), "test")


def test_what_stays_is_of_the_data_in_their_order_and_drawn_by_the_seed() -> None:
    rows = {image.tobytes(): i for i, image in enumerate(Digits().load().values)}

    def kept(seed: int, share: float = 0.1) -> list[int]:
        samples = Rare(Digits(), classes=(3,), share=share, seed=seed).load()
        return [rows[image.tobytes()] for image in samples.values]

    assert kept(0) == kept(0) == sorted(kept(0))
    assert kept(0) != kept(1)
    assert set(kept(0)) < set(kept(0, share=0.2))  # fewer are among more


def test_balanced_classes_are_repeated_evenly_and_never_cut() -> None:
    rare = Rare(Digits(), classes=(3, 7), share=0.1)
    before, after = counts(rare), counts(Balanced(rare, least=0.5))
    assert after == [max(n, round(0.5 * max(before))) for n in before]
    samples = Balanced(rare, least=0.5).load()
    assert samples.labels is not None
    images, times = np.unique(samples.values[samples.labels == 3].reshape(after[3], -1), axis=0, return_counts=True)
    assert len(images) == before[3]
    assert times.max() - times.min() <= 1
    assert counts(Balanced(rare), "test") == counts(Digits(), "test")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (Rare(Digits(), classes=(12,)), "the data have no class 12: choose data.classes from 0, 1, 2"),
        (Rare(Digits(), classes=(3,), share=0.001), "of class 3, expected at least 2: choose a larger data.share"),
        (Rare(Arrays("x.npy")), "rare: the data have no labels"),
        (Balanced(Arrays("x.npy")), "balanced: the data have no labels"),
        (Balanced(Arrays("one.npz")), "balanced: class 1 has a single image"),
    ],
)
def test_what_can_not_be_is_refused_in_one_line(source: object, words: str, here: Path) -> None:
    np.save("x.npy", np.zeros((5, 8, 8), np.uint8))
    np.savez("one.npz", images=np.zeros((5, 8, 8), np.uint8), labels=np.array([0, 0, 0, 0, 1]))
    with pytest.raises(DataError, match=re.escape(words)) as refused:
        source.load()  # type: ignore[attr-defined]
    assert "\n" not in str(refused.value)


def test_the_recipe_tells_both_players_the_class_and_reads_rare_ones_often() -> None:
    recipe = make("augment", ["data=rare(of=digits, share=0.1)"])
    assert recipe.condition == Labels()
    assert recipe.data == Balanced(Rare(Digits(), share=0.1))
    game = trainer(recipe)
    assert game.step().images == 16  # few images go in small batches
    assert game.shapes.categories == 10
    assert min(game.inputs.shares) > 0.04
    assert make("augment", ["data=rare(of=digits, share=0.1)", "least=0.2"]).data == Balanced(Rare(Digits(), share=0.1), 0.2)


def test_a_runs_scores_hold_against_each_image_once(tmp_path: Path) -> None:
    """An image that stands there fifty times is its own five nearest neighbours: nothing but itself would be near it."""
    rare = Rare(Digits(), classes=(3, 7), share=0.2)
    recipe = dataclasses.replace(quick("condition=labels", budget="128images"), data=Balanced(rare))
    run = train(recipe, tmp_path / "run", device="cpu")
    found = evaluate(run, count=300, draws=1)
    num = len(rare.load())
    assert found.data["num_real"] == num - num // 6
    assert found.data["spec"] == to_json(rare)
    assert {"class_fd", "class_coverage"} <= found.scores.keys()  # it is asked for its classes there
    assert (found.scores["worst_class_coverage"].floor or 0.0) > 0.0
    assert to_json(run.recipe.data) == to_json(Balanced(rare))


def test_what_is_made_of_a_data_set_is_looked_at_and_called_as_that_is(here: Path) -> None:
    for source in (Rare(), Balanced(Rare()), Balanced(FashionMnist())):
        assert own_of(source, (1, 28, 28)) == "lenet-fashion"
        assert sample_shape(source) == (1, 28, 28)
        assert num_classes(source) == 10
    assert display_name(Balanced(Rare())) == "rare"  # so that runs on two folders go into two
    assert display_name(Balanced(Arrays("some/cats.npz"))) == "cats.npz"
    assert find_extractor("points", Balanced(Ring(num=200)), (2,)).classes is not None


def test_data_without_labels_are_refused(here: Path) -> None:
    np.save("x.npy", np.zeros((5, 8, 8), np.uint8))
    with pytest.raises(DataError, match="balanced: the data have no labels"):
        make("augment", data="x.npy")


def test_points_have_classes_too() -> None:
    assert make("augment", data="ring").condition == Labels()
    assert trainer(make("augment", ["data=ring(num=200)"])).shapes.categories == 8
    assert counts(Ring(num=100))


@component
class KnownDigits:
    """The digits, with counts that are known before they are loaded."""

    size: int | None = None

    @property
    def train_shape(self) -> tuple[int, ...]:
        return (len(Digits().load()), 1, 8, 8)

    def class_counts(self) -> tuple[int, ...]:
        return tuple(counts(Digits()))

    def load(self, split: Split = "train") -> Samples:
        return Digits().load(split)


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_known_counts_are_those_that_are_loaded(share: float) -> None:
    rare = Rare(KnownDigits(), classes=(3, 7), share=share)
    for source in (rare, Balanced(rare, 0.5), Balanced(rare, 1.0), Balanced(KnownDigits(), 0.9)):
        assert source.class_counts() == tuple(counts(source))
        assert train_shape(source) == source.load().values.shape
    assert Rare(Digits()).class_counts() is None
    assert Rare(KnownDigits(), classes=(12,)).class_counts() is None
    assert Rare(KnownDigits(), share=1e-6).class_counts() is None
