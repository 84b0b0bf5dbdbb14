"""Columns of points with units of their own are standardised by the training split, and samples come in the units of the data."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

import gansmith
from gansmith.core.overrides import override
from gansmith.data import Arrays, Balanced, Grid, Rare, Ring, Samples, Source
from gansmith.data.modality import FEW_COLUMNS, Images, Points, are_ordered, modality_for, modality_of
from gansmith.evaluation.evaluate import evaluate
from gansmith.recipes.base import Recipe
from gansmith.recipes.default import default
from support import ROOT, assert_same_run, assert_same_tensors, newest_checkpoint, stop_after

SMALL = [
    "batch_size=50",
    "scores.times=1",
    "scores.count=200",
    "watch.times=1",
    "pictures.count=16",
    "pictures.every=1000images",
    "condition.num=3",
]
BASE = np.random.default_rng(0).normal(size=(600, 4)).astype(np.float32)
UNITS = np.array([12, 3e4, 2e-4, 0.5], np.float32), np.array([40, 5e4, 3e-4, 1e3], np.float32)  # scale, mean


def raw(rows: np.ndarray = BASE) -> np.ndarray:
    """The rows in units of their own."""
    return (rows * UNITS[0] + UNITS[1]).astype(np.float32)


def saved(path: Path, rows: np.ndarray) -> Arrays:
    np.savez(path, x=rows)
    return Arrays(str(path))


def recipe(data: Source, *overrides: str) -> Recipe:
    made = default(data, "1000images")
    planned = ("log_every=250images", "checkpoint_every=500images", "pictures.every=500images")  # else by the clock
    for text in (*SMALL, *planned, "condition.num=3", *overrides):
        made = override(made, text)
    return made


# ---------------------------------------------------------------------------------------------- the arithmetic


def test_each_column_is_standardised_by_the_training_split_and_back() -> None:
    rows = raw()
    points = Points.of(rows, has_units=True)
    assert np.allclose(points.mean, rows.mean(0, dtype=np.float64), rtol=1e-6)
    assert np.allclose(points.scale, rows.std(0, dtype=np.float64), rtol=1e-6)
    inside = points.to_model(torch.from_numpy(rows))
    assert torch.allclose(inside.mean(0), torch.zeros(4), atol=2e-3)
    assert torch.allclose(inside.std(0, unbiased=False), torch.ones(4), atol=2e-3)
    assert np.allclose(points.from_model(inside), rows, rtol=1e-5)
    assert np.array_equal(points.compact(rows), inside.numpy())


@pytest.mark.parametrize("constant", [0.0, 3.0, 1e-30, -1e30])
def test_a_constant_column_is_only_centred(constant: float) -> None:
    rows = np.stack([np.full(100, constant), np.arange(100.0)], axis=1).astype(np.float32)
    points = Points.of(rows, has_units=True)
    inside = points.to_model(torch.from_numpy(rows))
    assert bool((inside[:, 0] == 0).all())
    assert np.array_equal(points.from_model(inside)[:, 0], rows[:, 0])
    assert np.array_equal(points.from_model(torch.randn(100, 2))[:, 0], rows[:, 0])  # whatever a generator makes


def test_what_a_run_keeps_makes_the_same_modality_again() -> None:
    for values, has_units in ((raw(), True), (raw(), False), (np.cumsum(BASE.repeat(4, 1), 1), True)):
        points = Points.of(values, has_units=has_units)
        kept = json.loads(json.dumps(points.metadata()))
        assert modality_of(values.shape[1:], (-1.0, 1.0), kept) == points
    assert Points().metadata() == {}
    assert modality_of((1, 8, 8), (0.0, 1.0), {}) == Images((0.0, 1.0))


@pytest.mark.parametrize(
    "source", [Ring(num=500), Grid(num=500), Balanced(Ring(num=500))], ids=lambda source: type(source).__name__
)
def test_mixtures_stay_as_they_are_bit_for_bit(source: Source) -> None:
    samples = source.load()
    modality = modality_for(samples)
    assert modality == Points()
    values = torch.from_numpy(samples.values)
    assert torch.equal(modality.to_model(values), values)
    assert np.array_equal(modality.from_model(values), samples.values)


def test_arrays_from_before_the_rule_stay_raw(tmp_path: Path) -> None:
    source = saved(tmp_path / "x.npz", raw())
    assert modality_for(source.load()).metadata()["columns"]["mean"]
    assert modality_for(dataclasses.replace(source, rules=1).load()) == Points()
    np.savez(tmp_path / "labelled.npz", images=raw(), labels=np.arange(600) % 2)
    rare = Rare(Arrays(str(tmp_path / "labelled.npz")), (1,), share=0.5)
    assert isinstance(found := modality_for(rare.load()), Points)
    assert found.mean


# ---------------------------------------------------------------------------------------------- everything that uses it


def test_training_in_units_is_training_on_the_standardised_rows(tmp_path: Path) -> None:
    """The same clusters and weights, looks and scores as on rows that were standardised before; samples in the data's units."""
    in_units = saved(tmp_path / "raw.npz", raw())
    inside = modality_for(in_units.load()).compact(raw())
    before = dataclasses.replace(saved(tmp_path / "inside.npz", inside), rules=1)
    runs = [gansmith.train(recipe(source), tmp_path / name) for name, source in (("raw", in_units), ("inside", before))]
    assert_same_tensors(*(safetensors.torch.load_file(newest_checkpoint(run.path)) for run in runs))
    one, other = (run.log for run in runs)
    assert one.keys() == other.keys()
    for name in one.keys() - {"seconds", "images_per_second"}:
        assert np.allclose(one[name], other[name], rtol=2e-2, atol=1e-3, equal_nan=True), name
    samples = [run.sample(1, 500).array for run in runs]
    assert np.allclose(samples[0], runs[0].modality.from_model(torch.from_numpy(samples[1])), rtol=1e-4)
    assert (np.abs(samples[0].mean(0) - UNITS[1]) < UNITS[0]).all()


