"""Scores at the edges of linear algebra: features that depend on each other or do not vary, few rows, large means, duplicates.

Expected values are computed another way: in exact fractions, from the definition, or by moving the same rows to the origin.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gansmith.data.splits import validation_rows
from gansmith.evaluation.attributes import shares
from gansmith.evaluation.diagnostics import DiagnosticSet, diagnostics
from gansmith.evaluation.metrics import scores as metrics
from gansmith.evaluation.metrics.moments import Moments, MomentSum, joined
from gansmith.evaluation.metrics.scores import Labelled
from gansmith.evaluation.verdict import verdict
from support import Answer

COUNT, WIDTH = 120, 8


def normal(count: int = COUNT, width: int = WIDTH, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, width)))


def repeat_columns(rows: Tensor) -> Tensor:
    return rows[:, torch.arange(WIDTH) % 2]


def hold_columns(rows: Tensor) -> Tensor:
    return torch.where(torch.arange(WIDTH) < 3, rows, torch.full_like(rows, 7.0))


SPOILED: dict[str, Callable[[Tensor], Tensor]] = {
    "full rank": lambda rows: rows,
    "features that depend on each other": repeat_columns,
    "features that do not vary": hold_columns,
    "duplicates": lambda rows: rows[torch.arange(len(rows)) % 3],
    "fewer rows than features": lambda rows: rows[:5],
    "two rows": lambda rows: rows[:2],
    "identical rows": lambda rows: rows[:1].repeat(len(rows), 1),
    "tiny": lambda rows: rows * 1e-30,
    "huge": lambda rows: rows * 1e30,
    "columns of different scale": lambda rows: rows * 10.0 ** torch.arange(-4, 4),
}


def frechet(real: Tensor, fake: Tensor) -> float:
    return metrics.frechet_distance(Moments.of(real), Moments.of(fake))


def by_roots(real: Tensor, fake: Tensor) -> float:
    """Heusel et al. 2017, eq. 6, by the symmetric root of C and the eigenvalues of C^(1/2) C' C^(1/2)."""
    a, b = real.numpy().astype(np.longdouble), fake.numpy().astype(np.longdouble)
    means = [rows.mean(0) for rows in (a, b)]
    first, second = ((rows - m).T @ (rows - m) / (len(rows) - 1) for rows, m in zip((a, b), means, strict=True))
    values, vectors = np.linalg.eigh(first.astype(np.float64))
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second.astype(np.float64) @ root), 0)).sum()
    return float(((means[0] - means[1]) ** 2).sum() + np.trace(first) + np.trace(second)) - 2 * float(shared)


# ----------------------------------------------------------------------------------------------------- Frechet distance


@pytest.mark.parametrize("real", SPOILED)
@pytest.mark.parametrize("fake", SPOILED)
def test_frechet_distance_exists_at_any_rank(real: str, fake: str) -> None:
    a, b = SPOILED[real](normal()), SPOILED[fake](normal(seed=1) * 1.3 + 0.2)
    size = float(a.square().sum() + b.square().sum())
    assert frechet(a, b) == pytest.approx(by_roots(a, b), rel=1e-6, abs=1e-9 * size / COUNT)
    assert frechet(a, b) == pytest.approx(frechet(b, a), rel=1e-9, abs=1e-13 * size)


@pytest.mark.parametrize("spoiled", SPOILED)
def test_a_set_is_at_no_distance_from_itself(spoiled: str) -> None:
    """A root of the product of covariances is wrong by 1e-8 of the variance; singular values keep all digits."""
    rows = SPOILED[spoiled](normal())
    assert frechet(rows, rows.flip(0)) <= 1e-13 * float(rows.square().sum())


@pytest.mark.parametrize("ratio", [1e3, 1e6])
@pytest.mark.parametrize("spoiled", ["full rank", "features that depend on each other", "fewer rows than features"])
def test_a_large_mean_costs_no_digits(spoiled: str, ratio: float) -> None:
    """Mean over deviation is `ratio`; the shift is a power of two, so that the rows keep their digits."""
    shift = 2.0 ** round(math.log2(ratio))
    a, b = (torch.round(SPOILED[spoiled](rows) * 2**20) / 2**20 for rows in (normal(), normal(seed=1) * 1.2 + 0.1))
    assert frechet(a + shift, b + shift) == pytest.approx(frechet(a, b), rel=1e-8)
    assert Moments.of(a + shift).variance == pytest.approx(float(a.var(0).sum()), rel=1e-9)


