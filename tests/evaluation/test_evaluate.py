"""Evaluations: the floor, which way scores move, what they do not depend on, intervals, the cache, JSON, comparisons."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import gansmith
from gansmith.core.errors import DataError, RunError
from gansmith.core.formatting import brief
from gansmith.data import Digits
from gansmith.data.splits import non_validation_rows, validation_rows
from gansmith.evaluation import evaluate as evaluation
from gansmith.evaluation import reference, results, scoring
from gansmith.evaluation.comparison import compare
from gansmith.evaluation.evaluate import evaluate
from gansmith.evaluation.extractors import Extractor
from gansmith.evaluation.metrics import scores as metrics
from gansmith.evaluation.results import Classes, Evaluation, Finding, Memorisation, Pair, Score
from support import Answer, assert_refused, python, quick

Cli = Callable[..., Answer]
HALF_NORMAL = 1.959964  # 97.5 % of a normal lies below it


@pytest.fixture(scope="module", autouse=True)
def _one_cache_and_few_subsets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache of its own for these tests, and a kernel distance in a tenth of the time."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("GANSMITH_CACHE", str(folder))
        patch.setattr(scoring, "SUBSETS", 3)
        yield folder


def kept(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values.transpose(0, 2, 3, 1))


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    """The test images, [300, 8, 8, 1]."""
    return kept(Digits().load("test").values)


@pytest.fixture(scope="module")
def floor(digits: np.ndarray) -> Evaluation:
    return evaluate(digits, "digits")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> gansmith.Run:
    return gansmith.train(quick(budget="320images"), tmp_path_factory.mktemp("runs") / "a", device="cpu")


# ---------------------------------------------------------------------------------------------------------- the floor


def test_real_test_images_score_the_floor_exactly(floor: Evaluation) -> None:
    assert floor.scores.keys() == {"fd", "kid", "precision", "recall", "density", "coverage", "near_copies"}
    for score in floor.scores.values():
        assert score.value == score.floor
        assert score.low is not None
        assert score.high is not None
        assert score.low <= score.value <= score.high
    assert floor.data["floor"] == "the test split"
    assert (floor.data["num_real"], floor.data["num_floor"], floor.num_fake) == (1248, 300, 300)
    assert floor.scores["fd"].name.startswith("fd[pixels:")
    assert floor.scores["fd"].name.endswith("]@1248/300")


def test_so_they_do_with_labels(tmp_path: Path) -> None:
    test = Digits().load("test")
    np.savez(tmp_path / "real.npz", images=kept(test.values), labels=test.labels)
    found = evaluate(tmp_path / "real.npz", "digits")
    assert {"class_fd", "gan_train", "gan_test"} <= found.scores.keys()
    for score in found.scores.values():
        assert score.value == score.floor, score.name
    assert found.scores["gan_test"].value > 0.9
    np.savez(tmp_path / "wrong.npz", images=kept(test.values), labels=(test.labels + 1) % 10)  # type: ignore[operator]
    wrong = evaluate(tmp_path / "wrong.npz", "digits").scores
    assert wrong["gan_test"].value < 0.1
    assert wrong["gan_train"].value < 0.1
    assert wrong["class_fd"].value > 2 * found.scores["class_fd"].value
    assert wrong["fd"].value == found.scores["fd"].value  # which knows no labels


def test_without_a_test_split_one_half_is_held_against_the_other(tmp_path: Path) -> None:
    train = Digits().load("train")
    np.save(tmp_path / "own.npy", kept(train.values))
    found = evaluate(kept(Digits().load("test").values), str(tmp_path / "own.npy"))
    assert found.data["floor"] == "one half of the reference, held against the other half"
    assert found.data["num_floor"] == 624
    assert found.data["num_real"] == 1248
    assert 0 < (found.scores["fd"].floor or 0) < found.scores["fd"].value


def test_the_validation_slice_is_a_sixth_and_never_in_the_reference(digits: np.ndarray) -> None:
    both = np.concatenate([validation_rows(1497), non_validation_rows(1497)])
    assert len(validation_rows(1497)) == 1497 // 6
    assert np.array_equal(np.sort(both), np.arange(1497))
    images = Digits().load("train").values
    real = reference.load_reference(Digits(), lambda samples: _pixels(samples.shape)).reference_set().real
    rows = images[non_validation_rows(1497)].reshape(-1, 64).astype(np.float64) / 255
    assert real.all_moments.mean.numpy() == pytest.approx(rows.mean(0), rel=1e-6)


def _pixels(shape: tuple[int, ...]) -> Extractor:

    from gansmith.evaluation.extractors import find_extractor

    return find_extractor("pixels", Digits(), shape)


# ---------------------------------------------------------------------------------------------- which way scores move


def blurred(images: np.ndarray) -> np.ndarray:
    wide = np.pad(images.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    parts = [wide[:, y : y + 8, x : x + 8] for y in range(3) for x in range(3)]
    return (sum(parts) / 9).round().astype(np.uint8)  # type: ignore[union-attr]


def noisy(images: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 60, images.shape)
    return (images + noise).round().clip(0, 255).astype(np.uint8)


def few_classes(images: np.ndarray) -> np.ndarray:
    rows = images[Digits().load("test").labels < 3]  # type: ignore[operator]
    return np.concatenate([rows] * 4)[: len(images)]


def duplicated(images: np.ndarray) -> np.ndarray:
    return np.repeat(images[:20], 15, axis=0)


def training_images(images: np.ndarray) -> np.ndarray:
    return kept(Digits().load("train").values[: len(images)])


@pytest.mark.parametrize(
    ("spoil", "worse"),
    [
        (blurred, ("fd", "kid", "precision", "recall", "density", "coverage")),
        (noisy, ("fd", "kid", "precision", "density", "coverage")),  # noise pushes samples apart: wide balls, high recall
        (few_classes, ("fd", "kid", "recall", "coverage")),
        (duplicated, ("fd", "kid", "recall", "coverage")),
        (training_images, ("near_copies",)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_spoiled_set_scores_worse(
    spoil: Callable[[np.ndarray], np.ndarray], worse: tuple[str, ...], digits: np.ndarray, floor: Evaluation
) -> None:
    found = evaluate(spoil(digits), "digits")
    for key in worse:
        score, best = found.scores[key], floor.scores[key].value
        assert score.floor == best
        assert (score.value > 1.2 * best) if score.better == "lower" else (score.value < 0.8 * best), key
        assert (score.value > best) == (score.better == "lower")


def test_copies_of_training_images_are_found_and_shown(digits: np.ndarray) -> None:
    fakes = digits.copy()
    train = kept(Digits().load("train").values)
    fakes[40:50] = train[100:110]
    found = evaluate(fakes, "digits")
    assert found.memorisation is not None
    assert [(p.fake, p.train, p.distance) for p in found.memorisation.pairs[:10]] == [(40 + i, 100 + i, 0) for i in range(10)]
    assert found.pair_fakes is not None
    assert found.pair_reals is not None
    assert np.array_equal(found.pair_fakes[:10], found.pair_reals[:10])
    assert np.array_equal(found.pair_reals[3], train[103])
    assert found.samples is not None
    assert np.array_equal(found.samples, fakes[:64])


# ------------------------------------------------------------------------------------------- what they don't depend on


def test_the_order_of_the_samples_is_no_matter(digits: np.ndarray, floor: Evaluation) -> None:
    found = evaluate(digits[np.random.default_rng(1).permutation(len(digits))], "digits")
    for key, score in found.scores.items():
        assert score.value == pytest.approx(floor.scores[key].value, rel=1e-9, abs=1e-12), key


def test_the_size_of_the_chunks_is_no_matter(digits: np.ndarray, floor: Evaluation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gansmith.evaluation.sources.CHUNK", 64)
    found = evaluate(digits, "digits")
    for key, score in found.scores.items():
        assert score.value == pytest.approx(floor.scores[key].value, rel=1e-9, abs=1e-12), key


def test_another_process_finds_the_same(run: gansmith.Run) -> None:
    code = """