def test_samples_need_no_data_and_a_run_goes_on_exactly(tmp_path: Path) -> None:
    data = saved(tmp_path / "x.npz", raw())
    stop_after(recipe(data), tmp_path / "interrupted", 11)
    for name in ("interrupted", "whole"):
        gansmith.train(recipe(data), tmp_path / name)
    assert_same_run(tmp_path / "interrupted", tmp_path / "whole")
    expected = gansmith.load(tmp_path / "whole").sample(3, 20).array
    (tmp_path / "x.npz").unlink()
    assert np.array_equal(gansmith.load(tmp_path / "whole").sample(3, 20).array, expected)


def test_a_nonsense_copy_is_not_as_near_to_real_as_held_out_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import table

    real = table.table(600)
    nonsense = real.copy()
    nonsense[:, [0, 2, 3]] = -5, 7, -3
    saved(tmp_path / "real.npz", real)
    good, bad = (evaluate(rows, str(tmp_path / "real.npz")) for rows in (table.table(600, seed=1), nonsense))
    assert good.scores["precision"].value > 0.9
    assert bad.scores["precision"].value == 0.0
    assert bad.scores["fd"].value > 1000 * (bad.scores["fd"].floor or 0.0)
    assert not bad.verdict[0].good
    assert good.verdict[0].good
    del sys.modules["table"]


DAMAGED = [
    ("columns", 5),
    ("columns", {"mean": [0.0]}),
    ("columns", {"mean": [0.0, 1.0], "scale": [1.0], "is_signal": None}),
    ("columns", {"mean": [0.0] * 4, "scale": [-1.0] * 4, "is_signal": None}),
    ("columns", {"mean": [float("nan")] * 4, "scale": [1.0] * 4, "is_signal": None}),
    ("columns", {"mean": [0.0] * 3, "scale": [1.0] * 3, "is_signal": None}),
    ("data_sha256", "abc"),
    ("data_sha256", None),
    ("data_path", ["a"]),
]