@pytest.mark.parametrize("shift", [0.0, 2.0**20])
def test_moments_of_parts_are_those_of_the_whole(shift: float) -> None:
    rows = normal(5000, 3) + shift
    found = MomentSum()
    for part in torch.split(rows, 700):
        found.add(part)
        found.add(part[:0])
        assert sum(map(len, found._waiting)) < 2 * 1024
        assert all(len(part.factor) <= 3 for part in found._parts), "memory does not grow with the rows"
    for moments in (found.moments, joined([Moments.of(part) for part in torch.split(rows, 13)])):
        assert moments.count == 5000
        assert np.allclose(moments.mean, rows.mean(0), rtol=1e-12)
        assert np.allclose(moments.factor.T @ moments.factor / 4999, np.cov((rows - shift).numpy().T), rtol=1e-6, atol=1e-9)


def test_moments_of_a_mixture() -> None:
    plain, altered = normal(), normal(seed=1) * 2 + 3
    found = joined([Moments.of(plain), Moments.of(altered)], [0.75, 0.25])
    whole = Moments.of(torch.cat([plain, plain, plain, altered]))  # three parts and one
    assert found.count == COUNT
    assert torch.allclose(found.mean, whole.mean)
    assert torch.allclose(found.factor.T @ found.factor * 4, whole.factor.T @ whole.factor)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_rows_have_no_distance_and_harm_no_sum(count: int) -> None:
    rows = normal()
    assert math.isnan(frechet(rows, rows[:count]))
    assert math.isnan(metrics.kernel_distance(rows, rows[:count]).value)
    assert torch.allclose((Moments.of(rows) + Moments.of(rows[:0])).factor, Moments.of(rows).factor)


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_features_that_are_not_finite_have_no_distance(wrong: float) -> None:
    rows = normal()
    spoiled = rows.clone()
    spoiled[3, 1] = wrong
    assert math.isnan(frechet(rows, spoiled))
    assert math.isnan(metrics.frechet_distance(Moments.of(rows), Moments.of(rows) + Moments.of(spoiled)))


# ------------------------------------------------------------------------------------------------------- kernel distance


def exact_discrepancy(real: Tensor, fake: Tensor) -> float:
    """The unbiased MMD of Binkowski et al. 2018 in exact fractions."""

    def kernel(a: list[Fraction], b: list[Fraction]) -> Fraction:
        return (sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0)) / len(a) + 1) ** 3

    x, y = ([[Fraction(value) for value in row] for row in rows.tolist()] for rows in (real, fake))
    n, m = len(x), len(y)
    own = [
        sum(kernel(a, b) for i, a in enumerate(s) for j, b in enumerate(s) if i != j) / (len(s) * (len(s) - 1)) for s in (x, y)
    ]
    return float(own[0] + own[1] - 2 * sum(kernel(a, b) for a in x for b in y) / (n * m))


@pytest.mark.parametrize("shift", [0.0, 10.0, 1e6])
def test_kernel_distance_is_exact_at_any_mean(shift: float) -> None:
    real, fake = normal(12, 3) + shift, normal(12, 3, seed=1) * 1.5 + shift + 0.5
    found = metrics.kernel_distance(real, fake, subsets=1).value
    assert found == pytest.approx(exact_discrepancy(real, fake), rel=1e-8)


def test_kernel_distance_of_a_set_that_does_not_vary_is_nothing() -> None:
    rows = torch.full((50, 4), 1e6, dtype=torch.float64)
    assert metrics.kernel_distance(rows, rows, 3) == (0, 0)


# ------------------------------------------------------------------------------------------- neighbours, classes, the rest


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_identical_images_are_all_precise_and_all_covered(value: float) -> None:
    rows = torch.full((40, 5), value, dtype=torch.float64)
    found = metrics.prdc(rows, rows)
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    assert found.density == 8, "each sample is in all 40 balls, of 5 rows each"
    assert metrics.prdc_without(rows, rows, torch.arange(40) % 10, 10) == [found] * 10
    assert metrics.coverage(rows, rows) == 1
    assert metrics.prdc(rows, rows + 1) == (0, 0, 0, 0)


@pytest.mark.parametrize("spoiled", ["duplicates", "features that do not vary", "tiny", "huge"])
def test_a_copied_set_is_precise_and_covered(spoiled: str) -> None:
    rows = SPOILED[spoiled](normal())
    found = metrics.prdc(rows, rows.flip(0))
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    assert found.density >= 6 / 5
    assert not metrics.nearest(rows, rows)[0].any()


def test_a_classifier_of_one_class_always_predicts_it() -> None:
    one, two = (Labelled(normal(seed=seed), torch.arange(COUNT) % num) for seed, num in ((0, 1), (1, 2)))
    assert metrics.gan_train_test(one, one, one) == (1, 1, 1)
    assert metrics.gan_train_test(one, one, two) == (metrics.gan_train_test(one, one, two).gan_train, 0.5, 1)