import json, sys
from gansmith import evaluate
from gansmith.evaluation import scoring
scoring.SUBSETS = 3
print(json.dumps(evaluate(sys.argv[1], count=200, draws=2).to_json()["scores"]))
"""
    answer = python(code, run.path)
    assert answer.code == 0, answer.err
    assert json.loads(answer.out) == evaluate(run, count=200, draws=2).to_json()["scores"]


# ---------------------------------------------------------------------------------------------------------- intervals


def test_a_run_is_drawn_with_its_own_seeds_and_has_t_intervals(run: gansmith.Run) -> None:
    from scipy import stats

    found = evaluate(run, count=150, draws=3)
    assert found.seeds == (1000, 1001, 1002)
    assert (found.kind, found.recipe, found.checkpoint, found.images_seen) == ("run", "tutorial-small", "last", run.images)
    fd = found.scores["fd"]
    assert len(set(fd.draws)) == 3
    low, high = stats.t.interval(0.95, 2, loc=np.mean(fd.draws), scale=stats.sem(fd.draws))
    assert (fd.value, fd.low, fd.high) == pytest.approx((np.mean(fd.draws), low, high))
    fixed = evaluate(run.sample(seed=1001, count=150).array, "digits")
    assert fixed.scores["fd"].value == pytest.approx(fd.draws[1], rel=1e-12)
    assert found.samples is not None
    assert np.array_equal(found.samples, run.sample(seed=1000, count=64).array)
    alone = evaluate(run, count=150, draws=1).scores["fd"]
    assert (alone.low, alone.high) == (None, None)
    assert alone.value == fd.draws[0]


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    groups = np.random.default_rng(0).normal(size=(10, 30))
    without = [float(np.delete(groups, g, axis=0).mean()) for g in range(10)]
    assert scoring.jackknife(without) == pytest.approx(groups.mean(1).std(ddof=1) / np.sqrt(10))


def test_the_interval_of_a_share_is_about_the_binomials(floor: Evaluation) -> None:
    precision = floor.scores["precision"]
    expected = HALF_NORMAL * np.sqrt(precision.value * (1 - precision.value) / 300)
    assert precision.high is not None
    assert 0.4 < (precision.high - precision.value) / expected < 2


def test_scores_without_a_group_are_those_of_the_samples_left() -> None:
    """Where the groups lie so far apart that no ball of one reaches another, the balls of the rest stay as they are."""
    generator = np.random.default_rng(0)
    places = np.repeat(np.arange(4), 12)
    fake = torch.from_numpy(generator.normal(size=(48, 2)) + 100 * places[:, None])
    real = torch.from_numpy(generator.normal(size=(48, 2)) + 100 * places[:, None])
    groups = torch.from_numpy(places)
    for g, without in enumerate(metrics.prdc_without(real, fake, groups, 4)):
        assert tuple(without) == pytest.approx(tuple(metrics.prdc(real, fake[groups != g])))


# ---------------------------------------------------------------------------------------------------------- the cache


def test_real_features_are_kept_and_a_damaged_file_is_made_again(
    digits: np.ndarray, floor: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANSMITH_CACHE", str(tmp_path))
    seen: list[int] = []
    look = reference._extract_all
    monkeypatch.setattr(reference, "_extract_all", lambda *args: seen.append(1) or look(*args))

    def again() -> None:
        found = evaluate(digits, "digits")
        assert {k: s.value for k, s in found.scores.items()} == {k: s.value for k, s in floor.scores.items()}

    again()
    assert len(seen) == 1
    again()
    assert len(seen) == 1
    (path,) = [p for p in (tmp_path / "features").iterdir() if "floor" not in p.name]
    whole = path.read_bytes()
    for damaged in (whole[:-100], b"", whole[:-7] + bytes([whole[-7] ^ 1]) + whole[-6:]):
        path.write_bytes(damaged)
        seen.clear()
        again()
        assert len(seen) == 1
        assert path.read_bytes() == whole
    assert not [p for p in (tmp_path / "features").iterdir() if p.name.startswith(".")]


# ---------------------------------------------------------------------------------------------------------------- JSON


def an_evaluation(**changes: object) -> Evaluation:
    score = Score("fd[x:1]@50k/10k", "Frechet distance", 3.5, 3.0, 4.0, (3.5,), 0.5, "lower", "how far")
    kid = Score("kid[x:1]@10k/10k", "kernel distance", 0.1, None, None, (0.1,), None, "lower", "the same", subset_sd=0.01)
    data = {"label": "mnist", "spec": {"type": "Mnist"}, "split": "train", "sha256": "ab" * 32, "num_real": 50000}
    made = Evaluation(
        what="runs/x",
        kind="run",
        recipe="starter",
        checkpoint="last",
        images_seen=320,
        seed=0,
        data=data | {"floor": "the test split", "num_floor": 10000},
        extractor={"name": "x", "sha256": "1" * 64, "width": 4, "resizing": "none"},
        num_fake=10000,
        seeds=(1000, 1001),
        seconds=1.5,
        gansmith="0.1.0",
        scores={"fd": score, "kid": kid},
        classes=Classes(("a", "b"), (0.5, 0.5), (1.0, 0.0), (0.4, 0.6)),
        memorisation=Memorisation((0.0, 1.0), (0.1, 2.0), (0.2, 3.0), (Pair(3, 5, 0.1),)),
        diagnostics={"real": {"mean": 1.0}, "fake": {"mean": 2.0}},
        verdict=(Finding(False, "Too far.", ("fd",)),),
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


def test_json_and_back(tmp_path: Path, floor: Evaluation) -> None:
    for one in (an_evaluation(), floor):
        assert Evaluation.load(one.save(tmp_path / "e.json")) == one
    facts = an_evaluation().to_json()
    assert facts["verdict"] == [{"good": False, "text": "Too far.", "from": ["fd"]}]
    assert facts["scores"]["kid"]["subset_sd"] == 0.01
    assert "subset_sd" not in facts["scores"]["fd"]


def test_what_is_not_finite_is_null_in_json(tmp_path: Path) -> None:
    made = an_evaluation()
    fd = dataclasses.replace(made.scores["fd"], value=float("nan"), high=float("inf"), draws=(float("nan"), 1.0))
    path = dataclasses.replace(made, scores={"fd": fd}).save(tmp_path / "e.json")
    assert "NaN" not in path.read_text()
    read = Evaluation.load(path).scores["fd"]
    assert np.isnan(read.value)
    assert read.high is None
    assert read.draws[1] == 1.0


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 2}', '{"format": 1, "what": "x"}'])
def test_a_file_that_is_no_evaluation(text: str, tmp_path: Path) -> None:
    (tmp_path / "e.json").write_text(text)
    with pytest.raises(RunError, match=r"e\.json"):
        Evaluation.load(tmp_path / "e.json")


# --------------------------------------------------------------------------------------------------------- comparisons


def test_a_comparison_marks_the_best_and_names_everything() -> None:
    one = an_evaluation()
    better = dataclasses.replace(one.scores["fd"], value=2.0, low=1.5, high=2.5)
    other = an_evaluation(what="runs/<y>", scores={"fd": better})
    table = compare([one, other])
    assert table.keys == ("fd",)
    assert table.rows()[1] == ["Frechet distance", "3.5 [3, 4]", "2 [1.5, 2.5]*", "0.5", "lower"]
    markdown = table.markdown()
    assert markdown.splitlines()[0] == "| score | runs/x | runs/\\<y\\> | floor | better |"
    for word in ("x (SHA-256 11111111)", "50,000 images of mnist", "seeds 1000 to 1001", "10,000 of the test split"):
        assert word in markdown
    assert "runs/&lt;y&gt;" in table.html()
    assert "<y>" not in table.html()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"num_fake": 5000}, "the number of samples differs, 10,000 and 5,000"),
        ({"data": an_evaluation().data | {"label": "digits"}}, "the real data differs, mnist and digits"),
        ({"data": an_evaluation().data | {"sha256": "0" * 64}}, "the real data's SHA-256 differs"),
        ({"extractor": an_evaluation().extractor | {"name": "z"}}, "the extractor differs, x and z"),
        ({"extractor": an_evaluation().extractor | {"sha256": "2" * 64}}, "the extractor's SHA-256 differs"),
        ({"scores": {"fd": dataclasses.replace(an_evaluation().scores["fd"], name="fd[x:1]@40k/10k")}}, "the name of fd"),
    ],
)
def test_unlike_scores_are_refused_with_the_reason(change: dict[str, object], reason: str) -> None:
    with pytest.raises(RunError, match=f"can't compare runs/x with runs/y: {reason}"):
        compare([an_evaluation(), an_evaluation(what="runs/y", **change)])


def test_numbers_are_brief() -> None:
    assert [brief(x) for x in (0, 12.345, 0.000012, 1234.5, 0.98765)] == ["0", "12.3", "1.2e-05", "1,234", "0.988"]


# ------------------------------------------------------------------------------------------------------------ commands


@pytest.fixture
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual settings with fewer samples."""
    for module in (evaluation, results):
        monkeypatch.setattr(module, "COUNT", 120)
        monkeypatch.setattr(module, "DRAWS", 2)
    defaults = inspect.unwrap(evaluate).__kwdefaults__
    monkeypatch.setitem(defaults, "count", 120)
    monkeypatch.setitem(defaults, "draws", 2)