def test_damaged_fields_of_the_data_are_one_line(tmp_path: Path) -> None:
    stop_after(recipe(saved(tmp_path / "x.npz", raw()), "scores=none", "watch=none"), tmp_path / "run", 2)
    file = tmp_path / "run" / "run.json"
    whole = json.loads(file.read_text())
    assert len(whole["columns"]["mean"]) == 4
    for name, value in DAMAGED:
        file.write_text(json.dumps({**whole, name: value}))
        with pytest.raises(gansmith.RunError) as found:
            gansmith.load(tmp_path / "run")
        assert "run.json is damaged" in str(found.value)
        assert "Input should" not in str(found.value)
        assert name in str(found.value)
        assert len(str(found.value).replace(str(tmp_path), "")) < 250
    constant = whole["columns"] | {"scale": [0.0] * 4}
    file.write_text(json.dumps({**whole, "columns": constant}))
    assert gansmith.load(tmp_path / "run").sample(0, 2).array.tolist() == [constant["mean"]] * 2
    file.write_text(json.dumps({**whole, "data_path": "a\0b"}))
    assert gansmith.load(tmp_path / "run").sample(0, 2).array.shape == (2, 4)


# ---------------------------------------------------------------------------------------------- pictures

T = np.linspace(0, 1, 64)
SIGNALS = np.sin(
    2 * np.pi * (np.random.default_rng(1).uniform(1, 4, (40, 1)) * T + np.random.default_rng(2).uniform(size=(40, 1)))
)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (SIGNALS, True),
        (SIGNALS + 0.1 * np.random.default_rng(3).normal(size=SIGNALS.shape), True),
        (np.random.default_rng(4).normal(size=(500, 64)), False),
        (np.random.default_rng(4).normal(size=(500, 12)) * np.geomspace(1e-3, 1e3, 12)[::-1][np.r_[0:12:2, 1:12:2]], False),
    ],
    ids=["sines", "noisy sines", "noise", "a table in units"],
)
def test_a_signal_is_known_by_its_neighbours(rows: np.ndarray, expected: bool) -> None:
    assert are_ordered(rows) is expected


@pytest.mark.parametrize(
    ("rows", "drawn"),
    [
        (BASE[:, :1], "histogram"),
        (BASE[:, :2], "scatter"),
        (raw(), "table"),
        (SIGNALS, "lines"),
        (np.random.default_rng(4).normal(size=(50, 64)), "table"),
        (SIGNALS[:, :FEW_COLUMNS], "table"),
    ],
)
def test_points_are_drawn_as_what_they_are(rows: np.ndarray, drawn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from gansmith.drawing import points as drawing

    called = []
    for name in ("histogram", "scatter", "table", "lines"):
        whole = getattr(drawing, name)
        monkeypatch.setattr(drawing, name, lambda *a, _n=name, _f=whole, **k: called.append(_n) or _f(*a, **k))
    samples = Samples(rows.astype(np.float32), has_units=True)
    picture = modality_for(samples).picture(samples.values)
    assert called == [drawn]
    assert picture.mode == "RGB"
    assert np.asarray(picture).std() > 5  # something is on it
    for few in (samples.values[:1], np.full_like(samples.values[:3], np.nan)):
        modality_for(samples).picture(few)


def test_axes_of_columns_in_units_have_their_own_scales() -> None:
    rows = raw()[:, :2]
    in_units, plain = (np.asarray(Points.of(rows, has_units=u).picture(rows)) for u in (True, False))

    def width(picture: np.ndarray) -> int:
        """How wide the cloud of blue dots is, in pixels."""
        blue = (picture[:, :, 2].astype(int) - picture[:, :, 0]) > 60
        return int(np.ptp(np.flatnonzero(blue.any(0))))

    assert width(in_units) > 10 * max(width(plain), 1)
