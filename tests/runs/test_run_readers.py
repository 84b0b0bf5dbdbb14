"""What is read of a run folder that is damaged: file, line, field, what was expected and what came; or the one before."""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import damage
import gansmith
from gansmith.core import user_input
from gansmith.core.errors import DiskError, RunError
from gansmith.core.files import atomic, is_temporary, parse_json, read_bytes, write
from gansmith.drawing.grids import read_picture
from gansmith.evaluation.results import Evaluation
from gansmith.report import page
from gansmith.runs.checkpoints import Checkpoints, DamageError
from gansmith.runs.lock import BESIDE, OLD, TRAINED, locked
from gansmith.runs.log import SCORE, arrays_in, read_log
from support import Answer, assert_refused, assert_same_run, newest_checkpoint, quick, refused, stop_after, trainer, tree, tricks

Cli = Callable[..., Answer]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of `quick()`, left after 30 of its 51 steps."""
    folder = tmp_path_factory.mktemp("stored") / "run"
    stop_after(quick(), folder, 30)
    return folder


@pytest.fixture(scope="module")
def whole(stored: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run, trained to its end."""
    folder = Path(shutil.copytree(stored, tmp_path_factory.mktemp("whole") / "run"))
    gansmith.train(quick(), folder, device="cpu")
    return folder


@pytest.fixture
def run(stored: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stored, tmp_path / "run"))