@pytest.mark.usefixtures("_quickly")
def test_evaluate_prints_a_table_and_keeps_what_was_found(run: gansmith.Run, cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "new" / "out.json"
    answer = cli("evaluate", run.path, "--count", 120, "--draws", 2, "--json", out)  # whose folder is made
    assert answer.code == 0, answer.err
    assert not re.search("warning|error", answer.err, re.I)  # on a busy machine it says how far it is
    for word in ("Frechet distance", "kernel distance", "seeds 1000 to 1001", "1,248 of digits", "120 real", "pixels", "lower"):
        assert word in answer.out
    assert Evaluation.of(run) == Evaluation.load(out)
    (run.path / "evaluation.json").unlink()
    assert cli("evaluate", run.path, "--count", 130, "--draws", 1).code == 0
    assert Evaluation.of(run) is None  # other settings are not kept


@pytest.mark.usefixtures("_quickly")
def test_compare_reads_what_is_kept_and_evaluates_the_rest(
    run: gansmith.Run, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = gansmith.train(quick("seed=7", budget="320images"), tmp_path / "b", device="cpu")
    (run.path / "evaluation.json").unlink(missing_ok=True)
    answer = cli("compare", run.path, other.path)
    assert answer.code == 0, answer.err
    assert answer.err.count("evaluating it first") == 2
    assert "Frechet distance" in answer.out
    monkeypatch.setattr(evaluation, "evaluate", None)  # both are kept now
    out = tmp_path / "new" / "table.md"
    assert cli("compare", run.path, other.path, "--out", out).code == 0
    assert str(other.path) in out.read_text()
    found = (run.path / "evaluation.json").rename(tmp_path / "found")  # a file needs no ending
    assert cli("compare", found, other.path).code == 0
    (tmp_path / "notes.txt").write_text("nothing")
    assert_refused(cli("compare", tmp_path / "notes.txt", other.path), "notes.txt", "evaluate ... --json")
    assert_refused(cli("compare", run.path, other.path, "--out", tmp_path / "table.pdf"), ".pdf", "x.md")
    assert_refused(cli("compare", run.path), "at least two")  # both before anything is evaluated


def test_a_kept_evaluation_of_an_earlier_state_is_not_taken(run: gansmith.Run) -> None:
    an_evaluation(images_seen=run.images - 1).keep(run)
    assert Evaluation.of(run) is None
    an_evaluation(images_seen=run.images).keep(run)
    assert Evaluation.of(run) == an_evaluation(images_seen=run.images)
    (run.path / "evaluation.json").write_text("{")
    assert Evaluation.of(run) is None


OWN = """
import torch

class Net(torch.nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.forward = answer

def flat(): return Net(lambda x: x)
def three(): return Net(lambda x: x.flatten(1)[:3])
def nan(): return Net(lambda x: x.flatten(1) / 0)
def seven(): return 7
def asks(width): return Net(lambda x: x)
"""


@pytest.fixture
def desk(here: Path, digits: np.ndarray) -> Path:
    np.save(here / "one.npy", digits[:1])
    np.save(here / "digits.npy", digits)
    np.save(here / "points.npy", np.zeros((200, 2), np.float32))
    np.savez(here / "eleven.npz", images=digits, labels=np.arange(300) % 11)
    (here / "notes.txt").write_text("nothing")
    np.savez(here / "two.npz", images=digits, test_images=np.repeat(digits, 2, axis=1))
    (here / "mine.py").write_text(OWN)
    return here


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere", "--data", "digits"), ("nowhere does not exist", "run folder")),
        (("notes.txt", "--data", "digits"), ("notes.txt", "expected a run folder")),
        (("digits.npy",), ("digits.npy", "add --data")),
        (("digits.npy", "--data", "digit"), ("did you mean 'digits'",)),
        (("one.npy", "--data", "digits"), ("one.npy has 1 samples", "at least 100")),
        (("digits.npy", "--data", "digits", "--size", "0"), ("size", "0")),
        (("points.npy", "--data", "ring", "--size", "8"), ("ring has points, which have no size",)),
        (("eleven.npz", "--data", "digits"), ("labels from 0 to 9", "found 10 in row 10")),
        (("digits.npy", "--data", "digits", "--extractor", "pixel"), ("unknown extractor 'pixel'", "did you mean 'pixels'")),
        (("digits.npy", "--data", "digits", "--extractor", "points"), ("'points' does not fit images", "pixels")),
        (("points.npy", "--data", "ring", "--extractor", "lenet-mnist"), ("does not fit points", "choose points")),
        (("points.npy", "--data", "digits"), ("shape 2", "1 x 8 x 8")),
        (("digits.npy", "--data", "digits", "--extractor", "mine.py:flt"), ("unknown function in mine.py 'flt'", "'flat'")),
        (("digits.npy", "--data", "digits", "--extractor", "mine.py:seven"), ("torch.nn.Module", "int")),
        (("digits.npy", "--data", "digits", "--extractor", "mine.py:flat"), ("expected features [N, F]", "flatten")),
        (("digits.npy", "--data", "digits", "--extractor", "mine.py:three"), ("expected features [N, F]", "[3, 64] for N = 128")),
        (
            ("digits.npy", "--data", "digits", "--extractor", "mine.py:nan"),
            ("digits: expected finite features", "NaN"),
        ),
        (("digits.npy", "--data", "digits", "--extractor", "mine.py:asks"), ("mine.py:asks failed", "argument: 'width'")),
        (("digits.npy", "--data", "two.npz"), ("two.npz", "[1, 8, 8]", "[1, 16, 8]")),
        (("digits.npy", "--data", "digits", "--extractor", "none.py:f"), ("can't read none.py",)),
    ],
    ids=lambda value: " ".join(value),
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], words: tuple[str, ...], desk: Path, cli: Cli) -> None:
    assert_refused(cli("evaluate", *arguments), *words)


