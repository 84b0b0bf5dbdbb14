"""What a run goes without, or has less of than usual, is said once before it trains. No more than all is ever done."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gansmith
from gansmith.cli import progress
from gansmith.core.errors import RecipeError
from gansmith.core.overrides import override
from gansmith.recipes import make
from gansmith.training import budget
from gansmith.training.dry_run import dry_run_lines
from gansmith.training.look_plan import monitor_for
from gansmith.training.validation import Measurements, Validation, validation_for
from support import quick, records_of, stop_after, trainer

ASKED = ("scores=scores", "budget=100s")


@pytest.mark.parametrize(("scorings", "samples"), [(0, 2000), (1, 2000), (5, 300), (1, 100)])
@pytest.mark.parametrize(("looks", "look_samples"), [(0, 256), (9, 256), (5, 64)])
def test_what_a_run_goes_without_is_said_and_nothing_else(
    scorings: int, samples: int, looks: int, look_samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "images_for", lambda *_: 100_000)
    monkeypatch.setattr(Validation, "plan_scores", lambda *_: Measurements(scorings, 1.0, samples))
    monkeypatch.setattr(budget, "plan_looks", lambda *_: Measurements(looks, 1.0, look_samples))
    recipe = quick(*ASKED)
    game = trainer(recipe)
    notes = budget.plan_run(recipe, game, validation_for(recipe, game.samples), monitor_for(game)).notes
    about = {
        "is not scored while it trains": not scorings,
        f"with {samples} samples instead of 2,000": bool(scorings) and samples < 2000,
        "the doctor does not watch": not looks,
        f"with {look_samples} samples instead of 256": bool(looks) and look_samples < 256,
    }
    assert {words: any(words in note for note in notes) for words in about} == about
    assert len(notes) == sum(about.values())
    assert all(len(note) < 300 and "\n" not in note for note in notes)


@pytest.mark.parametrize("data", ["slice", "extra"])
def test_a_reason_why_there_are_no_scores_is_said(data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever makes scores impossible is a sentence, unless the recipe has none or its generator is frozen."""
    recipe = make("tutorial-small", data="digits")
    samples = recipe.data.load()[np.arange(100 if data == "slice" else 1000)]
    if data == "extra":
        monkeypatch.setattr("gansmith.training.validation.find_extractor", _missing)
    reason = validation_for(recipe, samples)
    assert isinstance(reason, str)
    plan = budget.plan_run(quick(), trainer(quick()), reason, None)
    assert plan.notes == (f"this run is not scored while it trains: {reason}",)


def _missing(*_: Any) -> None:
    raise RecipeError("the extractor is not installed: install it")


def test_it_is_said_once_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    stop_after(quick("scores=scores"), tmp_path / "run", 3)
    said = [record.message for record in caplog.records]
    assert len(said) == 2
    run = gansmith.train(quick("scores=scores"), tmp_path / "run", device="cpu")
    assert [record.message for record in caplog.records] == said == run.metadata["notes"]
    for note in said:
        assert note[1:] in run.report.read_text()


# ---------------------------------------------------------------------------------------------------- a dry run


@pytest.mark.parametrize(
    ("overrides", "few", "words"),
    [
        (("scores.until=fd=5",), True, "the validation slice, a sixth of the training set, has 16 images"),
        (("scores.patience=3", "budget=320images"), False, "has no time for scores to stop by"),
    ],
)
def test_a_dry_run_refuses_what_training_refuses(
    overrides: tuple[str, ...], few: bool, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = make("tutorial-small", data="digits").data.load().values[: 100 if few else 600, 0]
    np.savez(tmp_path / "images.npz", images=images)
    recipe = make("tutorial-small", overrides, data=str(tmp_path / "images.npz"))
    monkeypatch.setattr("gansmith.training.dry_run.seconds_of_the_end", lambda _: 1.0)
    with pytest.raises(RecipeError, match=words):
        list(dry_run_lines(recipe, "cpu"))
    with pytest.raises(RecipeError, match=words):
        gansmith.train(recipe, tmp_path / "run", device="cpu")


# ---------------------------------------------------------------------------------------------------- never more than all


@pytest.mark.parametrize(("budget_images", "batch_size"), [(60, 64), (300, 1497), (64, 64)])
def test_no_more_than_all_is_done(
    budget_images: int, batch_size: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = override(quick(budget=f"{budget_images}images"), f"batch_size={batch_size}")
    with records_of(recipe, tmp_path / "run") as records:
        seen = list(records)
    assert seen[-1].images >= budget_images
    assert [record.progress for record in seen][-1] == 1.0
    progress._lines(seen)
    shares = [float(share) for share in re.findall(r"([\d.]+) %", capsys.readouterr().err)]
    assert shares
    assert max(shares) == 100
    assert all(before <= after for before, after in itertools.pairwise(record.progress for record in seen))
    assert f"of {budget_images:,}" not in (tmp_path / "run" / "report.html").read_text()
