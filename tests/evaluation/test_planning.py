"""How many samples a report measures: counts from given costs and a clock that is wound by hand. Nothing here takes time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import gansmith
from gansmith.cli import evaluate as cli_evaluate
from gansmith.cli.progress import StageLines
from gansmith.data import Digits
from gansmith.data.splits import validation_rows
from gansmith.evaluation import evaluate as evaluation
from gansmith.evaluation import planning, reference, results, sources
from gansmith.evaluation.extractors import find_extractor
from gansmith.evaluation.planning import COUNTS, Allowance, Costs, Plan, plan
from gansmith.evaluation.results import COUNT, DRAWS, Evaluation
from gansmith.report.page import page
from gansmith.runs.run import Run
from support import Answer, assert_refused, quick

CHEAP, USUAL, DEAR = Costs(1e-5, 1e-5, 1e-10), Costs(5e-4, 3e-3, 1.3e-7), Costs(1.0, 1.0, 1e-3)


@pytest.mark.parametrize(
    ("costs", "all_real", "seconds", "is_cached", "expected"),
    [
        (CHEAP, 24_000, 72, False, (COUNT, DRAWS, None)),
        (USUAL, 500, 72, False, (2000, DRAWS, None)),
        (USUAL, 24_000, 72, False, (1000, DRAWS, 4000)),
        (USUAL, 24_000, 115, True, (1000, DRAWS, None)),
        (USUAL, 24_000, 3600, False, (COUNT, DRAWS, None)),
        (DEAR, 24_000, 72, False, (COUNTS[-1], DRAWS, planning.LEAST_REAL)),
        (DEAR, 900, 72, False, (COUNTS[-1], DRAWS, None)),
        (USUAL, 24_000, -5, False, (COUNTS[-1], DRAWS, planning.LEAST_REAL)),  # loading took all of the time
    ],
)
def test_the_largest_counts_that_fit(
    costs: Costs, all_real: int, seconds: float, is_cached: bool, expected: tuple[int, int, int | None]
) -> None:
    found = plan(costs, all_real, seconds, is_cached)
    assert (found.count, found.draws, found.num_real) == expected
    assert found.is_full == (expected == (COUNT, DRAWS, None))
    assert found.full_seconds == pytest.approx(plan(costs, all_real, 1e9, is_cached).seconds)
    if found.count > COUNTS[-1]:
        assert found.seconds <= seconds


def test_more_time_never_means_fewer_samples() -> None:
    for all_real in (400, 5000, 100_000):
        plans = [plan(USUAL, all_real, seconds) for seconds in (1, 10, 30, 72, 200, 600, 3600, 36_000)]
        measured = [(p.count, p.num_real or all_real) for p in plans]
        assert [c for c, _ in measured] == sorted(c for c, _ in measured)
        assert plans[-1].is_full


def test_the_plan_says_what_a_full_evaluation_costs() -> None:
    text = plan(USUAL, 24_000, 72).text(24_000)
    assert "4 draws of 1,000 samples against 4,000 of 24,000 real ones, about 0:" in text
    assert "a full evaluation takes about 6:" in text
    assert Plan(COUNT, DRAWS, None, 65.0, 65.0).text(500) == "scores of 4 draws of 10,000 samples, about 1:05"


# ------------------------------------------------------------------------------------------------------- with a run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planning") / "run"
    gansmith.train(quick("watch=none", "scores=none", "budget=320images"), folder, device="cpu")
    return folder


class Hand:
    """A clock that goes on by a fixed number of seconds whenever it is read."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def test_costs_are_those_of_the_faster_number_of_threads(folder: Path) -> None:
    subject = sources.find_samples(folder, 100, 1)
    assert isinstance(subject, sources.GeneratedSamples)
    train = Digits().load()
    extractor = find_extractor(None, Digits(), train.shape)
    before = torch.get_num_threads()
    with planning.threads_restored():
        torch.set_num_threads(2)
        reads = iter([0, 32, 32, 64, 64, 65, 100, 101.6, 102, 103.6, 104, 104.5])  # one thread, then two
        found = planning.measure_costs(subject, extractor, train, lambda: next(reads))
        assert (found.sample, found.extract) == (pytest.approx(0.05), pytest.approx(0.05))
        assert found.pair == pytest.approx(0.5 / (3 * 256**2))
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("step", "num_draws"), [(1e-7, 4), (20.0, 1)])
def test_an_evaluation_within_a_time_is_shorter_and_says_so(
    folder: Path, step: float, num_draws: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow clock makes few samples fit, and after a draw that took long there is no other."""
    told: list[str] = []
    for module in (planning, results):
        monkeypatch.setattr(module, "COUNT", 200)  # of a full evaluation
    monkeypatch.setattr(planning, "COUNTS", (200, 100))
    found = evaluation.evaluate(folder, within=Allowance(120, told.append, Hand(step)))
    assert len(found.seeds or ()) == num_draws == len(found.scores["fd"].draws)
    assert len(told) == 1
    assert found.num_fake == (200 if num_draws == 4 else 100)
    assert found.is_full == (num_draws == 4)
    run = Run.open(folder)
    assert ("than a full evaluation" in page(run, found)) != found.is_full


def test_a_part_of_the_real_samples_keeps_its_places() -> None:
    """Left out of the reference are the images of the validation slice of the whole split, and pairs name their place in it."""
    extractor = find_extractor(None, Digits(), Digits().load().shape)
    whole = reference.load_reference(Digits(), lambda _: extractor)
    real = reference.load_reference(Digits(), lambda _: extractor, limit=lambda *_: 900)
    assert len(real.train) + len(real.held_out or ()) == pytest.approx(900, abs=2)
    assert real.digest != whole.digest
    rows = real.part.rows[real.train_features.groups == reference.SLICE]
    assert set(rows) <= set(validation_rows(1497))
    assert not set(real.part.rows[real.train_features.groups != reference.SLICE]) & set(validation_rows(1497))
    assert len(real.train_samples([])) == 0
    numbers = real.train_numbers[:5].tolist()
    assert np.array_equal(real.train_samples(numbers), whole.train.values[numbers])
    assert real.split == f"{len(real.train):,} of 1,497 of train without validation slice"


# ------------------------------------------------------------------------------------------------------- the command


def test_a_report_takes_counts_and_keeps_the_full_scores(
    folder: Path, cli: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = cli("report", folder, "--count", 100, "--draws", 2)
    assert answer.code == 0, answer.err
    kept = Evaluation.of(Run.open(folder))
    assert kept is not None
    assert (kept.num_fake, len(kept.seeds or ()), kept.is_full) == (100, 2, False)
    calls: list[dict[str, Any]] = []

    def evaluate(*args: Any, **settings: Any) -> Evaluation:
        calls.append(settings)
        return made

    monkeypatch.setattr(evaluation, "evaluate", evaluate)
    made = kept
    assert cli("report", folder).code == 0
    assert not calls, "what is stored is shown"
    made = full = dataclasses.replace(kept, num_fake=COUNT, seeds=(1000, 1001, 1002, 1003))
    assert cli("evaluate", folder).code == 0
    assert Evaluation.of(Run.open(folder)) == full
    made = kept
    assert cli("report", folder, "--draws", 2).code == 0
    assert Evaluation.of(Run.open(folder)) == full, "fewer samples do not replace the full scores"
    assert calls[-1]["within"] is None
    Run.open(folder).evaluation_path.unlink()
    assert cli("report", folder).code == 0
    assert calls[-1]["within"].seconds == cli_evaluate.REPORT_SECONDS == 120


@pytest.mark.parametrize("option", [("--count", 99), ("--count", 10**22), ("--draws", 0), ("--draws", 10**6)])
def test_counts_out_of_range_are_refused(folder: Path, cli: Callable[..., Answer], option: tuple[str, int]) -> None:
    assert_refused(cli("report", folder, *option), option[0])


def test_stages_are_told_off_a_terminal_at_growing_intervals(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    told = StageLines("evaluating", lambda: now)
    for second in range(200):
        now = float(second)
        told("draw 1 of 4", 10 * second, 2000)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "evaluating: draw 1 of 4: 20 of 2,000"
    assert 8 <= len(lines) <= 14
    now += 31
    told("intervals", 0, 1)
    assert capsys.readouterr().err == "evaluating: intervals\n"