def test_too_few_samples_of_a_run(run: gansmith.Run, cli: Cli) -> None:
    assert_refused(cli("evaluate", run.path, "--count", 1), "count 1", "10000")
    assert_refused(cli("evaluate", run.path, "--draws", 0), "--draws", "greater than or equal to 1")
    with pytest.raises(RunError, match="was not scored while it trained"):
        evaluate(run, checkpoint="best")


def test_a_generator_that_makes_no_numbers_is_refused(tmp_path: Path) -> None:
    run = gansmith.train(quick("data=ring(num=600)", budget="320images"), tmp_path / "ring", device="cpu")
    with torch.no_grad():
        for weights in run.module.parameters():
            weights.fill_(torch.nan)
    with pytest.raises(DataError, match=r"ring: expected finite features, samples 0 to 99 have NaN"):
        evaluate(run, count=100, draws=1)


def test_points_have_their_modes_for_classes(cli: Cli, tmp_path: Path) -> None:
    from gansmith.data import Ring

    source = Ring(num=600)
    three = source.load("test")
    points = three.values[three.labels != 0][:400]  # type: ignore[index]
    found = evaluate(points, source)
    assert found.classes is not None
    assert found.classes.fake[0] == 0
    assert found.scores["smallest_class"].value == 0
    assert found.scores["class_kl"].value == pytest.approx(np.log(8 / 7), abs=0.05)
    assert found.scores["recall"].value < 0.95