def test_shares_without_a_deviation_are_numbers() -> None:
    """An attribute that real images have always, and a value that the classifier never predicts of the held-out ones."""
    confusion = shares.confusion_of(np.array([0, 0, 1]), np.array([0, 0, 0]), 2)
    for predicted in ([1.0, 0.0], [0.0, 1.0], [0.5, 0.5]):
        found = shares.corrected(np.array(predicted), confusion)
        assert np.isfinite(found).all()
        assert found.sum() == pytest.approx(1)
    constant = shares.corrected(np.array([1.0, 0.0]), shares.confusion_of(np.zeros(5, int), np.zeros(5, int), 2))
    assert constant.tolist() == [1, 0]


@pytest.mark.parametrize("spoiled", ["identical", "identical to real", "two pictures", "black"])
def test_diagnostics_and_verdict_of_pictures_without_variety_are_finite(spoiled: str) -> None:
    drawn = np.random.default_rng(0).integers(0, 256, (60, 1, 8, 8)).astype(np.uint8)
    sides = {
        "identical": (drawn[:1].repeat(60, 0), drawn),
        "identical to real": (drawn[:1].repeat(60, 0), drawn[:1].repeat(60, 0)),
        "two pictures": (drawn[np.arange(60) % 2], drawn[np.arange(60) % 2]),
        "black": (np.zeros_like(drawn), np.zeros_like(drawn)),
    }[spoiled]
    fake, real = (DiagnosticSet(torch.from_numpy(s.reshape(60, -1) / 255), None, torch.from_numpy(s)) for s in sides)
    found = json.loads(json.dumps(diagnostics(fake, real, real), allow_nan=False))
    assert verdict({"diagnostics": found, "scores": {}, "kind": "file"})


# --------------------------------------------------------------------------------------------------------- whole evaluations


def bars(generator: np.random.Generator, count: int, width: int = 16) -> np.ndarray:
    """Pictures whose rows are all equal: at most `width` of the features differ."""
    lines = 255 * generator.integers(0, 2, (count, 1, width))
    return np.broadcast_to(lines, (count, width, width)).astype("uint8")


def one_picture(generator: np.random.Generator, count: int) -> np.ndarray:
    return np.broadcast_to(generator.integers(0, 256, (1, 8, 8)), (count, 8, 8)).astype("uint8")


def two_pictures(generator: np.random.Generator, count: int) -> np.ndarray:
    pictures = generator.integers(0, 256, (2, 8, 8)).astype("uint8")
    return pictures[np.arange(count) % 2]


def far_points(generator: np.random.Generator, count: int) -> np.ndarray:
    return (2.0**20 + generator.normal(size=(count, 2)) @ np.array([[1, 1, 2], [0, 1, 1]])).astype("float32")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("drawn", [bars, one_picture, two_pictures, far_points])
def test_evaluations_of_data_without_full_rank_end_with_right_numbers(
    drawn: Callable[[np.random.Generator, int], np.ndarray], tmp_path: Path, cli: Callable[..., Answer]
) -> None:
    generator = np.random.default_rng(0)
    real = drawn(generator, 400)
    made = real[:200] if drawn is one_picture else drawn(generator, 200)
    for name, images in (("real", real), ("made", made)):
        np.savez(tmp_path / f"{name}.npz", **{"samples" if images.ndim == 2 else "images": images})
    answer = cli("evaluate", tmp_path / "made.npz", "--data", tmp_path / "real.npz", "--json", tmp_path / "found.json")
    assert answer.code == 0, answer.err
    found: dict[str, Any] = json.loads((tmp_path / "found.json").read_text())
    values = {key: score["value"] for key, score in found["scores"].items()}
    assert all(value is not None and math.isfinite(value) for value in values.values())
    if drawn is one_picture:
        assert (values["fd"], values["kid"]) == (pytest.approx(0, abs=1e-20), 0)
        assert (values["precision"], values["recall"], values["coverage"]) == (1, 1, 1)
    if drawn is bars:
        rows = [(images.reshape(len(images), -1) / 255)[:, :16] for images in (np.delete(real, validation_rows(400), 0), made)]
        assert values["fd"] == pytest.approx(16 * by_roots(*map(torch.from_numpy, rows)), rel=1e-5)
        assert values["precision"] > 0.5


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("labels", [np.zeros(240, np.int64), np.arange(240) // 239], ids=["one class", "a class of one image"])
def test_evaluations_of_data_with_a_lone_class_end_with_numbers(
    labels: np.ndarray, tmp_path: Path, cli: Callable[..., Answer]
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (240, 8, 8)).astype("uint8")
    np.savez(tmp_path / "real.npz", images=images, labels=labels)
    np.savez(tmp_path / "made.npz", images=images, labels=labels[::-1])
    answer = cli("evaluate", tmp_path / "made.npz", "--data", tmp_path / "real.npz")
    assert answer.code == 0, answer.err
    assert "GAN-train" in answer.out