def change(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


# ---------------------------------------------------------------------------------------------------- its path


@pytest.mark.parametrize("path", [None, 5, b"run", ["run"]])
@pytest.mark.parametrize("use", [gansmith.load, gansmith.sample])
def test_what_is_no_path_is_refused(use: Callable[[Any], object], path: Any) -> None:
    with pytest.raises(RunError, match=refused("expected the path of a run folder", "as a text")):
        use(path)


# ---------------------------------------------------------------------------------------------------- its lock


@pytest.mark.parametrize(("make", "what"), [(Path.mkdir, "a folder"), (os.mkfifo, "no regular file")])
def test_a_lock_that_is_no_file_is_named(make: Callable[[Path], object], what: str, run: Path) -> None:
    (run / ".lock").unlink(missing_ok=True)
    make(run / ".lock")
    before = sorted(run.rglob("*"))
    with pytest.raises(RunError, match=refused("/.lock is ", what, "delete it")), locked(run):
        pass
    assert sorted(run.rglob("*")) == before


# ---------------------------------------------------------------------------------------------------- the log

GOOD = '{"images": 1, "epoch": 0.1, "seconds": 0.1, "later": {"kept": [1]}}'
LINES = [
    (b"5", "line 2", "expected an object", "got 5"),
    (b"null", "line 2", "expected an object", "got None"),
    (b'{"images":"x"}', "line 2", "images", "expected a whole number", "got x"),
    (b'{"images":-1}', "line 2", "images", "greater than or equal to 0"),
    (b"{}", "line 2", "has no images"),
    (b'{"images":1,"seconds":"x"}', "line 2", "a number as seconds"),
    (b'{"images":1,"doctor/spread":"x"}', "line 2", "a number as doctor/spread"),
    (b"\xff\xfe", "line 2", "JSON"),
    (b"[" * 10_000, "line 2", "recursion limit"),
    (b"", "line 2", "JSON"),
]


@pytest.mark.parametrize(("line", "words"), [(line, words) for line, *words in LINES], ids=[str(line[:20]) for line, *_ in LINES])
def test_a_line_of_the_log_that_is_no_record_is_named(line: bytes, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(GOOD.encode() + b"\n" + line + b"\n" + GOOD.encode() + b"\n")
    with pytest.raises(RunError, match=refused(str(path), *words)) as error:
        read_log(path)
    assert len(str(error.value)) < 300 + len(str(path))


def test_a_torn_last_line_is_dropped_and_unknown_fields_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    for torn in ("", '{"ima', '{"images": 5, "seco', "\0\0\0"):
        path.write_text(f"{GOOD}\n{torn}")
        assert read_log(path) == [json.loads(GOOD)]
    path.write_text(f"{GOOD}\n{GOOD}")  # torn before its line end alone
    records = read_log(path)
    assert len(records) == 2
    assert records[0]["later"] == {"kept": [1]}
    assert np.isnan(arrays_in(records)["later"]).all()


def test_numbers_of_the_log_are_read_to_the_last_bit(tmp_path: Path) -> None:
    """A run that goes on writes its log anew: a number that is read otherwise would change."""
    values = np.random.default_rng(0).standard_normal(500) * 10.0 ** np.arange(-250, 250)
    text = "".join(json.dumps({"images": 2**62, "x": float(value)}) + "\n" for value in values)
    (tmp_path / "log.jsonl").write_text(text)
    assert "".join(json.dumps(record) + "\n" for record in read_log(tmp_path / "log.jsonl")) == text


# ---------------------------------------------------------------------------------------------------- JSON files

FIELDS = [
    ("run.json", {"num_real": "many"}, ("run.json", "num_real", "a whole number", "many")),
    ("run.json", {"files": 5}, ("run.json", "files", "an object", "5")),
    ("run.json", {"sample_shape": [1, "x"]}, ("run.json", "sample_shape.1", "a whole number", "x")),
    ("run.json", {"recoveries": [{}]}, ("run.json", "recoveries.0.images")),
    ("run.json", {"total_images": 0}, ("run.json", "total_images", "greater than or equal to 1")),
    ("recipe.json", {"batch_size": "x"}, ("recipe.json", "batch_size", "a whole number", "x")),
]


@pytest.mark.parametrize(("file", "fields", "words"), FIELDS)
def test_a_field_of_the_wrong_type_is_named(
    file: str, fields: dict[str, Any], words: tuple[str, ...], run: Path, cli: Cli
) -> None:
    change(run / file, **fields)
    for command in (("train", run), ("doctor", run), ("report", run)):
        assert_refused(cli(*command), *words)


def test_a_field_of_a_later_version_is_kept(run: Path) -> None:
    change(run / "run.json", later={"a": [1]})
    gansmith.train(quick(), run, device="cpu")
    assert json.loads((run / "run.json").read_text())["later"] == {"a": [1]}


@pytest.mark.parametrize(
    "content", [b"5", b"null", b"[" * 10_000, b'{"format":1}', b'{"format":1,"scores":5}', b"\xff", b'{"format":2}']
)
def test_an_evaluation_that_is_none_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(RunError, match=refused("x.json", "evaluate")):
        Evaluation.load(tmp_path / "x.json")


@pytest.mark.parametrize("name", ["run.json", "results.json"])
@pytest.mark.parametrize(
    ("error", "todo"),
    [(FileNotFoundError(2, "No such file"), "; (restore|delete) it"), (PermissionError(13, "denied"), "; make it readable")],
)
def test_a_file_of_a_run_that_cant_be_read_is_named_with_what_to_do(
    name: str, error: OSError, todo: str, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = user_input.opened

    def refusing(path: str | Path) -> Any:
        if Path(path).name == name:
            raise error
        return opened(path)

    monkeypatch.setattr(user_input, "opened", refusing)
    with pytest.raises(RunError, match=f"can't read .*{name}.*{todo}"):
        _ = gansmith.load(whole).results


@pytest.mark.parametrize(
    ("total", "seen"),
    [(3_000, "1,625 of 3,000 images"), (1_625, "1,625 of 1,625 images"), (1_600, "1,625 images, its budget of 1,600 spent")],
)
def test_a_run_never_sees_more_images_than_all(total: int, seen: str, whole: Path, tmp_path: Path, cli: Cli) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / "run"))
    change(folder / "run.json", total_images=total)
    assert f", {seen})" in repr(gansmith.load(folder))
    assert f"The run {folder}: {seen}.\n" in cli("show", folder).out


def test_a_folder_or_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, what in ((tmp_path, "a folder"), (tmp_path / "pipe", "no regular file"), (tmp_path / "no", "No such file")):
        with pytest.raises(RunError, match=what):
            read_bytes(path)


def test_json_nested_deeper_than_anything_we_write_is_refused() -> None:
    assert parse_json(b"[" * 100 + b"]" * 100, list[Any], "x")
    with pytest.raises(RunError, match="recursion limit"):
        parse_json(b"[" * 1000 + b"]" * 1000, list[Any], "x")


# ---------------------------------------------------------------------------------------------------- checkpoints


def test_the_checkpoint_before_one_that_does_not_fit_is_used(run: Path, stored: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = sorted((stored / "checkpoints").iterdir())[-2]
    expected = gansmith.load(stored, checkpoint=int(before.name.split("-")[0])).sample(count=4).array
    for name in ("tensors flat", "tensors missing", "tensors NaN", "metadata nested", "images of another count"):
        shutil.rmtree(run)
        shutil.copytree(stored, run)
        shutil.rmtree(run / "generator")
        newest = newest_checkpoint(run)
        damage.store_weights(newest, damage.CRAFTED[name](newest.read_bytes()))
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert np.array_equal(gansmith.load(run).sample(count=4).array, expected), name
        assert [m for m in caplog.messages if "falling back to the one before" in m], name


def test_the_probability_of_an_adaptive_augmentation_fits_its_run() -> None:
    game = trainer(tricks())
    game.step()
    saved = game.state()
    (name,) = [name for name in saved.tensors if name.startswith("lasting/")]
    game.check_fits(saved)
    for tensors, words in (
        ({name: torch.zeros(3)}, r"float32 \[3\], expected float32 \[\]"),
        ({name: torch.zeros((), dtype=torch.int64)}, "int64"),
        ({}, f"no tensor {name}"),
    ):
        rest = {key: value for key, value in saved.tensors.items() if key != name}
        with pytest.raises(DamageError, match=words):
            trainer(tricks()).restore(replace(saved, tensors=rest | tensors))


def test_weights_that_are_not_finite_are_not_sampled(run: Path, cli: Cli) -> None:
    for path in [run / "generator" / "generator.safetensors", *(run / "checkpoints").iterdir()]:
        damage.store_weights(path, damage.CRAFTED["tensors NaN"](path.read_bytes()))
    assert_refused(cli("sample", run, "--out", run / "x.npz"), "all 3 checkpoints", "damaged")
    assert not (run / "x.npz").exists()


def test_names_in_the_folder_of_checkpoints_that_are_none_are_ignored(run: Path, whole: Path) -> None:
    folder = run / "checkpoints"
    (folder / "999999999999-0123456789abcdef.safetensors").mkdir()
    (folder / "x-y.safetensors").write_text("x")
    (folder / "notes.txt").write_text("x")
    (folder / "999999999998-0123456789abcdef.safetensors").symlink_to("nothing")
    gansmith.train(quick(), run, device="cpu")
    for name in ("x-y.safetensors", "notes.txt", "999999999998-0123456789abcdef.safetensors"):
        (folder / name).unlink()  # it was left alone
    (folder / "999999999999-0123456789abcdef.safetensors").rmdir()
    assert_same_run(whole, run)


def test_a_checkpoint_deleted_between_listing_and_reading_is_no_damage(
    run: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As where `gansmith doctor RUN` looks at a run that trains."""
    found, real = Checkpoints(run), Checkpoints.paths.fget
    stale = [found.paths, found.paths]
    assert real is not None
    monkeypatch.setattr(Checkpoints, "paths", property(lambda self: stale.pop() if stale else real(self)))
    before = stale[0][1]
    stale[0][0].unlink()
    with caplog.at_level(logging.WARNING):
        assert len(list(found.undamaged(lambda saved: None))) == 2
        saved = found.latest()
    assert saved is not None
    assert saved.images == int(before.name.split("-")[0])
    assert not caplog.messages


def test_folders_that_are_gone_are_made_again(run: Path, whole: Path) -> None:
    shutil.rmtree(run / "generator")
    gansmith.train(quick(), run, device="cpu")
    assert_same_run(whole, run)


# ---------------------------------------------------------------------------------------------------- temporary files, the end


def test_temporary_files_of_a_killed_process_are_swept_and_no_others(run: Path) -> None:
    old = [
        run / ".run.json.abcd_123.tmp",
        run / "checkpoints" / ".000000000640-0123456789abcdef.safetensors.abcd_123.tmp",
        run / "generator" / ".generator.safetensors.abcd_123.tmp",
        run / "samples" / ".000000000700.png.abcd_123.tmp",
        run / ".report.html.abcd_123.tmp",
    ]
    others = [
        *(run / name for name in (".notes.tmp", ".run.json.tmp", "run.json.abcd_123.tmp", ".x.json.abcd_123.tmp")),
        run / ".evaluation.json.abcd_123.tmp",  # of `gansmith evaluate`, which may be writing it now
        run / "samples" / ".mine.png.abcd_123.tmp",
    ]
    for path in (*old, *others):
        path.write_text("x")
    os.utime(old[-1], (0, 0))
    with locked(run):
        pass
    assert not [path for path in old if path.exists()]
    assert [path for path in others if path.exists()] == others
    assert OLD < 3600


def test_the_names_that_are_swept_are_those_that_a_kill_leaves(run: Path) -> None:
    """Of every file that is in a run folder when it ends: each is written by `atomic`, save those that are appended to."""
    assert {"checkpoints", "samples", "generator"} <= {path.parent.name for path in run.rglob("*.*")}
    for path in run.rglob("*.*"):
        folder = str(path.parent.relative_to(run)).removeprefix(".")
        if folder == "events" or path.name == ".lock":
            continue
        with atomic(path):
            (left,) = [p.name for p in path.parent.glob(".*.tmp")]
        swept = TRAINED[folder] if folder else f"{TRAINED['']}|{BESIDE}"
        assert is_temporary(left, swept), left


def test_a_kill_between_results_and_report_leads_to_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: Any) -> None:
        raise Killed

    folder = tmp_path / "run"
    with monkeypatch.context() as at_the_end:
        at_the_end.setattr(page, "write", kill)
        with pytest.raises(Killed):
            gansmith.train(quick(budget="300images"), folder, device="cpu")
    assert (folder / "results.json").exists()
    assert not (folder / "report.html").exists()
    before = {name: content for name, content in tree(folder).items() if name != ".lock"}
    assert gansmith.train(quick(budget="300images"), folder, device="cpu").is_reported
    after = {name: content for name, content in tree(folder).items() if name not in (".lock", "report.html")}
    assert after == before
    written = (folder / "report.html").stat().st_mtime_ns
    gansmith.train(quick(budget="300images"), folder, device="cpu")
    assert (folder / "report.html").stat().st_mtime_ns == written


def test_the_folder_is_synced_after_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[bool, bool]] = []
    monkeypatch.setattr(
        os, "fsync", lambda handle: synced.append((os.path.isdir(f"/proc/self/fd/{handle}"), (tmp_path / "x").exists()))
    )
    write(tmp_path / "x", b"x")
    assert synced == [(False, False), (True, True)]


def test_an_error_inside_the_lock_is_not_one_of_the_lock_file(run: Path) -> None:
    with pytest.raises(DiskError, match=r"^/some/where: Input/output error") as error, locked(run):
        raise OSError(5, "Input/output error", "/some/where")
    assert "lock" not in str(error.value)


def test_without_a_checkpoint_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gansmith.core.errors import TrainingError
    from gansmith.training.trainer import Trainer

    def fail(self: Trainer) -> None:
        raise TrainingError("loss is not finite")

    monkeypatch.setattr(Trainer, "step", fail)
    with pytest.raises(TrainingError, match="no checkpoint is kept in"):
        gansmith.train(quick(), tmp_path / "run", device="cpu")


def test_a_checkpoint_of_another_shape_is_named(run: Path) -> None:
    from gansmith.runs.checkpoints import check_tensors, load_weights

    layer = torch.nn.Linear(2, 3)
    for weights, words in (
        ({"weight": torch.zeros(3, 2)}, "has no tensor bias"),
        ({"weight": torch.zeros(3, 2), "bias": torch.zeros(4)}, r"tensor bias is float32 \[4\], expected float32 \[3\]"),
        ({"weight": torch.zeros(3, 2, dtype=torch.float64), "bias": torch.zeros(3)}, "weight is float64"),
        ({"weight": torch.zeros(3, 2), "bias": torch.zeros(3), "more": torch.zeros(1)}, "more belongs to no layer"),
    ):
        with pytest.raises(DamageError, match=words):
            load_weights(layer, weights)
    check_tensors({"a": torch.zeros(1)}, {})


def test_a_damaged_picture_is_named(run: Path, cli: Cli) -> None:
    for name in ("truncated", "a pipe", "a folder", "zeros", "emptied"):
        path = run / "samples" / f"{name}.png"
        shutil.copy(run / "samples" / "real.png", path)
        damage.DAMAGES[name](path)
        with pytest.raises(RunError, match=refused(str(path))):
            read_picture(path)
    damage.DAMAGES["truncated"](run / "samples" / "000000000000.png")
    answer = cli("train", run, "--threads", "1")  # which reads it for the animation
    assert answer.code == 2
    assert "000000000000.png is damaged" in answer.err


def test_of_a_long_log_only_the_lines_asked_for_are_read(tmp_path: Path) -> None:
    steps = [f'{{"images": {n}, "discriminator/loss": 0.5}}' for n in range(3)]
    lines = [*steps, '{"images": 3, "validation/fd": 2.5, "validation/samples": 100}', '{"images": 4, "doctor/recovery": 1}']
    (tmp_path / "log.jsonl").write_text("\n".join(["5", *lines]) + "\n")  # its first line is damaged
    assert [r["images"] for r in read_log(tmp_path / "log.jsonl", holding=(SCORE,))] == [3]
    assert [r["images"] for r in read_log(tmp_path / "log.jsonl", holding=("doctor/",))] == [4]
    with pytest.raises(RunError, match="line 1"):
        read_log(tmp_path / "log.jsonl")


def test_the_log_as_arrays_has_a_gap_where_a_record_has_no_entry() -> None:
    """Built record by record, as a log of an hour is long: what a table of all of them would say."""
    records: list[dict[str, Any]] = [
        {"images": 1, "a": 0.5},
        {"images": 2, "b": 1},
        {"images": 3},
        {"images": 4, "a": None, "c": True, "b": 2.5},
        {"images": 5, "a": "x"},
    ]
    found = arrays_in(iter(records))
    assert list(found) == ["images", "a", "b", "c"]
    for name, values in found.items():
        expected = [r.get(name) if type(r.get(name)) in (int, float) else math.nan for r in records]
        assert values.dtype == np.float64
        np.testing.assert_array_equal(values, expected)
    assert arrays_in([]) == {}
