"""Scores of a generator: the papers' definitions written out in NumPy with all pairs, closed forms, and what moves them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from torch import Tensor

from gansmith.evaluation.metrics import moments, neighbours
from gansmith.evaluation.metrics import scores as metrics
from gansmith.evaluation.metrics.scores import Labelled, Moments

Set = Callable[[int, int], Tensor]
TIGHT = 1e-6


def rows(count: int, seed: int = 0, width: int = 12, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    """Correlated, skewed features like those of a ReLU layer, float32."""
    generator = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(width, width))
    return torch.from_numpy((np.maximum(generator.normal(size=(count, width)) @ mixing, 0) * scale + shift).astype(np.float32))


def simplex(count: int, classes: int = 5, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(0, 3, (count, classes))).softmax(1)


def shuffled(rows: Tensor, seed: int = 5) -> Tensor:
    return rows[torch.from_numpy(np.random.default_rng(seed).permutation(len(rows)))]


# ----------------------------------------------------------------------------------------------------- Frechet distance


def frechet(real: Tensor, fake: Tensor) -> float:
    return metrics.frechet_distance(Moments.of(real), Moments.of(fake))


def test_frechet_distance_is_heusels_equation_6() -> None:
    real, fake = rows(400), rows(300, seed=1, scale=1.2, shift=0.5)
    a, b = real.double().numpy(), fake.double().numpy()
    covariances = np.cov(a.T), np.cov(b.T)
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(
        covariances[0] + covariances[1] - 2 * sqrtm(np.dot(*covariances)).real
    )
    assert frechet(real, fake) == pytest.approx(expected, rel=TIGHT)


def test_frechet_distance_of_gaussians_nears_its_closed_form() -> None:
    means, deviations = np.array([0.0, 1.0, -2.0]), np.array([0.5, 1.0, 2.0])
    normal = np.random.default_rng(0).normal(size=(2, 200_000, 3))
    expected = np.sum(means**2) + np.sum((deviations - 1) ** 2)  # independent coordinates, against N(0, I)
    found = frechet(torch.from_numpy(normal[0]), torch.from_numpy(normal[1] * deviations + means))
    assert found == pytest.approx(expected, rel=0.01)  # sampling error: about 4 |m| s / sqrt(n)


@pytest.mark.parametrize(("count", "width"), [(500, 12), (20, 60)], ids=["full rank", "fewer rows than features"])
def test_frechet_distance_of_a_set_from_itself_is_nothing(count: int, width: int) -> None:
    real = rows(count, width=width)
    assert 0 <= frechet(real, shuffled(real)) < 1e-6 * float(real.var(0).sum())


def test_moments_join() -> None:
    real, fake = rows(300), rows(200, seed=1)
    joined = Moments.of(fake) + Moments.of(real)
    whole = Moments.of(torch.cat([real, fake]))
    assert joined.count == whole.count == 500
    assert torch.allclose(joined.factor.T @ joined.factor, whole.factor.T @ whole.factor, rtol=1e-12)
    assert torch.allclose(joined.mean, whole.mean, rtol=1e-12)


# ------------------------------------------------------------------------------------ kernel distance, classifier score


def test_kernel_distance_of_whole_sets_is_the_unbiased_mmd() -> None:
    real, fake = rows(60), rows(60, seed=1, shift=0.3)

    def kernel(a: Tensor, b: Tensor) -> np.ndarray:
        return (a.double().numpy() @ b.double().numpy().T / a.shape[1] + 1) ** 3

    xx, yy, xy = kernel(real, real), kernel(fake, fake), kernel(real, fake)
    expected = (xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)) / (60 * 59) - 2 * xy.mean()
    found = metrics.kernel_distance(real, fake, subsets=3, subset_size=1000)  # as many as there are
    assert found.value == pytest.approx(expected, rel=TIGHT)
    assert found.subset_sd == pytest.approx(0, abs=1e-9 * xx.mean())


def test_kernel_distance_of_subsets_is_near_that_of_the_whole_and_repeats() -> None:
    real, fake = rows(600), rows(600, seed=1, shift=0.3)
    whole = metrics.kernel_distance(real, fake, subsets=1).value
    state = torch.get_rng_state()
    value, sd = metrics.kernel_distance(real, fake, subsets=50, subset_size=200)
    assert torch.equal(torch.get_rng_state(), state), "the caller's randomness is left alone"
    assert sd > 0
    assert abs(value - whole) < 4 * sd / 50**0.5
    assert metrics.kernel_distance(real, fake, 50, 200) == (value, sd)
    assert metrics.kernel_distance(real, fake, 50, 200, seed=1) != (value, sd)


def test_classifier_score_is_the_formula() -> None:
    p = simplex(300).numpy()
    expected = np.exp(np.mean(np.sum(p * np.log(p / p.mean(0)), axis=1)))
    assert metrics.classifier_score(torch.from_numpy(p)) == pytest.approx(expected, rel=TIGHT)


def test_classifier_score_runs_from_one_to_the_number_of_classes() -> None:
    sure = torch.eye(4).repeat(5, 1)
    assert metrics.classifier_score(sure) == pytest.approx(4, rel=TIGHT)
    assert metrics.classifier_score(sure[[0] * 20]) == pytest.approx(1, rel=TIGHT)
    assert metrics.classifier_score(torch.full((20, 4), 0.25)) == pytest.approx(1, rel=TIGHT)


# ----------------------------------------------------------------------------------------------------------- neighbours


@pytest.mark.parametrize("k", [1, 4])
def test_nearest_is_found_among_all_pairs(k: int) -> None:
    queries, references = rows(150, seed=1), rows(220)
    matrix = cdist(queries.double().numpy(), references.double().numpy())
    distances, indices = metrics.nearest(queries, references, k)
    assert np.allclose(distances, np.sort(matrix, 1)[:, :k], rtol=1e-12)
    assert np.array_equal(indices, np.argsort(matrix, 1, kind="stable")[:, :k])


def test_nearest_of_the_same_set_leaves_each_row_itself_out() -> None:
    references = rows(100)
    matrix = cdist(references.double().numpy(), references.double().numpy())
    np.fill_diagonal(matrix, np.inf)
    distances, indices = metrics.nearest(references, references, 3, same=True)
    assert np.allclose(distances, np.sort(matrix, 1)[:, :3], rtol=1e-12)
    assert not (indices == torch.arange(100)[:, None]).any()


def test_copies_are_at_distance_zero_and_near_copies_keep_their_digits_far_from_the_origin() -> None:
    references = rows(50).double() + 1e6
    nudged = references.clone()
    nudged[:, 0] += 2.0**-20
    assert torch.equal(metrics.nearest(references, references)[0], torch.zeros(50, 1, dtype=torch.float64))
    distances, indices = metrics.nearest(nudged, references)
    assert torch.equal(distances[:, 0], (nudged - references).abs().max(1).values)
    assert torch.equal(indices[:, 0], torch.arange(50))


def test_of_equal_neighbours_the_first_is_taken() -> None:
    references = torch.ones(6, 3)
    assert metrics.nearest(torch.zeros(2, 3), references, 2)[1].tolist() == [[0, 1], [0, 1]]
    assert metrics.nearest(references, references, 2, same=True)[1].tolist()[:3] == [[1, 2], [0, 2], [0, 1]]


def test_too_few_neighbours_are_refused() -> None:
    with pytest.raises(ValueError, match="expected at least 4 references for the 3 nearest, got 3"):
        metrics.nearest(rows(3), rows(3), 3, same=True)


def definition(real: Tensor, fake: Tensor, k: int, k_density: int) -> tuple[float, ...]:
    """Kynkaanniemi et al. 2019, eq. 1 and 2; Naeem et al. 2020, eq. 4 and 5, with full matrices."""
    x, y = real.double().numpy(), fake.double().numpy()

    def radii(points: np.ndarray, to: int) -> np.ndarray:
        return np.sort(cdist(points, points), axis=1)[:, to]  # column 0 is the point itself

    matrix = cdist(x, y)
    dense = matrix <= radii(x, k_density)[:, None]
    precision = (matrix <= radii(x, k)[:, None]).any(0).mean()
    recall = (matrix <= radii(y, k)[None]).any(1).mean()
    return precision, recall, dense.sum() / (k_density * len(y)), dense.any(1).mean()


@pytest.mark.parametrize(("k", "k_density"), [(3, 5), (5, 3), (1, 1)])
def test_the_manifold_scores_are_their_definitions(k: int, k_density: int) -> None:
    real, fake = rows(260), rows(200, seed=1, scale=0.9, shift=0.2)
    found = metrics.prdc(real, fake, k, k_density)
    assert found == pytest.approx(definition(real, fake, k, k_density), rel=TIGHT)
    assert 0 < found.recall < 1, "an example in the middle"


def test_balls_are_told_apart_where_a_product_of_rows_has_lost_the_digits() -> None:
    """Two clusters, 2,000,000 apart and 0.01 wide: rounding of their squares is as large as the distances within one."""
    real, fake = (rows(120, seed=i).double() * 0.01 + torch.where(torch.arange(120) % 2 == 0, 1e6, -1e6)[:, None] for i in (0, 1))
    x, y = real.numpy(), fake.numpy()

    def apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.sqrt(((a[:, None] - b[None]) ** 2).sum(2))

    radii = np.sort(apart(x, x), axis=1)[:, 3]
    expected = (apart(x, y) <= radii[:, None]).any(0)
    assert metrics.prdc(real, fake, k=3).precision == expected.mean()
    assert 0.2 < expected.mean() < 0.98


def test_a_copied_set_fills_the_manifold_exactly() -> None:
    real = rows(200)
    # Each real's ball holds itself and its 5 nearest, the farthest of them on its very edge.
    assert metrics.prdc(real, shuffled(real)) == (1, 1, pytest.approx(6 / 5), 1)


@pytest.mark.parametrize("size", [7, 64])
def test_chunks_and_order_change_nothing(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = rows(130), rows(110, seed=1, shift=0.1)
    fake[:40] = real[:40]

    def everything(real: Tensor, fake: Tensor) -> list[float]:
        return [
            *metrics.prdc(real, fake),
            *metrics.nearest(fake, real, 2)[0].sort(0).values.flatten().tolist(),
        ]

    expected, smooth = everything(real, fake), (frechet(real, fake), *metrics.kernel_distance(real, fake, 10, 50))
    assert everything(shuffled(real[:110]), fake) == everything(real[:110], shuffled(fake))
    assert (frechet(shuffled(real), shuffled(fake))) == pytest.approx(smooth[0], rel=1e-9)
    assert metrics.kernel_distance(shuffled(real), shuffled(fake), 10, 50) == smooth[1:]
    p = simplex(100)
    assert metrics.classifier_score(shuffled(p)) == pytest.approx(metrics.classifier_score(p), rel=1e-12)
    monkeypatch.setattr(moments, "_LEAST_ROWS", size)
    for name in ("_QUERIES", "_REFERENCES", "_ROWS"):
        monkeypatch.setattr(neighbours, name, size)
    assert everything(real, fake) == expected
    assert frechet(real, fake) == pytest.approx(smooth[0], rel=1e-9)


# -------------------------------------------------------------------------------------------------------------- copies


def test_near_copies_are_expected_at_the_quantile_and_counted_beyond_it() -> None:
    train, held_out, new = rows(500), rows(400, seed=1), rows(400, seed=2)

    def score(fake: Tensor) -> float:
        held = metrics.nearest(held_out, train)[0][:, 0]
        return metrics.near_copies(metrics.nearest(fake, train)[0][:, 0], held, 0.05)

    assert score(held_out) == pytest.approx(0.05)
    assert score(new) == pytest.approx(0.05, abs=4 * (2 * 0.05 * 0.95 / 400) ** 0.5)
    assert score(train[:400]) == 1
    assert score(torch.cat([train[:100], new[:300]])) == pytest.approx(0.25 + 0.75 * score(new[:300]))


# -------------------------------------------------------------------------------------------------------------- classes


def test_class_shares_and_their_divergence() -> None:
    shares = metrics.class_shares(torch.tensor([0, 0, 2, 2]), 4)
    assert shares.tolist() == [0.5, 0, 0.5, 0]
    uniform = torch.full((4,), 0.25)
    assert metrics.kl_divergence(shares, uniform) == pytest.approx(np.log(2), rel=TIGHT)
    assert metrics.kl_divergence(uniform, uniform) == 0
    assert metrics.kl_divergence(uniform, shares) == float("inf")


def test_top_probability_and_class_accuracy() -> None:
    p = torch.tensor([[0.7, 0.3], [0.4, 0.6]])
    assert metrics.mean_top_probability(p) == pytest.approx(0.65)
    assert metrics.class_accuracy(p, torch.tensor([0, 0])) == 0.5


def test_frechet_distances_within_classes() -> None:
    real, fake = rows(90), rows(90, seed=1)
    of_real, asked = torch.arange(90) % 3, torch.arange(90) % 2
    found = metrics.class_frechet_distances(real, of_real, fake, asked, 3)
    assert found[:2].tolist() == [frechet(real[of_real == c], fake[asked == c]) for c in (0, 1)]
    assert torch.isnan(found[2]), "no sample was asked for as class 2"


def labelled(count: int, seed: int, noise: float = 0.5, flipped: float = 0.0) -> Labelled:
    """Three well separated blobs; a share of the labels is moved on to the next class."""
    generator = np.random.default_rng(seed)
    classes = generator.integers(0, 3, count)
    points = np.eye(3)[classes] * 6 + generator.normal(0, noise, (count, 3))
    given = np.where(generator.random(count) < flipped, (classes + 1) % 3, classes)
    return Labelled(torch.from_numpy(points), torch.from_numpy(given))


def test_gan_train_and_test_of_good_samples_are_as_real_ones() -> None:
    train, test, fake = labelled(300, 0), labelled(200, 1), labelled(300, 2)
    assert metrics.gan_train_test(train, test, fake) == (1, 1, 1)


def test_gan_test_is_the_share_of_samples_that_are_what_was_asked_for() -> None:
    fake = labelled(300, 2, flipped=0.3)
    right = float((fake.classes == labelled(300, 2).classes).double().mean())
    found = metrics.gan_train_test(labelled(300, 0), labelled(200, 1), fake)
    assert found.gan_test == pytest.approx(right)
    assert found.gan_train > 0.9, "most of the labels are right"


def test_gan_train_is_low_where_classes_are_missing() -> None:
    full, test = labelled(300, 2), labelled(200, 1)
    one, two = (Labelled(full.rows[full.classes < n], full.classes[full.classes < n]) for n in (1, 2))
    assert metrics.gan_train_test(labelled(300, 0), test, one).gan_train == float((test.classes == 0).double().mean())
    assert metrics.gan_train_test(labelled(300, 0), test, two).gan_train == float((test.classes < 2).double().mean())


# ------------------------------------------------------------------------------------------------ which way they move


def noisy(real: Tensor) -> Tensor:
    return real + torch.from_numpy(np.random.default_rng(3).normal(0, 2, real.shape).astype(np.float32))


def test_noise_moves_every_score_the_right_way() -> None:
    real, fresh = rows(400), rows(400, seed=1)
    bad = noisy(fresh)
    assert frechet(real, bad) > frechet(real, fresh)
    assert metrics.kernel_distance(real, bad, 10).value > metrics.kernel_distance(real, fresh, 10).value
    good, worse = metrics.prdc(real, fresh), metrics.prdc(real, bad)
    assert worse.precision < good.precision
    assert worse.density < good.density
    assert worse.coverage < good.coverage


def test_dropped_classes_lower_recall_and_coverage_and_not_precision() -> None:
    blobs, fresh = labelled(400, 0), labelled(400, 1)
    one = fresh.rows[fresh.classes == 0]
    good, worse = metrics.prdc(blobs.rows, fresh.rows), metrics.prdc(blobs.rows, one)
    assert worse.recall < good.recall - 0.4
    assert worse.coverage < good.coverage - 0.4
    assert worse.precision > good.precision - 0.1
    assert frechet(blobs.rows, one) > frechet(blobs.rows, fresh.rows) + 1


def test_repeated_samples_lower_coverage_and_recall() -> None:
    real, fresh = rows(400), rows(400, seed=1)
    repeated = fresh[:20].repeat(20, 1)
    good, worse = metrics.prdc(real, fresh), metrics.prdc(real, repeated)
    assert worse.coverage < good.coverage - 0.3
    assert worse.recall < good.recall - 0.3
